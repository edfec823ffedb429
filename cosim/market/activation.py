"""Flexibility called up through the prosumers' own order curves, in merit order.

After the auction the aggregator goes along every prosumer's curve from where the auction left it:
upward to steps that would be taken at higher prices only, downward to steps wanted at lower ones.
Each part of a step has a cost, the distance between its price and what the energy is paid or saved
for; the cheapest parts are taken until the community as a whole draws what is wanted. All who are
taken are owed the cost of the dearest part taken (uniform price), so nobody does worse than by its
own curve.

In the clearing this is more or less trade with the aggregator. What a prosumer no longer draws is
cut from its purchases, what it no longer feeds in from its sales; the neighbour at the other end of
a local trade that is cut goes on with the aggregator at the same all-in price. So no energy goes
back and forth, whatever the grid then refuses.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cosim.market.auction import Mechanism
from cosim.records import AGGREGATOR, Clearing, Floats, Integers, Orders, Quotes, Trades

UP: Final = -1.0
DOWN: Final = 1.0
LEAST_KWH: Final = 1e-9
SAME_EUR_PER_KWH: Final = 1e-9
"""Costs that lie closer together are called equal and shared pro rata."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """What is wanted of an interval."""

    direction: float  # UP or DOWN
    net_kwh: Floats  # (B,) that the community is to draw, fed in < 0
    most_kwh: Floats | None = None  # (B, N) >= 0 of each prosumer at the most; None: its curve


@dataclass(frozen=True, slots=True, eq=False)
class Beyond:
    """Parts of order curves beyond a clearing, outward along axis 2; 2 S parts."""

    kwh: Floats  # (B, N, P) >= 0
    cost_eur_per_kwh: Floats  # (B, N, P) >= 0, never falling outward
    step: Integers  # (B, N, P) slot of the order curve
    drawn: np.ndarray  # (P,) whether a part moves what is drawn, else what is fed in


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What a call takes."""

    kwh: Floats  # (B, N, P) as in `Beyond`
    price_eur_per_kwh: Floats  # (B,) owed for each kWh taken; 0 where nothing is

    @property
    def prosumer_kwh(self) -> Floats:
        """What each prosumer draws less or more, (B, N), >= 0."""
        return np.asarray(self.kwh.sum(axis=2))


@dataclass(frozen=True, slots=True, eq=False)
class Activation:
    """A mechanism that clears as `inner` does and then calls up flexibility."""

    inner: Mechanism
    call: Call

    def __call__(
        self, orders: Orders, quotes: Quotes, tie_rank: Integers, /, *, listed: bool = True
    ) -> Clearing:
        """Return the clearing with the call in it, trades always listed: they tell what is left."""
        clearing = self.inner(orders, quotes, tie_rank)
        found = beyond(orders, clearing, quotes, self.call.direction)
        taken = take(found, clearing, self.call)
        return with_activation(clearing, quotes, found, taken, self.call.direction)


def beyond(orders: Orders, clearing: Clearing, quotes: Quotes, direction: float) -> Beyond:
    """Return the parts of every curve that lie beyond `clearing` in a direction."""
    order = np.argsort(-orders.step_eur_per_kwh, axis=2, kind="stable")
    price = np.take_along_axis(orders.step_eur_per_kwh, order, axis=2)
    size = np.take_along_axis(orders.step_kwh, order, axis=2)
    end = orders.minimum_kwh[:, :, None] + np.cumsum(size, axis=2)
    begin = end - size
    net = clearing.net_kwh[:, :, None]
    paid, received = _worth(clearing.trades, clearing.net_kwh.shape, quotes)
    sell, buy = quotes.sell_eur_per_kwh[:, None, None], quotes.buy_eur_per_kwh[:, None, None]
    if direction == UP:
        order, price = order[:, :, ::-1], price[:, :, ::-1]
        begin, end = begin[:, :, ::-1], np.minimum(end[:, :, ::-1], net)
        drawing, feeding = price - paid[:, :, None], price - sell
    else:
        begin = np.maximum(begin, net)
        drawing, feeding = buy - price, received[:, :, None] - price
    drawn = np.maximum(end, 0.0) - np.maximum(begin, 0.0)
    fed_in = np.minimum(end, 0.0) - np.minimum(begin, 0.0)
    outward = ((drawn, drawing), (fed_in, feeding))
    first, second = outward if direction == UP else outward[::-1]
    kwh = np.maximum(_interleaved(first[0], second[0]), 0.0)
    cost = np.maximum(_interleaved(first[1], second[1]), 0.0)
    return Beyond(
        kwh=np.where(kwh > LEAST_KWH, kwh, 0.0),
        # Where a curve is cut unevenly a part may look cheaper than the one before it.
        cost_eur_per_kwh=np.maximum.accumulate(np.where(kwh > LEAST_KWH, cost, 0.0), axis=2),
        step=_interleaved(order, order),
        drawn=np.tile([direction == UP, direction != UP], order.shape[2]),
    )


