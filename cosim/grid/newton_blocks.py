"""Compiled linear algebra of Newton's method on a feeder: 2 x 2 blocks, 16 scenarios at a time.

The matrix has the pattern of the admittance matrix in the power flow's elimination order. Only its
diagonal blocks differ from the admittances, but every scenario has its own, so that each lane
factorises for itself; a radial feeder does not fill in.
"""

from typing import NamedTuple

import numba

from cosim.grid.power_flow_kernel import Floats, Integers


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


class Jacobian(NamedTuple):
    """2 x 2 blocks, real, row by row in the second axis; (.., 4, LANES)."""

    diagonal: Floats
    lower: Floats
    upper: Floats


# Rows of a node in the work array (n, ROWS, LANES).
V_REAL, V_IMAG, OLD_REAL, OLD_IMAG, STEP_REAL, STEP_IMAG, F_REAL, F_IMAG = range(8)
BASE_P, BASE_Q, P, Q, P_SLOPE, Q_SLOPE = range(8, 14)
ROWS = 14

_compile = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")


@_compile
def factorise(blocks: Blocks, jacobian: Jacobian) -> None:
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
def newton_step(blocks: Blocks, jacobian: Jacobian, work: Floats, size: Floats) -> None:
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
