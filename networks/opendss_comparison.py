"""Lay the base case of a converted circuit beside what OpenDSS itself finds."""

from collections.abc import Mapping

import numpy as np
import pandapower as pp

from networks.base_case import solved_copy

APART_PU = 0.005
"""Mean difference that one- and two-phase laterals explain; the IEEE feeders stay below it."""


def compare_with_opendss(net: pp.pandapowerNet, found_pu: Mapping[str, float]) -> list[str]:
    """Return how far the base case lies from OpenDSS' voltages, by lower-case name of the bus.

    OpenDSS' voltage of a bus is the mean over its phases.
    """
    if not found_pu:
        return ["OpenDSS itself finds no power flow of the circuit: nothing to compare with"]
    solved = solved_copy(net)
    if solved is None:
        return []
    names = net.bus.name.astype(str)
    theirs = np.array([found_pu.get(name.lower(), np.nan) for name in names])
    difference = np.abs(solved.res_bus.vm_pu.to_numpy(np.float64) - theirs)
    known = np.isfinite(difference)
    # A bus that only one of the two supplies is as far apart as can be.
    only_one = np.isfinite(theirs) != solved.res_bus.vm_pu.notna().to_numpy()
    notes = []
    if known.any():
        worst = int(np.nanargmax(difference))
        mean = float(difference[known].mean())
        told = (
            f"voltages with all loads and generators and OpenDSS' own solution lie {mean:.4f} p.u. "
            f"apart in the mean of {int(known.sum())} buses, {difference[worst]:.4f} at most (bus "
            f"{names.iloc[worst]})"
        )
        if mean > APART_PU:
            told += (
                ": more than unbalance usually explains. Weak sources, growth, load shapes, limits "
                "of load models (vminpu, vmaxpu) and time are not taken over; check the circuit"
            )
        notes.append(told)
    if only_one.any():
        lost = ", ".join(names[only_one].head(8))
        notes.append(f"bus {lost}: supplied in the net or in OpenDSS, but not in both")
    return notes
