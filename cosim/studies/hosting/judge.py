"""Judging many cases at once: power flows at every operating point, held against criteria.

A case is a deployment at a level. Points of a series are taken week by week and cases a few at a
time, so that memory stays bounded whatever the length of the series; a case's result does not
depend on which others are judged with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Protocol

import numpy as np

from cosim.grid.power_flow import PowerFlow
from cosim.records import Booleans, Floats, Integers
from cosim.results import GridState
from cosim.studies.hosting import judge_kernel as kernel
from cosim.studies.hosting.criteria import Criteria
from cosim.studies.hosting.deployments import installed_kw
from cosim.studies.hosting.heads import bounds_of, outside_allowed
from cosim.studies.hosting.judge_kernel import Block, Bounds, Worst, judge_block, nothing_yet
from cosim.studies.hosting.records import (
    Deployments,
    Extremes,
    Judged,
    Limiting,
    OperatingPoints,
)

TOLERANCE: Final = 1e-9
"""Excess that is still called none: the accuracy of the power flow."""

NUMBERS_AT_ONCE: Final = 3_000_000
"""Numbers of the states held at a time (24 MB)."""

KEPT_WITHOUT: Final = 30_000_000
"""Voltages without plants that are kept; of longer series they are solved again when needed."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What plants could do in a batch of B scenarios."""

    base_kw: Floats  # (B, K) drawn without new plants
    base_kvar: Floats  # (B, K)
    plant_kw: Floats  # (B, K) what new plants offer (< 0) or want (> 0)
    plant_kvar: Floats  # (B, K) by their power factor, without control
    installed_kw: Floats  # (B, K) > 0


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What they did."""

    state: GridState
    curtailed_kw: Floats  # (B,) offered or wanted, and neither fed in nor drawn
    bus_kw: Floats  # (B, K) everything drawn at each bus
    bus_kvar: Floats  # (B, K)


class Play(Protocol):
    """A way in which plants act; every scenario on its own."""

    def __call__(self, power_flow: PowerFlow, asked: Asked) -> Played:
        """Return the states and what was given up."""


def fit_and_forget(power_flow: PowerFlow, asked: Asked) -> Played:
    """Let plants do all they could."""
    kw, kvar = asked.base_kw + asked.plant_kw, asked.base_kvar + asked.plant_kvar
    return Played(power_flow.solve(kw, kvar), np.zeros(len(kw)), kw, kvar)


class Grid:
    """A feeder at its operating points, solved once without new plants.

    Attributes:
        power_flow: the feeder.
        points: its operating points.
        weeks: first and last (exclusive) point of every week.
        week_points: number of points of every week, of which shares of time are taken.
    """

    def __init__(
        self,
        power_flow: PowerFlow,
        points: OperatingPoints,
        *,
        week_points: dict[int, int] | None = None,
    ) -> None:
        """Solve the points without plants where they are few enough to be kept.

        Args:
            power_flow: the feeder.
            points: when it is looked at.
            week_points: where these are some points of a series only: how many its weeks have.
        """
        self.power_flow, self.points = power_flow, points
        turns = np.flatnonzero(np.diff(points.week)) + 1
        self.weeks = list(pairwise([0, *turns.tolist(), len(points.week)]))
        if week_points is None:
            week_points = {int(points.week[first]): last - first for first, last in self.weeks}
        self._of_week = week_points
        self.week_points = [week_points[int(points.week[first])] for first, _ in self.weeks]
        self._without: Floats | None = None
        if points.load_kw.size <= KEPT_WITHOUT:
            parts = [self._solve_without(first, last) for first, last in self.weeks]
            self._without = np.concatenate(parts)

    def some(self, which: Integers) -> "Grid":
        """Return some of the points, in order; shares of time are still those of whole weeks."""
        points = self.points
        fewer = replace(
            points,
            load_kw=points.load_kw[which],
            load_kvar=points.load_kvar[which],
            course=points.course[which],
            start_utc=None if points.start_utc is None else points.start_utc[which],
            week=points.week[which],
        )
        return Grid(self.power_flow, fewer, week_points=self._of_week)

    def without_pu(self, first: int, last: int) -> Floats:
        """Return the voltages without new plants at some points, (last - first, K)."""
        if self._without is None:
            return self._solve_without(first, last)
        return self._without[first:last]

    def _solve_without(self, first: int, last: int) -> Floats:
        points = self.points
        state = self.power_flow.solve(points.load_kw[first:last], points.load_kvar[first:last])
        return state.voltage_pu

    def batches(self, cases: int) -> Iterator[slice]:
        """Yield which cases go through the weeks together."""
        feeder = self.power_flow.feeder
        numbers = 2 * feeder.node_count + 6 * feeder.bus_count + feeder.branch_count
        longest = max(last - first for first, last in self.weeks)
        many = max(1, NUMBERS_AT_ONCE // (numbers * longest))
        for first in range(0, cases, many):
            yield slice(first, min(first + many, cases))

    def asked(self, installed: Floats, first: int, last: int) -> Asked:
        """Return what plants (n, K) could do at some points, case by case."""
        points, (cases, buses) = self.points, installed.shape
        shape = (cases, last - first, buses)
        plant = (installed[:, None, :] * points.course[None, first:last]).reshape(-1, buses)
        return Asked(
            base_kw=np.broadcast_to(points.load_kw[None, first:last], shape).reshape(-1, buses),
            base_kvar=np.broadcast_to(points.load_kvar[None, first:last], shape).reshape(-1, buses),
            plant_kw=plant,
            plant_kvar=points.kvar_per_kw * plant,
            installed_kw=np.repeat(installed, last - first, axis=0),
        )


def judge_installed(
    grid: Grid, criteria: Criteria, installed: Floats, play: Play = fit_and_forget
) -> Judged:
    """Judge n cases by what is installed at each bus, (n, K) kW."""
    bounds = bounds_of(grid.power_flow.feeder, criteria, is_series=grid.points.is_series)
    parts = [_judge_some(grid, criteria, bounds, installed[some], play)
             for some in grid.batches(len(installed))]  # fmt: skip
    return parts[0] if len(parts) == 1 else _joined(parts)


def _judge_some(
    grid: Grid, criteria: Criteria, bounds: Bounds, installed: Floats, play: Play
) -> Judged:
    worst, offered, curtailed = worst_of(grid, criteria, bounds, installed, play)
    hours = grid.points.interval_h
    return judged(worst, offered * hours, curtailed * hours, interval_h=hours)


def worst_of(
    grid: Grid, criteria: Criteria, bounds: Bounds, installed: Floats, play: Play
) -> tuple[Worst, Floats, Floats]:
    """Return the worst of every limit for cases (n, K), and power offered and given up, (n,).

    The last two are sums over all points, kW.
    """
    cases = len(installed)
    worst = nothing_yet(cases)
    offered, curtailed = np.zeros(cases), np.zeros(cases)
    for week, (first, last) in enumerate(grid.weeks):
        asked = grid.asked(installed, first, last)
        played = play(grid.power_flow, asked)
        points = last - first
        allowed = outside_allowed(criteria, grid.week_points[week], is_series=grid.points.is_series)
        judge_block(block_of(grid, played, first, last), points, bounds, allowed, TOLERANCE, worst)
        offered += np.abs(asked.plant_kw).sum(axis=1).reshape(cases, points).sum(axis=1)
        curtailed += played.curtailed_kw.reshape(cases, points).sum(axis=1)
    return worst, offered, curtailed


def block_of(grid: Grid, played: Played, first: int, last: int) -> Block:
    """Return the states of cases at some points, for the kernel."""
    state = played.state
    return Block(
        voltage_pu=state.voltage_pu,
        loading_percent=state.loading_percent,
        slack_kw=state.slack_kw,
        loss_kw=state.loss_kw,
        converged=state.converged,
        without_pu=grid.without_pu(first, last),
    )


def judged(
    worst: Worst, offered_kwh: Floats, curtailed_kwh: Floats, *, interval_h: float
) -> Judged:
    """Return what the kept worst of every limit says."""
    rows = np.arange(len(worst.excess))
    kind = np.argmax(worst.excess, axis=1)
    passes = worst.excess[rows, kind] <= TOLERANCE
    # What no power flow was found for, or no element of the kind exists, has no extreme.
    extreme = np.where(np.isfinite(worst.extreme), worst.extreme, np.nan)
    return Judged(
        passes=passes,
        limiting=np.where(passes, int(Limiting.NONE), kind).astype(np.int64),
        element=np.where(passes, -1, worst.element[rows, kind]),
        value=np.where(passes, np.nan, worst.value[rows, kind]),
        limit=np.where(passes, np.nan, worst.limit[rows, kind]),
        extremes=Extremes(
            voltage_max_pu=extreme[:, kernel.V_MAX],
            voltage_min_pu=extreme[:, kernel.V_MIN],
            rise_max_pu=extreme[:, kernel.RISE_MAX],
            drop_max_pu=extreme[:, kernel.DROP_MAX],
            line_max_percent=extreme[:, kernel.LINE_MAX],
            transformer_max_percent=extreme[:, kernel.TRAFO_MAX],
            import_max_kw=extreme[:, kernel.IMPORT],
            export_max_kw=extreme[:, kernel.EXPORT],
            loss_kwh=extreme[:, kernel.LOSS] * interval_h,
            offered_kwh=offered_kwh,
            curtailed_kwh=curtailed_kwh,
        ),
    )


def _joined(parts: list[Judged]) -> Judged:
    """Return parts one after the other."""

    def stacked(name: str) -> Floats:
        return np.concatenate([getattr(part, name) for part in parts])

    names = ("passes", "limiting", "element", "value", "limit")
    extremes = {
        name: np.concatenate([getattr(part.extremes, name) for part in parts])
        for name in Extremes.__slots__
    }
    return Judged(
        **{name: stacked(name) for name in names},  # type: ignore[arg-type] # of each name's kind
        extremes=Extremes(**extremes),
    )


def curtailed_share(extremes: Extremes) -> Floats:
    """Return the share of the new plants' energy that was given up, (n,)."""
    some = np.maximum(extremes.offered_kwh, 1e-12)
    return np.asarray(np.where(extremes.offered_kwh > 0.0, extremes.curtailed_kwh / some, 0.0))


