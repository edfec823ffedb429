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

from cosim.grid.inverter_response import Ratings, Response, respond
from cosim.grid.newton_blocks import (
    BASE_P,
    BASE_Q,
    F_IMAG,
    F_REAL,
    OLD_IMAG,
    OLD_REAL,
    P_SLOPE,
    Q_SLOPE,
    ROWS,
    STEP_IMAG,
    STEP_REAL,
    V_IMAG,
    V_REAL,
    Blocks,
    Jacobian,
    P,
    Q,
    factorise,
    newton_step,
)
from cosim.grid.power_flow_kernel import LANES, Booleans, Floats, Integers, Model

STEPS_MAX = 60
HALVINGS = 12
DONE_PU = 1e-10
"""A full step shorter than this is the last: behind it the error is that of rounding."""
SHORT_PU = 1e-7
"""Steps shorter than this are taken unseen: mismatches that small are rounding."""
LEAST_GAIN = 1e-4
PART_LEAST = 1.5 * 0.5**HALVINGS
"""A lane that gains nothing on so short a part of its step is stuck."""


class Scene(NamedTuple):
    """What is drawn and which plants act, in p.u. of the base power; n scenarios, K buses."""

    drawn_p: Floats  # (n, K) besides the plants that respond
    drawn_q: Floats
    bus: Integers  # (A,) buses where a plant responds in any scenario
    ratings: Ratings  # (n, K) each


class Start(NamedTuple):
    """Where scenarios start, overwritten with where they end; positions in elimination order."""

    real: Floats  # (n, m + 1) voltage
    imag: Floats
    anchor_pu: Floats  # (n, K) plants see (1 - weight) * anchor + weight * voltage
    weight: Floats  # (n,) in [0, 1]; at 1 the anchor is of no effect
    converged: Booleans  # (n,) set
    steps: Integers  # (n,) what was needed is added


class Lanes(NamedTuple):
    """What is known of each scenario of a block, (LANES,)."""

    merit: Floats  # sum of squared mismatches
    before: Floats  # merit before the step
    size: Floats  # longest way a node goes
    part: Floats  # of the step that is taken
    active: Booleans


_compile = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")


@_compile
def _load_block(model: Model, scene: Scene, start: Start, first: int, work: Floats) -> Floats:
    """Set constant injections and voltages of a block; return its plants, (A, 5, LANES)."""
    last = scene.drawn_p.shape[0] - 1
    there = np.empty((scene.bus.size, 5, LANES))
    for j in range(model.node.size):
        for k in range(LANES):
            work[j, BASE_P, k] = model.fixed_real[j]
            work[j, BASE_Q, k] = model.fixed_imag[j]
            work[j, V_REAL, k] = start.real[min(first + k, last), j]
            work[j, V_IMAG, k] = start.imag[min(first + k, last), j]
    for k in range(LANES):
        scenario = min(first + k, last)
        for bus in range(model.bus_position.size):
            j = model.bus_position[bus]
            work[j, BASE_P, k] -= scene.drawn_p[scenario, bus]
            work[j, BASE_Q, k] -= scene.drawn_q[scenario, bus]
        for a in range(scene.bus.size):
            bus = scene.bus[a]
            there[a, 0, k] = scene.ratings.available[scenario, bus]
            there[a, 1, k] = scene.ratings.installed[scenario, bus]
            there[a, 2, k] = scene.ratings.apparent[scenario, bus]
            there[a, 3, k] = start.weight[scenario]
            there[a, 4, k] = (1.0 - start.weight[scenario]) * start.anchor_pu[scenario, bus]
    return there


