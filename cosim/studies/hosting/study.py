"""A hosting-capacity study as tasks: which there are, what one gives, and the tables of them all.

A task is a lever with some deployments, or some buses alone. What it gives depends on the settings
and on the task, so the same table comes from one process, many, or many interrupted ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from cosim.errors import HostingError
from cosim.records import Floats, Integers
from cosim.studies.hosting.bisection import bisect
from cosim.studies.hosting.criteria import GROUPS, Criteria
from cosim.studies.hosting.deployments import by_share, longest_reach
from cosim.studies.hosting.judge import Lever
from cosim.studies.hosting.lever_choice import Kinds, compared_levers, lever_problems
from cosim.studies.hosting.levers import Find, LeverKind, electrical_kinds
from cosim.studies.hosting.nodal import nodal_deployments
from cosim.studies.hosting.records import Capacities, Deployments, Limiting
from cosim.studies.hosting.rows import ALL, NODE, capacity_rows, joined_rows, level_rows, rows_of
from cosim.studies.hosting.series_search import bisect_series
from cosim.studies.hosting.settings import HostingSettings
from cosim.studies.hosting.study_parts import (
    REACH_MULTIPLE,
    REFERENCE,
    Prepared,
    deployments_of,
    prepare,
)
from cosim.studies.sweep_tasks import Task
from networks.feeder import LINE, TRANSFORMER

SCENARIOS_PER_SERIES_TASK: Final = 4
BUSES_PER_TASK: Final = 200
PLANTS_AT_ONCE: Final = 1_000_000
"""Plants of long deployments held together."""

CURVES_OF_LONG: Final = 8
LEVELS_OF_LONG: Final = 9
"""Scenarios and levels of the curves where a series is long or the market is played."""
BUSES_PER_SERIES_TASK: Final = 4
LONG_SERIES: Final = 2000
"""Quarter hours from which curves have fewer scenarios and levels, and limits are not taken apart.
"""

CURVE_REACH: Final = 2.0
"""Curves go up to this multiple of the capacity of the mean layout."""


@dataclass(frozen=True, slots=False, eq=False)
class Shared:
    """What tasks of a study share."""

    prepared: Prepared
    kinds: Mapping[str, LeverKind]

    @cached_property
    def levels_kw(self) -> Floats:
        """Levels of the curves, (J,), the same for every lever."""
        prepared = self.prepared
        count = prepared.settings.curve_levels
        if is_long(prepared):
            count = min(count, LEVELS_OF_LONG)
        return np.linspace(0.0, CURVE_REACH * mean_capacity(prepared), count)


@dataclass(frozen=True, slots=True)
class PrepareStudy:
    """Builds what tasks share, in each worker."""

    settings: HostingSettings
    kinds: Kinds = electrical_kinds

    def __call__(self) -> Shared:
        """Return it."""
        return Shared(prepare(self.settings), self.kinds())


def is_long(prepared: Prepared) -> bool:
    """Tell whether the series is so long that curves must do with less."""
    return len(prepared.grid.points.week) >= LONG_SERIES


def mean_capacity(prepared: Prepared) -> float:
    """Return the capacity of the layout that random deployments have on average."""
    sites = prepared.sites
    weight = np.bincount(sites.bus, weights=sites.mean_kw, minlength=prepared.feeder.bus_count)
    layout = by_share(prepared.settings.technology, (weight / weight.sum())[None])
    lever = Lever(prepared.grid, prepared.criteria, layout)
    search = prepared.search(grid_levels=0)
    found = bisect_series(lever, search, name=REFERENCE, scale_kw=prepared.scale_kw)
    hosting = float(found.hosting_kw[0])
    return hosting if hosting > 0.0 else prepared.scale_kw


def tasks_of(shared: Shared) -> list[Task]:
    """Return the tasks of a study, in the order of its tables.

    Raises:
        HostingError: levers that do not exist or do not fit.
    """
    prepared = shared.prepared
    settings = prepared.settings
    problems = lever_problems(settings, shared.kinds)
    if problems:
        raise HostingError(problems)
    deployments_of(prepared, [0], REACH_MULTIPLE * prepared.scale_kw)  # raises where none can be
    scenarios = settings.scenarios if settings.deployment.rule == "random" else 1
    is_series = prepared.grid.points.is_series
    tasks = []
    for name in compared_levers(settings, shared.kinds):
        kind = shared.kinds[name]
        many = kind.scenarios_per_task
        if is_series and not kind.is_market:
            many = SCENARIOS_PER_SERIES_TASK
        for numbers in _chunks(scenarios, many):
            key = f"{name}/{numbers.start:06d}"
            tasks.append(Task(key, {"lever": name, "numbers": numbers}, size=len(numbers)))
    if settings.nodal:
        buses = len(nodal_deployments(prepared).bus)
        for numbers in _chunks(buses, BUSES_PER_SERIES_TASK if is_series else BUSES_PER_TASK):
            key = f"bus/{numbers.start:06d}"
            tasks.append(Task(key, {"lever": "", "numbers": numbers}, size=len(numbers)))
    return tasks


def _chunks(count: int, many: int) -> list[range]:
    return [range(first, min(first + many, count)) for first in range(0, count, many)]


def work(shared: Shared, task: Task) -> dict[str, Any]:
    """Return the rows of a task, by column; see `cosim.studies.hosting.rows`."""
    name, numbers = task.content["lever"], task.content["numbers"]
    if not name:
        return joined_rows([_nodes(shared.prepared, numbers)])
    found = capacities(shared.prepared, shared.kinds[name].find, numbers)
    parts = [capacity_rows(found, numbers, criterion=ALL)]
    if name == REFERENCE and not is_long(shared.prepared):
        parts += _by_group(shared.prepared, numbers)
    parts.append(_level_rows(shared, shared.kinds[name], numbers))
    return joined_rows(parts)


def capacities(prepared: Prepared, find: Find, numbers: Sequence[int]) -> Capacities:
    """Return what `find` says of deployments by number.

    Deployments that pass with all their plants get more plants, until something limits them, the
    highest level of the search is reached, or no longer order of plants is drawn.
    """
    top = prepared.search(grid_levels=0).highest_kw
    longest = min(top, longest_reach(prepared.settings, prepared.sites))
    reach = min(REACH_MULTIPLE * prepared.scale_kw, longest)
    deployments = deployments_of(prepared, numbers, reach)
    found = find(prepared, deployments)
    while reach < longest and deployments.share is None:
        again = np.flatnonzero((found.limiting == int(Limiting.NONE)) & (found.hosting_kw < top))
        reach = min(4.0 * reach, longest)
        many = max(1, int(PLANTS_AT_ONCE * prepared.sites.mean_kw.min() / reach))
        for first in range(0, len(again), many):
            some = again[first : first + many]
            longer = deployments_of(prepared, [numbers[place] for place in some], reach)
            found = _put(found, some, find(prepared, longer))
        if not len(again):
            break
    return found


def _put(found: Capacities, places: Integers, others: Capacities) -> Capacities:
    """Return capacities with those of some deployments replaced."""
    fields = {}
    for name in Capacities.__slots__:
        if name == "lever":
            continue
        values = getattr(found, name).copy()
        values[places] = getattr(others, name)
        fields[name] = values
    return replace(found, **fields)


def _by_group(prepared: Prepared, numbers: range) -> list[dict[str, Any]]:
    """Return what each group of limits alone would allow, of those that there are."""
    parts = []
    kinds = prepared.feeder.branch_kind
    nowhere = {"line": not (kinds == LINE).any(), "transformer": not (kinds == TRANSFORMER).any()}
    for group in GROUPS:
        if not prepared.criteria.has(group) or nowhere.get(group, False):
            continue
        alone = prepared.criteria.only(group)

        def find(prepared: Prepared, some: Deployments, alone: Criteria = alone) -> Capacities:
            lever = Lever(prepared.grid, alone, some)
            return bisect(lever, some, prepared.search(grid_levels=0), lever=REFERENCE)

        parts.append(capacity_rows(capacities(prepared, find, numbers), numbers, criterion=group))
    return parts


def _nodes(prepared: Prepared, numbers: range) -> dict[str, Any]:
    nodal = nodal_deployments(prepared)
    some = by_share(nodal.technology, nodal.share[numbers.start : numbers.stop])
    lever = Lever(prepared.grid, prepared.criteria, some)
    search = prepared.search(grid_levels=0)
    found = bisect_series(lever, search, name=REFERENCE, scale_kw=prepared.scale_kw)
    buses = nodal.bus[numbers.start : numbers.stop]
    return capacity_rows(found, buses, criterion=ALL, row=NODE)


def _level_rows(shared: Shared, kind: LeverKind, numbers: range) -> dict[str, Any]:
    """Return the extremes at the levels of the curves, of those deployments that curves show."""
    prepared, levels = shared.prepared, shared.levels_kw
    shown = prepared.settings.curve_scenarios
    if is_long(prepared) or kind.is_market:
        shown = min(shown, CURVES_OF_LONG)
    if kind.is_market:
        levels = some_of(levels, LEVELS_OF_LONG)
    some = [number for number in numbers if number < shown]
    if not some:
        return rows_of(0, {})
    reach = min(float(levels[-1]), longest_reach(prepared.settings, prepared.sites))
    deployments = deployments_of(prepared, some, reach)
    which = np.repeat(np.arange(len(some)), len(levels))
    level = np.tile(levels, len(some))
    found = kind.judging(prepared, deployments)(level, which)
    return level_rows(kind.name, np.asarray(some)[which], level, found)


def some_of(levels: Floats, count: int) -> Floats:
    """Return `count` of the levels, evenly apart as far as may be, first and last among them."""
    places = np.linspace(0.0, len(levels) - 1.0, min(count, len(levels)))
    return np.asarray(levels[np.rint(places).astype(np.int64)])


def gathered(tasks: Sequence[Task], shared: Shared) -> dict[str, Any]:
    """Return the rows of all tasks, done here one after the other."""
    return joined_rows([work(shared, task) for task in tasks])