def within_curtailment(found: Judged, allowed: float) -> Judged:
    """Return verdicts that also fail where more than a share of the energy was given up."""
    share = curtailed_share(found.extremes)
    too_much: Booleans = found.passes & (share > allowed + TOLERANCE)
    return Judged(
        passes=found.passes & ~too_much,
        limiting=np.where(too_much, int(Limiting.CURTAILMENT), found.limiting),
        element=np.where(too_much, -1, found.element),
        value=np.where(too_much, share, found.value),
        limit=np.where(too_much, allowed, found.limit),
        extremes=found.extremes,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Lever:
    """Electrical ways to act on given deployments: ``lever(level_kw, which)`` judges cases."""

    grid: Grid
    criteria: Criteria
    deployments: Deployments
    play: Play = fit_and_forget
    curtailed_share_max: float = 1.0

    def __call__(self, level_kw: Floats, which: Integers) -> Judged:
        """Judge deployments `which` (n,) at levels (n,)."""
        installed = self.installed(level_kw, which)
        found = judge_installed(self.grid, self.criteria, installed, self.play)
        return within_curtailment(found, self.curtailed_share_max)

    def installed(self, level_kw: Floats, which: Integers) -> Floats:
        """Return what stands at each bus, (n, K) kW."""
        buses = self.grid.power_flow.feeder.bus_count
        return installed_kw(self.deployments, level_kw, which, buses)
