"""Sequential linear programmes for many wishes at once: as far as the AC limits let devices go.

A search has an interval, a wish that is linear in the slack's active and reactive power and in the
columns, and perhaps bands in which the slack's power has to stay. Each round solves one linear
programme a search, with the exact slopes of the AC solution, and then one batch of power flows for
all searches. A trust region shrinks where a programme promises more than comes true. Only points
without excess are kept as results.
"""

from typing import Final

import numpy as np

from cosim.grid.flexibility_cuts import Cuts
from cosim.grid.flexibility_problem import MARGIN, Points, Problem, join
from cosim.grid.flexibility_wishes import Point, Wish
from cosim.grid.limits import TOLERANCE
from cosim.grid.linear_programme import shared_programme
from cosim.records import Floats, Integers

NEAR: Final = 0.005
"""Limits closer than this (p.u. or share of rating) get a cut at each point from then on."""

MOST_ROUNDS: Final = 25
LEAST_TRUST: Final = 2e-3
EXCESS_WEIGHT: Final = 5.0
"""What an excess of one (p.u., rating, or width of the region for bands) costs in widths."""

DEARER: Final = 5.0
"""By how much that price rises where a search would rather pay it than keep the limits."""

GOOD, FAIR, POOR = 0.7, 0.2, 0.05
"""Shares of a promise that come true: from the first a step may go further, below the second less
far, below the last it is not taken."""

TINY: Final = 1e-3
"""Excess that is cleared at once by keeping twice as much free."""

HALVINGS: Final = 8

UNFELT: Final = 1e-9
"""Limits that all columns together move by less are none of their business."""


