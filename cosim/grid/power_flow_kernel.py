"""The compiled part of the power flow: 16 scenarios at a time through a sparse factorisation.

Fixed point on complex node voltages, ``V <- V0 + inverse(Y_ll) conj(S / V)``, with V0 the no-load
voltage and l all nodes but the slack. Nodes stand in elimination order ("positions"), the slack
last. Scenarios are handled in blocks of `LANES`, real and imaginary parts apart, the lane
innermost, so that every inner loop is one matrix entry times 16 numbers. A lane's voltages are
kept as soon as its own residual is small enough, whatever the others still need, which makes a
scenario's result independent of its batch.
"""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Complexes = NDArray[np.complex128]

LANES = 16
DIVERGED_PU = 1e6


class Model(NamedTuple):
    """What the kernels need of a feeder, m = n - 1 positions without the slack."""

    lower_start: Integers  # (m + 1,) L strictly below the diagonal, by columns
    lower_row: Integers
    lower_real: Floats
    lower_imag: Floats
    upper_start: Integers  # (m + 1,) U strictly above the diagonal, by rows
    upper_column: Integers
    upper_real: Floats
    upper_imag: Floats
    pivot_real: Floats  # (m,) reciprocals of the diagonal of U
    pivot_imag: Floats
    no_load_real: Floats  # (n,) voltages without any load, the slack's last
    no_load_imag: Floats
    node: Integers  # (n,) node at each position
    bus_position: Integers  # (K,)
    fixed_real: Floats  # (n,) constant injection
    fixed_imag: Floats
    row_start: Integers  # (2 L + 2,) rows: loading at "from", loading at "to", slack current
    row_position: Integers
    row_real: Floats
    row_imag: Floats
    base_kw: float
    tolerance_pu: float
    iterations_max: int


class Solution(NamedTuple):
    """Arrays that `solve_blocks` fills; see `cosim.records.GridState`."""

    node_voltage_pu: Complexes  # (B, n)
    voltage_pu: Floats  # (B, K)
    loading_percent: Floats  # (B, L)
    slack_kw: Floats  # (B,)
    slack_kvar: Floats  # (B,)
    converged: Booleans  # (B,)
    iterations: Integers  # (B,)


# Rows of a node in the work array (n, ROWS, LANES). One array, so that the compiler sees that rows
# of the same node never overlap and can use vector instructions.
X_REAL, X_IMAG, V_REAL, V_IMAG, P, Q, KEPT_REAL, KEPT_IMAG = range(8)
ROWS = 8

# "contract" allows fused multiply-add and nothing that would hide a NaN.
_compile = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")


@_compile
def _load_block(model: Model, bus_kw: Floats, bus_kvar: Floats, first: int, work: Floats) -> None:
    """Set injections of scenarios `first` and following; the last one fills up the block."""
    last = bus_kw.shape[0] - 1
    scale = 1.0 / model.base_kw
    for j in range(model.node.size):
        node = work[j]
        for k in range(LANES):
            node[P, k] = model.fixed_real[j]
            node[Q, k] = model.fixed_imag[j]
            node[V_REAL, k] = model.no_load_real[j]
            node[V_IMAG, k] = model.no_load_imag[j]
            node[X_REAL, k] = 0.0
            node[X_IMAG, k] = 0.0
    for k in range(LANES):
        scenario = min(first + k, last)
        for bus in range(model.bus_position.size):
            j = model.bus_position[bus]
            work[j, P, k] -= bus_kw[scenario, bus] * scale
            work[j, Q, k] -= bus_kvar[scenario, bus] * scale


@_compile
def _find_busy(model: Model, work: Floats, busy: Booleans, live: Booleans) -> None:
    """Mark nodes with an injection in any lane, and those plus all that come behind them."""
    for j in range(model.pivot_real.size):
        busy[j] = False
        for k in range(LANES):
            busy[j] |= work[j, P, k] != 0.0 or work[j, Q, k] != 0.0
        live[j] = busy[j]
    for j in range(model.pivot_real.size):
        if live[j]:
            for entry in range(model.lower_start[j], model.lower_start[j + 1]):
                live[model.lower_row[entry]] = True


