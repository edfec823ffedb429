"""The grid around the providers: power flows and slopes of their set-points, interval by interval.

Counts its power flows. What the base point breaks by itself may not get worse, or has to be cured,
as the caller says.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.grid import limits
from cosim.grid.flexibility_controls import Controls
from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import slopes_of_many
from cosim.grid.sensitivity_targets import Quantity, targets_of
from cosim.records import Booleans, Complexes, Floats, Integers

MARGIN: Final = 1e-6
"""Kept free below each limit by programmes (p.u. or share of rating), so that points end inside."""

LOADING_BURDEN: Final = 0.1
"""Excess of voltage, p.u., that counts as much as a whole rating of a branch."""

FARTHER: Final = 1.5
"""How much more than its slopes promise a limit may move over the whole range of the columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Power flows of S set-points."""

    interval: Integers  # (S,)
    x: Floats  # (S, M)
    bus_kw: Floats  # (S, K)
    bus_kvar: Floats  # (S, K)
    slack: Floats  # (S, 2) kW, kvar
    excess: Floats  # (S, E)
    node_voltage_pu: Complexes  # (S, n)

    def take(self, of: Integers) -> "Points":
        """Return the points at positions `of`."""
        return Points(
            self.interval[of],
            self.x[of],
            self.bus_kw[of],
            self.bus_kvar[of],
            self.slack[of],
            self.excess[of],
            self.node_voltage_pu[of],
        )


@dataclass(frozen=True, slots=True, eq=False)
class PointSlopes:
    """Slopes to the columns at S points."""

    slack: list[Floats]  # S of (2, M), empty where not asked for
    excess: list[Floats]  # S of (R, M)


class Problem:
    """Base states of T intervals, the columns that can be moved, and the limits.

    Attributes:
        power_flow: the feeder.
        controls: the columns.
        base: power flow of the base point of every interval.
        allowed: (T, E) excess that may be shown.
        reach: (T, E) how far the columns may move each limit.
        burden: (E,) how excesses compare: one of a whole rating is nearer than one of 1 p.u.
        width: (T,) how far the columns together move the slack's power, kVA; > 0.
        power_flows: (T,) how many were solved.
    """

    def __init__(
        self,
        power_flow: PowerFlow,
        controls: Controls,
        base_kw: Floats,
        base_kvar: Floats,
        *,
        cure: bool,
    ) -> None:
        """Solve the base points; `base_kw` and `base_kvar` are (T, K).

        With `cure` a limit that the base point breaks has to be kept; without, it may not get
        worse.
        """
        self.power_flow, self.controls = power_flow, controls
        self._base_kw, self._base_kvar = base_kw, base_kvar
        self._onto = controls.onto(power_flow.feeder.bus_count)
        count = len(base_kw)
        self.power_flows = np.zeros(count, np.int64)
        self.base = self.solve(np.arange(count), controls.base)
        allowed = limits.allowed_excess(self.base.excess)
        self.allowed = np.zeros_like(allowed) if cure else allowed
        self.converged: Booleans = np.asarray(np.isfinite(self.base.excess).all(axis=1))
        self.reach = np.zeros(self.base.excess.shape)
        self.width = np.ones(count)
        self.burden = np.ones(self.base.excess.shape[1])
        self.burden[2 * power_flow.feeder.bus_count :] = LOADING_BURDEN
        self._measure()

    def solve(self, interval: Integers, x: Floats) -> Points:
        """Return the power flows of set-points `x` (S, M), each in its interval (S,)."""
        kw, kvar = self.bus_powers(interval, x)
        state = self.power_flow.solve(kw, kvar)
        np.add.at(self.power_flows, interval, 1)
        return Points(
            interval,
            x,
            kw,
            kvar,
            np.stack([state.slack_kw, state.slack_kvar], axis=1),
            limits.excess(self.power_flow.feeder, state),
            state.node_voltage_pu,
        )

    def bus_powers(self, interval: Integers, x: Floats) -> tuple[Floats, Floats]:
        """Return the kW and kvar drawn at every bus, (S, K) each, at set-points `x` (S, M)."""
        moved = x - self.controls.base[interval]
        kw = self._base_kw[interval] + moved @ self._onto[0]
        return kw, self._base_kvar[interval] + moved @ self._onto[1]

    def slopes(self, points: Points, rows: list[Integers], slack: list[bool]) -> PointSlopes:
        """Return the slopes of limits `rows` (R,) at each point, and of slack power where told."""
        buses, columns = self.power_flow.feeder.bus_count, self.controls
        count = np.array([len(each) for each in rows])
        wanted = np.flatnonzero(slack)
        state = np.concatenate([np.repeat(np.arange(len(rows)), count), np.repeat(wanted, 2)])
        row = np.concatenate([np.zeros(0, np.int64), *rows])
        voltage = row < 2 * buses
        quantity = np.concatenate(
            [
                np.where(voltage, Quantity.VOLTAGE, Quantity.LOADING),
                np.tile([Quantity.SLACK_KW, Quantity.SLACK_KVAR], len(wanted)),
            ]
        )
        element = np.concatenate(
            [np.where(voltage, row % buses, row - 2 * buses), np.zeros(2 * len(wanted), np.int64)]
        )
        if not len(state):
            nothing = [np.zeros((0, len(columns.bus)))] * len(rows)
            return PointSlopes(nothing, nothing)
        found = slopes_of_many(
            self.power_flow,
            points.node_voltage_pu,
            points.bus_kw,
            points.bus_kvar,
            targets_of(state, quantity, element),
        )
        at_columns = found.per_kw[:, columns.bus] * columns.kw
        at_columns += found.per_kvar[:, columns.bus] * columns.kvar
        at_columns[: len(row)] *= np.where(
            voltage, np.where(row < buses, 1.0, -1.0), 1.0 / limits.PERCENT
        )[:, None]
        of_slack = [np.zeros((0, len(columns.bus)))] * len(rows)
        for place, at in enumerate(wanted.tolist()):
            first = len(row) + 2 * place
            of_slack[at] = at_columns[first : first + 2]
        return PointSlopes(of_slack, np.split(at_columns[: len(row)], np.cumsum(count)[:-1]))

    def _measure(self) -> None:
        """Find what the columns can move, by the slopes at the base points."""
        if not len(self.controls.bus):
            return
        feeder = self.power_flow.feeder
        buses = feeder.bus_count
        every = np.concatenate([np.arange(buses), 2 * buses + np.arange(feeder.branch_count)])
        good = np.flatnonzero(self.converged)
        if not len(good):
            return
        base = self.base.take(good)
        found = self.slopes(base, [every] * len(good), [True] * len(good))
        for t, slack, slope in zip(good.tolist(), found.slack, found.excess, strict=True):
            span = self.controls.span[t]
            reach = np.abs(slope) @ span
            both = np.concatenate([reach[:buses], reach[:buses], reach[buses:]])
            self.reach[t] = FARTHER * both
            self.width[t] = max(float(np.hypot(*(np.abs(slack) @ span))), 1e-9)


def join(points: list[Points]) -> Points:
    """Return several points as one."""
    return Points(
        *(
            np.concatenate([getattr(each, name) for each in points])
            for name in Points.__dataclass_fields__
        )
    )
