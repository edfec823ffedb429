"""The same derivatives as the adjoint's, all at once by a dense solve of the linearised equations.

For small feeders, for states where the adjoint iteration does not converge (close to the largest
load that has a power flow), and to test the adjoint. The effort grows with the cube of the number
of nodes.
"""

import numpy as np

from cosim.grid.adjoint_kernel import LOADING, LOSS, SLACK_KVAR, VOLTAGE, Slopes
from cosim.grid.power_flow import PowerFlow
from cosim.records import Booleans, Complexes, Floats, Integers

ACTIVE, REACTIVE = 1.0, -1.0j  # dS* per injected kW and per injected kvar


def exact_voltage_change(
    power_flow: PowerFlow, node_voltage_pu: Complexes, bus_kw: Floats, bus_kvar: Floats
) -> Complexes:
    """Return d node_voltage_pu / d bus_kw, (n, K) complex.

    Args:
        power_flow: the feeder.
        node_voltage_pu: (n,) node voltages of one solved scenario.
        bus_kw: (K,) active power drawn in it, kW.
        bus_kvar: (K,) reactive power drawn in it, kvar.
    """
    drawn = bus_kw + 1j * bus_kvar
    return _voltage_changes(power_flow, node_voltage_pu, drawn, (ACTIVE,))[0]


def exact_voltage_changes(
    power_flow: PowerFlow, node_voltage_pu: Complexes, bus_kw: Floats, bus_kvar: Floats
) -> tuple[Complexes, Complexes]:
    """Return d node_voltage_pu / d bus_kw and / d bus_kvar, (n, K) complex each.

    One factorisation serves both. Arguments as in `exact_voltage_change`.
    """
    drawn = bus_kw + 1j * bus_kvar
    changes = _voltage_changes(power_flow, node_voltage_pu, drawn, (ACTIVE, REACTIVE))
    return changes[0], changes[1]


def exact_slopes(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    changes: tuple[Complexes, ...],
    quantity: Integers,
    element: Integers,
) -> Slopes:
    """Return the derivatives of R functions of one state, (R, K), from its voltage changes.

    Args:
        power_flow: the feeder.
        node_voltage_pu: (n,) node voltages of one solved scenario.
        changes: what `exact_voltage_changes` returns for it, or the first of it alone: then
            `Slopes.per_kvar` has no rows.
        quantity: (R,) what is differentiated; see `cosim.grid.sensitivity_targets.Quantity`.
        element: (R,) bus or branch position.
    """
    feeder = power_flow.feeder
    at_slack = feeder.node_of_bus == feeder.slack_node
    rows = [_rows(power_flow, node_voltage_pu, change, quantity, element) for change in changes]
    per_kw, per_kvar = rows[0], rows[-1] if len(rows) > 1 else rows[0][:0]
    active = (quantity != VOLTAGE) & (quantity != LOADING) & (quantity != SLACK_KVAR)
    # What is drawn at the slack's own bus comes straight from the grid above.
    per_kw[np.ix_(active, at_slack)] = 1.0
    per_kw[quantity == LOSS] -= 1.0
    if len(per_kvar):
        per_kvar[np.ix_(quantity == SLACK_KVAR, at_slack)] = 1.0
    return Slopes(per_kw, per_kvar)


def _voltage_changes(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    drawn: Complexes,
    directions: tuple[complex, ...],
) -> list[Complexes]:
    """Return the change of the node voltages (n, K) for each direction of a drawn kVA."""
    feeder = power_flow.feeder
    count, slack = feeder.node_count, feeder.slack_node
    base_kw = power_flow.model.base_kw
    inner = np.delete(np.arange(count), slack)
    injected = feeder.fixed_injection_pu.copy()
    np.subtract.at(injected, feeder.node_of_bus, drawn / base_kw)
    voltage = node_voltage_pu[inner]
    impedance = np.linalg.inv(feeder.admittance[inner][:, inner].toarray())
    coupled = impedance * (np.conj(injected[inner]) / np.conj(voltage) ** 2)
    unit = np.eye(count - 1)
    system = np.block([[unit + coupled.real, coupled.imag], [coupled.imag, unit - coupled.real]])
    right = np.hstack([impedance / np.conj(voltage) * direction for direction in directions])
    solved = np.linalg.solve(system, np.vstack([right.real, right.imag]))
    moved = solved[: count - 1] + 1j * solved[count - 1 :]
    changes = []
    for columns in np.split(moved, len(directions), axis=1):
        per_node = np.zeros((count, count), np.complex128)
        per_node[np.ix_(inner, inner)] = columns
        changes.append(np.asarray(-per_node[:, feeder.node_of_bus] / base_kw))
    return changes


def _rows(
    power_flow: PowerFlow,
    voltage: Complexes,
    change: Complexes,
    quantity: Integers,
    element: Integers,
) -> Floats:
    """Return derivatives (R, K) that come about through the voltages alone."""
    feeder = power_flow.feeder
    rows = np.empty((len(quantity), feeder.bus_count))
    is_voltage, is_loading = quantity == VOLTAGE, quantity == LOADING
    node = feeder.node_of_bus[element[is_voltage]]
    size = np.hypot(voltage[node].real, voltage[node].imag)
    rows[is_voltage] = (np.conj(voltage[node])[:, None] * change[node]).real / size[:, None]
    rows[is_loading] = _loading_rows(power_flow, voltage, change, element[is_loading])
    slack = feeder.slack_node
    current = (feeder.admittance[[slack]] @ change)[0]
    power = np.conj(voltage[slack]) * current * power_flow.model.base_kw
    rest: Booleans = ~(is_voltage | is_loading)
    rows[rest] = np.where(quantity[rest, None] == SLACK_KVAR, -power.imag, power.real)
    return rows


def _loading_rows(
    power_flow: PowerFlow, voltage: Complexes, change: Complexes, branches: Integers
) -> Floats:
    """Return d loading_percent (R, K) of the end with the larger loading; zeros without current."""
    feeder = power_flow.feeder
    ends = feeder.loading_from[branches], feeder.loading_to[branches]
    currents = np.array([end @ voltage for end in ends])
    sizes = np.hypot(currents.real, currents.imag)
    larger = (sizes[1] > sizes[0]).astype(np.int64), np.arange(len(branches))
    changes = np.array([end @ change for end in ends])[larger]
    product = (np.conj(currents[larger])[:, None] * changes).real
    size = sizes[larger][:, None]
    return np.asarray(np.divide(product, size, out=np.zeros_like(product), where=size > 0.0))
