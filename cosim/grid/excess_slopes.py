"""Slopes of limits' excesses at many solved states at once.

The lanes of the adjoint kernel are filled with rows of whatever states are asked for, so that a
few rows each of many states cost as much as many rows of one.
"""

import numpy as np

from cosim.grid import limits
from cosim.grid.adjoint_kernel import LOADING, VOLTAGE, adjoint_rows_of_many
from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import loading_rows, voltage_rows
from cosim.records import Complexes, Floats, Integers


def excess_rows(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    targets: tuple[Integers, Integers],
) -> Floats:
    """Return d excess / d bus_kw, (R, K): per kW drawn at a bus, p.u. or share of a rating.

    Args:
        power_flow: the feeder.
        node_voltage_pu: (B, n) node voltages of solved states.
        bus_kw: (B, K) active power drawn in them, kW.
        bus_kvar: (B, K) reactive power drawn in them, kvar.
        targets: state (R,) and row (R,) of the excess vector, as `cosim.grid.limits` orders it.
    """
    state, row = targets
    buses = power_flow.feeder.bus_count
    on_voltage = row < 2 * buses
    kind = np.where(on_voltage, VOLTAGE, LOADING)
    element = np.where(on_voltage, row % buses, row - 2 * buses)
    voltage = np.ascontiguousarray(node_voltage_pu)
    slopes = np.empty((len(row), buses))
    drawn = bus_kw + 1j * bus_kvar
    converged = adjoint_rows_of_many(
        power_flow.model, voltage, drawn, (state, kind, element), slopes
    )
    for r in np.flatnonzero(~converged):
        # Close to the largest load that has a power flow: the dense way.
        rows = voltage_rows if on_voltage[r] else loading_rows
        at = state[r]
        slopes[r] = rows(power_flow, voltage[at], bus_kw[at], bus_kvar[at], element[r : r + 1])[0]
    scale = np.where(on_voltage, np.where(row < buses, 1.0, -1.0), 1.0 / limits.PERCENT)
    return np.asarray(slopes * scale[:, None])
