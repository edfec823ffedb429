"""The local double auction over order curves, and the legs with the aggregator.

All mechanisms share a signature, `(Orders, Quotes, tie_rank) -> Clearing`, and differ in how much
of each offer is filled locally and at which price. Quantities at the meter of a prosumer become
bids (above zero) and asks (below zero); buyers compare their bid less the local fees with asks.
The aggregator buys any amount at `sell` and sells any amount at `buy`, so a local price lies
within ``[sell, buy - local fees]``.

Mechanisms and their properties: Huang, Scheller-Wolf, Sycara, "Design of a multi-unit double
auction e-market" (2002) for the family; mid-market rate: Long et al., "Peer-to-peer energy trading
in a community microgrid" (2017).
"""

from functools import partial
from typing import Final, Protocol

import numpy as np

from cosim.market.auction_kernel import FILL_MID_MARKET, FILL_NONE, FILL_UNIFORM, clear_all
from cosim.records import Clearing, Integers, Orders, Quotes, Trades


class Mechanism(Protocol):
    """Clears an interval."""

    def __call__(
        self, orders: Orders, quotes: Quotes, tie_rank: Integers, /, *, listed: bool = True
    ) -> Clearing:
        """Return the clearing; trades may be left out of it where they need not be `listed`."""


def clear(
    orders: Orders,
    quotes: Quotes,
    tie_rank: Integers,
    *,
    fill: int,
    pay_as_bid: bool,
    listed: bool = True,
) -> Clearing:
    """Match all orders of all environments.

    Args:
        orders: order curves, (B, N) and (B, N, S).
        quotes: outside options, (B,).
        tie_rank: (B, N) a permutation per environment; decides who is paired with whom among
            equal prices, and who came first. Quantities do not depend on it: equals share pro
            rata.
        fill: which rule decides how much is traded locally.
        pay_as_bid: price each local match at the middle of its bid and ask.
        listed: return the trades; without, their list is empty, and price and quantities are there
            sooner.

    Returns:
        The clearing; every trade respects the bid and the ask of its ends.
    """
    environments, prosumers, steps = orders.step_kwh.shape
    capacity = environments * prosumers * (steps + 2) * 2 if listed else 0
    seller = np.empty(capacity, np.int64)
    buyer = np.empty(capacity, np.int64)
    values = np.empty((5, capacity))
    firm = np.empty(capacity, np.bool_)
    start = np.zeros(environments + 1, np.int64)
    price = np.empty(environments)
    net = np.zeros((environments, prosumers))
    count = clear_all(
        orders.minimum_kwh,
        orders.step_eur_per_kwh,
        orders.step_kwh,
        tie_rank,
        quotes.buy_eur_per_kwh,
        quotes.sell_eur_per_kwh,
        np.array(
            [
                quotes.retail_eur_per_kwh,
                quotes.passed_on_eur_per_kwh,
                quotes.local_fee_eur_per_kwh,
            ]
        ),
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
    )
    if not listed:
        count = 0
        start[:] = 0
    environment = np.repeat(np.arange(environments), np.diff(start))
    # Index -1, the aggregator, reads the last column: it was there before everybody.
    turn = np.hstack([tie_rank, np.full((environments, 1), -1)])
    trades = Trades(
        start=start,
        environment=environment,
        seller=seller[:count].copy(),
        buyer=buyer[:count].copy(),
        cleared_kwh=values[0, :count].copy(),
        price_eur_per_kwh=values[1, :count].copy(),
        ask_eur_per_kwh=values[2, :count].copy(),
        bid_eur_per_kwh=values[3, :count].copy(),
        fee_eur_per_kwh=values[4, :count].copy(),
        firm=firm[:count].copy(),
        placed=np.maximum(turn[environment, seller[:count]], turn[environment, buyer[:count]]),
    )
    return Clearing(price_eur_per_kwh=price, net_kwh=net, trades=trades)


uniform_price: Final = partial(clear, fill=FILL_UNIFORM, pay_as_bid=False)
"""One price where demand and supply cross; the middle where they leave a range (k = 1/2)."""

pay_as_bid: Final = partial(clear, fill=FILL_UNIFORM, pay_as_bid=True)
"""The same matches, each at the middle of its own bid and ask."""

mid_market_rate: Final = partial(clear, fill=FILL_MID_MARKET, pay_as_bid=False)
"""Local trade at the middle of the aggregator's quotes, the long side pro rata.

What the long side has left goes to the aggregator where its own price allows; with inelastic
orders the average prices are those of Long et al. (2017).
"""

no_local_trade: Final = partial(clear, fill=FILL_NONE, pay_as_bid=False)
"""Everything with the aggregator."""

MECHANISMS: Final[dict[str, Mechanism]] = {
    "uniform": uniform_price,
    "pay_as_bid": pay_as_bid,
    "mid_market_rate": mid_market_rate,
    "none": no_local_trade,
}