class Search:
    """One wish on its way.

    Attributes:
        wish: what it wants.
        best: the best point without excess, None where none was found.
    """

    def __init__(self, wish: Wish, start: Floats, known: Cuts | None = None) -> None:
        """Begin at set-points `start` (M,), with what another search of the interval `known`."""
        self.wish, self.start = wish, start
        self.best: Point | None = None
        self.rounds = 0
        self.done = False
        self.cuts = Cuts(len(start), known)
        self._informed = known is not None
        self._here: Point | None = None
        self._state: Points | None = None
        self._slack_slope = np.zeros((2, len(start)))
        self._watched = np.zeros(0, np.int64)
        self.trust, self._weight = 1.0, EXCESS_WEIGHT
        self._promised = (0.0, 0.0)  # worth and burden
        self._refused = np.inf  # excess of the last point that was not taken

    def merit(self, worth: float, burden: float) -> float:
        """Return what a point is worth, less the price of its excess."""
        return worth - self._weight * burden

    def judge(self, problem: Problem, points: Points, at: int) -> tuple[bool, Integers]:
        """Judge the power flow of the latest set-point.

        Returns whether the search goes on from it, and the limits that need a cut there.
        """
        point, before = self._point(problem, points, at), self._here
        self.rounds += 1
        usable = np.isfinite(point.over)
        if usable:
            self.cuts.visit(point.x, point.excess)
            self.keep(problem, points, at)
        taken = before is None or self._take(point, before, usable=bool(usable))
        if taken:
            self._here, self._state = point, points.take(np.array([at]))
            self.cuts.move()
        self.done |= not usable if before is None else self.rounds >= MOST_ROUNDS
        self.done |= not len(self.start)
        if self.done or not usable:
            return taken, self._watched[:0]
        room = problem.allowed[self.wish.interval] - point.excess
        if before is None and not self._informed:
            reach = problem.reach[self.wish.interval]
            return taken, np.flatnonzero(room < np.maximum(NEAR, reach))
        self._watched = np.union1d(self._watched, np.flatnonzero(room < NEAR))
        return taken, self._watched

    @property
    def ended_outside(self) -> bool:
        """Whether the search ended outside of the limits, with more worth than inside."""
        here, best = self._here, self.best
        if here is None or best is None or not np.isfinite(here.over):
            return False
        return here.over > 0.0 and here.worth > best.worth + self.wish.settled

    @property
    def ends(self) -> tuple[Floats, Floats]:
        """Set-points (M,) of the best point and of the last one."""
        assert self.best is not None
        assert self._here is not None
        return self.best.x, self._here.x

    def keep(self, problem: Problem, points: Points, at: int) -> bool:
        """Keep a power flow as the best point if it is one; return whether it is inside."""
        point = self._point(problem, points, at)
        inside = point.over == 0.0
        if inside and (self.best is None or point.worth > self.best.worth):
            self.best = point
        return inside

    @property
    def state(self) -> Points:
        """The power flow where the search stands."""
        assert self._state is not None
        return self._state

    def lean(self, slack_slope: Floats) -> None:
        """Note the slopes of slack power (2, M) where the search stands."""
        self._slack_slope = slack_slope

    def step(self, problem: Problem) -> Floats | None:
        """Return the next set-point to try, None where the search is at its end."""
        here = self._here
        assert here is not None
        if self.trust < LEAST_TRUST:
            self.done = True
            return None
        for _ in range(3):
            x, worth, burden = self._programme(problem, here)
            self._promised = worth, burden
            if self.merit(worth, burden) - self.merit(here.worth, here.burden) > self.wish.settled:
                return x
            if here.over == 0.0:
                break
            # Rather outside of the limits than inside: it has to become dearer.
            self._weight *= DEARER
        self.done = True
        return None

    def _point(self, problem: Problem, points: Points, at: int) -> Point:
        """Return what the search thinks of a power flow."""
        wish, excess, slack = self.wish, points.excess[at], points.slack[at]
        if not np.all(np.isfinite(excess)):
            return Point(points.x[at], slack, excess, -np.inf, np.inf, np.inf)
        scale = problem.width[wish.interval]
        worth = float(wish.weight @ slack)
        if wish.gain is not None:
            worth += float(wish.gain @ points.x[at])
        broken = excess - problem.allowed[wish.interval]
        broken[broken <= TOLERANCE] = 0.0
        off = sum(band.off(slack) for band in wish.bands) / scale
        over = float(broken.max()) + off
        burden = float((broken * problem.burden).max()) + off
        return Point(points.x[at], slack, excess, worth / scale, over, burden)

    def _take(self, point: Point, before: Point, *, usable: bool) -> bool:
        """Widen or narrow the trust region; return whether to go on from the point."""
        merit = self.merit(before.worth, before.burden)
        promised = max(self.merit(*self._promised) - merit, 1e-12)
        come_true = (
            (self.merit(point.worth, point.burden) - merit) / promised if usable else -np.inf
        )
        if come_true < FAIR:
            self.trust *= 0.5 if come_true > 0.0 else 0.3
        elif come_true > GOOD:
            self.trust = min(1.0, 2.0 * self.trust)
        return bool(come_true > POOR)

    def fence(self, problem: Problem, x: Floats, excess: Floats, trust: float) -> None:
        """Take a narrowing back where the cuts of a refused point rule it out by themselves."""
        allowed = problem.allowed[self.wish.interval]
        broken = np.flatnonzero(excess > allowed + TOLERANCE)
        claimed = self.cuts.level + self.cuts.slope @ x - allowed[self.cuts.row]
        over = float((excess - allowed).max())
        halved, self._refused = over < 0.5 * self._refused, over
        if (
            halved
            and len(broken)
            and np.all(np.isin(broken, self.cuts.row[claimed > 0.5 * TOLERANCE]))
        ):
            self.trust = trust

    def _programme(self, problem: Problem, here: Point) -> tuple[Floats, float, float]:
        """Return the best step by the cuts: set-point, its worth and its burden if they hold."""
        controls, interval, wish = problem.controls, self.wish.interval, self.wish
        span, allowed = controls.span[interval], problem.allowed[interval]
        least = np.maximum(controls.least[interval], here.x - self.trust * span)
        most = np.minimum(controls.most[interval], here.x + self.trust * span)
        gain = wish.weight @ self._slack_slope
        if wish.gain is not None:
            gain = gain + wish.gain
        cuts, margin = self.cuts, MARGIN
        if 0.0 < here.over < TINY:
            margin += 2.0 * here.over
        # Cuts that this step cannot reach say nothing.
        highest = cuts.level + np.maximum(cuts.slope * least, cuts.slope * most).sum(axis=1)
        used = highest > allowed[cuts.row] - margin
        used &= np.abs(cuts.slope) @ span > UNFELT
        slope, level, row = cuts.slope[used], cuts.level[used], cuts.row[used]
        matrix, room = [slope], [allowed[row] - margin - level]
        for band in wish.bands:
            along = band.normal @ self._slack_slope
            off = float(band.normal @ here.slack) - band.middle
            half = 0.5 * band.half_width
            matrix.append(np.stack([along, -along]))
            room.append(
                np.array([half - off, half + off]) + np.array([1.0, -1.0]) * (along @ here.x)
            )
        elastic = sum(len(each) for each in room)
        facet = controls.facet
        near = np.maximum(facet * least, facet * most).sum(axis=1) > controls.room[interval]
        matrix.append(facet[near])
        room.append(controls.room[interval][near])
        x, prices = shared_programme().maximise(
            gain, (least, most), np.concatenate(matrix), np.concatenate(room), elastic=elastic
        )
        cuts.shaped(np.flatnonzero(used)[prices[: len(row)] != 0.0])
        x = np.clip(x, least, most) if np.all(np.isfinite(x)) else here.x
        scale = problem.width[interval]
        broken = np.maximum(level + slope @ x - allowed[row], 0.0)
        burden = float((broken * problem.burden[row]).max(initial=0.0))
        slack = here.slack + self._slack_slope @ (x - here.x)
        burden += sum(band.off(slack) for band in wish.bands) / scale
        return x, here.worth + float(gain @ (x - here.x)) / scale, burden


