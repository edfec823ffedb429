"""Bisection of many deployments in lock step: each step is one batch of cases.

Every deployment follows its own sequence of levels, which depends on its own verdicts alone; the
batch only saves time. The level reported is the largest looked at that passes with no failing one
below it, and the constraint that limits it is what breaks at the next level, no more than the
resolution above.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cosim.records import Booleans, Floats, Integers
from cosim.studies.hosting.deployments import plants_begun
from cosim.studies.hosting.judge import curtailed_share
from cosim.studies.hosting.records import Capacities, Deployments, Judged, Limiting

Judge = Callable[[Floats, Integers], Judged]
"""``judge(level_kw (n,), which (n,))`` of deployments `which` at levels, each case on its own."""


@dataclass(frozen=True, slots=True)
class Search:
    """How a level is searched."""

    start_kw: float  # first level looked at above none
    highest_kw: float  # no level above
    resolution_kw: float = 0.1
    resolution_share: float = 1e-4
    grid_levels: int = 0  # looked at below the first failing level, before bisection

    def resolution(self, level_kw: Floats) -> Floats:
        """Return how far a failing level may lie above the passing one, at the end."""
        return np.maximum(self.resolution_kw, self.resolution_share * level_kw)


@dataclass(slots=True, eq=False)
class Progress:
    """What is known of S deployments."""

    low: Floats  # (S,) passes, nothing below fails
    high: Floats  # (S,) fails, NaN: nothing has failed
    limiting: Integers
    element: Integers
    value: Floats
    limit: Floats
    given_up: Floats  # (S,) share curtailed at `low`
    monotone: Booleans
    open: Booleans = field(init=False)  # (S,) still searched

    def __post_init__(self) -> None:
        """Begin with all of them open."""
        self.open = np.ones(len(self.low), np.bool_)

    def passed(self, who: Integers, level: Floats, found: Judged) -> None:
        """Keep levels that pass."""
        ok = found.passes
        self.low[who[ok]] = level[ok]
        self.given_up[who[ok]] = curtailed_share(found.extremes)[ok]

    def failed(self, who: Integers, level: Floats, found: Judged) -> None:
        """Keep levels that fail, and why."""
        bad = ~found.passes
        self.high[who[bad]] = level[bad]
        for name in ("limiting", "element", "value", "limit"):
            getattr(self, name)[who[bad]] = getattr(found, name)[bad]


def bisect(judge: Judge, deployments: Deployments, search: Search, *, lever: str) -> Capacities:
    """Return the hosting capacity of every deployment under a lever.

    A deployment that fails before anything is added has capacity 0 and Limiting.BASE_CASE, with
    the element, value and limit of what fails. One that passes everywhere has the highest level
    and Limiting.NONE: either `search.highest_kw`, or all its plants.
    """
    highest = np.minimum(search.highest_kw, deployments.highest_kw)
    return capacities_at(search_levels(judge, highest, search), deployments, lever=lever)


def search_levels(judge: Judge, highest_kw: Floats, search: Search) -> Progress:
    """Return what a search finds; no deployment is looked at above its `highest_kw` (S,)."""
    at = nothing_known(len(highest_kw))
    _without_plants(judge, at)
    _bracket(judge, at, search, highest_kw)
    if search.grid_levels:
        _walk_grid(judge, at, search)
    _halve(judge, at, search)
    return at


def nothing_known(count: int) -> Progress:
    """Return the state before a search."""
    return Progress(
        low=np.zeros(count),
        high=np.full(count, np.nan),
        limiting=np.full(count, int(Limiting.NONE)),
        element=np.full(count, -1),
        value=np.full(count, np.nan),
        limit=np.full(count, np.nan),
        given_up=np.zeros(count),
        monotone=np.ones(count, np.bool_),
    )


def capacities_at(at: Progress, deployments: Deployments, *, lever: str) -> Capacities:
    """Return the end of a search as capacities."""
    return Capacities(
        lever=lever,
        hosting_kw=at.low,
        limiting=at.limiting,
        element=at.element,
        value=at.value,
        limit=at.limit,
        plants=plants_begun(deployments, at.low, np.arange(deployments.count)),
        curtailed_share=at.given_up,
        monotone=at.monotone,
    )


def grid_shares(grid_levels: int) -> Floats:
    """Return the levels of the grid as shares of the first failing level."""
    return np.asarray(np.arange(1, grid_levels + 1) / (grid_levels + 1))


def _without_plants(judge: Judge, at: Progress) -> None:
    who = np.arange(len(at.low))
    found = judge(np.zeros(len(who)), who)
    at.failed(who, np.zeros(len(who)), found)
    at.limiting[~found.passes] = int(Limiting.BASE_CASE)
    at.open &= found.passes


def _bracket(judge: Judge, at: Progress, search: Search, highest: Floats) -> None:
    """Double the level until it fails, or is the highest."""
    level = np.minimum(search.start_kw, highest)
    searching = at.open.copy()
    while searching.any():
        who = np.flatnonzero(searching)
        found = judge(level[who], who)
        at.passed(who, level[who], found)
        at.failed(who, level[who], found)
        done = ~found.passes | (level[who] >= highest[who])
        at.open[who[done & found.passes]] = False
        searching[who[done]] = False
        level = np.minimum(2.0 * level, highest)


def _walk_grid(judge: Judge, at: Progress, search: Search) -> None:
    """Look at even levels below the failing one, all of them: the first that fails counts.

    What passes above a failing level is told (`monotone`), and never counts.
    """
    who = np.flatnonzero(np.isfinite(at.high) & at.open)
    if not len(who):
        return
    steps = grid_shares(search.grid_levels)
    level = at.high[who, None] * steps
    cases = np.repeat(who, len(steps))
    found = judge(level.ravel(), cases)
    passes = found.passes.reshape(level.shape)
    first = np.where(passes.all(axis=1), len(steps), np.argmin(passes, axis=1))
    later = np.arange(len(steps)) > first[:, None]
    # Doubling has shown that `low` passes, too.
    passed_again = (passes & later).any(axis=1)
    rows = np.arange(len(who))
    fails = first < len(steps)
    failing = np.where(fails, level[rows, np.minimum(first, len(steps) - 1)], np.inf)
    at.monotone[who] = ~(passed_again | (failing < at.low[who]))
    below = np.where(first > 0, level[rows, np.maximum(first - 1, 0)], 0.0)
    share = curtailed_share(found.extremes).reshape(level.shape)
    better = (below > at.low[who]) | (failing <= at.low[who])
    at.given_up[who[better]] = np.where(first > 0, share[rows, np.maximum(first - 1, 0)], 0.0)[
        better
    ]
    at.low[who[better]] = below[better]
    at.high[who[fails]] = failing[fails]
    place = rows * len(steps) + np.minimum(first, len(steps) - 1)
    for name in ("limiting", "element", "value", "limit"):
        getattr(at, name)[who[fails]] = getattr(found, name)[place[fails]]


def _halve(judge: Judge, at: Progress, search: Search) -> None:
    """Halve the way between passing and failing levels until they are close."""
    while True:
        far = at.high - at.low > search.resolution(at.low)
        who = np.flatnonzero(at.open & far)
        if not len(who):
            return
        level = 0.5 * (at.low[who] + at.high[who])
        found = judge(level, who)
        at.passed(who, level, found)
        at.failed(who, level, found)
