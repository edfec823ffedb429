"""Whether a base case is the solution that the power flow of a run finds.

The equations of a power flow have more than one solution. A run begins at the voltages without
any load and iterates to the one that belongs to them; Newton's method begins elsewhere and may end
at another, on nets that are wrong or at the end of what they can carry.
"""

import numpy as np
from scipy.sparse.linalg import splu

from networks.feeder import Feeder, Floats

APART_PU = 1e-5
STEP_PU = 1e-9
ITERATIONS_MAX = 300


def other_solution(feeder: Feeder, found_pu: Floats) -> str | None:
    """Return a sentence where iterating from no load does not end at the voltages found, (K,)."""
    power = feeder.fixed_injection_pu.copy()
    drawn_kw = feeder.nominal_load_kw - feeder.nominal_generation_kw
    drawn_kvar = feeder.nominal_load_kvar - feeder.nominal_generation_kvar
    np.subtract.at(power, feeder.node_of_bus, (drawn_kw + 1j * drawn_kvar) / 1e3 / feeder.base_mva)
    rest = np.arange(feeder.node_count) != feeder.slack_node
    rows = feeder.admittance.tocsr()[rest]
    factor = splu(rows[:, rest].tocsc())
    no_load = factor.solve(-rows[:, [feeder.slack_node]].toarray()[:, 0] * feeder.slack_voltage_pu)
    voltage = no_load
    with np.errstate(all="ignore"):
        for _ in range(ITERATIONS_MAX):
            before, voltage = voltage, no_load + factor.solve(np.conj(power[rest] / voltage))
            step = np.abs(voltage - before).max(initial=0.0)
            if not step > STEP_PU:
                break
    lowest = f"{found_pu.min():.3f} p.u. at bus {feeder.bus_index[found_pu.argmin()]}"
    if not step <= STEP_PU:
        return (
            f"Newton-Raphson finds a base case, lowest voltage {lowest}, but from the voltages "
            "without load the power flow does not get there: the net is at the end of what it can "
            "carry, or that solution is no physical one; check loads, generators and impedances"
        )
    nodes = np.full(feeder.node_count, abs(feeder.slack_voltage_pu))
    nodes[rest] = np.abs(voltage)
    mine = nodes[feeder.node_of_bus]
    if np.abs(mine - found_pu).max() <= APART_PU:
        return None
    bus = feeder.bus_index[mine.argmin()]
    return (
        f"the base case has more than one solution: Newton-Raphson finds one whose lowest voltage "
        f"is {lowest}, from the voltages without load another is found, lowest {mine.min():.3f} "
        f"p.u. at bus {bus}; check loads, generators, impedances and what joins voltage levels"
    )
