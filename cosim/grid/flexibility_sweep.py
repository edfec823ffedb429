"""The sweep by angle: the farthest set-points in all directions of slack power, of all intervals.

First a search from the base point in some directions, then in those between from what these
have reached. Where another direction's point reaches
farther than a search's own, that one starts again from it. Then edges whose supporting lines leave
much room beyond them are searched along their own normals, the widest gaps first.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cosim.grid import flexibility_polygon as polygons
from cosim.grid.flexibility_cuts import Cuts
from cosim.grid.flexibility_problem import Problem
from cosim.grid.flexibility_search import Search, run
from cosim.grid.flexibility_wishes import SETTLED, Point, Wish
from cosim.records import Floats

WIDEST_GAP: Final = 2e-3
"""Share of the area that may lie between an edge and its supporting lines."""

ROUNDS: Final = 4
FIRST: Final = 8
"""Directions that are searched from the base point; the others begin at the farthest of these."""

RESTARTS: Final = 2


@dataclass(slots=True, eq=False)
class Reached:
    """What the searches of one interval have reached."""

    points: list[Point] = field(default_factory=list)
    cuts: list[Cuts] = field(default_factory=list)  # what the search of each point found
    angle: list[float] = field(default_factory=list)  # searched directions

    @property
    def slack(self) -> Floats:
        """Slack power (P, 2) of the points."""
        return np.array([point.slack for point in self.points]).reshape(-1, 2)

    def farthest(self, normal: Floats) -> int:
        """Return the position of the point that reaches farthest in a direction (2,)."""
        return int(np.argmax(self.slack @ normal))

    def supports(self) -> tuple[Floats, Floats]:
        """Return the searched directions, ascending, and how far points reach in each."""
        angle = np.unique(np.mod(self.angle, 2.0 * np.pi))
        normal = np.stack([np.cos(angle), np.sin(angle)])
        return angle, (self.slack @ normal).max(axis=0)


def sweep(problem: Problem, intervals: list[int], directions: int) -> dict[int, Reached]:
    """Return what can be reached in each of `intervals`; those where nothing can are left out."""
    angles = [2.0 * np.pi * at / directions for at in range(directions)]
    every = max(directions // FIRST, 1)
    found = {t: Reached() for t in intervals}
    base = problem.controls.base
    _search(
        problem, found, [_Start(t, angle, base[t]) for t in intervals for angle in angles[::every]]
    )
    found = {t: reached for t, reached in found.items() if reached.points}
    rest = [angle for at, angle in enumerate(angles) if at % every]
    _search(
        problem, found, [_from_best(t, each, angle) for t, each in found.items() for angle in rest]
    )
    for _ in range(RESTARTS):
        _search(
            problem, found, [start for t in found for start in _overtaken(problem, t, found[t])]
        )
    for _ in range(ROUNDS):
        _search(problem, found, [start for t in found for start in _open(problem, t, found[t])])
    return found


def unit(angle: float) -> Floats:
    """Return the direction (2,) of an angle, exactly along the axes where it is meant to be."""
    return np.asarray(np.round([np.cos(angle), np.sin(angle)], 15), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """Where a search in a direction begins."""

    interval: int
    angle: float
    x: Floats  # (M,)
    known: Cuts | None = None


def _search(problem: Problem, found: dict[int, Reached], starts: list[_Start]) -> None:
    """Search from all starts, and note what was reached."""
    searches = [
        Search(Wish(start.interval, unit(start.angle)), start.x, start.known) for start in starts
    ]
    run(problem, searches)
    for start, search in zip(starts, searches, strict=True):
        if search.best is not None:
            reached = found[start.interval]
            reached.points.append(search.best)
            reached.cuts.append(search.cuts)
            reached.angle.append(start.angle)


def _from_best(t: int, reached: Reached, angle: float) -> _Start:
    """Begin at the point that reaches farthest so far."""
    best = reached.farthest(unit(angle))
    return _Start(t, angle, reached.points[best].x, reached.cuts[best])


def _overtaken(problem: Problem, t: int, reached: Reached) -> list[_Start]:
    """Return starts in directions where another one's point reaches farther."""
    late = []
    searched = np.array(reached.angle)
    for angle in np.unique(searched).tolist():
        reach = reached.slack @ unit(angle)
        if reach.max() > reach[searched == angle].max() + 5.0 * SETTLED * problem.width[t]:
            late.append(_from_best(t, reached, angle))
    return late


def _open(problem: Problem, t: int, reached: Reached) -> list[_Start]:
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
        outward = float(np.arctan2(normal[edge, 1], normal[edge, 0]))
        wide.append(_Start(t, outward, start, reached.cuts[ends[0]]))
    return wide
