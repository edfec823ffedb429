"""Prequalification of the aggregator's day-ahead bid by AC power flow.

A bid is a schedule and, on top of it, capacity offered upward and downward. Each interval's
schedule stands for what every participant draws or feeds in (from the play-through on forecasts).
What breaks a limit is first re-disaggregated inside the participants' own ranges; only what the
grid bears nowhere is cut from the sum. Then what is left with all of the upward offers, and with
all of the downward ones, must keep the limits too: of those as much goes to the market as the grid
bears. What the counterfactual itself breaks, in which the aggregator supplies the firm load of its
customers and nothing else, may not get worse.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cosim.grid import limits
from cosim.grid.judge import Judge
from cosim.grid.linear_programme import shared_programme
from cosim.grid.power_flow import PowerFlow
from cosim.grid.products import LOST_KWH, Answer, Request, judging, verdicts_of
from cosim.grid.splits import splitting
from cosim.grid.together import Deciding, decide_together
from cosim.grid.validation import Surroundings, at_buses
from cosim.records import Floats, Integers
from cosim.results import BalancingOffer, Reason, Verdict, WholesaleBid

AT_ONCE = 4096
"""States that are solved in one go: bounds the memory of many environments."""


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """A day-ahead bid: what every participant does, could do instead, and offers on top.

    Energies of an interval at the meters, drawn > 0, each (T, B, N); `around` has one entry an
    interval.
    """

    net_kwh: Floats  # what the schedule stands for
    firm_kwh: Floats  # the counterfactual: drawn whatever happens
    least_kwh: Floats  # most that can be fed in, as a negative number
    most_kwh: Floats  # most that can be drawn
    up_kwh: Floats  # offered: more fed in or less drawn, 0 to net - least
    down_kwh: Floats  # offered: more drawn, 0 to most - net
    around: tuple[Surroundings, ...]

    @property
    def offered_kwh(self) -> Floats:
        """Energy to be sold, bought < 0, (T, B)."""
        return np.asarray(-self.net_kwh.sum(axis=2))

    def at_buses(self, net_kwh: Floats) -> Floats:
        """Return the power drawn at every bus, (T, B, K) kW, with participants at `net_kwh`."""
        pairs = zip(self.around, net_kwh, strict=True)
        return np.stack([at_buses(around, net) for around, net in pairs])


def prequalify(power_flow: PowerFlow, schedule: Schedule, *, rule: str) -> WholesaleBid:
    """Return the part of a bid that the grid can carry; rule "none" lets all of it pass.

    Three power flows of all intervals and environments; only what breaks a limit costs more.
    """
    net, firm = schedule.net_kwh, schedule.firm_kwh
    least, most = np.minimum(schedule.least_kwh, net), np.maximum(schedule.most_kwh, net)
    grid = _Grid(power_flow, schedule, schedule.at_buses(firm), judged=rule != "none")
    kept = _judge(grid, _Asked(firm, net - firm, net - firm, (least - firm, most - firm)))
    # Exactly the schedule where nothing was changed.
    standing = np.where(kept.kwh == net - firm, net, firm + kept.kwh)

    def offer(offered_kwh: Floats, left_kwh: Floats, sign: float) -> BalancingOffer:
        # Who was moved may have less left than it offered.
        asked = sign * np.minimum(offered_kwh, np.maximum(left_kwh, 0.0))
        part = _judge(grid, _Asked(standing, offered_kwh, asked), because=kept)
        return BalancingOffer(
            offered_kwh=offered_kwh.sum(axis=2),
            feasible_kwh=np.abs(part.kwh).sum(axis=2),
            verdict=part.verdict,
            reason=part.reason,
            element=part.element,
            shadow=part.shadow,
            bus_kw=part.bus_kw,
        )

    return WholesaleBid(
        offered_kwh=schedule.offered_kwh,
        validated_kwh=-standing.sum(axis=2),
        verdict=kept.verdict,
        reason=kept.reason,
        element=kept.element,
        shadow=kept.shadow,
        price=kept.price,
        firm_bus_kw=grid.firm_bus_kw,
        offered_bus_kw=schedule.at_buses(net),
        validated_bus_kw=kept.bus_kw,
        bus_kvar=np.stack([around.kvar for around in schedule.around]),
        up=offer(schedule.up_kwh, standing - least, -1.0),
        down=offer(schedule.down_kwh, most - standing, 1.0),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A product in all intervals and environments, each (T, B, N)."""

    standing_kwh: Floats  # drawn without it
    offered_kwh: Floats  # change that the bid holds, of either sign
    kwh: Floats  # change that devices can still make
    range_kwh: tuple[Floats, Floats] | None = None  # in which it may be moved


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What is left of a product."""

    kwh: Floats  # (T, B, N) change
    bus_kw: Floats  # (T, B, K)
    verdict: Integers  # (T, B)
    reason: Integers  # (T, B)
    element: Integers  # (T, B)
    shadow: Floats  # (T, B)
    price: Floats  # (T, B, K)


@dataclass(frozen=True, slots=True, eq=False)
class _Broken:
    """States that break limits further than the counterfactual does, S of them."""

    interval: Integers  # (S,)
    environment: Integers  # (S,)
    excess: Floats  # (S, E)
    firm_excess: Floats  # (S, E) of the counterfactual


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """What products are judged by."""

    power_flow: PowerFlow
    schedule: Schedule
    firm_bus_kw: Floats  # (T, B, K) counterfactual
    judged: bool  # otherwise everything passes

    def broken(self, bus_kw: Floats) -> _Broken:
        """Return which of the states (T, B, K) are none that the grid bears."""
        feeder, around = self.power_flow.feeder, self.schedule.around
        intervals, environments, buses = bus_kw.shape
        step = max(AT_ONCE // environments, 1)
        found = []
        for first in range(0, intervals, step):
            part = slice(first, first + step)
            kw = bus_kw[part].reshape(-1, buses)
            kvar = np.concatenate([each.kvar for each in around[part]])
            excess = limits.excess(feeder, self.power_flow.solve(kw, kvar))
            bad = np.flatnonzero(~limits.within(excess))
            firm = self.firm_bus_kw[part].reshape(-1, buses)[bad]
            at_firm = limits.excess(feeder, self.power_flow.solve(firm, kvar[bad]))
            worse = ~limits.within(excess[bad], limits.allowed_excess(at_firm))
            row = first * environments + bad[worse]
            found.append((row, excess[bad[worse]], at_firm[worse]))
        row, excess, at_firm = (np.concatenate(each) for each in zip(*found, strict=True))
        return _Broken(row // environments, row % environments, excess, at_firm)

    def tightest(self, t: int, b: int, bus_kw: Floats) -> tuple[Reason, int]:
        """Return the limit with the least room at bus powers (K,)."""
        feeder, kvar = self.power_flow.feeder, self.schedule.around[t].kvar[b]
        both = np.stack([bus_kw, self.firm_bus_kw[t, b]])
        here, firm = limits.excess(feeder, self.power_flow.solve(both, np.stack([kvar, kvar])))
        return limits.reason_of(feeder, int(np.argmax(here - limits.allowed_excess(firm))))


def _judge(grid: _Grid, asked: _Asked, *, because: _Kept | None = None) -> _Kept:
    """Judge a product in all intervals; one power flow where it breaks nothing.

    `because` is the schedule, for offers that devices lack since it was moved or cut.
    """
    schedule, offered = grid.schedule, np.abs(asked.offered_kwh).sum(axis=2)
    standing_kw = grid.firm_bus_kw if because is None else because.bus_kw
    bus_kw = schedule.at_buses(asked.standing_kwh + asked.kwh)
    kwh, shape = asked.kwh.copy(), offered.shape
    reason, element = np.full(shape, int(Reason.NONE)), np.full(shape, -1)
    shadow, price = np.zeros(shape), np.zeros(bus_kw.shape)
    short = offered - np.abs(kwh).sum(axis=2) > LOST_KWH
    lost = short.copy()
    for t, b, answer in _answers(grid, asked, standing_kw, bus_kw):
        around = schedule.around[t]
        kwh[t, b] = answer.kwh
        drawn = np.bincount(around.bus[b], weights=answer.kwh, minlength=bus_kw.shape[2])
        bus_kw[t, b] = standing_kw[t, b] + drawn / around.interval_h
        lost[t, b] |= answer.lost
        reason[t, b], element[t, b] = int(answer.reason), answer.element
        shadow[t, b], price[t, b] = answer.shadow, answer.price
    for t, b in np.argwhere(short & (reason == Reason.NONE)).tolist():
        # Devices that a limit has moved cannot give all they offered: that limit took it.
        named = grid.tightest(t, b, standing_kw[t, b])
        if because is not None and because.reason[t, b] != Reason.NONE:
            named = because.reason[t, b], because.element[t, b]
        reason[t, b], element[t, b] = named
    left = np.abs(kwh).sum(axis=2)
    verdict = verdicts_of(offered, left, lost, schedule.around[0].interval_h)
    whole, rejected = verdict == Verdict.ACCEPTED, verdict == Verdict.REJECTED
    reason[whole], element[whole], shadow[whole] = int(Reason.NONE), -1, 0.0
    kwh[rejected], bus_kw[rejected] = 0.0, standing_kw[rejected]
    return _Kept(kwh, bus_kw, verdict, reason, element, shadow, price)


def _answers(
    grid: _Grid, asked: _Asked, standing_kw: Floats, bus_kw: Floats
) -> Iterator[tuple[int, int, Answer]]:
    """Yield (t, b, what is left) where the grid does not bear all of a product."""
    if not grid.judged or not np.any(asked.kwh):
        return
    broken, programme = grid.broken(bus_kw), shared_programme()
    where = list(zip(broken.interval.tolist(), broken.environment.tolist(), strict=True))
    rows = [row for row, (t, b) in enumerate(where) if np.any(asked.kwh[t, b])]

    def deciding(row: int) -> Deciding[Answer]:
        t, b = where[row]
        around = grid.schedule.around[t]
        judge = Judge(
            grid.power_flow,
            programme,
            base_kw=standing_kw[t, b],
            kvar=around.kvar[b],
            base_excess=broken.firm_excess[row],
            interval_h=around.interval_h,
        )
        kwh, excess = asked.kwh[t, b], broken.excess[row]
        if asked.range_kwh is None:
            return splitting(judge, Request(around.bus[b], kwh), excess)
        least, most = asked.range_kwh
        return judging(judge, Request(around.bus[b], kwh, (least[t, b], most[t, b])), excess)

    answers = decide_together(grid.power_flow, [deciding(row) for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        yield *where[row], answer