@_compile
def _currents(work: Floats, busy: Booleans) -> None:
    """Set x = conj(S / V)."""
    for j in range(busy.size):
        node = work[j]
        if not busy[j]:
            for k in range(LANES):
                node[X_REAL, k] = 0.0
                node[X_IMAG, k] = 0.0
            continue
        for k in range(LANES):
            real = node[V_REAL, k]
            imag = node[V_IMAG, k]
            scale = 1.0 / (real * real + imag * imag)
            active = node[P, k] * scale
            reactive = node[Q, k] * scale
            node[X_REAL, k] = active * real + reactive * imag
            node[X_IMAG, k] = active * imag - reactive * real


@_compile
def _forward(model: Model, work: Floats, live: Booleans) -> None:
    """Solve L x = x in place, column by column; columns of zeros are left out."""
    lanes = work.shape[2]  # not the constant: it would be unrolled before it is vectorised
    for j in range(live.size):
        if not live[j]:
            continue
        node = work[j]
        for entry in range(model.lower_start[j], model.lower_start[j + 1]):
            other = work[model.lower_row[entry]]
            real = model.lower_real[entry]
            imag = model.lower_imag[entry]
            for k in range(lanes):
                x_real = node[X_REAL, k]
                x_imag = node[X_IMAG, k]
                other[X_REAL, k] -= real * x_real - imag * x_imag
                other[X_IMAG, k] -= real * x_imag + imag * x_real


@_compile
def _backward(model: Model, work: Floats, residual: Floats) -> None:
    """Solve U x = x in place, row by row; set V = x + V0 and how far each lane has moved."""
    lanes = work.shape[2]
    residual[:] = 0.0
    for j in range(model.pivot_real.size - 1, -1, -1):
        node = work[j]
        for entry in range(model.upper_start[j], model.upper_start[j + 1]):
            other = work[model.upper_column[entry]]
            real = model.upper_real[entry]
            imag = model.upper_imag[entry]
            for k in range(lanes):
                x_real = other[X_REAL, k]
                x_imag = other[X_IMAG, k]
                node[X_REAL, k] -= real * x_real - imag * x_imag
                node[X_IMAG, k] -= real * x_imag + imag * x_real
        real = model.pivot_real[j]
        imag = model.pivot_imag[j]
        zero_real = model.no_load_real[j]
        zero_imag = model.no_load_imag[j]
        for k in range(lanes):
            x_real = real * node[X_REAL, k] - imag * node[X_IMAG, k]
            x_imag = real * node[X_IMAG, k] + imag * node[X_REAL, k]
            node[X_REAL, k] = x_real
            node[X_IMAG, k] = x_imag
            new_real = x_real + zero_real
            new_imag = x_imag + zero_imag
            change = abs(new_real - node[V_REAL, k]) + abs(new_imag - node[V_IMAG, k])
            # A NaN must win against every number, so the comparison is the negative one.
            residual[k] = residual[k] if change <= residual[k] else change
            node[V_REAL, k] = new_real
            node[V_IMAG, k] = new_imag


@_compile
def _keep(work: Floats, lane: int) -> None:
    """Put a lane's voltages aside: what later iterations do to them no longer matters."""
    for j in range(work.shape[0]):
        work[j, KEPT_REAL, lane] = work[j, V_REAL, lane]
        work[j, KEPT_IMAG, lane] = work[j, V_IMAG, lane]


@_compile
def _iterate(model: Model, work: Floats, converged: Booleans, iterations: Integers) -> None:
    """Iterate a block until every lane has converged, diverged or reached the cap."""
    count = model.pivot_real.size
    busy, live = np.empty(count, np.bool_), np.empty(count, np.bool_)
    _find_busy(model, work, busy, live)
    residual = np.empty(LANES)
    active = np.ones(LANES, np.bool_)
    converged[:] = False
    iterations[:] = model.iterations_max
    for iteration in range(1, model.iterations_max + 1):
        _currents(work, busy)
        _forward(model, work, live)
        _backward(model, work, residual)
        running = False
        for k in range(LANES):
            if not active[k]:
                continue
            small = residual[k] < model.tolerance_pu
            if small or not residual[k] < DIVERGED_PU or iteration == model.iterations_max:
                active[k] = False
                converged[k] = small
                iterations[k] = iteration
                _keep(work, k)
            else:
                running = True
        if not running:
            return


