"""Judge an aggregator's bid: its schedule, then full up and full down on top of what was accepted.

A schedule that breaks a limit is first re-disaggregated inside the participants' ranges; what the
grid still does not bear is cut so that the least of the sum is lost. Up and
down are the largest amounts the grid bears, by the same programme. Every answer is checked by an
AC power flow.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.grid import limits
from cosim.grid.groups import group_trades
from cosim.grid.judge import Cut, Judge
from cosim.grid.linear_programme import AcceptanceProgramme
from cosim.grid.power_flow import PowerFlow
from cosim.grid.redispatch import Participants, redispatch
from cosim.records import Booleans, Floats, Integers
from cosim.results import Reason, Verdict
from cosim.submissions.base_case import BaseCase
from cosim.submissions.bid import Bid
from cosim.submissions.judge_trades import INTERVAL_H
from cosim.submissions.states import States, at_buses, solve_states

LOST_KW: Final = 1e-6
"""Lost power that still counts as none: what the power flow resolves."""

NOTHING_KW: Final = 1e-3
NOTHING_SHARE: Final = 1e-4
"""Power (kW, or share of what was asked) that is not worth delivering: rejected altogether."""


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """The answer to one product of the bid ("schedule", "up" or "down") in T intervals."""

    asked_kw: Floats  # (T, P) change of every participant, drawn > 0
    feasible_kw: Floats  # (T, P)
    verdict: Integers  # (T,)
    reason: Integers  # (T,)
    element: Integers  # (T,)
    shadow: Floats  # (T,) kWh of the sum lost per further kWh where it hurts most
    price: Floats  # (T, K) kWh of the sum lost per further kWh drawn at a bus; NaN if unknown
    asked: States
    state: States  # with what is feasible


@dataclass(frozen=True, slots=True, eq=False)
class JudgedBid:
    """All answers to a bid."""

    base: BaseCase
    bid: Bid
    base_states: States
    schedule: Product
    up: Product
    down: Product


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """What is left of one product in one interval."""

    kw: Floats  # (P,)
    lost: bool
    reason: int
    element: int
    shadow: float
    price: Floats  # (K,)


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """What judges need, the same for all products."""

    power_flow: PowerFlow
    programme: AcceptanceProgramme
    base: States

    def judge(self, at: int, standing_kw: Floats) -> Judge:
        """Return the judge of interval `at` with `standing_kw` (K,) drawn whatever is decided."""
        return Judge(
            self.power_flow,
            self.programme,
            base_kw=standing_kw,
            kvar=self.base.bus_kvar[at],
            base_excess=self.base.excess[at],
            interval_h=INTERVAL_H,
        )


def judge_bid(power_flow: PowerFlow, base: BaseCase, bid: Bid, base_states: States) -> JudgedBid:
    """Return the answers to `bid`; `base` has its intervals and no others."""
    grid = _Grid(power_flow, AcceptanceProgramme(), base_states)
    schedule = _judge_product(grid, bid, bid.schedule_kw, base.kw, ranges=True)
    standing = schedule.state.bus_kw
    return JudgedBid(
        base=base,
        bid=bid,
        base_states=base_states,
        schedule=schedule,
        up=_judge_product(grid, bid, -bid.up_kw, standing),
        down=_judge_product(grid, bid, bid.down_kw, standing),
    )


def _judge_product(
    grid: _Grid, bid: Bid, asked_kw: Floats, standing_kw: Floats, *, ranges: bool = False
) -> Product:
    """Judge one product in all intervals; one power flow where it breaks nothing."""
    kvar = grid.base.bus_kvar
    buses = standing_kw.shape[1]
    asked = solve_states(grid.power_flow, standing_kw + _at_buses(bid, asked_kw, buses), kvar)
    feasible = asked_kw.copy()
    intervals = len(asked_kw)
    reason = np.full(intervals, int(Reason.NONE))
    element = np.full(intervals, -1)
    shadow = np.zeros(intervals)
    price = np.zeros((intervals, buses))
    lost = np.zeros(intervals, np.bool_)
    bad = ~limits.within(asked.excess, limits.allowed_excess(grid.base.excess))
    for at in np.flatnonzero(bad).tolist():
        judge = grid.judge(at, standing_kw[at])
        answer = None
        if ranges and asked.solved[at]:
            answer = _rearranged(grid, bid, asked, at)
        if answer is None or answer.lost:
            cut = _cut(judge, bid.bus, asked_kw[at], asked.excess[at])
            answer = _better(answer, cut, float(asked_kw[at].sum()))
        feasible[at], lost[at] = answer.kw, answer.lost
        reason[at], element[at] = answer.reason, answer.element
        shadow[at], price[at] = answer.shadow, answer.price
    verdict = _verdicts(asked_kw, feasible, lost)
    feasible[verdict == Verdict.REJECTED] = 0.0
    return Product(
        asked_kw=asked_kw,
        feasible_kw=feasible,
        verdict=verdict,
        reason=reason,
        element=element,
        shadow=shadow,
        price=price,
        asked=asked,
        state=solve_states(grid.power_flow, standing_kw + _at_buses(bid, feasible, buses), kvar),
    )


def _verdicts(asked_kw: Floats, feasible_kw: Floats, lost: Booleans) -> Integers:
    """Return the verdict of every interval, (T,)."""
    asked = np.abs(asked_kw).sum(axis=1)
    left = np.abs(feasible_kw).sum(axis=1)
    nothing = left <= np.maximum(NOTHING_KW, NOTHING_SHARE * asked)
    cut = np.where(nothing, int(Verdict.REJECTED), int(Verdict.CURTAILED))
    return np.asarray(np.where(lost, cut, int(Verdict.ACCEPTED)))


def _rearranged(grid: _Grid, bid: Bid, asked: States, at: int) -> _Answer | None:
    """Return the schedule moved so that most of its sum is left, None where that fails.

    Participants move inside their ranges. Where that does not do, those on the side of the sum
    may also be cut: their loss can be made up by others, or is lost. Nobody is cut who draws
    while the sum feeds in (or the other way round): that would keep a sum nobody offered.
    """
    scheduled = bid.schedule_kw[at]
    least, most = bid.least_kw[at], bid.most_kw[at]
    inside = _moved(grid, bid, asked, at, (least, most))
    if inside is not None and not inside.lost:
        return inside
    if scheduled.sum() < 0.0:
        most = np.where(scheduled < 0.0, np.maximum(most, 0.0), most)
    else:
        least = np.where(scheduled > 0.0, np.minimum(least, 0.0), least)
    return _moved(grid, bid, asked, at, (least, most))


def _moved(
    grid: _Grid, bid: Bid, asked: States, at: int, bounds: tuple[Floats, Floats]
) -> _Answer | None:
    """Return the schedule moved inside `bounds`, None where the grid bears nothing there."""
    scheduled = bid.schedule_kw[at]
    least, most = bounds
    if not np.any(most > least):
        return None
    participants = Participants(bid.bus, scheduled, least, most)
    moved = redispatch(grid.judge(at, asked.bus_kw[at]), participants)
    if not moved.feasible:
        return None
    return _Answer(
        kw=moved.kwh,
        lost=abs(float((moved.kwh - scheduled).sum())) > LOST_KW,
        reason=int(moved.reason),
        element=moved.element,
        shadow=moved.shadow,
        price=np.full(asked.bus_kw.shape[1], np.nan),  # the programme of moves names no prices
    )


def _cut(judge: Judge, bus: Integers, asked_kw: Floats, excess: Floats) -> _Answer:
    """Return the largest part of `asked_kw` (P,) that the grid bears."""
    taking = np.flatnonzero(asked_kw)
    size = np.abs(asked_kw[taking])
    fed_in = asked_kw[taking] < 0.0
    groups = group_trades(
        np.where(fed_in, bus[taking], -1),
        np.where(fed_in, -1, bus[taking]),
        np.ones(len(taking)),
        size,
    )
    cut: Cut = judge.cut(groups, excess, "optimal")
    kept = asked_kw.copy()
    kept[taking] *= cut.share
    gone = size * (1.0 - cut.share)
    worst = int(np.argmax(gone))
    return _Answer(
        kw=kept,
        lost=bool(gone.sum() > LOST_KW),
        reason=int(cut.reason[worst]),
        element=int(cut.element[worst]),
        shadow=float(cut.shadow_eur_per_kwh.max()),
        price=cut.voltage_eur_per_kwh + cut.congestion_eur_per_kwh,
    )


def _better(moved: _Answer | None, cut: _Answer, asked_kw: float) -> _Answer:
    """Return the answer whose sum is nearer to what was asked; a cut moves nobody."""
    if moved is None:
        return cut
    gap = abs(float(moved.kw.sum()) - asked_kw)
    return moved if gap < abs(float(cut.kw.sum()) - asked_kw) - LOST_KW else cut


def _at_buses(bid: Bid, kw: Floats, buses: int) -> Floats:
    """Return what participants' powers (T, P) add at the buses, (T, K)."""
    intervals, participants = kw.shape
    position = np.repeat(np.arange(intervals), participants)
    return at_buses(position, np.tile(bid.bus, intervals), kw.ravel(), (intervals, buses))
