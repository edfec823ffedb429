"""What the grid leaves of one product of a bid: the schedule, full up or full down.

A product is a change of what participants draw, on top of what stands at the buses. Where it
breaks a limit, a schedule is first re-disaggregated inside the participants' ranges; what the grid
bears nowhere is cut so that as much as possible is left. Every answer is checked by an AC power
flow. Energies are those of an interval, drawn > 0; with an interval of an hour they are powers.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cosim.grid.groups import Groups, group_trades
from cosim.grid.judge import Judge
from cosim.grid.redispatch import Participants, redispatching
from cosim.grid.together import Deciding, solved
from cosim.records import Booleans, Floats, Integers
from cosim.results import Reason, Verdict

LOST_KWH: Final = 1e-6
"""Lost energy that still counts as none: what the power flow resolves."""

NOTHING_KW: Final = 1e-3
NOTHING_SHARE: Final = 1e-4
"""Power (kW, or share of what was asked) that is not worth delivering: rejected altogether."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A product as asked: a change of what P participants draw, and where else they could be."""

    bus: Integers  # (P,) bus position
    asked_kwh: Floats  # (P,) change of what each draws
    range_kwh: tuple[Floats, Floats] | None = None
    """Least and most (P,) each, around what is asked, where a schedule may be moved to keep its
    sum; None where every participant gives its own part or less."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What is left of a request."""

    kwh: Floats  # (P,)
    lost: bool  # something of its sum
    reason: Reason
    element: int
    shadow: float  # kWh of the sum lost per further kWh where it hurts most
    price: Floats  # (K,) kWh of the sum lost per further kWh drawn at a bus


def judging(judge: Judge, request: Request, excess: Floats) -> Deciding[Answer]:
    """Decide what the grid leaves of a product that breaks a limit.

    Args:
        judge: holds what stands at the buses without the product, which counts as admissible.
        request: what is asked.
        excess: (E,) of the state with all that is asked, infinite where there is no power flow.
    """
    moved = None
    stands = yield from solved(judge.base_kw[None], judge.kvar[None])
    known = np.all(np.isfinite(excess)) and np.all(np.isfinite(judge.base_excess))
    if request.range_kwh is not None and known:
        least, most = request.range_kwh
        moved = yield from _rearranged(judge, request, least, most)
        # Where everybody may do nothing, whatever a cut could give was among the choices.
        whole = np.all(least <= 0.0) and np.all(most >= 0.0)
        if moved is not None and (whole or not moved.lost):
            return moved
    judge = replace(judge, standing_excess=stands.excess[0])
    cut = yield from _cut(judge, request, excess, "optimal")
    asked_kwh = float(request.asked_kwh.sum())
    if not _part_of(float(cut.kwh.sum()), asked_kwh):
        # Where some draw and others feed in, cutting the latter alone can turn the sum around.
        cut = yield from _cut(judge, request, excess, "pro_rata")
    return _better(moved, cut, asked_kwh)


def verdicts_of(asked_kwh: Floats, left_kwh: Floats, lost: Booleans, interval_h: float) -> Integers:
    """Return verdicts of any shape from sums of sizes: accepted unless something was lost."""
    nothing = left_kwh <= np.maximum(NOTHING_KW * interval_h, NOTHING_SHARE * asked_kwh)
    cut = np.where(nothing, int(Verdict.REJECTED), int(Verdict.CURTAILED))
    return np.asarray(np.where(lost, cut, int(Verdict.ACCEPTED)))


def _rearranged(
    judge: Judge, request: Request, least: Floats, most: Floats
) -> Deciding[Answer | None]:
    """Decide on the request moved so that most of its sum is left, None where that fails.

    Participants move inside their ranges. Where that does not do, those on the side of the sum
    may also be cut: their loss can be made up by others, or is lost. Only where the grid bears
    nothing of that are those on the other side cut too.
    """
    asked = request.asked_kwh
    found = yield from _moved(judge, request, least, most)
    if found is not None and not found.lost:
        return found
    ends = np.maximum(most, 0.0), np.minimum(least, 0.0)
    if asked.sum() < 0.0:
        wider = least, np.where(asked < 0.0, ends[0], most)
    else:
        wider = np.where(asked > 0.0, ends[1], least), most
    if found is None or not np.array_equal(wider, (least, most)):
        found = yield from _moved(judge, request, *wider)
    if found is None:
        found = yield from _moved(judge, request, ends[1], ends[0])
    if found is not None and _part_of(float(found.kwh.sum()), float(asked.sum())):
        return found
    return None


def _part_of(left_kwh: float, asked_kwh: float) -> bool:
    """Whether a sum lies between nothing and what was asked."""
    low, high = min(asked_kwh, 0.0), max(asked_kwh, 0.0)
    return low - LOST_KWH <= left_kwh <= high + LOST_KWH


def _moved(judge: Judge, request: Request, least: Floats, most: Floats) -> Deciding[Answer | None]:
    """Decide on the request moved between `least` and `most`, None if none is feasible there."""
    asked = request.asked_kwh
    if not np.any(most > least):
        return None
    drawn = np.bincount(request.bus, weights=asked, minlength=len(judge.base_kw))
    at_asked = replace(judge, base_kw=judge.base_kw + drawn / judge.interval_h)
    moved = yield from redispatching(at_asked, Participants(request.bus, asked, least, most))
    if not moved.feasible:
        return None
    return Answer(
        kwh=moved.kwh,
        lost=abs(float((moved.kwh - asked).sum())) > LOST_KWH,
        reason=moved.reason,
        element=moved.element,
        shadow=moved.shadow,
        price=moved.price,
    )


def _cut(judge: Judge, request: Request, excess: Floats, rule: str) -> Deciding[Answer]:
    """Decide on the largest part that the grid bears, every participant's cut by itself.

    Under the rule `pro_rata` all are cut alike.
    """
    asked = request.asked_kwh
    taking = np.flatnonzero(asked)
    size = np.abs(asked[taking])
    cut = yield from judge.cutting(groups_of(request), excess, rule)
    kept = asked.copy()
    kept[taking] *= cut.share
    gone = size * (1.0 - cut.share)
    worst = int(np.argmax(gone))
    lost = bool(gone.sum() > LOST_KWH)
    return Answer(
        kwh=kept,
        lost=lost,
        reason=Reason(int(cut.reason[worst])) if lost else Reason.NONE,
        element=int(cut.element[worst]) if lost else -1,
        shadow=float(cut.shadow_eur_per_kwh.max()),
        price=cut.voltage_eur_per_kwh + cut.congestion_eur_per_kwh,
    )


def groups_of(request: Request) -> Groups:
    """Return what is asked as trades with the aggregator, every kWh worth the same."""
    taking = np.flatnonzero(request.asked_kwh)
    asked, bus = request.asked_kwh[taking], request.bus[taking]
    return group_trades(
        np.where(asked < 0.0, bus, -1),
        np.where(asked < 0.0, -1, bus),
        np.ones(len(taking)),
        np.abs(asked),
    )


def _better(moved: Answer | None, cut: Answer, asked_kwh: float) -> Answer:
    """Return the answer whose sum is nearer to what was asked; a cut moves nobody."""
    if moved is None:
        return cut
    gap = abs(float(moved.kwh.sum()) - asked_kwh)
    return moved if gap < abs(float(cut.kwh.sum()) - asked_kwh) - LOST_KWH else cut
