"""Compiled parts of the auction: from curves to sorted offers, fills and matches.

Offers of an environment are rows of two tables, one for asks and one for bids, in merit order.
The work per environment is that of sorting them: linear in N but for the sort.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call"
# numba functions have no types.

import numpy as np
from numba import njit

FILL_UNIFORM, FILL_MID_MARKET, FILL_NONE = 0, 1, 2

LEAST_KWH = 1e-10
"""Matches below this are rounding, not trades."""

PRICE, QUANTITY, LOCAL, OUTSIDE, EFFECTIVE = 0, 1, 2, 3, 4  # rows of an offer table


@njit(cache=True)
def clear_all(  # noqa: PLR0913 # arrays to write into come last
    minimum,
    step_price,
    step_quantity,
    tie_rank,
    buy_quote,
    sell_quote,
    tariff,
    fill,
    pay_as_bid,
    listed,
    start,
    seller,
    buyer,
    values,
    firm,
    price,
    net,
):
    """Clear every environment; return the number of trades, written only where `listed`."""
    environments, prosumers, steps = step_quantity.shape
    retail, passed_on, local_fee = tariff
    most = prosumers * (steps + 1)
    turn = np.empty(prosumers, np.int64)
    count = 0
    for b in range(environments):
        for n in range(prosumers):
            turn[tie_rank[b, n]] = n
        low = sell_quote[b]
        high = buy_quote[b] - local_fee
        asks, ask_owner, bids, bid_owner, bid_firm = _offers(
            minimum[b], step_price[b], step_quantity[b], turn, most,
            (retail, low, buy_quote[b], local_fee),
        )  # fmt: skip
        bids[EFFECTIVE] = bids[PRICE] - local_fee
        asks[EFFECTIVE] = asks[PRICE]
        price[b] = np.nan
        if high >= low:
            if fill == FILL_UNIFORM:
                price[b] = _fill_uniform(asks, bids, low, high)
            elif fill == FILL_MID_MARKET:
                price[b] = 0.5 * (low + high)
                _fill_at(asks, bids, price[b])
        _fill_outside(
            asks, ask_owner, bids, bid_owner, sell_quote[b], buy_quote[b], np.zeros(prosumers)
        )
        count = _match_locally(
            asks, ask_owner, bids, bid_owner, bid_firm,
            price[b], low, high, local_fee, pay_as_bid,
            listed, count, seller, buyer, values, firm, net[b],
        )  # fmt: skip
        count = _legs_with_aggregator(
            asks, ask_owner, bids, bid_owner, bid_firm,
            sell_quote[b], buy_quote[b], passed_on,
            listed, count, seller, buyer, values, firm, net[b],
        )  # fmt: skip
        start[b + 1] = count
    return count


@njit(cache=True)
def _offers(minimum, step_price, step_quantity, turn, most, terms):
    """Split the curves at zero into asks (ascending) and bids (descending); equals by turn.

    `terms` are the retail price, the aggregator's quotes and the fees of a local trade. What finds
    no partner at any price between the quotes, and is not for the aggregator, is left out.
    """
    retail, sell_quote, buy_quote, local_fee = terms
    prosumers, steps = step_quantity.shape
    asks = np.zeros((5, most))
    bids = np.zeros((5, most))
    ask_owner = np.empty(most, np.int64)
    bid_owner = np.empty(most, np.int64)
    bid_firm = np.zeros(most, np.bool_)
    order = np.empty(steps, np.int64)
    a = 0
    d = 0
    for position in range(prosumers):
        n = turn[position]
        _dearest_first(step_price[n], order)
        lower = minimum[n]
        if lower > LEAST_KWH:
            bids[PRICE, d] = retail
            bids[QUANTITY, d] = lower
            bid_owner[d] = n
            bid_firm[d] = True
            d += 1
        for slot in range(steps):
            s = order[slot]
            price = step_price[n, s]
            upper = lower + step_quantity[n, s]
            sold = min(upper, 0.0) - min(lower, 0.0)
            if sold > LEAST_KWH and not (price > buy_quote - local_fee and price > sell_quote):
                asks[PRICE, a] = price
                asks[QUANTITY, a] = sold
                ask_owner[a] = n
                a += 1
            bought = max(upper, 0.0) - max(lower, 0.0)
            if bought > LEAST_KWH and not (price - local_fee < sell_quote and price < buy_quote):
                bids[PRICE, d] = price
                bids[QUANTITY, d] = bought
                bid_owner[d] = n
                d += 1
            lower = upper
    rising = np.argsort(asks[PRICE, :a], kind="mergesort")
    falling = _falling(bids[PRICE, :d], retail)
    return (
        asks[:, rising],
        ask_owner[rising],
        bids[:, falling],
        bid_owner[falling],
        bid_firm[falling],
    )


@njit(cache=True)
def _dearest_first(price, order):
    """Fill `order` with the positions of prices from the highest down, by insertion."""
    for s in range(len(price)):
        slot = s
        while slot > 0 and price[order[slot - 1]] < price[s]:
            order[slot] = order[slot - 1]
            slot -= 1
        order[slot] = s


@njit(cache=True)
def _falling(price, retail):
    """Return the order from the highest price down; equals stay in the order they are in.

    Most firm load bids `retail` and nobody more: what bids that is not sorted among itself then.
    """
    count = len(price)
    order = np.empty(count, np.int64)
    dear = 0
    sorted_already = True
    for k in range(count):
        if price[k] >= retail:
            sorted_already &= price[k] == retail
            order[dear] = k
            dear += 1
    rest = dear
    for k in range(count):
        if price[k] < retail:
            order[rest] = k
            rest += 1
    if not sorted_already:
        first = order[:dear].copy()
        order[:dear] = first[np.argsort(-price[first], kind="mergesort")]
    last = order[dear:].copy()
    order[dear:] = last[np.argsort(-price[last], kind="mergesort")]
    return order


@njit(cache=True)
def _fill_uniform(asks, bids, low, high):
    """Fill locally all that gains from trade; return the uniform price in [low, high]."""
    sellers = asks.shape[1]
    buyers = bids.shape[1]
    i = 0
    j = 0
    last_ask = low
    last_bid = high
    while i < sellers and j < buyers:
        ask = asks[EFFECTIVE, i]
        bid = bids[EFFECTIVE, j]
        # Strict: a pair without gain is no trade, and nobody can be matched with themselves.
        if ask > high or bid < low or ask >= bid:
            break
        amount = min(asks[QUANTITY, i] - asks[LOCAL, i], bids[QUANTITY, j] - bids[LOCAL, j])
        asks[LOCAL, i] += amount
        bids[LOCAL, j] += amount
        last_ask = max(last_ask, ask)
        last_bid = min(last_bid, bid)
        if asks[QUANTITY, i] - asks[LOCAL, i] <= LEAST_KWH:
            i += 1
        if bids[QUANTITY, j] - bids[LOCAL, j] <= LEAST_KWH:
            j += 1
    next_ask = asks[EFFECTIVE, i] if i < sellers else high
    next_bid = bids[EFFECTIVE, j] if j < buyers else low
    lower = min(max(last_ask, next_bid, low), high)
    upper = max(min(last_bid, next_ask, high), low)
    _share_among_equals(asks, i)
    _share_among_equals(bids, j)
    if next_bid >= high:  # still short where the aggregator sells
        return high
    if next_ask <= low:  # still long where the aggregator buys
        return low
    return 0.5 * (lower + upper)


@njit(cache=True)
def _share_among_equals(offers, marginal):
    """Spread the filled part of the marginal price group pro rata over the group."""
    count = offers.shape[1]
    if marginal >= count:
        return
    price = offers[EFFECTIVE, marginal]
    first = marginal
    while first > 0 and offers[EFFECTIVE, first - 1] == price:
        first -= 1
    last = marginal
    while last + 1 < count and offers[EFFECTIVE, last + 1] == price:
        last += 1
    filled = 0.0
    total = 0.0
    for k in range(first, last + 1):
        filled += offers[LOCAL, k]
        total += offers[QUANTITY, k]
    for k in range(first, last + 1):
        offers[LOCAL, k] = offers[QUANTITY, k] * (filled / total)


@njit(cache=True)
def _fill_at(asks, bids, price):
    """Fill what is offered at a given price; the long side pro rata."""
    supply = 0.0
    for i in range(asks.shape[1]):
        if asks[EFFECTIVE, i] <= price:
            supply += asks[QUANTITY, i]
    demand = 0.0
    for j in range(bids.shape[1]):
        if bids[EFFECTIVE, j] > price:
            demand += bids[QUANTITY, j]
    traded = min(supply, demand)
    if traded <= 0.0:
        return
    for i in range(asks.shape[1]):
        if asks[EFFECTIVE, i] <= price:
            asks[LOCAL, i] = asks[QUANTITY, i] * (traded / supply)
    for j in range(bids.shape[1]):
        if bids[EFFECTIVE, j] > price:
            bids[LOCAL, j] = bids[QUANTITY, j] * (traded / demand)


@njit(cache=True)
def _fill_outside(  # noqa: PLR0913 # working space comes last
    asks, ask_owner, bids, bid_owner, sell_quote, buy_quote, sold
):
    """Leave to the aggregator what is unfilled and wants its quotes.

    Whoever sells and would buy at exactly the same price is indifferent: it does not do both.
    `sold` (N,) is working space, zeros.
    """
    for i in range(asks.shape[1]):
        if asks[PRICE, i] <= sell_quote:
            asks[OUTSIDE, i] = asks[QUANTITY, i] - asks[LOCAL, i]
        sold[ask_owner[i]] += asks[LOCAL, i] + asks[OUTSIDE, i]
    for j in range(bids.shape[1]):
        indifferent = bids[PRICE, j] == buy_quote and sold[bid_owner[j]] > 0.0
        if bids[PRICE, j] >= buy_quote and not indifferent:
            bids[OUTSIDE, j] = bids[QUANTITY, j] - bids[LOCAL, j]


@njit(cache=True)
def _match_locally(  # noqa: PLR0913 # arrays to write into come last
    asks, ask_owner, bids, bid_owner, bid_firm,
    price, low, high, local_fee, pay_as_bid,
    listed, count, seller, buyer, values, firm, net,
):  # fmt: skip
    """Pair the local fills in merit order; return the number of trades so far."""
    i = 0
    j = 0
    left_ask = asks[LOCAL, 0] if asks.shape[1] else 0.0
    left_bid = bids[LOCAL, 0] if bids.shape[1] else 0.0
    while i < asks.shape[1] and j < bids.shape[1]:
        amount = min(left_ask, left_bid)
        if amount > LEAST_KWH:
            paid = price
            if pay_as_bid:
                paid = min(max(0.5 * (asks[EFFECTIVE, i] + bids[EFFECTIVE, j]), low), high)
            if listed:
                seller[count] = ask_owner[i]
                buyer[count] = bid_owner[j]
                values[0, count] = amount
                values[1, count] = paid
                values[2, count] = asks[PRICE, i]
                values[3, count] = bids[PRICE, j]
                values[4, count] = local_fee
                firm[count] = bid_firm[j]
            net[ask_owner[i]] -= amount
            net[bid_owner[j]] += amount
            count += 1
        left_ask -= amount
        left_bid -= amount
        if left_ask <= LEAST_KWH:
            i += 1
            left_ask = asks[LOCAL, i] if i < asks.shape[1] else 0.0
        if left_bid <= LEAST_KWH:
            j += 1
            left_bid = bids[LOCAL, j] if j < bids.shape[1] else 0.0
    return count


@njit(cache=True)
def _legs_with_aggregator(  # noqa: PLR0913 # arrays to write into come last
    asks, ask_owner, bids, bid_owner, bid_firm,
    sell_quote, buy_quote, passed_on,
    listed, count, seller, buyer, values, firm, net,
):  # fmt: skip
    """Write the legs with the aggregator; return the number of trades so far."""
    for i in range(asks.shape[1]):
        amount = asks[OUTSIDE, i]
        if amount > LEAST_KWH:
            if listed:
                seller[count] = ask_owner[i]
                buyer[count] = -1
                values[0, count] = amount
                values[1, count] = sell_quote
                values[2, count] = asks[PRICE, i]
                values[3, count] = sell_quote
                values[4, count] = 0.0
                firm[count] = False
            net[ask_owner[i]] -= amount
            count += 1
    for j in range(bids.shape[1]):
        amount = bids[OUTSIDE, j]
        if amount > LEAST_KWH:
            if listed:
                seller[count] = -1
                buyer[count] = bid_owner[j]
                values[0, count] = amount
                values[1, count] = buy_quote - passed_on
                values[2, count] = buy_quote - passed_on
                values[3, count] = bids[PRICE, j]
                values[4, count] = passed_on
                firm[count] = bid_firm[j]
            net[bid_owner[j]] += amount
            count += 1
    return count
