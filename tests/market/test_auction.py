"""The auction against brute force, closed forms and what any market must keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.market.auction import MECHANISMS
from cosim.records import AGGREGATOR, STEP_COUNT, Clearing, Orders, Quotes, Step, Trades
from tests.strategies import order_books

LOCAL = ["uniform", "pay_as_bid", "mid_market_rate"]


def orders_of(minimum: list[float], steps: list[list[tuple[float, float]]]) -> Orders:
    """Return one environment's curves from (price, energy) steps."""
    price = np.zeros((1, len(minimum), STEP_COUNT))
    energy = np.zeros_like(price)
    for n, own in enumerate(steps):
        for s, (eur, kwh) in enumerate(own):
            price[0, n, s], energy[0, n, s] = eur, kwh
    return Orders(np.array([minimum]), price, energy)


def quotes_of(buy: float, sell: float, *, fee: float = 0.0, passed_on: float = 0.0) -> Quotes:
    """Return one environment's quotes."""
    return Quotes(np.array([buy]), np.array([sell]), 0.30, passed_on, fee)


def wanted(orders: Orders, b: int, n: int, price: float) -> tuple[float, float]:
    """Return the least and most energy a prosumer may want at an all-in price."""
    steps = orders.step_kwh[b, n]
    above = orders.step_eur_per_kwh[b, n] > price + 1e-12
    equal = np.abs(orders.step_eur_per_kwh[b, n] - price) <= 1e-12
    low = orders.minimum_kwh[b, n] + steps[above].sum()
    return low, low + steps[equal].sum()


def split(trades: Trades, b: int, n: int) -> tuple[float, float]:
    """Return (bought, sold) energy of a prosumer."""
    here = trades.environment == b
    bought = trades.cleared_kwh[here & (trades.buyer == n)].sum()
    sold = trades.cleared_kwh[here & (trades.seller == n)].sum()
    return float(bought), float(sold)


@pytest.mark.parametrize("name", [*LOCAL, "none"])
@settings(max_examples=150, deadline=None)
@given(book=order_books())
def test_nobody_buys_above_its_bid_or_sells_below_its_ask(name: str, book) -> None:  # type: ignore[no-untyped-def]
    orders, quotes, tie_rank = book
    trades = MECHANISMS[name](orders, quotes, tie_rank).trades
    paid = trades.price_eur_per_kwh + trades.fee_eur_per_kwh
    assert np.all(paid <= trades.bid_eur_per_kwh + 1e-12)
    assert np.all(trades.price_eur_per_kwh >= trades.ask_eur_per_kwh - 1e-12)
    assert np.all(trades.cleared_kwh > 0.0)
    assert np.all(trades.seller != trades.buyer)
    # No price is worse than the aggregator's own.
    buying = trades.buyer != AGGREGATOR
    selling = trades.seller != AGGREGATOR
    assert np.all(paid[buying] <= quotes.buy_eur_per_kwh[trades.environment][buying] + 1e-12)
    offered = quotes.sell_eur_per_kwh[trades.environment]
    assert np.all(trades.price_eur_per_kwh[selling] >= offered[selling] - 1e-12)


@pytest.mark.parametrize("name", [*LOCAL, "none"])
@settings(max_examples=150, deadline=None)
@given(book=order_books())
def test_net_energy_is_what_the_trades_say_and_lies_on_the_curve(name: str, book) -> None:  # type: ignore[no-untyped-def]
    orders, quotes, tie_rank = book
    clearing = MECHANISMS[name](orders, quotes, tie_rank)
    for b in range(orders.minimum_kwh.shape[0]):
        for n in range(orders.minimum_kwh.shape[1]):
            bought, sold = split(clearing.trades, b, n)
            net = clearing.net_kwh[b, n]
            assert net == pytest.approx(bought - sold, abs=1e-9)
            assert bought <= 1e-9 or sold <= 1e-9  # one side only
            least = orders.minimum_kwh[b, n]
            assert least - 1e-9 <= net <= least + orders.step_kwh[b, n].sum() + 1e-9
            # Firm load is always bought.
            assert bought >= max(least, 0.0) - 1e-9


