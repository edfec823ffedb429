"""What power flows at some points say about limits everywhere: cuts.

A cut bounds the excess of one limit by a line, ``level + effect @ accepted``, with the exact slope
of the AC solution at the point it was made. Where the excess is convex (thermal limits, low
voltages) a cut claims less than the truth everywhere else and stays valid; where it is concave
(high voltages) it claims more, and serves only at its own point.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.grid.groups import Groups, group_effect
from cosim.records import Booleans, Floats, Integers

MARGIN: Final = 5e-9
"""Kept free below each limit (p.u. or share of rating), so that outcomes end inside."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What one environment's grid carries before anything is accepted."""

    base_kw: Floats  # (K,) drawn at the buses in the counterfactual
    kvar: Floats  # (K,)
    allowed: Floats  # (E,) excess that may remain: what the counterfactual shows
    excess: Floats  # (E,) with nothing accepted
    interval_h: float

    @property
    def bound(self) -> Floats:
        """Excess (E,) that programmes aim at: a margin below the limit, where that can be had.

        What is broken already needs no margin, and what stands within it need not move out of it.
        """
        margin = np.clip(np.where(np.isfinite(self.excess), self.excess, 0.0), -MARGIN, 0.0)
        return np.where(self.allowed > 0.0, self.allowed, margin)


class Cuts:
    """Linear bounds on excesses, ``level + effect @ accepted``, of all points so far."""

    def __init__(self, groups: Groups, standing: Standing) -> None:
        """Start without any."""
        count = len(groups.cleared_kwh)
        self._groups, self._standing = groups, standing
        self._points_kwh = np.zeros((0, count))
        self._points_excess = np.zeros((0, len(standing.allowed)))
        self.row = np.zeros(0, np.int64)  # (R,)
        self.slope = np.zeros((0, len(standing.base_kw)))  # (R, K)
        self.effect = np.zeros((0, count))  # (R, G)
        self.level = np.zeros(0)  # (R,)
        self._point = np.zeros(0, np.int64)  # (R,) at which the cut was made
        self._valid = np.zeros(0, np.bool_)  # (R,) claims no more than any power flow found
        self._telling = np.zeros(0, np.bool_)  # (R,) has shaped a programme's answer

    def remember(self, accepted_kwh: Floats, excess: Floats) -> int:
        """Note what a power flow found at a point; return the point's number."""
        self._valid &= self._claims(accepted_kwh[None], excess[None], slice(None))
        self._points_kwh = np.vstack([self._points_kwh, accepted_kwh])
        self._points_excess = np.vstack([self._points_excess, excess])
        return len(self._points_kwh) - 1

    def add(self, number: int, rows: Integers, slopes: Floats) -> None:
        """Add the cuts of `rows` (R,) that a point's slopes (R, K) make."""
        excess = self._points_excess[number][rows]
        effect = group_effect(self._groups, slopes, self._standing.interval_h)
        first = len(self.row)
        self.row = np.concatenate([self.row, rows])
        self.slope = np.vstack([self.slope, slopes])
        self.effect = np.vstack([self.effect, effect])
        self.level = np.concatenate([self.level, excess - effect @ self._points_kwh[number]])
        self._point = np.concatenate([self._point, np.full(len(rows), number)])
        new = self._claims(self._points_kwh, self._points_excess, slice(first, None))
        self._valid = np.concatenate([self._valid, new])
        self._telling = np.concatenate([self._telling, np.zeros(len(rows), np.bool_)])

    def _claims(self, points_kwh: Floats, points_excess: Floats, cuts: slice) -> Booleans:
        """Return which of `cuts` claim no more than was found at any of the points."""
        claimed = self.level[cuts, None] + self.effect[cuts] @ points_kwh.T
        return np.asarray(np.all(claimed <= points_excess[:, self.row[cuts]].T + MARGIN, axis=1))

    def used_at(self, number: int) -> Integers:
        """Return the cuts to use at a point: its own, and valid ones that tell something new.

        These are those of the latest point and those that have shaped an answer before.
        """
        latest = self._point == len(self._points_kwh) - 1
        return np.flatnonzero((self._point == number) | (self._valid & (latest | self._telling)))

    def shaped(self, cuts: Integers) -> None:
        """Remember cuts with a multiplier above zero."""
        self._telling[cuts] = True

    def rule_out(self, number: int, bound: Floats) -> bool:
        """Whether valid cuts made at a point rule out every limit's excess there."""
        broken = self._points_excess[number] > bound
        broken[self.row[(self._point == number) & self._valid]] = False
        return not broken.any()
