"""HiGHS as the yardsticks use it: a large sparse programme that is minimised again and again."""

from collections.abc import Sequence
from typing import Final

import highspy
import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from cosim.records import Floats, Integers

_BY_COLUMNS: Final = int(highspy.MatrixFormat.kColwise)
_MINIMISE: Final = int(highspy.ObjSense.kMinimize)

PENALTY: Final = 1e3
"""Price of a kWh beyond an added limit, in units of the largest price of the programme."""


class Rows:
    """Rows of a programme while they are put together."""

    def __init__(self) -> None:
        """Start without any."""
        self.lower: list[Floats] = []
        self.upper: list[Floats] = []
        self.count = 0
        self._entries: list[tuple[Integers, Integers, Floats]] = []

    def between(self, lower: Floats, upper: Floats) -> Integers:
        """Add rows with these bounds and return their positions."""
        first = self.count
        self.count += len(lower)
        self.lower.append(np.asarray(lower, np.float64))
        self.upper.append(np.asarray(upper, np.float64))
        return np.arange(first, self.count)

    def equal(self, side: Floats) -> Integers:
        """Add rows that must be `side`."""
        return self.between(side, side)

    def at_most(self, side: Floats) -> Integers:
        """Add rows that may be `side` at most."""
        return self.between(np.full(len(side), -highspy.kHighsInf), side)

    def enter(self, rows: Integers, columns: Integers, values: ArrayLike) -> None:
        """Enter coefficients; `values` is broadcast."""
        each = np.broadcast_to(np.asarray(values, np.float64), np.shape(rows))
        self._entries.append((np.ravel(rows), np.ravel(columns), np.ravel(each)))

    def matrix(self, width: int) -> sparse.csc_matrix:
        """Return all rows, (count, width)."""
        empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        row, column, value = (
            np.concatenate(parts) for parts in zip(*(self._entries or [empty]), strict=True)
        )
        return sparse.csc_matrix((value, (row, column)), shape=(self.count, width))


_USUAL: Final[dict[str, str | int]] = {"solver": "simplex", "simplex_strategy": 1}
_AGAIN: Final[tuple[dict[str, str | int], ...]] = (
    _USUAL,  # from scratch
    {"solver": "simplex", "simplex_strategy": 4},  # primal
    {"solver": "ipm"},
)


def make_solver(
    costs: Sequence[Floats], bounds: Sequence[tuple[Floats, Floats]], rows: Rows, constant: float
) -> highspy.Highs:
    """Return HiGHS with the programme ``min cost @ x + constant`` passed to it.

    Measured on a day of 256 prosumers: simplex 2.6 s, interior point with crossover 6 s; on a
    week 112 s against more than 230 s. And only the simplex can go on from where it stopped.
    """
    cost = np.concatenate(costs)
    lower, upper = (np.concatenate(parts) for parts in zip(*bounds, strict=True))
    solver = highspy.Highs()  # type: ignore[no-untyped-call] # highspy has no types for it
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    for option, value in _USUAL.items():
        solver.setOptionValue(option, value)
    matrix = rows.matrix(len(cost))
    infinite = highspy.kHighsInf
    solver.passModel(
        len(cost),
        rows.count,
        matrix.nnz,
        _BY_COLUMNS,
        _MINIMISE,
        constant,
        cost,
        np.maximum(lower, -infinite),
        np.minimum(upper, infinite),
        np.concatenate([*rows.lower, np.zeros(0)]),
        np.concatenate([*rows.upper, np.zeros(0)]),
        matrix.indptr.astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data,
        np.zeros(len(cost), np.int32),
    )
    return solver


def read_columns(solver: highspy.Highs) -> tuple[Floats, float]:
    """Solve and return the columns and the objective.

    From the second time on the simplex goes on from where it stopped. Where the dual simplex gets
    lost on its way, which HiGHS tells as "Unknown", others begin anew.

    Raises:
        RuntimeError: where HiGHS does not end with an optimum.
    """
    solver.run()
    status = solver.getModelStatus()
    for strategy in _AGAIN:
        if status != highspy.HighsModelStatus.kUnknown:
            break
        solver.clearSolver()
        for option, value in strategy.items():
            solver.setOptionValue(option, value)
        solver.run()
        status = solver.getModelStatus()
        for option, value in _USUAL.items():
            solver.setOptionValue(option, value)
    if status != highspy.HighsModelStatus.kOptimal:
        message = f"HiGHS found no optimum: {solver.modelStatusToString(status)}"
        raise RuntimeError(message)
    return np.array(solver.getSolution().col_value), float(
        solver.getInfo().objective_function_value
    )