def run(problem: Problem, searches: list[Search]) -> None:
    """Let all searches run to their ends, in step; each then holds its `best` point, or None."""
    if not searches:
        return
    _arrive(problem, searches, _starts(problem, searches))
    active = searches
    while active:
        trials = [(search, search.step(problem)) for search in active if not search.done]
        moving = [(search, x) for search, x in trials if x is not None]
        active = [search for search, _ in moving]
        if active:
            _arrive(problem, active, _solve(problem, active, [x for _, x in moving]))
    _retreat(problem, [search for search in searches if search.ended_outside])


def _retreat(problem: Problem, searches: list[Search]) -> None:
    """Where a search ended outside of the limits: bisect from its best point toward the end."""
    if not searches:
        return
    inside = [search.ends[0] for search in searches]
    outside = [search.ends[1] for search in searches]
    for _ in range(HALVINGS):
        middle = [0.5 * (a + b) for a, b in zip(inside, outside, strict=True)]
        points = _solve(problem, searches, middle)
        for at, search in enumerate(searches):
            ends = inside if search.keep(problem, points, at) else outside
            ends[at] = middle[at]


def _starts(problem: Problem, searches: list[Search]) -> Points:
    """Return the power flows of the starts; searches that start alike share one."""
    number: dict[tuple[int, bytes], int] = {}
    keys = [(search.wish.interval, search.start.tobytes()) for search in searches]
    of = np.array([number.setdefault(key, len(number)) for key in keys], np.int64)
    _, first = np.unique(of, return_index=True)
    alike = [searches[at] for at in first.tolist()]
    return _solve(problem, alike, [search.start for search in alike]).take(of)


def _solve(problem: Problem, searches: list[Search], x: list[Floats]) -> Points:
    """Return the power flows of a set-point for each search."""
    interval = np.array([search.wish.interval for search in searches], np.int64)
    return problem.solve(interval, np.array(x).reshape(len(searches), -1))


def _arrive(problem: Problem, searches: list[Search], points: Points) -> None:
    """Let each search judge its new point, and make the cuts that it needs."""
    trust = [search.trust for search in searches]
    judged = [search.judge(problem, points, at) for at, search in enumerate(searches)]
    taken, rows = [each[0] for each in judged], [each[1] for each in judged]
    slopes = problem.slopes(points, rows, taken)
    for at, search in enumerate(searches):
        if taken[at]:
            search.lean(slopes.slack[at])
        point = points.x[at], points.excess[at], rows[at], slopes.excess[at]
        search.cuts.add(*point, own=taken[at])
        if not taken[at] and len(rows[at]):
            search.fence(problem, points.x[at], points.excess[at], trust[at])
    # What a refused point breaks has to be known where the search still stands.
    late = [
        (search, np.setdiff1d(row, search.cuts.own_rows))
        for search, row, took in zip(searches, rows, taken, strict=True)
        if not took and len(row)
    ]
    if late:
        states = join([search.state for search, _ in late])
        slopes = problem.slopes(states, [row for _, row in late], [False] * len(late))
        for at, (search, row) in enumerate(late):
            search.cuts.add(states.x[at], states.excess[at], row, slopes.excess[at], own=True)
