"""The compiled part of the sensitivities: adjoint solves, 16 gradients at a time.

For a real function f of the node voltages with ``df = Re(sum conj(g) dV)``: iterate
``a <- g - D conj(u)``, ``u = inverse(Y_ll)^H a`` with ``D = diag(conj(S) / conj(V)^2)``; then
``df/dP_i = Re(u_i / V_i)`` for power injected at node i. The same factorisation as the power flow
serves, run backwards: U^H forward, L^H backward.
"""

import numba
import numpy as np

from cosim.grid.power_flow_kernel import (
    LANES,
    Booleans,
    Complexes,
    Floats,
    Integers,
    Model,
)

VOLTAGE, LOADING, LOSS = 0, 1, 2
ITERATIONS_MAX = 100
TOLERANCE = 1e-11  # of the largest entry of u

_compile = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")


@_compile
def _set_gradient(
    model: Model, voltage: Complexes, kind: int, element: int, gradient: Complexes
) -> None:
    """Set the gradient (n,) of a voltage in p.u., a loading in percent or the losses in p.u."""
    gradient[:] = 0.0
    if kind == VOLTAGE:
        j = model.bus_position[element]
        gradient[j] = voltage[j] / abs(voltage[j])
        return
    branches = (model.row_start.size - 2) // 2
    row = 2 * branches
    factor = voltage[voltage.size - 1]
    if kind == LOADING:
        largest = 0.0
        for side in range(2):
            candidate = element + side * branches
            current = 0.0j
            for entry in range(model.row_start[candidate], model.row_start[candidate + 1]):
                value = complex(model.row_real[entry], model.row_imag[entry])
                current += value * voltage[model.row_position[entry]]
            # A branch without any current has no derivative; zero is as good as any.
            if side == 0 or abs(current) > largest:
                row = candidate
                largest = abs(current)
                factor = current / largest if largest > 0.0 else 0.0j
    for entry in range(model.row_start[row], model.row_start[row + 1]):
        value = complex(model.row_real[entry], -model.row_imag[entry])
        gradient[model.row_position[entry]] += factor * value


@_compile
def _solve_transposed(model: Model, x_real: Floats, x_imag: Floats) -> None:
    """Solve U^H L^H x = x in place, (n, LANES)."""
    for j in range(model.pivot_real.size):
        real = model.pivot_real[j]
        imag = -model.pivot_imag[j]
        for k in range(LANES):
            value = real * x_real[j, k] - imag * x_imag[j, k]
            x_imag[j, k] = real * x_imag[j, k] + imag * x_real[j, k]
            x_real[j, k] = value
        for entry in range(model.upper_start[j], model.upper_start[j + 1]):
            i = model.upper_column[entry]
            real = model.upper_real[entry]
            imag = -model.upper_imag[entry]
            for k in range(LANES):
                x_real[i, k] -= real * x_real[j, k] - imag * x_imag[j, k]
                x_imag[i, k] -= real * x_imag[j, k] + imag * x_real[j, k]
    for j in range(model.pivot_real.size - 1, -1, -1):
        for entry in range(model.lower_start[j], model.lower_start[j + 1]):
            i = model.lower_row[entry]
            real = model.lower_real[entry]
            imag = -model.lower_imag[entry]
            for k in range(LANES):
                x_real[j, k] -= real * x_real[i, k] - imag * x_imag[i, k]
                x_imag[j, k] -= real * x_imag[i, k] + imag * x_real[i, k]


@_compile
def _adjoint(
    model: Model, diagonal: Complexes, gradient: Complexes, solution: Complexes
) -> Booleans:
    """Set `solution` to u for each lane of `gradient` and D = `diagonal`, all (n, LANES).

    Returns which lanes converged.
    """
    count = model.pivot_real.size
    x_real, x_imag = np.zeros((count, LANES)), np.zeros((count, LANES))
    converged = np.zeros(LANES, np.bool_)
    change, largest = np.empty(LANES), np.empty(LANES)
    solution[:] = 0.0
    for _ in range(ITERATIONS_MAX):
        for j in range(count):
            for k in range(LANES):
                value = gradient[j, k] - diagonal[j, k] * solution[j, k].conjugate()
                x_real[j, k] = value.real
                x_imag[j, k] = value.imag
        _solve_transposed(model, x_real, x_imag)
        change[:] = 0.0
        largest[:] = 0.0
        for j in range(count):
            for k in range(LANES):
                value = complex(x_real[j, k], x_imag[j, k])
                change[k] = max(change[k], abs(value - solution[j, k]))
                largest[k] = max(largest[k], abs(value))
                if not converged[k]:
                    solution[j, k] = value
        for k in range(LANES):
            if change[k] <= TOLERANCE * largest[k]:
                converged[k] = True
        if converged.all():
            break
    return converged


@_compile
def _node_state(
    model: Model, node_voltage: Complexes, drawn: Complexes, voltage: Complexes
) -> Complexes:
    """Set `voltage` (n,) in elimination order and return D (n,); `drawn` (K,) is kW + j kvar."""
    diagonal = np.zeros(voltage.size, np.complex128)
    for j in range(voltage.size):
        voltage[j] = node_voltage[model.node[j]]
        diagonal[j] = complex(model.fixed_real[j], -model.fixed_imag[j])
    for bus in range(model.bus_position.size):
        diagonal[model.bus_position[bus]] -= drawn[bus].conjugate() / model.base_kw
    for j in range(voltage.size):
        diagonal[j] /= voltage[j].conjugate() ** 2
    return diagonal


