"""Flexibility called up through order curves: by hand, and what must hold whatever the orders."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.market.activation import DOWN, UP, Activation, Beyond, Call, Taken, beyond, take
from cosim.market.auction import MECHANISMS
from cosim.records import AGGREGATOR, STEP_COUNT, Clearing, Floats, Orders, Quotes
from tests.strategies import order_books

SLACK = 1e-7


def money(clearing: Clearing) -> Floats:
    """Return what every prosumer receives for its trades, fees paid, (B, N)."""
    trades = clearing.trades
    received = np.zeros(clearing.net_kwh.shape)
    value = trades.cleared_kwh * trades.price_eur_per_kwh
    fees = trades.cleared_kwh * trades.fee_eur_per_kwh
    for end, eur in ((trades.seller, value), (trades.buyer, -value - fees)):
        known = end != AGGREGATOR
        np.add.at(received, (trades.environment[known], end[known]), eur[known])
    return received


def net_of_trades(clearing: Clearing) -> Floats:
    trades = clearing.trades
    net = np.zeros(clearing.net_kwh.shape)
    for end, sign in ((trades.seller, -1.0), (trades.buyer, 1.0)):
        known = end != AGGREGATOR
        np.add.at(net, (trades.environment[known], end[known]), sign * trades.cleared_kwh[known])
    return net


def worth(orders: Orders, net_kwh: Floats) -> Floats:
    """Return what every prosumer's own curve says of drawing `net_kwh`, (B, N), EUR."""
    order = np.argsort(-orders.step_eur_per_kwh, axis=2, kind="stable")
    price = np.take_along_axis(orders.step_eur_per_kwh, order, axis=2)
    size = np.take_along_axis(orders.step_kwh, order, axis=2)
    begin = orders.minimum_kwh[:, :, None] + np.cumsum(size, axis=2) - size
    return np.asarray((np.clip(net_kwh[:, :, None] - begin, 0.0, size) * price).sum(axis=2))


def called(
    name: str, orders: Orders, quotes: Quotes, tie_rank: np.ndarray, call: Call
) -> tuple[Clearing, Clearing, Beyond, Taken]:
    """Return the clearing without and with a call, what there was, and what was taken."""
    inner = MECHANISMS[name]
    without = inner(orders, quotes, tie_rank)
    found = beyond(orders, without, quotes, call.direction)
    with_it = Activation(inner, call)(orders, quotes, tie_rank)
    return without, with_it, found, take(found, without, call)


@pytest.mark.parametrize("name", list(MECHANISMS))
@pytest.mark.parametrize("direction", [UP, DOWN])
@settings(max_examples=30, deadline=None)
@given(book=order_books(), share=st.floats(0.0, 1.3))
def test_whatever_the_orders(name: str, direction: float, book, share: float) -> None:  # type: ignore[no-untyped-def]
    orders, quotes, tie_rank = book
    inner = MECHANISMS[name]
    before = inner(orders, quotes, tie_rank)
    reach = beyond(orders, before, quotes, direction).kwh.sum(axis=(1, 2))
    target = before.net_kwh.sum(axis=1) + direction * share * reach
    call = Call(direction, target)
    without, after, found, taken = called(name, orders, quotes, tie_rank, call)
    # What is wanted is drawn, as far as the curves reach.
    moved = direction * (after.net_kwh - without.net_kwh)
    np.testing.assert_allclose(moved.sum(axis=1), min(share, 1.0) * reach, atol=1e-6)
    assert np.all(moved >= -SLACK)
    # Everybody stays on its own curve, and trades are what is drawn.
    least, most = orders.minimum_kwh, orders.minimum_kwh + orders.step_kwh.sum(axis=2)
    assert np.all(after.net_kwh >= least - SLACK)
    assert np.all(after.net_kwh <= most + SLACK)
    np.testing.assert_allclose(net_of_trades(after), after.net_kwh, atol=1e-6)
    trades = after.trades
    assert np.all(trades.price_eur_per_kwh >= trades.ask_eur_per_kwh - 1e-12)
    paid = trades.price_eur_per_kwh + trades.fee_eur_per_kwh
    assert np.all(paid <= trades.bid_eur_per_kwh + 1e-12)
    assert np.array_equal(
        np.bincount(trades.environment, minlength=len(target)), np.diff(trades.start)
    )
    # Nobody does worse than by its own curve, and who is not called up pays and gets the same.
    price = taken.price_eur_per_kwh[:, None]
    gain = money(after) - money(without)
    gain += worth(orders, after.net_kwh) - worth(orders, without.net_kwh)
    assert np.all(gain + price * taken.prosumer_kwh >= -1e-6)
    aside = taken.prosumer_kwh < 1e-9
    np.testing.assert_allclose(money(after)[aside], money(without)[aside], atol=1e-9)
    # Merit order: what was left costs at least what was taken.
    for b in range(len(target)):
        left = found.kwh[b] - taken.kwh[b] > 1e-6
        assert np.all(found.cost_eur_per_kwh[b][left] >= taken.price_eur_per_kwh[b] - 1e-6)


