"""Prequalification of the aggregator's day-ahead schedule by AC power flow.

Each interval's schedule stands for a set of bus injections (from the play-through on forecasts).
What breaks a limit is scaled back along the straight line to the counterfactual, in which the
aggregator supplies the firm load of its customers and nothing else.
"""

import numpy as np

from cosim.grid import limits
from cosim.grid.curtailment import largest_share
from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats, Reason, Verdict, WholesaleBid


def prequalify(
    power_flow: PowerFlow,
    offered_kwh: Floats,
    firm_kwh: Floats,
    bus_kw: Floats,
    base_kw: Floats,
    bus_kvar: Floats,
    *,
    rule: str,
) -> WholesaleBid:
    """Return the part of a schedule that the grid can carry.

    Args:
        power_flow: the feeder.
        offered_kwh: (T, B) energy to be sold, bought < 0.
        firm_kwh: (T, B) energy the aggregator's customers draw whatever happens.
        bus_kw: (T, B, K) power drawn at each bus if the schedule is delivered.
        base_kw: (T, B, K) power drawn in the counterfactual.
        bus_kvar: (T, B, K) reactive power drawn.
        rule: "none" accepts everything.

    Returns:
        The bid with its verdicts; `validated_kwh` lies between ``-firm_kwh`` and `offered_kwh`.
    """
    feeder = power_flow.feeder
    shape = offered_kwh.shape
    flat = (shape[0] * shape[1], feeder.bus_count)
    wanted, base, kvar = (x.reshape(flat) for x in (bus_kw, base_kw, bus_kvar))
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
