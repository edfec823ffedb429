"""Judge an aggregator's bid: its schedule, then full up and full down on top of what was accepted.

A schedule that breaks a limit is first re-disaggregated inside the participants' ranges; what the
grid still does not bear is cut so that the least of the sum is lost. Up and down are the largest
amounts the grid bears, by the same programme (`cosim.grid.products`).
"""

from dataclasses import dataclass

import numpy as np

from cosim.grid import limits
from cosim.grid.judge import Judge
from cosim.grid.linear_programme import AcceptanceProgramme, shared_programme
from cosim.grid.power_flow import PowerFlow
from cosim.grid.products import Request, judging, verdicts_of
from cosim.grid.together import decide_together
from cosim.records import Floats, Integers
from cosim.results import Reason, Verdict
from cosim.submissions.base_case import BaseCase
from cosim.submissions.bid import Bid
from cosim.submissions.judge_trades import INTERVAL_H
from cosim.submissions.states import States, at_buses, solve_states


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """The answer to one product of the bid ("schedule", "up" or "down") in T intervals."""

    asked_kw: Floats  # (T, P) change of every participant, drawn > 0
    feasible_kw: Floats  # (T, P)
    verdict: Integers  # (T,)
    reason: Integers  # (T,)
    element: Integers  # (T,)
    shadow: Floats  # (T,) kWh of the sum lost per further kWh where it hurts most
    price: Floats  # (T, K) kWh of the sum lost per further kWh drawn at a bus
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
    grid = _Grid(power_flow, shared_programme(), base_states)
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
    which = np.flatnonzero(bad).tolist()
    rooms = [(bid.least_kw[at], bid.most_kw[at]) if ranges else None for at in which]
    deciding = [
        judging(
            grid.judge(at, standing_kw[at]),
            Request(bid.bus, asked_kw[at], room),
            asked.excess[at],
        )
        for at, room in zip(which, rooms, strict=True)
    ]
    for at, answer in zip(which, decide_together(grid.power_flow, deciding), strict=True):
        feasible[at], lost[at] = answer.kwh, answer.lost
        reason[at], element[at] = int(answer.reason), answer.element
        shadow[at], price[at] = answer.shadow, answer.price
    verdict = verdicts_of(
        np.abs(asked_kw).sum(axis=1), np.abs(feasible).sum(axis=1), lost, INTERVAL_H
    )
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


def _at_buses(bid: Bid, kw: Floats, buses: int) -> Floats:
    """Return what participants' powers (T, P) add at the buses, (T, K)."""
    intervals, participants = kw.shape
    position = np.repeat(np.arange(intervals), participants)
    return at_buses(position, np.tile(bid.bus, intervals), kw.ravel(), (intervals, buses))
