"""Voltages of a feeder whose plants follow curves: set-up of the compiled Newton solver."""

from itertools import product
from weakref import WeakKeyDictionary

import numpy as np

from cosim.grid.controlled_kernel import Blocks, Plants, solve_controlled
from cosim.grid.inverter_response import Response
from cosim.grid.power_flow import PowerFlow
from cosim.records import Booleans, Floats, Integers

_BLOCKS: WeakKeyDictionary[PowerFlow, Blocks] = WeakKeyDictionary()


def controlled_voltages(
    power_flow: PowerFlow,
    response: Response,
    plants: Plants,
    drawn_kw: Floats,
    drawn_kvar: Floats,
) -> tuple[Floats, Booleans, Integers]:
    """Return voltages (n, K), whether they were found (n,), and Newton's steps (n,).

    Args:
        power_flow: the feeder.
        response: how plants respond.
        plants: which there are, in p.u. of the feeder's base power.
        drawn_kw: (n, K) drawn besides the plants.
        drawn_kvar: (n, K).
    """
    blocks = _BLOCKS.get(power_flow)
    if blocks is None:
        blocks = _BLOCKS.setdefault(power_flow, _build_blocks(power_flow))
    base = power_flow.model.base_kw
    voltage = np.empty_like(drawn_kw)
    found = np.zeros(len(drawn_kw), np.bool_)
    steps = np.zeros(len(drawn_kw), np.int64)
    solve_controlled(
        power_flow.model,
        blocks,
        response,
        plants,
        drawn_kw / base,
        drawn_kvar / base,
        voltage,
        found,
        steps,
    )
    return voltage, found, steps


def _build_blocks(power_flow: PowerFlow) -> Blocks:
    """Bring the admittance matrix into elimination order, with room for what fills in."""
    node = power_flow.model.node[:-1]
    matrix = power_flow.feeder.admittance.tocsr()[node][:, node].tocoo()
    value = dict(zip(zip(matrix.row.tolist(), matrix.col.tolist(), strict=True), matrix.data))
    below = _eliminated(len(node), list(value))
    start = np.concatenate([[0], np.cumsum([len(rows) for rows in below])]).astype(np.int64)
    row = np.array([i for rows in below for i in rows], np.int64)
    column = np.repeat(np.arange(len(node)), np.diff(start))
    entry = {
        (i, j): e for e, (i, j) in enumerate(zip(row.tolist(), column.tolist(), strict=True))
    }
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