def take(found: Beyond, clearing: Clearing, call: Call) -> Taken:
    """Return what is taken of the parts so that the community draws what is wanted, if it can."""
    kwh = found.kwh
    if call.most_kwh is not None:
        before = np.cumsum(kwh, axis=2) - kwh
        kwh = np.clip(call.most_kwh[:, :, None] - before, 0.0, kwh)
    wanted = call.direction * (call.net_kwh - clearing.net_kwh.sum(axis=1))
    taken, price = np.zeros_like(kwh), np.zeros(len(kwh))
    for b, missing in enumerate(wanted):
        offered, cost = kwh[b].ravel(), found.cost_eur_per_kwh[b].ravel()
        able = np.flatnonzero(offered > LEAST_KWH)
        if missing <= LEAST_KWH or not len(able):
            continue
        order = able[np.argsort(cost[able], kind="stable")]
        rank = np.concatenate([[0], np.cumsum(np.diff(cost[order]) > SAME_EUR_PER_KWH)])
        size = np.bincount(rank, offered[order])
        share = np.clip((missing - (np.cumsum(size) - size)) / size, 0.0, 1.0)
        chosen = offered[order] * share[rank]
        taken[b].reshape(-1)[order] = chosen
        price[b] = cost[order][chosen > 0.0].max()
    return Taken(kwh=taken, price_eur_per_kwh=price)


def with_activation(
    clearing: Clearing, quotes: Quotes, found: Beyond, taken: Taken, direction: float
) -> Clearing:
    """Return `clearing` with more or less trade with the aggregator for what is taken."""
    moved = taken.prosumer_kwh
    if not np.any(moved > LEAST_KWH):
        return clearing
    drawn = taken.kwh[:, :, found.drawn].sum(axis=2)
    book = _Book(clearing.trades, quotes, taken.price_eur_per_kwh)
    for b, n in zip(*np.nonzero(moved > LEAST_KWH), strict=True):
        if direction == UP:
            left = book.cut_purchases(int(b), int(n), float(drawn[b, n]))
            book.sell(int(b), int(n), float(moved[b, n] - drawn[b, n]) + left)
        else:
            left = book.cut_sales(int(b), int(n), float(moved[b, n] - drawn[b, n]))
            book.buy(int(b), int(n), float(drawn[b, n]) + left)
    return replace(
        clearing, net_kwh=clearing.net_kwh + direction * moved, trades=book.trades(len(moved))
    )


