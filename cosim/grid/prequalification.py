"""Prequalification of the aggregator's day-ahead schedule by AC power flow.

Each interval's schedule stands for what every participant draws or feeds in (from the
play-through on forecasts). What breaks a limit is first re-disaggregated inside the participants'
own ranges; only what the grid bears nowhere is cut from the sum. Where no power flow of the
schedule exists it is scaled back along the straight line to the counterfactual, in which the
aggregator supplies the firm load of its customers and nothing else.
"""

from dataclasses import dataclass

import numpy as np

from cosim.grid import limits
from cosim.grid.curtailment import largest_share
from cosim.grid.judge import Judge
from cosim.grid.linear_programme import AcceptanceProgramme
from cosim.grid.power_flow import PowerFlow
from cosim.grid.redispatch import Participants, redispatch
from cosim.grid.validation import Surroundings, at_buses
from cosim.records import Floats
from cosim.results import Reason, Verdict, WholesaleBid


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """A day-ahead schedule: what every participant does, and what it could do instead.

    Energies of an interval at the meters, drawn > 0, each (T, B, N); `around` has one entry an
    interval.
    """

    net_kwh: Floats  # what the schedule stands for
    firm_kwh: Floats  # the counterfactual: drawn whatever happens
    least_kwh: Floats  # most that can be fed in, as a negative number
    most_kwh: Floats  # most that can be drawn
    around: tuple[Surroundings, ...]

    @property
    def offered_kwh(self) -> Floats:
        """Energy to be sold, bought < 0, (T, B)."""
        return np.asarray(-self.net_kwh.sum(axis=2))


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """What is left of one interval of one environment."""

    sold_kwh: float
    bus_kw: Floats  # (K,) drawn at each bus then
    reason: Reason
    element: int


def prequalify(power_flow: PowerFlow, schedule: Schedule, *, rule: str) -> WholesaleBid:
    """Return the part of a schedule that the grid can carry; rule "none" lets all of it pass."""
    feeder, offered = power_flow.feeder, schedule.offered_kwh
    shape = offered.shape
    validated = offered.copy()
    reason = np.full(shape, int(Reason.NONE))
    element = np.full(shape, -1)
    programme = AcceptanceProgramme()
    wanted_kw = np.stack(
        [
            at_buses(around, net)
            for around, net in zip(schedule.around, schedule.net_kwh, strict=True)
        ]
    )
    left_kw = wanted_kw.copy()
    for t, around in enumerate(schedule.around):
        if rule == "none":
            break
        wanted = wanted_kw[t]
        excess = limits.excess(feeder, power_flow.solve(wanted, around.kvar))
        broken = np.flatnonzero(~limits.within(excess))
        if not len(broken):
            continue
        base = at_buses(around, schedule.firm_kwh[t])
        at_base = limits.excess(feeder, power_flow.solve(base[broken], around.kvar[broken]))
        for b, base_excess in zip(broken, at_base, strict=True):
            judge = Judge(
                power_flow,
                programme,
                base_kw=base[b],
                kvar=around.kvar[b],
                base_excess=base_excess,
                interval_h=around.interval_h,
            )
            answer = _judge_interval(judge, schedule, (t, int(b)), wanted[b], excess[b])
            validated[t, b], left_kw[t, b] = answer.sold_kwh, answer.bus_kw
            reason[t, b], element[t, b] = int(answer.reason), answer.element
    lost = np.abs(offered - validated) > 1e-6
    nothing = np.abs(validated + schedule.firm_kwh.sum(axis=2)) <= 1e-6
    verdict = np.where(
        lost,
        np.where(nothing, int(Verdict.REJECTED), int(Verdict.CURTAILED)),
        int(Verdict.ACCEPTED),
    )
    return WholesaleBid(
        offered_kwh=offered,
        validated_kwh=validated,
        verdict=verdict,
        reason=np.where(lost, reason, int(Reason.NONE)),
        element=np.where(lost, element, -1),
        offered_bus_kw=wanted_kw,
        validated_bus_kw=left_kw,
        bus_kvar=np.stack([around.kvar for around in schedule.around]),
    )


def _judge_interval(
    judge: Judge, schedule: Schedule, where: tuple[int, int], wanted_kw: Floats, excess: Floats
) -> _Answer:
    """Return what the grid leaves of one interval of one environment, re-disaggregated first."""
    t, b = where
    net, firm = schedule.net_kwh[t, b], schedule.firm_kwh[t, b]
    if not np.all(np.isfinite(judge.base_excess)):
        return _Answer(-float(firm.sum()), judge.base_kw, Reason.NO_POWER_FLOW, -1)
    if np.all(np.isfinite(excess)):
        around = schedule.around[t]
        at_schedule = Judge(
            judge.power_flow,
            judge.programme,
            base_kw=wanted_kw,
            kvar=judge.kvar,
            base_excess=judge.base_excess,
            interval_h=judge.interval_h,
        )
        participants = Participants(
            around.bus[b], net, schedule.least_kwh[t, b], schedule.most_kwh[t, b]
        )
        moved = redispatch(at_schedule, participants)
        if moved.feasible:
            change = np.bincount(around.bus[b], weights=moved.kwh - net, minlength=len(wanted_kw))
            bus_kw = wanted_kw + change / around.interval_h
            return _Answer(-float(moved.kwh.sum()), bus_kw, moved.reason, moved.element)
    share = largest_share(
        judge.power_flow,
        judge.base_kw[None],
        (wanted_kw - judge.base_kw)[None],
        judge.kvar[None],
        judge.allowed[None] + 0.5 * limits.TOLERANCE,
    )[0]
    named = (Reason.NO_POWER_FLOW, -1)
    left = judge.base_kw + share * (wanted_kw - judge.base_kw)
    if np.all(np.isfinite(excess)):
        at_cut = judge.power_flow.solve(left[None], judge.kvar[None])
        room = limits.excess(judge.power_flow.feeder, at_cut)[0] - judge.allowed
        named = limits.reason_of(judge.power_flow.feeder, int(np.argmax(room)))
    return _Answer(-float((firm + share * (net - firm)).sum()), left, *named)
