"""A hosting-capacity study as tasks: which there are, what one gives, and the tables of them all.

A task is a lever with some deployments, or some buses alone. What it gives depends on the settings
and on the task, so the same table comes from one process, many, or many interrupted ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from cosim.errors import HostingError
from cosim.records import Booleans, Floats, Integers
from cosim.studies.hosting.bisection import bisect
from cosim.studies.hosting.criteria import GROUPS
from cosim.studies.hosting.deployments import by_share
from cosim.studies.hosting.judge import Lever
from cosim.studies.hosting.levers import LeverKind, electrical_kinds
from cosim.studies.hosting.nodal import nodal_deployments
from cosim.studies.hosting.records import Capacities, Deployments, Extremes, Limiting
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

Kinds = Callable[[], Mapping[str, LeverKind]]
"""Gives all levers there are, by name; a function of a module, since workers call it, too."""

SCENARIOS_PER_SERIES_TASK: Final = 4
BUSES_PER_TASK: Final = 200
BUSES_PER_SERIES_TASK: Final = 4
LONG_SERIES: Final = 2000
"""Quarter hours from which curves have fewer scenarios and levels, and limits are not taken apart.
"""

CURVE_REACH: Final = 2.0
"""Curves go up to this multiple of the capacity of the mean layout."""

CAPACITY, LEVEL, NODE = "capacity", "level", "node"
"""What a row of a task is about."""

ALL = "all"
"""Criterion that stands for every limit of the study."""


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
            count = min(count, 9)
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


def lever_problems(settings: HostingSettings, kinds: Mapping[str, LeverKind]) -> list[str]:
    """Return what is wrong with the levers asked for."""
    unknown = [name for name in settings.levers if name not in kinds]
    problems = []
    if unknown:
        problems.append(
            f"levers: there is no {', '.join(repr(name) for name in unknown)}; allowed are "
            f"{', '.join(kinds)}"
        )
    by_rule = settings.deployment.rule in ("uniform", "load_proportional")
    markets = [name for name in settings.levers if name in kinds and kinds[name].is_market]
    if by_rule and markets:
        problems.append(
            f"levers {', '.join(markets)} trade between homes, and deployment.rule = "
            f"{settings.deployment.rule} has none: choose random or end_of_feeder"
        )
    return problems


def compared_levers(settings: HostingSettings) -> tuple[str, ...]:
    """Return the levers of a study, fit and forget always first: all others are held against it."""
    return (REFERENCE, *(name for name in settings.levers if name != REFERENCE))


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
    scenarios = settings.scenarios if settings.deployment.rule == "random" else 1
    is_series = prepared.grid.points.is_series
    tasks = []
    for name in compared_levers(settings):
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
    """Return the rows of a task, by column; see `_rows`."""
    name, numbers = task.content["lever"], task.content["numbers"]
    if not name:
        return _joined([_nodes(shared.prepared, numbers)])
    deployments, found = capacities(shared.prepared, shared.kinds[name], numbers)
    parts = [_capacity_rows(found, numbers, criterion=ALL)]
    if name == REFERENCE and not is_long(shared.prepared):
        parts += _by_group(shared.prepared, deployments, numbers)
    parts.append(_level_rows(shared, shared.kinds[name], deployments, numbers))
    return _joined(parts)


def capacities(
    prepared: Prepared, kind: LeverKind, numbers: Sequence[int]
) -> tuple[Deployments, Capacities]:
    """Return deployments by number and their capacities under a lever.

    Deployments that pass with all their plants get more plants, until something limits them or
    the highest level of the search is reached.
    """
    reach = REACH_MULTIPLE * prepared.scale_kw
    top = prepared.search(grid_levels=0).highest_kw
    deployments = deployments_of(prepared, numbers, min(reach, top))
    found = kind.find(prepared, deployments)
    while True:
        short = (found.limiting == int(Limiting.NONE)) & (found.hosting_kw < top)
        if not short.any() or reach >= top or deployments.share is not None:
            return deployments, found
        reach *= 4.0
        again = np.flatnonzero(short)
        chosen = [numbers[place] for place in again]
        longer = deployments_of(prepared, chosen, min(reach, top))
        found = _put(found, again, kind.find(prepared, longer))


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


def _by_group(prepared: Prepared, deployments: Deployments, numbers: range) -> list[dict[str, Any]]:
    """Return what each group of limits alone would allow."""
    parts = []
    for group in GROUPS:
        if not prepared.criteria.has(group):
            continue
        lever = Lever(prepared.grid, prepared.criteria.only(group), deployments)
        found = bisect(lever, deployments, prepared.search(grid_levels=0), lever=REFERENCE)
        parts.append(_capacity_rows(found, numbers, criterion=group))
    return parts


def _nodes(prepared: Prepared, numbers: range) -> dict[str, Any]:
    nodal = nodal_deployments(prepared)
    some = by_share(nodal.technology, nodal.share[numbers.start : numbers.stop])
    lever = Lever(prepared.grid, prepared.criteria, some)
    search = prepared.search(grid_levels=0)
    found = bisect_series(lever, search, name=REFERENCE, scale_kw=prepared.scale_kw)
    rows = _capacity_rows(found, nodal.bus[numbers.start : numbers.stop], criterion=ALL)
    return rows | {"row": np.full(len(numbers), NODE)}


def _level_rows(
    shared: Shared, kind: LeverKind, deployments: Deployments, numbers: range
) -> dict[str, Any]:
    """Return the extremes at the levels of the curves, of those deployments that curves show."""
    settings = shared.prepared.settings
    shown = settings.curve_scenarios
    if is_long(shared.prepared):
        shown = min(shown, 8)
    rows = np.arange(len(numbers))[np.asarray(numbers) < shown]
    levels = shared.levels_kw
    which = np.repeat(rows, len(levels))
    level = np.tile(levels, len(rows))
    if not len(which):
        return _rows(0, {})
    found = kind.judging(shared.prepared, deployments)(level, which)
    return _rows(
        len(which),
        {
            "row": LEVEL,
            "lever": kind.name,
            "scenario": np.asarray(numbers)[which],
            "kw": level,
            "passes": found.passes,
            "limiting": found.limiting,
            "element": found.element,
            "value": found.value,
            "limit": found.limit,
            **{name: getattr(found.extremes, name) for name in Extremes.__slots__},
        },
    )


def _capacity_rows(
    found: Capacities, numbers: Sequence[int] | Integers, *, criterion: str
) -> dict[str, Any]:
    return _rows(
        len(found.hosting_kw),
        {
            "row": CAPACITY,
            "lever": found.lever,
            "criterion": criterion,
            "scenario": np.asarray(numbers),
            "kw": found.hosting_kw,
            "passes": found.limiting != int(Limiting.BASE_CASE),
            "limiting": found.limiting,
            "element": found.element,
            "value": found.value,
            "limit": found.limit,
            "plants": found.plants,
            "curtailed_share": found.curtailed_share,
            "monotone": found.monotone,
        },
    )


TEXTS: Final = ("row", "lever", "criterion")
WHOLE: Final = ("scenario", "limiting", "element", "plants")
TRUTHS: Final = ("passes", "monotone")
NUMBERS: Final = ("kw", "value", "limit", "curtailed_share", *Extremes.__slots__)


def _rows(count: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all columns of `count` rows; what is not given is "", -1, False or NaN."""
    columns: dict[str, Any] = {}
    for names, kind, nothing in (
        (TEXTS, np.dtype("U40"), ""),
        (WHOLE, np.dtype(np.int64), -1),
        (TRUTHS, np.dtype(np.bool_), False),
        (NUMBERS, np.dtype(np.float64), np.nan),
    ):
        for name in names:
            columns[name] = np.full(count, given.get(name, nothing), kind)
    return columns


def _joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def gathered(tasks: Sequence[Task], shared: Shared) -> dict[str, Any]:
    """Return the rows of all tasks, done here one after the other."""
    return _joined([work(shared, task) for task in tasks])


def picked(rows: Mapping[str, Any], which: Booleans) -> dict[str, Any]:
    """Return the rows where `which` is true."""
    return {name: values[which] for name, values in rows.items()}