@settings(max_examples=200, deadline=None)
@given(book=order_books())
def test_uniform_price_clears_every_curve(book) -> None:  # type: ignore[no-untyped-def]
    """Everybody gets a quantity it wants at the price it faces."""
    orders, quotes, tie_rank = book
    clearing = MECHANISMS["uniform"](orders, quotes, tie_rank)
    for b in range(orders.minimum_kwh.shape[0]):
        price = clearing.price_eur_per_kwh[b]
        if np.isnan(price):  # fees leave no room: the aggregator's quotes are the prices
            selling, buying = quotes.sell_eur_per_kwh[b], quotes.buy_eur_per_kwh[b]
        else:
            selling, buying = price, price + quotes.local_fee_eur_per_kwh
        for n in range(orders.minimum_kwh.shape[1]):
            net = clearing.net_kwh[b, n]
            low_buy, high_buy = wanted(orders, b, n, buying)
            low_sell, high_sell = wanted(orders, b, n, selling)
            least = max(low_buy, 0.0) + min(low_sell, 0.0)
            most = max(high_buy, 0.0) + min(high_sell, 0.0)
            assert least - 1e-7 <= net <= most + 1e-7


@settings(max_examples=200, deadline=None)
@given(book=order_books(environments=1))
def test_uniform_welfare_equals_brute_force_over_prices(book) -> None:  # type: ignore[no-untyped-def]
    """Gains from trade equal those of the best of all candidate prices, residual included."""
    orders, quotes, tie_rank = book
    trades = MECHANISMS["uniform"](orders, quotes, tie_rank).trades
    gained = float((trades.surplus_eur_per_kwh * trades.cleared_kwh).sum())
    assert gained == pytest.approx(best_gain(orders, quotes), abs=1e-7)


def best_gain(orders: Orders, quotes: Quotes) -> float:
    """Return the greatest surplus of an assignment: a small linear programme, written apart."""
    from scipy.optimize import linprog

    offers = curve_offers(orders)
    asks = [o for o in offers if o[0] == "ask"]
    bids = [o for o in offers if o[0] == "bid"]
    fee, passed_on = quotes.local_fee_eur_per_kwh, quotes.passed_on_eur_per_kwh
    buy, sell = float(quotes.buy_eur_per_kwh[0]), float(quotes.sell_eur_per_kwh[0])
    del passed_on  # it cancels: the aggregator's ask is its quote less what is passed on
    gains, limits = [], []
    rows = len(asks) + len(bids)
    columns: list[np.ndarray] = []

    def add(gain: float, touched: list[int]) -> None:
        column = np.zeros(rows)
        column[touched] = 1.0
        gains.append(gain)
        columns.append(column)

    for i, ask in enumerate(asks):
        add(sell - ask[1], [i])
        for j, bid in enumerate(bids):
            room = sell <= buy - fee + 1e-12
            if room:
                add(bid[1] - fee - ask[1], [i, len(asks) + j])
    for j, bid in enumerate(bids):
        add(bid[1] - buy, [len(asks) + j])
    limits = [o[2] for o in asks] + [o[2] for o in bids]
    if not gains:
        return 0.0
    solution = linprog(
        -np.array(gains), A_ub=np.column_stack(columns), b_ub=limits, bounds=(0, None)
    )
    assert solution.fun is not None
    return -float(solution.fun)


def curve_offers(orders: Orders) -> list[tuple[str, float, float]]:
    """Return the asks and bids of environment 0, read off the curves one price at a time."""
    offers = []
    for n in range(orders.minimum_kwh.shape[1]):
        position = orders.minimum_kwh[0, n]
        if position > 0.0:
            offers.append(("bid", 0.30, position))
        steps = sorted(
            zip(orders.step_eur_per_kwh[0, n], orders.step_kwh[0, n], strict=True),
            key=lambda step: -step[0],
        )
        for price, energy in steps:
            end = position + energy
            below = min(end, 0.0) - min(position, 0.0)
            above = max(end, 0.0) - max(position, 0.0)
            if below > 0.0:
                offers.append(("ask", float(price), below))
            if above > 0.0:
                offers.append(("bid", float(price), above))
            position = end
    return offers