@_compile
def _inject(model: Model, response: Response, scene: Scene, there: Floats, work: Floats) -> None:
    """Set what each node injects at its voltage, and its slopes."""
    slack = model.node.size - 1
    for j in range(slack):
        node = work[j]
        for k in range(LANES):
            node[P, k] = node[BASE_P, k]
            node[Q, k] = node[BASE_Q, k]
            node[P_SLOPE, k] = 0.0
            node[Q_SLOPE, k] = 0.0
    for a in range(scene.bus.size):
        j = model.bus_position[scene.bus[a]]
        if j == slack:
            continue
        node = work[j]
        for k in range(LANES):
            weight = there[a, 3, k]
            voltage = np.sqrt(node[V_REAL, k] ** 2 + node[V_IMAG, k] ** 2)
            seen = there[a, 4, k] + weight * voltage
            fed, absorbed, fed_slope, absorbed_slope = respond(
                response, seen, there[a, 0, k], there[a, 1, k], there[a, 2, k]
            )
            node[P, k] += fed
            node[Q, k] -= absorbed
            node[P_SLOPE, k] += weight * fed_slope
            node[Q_SLOPE, k] -= weight * absorbed_slope


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
                real * w_real - imag * w_imag - (node[P, k] * v_real + node[Q, k] * v_imag) * scale
            )
            node[F_IMAG, k] = (
                real * w_imag + imag * w_real - (node[P, k] * v_imag - node[Q, k] * v_real) * scale
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
def _walk(work: Floats, part: Floats) -> None:
    """Set V to `part` of the step from where it was."""
    lanes = work.shape[2]
    for j in range(work.shape[0] - 1):
        node = work[j]
        for k in range(lanes):
            node[V_REAL, k] = node[OLD_REAL, k] + part[k] * node[STEP_REAL, k]
            node[V_IMAG, k] = node[OLD_IMAG, k] + part[k] * node[STEP_IMAG, k]


@_compile
def _stride(
    model: Model,
    blocks: Blocks,
    response: Response,
    block: tuple[Scene, Floats, Floats],
    lanes: Lanes,
) -> None:
    """Take each lane's step, or the largest half, quarter and so on that lowers its mismatch."""
    scene, there, work = block
    for j in range(model.node.size - 1):
        for k in range(LANES):
            work[j, OLD_REAL, k] = work[j, V_REAL, k]
            work[j, OLD_IMAG, k] = work[j, V_IMAG, k]
    lanes.before[:] = lanes.merit
    lanes.part[:] = 1.0
    for _ in range(HALVINGS):
        _walk(work, lanes.part)
        _inject(model, response, scene, there, work)
        _mismatch(model, blocks, work, lanes.merit)
        again = False
        for k in range(LANES):
            lower = lanes.merit[k] <= (1.0 - LEAST_GAIN * lanes.part[k]) * lanes.before[k]
            short = lanes.size[k] * lanes.part[k] <= SHORT_PU
            if lanes.active[k] and not lower and not short:
                lanes.part[k] *= 0.5
                again = True
        if not again:
            return


@_compile
def _close(lanes: Lanes, start: Start, first: int, step: int, work: Floats) -> bool:
    """Write lanes that are done or cannot go on; return whether others still run."""
    running = False
    last = start.converged.size - 1
    for k in range(LANES):
        if not lanes.active[k]:
            continue
        done = lanes.part[k] == 1.0 and lanes.size[k] < DONE_PU
        stuck = lanes.part[k] < PART_LEAST or not np.isfinite(lanes.merit[k])
        if not done and not stuck and step < STEPS_MAX:
            running = True
            continue
        lanes.active[k] = False
        if first + k <= last:
            start.converged[first + k] = done
            start.steps[first + k] += step
            for j in range(work.shape[0] - 1):
                start.real[first + k, j] = work[j, V_REAL, k]
                start.imag[first + k, j] = work[j, V_IMAG, k]
    return running


@_compile
def solve_controlled(
    model: Model, blocks: Blocks, response: Response, scene: Scene, start: Start
) -> None:
    """Find voltages at which every plant does what its curves ask, per scenario.

    They replace those of `start`; where `start.converged` is False they are of the last step and
    mean nothing.
    """
    count, entries = model.node.size - 1, blocks.row.size
    jacobian = Jacobian(
        np.empty((count, 4, LANES)), np.empty((entries, 4, LANES)), np.empty((entries, 4, LANES))
    )
    work = np.zeros((count + 1, ROWS, LANES))
    lanes = Lanes(
        np.empty(LANES),
        np.empty(LANES),
        np.empty(LANES),
        np.empty(LANES),
        np.empty(LANES, np.bool_),
    )
    for first in range(0, scene.drawn_p.shape[0], LANES):
        there = _load_block(model, scene, start, first, work)
        lanes.active[:] = True
        _inject(model, response, scene, there, work)
        _mismatch(model, blocks, work, lanes.merit)
        for step in range(1, STEPS_MAX + 1):
            _linearise(model, blocks, work, jacobian)
            factorise(blocks, jacobian)
            newton_step(blocks, jacobian, work, lanes.size)
            _stride(model, blocks, response, (scene, there, work), lanes)
            if not _close(lanes, start, first, step, work):
                break