@_compile
def _row_products(model: Model, row: int, work: Floats, real: Floats, imag: Floats) -> None:
    """Set real, imag (LANES,) to one sparse row times the node voltages."""
    lanes = work.shape[2]
    real[:] = 0.0
    imag[:] = 0.0
    for entry in range(model.row_start[row], model.row_start[row + 1]):
        node = work[model.row_position[entry]]
        row_real = model.row_real[entry]
        row_imag = model.row_imag[entry]
        for k in range(lanes):
            real[k] += row_real * node[KEPT_REAL, k] - row_imag * node[KEPT_IMAG, k]
            imag[k] += row_real * node[KEPT_IMAG, k] + row_imag * node[KEPT_REAL, k]


@_compile
def _store_voltages(model: Model, work: Floats, first: int, used: int, solution: Solution) -> None:
    """Write the voltages of a block to the scenarios it stands for."""
    for j in range(model.node.size):
        node = work[j]
        for k in range(LANES):
            real, imag = node[KEPT_REAL, k], node[KEPT_IMAG, k]
            node[X_REAL, k] = np.sqrt(real * real + imag * imag)
    for k in range(used):
        for j in range(model.node.size):
            value = complex(work[j, KEPT_REAL, k], work[j, KEPT_IMAG, k])
            solution.node_voltage_pu[first + k, model.node[j]] = value
        for bus in range(model.bus_position.size):
            solution.voltage_pu[first + k, bus] = work[model.bus_position[bus], X_REAL, k]


@_compile
def _store_flows(model: Model, work: Floats, first: int, used: int, solution: Solution) -> None:
    """Write the loadings and the slack power of a block."""
    branches = solution.loading_percent.shape[1]
    slack = model.node.size - 1
    real, imag, squared = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for branch in range(branches):
        _row_products(model, branch, work, real, imag)
        for k in range(LANES):
            squared[k] = real[k] * real[k] + imag[k] * imag[k]
        _row_products(model, branches + branch, work, real, imag)
        for k in range(LANES):
            other = real[k] * real[k] + imag[k] * imag[k]
            squared[k] = np.sqrt(squared[k] if other <= squared[k] else other)
        for k in range(used):
            solution.loading_percent[first + k, branch] = squared[k]
    _row_products(model, 2 * branches, work, real, imag)
    v_real, v_imag = model.no_load_real[slack], model.no_load_imag[slack]
    for k in range(used):
        # What is drawn at the slack node itself comes straight from the grid above.
        active = v_real * real[k] + v_imag * imag[k] - work[slack, P, k]
        reactive = v_imag * real[k] - v_real * imag[k] - work[slack, Q, k]
        solution.slack_kw[first + k] = active * model.base_kw
        solution.slack_kvar[first + k] = reactive * model.base_kw


@_compile
def solve_blocks(model: Model, bus_kw: Floats, bus_kvar: Floats, solution: Solution) -> None:
    """Solve all scenarios, bus_kw and bus_kvar (B, K), into `solution`."""
    work = np.empty((model.node.size, ROWS, LANES))
    converged, iterations = np.empty(LANES, np.bool_), np.empty(LANES, np.int64)
    for first in range(0, bus_kw.shape[0], LANES):
        used = min(LANES, bus_kw.shape[0] - first)
        _load_block(model, bus_kw, bus_kvar, first, work)
        _iterate(model, work, converged, iterations)
        _store_voltages(model, work, first, used, solution)
        _store_flows(model, work, first, used, solution)
        solution.converged[first : first + used] = converged[:used]
        solution.iterations[first : first + used] = iterations[:used]
