"""The compiled power flow of plants whose power follows their voltage, 16 scenarios at a time.

Newton's method on the current balance ``Y (V - V0) = conj(S(|V|) / V)``: a plant's curve only
changes the 2 x 2 block of its own node, so each step factorises a matrix with the pattern of the
plain power flow's, which is as sparse as the feeder is radial. Steep curves do not slow it down,
as they would a fixed point. A step that does not lower the mismatch is halved, lane by lane, and a
lane is done on its own last step: no scenario changes another's result.
"""

from typing import NamedTuple

import numba
import numpy as np

from cosim.grid.inverter_response import Response, respond
from cosim.grid.power_flow_kernel import LANES, Booleans, Floats, Integers, Model

STEPS_MAX = 60
HALVINGS = 12
DONE_PU = 1e-10
"""A full step shorter than this is the last: behind it the error is that of rounding."""
SHORT_PU = 1e-7
"""Steps shorter than this are taken unseen: mismatches that small are rounding."""
LEAST_GAIN = 1e-4


class Blocks(NamedTuple):
    """The admittance matrix in elimination order, m = n - 1 positions without the slack."""

    start: Integers  # (m + 1,) entries of each column below the diagonal, fill-in included
    row: Integers  # (E,) position
    lower_real: Floats  # (E,) admittance of (row, column)
    lower_imag: Floats
    upper_real: Floats  # (E,) admittance of (column, row)
    upper_imag: Floats
    diagonal_real: Floats  # (m,)
    diagonal_imag: Floats
    pair_start: Integers  # (m + 1,) pairs of entries of each column, all with all
    pair_target: Integers  # where their product goes: an entry, or the position on the diagonal


class Plants(NamedTuple):
    """What acts beside the constant power, in p.u. of the base power."""

    bus: Integers  # (A,) buses with a plant in any scenario
    available: Floats  # (n, K) >= 0
    installed: Floats  # (n, K)
    apparent: Floats  # (n, K)


class Jacobian(NamedTuple):
    """2 x 2 blocks, real, row by row in the second axis; (.., 4, LANES)."""

    diagonal: Floats
    lower: Floats
    upper: Floats


# Rows of a node in the work array (n, ROWS, LANES).
V_REAL, V_IMAG, OLD_REAL, OLD_IMAG, STEP_REAL, STEP_IMAG, F_REAL, F_IMAG = range(8)
BASE_P, BASE_Q, P, Q, P_SLOPE, Q_SLOPE, KEPT = range(8, 15)
ROWS = 15

_compile = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")


@_compile
def _load_block(
    model: Model, plants: Plants, bus_pu: Floats, bus_q_pu: Floats, first: int, work: Floats
) -> Floats:
    """Set constant injections of a block; return its plants, (A, 3, LANES)."""
    last = bus_pu.shape[0] - 1
    there = np.empty((plants.bus.size, 3, LANES))
    for j in range(model.node.size):
        for k in range(LANES):
            work[j, BASE_P, k] = model.fixed_real[j]
            work[j, BASE_Q, k] = model.fixed_imag[j]
            work[j, V_REAL, k] = model.no_load_real[j]
            work[j, V_IMAG, k] = model.no_load_imag[j]
    for k in range(LANES):
        scenario = min(first + k, last)
        for bus in range(model.bus_position.size):
            j = model.bus_position[bus]
            work[j, BASE_P, k] -= bus_pu[scenario, bus]
            work[j, BASE_Q, k] -= bus_q_pu[scenario, bus]
        for a in range(plants.bus.size):
            bus = plants.bus[a]
            there[a, 0, k] = plants.available[scenario, bus]
            there[a, 1, k] = plants.installed[scenario, bus]
            there[a, 2, k] = plants.apparent[scenario, bus]
    return there


