"""The interior of a swept region, by rays: what lies between its centre and its edge.

Corners of a sweep span a convex hull; the region itself may be dented. A ray from the centre
through the middle of each long edge is searched for its farthest feasible point. Where that falls
short of the edge it becomes a corner itself and dents the polygon; where it lies beyond, likewise.
Along all rays the set-points between centre and end are solved too; where they break a limit, other
set-points with the same slack power are searched for.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.grid import flexibility_polygon as polygons
from cosim.grid.flexibility_problem import Problem
from cosim.grid.flexibility_search import Search, run
from cosim.grid.flexibility_sweep import Reached
from cosim.grid.flexibility_wishes import Band, Point, Wish
from cosim.grid.limits import within
from cosim.records import Floats

STEPS: Final = (1.0 / 3.0, 2.0 / 3.0)
"""Shares of the way from the centre to the edge that are checked."""

SHORT: Final = 0.01
"""Share of a ray by which its end may fall short of the edge."""

LONG_EDGE: Final = 0.04
"""Share of the circumference from which an edge gets a ray through its middle."""

HALF_WIDTH: Final = 1e-3
"""Half width of a ray, in widths of the region."""


_Middle = tuple[int, Floats, tuple[Point, Point]]
"""Interval, middle of an edge in slack power (2,), and the ends of the edge."""


@dataclass(slots=True, eq=False)
class Outline:
    """The polygon of an interval and what its rays told."""

    corners: list[Point]  # counter-clockwise around the centre
    centre: Point | None = None  # None where there was no area to look into
    rays: int = 0
    dents: int = 0  # rays that ended before the edge of the hull
    unreached: list[Floats] | None = None  # slack power (2,) on rays for which nothing was found

    @property
    def polygon(self) -> Floats:
        """Slack power (V, 2) of the corners."""
        return np.array([corner.slack for corner in self.corners]).reshape(-1, 2)


def outlines(problem: Problem, found: dict[int, Reached]) -> dict[int, Outline]:
    """Return the polygon of each interval, its interior checked by rays."""
    results = {t: _hull(reached) for t, reached in found.items()}
    _set_centres(problem, results)
    _bound_rays(problem, results)
    _check_interior(problem, results)
    return results


def _hull(reached: Reached) -> Outline:
    return Outline([reached.points[at] for at in polygons.hull(reached.slack).tolist()])


def _set_centres(problem: Problem, results: dict[int, Outline]) -> None:
    """Choose the base point where it lies well inside and keeps the limits, else the mean."""
    mean = []
    for t, outline in results.items():
        size = polygons.area(outline.polygon)
        if len(outline.corners) < 3 or size < (1e-3 * problem.width[t]) ** 2:
            continue
        base = problem.base.slack[t]
        length, normal = polygons.edges(outline.polygon)
        depth = ((outline.polygon - base) * normal).sum(axis=1).min()
        allowed = within(problem.base.excess[t : t + 1], problem.allowed[t])[0]
        if allowed and depth > 0.02 * length.sum():
            outline.centre = _as_point(problem.controls.base[t], base, problem.base.excess[t])
        else:
            mean.append((t, np.mean([corner.x for corner in outline.corners], axis=0)))
    if not mean:
        return
    points = problem.solve(np.array([t for t, _ in mean]), np.array([x for _, x in mean]))
    for at, (t, _) in enumerate(mean):
        inside = polygons.contains(results[t].polygon, points.slack[at : at + 1])[0]
        if inside and within(points.excess[at : at + 1], problem.allowed[t])[0]:
            results[t].centre = _as_point(points.x[at], points.slack[at], points.excess[at])


def _as_point(x: Floats, slack: Floats, excess: Floats) -> Point:
    return Point(x, slack, excess, 0.0, 0.0, 0.0)


def _bound_rays(problem: Problem, results: dict[int, Outline]) -> None:
    """Search rays through the middles of long edges; those that end elsewhere give corners."""
    wanted: list[_Middle] = []
    for t, outline in results.items():
        if outline.centre is None:
            continue
        length, _ = polygons.edges(outline.polygon)
        for edge in np.flatnonzero(length > LONG_EDGE * length.sum()).tolist():
            ends = outline.corners[edge], outline.corners[(edge + 1) % len(outline.corners)]
            wanted.append((t, 0.5 * (ends[0].slack + ends[1].slack), ends))
            outline.rays += 1
    wanted = _not_reached_halfway(problem, results, wanted)
    starts = [0.5 * (ends[0].x + ends[1].x) for _, _, ends in wanted]
    reached = _farthest(problem, results, [(t, aim) for t, aim, _ in wanted], starts)
    _try_again(problem, results, wanted, reached)
    for (t, _, _), (share, point) in zip(wanted, reached, strict=True):
        outline = results[t]
        outline.dents += share < 1.0 - SHORT
        if point is not None and abs(share - 1.0) > SHORT:
            outline.corners.append(point)
    for outline in results.values():
        if outline.centre is not None:
            order = polygons.around(outline.polygon, outline.centre.slack)
            outline.corners = [outline.corners[at] for at in order.tolist()]


def _try_again(
    problem: Problem,
    results: dict[int, Outline],
    wanted: list[_Middle],
    reached: list[tuple[float, Point | None]],
) -> None:
    """Search rays that ended short from the ends of their edges too; update `reached`."""
    short = [at for at, (share, _) in enumerate(reached) if share < 1.0 - SHORT]
    for end in range(2):
        again = [(wanted[at][0], wanted[at][1]) for at in short]
        starts = [wanted[at][2][end].x for at in short]
        for at, found in zip(short, _farthest(problem, results, again, starts), strict=True):
            if found[0] > reached[at][0]:
                reached[at] = found


def _not_reached_halfway(
    problem: Problem, results: dict[int, Outline], wanted: list[_Middle]
) -> list[_Middle]:
    """Return the middles that set-points halfway between the ends of their edges do not reach."""
    if not wanted:
        return []
    x = np.array([0.5 * (ends[0].x + ends[1].x) for _, _, ends in wanted])
    points = problem.solve(np.array([t for t, _, _ in wanted]), x)
    left = []
    for at, (t, aim, ends) in enumerate(wanted):
        along, _, _, distance = _frame(results[t], aim)
        share = 1.0 + float(along @ (points.slack[at] - aim)) / distance
        inside = within(points.excess[at : at + 1], problem.allowed[t])[0]
        if not inside or abs(share - 1.0) > SHORT:
            left.append((t, aim, ends))
    return left


def _farthest(
    problem: Problem,
    results: dict[int, Outline],
    aims: list[tuple[int, Floats]],
    starts: list[Floats],
) -> list[tuple[float, Point | None]]:
    """Return how far each ray through an aim is feasible, in shares of the way to it, and where."""
    searches = []
    for (t, aim), start in zip(aims, starts, strict=True):
        along, across, middle, _ = _frame(results[t], aim)
        band = Band(across, middle, HALF_WIDTH * problem.width[t])
        searches.append(Search(Wish(t, along, bands=(band,)), start))
    run(problem, searches)
    found: list[tuple[float, Point | None]] = []
    for (t, aim), search in zip(aims, searches, strict=True):
        along, _, _, distance = _frame(results[t], aim)
        centre = results[t].centre
        if search.best is None or centre is None:
            found.append((0.0, None))
        else:
            share = float(along @ (search.best.slack - centre.slack)) / distance
            found.append((share, search.best))
    return found


def _frame(outline: Outline, aim: Floats) -> tuple[Floats, Floats, float, float]:
    """Return direction of a ray (2,), its normal (2,), its place along that, and its length."""
    assert outline.centre is not None
    off = aim - outline.centre.slack
    distance = float(np.hypot(off[0], off[1]))
    along = off / distance
    across = np.array([-along[1], along[0]])
    return along, across, float(across @ aim), distance


def _check_interior(problem: Problem, results: dict[int, Outline]) -> None:
    """Solve set-points between the centre and every corner; search where one breaks a limit."""
    wanted = [
        (t, corner, step)
        for t, outline in results.items()
        if outline.centre is not None
        for corner in outline.corners
        for step in STEPS
    ]
    if not wanted:
        return
    x = [_between(results[t], corner.x, step) for t, corner, step in wanted]
    points = problem.solve(np.array([t for t, _, _ in wanted]), np.array(x))
    searches, aims = [], []
    for at, (t, corner, step) in enumerate(wanted):
        if within(points.excess[at : at + 1], problem.allowed[t])[0]:
            continue
        centre = results[t].centre
        assert centre is not None
        aim = centre.slack + step * (corner.slack - centre.slack)
        along, across, middle, _ = _frame(results[t], aim)
        half = HALF_WIDTH * problem.width[t]
        bands = Band(across, middle, half), Band(along, float(along @ aim), half)
        searches.append(Search(Wish(t, along, bands=bands), points.x[at]))
        aims.append((t, aim))
    run(problem, searches)
    for outline in results.values():
        outline.unreached = []
        if outline.centre is not None:
            outline.rays += len(outline.corners)
    for (t, aim), search in zip(aims, searches, strict=True):
        if search.best is None:
            unreached = results[t].unreached
            assert unreached is not None
            unreached.append(aim)


def _between(outline: Outline, x: Floats, step: float) -> Floats:
    """Return set-points (M,) on the way from the centre."""
    assert outline.centre is not None
    return np.asarray(outline.centre.x + step * (x - outline.centre.x))
