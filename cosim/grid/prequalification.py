"""Prequalification of the aggregator's day-ahead schedule by AC power flow.

Each interval's schedule stands for a set of bus injections (from the play-through on forecasts).
What breaks a limit is scaled back along the straight line to the counterfactual, in which the
aggregator supplies the firm load of its customers and nothing else.
"""

from dataclasses import dataclass

import numpy as np

from cosim.grid import limits
from cosim.grid.curtailment import largest_share
from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats, Reason, Verdict, WholesaleBid


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """A day-ahead schedule and the bus powers it stands for."""

    offered_kwh: Floats  # (T, B) energy to be sold, bought < 0
    firm_kwh: Floats  # (T, B) energy the aggregator's customers draw whatever happens
    bus_kw: Floats  # (T, B, K) power drawn at each bus if the schedule is delivered
    base_kw: Floats  # (T, B, K) power drawn in the counterfactual
    bus_kvar: Floats  # (T, B, K) reactive power drawn


def prequalify(power_flow: PowerFlow, schedule: Schedule, *, rule: str) -> WholesaleBid:
    """Return the part of a schedule that the grid can carry; rule "none" lets all of it pass.

    `validated_kwh` lies between ``-firm_kwh`` and `offered_kwh`.
    """
    feeder, offered_kwh, firm_kwh = power_flow.feeder, schedule.offered_kwh, schedule.firm_kwh
    shape = offered_kwh.shape
    flat = (shape[0] * shape[1], feeder.bus_count)
    powers = (schedule.bus_kw, schedule.base_kw, schedule.bus_kvar)
    wanted, base, kvar = (power.reshape(flat) for power in powers)
    excess = limits.excess(feeder, power_flow.solve(wanted, kvar))
    share = np.ones(flat[0])
    reason = np.full(flat[0], int(Reason.NONE))
    element = np.full(flat[0], -1)
    broken = np.flatnonzero(~limits.within(excess))
    if rule != "none" and len(broken):
        at_base = limits.excess(feeder, power_flow.solve(base[broken], kvar[broken]))
        allowed = limits.allowed_excess(at_base)
        share[broken] = largest_share(
            power_flow,
            base[broken],
            wanted[broken] - base[broken],
            kvar[broken],
            allowed + 0.5 * limits.TOLERANCE,
        )
        solvable = np.all(np.isfinite(at_base), axis=1)
        share[broken] = np.where(solvable, share[broken], 0.0)
        for position, index in enumerate(broken):
            named = (Reason.NO_POWER_FLOW, -1)
            if np.all(np.isfinite(excess[index])):
                worst = int(np.argmax(excess[index] - allowed[position]))
                named = limits.reason_of(feeder, worst)
            reason[index], element[index] = int(named[0]), named[1]
    verdict = np.where(
        share >= 1.0,
        int(Verdict.ACCEPTED),
        np.where(share <= 0.0, int(Verdict.REJECTED), int(Verdict.CURTAILED)),
    )
    whole = verdict == Verdict.ACCEPTED
    part = share.reshape(shape)
    return WholesaleBid(
        offered_kwh=offered_kwh,
        validated_kwh=np.where(part < 1.0, part * (offered_kwh + firm_kwh) - firm_kwh, offered_kwh),
        verdict=verdict.reshape(shape),
        reason=np.where(whole, int(Reason.NONE), reason).reshape(shape),
        element=np.where(whole, -1, element).reshape(shape),
    )
