"""The compiled part of the sensitivities: adjoint solves, 16 gradients at a time.

For a real function f of the node voltages with ``df = Re(sum conj(g) dV)``: iterate
``a <- g - D conj(u)``, ``u = inverse(Y_ll)^H a`` with ``D = diag(conj(S) / conj(V)^2)``; then
``df/dP_i = Re(u_i / V_i)`` and ``df/dQ_i = -Im(u_i / V_i)`` for power injected at node i. The same
factorisation as the power flow serves, run backwards: U^H forward, L^H backward. A lane holds one
function of one state, so that functions of different states share a pass.
"""

from typing import NamedTuple

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

VOLTAGE, LOADING, LOSS, SLACK_KW, SLACK_KVAR = range(5)
ITERATIONS_MAX = 100
TOLERANCE = 1e-11  # of the largest entry of u


class Targets(NamedTuple):
    """What is differentiated, R functions: which quantity, of what, in which state."""

    state: Integers  # (R,) position among the states
    quantity: Integers  # (R,) VOLTAGE, LOADING, LOSS, SLACK_KW or SLACK_KVAR
    element: Integers  # (R,) bus or branch position; of no meaning for the other quantities


class Slopes(NamedTuple):
    """Derivatives to the power drawn at each of K buses, in the unit of what is differentiated."""

    per_kw: Floats  # (..., K) for a further kW drawn
    per_kvar: Floats  # (..., K) for a further kvar drawn


_compile = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")


@_compile
def _set_gradient(
    model: Model, voltage: Complexes, quantity: int, element: int, gradient: Complexes
) -> None:
    """Set the gradient (n,) of a voltage in p.u., a loading in percent or a power in p.u.

    `gradient` holds zeros before.
    """
    if quantity == VOLTAGE:
        j = model.bus_position[element]
        gradient[j] = voltage[j] / abs(voltage[j])
        return
    branches = (model.row_start.size - 2) // 2
    row = 2 * branches
    factor = voltage[voltage.size - 1]
    if quantity == SLACK_KVAR:
        factor = complex(factor.imag, -factor.real)
    if quantity == LOADING:
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
    model: Model, diagonal: Complexes, gradient: Complexes, solution: Complexes, used: int
) -> Booleans:
    """Set `solution` to u for each lane of `gradient` and D = `diagonal`, all (n, LANES).

    Only the first `used` lanes hold anything. Returns which of them converged.
    """
    count = model.pivot_real.size
    x_real, x_imag = np.zeros((count, LANES)), np.zeros((count, LANES))
    converged = np.zeros(used, np.bool_)
    change, largest = np.empty(LANES), np.empty(LANES)
    solution[:] = 0.0
    for _ in range(ITERATIONS_MAX):
        for j in range(count):
            for k in range(used):
                value = gradient[j, k] - diagonal[j, k] * solution[j, k].conjugate()
                x_real[j, k] = value.real
                x_imag[j, k] = value.imag
        _solve_transposed(model, x_real, x_imag)
        change[:] = 0.0
        largest[:] = 0.0
        for j in range(count):
            for k in range(used):
                if converged[k]:
                    continue
                value = complex(x_real[j, k], x_imag[j, k])
                change[k] = max(change[k], abs(value - solution[j, k]))
                largest[k] = max(largest[k], abs(value))
                solution[j, k] = value
        for k in range(used):
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
def _load_lanes(
    model: Model,
    node_voltage: Complexes,
    drawn: Complexes,
    states: Integers,
    lanes: tuple[Integers, Complexes, Complexes],
) -> None:
    """Bring up to 16 `states` into the lanes; a lane that holds its state already is left alone.

    `lanes` are the state that each lane holds (LANES,), its voltages and its D (n, LANES).
    """
    held, voltages, diagonals = lanes
    voltage = np.empty(model.node.size, np.complex128)
    diagonal = voltage
    current = -1
    for k in range(states.size):
        state = states[k]
        if held[k] == state:
            continue
        if state != current:
            diagonal = _node_state(model, node_voltage[state], drawn[state], voltage)
            current = state
        voltages[:, k] = voltage
        diagonals[:, k] = diagonal
        held[k] = state


@_compile
def _store_active(
    model: Model, quantity: Integers, voltages: Complexes, solution: Complexes, per_kw: Floats
) -> None:
    """Set `per_kw` (R, K) of the targets in the first R lanes of `voltages` and `solution`."""
    slack = model.node.size - 1
    for k in range(quantity.size):
        for bus in range(model.bus_position.size):
            j = model.bus_position[bus]
            if j == slack:
                # Comes straight from the grid above and moves no voltage.
                per_kw[k, bus] = 1.0 if quantity[k] == SLACK_KW else 0.0
                continue
            injected = (solution[j, k] / voltages[j, k]).real
            if quantity[k] == LOSS:
                per_kw[k, bus] = -injected - 1.0
            elif quantity[k] in (VOLTAGE, LOADING):
                per_kw[k, bus] = -injected / model.base_kw
            else:
                per_kw[k, bus] = -injected


@_compile
def _store_reactive(
    model: Model, quantity: Integers, voltages: Complexes, solution: Complexes, per_kvar: Floats
) -> None:
    """Set `per_kvar` (R, K) alike."""
    slack = model.node.size - 1
    for k in range(quantity.size):
        scale = 1.0 / model.base_kw if quantity[k] in (VOLTAGE, LOADING) else 1.0
        for bus in range(model.bus_position.size):
            j = model.bus_position[bus]
            if j == slack:
                per_kvar[k, bus] = 1.0 if quantity[k] == SLACK_KVAR else 0.0
            else:
                per_kvar[k, bus] = (solution[j, k] / voltages[j, k]).imag * scale


@_compile
def adjoint_slopes(
    model: Model, node_voltage: Complexes, drawn: Complexes, targets: Targets, slopes: Slopes
) -> Booleans:
    """Fill `slopes` (R, K) with derivatives of `targets` to the power drawn at each bus.

    `node_voltage` (B, n) and `drawn` (B, K), kW + j kvar, are the states. Voltages come in p.u.,
    loadings in percent, powers in kW or kvar. Where `slopes.per_kvar` has no rows, only the
    derivatives to active power are written. Returns which targets converged, (R,).
    """
    count = model.node.size
    held = np.full(LANES, -1)
    voltages = np.zeros((count, LANES), np.complex128)
    diagonals = np.zeros((count, LANES), np.complex128)
    gradient = np.zeros((count, LANES), np.complex128)
    solution = np.empty((count, LANES), np.complex128)
    converged = np.zeros(targets.state.size, np.bool_)
    for first in range(0, targets.state.size, LANES):
        last = min(first + LANES, targets.state.size)
        states = targets.state[first:last]
        _load_lanes(model, node_voltage, drawn, states, (held, voltages, diagonals))
        gradient[:] = 0.0
        quantity, element = targets.quantity[first:last], targets.element[first:last]
        for k in range(quantity.size):
            _set_gradient(model, voltages[:, k], quantity[k], element[k], gradient[:, k])
        converged[first:last] = _adjoint(model, diagonals, gradient, solution, last - first)
        _store_active(model, quantity, voltages, solution, slopes.per_kw[first:last])
        if slopes.per_kvar.shape[0] > 0:
            _store_reactive(model, quantity, voltages, solution, slopes.per_kvar[first:last])
    return converged