@_compile
def _inject(
    model: Model, response: Response, plants: Plants, there: Floats, work: Floats
) -> None:
    """Set what each node injects at its voltage, and its slopes."""
    slack = model.node.size - 1
    for j in range(slack):
        node = work[j]
        for k in range(LANES):
            node[P, k] = node[BASE_P, k]
            node[Q, k] = node[BASE_Q, k]
            node[P_SLOPE, k] = 0.0
            node[Q_SLOPE, k] = 0.0
    for a in range(plants.bus.size):
        j = model.bus_position[plants.bus[a]]
        if j == slack:
            continue
        node = work[j]
        for k in range(LANES):
            voltage = np.sqrt(node[V_REAL, k] ** 2 + node[V_IMAG, k] ** 2)
            fed, absorbed, fed_slope, absorbed_slope = respond(
                response, voltage, there[a, 0, k], there[a, 1, k], there[a, 2, k]
            )
            node[P, k] += fed
            node[Q, k] -= absorbed
            node[P_SLOPE, k] += fed_slope
            node[Q_SLOPE, k] -= absorbed_slope


@_compile
def _mismatch(model: Model, blocks: Blocks, work: Floats, merit: Floats) -> None:
    """Set F = Y (V - V0) - conj(S / V) and the sum of its squares, per lane."""
    lanes = work.shape[2]
    count = model.node.size - 1
    for j in range(count):
        node = work[j]
        zero_real, zero_imag = model.no_load_real[j], model.no_load_imag[j]
        real, imag = blocks.diagonal_real[j], blocks.diagonal_imag[j]
        for k in range(lanes):
            v_real, v_imag = node[V_REAL, k], node[V_IMAG, k]
            scale = 1.0 / (v_real * v_real + v_imag * v_imag)
            w_real, w_imag = v_real - zero_real, v_imag - zero_imag
            node[F_REAL, k] = (
                real * w_real
                - imag * w_imag
                - (node[P, k] * v_real + node[Q, k] * v_imag) * scale
            )
            node[F_IMAG, k] = (
                real * w_imag
                + imag * w_real
                - (node[P, k] * v_imag - node[Q, k] * v_real) * scale
            )
    merit[:] = 0.0
    for j in range(count):
        node = work[j]
        zero_real, zero_imag = model.no_load_real[j], model.no_load_imag[j]
        for entry in range(blocks.start[j], blocks.start[j + 1]):
            i = blocks.row[entry]
            other = work[i]
            low_real, low_imag = blocks.lower_real[entry], blocks.lower_imag[entry]
            up_real, up_imag = blocks.upper_real[entry], blocks.upper_imag[entry]
            other_real, other_imag = model.no_load_real[i], model.no_load_imag[i]
            for k in range(lanes):
                w_real, w_imag = node[V_REAL, k] - zero_real, node[V_IMAG, k] - zero_imag
                x_real, x_imag = other[V_REAL, k] - other_real, other[V_IMAG, k] - other_imag
                other[F_REAL, k] += low_real * w_real - low_imag * w_imag
                other[F_IMAG, k] += low_real * w_imag + low_imag * w_real
                node[F_REAL, k] += up_real * x_real - up_imag * x_imag
                node[F_IMAG, k] += up_real * x_imag + up_imag * x_real
        for k in range(lanes):  # every column before has been added: this row is whole
            merit[k] += node[F_REAL, k] * node[F_REAL, k] + node[F_IMAG, k] * node[F_IMAG, k]


@_compile
def _linearise(model: Model, blocks: Blocks, work: Floats, jacobian: Jacobian) -> None:
    """Set the blocks of the derivative of F to the real and imaginary part of V."""
    lanes = work.shape[2]
    for j in range(model.node.size - 1):
        node, block = work[j], jacobian.diagonal[j]
        g, b = blocks.diagonal_real[j], blocks.diagonal_imag[j]
        for k in range(lanes):
            x, y = node[V_REAL, k], node[V_IMAG, k]
            p, q = node[P, k], node[Q, k]
            scale = 1.0 / (x * x + y * y)
            slope = np.sqrt(scale) * scale
            real, imag = (p * x + q * y) * scale, (p * y - q * x) * scale
            # Along |V| the current falls as 1 / |V|, and the power itself may change.
            real_slope = slope * (node[P_SLOPE, k] * x + node[Q_SLOPE, k] * y) - 2.0 * scale * real
            imag_slope = slope * (node[P_SLOPE, k] * y - node[Q_SLOPE, k] * x) - 2.0 * scale * imag
            block[0, k] = g - p * scale - real_slope * x
            block[1, k] = -b - q * scale - real_slope * y
            block[2, k] = b + q * scale - imag_slope * x
            block[3, k] = g - p * scale - imag_slope * y
    for entry in range(blocks.row.size):
        lower, upper = jacobian.lower[entry], jacobian.upper[entry]
        for k in range(lanes):
            lower[0, k] = blocks.lower_real[entry]
            lower[1, k] = -blocks.lower_imag[entry]
            lower[2, k] = blocks.lower_imag[entry]
            lower[3, k] = blocks.lower_real[entry]
            upper[0, k] = blocks.upper_real[entry]
            upper[1, k] = -blocks.upper_imag[entry]
            upper[2, k] = blocks.upper_imag[entry]
            upper[3, k] = blocks.upper_real[entry]


