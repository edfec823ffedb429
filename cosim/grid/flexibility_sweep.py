"""The sweep by angle: the farthest set-points in all directions of slack power, of all intervals.

First a search from the base point in each direction. Where another direction's point reaches
farther than a search's own, that one starts again from it. Then edges whose supporting lines leave
much room beyond them are searched along their own normals, the widest gaps first.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cosim.grid import flexibility_polygon as polygons
from cosim.grid.flexibility_problem import Problem
from cosim.grid.flexibility_search import SETTLED, Point, Search, Wish, run
from cosim.records import Floats

WIDEST_GAP: Final = 2e-3
"""Share of the area that may lie between an edge and its supporting lines."""

ROUNDS: Final = 4
RESTARTS: Final = 2


@dataclass(slots=True, eq=False)
class Reached:
    """What the searches of one interval have reached."""

    points: list[Point] = field(default_factory=list)
    angle: list[float] = field(default_factory=list)  # searched directions

    @property
    def slack(self) -> Floats:
        """Slack power (P, 2) of the points."""
        return np.array([point.slack for point in self.points]).reshape(-1, 2)

    def farthest(self, normal: Floats) -> Point:
        """Return the point that reaches farthest in a direction (2,)."""
        return self.points[int(np.argmax(self.slack @ normal))]

    def supports(self) -> tuple[Floats, Floats]:
        """Return the searched directions, ascending, and how far points reach in each."""
        angle = np.unique(np.mod(self.angle, 2.0 * np.pi))
        normal = np.stack([np.cos(angle), np.sin(angle)])
        return angle, (self.slack @ normal).max(axis=0)


def sweep(problem: Problem, intervals: list[int], directions: int) -> dict[int, Reached]:
    """Return what can be reached in each of `intervals`; those where nothing can are left out."""
    angles = 2.0 * np.pi * np.arange(directions) / directions
    start = problem.controls.base
    found = {t: Reached() for t in intervals}
    _search(problem, found, [(t, angle, start[t]) for t in intervals for angle in angles])
    found = {t: reached for t, reached in found.items() if reached.points}
    for _ in range(RESTARTS):
        late = [(t, *each) for t, reached in found.items() for each in _overtaken(problem, t, reached)]
        _search(problem, found, late)
    for _ in range(ROUNDS):
        open_edges = [(t, *each) for t, reached in found.items() for each in _open(problem, t, reached)]
        if not open_edges:
            break
        _search(problem, found, open_edges)
    return found


def unit(angle: float) -> Floats:
    """Return the direction (2,) of an angle, exactly along the axes where it is meant to be."""
    return np.round([np.cos(angle), np.sin(angle)], 15)


def _search(
    problem: Problem, found: dict[int, Reached], wanted: list[tuple[int, float, Floats]]
) -> None:
    """Search from a start (M,) in a direction, for each (interval, angle, start)."""
    searches = [Search(Wish(t, unit(angle)), start) for t, angle, start in wanted]
    run(problem, searches)
    for (t, angle, _), search in zip(wanted, searches, strict=True):
        if search.best is not None:
            found[t].points.append(search.best)
            found[t].angle.append(angle)


def _overtaken(problem: Problem, t: int, reached: Reached) -> list[tuple[float, Floats]]:
    """Return directions in which another one's point reaches farther, with that as their start."""
    late = []
    for angle in np.unique(reached.angle).tolist():
        normal = unit(angle)
        own = [
            float(point.slack @ normal)
            for point, searched in zip(reached.points, reached.angle, strict=True)
            if searched == angle
        ]
        best = reached.farthest(normal)
        if float(best.slack @ normal) > max(own) + 5.0 * SETTLED * problem.width[t]:
            late.append((angle, best.x))
    return late


def _open(problem: Problem, t: int, reached: Reached) -> list[tuple[float, Floats]]:
    """Return the normals of edges with a wide gap beyond them, and a start between their ends."""
    slack = reached.slack
    corners = polygons.hull(slack)
    polygon = slack[corners]
    size = polygons.area(polygon)
    if len(corners) < 3 or size < (1e-3 * problem.width[t]) ** 2:
        return []
    angle, support = reached.supports()
    gap = polygons.gaps(polygon, angle, support)
    _, normal = polygons.edges(polygon)
    wide = []
    for edge in np.flatnonzero(gap > WIDEST_GAP * size).tolist():
        ends = corners[edge], corners[(edge + 1) % len(corners)]
        start = 0.5 * (reached.points[ends[0]].x + reached.points[ends[1]].x)
        wide.append((float(np.arctan2(normal[edge, 1], normal[edge, 0])), start))
    return wide
