"""A study from settings to its folder: tasks done and kept, tables, report, manifest.

::

    study.json                    what the study is
    NAME.parquet, NAME.csv        every table of `tables.TABLES`
    report.html                   if somebody writes one
    manifest.json                 last: a folder without it is not finished
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from cosim.studies.hosting.extremes_check import check_extremes
from cosim.studies.hosting.lever_choice import Kinds, compared_levers
from cosim.studies.hosting.levers import electrical_kinds
from cosim.studies.hosting.outcome import tables_of
from cosim.studies.hosting.settings import HostingSettings
from cosim.studies.hosting.study import PrepareStudy, Shared, tasks_of, work
from cosim.studies.sweep import Progress, sweep
from cosim.studies.sweep_runners import Runner, check_reachable
from cosim.studies.sweep_store import Study, open_store
from networks.reference import ReferenceCheck

NAME: Final = "hosting-capacity"
REPORT: Final = "report.html"

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True, eq=False)
class HostingContent:
    """All that a report is made from."""

    shared: Shared
    tables: Tables
    facts: Mapping[str, Any]


def host(
    settings: HostingSettings,
    folder: Path,
    *,
    kinds: Kinds = electrical_kinds,
    runner: Runner | None = None,
    progress: Progress | None = None,
    write_report: Callable[[HostingContent], str] | None = None,
) -> HostingContent:
    """Do a study, or go on with it, and leave its folder.

    Args:
        settings: what to study.
        folder: empty, missing, or holding the same study unfinished.
        kinds: gives the levers there are; a function of a module.
        runner: who does the tasks; this process if None.
        progress: is told of scenarios done.
        write_report: returns the text of the report; without it there is none.

    Raises:
        HostingError: settings that do not fit the feeder; nothing is written then.
        NetworkError: the feeder is unknown or unusable.
        RunFolderError: the folder holds something else.
        SweepError: workers cannot be had, or a task failed.
    """
    prepare = PrepareStudy(settings, kinds)
    shared = prepare()
    tasks = tasks_of(shared)
    told = Study(
        NAME, settings.model_dump(mode="json"), settings.seed, shared.prepared.feeder.net_sha256
    )
    check_reachable(runner)
    with open_store(folder, told) as store:
        rows = sweep(tasks, work, store, prepare=prepare, runner=runner, progress=progress)
        tables = tables_of(shared, rows)
        facts = facts_of(shared, check_extremes(shared, rows))
        content = HostingContent(shared, tables, facts)
        for name, table in tables.items():
            store.write_table(name, columns_of(table))
            store.write_text(f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
        if write_report is not None:
            store.write_text(REPORT, write_report(content))
        store.finish(facts)
    return content


def columns_of(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return a table as columns, text as objects."""
    return {name: table[name].to_numpy() for name in table.columns}


def facts_of(shared: Shared, check: ReferenceCheck) -> dict[str, Any]:
    """Return what a study says about itself beside its tables."""
    prepared = shared.prepared
    feeder, points = prepared.feeder, prepared.grid.points
    return {
        "feeder": {
            "name": feeder.name,
            "title": feeder.title,
            "source": feeder.source,
            "ratings_assumed": feeder.ratings_assumed,
            "ratings_source": feeder.ratings_source,
            "notes": list(feeder.notes),
            "buses": feeder.bus_count,
            "branches": feeder.branch_count,
            "peak_kw": prepared.peak_kw,
            "slack_voltage_pu": float(abs(feeder.slack_voltage_pu)),
        },
        "points": {
            "label": points.label,
            "count": len(points.week),
            "interval_h": points.interval_h,
            "is_series": points.is_series,
            "load_min_kw": float(points.load_kw.sum(axis=1).min()),
            "load_max_kw": float(points.load_kw.sum(axis=1).max()),
        },
        "sites": {
            "count": len(prepared.sites),
            "are_homes": prepared.sites.are_homes,
            "mean_plant_kw": float(prepared.sites.mean_kw.mean()),
            "full_round_kw": float(prepared.sites.mean_kw.sum()),
        },
        "criteria": asdict(prepared.criteria),
        "levers": {
            name: shared.kinds[name].told
            for name in compared_levers(prepared.settings, shared.kinds)
        },
        "reference_check": asdict(check),
    }