@_compile
def _factorise(blocks: Blocks, jacobian: Jacobian) -> None:
    """Turn the blocks into those of L and U in place; the diagonal into its inverses."""
    lanes = jacobian.diagonal.shape[2]
    for j in range(blocks.diagonal_real.size):
        block = jacobian.diagonal[j]
        for k in range(lanes):
            a, b, c, d = block[0, k], block[1, k], block[2, k], block[3, k]
            scale = 1.0 / (a * d - b * c)
            block[0, k] = d * scale
            block[1, k] = -b * scale
            block[2, k] = -c * scale
            block[3, k] = a * scale
        pair = blocks.pair_start[j]
        for one in range(blocks.start[j], blocks.start[j + 1]):
            lower = jacobian.lower[one]
            for k in range(lanes):
                a, b, c, d = lower[0, k], lower[1, k], lower[2, k], lower[3, k]
                lower[0, k] = a * block[0, k] + b * block[2, k]
                lower[1, k] = a * block[1, k] + b * block[3, k]
                lower[2, k] = c * block[0, k] + d * block[2, k]
                lower[3, k] = c * block[1, k] + d * block[3, k]
            for two in range(blocks.start[j], blocks.start[j + 1]):
                upper = jacobian.upper[two]
                place = blocks.pair_target[pair]
                pair += 1
                if blocks.row[one] == blocks.row[two]:
                    target = jacobian.diagonal[place]
                elif blocks.row[one] > blocks.row[two]:
                    target = jacobian.lower[place]
                else:
                    target = jacobian.upper[place]
                for k in range(lanes):
                    target[0, k] -= lower[0, k] * upper[0, k] + lower[1, k] * upper[2, k]
                    target[1, k] -= lower[0, k] * upper[1, k] + lower[1, k] * upper[3, k]
                    target[2, k] -= lower[2, k] * upper[0, k] + lower[3, k] * upper[2, k]
                    target[3, k] -= lower[2, k] * upper[1, k] + lower[3, k] * upper[3, k]


@_compile
def _newton_step(blocks: Blocks, jacobian: Jacobian, work: Floats, size: Floats) -> None:
    """Set the step that removes F, and the longest way a node goes, per lane."""
    lanes = work.shape[2]
    count = blocks.diagonal_real.size
    for j in range(count):
        for k in range(lanes):
            work[j, STEP_REAL, k] = -work[j, F_REAL, k]
            work[j, STEP_IMAG, k] = -work[j, F_IMAG, k]
    for j in range(count):
        node = work[j]
        for entry in range(blocks.start[j], blocks.start[j + 1]):
            other, lower = work[blocks.row[entry]], jacobian.lower[entry]
            for k in range(lanes):
                x, y = node[STEP_REAL, k], node[STEP_IMAG, k]
                other[STEP_REAL, k] -= lower[0, k] * x + lower[1, k] * y
                other[STEP_IMAG, k] -= lower[2, k] * x + lower[3, k] * y
    size[:] = 0.0
    for j in range(count - 1, -1, -1):
        node, block = work[j], jacobian.diagonal[j]
        for entry in range(blocks.start[j], blocks.start[j + 1]):
            other, upper = work[blocks.row[entry]], jacobian.upper[entry]
            for k in range(lanes):
                x, y = other[STEP_REAL, k], other[STEP_IMAG, k]
                node[STEP_REAL, k] -= upper[0, k] * x + upper[1, k] * y
                node[STEP_IMAG, k] -= upper[2, k] * x + upper[3, k] * y
        for k in range(lanes):
            x, y = node[STEP_REAL, k], node[STEP_IMAG, k]
            node[STEP_REAL, k] = block[0, k] * x + block[1, k] * y
            node[STEP_IMAG, k] = block[2, k] * x + block[3, k] * y
            way = abs(node[STEP_REAL, k]) + abs(node[STEP_IMAG, k])
            size[k] = size[k] if way <= size[k] else way  # a NaN wins


