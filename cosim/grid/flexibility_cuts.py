"""What power flows at some set-points say about limits everywhere: the cuts of one search.

As `cosim.grid.cuts`, for columns of any kind: a cut bounds the excess of a limit by the line
``level + slope @ x``. Where the search stands every cut made there counts exactly. Those of other
points are lowered until they claim no more than the power flows found, and given up where that
takes much; of these only what has shaped an answer is kept for long.
"""

from typing import Final

import numpy as np

from cosim.records import Booleans, Floats, Integers

LOOSEST: Final = 0.02
"""By how much (p.u. or share of rating) a cut may be lowered to claim no more than there is."""

OLDEST: Final = 3
"""Moves after which a cut that shapes no answer is forgotten."""


class Cuts:
    """Linear bounds on the excess of limits over M columns."""

    def __init__(self, columns: int, known: "Cuts | None" = None) -> None:
        """Start without any, or with those of `known` that have shaped its answers."""
        self.row = np.zeros(0, np.int64)  # (R,)
        self.slope = np.zeros((0, columns))  # (R, M)
        self.level = np.zeros(0)  # (R,)
        self._valid = np.zeros(0, np.bool_)  # (R,)
        self._own = np.zeros(0, np.bool_)  # (R,) made where the search stands
        self._age = np.zeros(0, np.int64)  # (R,) moves since it last shaped an answer
        self._visited: list[tuple[Floats, Floats]] = []
        if known is not None:
            self._visited = list(known._visited)
            self.row, self.slope, self.level = known.row, known.slope, known.level.copy()
            self._valid, self._own = known._valid.copy(), known._own.copy()
            self._age = np.zeros(len(self.row), np.int64)
            self.move()

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

    def shaped(self, cuts: Integers) -> None:
        """Remember cuts that have held an answer back."""
        self._age[cuts] = 0

    def move(self) -> None:
        """Leave the point where the search stood."""
        own = np.flatnonzero(self._own)
        self.level[own] -= self._claimed_too_much(self.row[own], self.slope[own], self.level[own])
        self._own[:] = False
        self._age += 1
        self._keep(self._valid & (self._age <= OLDEST))

    def add(self, x: Floats, excess: Floats, row: Integers, slope: Floats, *, own: bool) -> None:
        """Add the cuts of limits `row` (R,) with slopes (R, M) that the point `x` makes."""
        if not len(row):
            return
        level = excess[row] - slope @ x
        over = self._claimed_too_much(row, slope, level)
        valid = over <= LOOSEST
        if not own:
            level = level - over
        kept = valid | own
        self.row = np.concatenate([self.row, row[kept]])
        self.slope = np.concatenate([self.slope, slope[kept]])
        self.level = np.concatenate([self.level, level[kept]])
        self._valid = np.concatenate([self._valid, valid[kept]])
        self._own = np.concatenate([self._own, np.full(int(kept.sum()), own)])
        self._age = np.concatenate([self._age, np.zeros(int(kept.sum()), np.int64)])

    def _claimed_too_much(self, row: Integers, slope: Floats, level: Floats) -> Floats:
        """Return the most (R,) by which cuts claim more excess than was found anywhere."""
        if not len(row):
            return np.zeros(0)
        x = np.array([at for at, _ in self._visited])
        found = np.array([excess for _, excess in self._visited])
        return np.asarray(np.maximum(level + x @ slope.T - found[:, row], 0.0).max(axis=0))

    def _keep(self, kept: Booleans) -> None:
        self.row, self.slope, self.level = self.row[kept], self.slope[kept], self.level[kept]
        self._valid, self._own, self._age = self._valid[kept], self._own[kept], self._age[kept]