class _Book:
    """The trades of a clearing while an activation changes them."""

    def __init__(self, trades: Trades, quotes: Quotes, premium: Floats) -> None:
        """Begin with `trades`; `premium` (B,) is what a kWh of flexibility is owed."""
        self._old, self._quotes, self._premium = trades, quotes, premium
        self._kwh = trades.cleared_kwh.copy()
        self._new: list[tuple[int, int, int, float, float, float, float, float, bool, int]] = []

    def cut_purchases(self, b: int, n: int, kwh: float) -> float:
        """Let prosumer n of environment b buy less; return what could not be cut."""
        old = self._old
        mine = (old.environment == b) & (old.buyer == n) & ~old.firm
        for m in self._aggregator_first(mine, old.seller):
            kwh, cut = self._cut(m, kwh)
            if cut > 0.0 and old.seller[m] != AGGREGATOR:
                # The seller goes on at its price; what the trade is worth stays the same.
                bid = float(old.bid_eur_per_kwh[m] - old.fee_eur_per_kwh[m])
                price, ask = float(old.price_eur_per_kwh[m]), float(old.ask_eur_per_kwh[m])
                seller, placed = int(old.seller[m]), int(old.placed[m])
                self._new.append((b, seller, AGGREGATOR, cut, price, ask, bid, 0.0, False, placed))
        return kwh

    def cut_sales(self, b: int, n: int, kwh: float) -> float:
        """Let prosumer n of environment b sell less; return what could not be cut."""
        old = self._old
        passed_on = self._quotes.passed_on_eur_per_kwh
        for m in self._aggregator_first((old.environment == b) & (old.seller == n), old.buyer):
            kwh, cut = self._cut(m, kwh)
            if cut > 0.0 and old.buyer[m] != AGGREGATOR:
                # The buyer goes on at the same price, fees included; they are higher outside.
                price = float(old.price_eur_per_kwh[m] + old.fee_eur_per_kwh[m]) - passed_on
                bid, buyer = float(old.bid_eur_per_kwh[m]), int(old.buyer[m])
                firm, placed = bool(old.firm[m]), int(old.placed[m])
                self._new.append(
                    (b, AGGREGATOR, buyer, cut, price, price, bid, passed_on, firm, placed)
                )
        return kwh

    def sell(self, b: int, n: int, kwh: float) -> None:
        """Let prosumer n of environment b sell more to the aggregator."""
        quote = float(self._quotes.sell_eur_per_kwh[b])
        bid = quote + float(self._premium[b])
        self._new.append((b, n, AGGREGATOR, kwh, quote, quote, bid, 0.0, False, self._last(b)))

    def buy(self, b: int, n: int, kwh: float) -> None:
        """Let prosumer n of environment b buy more of the aggregator."""
        passed_on = self._quotes.passed_on_eur_per_kwh
        all_in = float(self._quotes.buy_eur_per_kwh[b])
        price, bid = all_in - passed_on, all_in + float(self._premium[b])
        self._new.append(
            (b, AGGREGATOR, n, kwh, price, price, bid, passed_on, False, self._last(b))
        )

    def trades(self, environments: int) -> Trades:
        """Return all trades that are left, grouped by environment."""
        old = self._old
        kept = self._kwh > LEAST_KWH
        new = [row for row in self._new if row[3] > LEAST_KWH]
        columns = list(zip(*new, strict=True)) if new else [()] * 10
        before = (
            old.environment,
            old.seller,
            old.buyer,
            self._kwh,
            old.price_eur_per_kwh,
            old.ask_eur_per_kwh,
            old.bid_eur_per_kwh,
            old.fee_eur_per_kwh,
            old.firm,
            old.placed,
        )
        merged = [
            np.concatenate([values[kept], np.array(added, values.dtype)])
            for values, added in zip(before, columns, strict=True)
        ]
        order = np.argsort(merged[0], kind="stable")
        environment, seller, buyer, kwh, price, ask, bid, fee, firm, placed = (
            values[order] for values in merged
        )
        count = np.bincount(environment, minlength=environments)
        return Trades(
            start=np.concatenate([[0], np.cumsum(count)]),
            environment=environment,
            seller=seller,
            buyer=buyer,
            cleared_kwh=kwh,
            price_eur_per_kwh=price,
            ask_eur_per_kwh=ask,
            bid_eur_per_kwh=bid,
            fee_eur_per_kwh=fee,
            firm=firm,
            placed=placed,
        )

    @staticmethod
    def _aggregator_first(mine: np.ndarray, other_end: Integers) -> list[int]:
        places = np.flatnonzero(mine)
        return [int(m) for m in places[np.argsort(other_end[places] != AGGREGATOR, kind="stable")]]

    def _cut(self, m: int, kwh: float) -> tuple[float, float]:
        """Return (what is left to be cut, what was cut) of trade m."""
        cut = min(kwh, float(self._kwh[m]))
        self._kwh[m] -= cut
        return kwh - cut, cut

    def _last(self, b: int) -> int:
        """Return a turn after all others of environment b."""
        mine = self._old.placed[self._old.environment == b]
        return int(mine.max(initial=0)) + 1


def _worth(trades: Trades, shape: tuple[int, int], quotes: Quotes) -> tuple[Floats, Floats]:
    """Return the least that each prosumer pays, fees in, and the most it receives, (B, N)."""
    paid = np.repeat(quotes.buy_eur_per_kwh[:, None], shape[1], axis=1)
    received = np.repeat(quotes.sell_eur_per_kwh[:, None], shape[1], axis=1)
    for ends, worth, price, better in (
        (trades.buyer, paid, trades.price_eur_per_kwh + trades.fee_eur_per_kwh, np.minimum),
        (trades.seller, received, trades.price_eur_per_kwh, np.maximum),
    ):
        known = ends != AGGREGATOR
        better.at(worth, (trades.environment[known], ends[known]), price[known])
    return paid, received


def _interleaved(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the entries of two arrays (B, N, S) by turns, (B, N, 2 S)."""
    return np.stack([first, second], axis=3).reshape(*first.shape[:2], -1)
