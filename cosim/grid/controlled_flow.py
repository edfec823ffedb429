"""Voltages of a feeder whose plants follow curves: set-up of the compiled Newton solver."""

from itertools import product
from weakref import WeakKeyDictionary

import numpy as np

from cosim.grid.controlled_kernel import Scene, Start, solve_controlled
from cosim.grid.inverter_response import Ratings, Response
from cosim.grid.newton_blocks import Blocks
from cosim.grid.power_flow import PowerFlow
from cosim.grid.power_flow_kernel import Model
from cosim.records import Booleans, Floats, Integers

WEIGHT_FIRST = 0.1
"""Of its own voltage that a plant sees at first where Newton's method failed."""
WEIGHT_LEAST = 1e-3
"""A scenario that fails even so has no power flow, or none that is found."""
ROUNDS = 40

_BLOCKS: WeakKeyDictionary[PowerFlow, Blocks] = WeakKeyDictionary()


def controlled_voltages(
    power_flow: PowerFlow, response: Response, scene: Scene
) -> tuple[Floats, Booleans, Integers]:
    """Return voltages (n, K), whether they were found (n,), and Newton's steps (n,)."""
    blocks = _BLOCKS.get(power_flow)
    if blocks is None:
        blocks = _BLOCKS.setdefault(power_flow, _build_blocks(power_flow))
    start = _at_no_load(power_flow, len(scene.drawn_p))
    solve_controlled(power_flow.model, blocks, response, scene, start)
    failed = np.flatnonzero(~start.converged)
    if len(failed):
        again = _at_no_load(power_flow, len(failed))
        _approach(power_flow.model, blocks, response, _some(scene, failed), again)
        start.real[failed], start.imag[failed] = again.real, again.imag
        start.converged[failed] = again.converged
        start.steps[failed] += again.steps
    voltage = np.hypot(start.real, start.imag)[:, power_flow.model.bus_position]
    return voltage, start.converged, start.steps


def _approach(model: Model, blocks: Blocks, response: Response, scene: Scene, at: Start) -> None:
    """Walk from no load to where curves are met, for scenarios where Newton's method failed.

    Plants see a mean of a voltage kept from before and of their own, which makes their curves less
    steep: the proximal point method, which converges wherever power falls as voltage rises. The
    more of their own voltage they see, the faster; a round that fails is tried again with less.
    """
    at.weight[:] = WEIGHT_FIRST
    for _ in range(ROUNDS):
        rest = np.flatnonzero(~at.converged & (at.weight >= WEIGHT_LEAST))
        if not len(rest):
            return
        tried = Start(
            at.real[rest],
            at.imag[rest],
            at.anchor_pu[rest],
            at.weight[rest],
            at.converged[rest],
            at.steps[rest],
        )
        solve_controlled(model, blocks, response, _some(scene, rest), tried)
        at.steps[rest] = tried.steps
        found = tried.converged
        good, bad = rest[found], rest[~found]
        at.real[good], at.imag[good] = tried.real[found], tried.imag[found]
        own = np.hypot(at.real[good], at.imag[good])[:, model.bus_position]
        share = at.weight[good, None]
        at.anchor_pu[good] = (1.0 - share) * at.anchor_pu[good] + share * own
        at.converged[good] = at.weight[good] == 1.0
        at.weight[good] = np.minimum(2.0 * at.weight[good], 1.0)
        at.weight[bad] *= 0.25


def _some(scene: Scene, chosen: Integers) -> Scene:
    """Return some of the scenarios."""
    return Scene(
        scene.drawn_p[chosen],
        scene.drawn_q[chosen],
        scene.bus,
        Ratings(*(one[chosen] for one in scene.ratings)),
    )


def _at_no_load(power_flow: PowerFlow, count: int) -> Start:
    """Return where `count` scenarios start: without any load, plants seeing their own voltage."""
    model = power_flow.model
    real = np.repeat(model.no_load_real[None], count, axis=0)
    imag = np.repeat(model.no_load_imag[None], count, axis=0)
    anchor = np.ascontiguousarray(np.hypot(real, imag)[:, model.bus_position])
    return Start(
        real, imag, anchor, np.ones(count), np.zeros(count, np.bool_), np.zeros(count, np.int64)
    )


def _build_blocks(power_flow: PowerFlow) -> Blocks:
    """Bring the admittance matrix into elimination order, with room for what fills in."""
    node = power_flow.model.node[:-1]
    matrix = power_flow.feeder.admittance.tocsr()[node][:, node].tocoo()
    value = dict(
        zip(zip(matrix.row.tolist(), matrix.col.tolist(), strict=True), matrix.data, strict=True)
    )
    below = _eliminated(len(node), list(value))
    start = np.concatenate([[0], np.cumsum([len(rows) for rows in below])]).astype(np.int64)
    row = np.array([i for rows in below for i in rows], np.int64)
    column = np.repeat(np.arange(len(node)), np.diff(start))
    entry = {(i, j): e for e, (i, j) in enumerate(zip(row.tolist(), column.tolist(), strict=True))}
    lower = np.array([value.get((i, j), 0.0) for i, j in entry], np.complex128)
    upper = np.array([value.get((j, i), 0.0) for i, j in entry], np.complex128)
    diagonal = np.array([value[j, j] for j in range(len(node))], np.complex128)
    pairs = [
        one if one == two else entry[max(one, two), min(one, two)]
        for rows in below
        for one, two in product(rows, rows)
    ]
    pair_start = np.concatenate([[0], np.cumsum([len(rows) ** 2 for rows in below])])
    return Blocks(
        start=start,
        row=row,
        lower_real=lower.real.copy(),
        lower_imag=lower.imag.copy(),
        upper_real=upper.real.copy(),
        upper_imag=upper.imag.copy(),
        diagonal_real=diagonal.real.copy(),
        diagonal_imag=diagonal.imag.copy(),
        pair_start=pair_start.astype(np.int64),
        pair_target=np.array(pairs, np.int64),
    )


def _eliminated(count: int, pattern: list[tuple[int, int]]) -> list[list[int]]:
    """Return the rows below the diagonal of each column of the factor of a symmetric pattern."""
    below: list[set[int]] = [set() for _ in range(count)]
    for i, j in pattern:
        if i != j:
            below[min(i, j)].add(max(i, j))
    for j in range(count):
        if below[j]:
            # What a column fills in lies in the column of its first row.
            first = min(below[j])
            below[first] |= below[j] - {first}
    return [sorted(rows) for rows in below]
