"""Best re-disaggregation of an aggregated schedule before any of it is cut.

Participants may move inside their own ranges. The programme keeps the sum of the schedule if the
grid bears it anywhere, loses as little of it as possible if not, and among those moves as little
as possible: ``min |sum(p) - sum(s)| + w sum |p - s|`` inside the limits, by sequential linear
programmes that AC power flows check.
"""

from dataclasses import dataclass

import numpy as np

from cosim.grid import limits
from cosim.grid.acceptance import Outcome, Preference, Step, accept_inside_limits
from cosim.grid.groups import Groups, group_effect
from cosim.grid.judge import Judge
from cosim.grid.linear_programme import Acceptance
from cosim.grid.together import Deciding, slopes_of, solved
from cosim.records import Floats, Integers
from cosim.results import Reason

MOVING = 1e-5
"""Price of a kWh that is only moved, in units of a kWh that the sum loses."""

PRICING = 1e-6
"""The same where limits are priced: multipliers are of the sum, not of moves."""


@dataclass(frozen=True, slots=True, eq=False)
class Participants:
    """Those whose energy can be moved, P of one environment and interval; drawn > 0."""

    bus: Integers  # (P,) bus position
    scheduled_kwh: Floats  # (P,)
    least_kwh: Floats  # (P,) <= scheduled
    most_kwh: Floats  # (P,) >= scheduled


@dataclass(frozen=True, slots=True, eq=False)
class Redispatch:
    """A schedule that the grid bears."""

    kwh: Floats  # (P,)
    reason: Reason  # of what the sum lost, NONE if nothing
    element: int
    shadow: float  # kWh of the sum lost per further kWh at the participant where it hurts most
    price: Floats  # (K,) kWh of the sum lost per further kWh drawn at a bus; 0 if it keeps its sum
    feasible: bool


def redispatching(judge: Judge, participants: Participants) -> Deciding[Redispatch]:
    """Decide on the schedule inside the limits that keeps most of its sum, then moves least.

    `judge` holds the counterfactual, which says what excess is there already, and everything
    drawn besides the participants. The power flow of the schedule itself must exist.
    """
    count = len(participants.bus)
    nowhere = np.full(count, -1)
    groups = Groups(
        of_trade=np.arange(2 * count),
        seller_bus=np.concatenate([nowhere, participants.bus]),
        buyer_bus=np.concatenate([participants.bus, nowhere]),
        value_eur_per_kwh=np.ones(2 * count),
        placed=np.zeros(2 * count, np.int64),
        cleared_kwh=np.concatenate(
            [
                participants.most_kwh - participants.scheduled_kwh,
                participants.scheduled_kwh - participants.least_kwh,
            ]
        ),
    )
    size = max(float(np.abs(participants.scheduled_kwh).sum()), 1e-12)

    def worth(moved_kwh: Floats) -> float:
        drawn, fed = np.split(moved_kwh, 2)
        return -float(abs(drawn.sum() - fed.sum()) + MOVING * moved_kwh.sum()) / size

    moves = yield from accept_inside_limits(
        groups,
        judge.standing,
        Preference(lambda step: _move_least(judge, step), worth, unit_eur=size),
        np.zeros(2 * count),
    )
    drawn_more, fed_more = np.split(moves.accepted_kwh, 2)
    kwh = participants.scheduled_kwh + drawn_more - fed_more
    lost = abs(float(kwh.sum() - participants.scheduled_kwh.sum()))
    named, price = (Reason.NONE, -1), np.zeros(len(judge.base_kw))
    if lost > 1e-6 and len(moves.rows):
        rows, weighted = yield from _priced(judge, groups, moves)
        costs = np.abs(group_effect(groups, weighted, judge.interval_h)).max(axis=1)
        named = limits.reason_of(judge.power_flow.feeder, int(rows[np.argmax(costs)]))
        price = weighted.sum(axis=0) / judge.interval_h
    shadow = float(np.abs(price[participants.bus]).max(initial=0.0))
    return Redispatch(kwh, named[0], named[1], shadow, price, moves.feasible)


def _priced(judge: Judge, groups: Groups, moves: Outcome) -> Deciding[tuple[Integers, Floats]]:
    """Decide what limits cost of the sum: rows (R,), and kWh per kW drawn at each bus (R, K).

    The multipliers that led to `moves` also hold the price of moving, which is nobody's loss: the
    programme is solved once more at the last point, with next to none.
    """
    rows = np.unique(moves.rows)
    bus_kw = judge.powers_at(groups, moves.accepted_kwh)
    found = yield from solved(bus_kw[None], judge.kvar[None])
    slopes = yield from slopes_of(bus_kw, judge.kvar, found.node_voltage_pu[0], rows)
    effect = group_effect(groups, slopes, judge.interval_h)
    room = judge.standing.bound[rows] - found.excess[0][rows] + effect @ moves.accepted_kwh
    step = Step(effect, room, np.zeros(len(groups.cleared_kwh)), groups.cleared_kwh)
    prices = _move_least(judge, step, moving=PRICING).row_eur
    if np.any(prices > 0.0):
        return rows, prices[:, None] * slopes
    return moves.rows, moves.row_eur[:, None] * moves.slopes


def _move_least(judge: Judge, step: Step, *, moving: float = MOVING) -> Acceptance:
    """Return the smallest moves (2 P,), draws first, inside ``effect @ moves <= room``."""
    count = len(step.most_kwh) // 2
    sign = np.concatenate([np.ones(count), -np.ones(count)])
    # Columns: the moves, then what the sum gains and what it loses.
    gain = np.concatenate([np.full(2 * count, -moving), [-1.0, -1.0]])
    least = np.concatenate([step.least_kwh, [0.0, 0.0]])
    most = np.concatenate([step.most_kwh, [np.inf, np.inf]])
    balance = np.concatenate([sign, [-1.0, 1.0]])
    rows = len(step.room)
    matrix = np.vstack([np.hstack([step.effect, np.zeros((rows, 2))]), balance, -balance])
    moves, prices = judge.programme.maximise(
        gain, (least, most), matrix, np.concatenate([step.room, np.zeros(2)]), elastic=rows
    )
    return Acceptance(
        accepted_kwh=np.clip(moves[: 2 * count], step.least_kwh, step.most_kwh),
        row_eur=np.maximum(prices[:rows], 0.0),
    )
