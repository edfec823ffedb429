"""How voltages, loadings and losses answer to a kW drawn at each bus, at a solved state.

Rows of the exact derivative (not of a linearised power flow), by the adjoint of the fixed point;
see `cosim.grid.adjoint_kernel`. Signs follow the load convention: a voltage falls when more is
drawn, so its row is negative as a rule.
"""

import numpy as np

from cosim.grid.adjoint_kernel import LOADING, LOSS, VOLTAGE, adjoint_rows, loss_rows_of_many
from cosim.grid.power_flow import PowerFlow
from cosim.records import Complexes, Floats, Integers


def voltage_rows(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    buses: Integers,
) -> Floats:
    """Return d voltage_pu / d bus_kw, (R, K), one row for each of `buses`.

    Args:
        power_flow: the feeder.
        node_voltage_pu: (n,) node voltages of one solved scenario.
        bus_kw: (K,) active power drawn in it, kW.
        bus_kvar: (K,) reactive power drawn in it, kvar.
        buses: (R,) positions in `Feeder.bus_index`.
    """
    positions = np.asarray(buses, np.int64)
    kind = np.full(len(positions), VOLTAGE, np.int64)
    return _rows(power_flow, node_voltage_pu, bus_kw, bus_kvar, (kind, positions))


def loading_rows(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    branches: Integers,
) -> Floats:
    """Return d loading_percent / d bus_kw, (R, K), one row for each of `branches`.

    The end with the larger loading counts; a branch without any current gets zeros. Arguments as
    in `voltage_rows`; `branches` (R,) are positions in `Feeder.branch_index`.
    """
    positions = np.asarray(branches, np.int64)
    kind = np.full(len(positions), LOADING, np.int64)
    return _rows(power_flow, node_voltage_pu, bus_kw, bus_kvar, (kind, positions))


def loss_row(
    power_flow: PowerFlow, node_voltage_pu: Complexes, bus_kw: Floats, bus_kvar: Floats
) -> Floats:
    """Return d loss_kw / d bus_kw, (K,). Arguments as in `voltage_rows`."""
    elements = (np.array([LOSS], np.int64), np.zeros(1, np.int64))
    return np.asarray(_rows(power_flow, node_voltage_pu, bus_kw, bus_kvar, elements)[0])


def loss_rows(
    power_flow: PowerFlow, node_voltage_pu: Complexes, bus_kw: Floats, bus_kvar: Floats
) -> Floats:
    """Return d loss_kw / d bus_kw of B states at once, (B, K).

    Args:
        power_flow: the feeder.
        node_voltage_pu: (B, n) node voltages of solved scenarios.
        bus_kw: (B, K) active power drawn in them, kW.
        bus_kvar: (B, K) reactive power drawn in them, kvar.
    """
    rows = np.empty_like(bus_kw)
    voltage = np.ascontiguousarray(node_voltage_pu)
    converged = loss_rows_of_many(power_flow.model, voltage, bus_kw + 1j * bus_kvar, rows)
    for state in np.flatnonzero(~converged):
        rows[state] = loss_row(power_flow, voltage[state], bus_kw[state], bus_kvar[state])
    return rows


def security_rows(  # all three kinds in one pass: cheaper than three calls
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    buses: Integers,
    branches: Integers,
) -> tuple[Floats, Floats, Floats]:
    """Return `voltage_rows`, `loading_rows` and `loss_row` of one state at once."""
    voltages, loadings = len(buses), len(branches)
    kind = np.repeat(np.array([VOLTAGE, LOADING, LOSS], np.int64), [voltages, loadings, 1])
    element = np.zeros(voltages + loadings + 1, np.int64)
    element[:voltages] = buses
    element[voltages:-1] = branches
    rows = _rows(power_flow, node_voltage_pu, bus_kw, bus_kvar, (kind, element))
    return rows[:voltages], rows[voltages:-1], rows[-1]


def exact_voltage_change(
    power_flow: PowerFlow, node_voltage_pu: Complexes, bus_kw: Floats, bus_kvar: Floats
) -> Complexes:
    """Return d node_voltage_pu / d bus_kw, (n, K) complex, by one dense solve.

    For small feeders and where the adjoint iteration does not converge (close to the largest
    load that has a power flow); the effort grows with the cube of the number of nodes.
    """
    feeder = power_flow.feeder
    count, slack = feeder.node_count, feeder.slack_node
    base_kw = power_flow.model.base_kw
    inner = np.delete(np.arange(count), slack)
    injected = feeder.fixed_injection_pu.copy()
    np.subtract.at(injected, feeder.node_of_bus, (bus_kw + 1j * bus_kvar) / base_kw)
    voltage = node_voltage_pu[inner]
    impedance = np.linalg.inv(feeder.admittance[inner][:, inner].toarray())
    coupled = impedance * (np.conj(injected[inner]) / np.conj(voltage) ** 2)
    unit = np.eye(count - 1)
    system = np.block([[unit + coupled.real, coupled.imag], [coupled.imag, unit - coupled.real]])
    right = impedance / np.conj(voltage)
    solved = np.linalg.solve(system, np.vstack([right.real, right.imag]))
    per_node = np.zeros((count, count), np.complex128)
    per_node[np.ix_(inner, inner)] = solved[: count - 1] + 1j * solved[count - 1 :]
    return np.asarray(-per_node[:, feeder.node_of_bus] / base_kw)


def _rows(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    targets: tuple[Integers, Integers],
) -> Floats:
    """Return one row for each target (kind, element), (R, K)."""
    kind, element = targets
    rows = np.empty((len(kind), power_flow.feeder.bus_count))
    drawn = bus_kw + 1j * bus_kvar
    voltage = np.ascontiguousarray(node_voltage_pu)
    converged = adjoint_rows(power_flow.model, voltage, drawn, kind, element, rows)
    if not converged.all():
        change = exact_voltage_change(power_flow, node_voltage_pu, bus_kw, bus_kvar)
        for row in np.flatnonzero(~converged):
            rows[row] = _exact_row(
                power_flow, node_voltage_pu, change, int(kind[row]), int(element[row])
            )
    return rows


def _exact_row(
    power_flow: PowerFlow, voltage: Complexes, change: Complexes, kind: int, element: int
) -> Floats:
    """Return one row (K,) from the dense voltage changes."""
    feeder = power_flow.feeder
    if kind == VOLTAGE:
        node = feeder.node_of_bus[element]
        return np.asarray((np.conj(voltage[node]) * change[node]).real / abs(voltage[node]))
    if kind == LOADING:
        ends = (feeder.loading_from[[element]], feeder.loading_to[[element]])
        row = max(ends, key=lambda end: float(abs(end @ voltage)[0]))
        current = complex((row @ voltage)[0])
        size = abs(current)
        if size == 0.0:
            return np.zeros(feeder.bus_count)
        return np.asarray((np.conj(current) * (row @ change)[0]).real / size)
    slack = feeder.slack_node
    current_change = (feeder.admittance[[slack]] @ change)[0]
    slack_kw = (np.conj(voltage[slack]) * current_change).real * power_flow.model.base_kw
    return np.where(feeder.node_of_bus == slack, 0.0, slack_kw - 1.0)
