"""Bisection over a long series: a few moments first, all of them for the last word.

Most quarter hours of a year never come near a limit. A level that fails at some of the points
fails at all of them, since no limit is looser for a part (shares of time are those of the whole
week). So the search goes over some points; then the level found is judged at all. Where it fails
there, the points at fault join the others and the search begins again. What is reported passes at
every point of the series and fails one resolution above, as without this shortcut, and each
deployment is searched by itself.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cosim.records import Booleans, Floats, Integers
from cosim.studies.hosting.bisection import (
    Progress,
    Search,
    capacities_at,
    grid_shares,
    nothing_known,
    search_levels,
)
from cosim.studies.hosting.heads import bounds_of, outside_allowed
from cosim.studies.hosting.judge import (
    TOLERANCE,
    Grid,
    Lever,
    Played,
    block_of,
    curtailed_share,
)
from cosim.studies.hosting.judge_kernel import Bounds
from cosim.studies.hosting.records import Capacities, Judged, Limiting

FIRST_POINTS: Final = 48
"""Points with the highest and with the lowest sum at which the search begins."""

LONG: Final = 8 * FIRST_POINTS
"""Series shorter than this are searched whole."""

VERY_LONG: Final = 2000
"""Points from which only the level found is judged at all of them."""


def bisect_series(lever: Lever, search: Search, *, name: str, scale_kw: float) -> Capacities:
    """Return the hosting capacity of every deployment, as `bisection.bisect` does.

    `scale_kw` is a level of the feeder's size, by which the first points are chosen.
    """
    deployments = lever.deployments
    highest = np.minimum(search.highest_kw, deployments.highest_kw)
    if len(lever.grid.points.week) < LONG:
        return capacities_at(search_levels(lever, highest, search), deployments, lever=name)
    first = first_points(lever.grid, scale_kw)
    whole = nothing_known(deployments.count)
    for number in range(deployments.count):
        found = _search_one(lever, number, float(highest[number]), search, first)
        for field in ("low", "high", "limiting", "element", "value", "limit", "given_up"):
            getattr(whole, field)[number] = getattr(found, field)[0]
        whole.monotone[number] = found.monotone[0]
    return capacities_at(whole, deployments, lever=name)


def first_points(grid: Grid, scale_kw: float) -> Booleans:
    """Return at which points (T,) a search begins: those of least and most power drawn."""
    points = grid.points
    chosen = np.zeros(len(points.week), np.bool_)
    for level in (0.0, scale_kw, 4.0 * scale_kw):
        drawn = points.load_kw.sum(axis=1) + level * points.course.mean(axis=1)
        order = np.argsort(drawn, kind="stable")
        chosen[order[:FIRST_POINTS]] = True
        chosen[order[-FIRST_POINTS:]] = True
    return chosen


def _search_one(
    lever: Lever, number: int, highest_kw: float, search: Search, first: Booleans
) -> Progress:
    """Search the level of one deployment."""
    judge = _OfOne(lever, number)
    base = judge(np.zeros(1), np.zeros(1, np.int64))
    if not base.passes[0]:
        return search_levels(lambda _, __: base, np.zeros(1), search)
    chosen = first.copy()
    while True:
        # What is given up over the whole series says nothing about some of its points.
        part = replace(lever, grid=lever.grid.some(np.flatnonzero(chosen)), curtailed_share_max=1.0)
        at = search_levels(_OfOne(part, number), np.array([highest_kw]), search)
        found = _judge_below(judge, at, search)
        if found.passes.all():
            break
        at_fault = culprits(lever, number, float(at.low[0])) & ~chosen
        if not at_fault.any():
            # Only levels below, or energy over the whole series, are at fault.
            return search_levels(judge, np.array([highest_kw]), search)
        chosen |= at_fault
    at.given_up[0] = curtailed_share(found.extremes)[-1]
    if np.isfinite(at.high[0]):
        at.failed(np.zeros(1, np.int64), at.high, judge(at.high, np.zeros(1, np.int64)))
    elif lever.curtailed_share_max < 1.0:
        at.limiting[0] = int(Limiting.NONE)
    return at


@dataclass(frozen=True, slots=True, eq=False)
class _OfOne:
    """Judges levels of one deployment of a lever."""

    lever: Lever
    number: int

    def __call__(self, level_kw: Floats, which: Integers) -> Judged:
        return self.lever(level_kw, np.full(len(which), self.number))


def _judge_below(judge: _OfOne, at: Progress, search: Search) -> Judged:
    """Judge the level found at all points, and the levels of the grid below it.

    Of a very long series the levels below are those of the chosen points alone.
    """
    level = at.low[:1]
    points = len(judge.lever.grid.points.week)
    if search.grid_levels and np.isfinite(at.high[0]) and points < VERY_LONG:
        below = grid_shares(search.grid_levels) * at.low[0]
        level = np.concatenate([below, level])
    return judge(level, np.zeros(len(level), np.int64))


def culprits(lever: Lever, number: int, level_kw: float) -> Booleans:
    """Return the points (T,) of a series at which a level breaks a limit.

    Where a usual band is left for too long, those are all points of that week outside it.
    """
    grid = lever.grid
    points = grid.points
    bounds = bounds_of(grid.power_flow.feeder, lever.criteria, is_series=points.is_series)
    installed = lever.installed(np.array([level_kw]), np.array([number]))
    found = np.zeros(len(points.week), np.bool_)
    for week, (first, last) in enumerate(grid.weeks):
        played = lever.play(grid.power_flow, grid.asked(installed, first, last))
        allowed = outside_allowed(
            lever.criteria, grid.week_points[week], is_series=points.is_series
        )
        found[first:last] = _broken(grid, played, (first, last), bounds, allowed)
    return found


def _broken(
    grid: Grid, played: Played, span: tuple[int, int], bounds: Bounds, allowed: int
) -> Booleans:
    """Return which points of a week break a limit, (P,)."""
    block = block_of(grid, played, *span)
    voltage = block.voltage_pu
    against = np.where(bounds.head >= 0, voltage[:, bounds.head], block.without_pu)
    change = voltage - against
    excess = [
        voltage - bounds.voltage_highest_pu,
        bounds.voltage_lowest_pu - voltage,
        change - bounds.rise_pu,
        -change - bounds.drop_pu,
        (block.loading_percent - bounds.loading_percent) / 100.0,
        (-block.slack_kw - bounds.reverse_flow_kw)[:, None],
    ]
    broken = ~block.converged
    for rows in excess:
        broken = broken | (rows > TOLERANCE).any(axis=1)
    if allowed >= 0:
        outside = (voltage > bounds.voltage_max_pu + TOLERANCE) | (
            voltage < bounds.voltage_min_pu - TOLERANCE
        )
        too_long = outside.sum(axis=0) > allowed
        broken = broken | outside[:, too_long].any(axis=1)
    return np.asarray(broken)