@_compile
def _walk(work: Floats, part: Floats) -> None:
    """Set V to `part` of the step from where it was."""
    lanes = work.shape[2]
    for j in range(work.shape[0] - 1):
        node = work[j]
        for k in range(lanes):
            node[V_REAL, k] = node[OLD_REAL, k] + part[k] * node[STEP_REAL, k]
            node[V_IMAG, k] = node[OLD_IMAG, k] + part[k] * node[STEP_IMAG, k]


@_compile
def solve_controlled(
    model: Model,
    blocks: Blocks,
    response: Response,
    plants: Plants,
    bus_pu: Floats,
    bus_q_pu: Floats,
    voltage_pu: Floats,
    converged: Booleans,
    steps: Integers,
) -> None:
    """Find voltages (n, K) at which every plant does what its curves ask, per scenario.

    `bus_pu` and `bus_q_pu` (n, K) are drawn besides the plants. Where `converged` (n,) stays False
    the voltages are those of the last step and mean nothing.
    """
    count = model.node.size - 1
    entries = blocks.row.size
    jacobian = Jacobian(
        np.empty((count, 4, LANES)), np.empty((entries, 4, LANES)), np.empty((entries, 4, LANES))
    )
    work = np.zeros((count + 1, ROWS, LANES))
    merit, before, size = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    part = np.empty(LANES)
    active, halve = np.empty(LANES, np.bool_), np.empty(LANES, np.bool_)
    for first in range(0, bus_pu.shape[0], LANES):
        used = min(LANES, bus_pu.shape[0] - first)
        there = _load_block(model, plants, bus_pu, bus_q_pu, first, work)
        active[:] = True
        _inject(model, response, plants, there, work)
        _mismatch(model, blocks, work, merit)
        for step in range(1, STEPS_MAX + 1):
            _linearise(model, blocks, work, jacobian)
            _factorise(blocks, jacobian)
            _newton_step(blocks, jacobian, work, size)
            for j in range(count):
                for k in range(LANES):
                    work[j, OLD_REAL, k] = work[j, V_REAL, k]
                    work[j, OLD_IMAG, k] = work[j, V_IMAG, k]
            before[:] = merit
            part[:] = 1.0
            for _ in range(HALVINGS):
                _walk(work, part)
                _inject(model, response, plants, there, work)
                _mismatch(model, blocks, work, merit)
                anybody = False
                for k in range(LANES):
                    lower = merit[k] <= (1.0 - LEAST_GAIN * part[k]) * before[k]
                    halve[k] = active[k] and not lower and size[k] * part[k] > SHORT_PU
                    anybody |= halve[k]
                if not anybody:
                    break
                for k in range(LANES):
                    if halve[k]:
                        part[k] *= 0.5
            running = False
            for k in range(LANES):
                if not active[k]:
                    continue
                small = part[k] == 1.0 and size[k] < DONE_PU
                if small or not np.isfinite(merit[k]) or step == STEPS_MAX:
                    active[k] = False
                    for j in range(count + 1):
                        work[j, KEPT, k] = np.sqrt(work[j, V_REAL, k] ** 2 + work[j, V_IMAG, k] ** 2)
                    if k < used:
                        converged[first + k] = small
                        steps[first + k] = step
                else:
                    running = True
            if not running:
                break
        for k in range(used):
            for bus in range(model.bus_position.size):
                voltage_pu[first + k, bus] = work[model.bus_position[bus], KEPT, k]