@settings(max_examples=30, deadline=None)
@given(book=order_books(), direction=st.sampled_from([UP, DOWN]))
def test_nobody_trades_back_and_forth(book, direction: float) -> None:  # type: ignore[no-untyped-def]
    orders, quotes, tie_rank = book
    far = np.full(len(orders.minimum_kwh), direction * 1e6)
    _, after, _, taken = called("uniform", orders, quotes, tie_rank, Call(direction, far))
    trades = after.trades
    for b, n in zip(*np.nonzero(taken.prosumer_kwh > 1e-6), strict=True):
        here = trades.environment == b
        sold = trades.cleared_kwh[here & (trades.seller == n)].sum()
        given_up = trades.cleared_kwh[here & (trades.buyer == n) & ~trades.firm].sum()
        assert min(sold, given_up) < 1e-6


@settings(max_examples=25, deadline=None)
@given(book=order_books(), direction=st.sampled_from([UP, DOWN]), seed=st.integers(0, 1000))
def test_no_more_than_the_grid_takes(book, direction: float, seed: int) -> None:  # type: ignore[no-untyped-def]
    orders, quotes, tie_rank = book
    shape = orders.minimum_kwh.shape
    most = np.random.default_rng(seed).uniform(0.0, 3.0, shape)
    call = Call(direction, np.full(shape[0], direction * 1e6), most)
    without, after, found, taken = called("uniform", orders, quotes, tie_rank, call)
    np.testing.assert_allclose(
        taken.prosumer_kwh, np.minimum(most, found.kwh.sum(axis=2)), atol=1e-6
    )
    np.testing.assert_allclose(
        direction * (after.net_kwh - without.net_kwh), taken.prosumer_kwh, atol=1e-6
    )


def book_by_hand() -> tuple[Orders, Quotes, np.ndarray]:
    """A draws 3 kWh, 2 of them into a battery (0.20) and could feed in 1 (0.28); B feeds in 4.

    The aggregator pays 0.05 and charges 0.15, nothing is passed on, no local trade.
    """
    price, energy = np.zeros((1, 2, STEP_COUNT)), np.zeros((1, 2, STEP_COUNT))
    price[0, 0, :2], energy[0, 0, :2] = (0.28, 0.20), (2.0, 2.0)
    price[0, 1, 4], energy[0, 1, 4] = 0.0, 4.0  # gives up sun at nothing
    orders = Orders(np.array([[-1.0, -4.0]]), price, energy)
    quotes = Quotes(np.array([0.15]), np.array([0.05]), 0.30, 0.0, 0.0)
    return orders, quotes, np.array([[0, 1]])


def test_upward_by_hand() -> None:
    orders, quotes, rank = book_by_hand()
    call = Call(UP, np.array([-3.5]))
    without, after, _, taken = called("none", orders, quotes, rank, call)
    # Without: A draws -1 + 2 + 2 = 3, B feeds in 4, together -1. Up to -3.5: 2.5 kWh less.
    np.testing.assert_allclose(without.net_kwh, [[3.0, -4.0]])
    # The battery's 2 kWh cost 0.20 - 0.15, the next half 0.28 - 0.15: still energy A draws.
    np.testing.assert_allclose(taken.price_eur_per_kwh, [0.13])
    np.testing.assert_allclose(after.net_kwh, [[0.5, -4.0]])
    call = Call(UP, np.array([-5.0]))
    _, after, _, taken = called("none", orders, quotes, rank, call)
    # The last kWh is fed in: it gets 0.05 only, so it costs 0.28 - 0.05.
    np.testing.assert_allclose(taken.price_eur_per_kwh, [0.23])
    np.testing.assert_allclose(after.net_kwh, [[-1.0, -4.0]])


def test_downward_by_hand() -> None:
    orders, quotes, rank = book_by_hand()
    call = Call(DOWN, np.array([1.0]))
    _, after, found, taken = called("none", orders, quotes, rank, call)
    # B gives up 2 kWh of sun, for which it would have had 0.05.
    np.testing.assert_allclose(taken.price_eur_per_kwh, [0.05])
    np.testing.assert_allclose(after.net_kwh, [[3.0, -2.0]])
    assert found.step[0, 1][taken.kwh[0, 1] > 0.0].tolist() == [4]


def test_a_neighbour_goes_on_at_the_same_price() -> None:
    """B's sun goes to A; B gives it up, and A buys of the aggregator for what it paid before."""
    orders, _, rank = book_by_hand()
    quotes = Quotes(np.array([0.20]), np.array([0.05]), 0.30, 0.10, 0.04)
    call = Call(DOWN, np.array([2.0]))
    without, after, _, _ = called("uniform", orders, quotes, rank, call)
    assert without.trades.local.any()
    before, then = money(without), money(after)
    assert then[0, 0] == pytest.approx(before[0, 0])
    np.testing.assert_allclose(after.net_kwh, [[3.0, -1.0]])


def test_nothing_wanted_changes_nothing() -> None:
    orders, quotes, rank = book_by_hand()
    without, after, _, taken = called("uniform", orders, quotes, rank, Call(UP, np.array([5.0])))
    assert taken.price_eur_per_kwh[0] == 0.0
    np.testing.assert_array_equal(without.trades.cleared_kwh, after.trades.cleared_kwh)