@pytest.mark.parametrize("name", LOCAL)
@settings(max_examples=60, deadline=None)
@given(book=order_books(environments=3))
def test_a_batch_equals_its_environments_alone(name: str, book) -> None:  # type: ignore[no-untyped-def]
    orders, quotes, tie_rank = book
    together = MECHANISMS[name](orders, quotes, tie_rank)
    for b in range(3):
        one = slice(b, b + 1)
        alone = MECHANISMS[name](
            Orders(orders.minimum_kwh[one], orders.step_eur_per_kwh[one], orders.step_kwh[one]),
            Quotes(
                quotes.buy_eur_per_kwh[one],
                quotes.sell_eur_per_kwh[one],
                quotes.retail_eur_per_kwh,
                quotes.passed_on_eur_per_kwh,
                quotes.local_fee_eur_per_kwh,
            ),
            tie_rank[one],
        )
        part = slice(together.trades.start[b], together.trades.start[b + 1])
        for field in ("seller", "buyer", "cleared_kwh", "price_eur_per_kwh", "firm"):
            np.testing.assert_array_equal(
                getattr(together.trades, field)[part], getattr(alone.trades, field)
            )
        np.testing.assert_array_equal(together.net_kwh[b], alone.net_kwh[0])


@pytest.mark.parametrize("name", LOCAL)
@settings(max_examples=60, deadline=None)
@given(book=order_books(environments=1), data=st.data())
def test_order_of_prosumers_does_not_matter(name: str, book, data) -> None:  # type: ignore[no-untyped-def]
    orders, quotes, tie_rank = book
    count = orders.minimum_kwh.shape[1]
    order = np.array(data.draw(st.permutations(range(count))))
    shuffled = Orders(
        orders.minimum_kwh[:, order], orders.step_eur_per_kwh[:, order], orders.step_kwh[:, order]
    )
    first = MECHANISMS[name](orders, quotes, tie_rank)
    second = MECHANISMS[name](shuffled, quotes, tie_rank[:, order])
    np.testing.assert_allclose(second.net_kwh, first.net_kwh[:, order], atol=1e-9)
    np.testing.assert_allclose(second.price_eur_per_kwh, first.price_eur_per_kwh, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(book=order_books(environments=1))
def test_tie_breaking_changes_pairs_not_quantities(book) -> None:  # type: ignore[no-untyped-def]
    orders, quotes, tie_rank = book
    first = MECHANISMS["uniform"](orders, quotes, tie_rank)
    second = MECHANISMS["uniform"](orders, quotes, tie_rank[:, ::-1].copy())
    np.testing.assert_allclose(second.net_kwh, first.net_kwh, atol=1e-9)


def test_scaling_prices_leaves_the_allocation() -> None:
    orders = orders_of([-20.0, 3.0, 1.0], [[(0.0, 20.0)], [(0.19, 2.5)], [(0.25, 2.0)]])
    small = MECHANISMS["uniform"](orders, quotes_of(0.30, 0.08), np.array([[0, 1, 2]]))
    half = Orders(orders.minimum_kwh, orders.step_eur_per_kwh / 2, orders.step_kwh)
    halved = Quotes(np.array([0.15]), np.array([0.04]), 0.15, 0.0, 0.0)
    other = MECHANISMS["uniform"](half, halved, np.array([[0, 1, 2]]))
    np.testing.assert_allclose(other.net_kwh, small.net_kwh)


def two_sided(buyer_bid: float, seller_ask: float) -> Orders:
    """Return a seller of 2 kWh and a flexible buyer of 1 kWh."""
    return orders_of([-2.0, 0.0], [[(seller_ask, 2.0)], [(buyer_bid, 1.0)]])


def test_two_prosumers_meet_at_the_marginal_ask() -> None:
    """The seller has energy left, so its ask is the price."""
    clearing = MECHANISMS["uniform"](
        two_sided(0.25, 0.10), quotes_of(0.30, 0.05), np.array([[0, 1]])
    )
    assert clearing.price_eur_per_kwh[0] == pytest.approx(0.10)
    np.testing.assert_allclose(clearing.net_kwh, [[-1.0, 1.0]])


def test_equal_quantities_meet_in_the_middle() -> None:
    orders = orders_of([-1.0, 0.0], [[(0.10, 1.0)], [(0.25, 1.0)]])
    clearing = MECHANISMS["uniform"](orders, quotes_of(0.30, 0.05), np.array([[0, 1]]))
    assert clearing.price_eur_per_kwh[0] == pytest.approx(0.175)


def test_pay_as_bid_prices_each_pair() -> None:
    clearing = MECHANISMS["pay_as_bid"](
        two_sided(0.25, 0.10), quotes_of(0.30, 0.05), np.array([[0, 1]])
    )
    assert clearing.trades.price_eur_per_kwh[0] == pytest.approx(0.175)


def test_local_fees_stand_between_bid_and_ask() -> None:
    """A bid of 0.15 does not reach an ask of 0.10 through fees of 0.06."""
    orders = two_sided(0.15, 0.10)
    apart = MECHANISMS["uniform"](orders, quotes_of(0.30, 0.05, fee=0.06), np.array([[0, 1]]))
    assert len(apart.trades.seller) == 0
    met = MECHANISMS["uniform"](orders, quotes_of(0.30, 0.05, fee=0.04), np.array([[0, 1]]))
    assert met.trades.cleared_kwh.tolist() == [1.0]
    assert met.trades.price_eur_per_kwh[0] == pytest.approx(0.10)


def test_mid_market_rate_reproduces_the_published_average_prices() -> None:
    """Long et al. (2017): deficit community, buyers pay (p G + R (D - G)) / D, sellers p."""
    surplus, demand, feed_in, retail = 3.0, 5.0, 0.05, 0.30
    orders = orders_of([-surplus, 2.0, 3.0], [[(0.0, surplus)], [], []])
    trades = MECHANISMS["mid_market_rate"](
        orders, quotes_of(retail, feed_in), np.array([[0, 1, 2]])
    ).trades
    middle = (feed_in + retail) / 2
    paid = float((trades.cleared_kwh * (trades.price_eur_per_kwh + trades.fee_eur_per_kwh)).sum())
    assert paid / demand == pytest.approx((middle * surplus + retail * (demand - surplus)) / demand)
    sold = trades.seller == 0
    np.testing.assert_allclose(trades.price_eur_per_kwh[sold], middle)


def test_equals_share_the_marginal_quantity() -> None:
    """Two like buyers, energy for one: each gets half."""
    orders = orders_of([-1.0, 0.0, 0.0], [[(0.05, 1.0)], [(0.20, 1.0)], [(0.20, 1.0)]])
    clearing = MECHANISMS["uniform"](orders, quotes_of(0.30, 0.02), np.array([[0, 1, 2]]))
    np.testing.assert_allclose(clearing.net_kwh, [[-1.0, 0.5, 0.5]])
    assert clearing.price_eur_per_kwh[0] == pytest.approx(0.20)


def test_nobody_sells_and_buys_at_its_own_price() -> None:
    """Sells one kWh at 0.23 and would charge another at 0.23: quotes without a spread."""
    orders = orders_of([-1.0, 1.0], [[(0.23, 2.0)], []])
    clearing = MECHANISMS["uniform"](orders, quotes_of(0.23, 0.23), np.array([[0, 1]]))
    np.testing.assert_allclose(clearing.net_kwh, [[-1.0, 1.0]])
    bought = clearing.trades.buyer == 0
    assert not bought.any()


def test_an_empty_market_has_no_trades() -> None:
    for mechanism in MECHANISMS.values():
        clearing: Clearing = mechanism(orders_of([0.0], [[]]), quotes_of(0.3, 0.1), np.array([[0]]))
        assert len(clearing.trades.seller) == 0
        assert clearing.trades.start.tolist() == [0, 0]


def test_trades_grow_linearly_with_prosumers() -> None:
    """At most one match per offer and one leg per offer."""
    generator = np.random.default_rng(1)
    for count in (50, 500):
        shape = (1, count, STEP_COUNT)
        orders = Orders(
            generator.uniform(-3.0, 1.0, (1, count)),
            generator.uniform(0.0, 0.3, shape),
            generator.uniform(0.0, 1.0, shape),
        )
        rank = generator.permutation(count)[None].astype(np.int64)
        trades = MECHANISMS["uniform"](orders, quotes_of(0.28, 0.04, fee=0.05), rank).trades
        assert len(trades.seller) <= 2 * count * (STEP_COUNT + 1)


def test_steps_have_a_slot_each() -> None:
    assert [step.value for step in Step] == list(range(STEP_COUNT))