@_compile
def adjoint_rows(
    model: Model,
    node_voltage: Complexes,
    drawn: Complexes,
    kind: Integers,
    element: Integers,
    rows: Floats,
) -> Booleans:
    """Fill `rows` (R, K) with derivatives to the power drawn at each bus.

    `kind` and `element` (R,) say of what: the voltage of a bus (p.u. per kW), the loading of a
    branch (percent per kW), the losses (kW per kW). Returns which rows converged, (R,).
    """
    count = model.node.size
    slack = count - 1
    voltage = np.empty(count, np.complex128)
    diagonal = np.empty((count, LANES), np.complex128)
    diagonal[:] = _node_state(model, node_voltage, drawn, voltage).reshape(count, 1)
    gradient = np.zeros((count, LANES), np.complex128)
    solution = np.empty((count, LANES), np.complex128)
    converged = np.zeros(kind.size, np.bool_)
    for first in range(0, kind.size, LANES):
        used = min(LANES, kind.size - first)
        gradient[:] = 0.0
        for k in range(used):
            _set_gradient(model, voltage, kind[first + k], element[first + k], gradient[:, k])
        done = _adjoint(model, diagonal, gradient, solution)
        for k in range(used):
            converged[first + k] = done[k]
            for bus in range(model.bus_position.size):
                j = model.bus_position[bus]
                if j == slack:
                    rows[first + k, bus] = 0.0
                    continue
                injected = (solution[j, k] / voltage[j]).real
                if kind[first + k] == LOSS:
                    rows[first + k, bus] = -injected - 1.0
                else:
                    rows[first + k, bus] = -injected / model.base_kw
    return converged


@_compile
def loss_rows_of_many(
    model: Model, node_voltage: Complexes, drawn: Complexes, rows: Floats
) -> Booleans:
    """Fill `rows` (B, K) with d losses / d power drawn of B states, 16 states at a time.

    `node_voltage` is (B, n), `drawn` (B, K) kW + j kvar. Returns which states converged, (B,).
    """
    states, count = node_voltage.shape
    slack = count - 1
    voltage = np.empty(count, np.complex128)
    voltages = np.empty((count, LANES), np.complex128)
    diagonal = np.zeros((count, LANES), np.complex128)
    gradient = np.zeros((count, LANES), np.complex128)
    solution = np.empty((count, LANES), np.complex128)
    converged = np.zeros(states, np.bool_)
    for first in range(0, states, LANES):
        used = min(LANES, states - first)
        gradient[:] = 0.0
        diagonal[:] = 0.0
        for k in range(used):
            state = first + k
            diagonal[:, k] = _node_state(model, node_voltage[state], drawn[state], voltage)
            _set_gradient(model, voltage, LOSS, 0, gradient[:, k])
            voltages[:, k] = voltage
        done = _adjoint(model, diagonal, gradient, solution)
        for k in range(used):
            converged[first + k] = done[k]
            for bus in range(model.bus_position.size):
                j = model.bus_position[bus]
                rows[first + k, bus] = (
                    0.0 if j == slack else -(solution[j, k] / voltages[j, k]).real - 1.0
                )
    return converged


@_compile
def adjoint_rows_of_many(
    model: Model,
    node_voltage: Complexes,
    drawn: Complexes,
    targets: tuple[Integers, Integers, Integers],
    rows: Floats,
) -> Booleans:
    """Fill `rows` (R, K) with derivatives to the power drawn, each at a state of its own.

    `node_voltage` is (B, n), `drawn` (B, K) kW + j kvar; `targets` are state, kind and element,
    (R,) each, kind and element as in `adjoint_rows`. Returns which rows converged, (R,).
    """
    state, kind, element = targets
    count = node_voltage.shape[1]
    slack = count - 1
    voltage = np.empty(count, np.complex128)
    here = np.zeros(count, np.complex128)
    voltages = np.ones((count, LANES), np.complex128)
    diagonal = np.zeros((count, LANES), np.complex128)
    gradient = np.zeros((count, LANES), np.complex128)
    solution = np.empty((count, LANES), np.complex128)
    converged = np.zeros(state.size, np.bool_)
    for first in range(0, state.size, LANES):
        used = min(LANES, state.size - first)
        gradient[:] = 0.0
        diagonal[:] = 0.0
        for k in range(used):
            at = state[first + k]
            if k == 0 or at != state[first + k - 1]:
                here[:] = _node_state(model, node_voltage[at], drawn[at], voltage)
            diagonal[:, k] = here
            voltages[:, k] = voltage
            _set_gradient(model, voltage, kind[first + k], element[first + k], gradient[:, k])
        done = _adjoint(model, diagonal, gradient, solution)
        for k in range(used):
            converged[first + k] = done[k]
            for bus in range(model.bus_position.size):
                j = model.bus_position[bus]
                injected = (solution[j, k] / voltages[j, k]).real
                rows[first + k, bus] = 0.0 if j == slack else -injected / model.base_kw
    return converged
