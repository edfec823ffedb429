"""About as much of an offer as the grid bears, by scaling splits of it to the limit.

Many offers of a day meet a limit. What `cosim.grid.products.judging` finds of each is exact and
takes some twenty rounds; two or three do here, for all but a thousandth of an offer: a linear
programme proposes who gives how much, and AC power flows scale that to the limit.
"""

from typing import Final

import numpy as np

from cosim.grid import limits
from cosim.grid.acceptance import WATCHED
from cosim.grid.curtailment import LADDER
from cosim.grid.groups import Groups, group_effect
from cosim.grid.judge import Judge
from cosim.grid.products import LOST_KWH, Answer, Request, groups_of, judging
from cosim.grid.together import Deciding, slopes_of, solved
from cosim.records import Floats

ENOUGH: Final = 1e-3
"""Part of what is asked that another split must gain to be worth a further round."""

MOST_SPLITS: Final = 10

ROUNDS: Final = 6
"""Of narrowing a share; each by LADDER - 1."""


def splitting(judge: Judge, request: Request, excess: Floats) -> Deciding[Answer]:
    """Decide what the grid leaves of an offer that breaks a limit; arguments as in `judging`.

    Never less than the largest same share of everybody. The answer's multipliers are those of
    the last programme.
    """
    groups = groups_of(request)
    whole = groups.cleared_kwh
    asked = float(whole.sum())
    kept = yield from _scaled(judge, groups, whole)
    for turn in range(MOST_SPLITS):
        bus_kw = judge.powers_at(groups, kept)
        found = yield from solved(bus_kw[None], judge.kvar[None])
        at_kept = found.excess[0]
        if not np.all(np.isfinite(at_kept)):
            return (yield from judging(judge, request, excess))
        rows = np.flatnonzero(at_kept - judge.allowed > -WATCHED)
        slopes = yield from slopes_of(bus_kw, judge.kvar, found.node_voltage_pu[0], rows)
        effect = group_effect(groups, slopes, judge.interval_h)
        room = np.maximum(judge.allowed - at_kept, 0.0)[rows] + effect @ kept
        best = judge.programme.accept(
            np.ones(len(whole)), np.zeros(len(whole)), whole, effect, room
        )
        if turn == MOST_SPLITS - 1 or best.accepted_kwh.sum() - kept.sum() <= ENOUGH * asked:
            break
        tried = yield from _scaled(judge, groups, best.accepted_kwh)
        gained = float(tried.sum() - kept.sum())
        kept = tried if gained > 0.0 else kept
        if gained <= ENOUGH * asked:
            break
    costs = group_effect(groups, best.row_eur[:, None] * slopes, judge.interval_h)
    tightest = int(np.argmax(at_kept - judge.allowed))
    if np.any(costs > 0.0):
        tightest = int(rows[np.argmax(costs.max(axis=1))])
    reason, element = limits.reason_of(judge.power_flow.feeder, tightest)
    kwh = request.asked_kwh.copy()
    kwh[np.flatnonzero(kwh)] *= (kept / whole)[groups.of_trade]
    return Answer(
        kwh=kwh,
        lost=asked - float(kept.sum()) > LOST_KWH,
        reason=reason,
        element=element,
        shadow=float(costs.sum(axis=0).max(initial=0.0)),
        price=best.row_eur @ slopes / judge.interval_h,
    )


def _scaled(judge: Judge, groups: Groups, kwh: Floats) -> Deciding[Floats]:
    """Decide on the largest share of `kwh` (G,) that stays inside the limits; return it in kWh."""
    added = judge.powers_at(groups, kwh) - judge.base_kw
    allowed = judge.allowed + 0.5 * limits.TOLERANCE
    low, high = 0.0, 1.0
    steps = np.arange(1, LADDER + 1) / LADDER
    for _ in range(ROUNDS):
        shares = low + (high - low) * steps
        found = yield from solved(
            judge.base_kw + shares[:, None] * added, np.tile(judge.kvar, (len(shares), 1))
        )
        inside = np.all(found.excess <= allowed, axis=1)
        held = int(np.cumprod(inside).sum())  # before the first broken one
        edges = np.concatenate([[low], shares, [high]])
        low, high = float(edges[held]), float(edges[min(held + 1, len(edges) - 1)])
        if low >= 1.0:
            break
        steps = np.arange(1, LADDER) / LADDER  # the upper end is known to break a limit
    return np.asarray(min(low, 1.0) * kwh)
