"""Find everything in a pandapower net that a `Feeder` cannot hold, as sentences for people."""

import numpy as np
import pandapower as pp
import pandas as pd

from networks.contradictions import find_contradictions
from networks.malformed import find_malformed, in_service, listed, numeric
from networks.malformed_switches import find_malformed_switches

NOT_MODELLED = {
    "gen": (
        "voltage-controlled generators (PV buses)",
        "make each an sgen with its power, or the external grid",
    ),
    "dcline": ("DC lines", "replace each by a load and an sgen"),
    "trafo3w": (
        "three-winding transformers",
        "replace each by two-winding ones, or cut the net at its lower side with an ext_grid there",
    ),
    "xward": ("extended wards (PV buses)", "make each a ward"),
    "svc": ("static var compensators", "make each a shunt"),
    "ssc": ("static synchronous compensators", "make each a shunt or an sgen"),
    "tcsc": ("series compensators", "make each an impedance"),
    "vsc": ("voltage source converters", "make each an sgen"),
    "line_dc": ("DC lines", "take them out of service"),
    "controller": (
        "controllers (taps are fixed)",
        "set the taps they would choose and take them out of service",
    ),
}
"""Element tables of which no row may be in service: what they are, what to do."""

PHASES = ("p_a_mw", "p_b_mw", "p_c_mw", "q_a_mvar", "q_b_mvar", "q_c_mvar")
SAME_PU, SAME_DEGREE = 1e-9, 1e-9


def find_problems(net: pp.pandapowerNet) -> list[str]:
    """Return one sentence for each kind of element or number that cannot be modelled."""
    malformed = find_malformed(net)
    tables_missing = any("is missing; this is no complete" in problem for problem in malformed)
    if tables_missing or net.bus.empty:
        return malformed
    return [
        *malformed,
        *find_malformed_switches(net),
        *find_contradictions(net),
        *_find_elements_not_modelled(net),
        *_find_slack_problems(net),
        *_find_unbalanced_problems(net),
        *_find_supply_problems(net),
    ]


def _find_elements_not_modelled(net: pp.pandapowerNet) -> list[str]:
    found = []
    for kind, (words, advice) in NOT_MODELLED.items():
        table = net.get(kind)
        if isinstance(table, pd.DataFrame) and len(rows := in_service(table)):
            found.append(f"{kind} {listed(rows)}: {words} are not modelled; {advice}")
    return found


def _find_slack_problems(net: pp.pandapowerNet) -> list[str]:
    """Return what is wrong with the supply: none, or several that are not alike."""
    used = net.ext_grid.loc[in_service(net.ext_grid)]
    if used.empty:
        return [
            "ext_grid in service: none; there must be one, at the bus from which the feeder is "
            "supplied"
        ]
    voltage, angle = numeric(used, "vm_pu"), numeric(used, "va_degree").fillna(0.0)
    if np.ptp(voltage) <= SAME_PU and np.ptp(angle) <= SAME_DEGREE:
        return []
    where = ", ".join(
        f"{row} at bus {used.bus.at[row]} with {voltage[row]:g} p.u., {angle[row]:g} degree"
        for row in used.index
    )
    return [
        f"ext_grid in service: {where}; several are allowed where all hold the same voltage and "
        "angle: set these alike, or split the net"
    ]


def _find_unbalanced_problems(net: pp.pandapowerNet) -> list[str]:
    found = []
    for kind in ("asymmetric_load", "asymmetric_sgen"):
        table = net.get(kind)
        if not isinstance(table, pd.DataFrame) or table.empty:
            continue
        used = table.loc[in_service(table)]
        values = np.column_stack([numeric(used, column) for column in PHASES])
        broken = used.index[~np.isfinite(values).all(axis=1)]
        if len(broken):
            found.append(f"{kind} {listed(broken)}: powers of all phases must be finite")
    return found


def _find_supply_problems(net: pp.pandapowerNet) -> list[str]:
    """Return a sentence where the supply itself is a bus that is out of service."""
    used = net.ext_grid.loc[in_service(net.ext_grid)]
    if "in_service" not in net.bus or "bus" not in used:
        return []
    buses = net.bus[~net.bus.index.duplicated()]
    unused = buses.index.difference(in_service(buses))
    off = used.index[used.bus.isin(unused).to_numpy(bool)]
    if not len(off):
        return []
    return [f"ext_grid {listed(off)}: its bus is out of service; put the bus into service"]
