"""Slopes of limits' excesses at many solved states at once."""

import numpy as np

from cosim.grid import limits
from cosim.grid.adjoint_kernel import LOADING, VOLTAGE, Targets
from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import active_slopes_of_many
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
    found = active_slopes_of_many(
        power_flow,
        node_voltage_pu,
        bus_kw,
        bus_kvar,
        Targets(
            state,
            np.where(on_voltage, VOLTAGE, LOADING),
            np.where(on_voltage, row % buses, row - 2 * buses),
        ),
    )
    scale = np.where(on_voltage, np.where(row < buses, 1.0, -1.0), 1.0 / limits.PERCENT)
    return np.asarray(found * scale[:, None])
