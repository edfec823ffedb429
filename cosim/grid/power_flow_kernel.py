"""The compiled part of the power flow: 16 scenarios at a time through a sparse factorisation.

Fixed point on complex node voltages, ``V <- V0 + inverse(Y_ll) conj(S / V)``, with V0 the no-load
voltage and l all nodes but the slack. Nodes stand in elimination order ("positions"), the slack
last. Scenarios are handled in blocks of `LANES`, real and imaginary parts apart, the lane
innermost, so that every inner loop is one matrix entry times 16 numbers. A lane is frozen as soon
as its own residual is small enough, which makes a scenario's result independent of its batch.
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


class Work(NamedTuple):
    """Scratch arrays of one block, (n, LANES) or (LANES,)."""

    injection_real: Floats
    injection_imag: Floats
    voltage_real: Floats
    voltage_imag: Floats
    x_real: Floats
    x_imag: Floats
    residual: Floats  # (LANES,)
    active: Booleans  # (LANES,)
    converged: Booleans  # (LANES,)
    iterations: Integers  # (LANES,)


# "contract" allows fused multiply-add and nothing that would hide a NaN.
_compile = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")


@_compile  # type: ignore[untyped-decorator]  # numba has no types
def _load_block(model: Model, bus_kw: Floats, bus_kvar: Floats, first: int, work: Work) -> None:
    """Set injections of scenarios `first` and following; the last one fills up the block."""
    last = bus_kw.shape[0] - 1
    scale = 1.0 / model.base_kw
    for j in range(model.node.size):
        for k in range(LANES):
            work.injection_real[j, k] = model.fixed_real[j]
            work.injection_imag[j, k] = model.fixed_imag[j]
            work.voltage_real[j, k] = model.no_load_real[j]
            work.voltage_imag[j, k] = model.no_load_imag[j]
    for k in range(LANES):
        scenario = min(first + k, last)
        for bus in range(model.bus_position.size):
            j = model.bus_position[bus]
            work.injection_real[j, k] -= bus_kw[scenario, bus] * scale
            work.injection_imag[j, k] -= bus_kvar[scenario, bus] * scale
        work.active[k] = True
        work.converged[k] = False
        work.iterations[k] = model.iterations_max


@_compile  # type: ignore[untyped-decorator]
def _currents(work: Work, count: int) -> None:
    """Set x = conj(S / V)."""
    for j in range(count):
        for k in range(LANES):
            real = work.voltage_real[j, k]
            imag = work.voltage_imag[j, k]
            scale = 1.0 / (real * real + imag * imag)
            active = work.injection_real[j, k] * scale
            reactive = work.injection_imag[j, k] * scale
            work.x_real[j, k] = active * real + reactive * imag
            work.x_imag[j, k] = active * imag - reactive * real


@_compile  # type: ignore[untyped-decorator]
def _forward(model: Model, work: Work) -> None:
    """Solve L x = x in place, column by column."""
    for j in range(model.pivot_real.size):
        for entry in range(model.lower_start[j], model.lower_start[j + 1]):
            i = model.lower_row[entry]
            real = model.lower_real[entry]
            imag = model.lower_imag[entry]
            for k in range(LANES):
                x_real = work.x_real[j, k]
                x_imag = work.x_imag[j, k]
                work.x_real[i, k] -= real * x_real - imag * x_imag
                work.x_imag[i, k] -= real * x_imag + imag * x_real


@_compile  # type: ignore[untyped-decorator]
def _backward(model: Model, work: Work) -> None:
    """Solve U x = x in place, row by row, and take V = x + V0 over in active lanes."""
    for j in range(model.pivot_real.size - 1, -1, -1):
        for entry in range(model.upper_start[j], model.upper_start[j + 1]):
            i = model.upper_column[entry]
            real = model.upper_real[entry]
            imag = model.upper_imag[entry]
            for k in range(LANES):
                x_real = work.x_real[i, k]
                x_imag = work.x_imag[i, k]
                work.x_real[j, k] -= real * x_real - imag * x_imag
                work.x_imag[j, k] -= real * x_imag + imag * x_real
        real = model.pivot_real[j]
        imag = model.pivot_imag[j]
        zero_real = model.no_load_real[j]
        zero_imag = model.no_load_imag[j]
        for k in range(LANES):
            x_real = real * work.x_real[j, k] - imag * work.x_imag[j, k]
            x_imag = real * work.x_imag[j, k] + imag * work.x_real[j, k]
            work.x_real[j, k] = x_real
            work.x_imag[j, k] = x_imag
            new_real = x_real + zero_real
            new_imag = x_imag + zero_imag
            old_real = work.voltage_real[j, k]
            old_imag = work.voltage_imag[j, k]
            change = abs(new_real - old_real) + abs(new_imag - old_imag)
            # A NaN must win against every number, so the comparison is the negative one.
            if not change <= work.residual[k]:
                work.residual[k] = change
            work.voltage_real[j, k] = new_real if work.active[k] else old_real
            work.voltage_imag[j, k] = new_imag if work.active[k] else old_imag


@_compile  # type: ignore[untyped-decorator]
def _iterate(model: Model, work: Work) -> None:
    """Iterate a block until every lane has converged, diverged or reached the cap."""
    for iteration in range(1, model.iterations_max + 1):
        for k in range(LANES):
            work.residual[k] = 0.0
        _currents(work, model.pivot_real.size)
        _forward(model, work)
        _backward(model, work)
        running = False
        for k in range(LANES):
            if not work.active[k]:
                continue
            small = work.residual[k] < model.tolerance_pu
            if small or not work.residual[k] < DIVERGED_PU:
                work.active[k] = False
                work.converged[k] = small
                work.iterations[k] = iteration
            else:
                running = True
        if not running:
            return


@_compile  # type: ignore[untyped-decorator]
def _row_products(model: Model, row: int, work: Work, real: Floats, imag: Floats) -> None:
    """Set real, imag (LANES,) to one sparse row times the node voltages."""
    for k in range(LANES):
        real[k] = 0.0
        imag[k] = 0.0
    for entry in range(model.row_start[row], model.row_start[row + 1]):
        j = model.row_position[entry]
        row_real = model.row_real[entry]
        row_imag = model.row_imag[entry]
        for k in range(LANES):
            v_real = work.voltage_real[j, k]
            v_imag = work.voltage_imag[j, k]
            real[k] += row_real * v_real - row_imag * v_imag
            imag[k] += row_real * v_imag + row_imag * v_real


@_compile  # type: ignore[untyped-decorator]
def _store_block(model: Model, work: Work, first: int, solution: Solution) -> None:
    """Write voltages, loadings and slack power of a block to the scenarios it stands for."""
    branches = solution.loading_percent.shape[1]
    slack = model.node.size - 1
    used = min(LANES, solution.converged.size - first)
    real, imag = np.empty(LANES), np.empty(LANES)
    for j in range(slack + 1):
        for k in range(used):
            value = complex(work.voltage_real[j, k], work.voltage_imag[j, k])
            solution.node_voltage_pu[first + k, model.node[j]] = value
            work.x_real[j, k] = np.sqrt(value.real * value.real + value.imag * value.imag)
    for k in range(used):
        for bus in range(model.bus_position.size):
            solution.voltage_pu[first + k, bus] = work.x_real[model.bus_position[bus], k]
    for side in range(2):
        for branch in range(branches):
            _row_products(model, side * branches + branch, work, real, imag)
            for k in range(used):
                size = np.sqrt(real[k] * real[k] + imag[k] * imag[k])
                if side == 0 or not size <= solution.loading_percent[first + k, branch]:
                    solution.loading_percent[first + k, branch] = size
    _row_products(model, 2 * branches, work, real, imag)
    v_real, v_imag = model.no_load_real[slack], model.no_load_imag[slack]
    for k in range(used):
        network_kw = (v_real * real[k] + v_imag * imag[k]) * model.base_kw
        network_kvar = (v_imag * real[k] - v_real * imag[k]) * model.base_kw
        # What is drawn at the slack node itself comes straight from the grid above.
        solution.slack_kw[first + k] = network_kw - work.injection_real[slack, k] * model.base_kw
        solution.slack_kvar[first + k] = (
            network_kvar - work.injection_imag[slack, k] * model.base_kw
        )
        solution.converged[first + k] = work.converged[k]
        solution.iterations[first + k] = work.iterations[k]


@_compile  # type: ignore[untyped-decorator]
def solve_blocks(model: Model, bus_kw: Floats, bus_kvar: Floats, solution: Solution) -> None:
    """Solve all scenarios, bus_kw and bus_kvar (B, K), into `solution`."""
    shape = (model.node.size, LANES)
    work = Work(
        np.empty(shape),
        np.empty(shape),
        np.empty(shape),
        np.empty(shape),
        np.empty(shape),
        np.empty(shape),
        np.empty(LANES),
        np.empty(LANES, np.bool_),
        np.empty(LANES, np.bool_),
        np.empty(LANES, np.int64),
    )
    for first in range(0, bus_kw.shape[0], LANES):
        _load_block(model, bus_kw, bus_kvar, first, work)
        _iterate(model, work)
        _store_block(model, work, first, solution)
