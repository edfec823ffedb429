"""What power flows at some set-points say about limits everywhere: the cuts of one search.

As `cosim.grid.cuts`, for columns of any kind: a cut bounds the excess of a limit by the line
``level + slope @ x``. Where the search stands every cut made there counts; those of other points
count while they claim no more than the power flows found.
"""

from typing import Final

import numpy as np

from cosim.records import Floats, Integers

LOOSEST: Final = 0.02
"""By how much (p.u. or share of rating) a cut may be lowered to claim no more than there is."""


class Cuts:
    """Linear bounds on the excess of limits over M columns."""

    def __init__(self, columns: int) -> None:
        """Start without any."""
        self.row = np.zeros(0, np.int64)  # (R,)
        self.slope = np.zeros((0, columns))  # (R, M)
        self.level = np.zeros(0)  # (R,)
        self._valid = np.zeros(0, np.bool_)  # (R,)
        self._own = np.zeros(0, np.bool_)  # (R,) made where the search stands
        self._visited: list[tuple[Floats, Floats]] = []

    @property
    def own_rows(self) -> Integers:
        """Limits that have a cut where the search stands."""
        return self.row[self._own]

    def visit(self, x: Floats, excess: Floats) -> None:
        """Note the excess (E,) that a power flow found at `x` (M,)."""
        self._visited.append((x, excess))
        over = self.level + self.slope @ x - excess[self.row]
        self._valid &= over <= LOOSEST
        loose = self._valid & ~self._own & (over > 0.0)
        self.level[loose] -= over[loose]

    def move(self) -> None:
        """Leave the point where the search stood: its cuts that are not valid go."""
        own = self._own.copy()
        self._own[:] = False
        for at, found in self._visited if own.any() else ():
            over = self.level + self.slope @ at - found[self.row]
            self.level[own] -= np.maximum(over[own], 0.0)
        self._keep(self._valid)

    def add(self, x: Floats, excess: Floats, row: Integers, slope: Floats, *, own: bool) -> None:
        """Add the cuts of limits `row` (R,) with slopes (R, M) that the point `x` makes."""
        level = excess[row] - slope @ x
        over = np.zeros(len(row))
        for at, found in self._visited:
            over = np.maximum(over, level + slope @ at - found[row])
        valid = over <= LOOSEST
        if not own:
            level = level - np.maximum(over, 0.0)
        self.row = np.concatenate([self.row, row])
        self.slope = np.concatenate([self.slope, slope])
        self.level = np.concatenate([self.level, level])
        self._valid = np.concatenate([self._valid, valid])
        self._own = np.concatenate([self._own, np.full(len(row), own)])
        self._keep(self._valid | self._own)

    def _keep(self, kept: np.ndarray) -> None:
        self.row, self.slope, self.level = self.row[kept], self.slope[kept], self.level[kept]
        self._valid, self._own = self._valid[kept], self._own[kept]
