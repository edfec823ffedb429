"""The tables of a study, made from the rows of its tasks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.studies.hosting import summary
from cosim.studies.hosting.closer_look import (
    base_case,
    base_case_rows,
    duration_columns,
    median_scenario,
    voltage_columns,
)
from cosim.studies.hosting.criteria import GROUPS
from cosim.studies.hosting.distances import impedance_to_supply
from cosim.studies.hosting.elements import element_columns, numbered
from cosim.studies.hosting.hourly import hourly_envelope
from cosim.studies.hosting.judge import Lever
from cosim.studies.hosting.lever_choice import compared_levers, steps
from cosim.studies.hosting.optimal_siting import best_siting
from cosim.studies.hosting.records import Extremes, Limiting
from cosim.studies.hosting.rows import ALL, CAPACITY, LEVEL, NODE, picked
from cosim.studies.hosting.sensitivity import sensitivity_rows
from cosim.studies.hosting.study import Shared
from cosim.studies.hosting.study_parts import REACH_MULTIPLE, REFERENCE, Prepared, deployments_of
from cosim.studies.hosting.tables import TABLES, empty, joined, table

Rows = Mapping[str, Any]


def tables_of(shared: Shared, rows: Rows) -> dict[str, pd.DataFrame]:
    """Return every table of `tables.TABLES` from the gathered rows of the tasks.

    What one process does quickly is done here: the base case, the best siting, the hourly
    envelope, the sensitivities and the closer look at one scenario.
    """
    prepared = shared.prepared
    base = base_case(prepared)
    capacity = picked(rows, (rows["row"] == CAPACITY) & (rows["criterion"] == ALL))
    apart = picked(rows, (rows["row"] == CAPACITY) & (rows["criterion"] != ALL))
    found = {
        "base_case": from_rows("base_case", base_case_rows(prepared, base)),
        "scenarios": _scenarios(prepared, capacity, base.fails),
        "criteria": _criteria(prepared, apart, base.fails),
        "levels": _levels(picked(rows, rows["row"] == LEVEL)),
        "nodes": _nodes(prepared, picked(rows, rows["row"] == NODE), base.fails),
        **_summaries(shared, capacity, apart),
        **_closer(prepared, picked(capacity, capacity["lever"] == REFERENCE)),
    }
    settings = prepared.settings
    found["optimal"] = _optimal(prepared) if settings.optimal else empty("optimal")
    found["hours"] = (
        table("hours", hourly_envelope(prepared)) if settings.hourly else empty("hours")
    )
    found["sensitivity"] = empty("sensitivity")
    if settings.sensitivity:
        answers = sensitivity_rows(prepared, shared.kinds[REFERENCE])
        found["sensitivity"] = from_rows("sensitivity", answers)
    return {name: found[name] for name in TABLES}


def from_rows(name: str, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a table from its rows."""
    if not rows:
        return empty(name)
    return table(name, {column: [row[column] for row in rows] for column in TABLES[name]})


def _scenarios(prepared: Prepared, rows: Rows, base: Limiting) -> pd.DataFrame:
    return table(
        "scenarios",
        {
            "lever": rows["lever"],
            "scenario": rows["scenario"],
            "hosting_kw": rows["kw"],
            **element_columns(prepared.feeder, dict(rows), base=base),
            "plants": rows["plants"],
            "curtailed_share": rows["curtailed_share"],
            "monotone": rows["monotone"],
        },
    )


def _criteria(prepared: Prepared, rows: Rows, base: Limiting) -> pd.DataFrame:
    return table(
        "criteria",
        {
            "criterion": rows["criterion"],
            "scenario": rows["scenario"],
            "hosting_kw": rows["kw"],
            **element_columns(prepared.feeder, dict(rows), base=base),
        },
    )


def _levels(rows: Rows) -> pd.DataFrame:
    return table(
        "levels",
        {
            "lever": rows["lever"],
            "scenario": rows["scenario"],
            "level_kw": rows["kw"],
            "violates": ~rows["passes"],
            "limiting": [summary.limiting_name(int(kind)) for kind in rows["limiting"]],
            **{name: rows[name] for name in Extremes.__slots__},
        },
    )


def _nodes(prepared: Prepared, rows: Rows, base: Limiting) -> pd.DataFrame:
    feeder, place = prepared.feeder, rows["scenario"]
    return table(
        "nodes",
        {
            **numbered(feeder, place),
            "x": feeder.bus_x[place],
            "y": feeder.bus_y[place],
            "distance_ohm": impedance_to_supply(feeder)[place],
            "hosting_kw": rows["kw"],
            **element_columns(feeder, dict(rows), base=base),
        },
    )


def _optimal(prepared: Prepared) -> pd.DataFrame:
    best = best_siting(prepared)
    named = numbered(prepared.feeder, best.bus.tolist())
    total = np.full(len(best.bus), best.total_kw)
    return table("optimal", {**named, "kw": best.kw, "total_kw": total})


def _summaries(shared: Shared, capacity: Rows, apart: Rows) -> dict[str, pd.DataFrame]:
    """Return the tables that are statistics over scenarios."""
    prepared = shared.prepared
    settings, sites = prepared.settings, prepared.sites
    sizes = summary.Sizes(
        prepared.peak_kw, len(sites) if sites.are_homes else 0, settings.mean_plant_kw
    )
    found_kw = {
        name: capacity["kw"][capacity["lever"] == name]
        for name in compared_levers(settings, shared.kinds)
    }
    rows: dict[str, list[dict[str, Any]]] = {"summary": [], "running": [], "limiting": []}
    rows["steps"] = [
        _step(
            settings.seed,
            found_kw,
            lever,
            below,
            shared.kinds[lever].reference,
        )
        for lever, below in steps(settings, shared.kinds)
    ]
    regions = []
    for lever, kw in found_kw.items():
        mine = picked(capacity, capacity["lever"] == lever)
        reference = shared.kinds[lever].reference
        raised = summary.uplift(kw, found_kw[reference], settings.seed)
        rows["summary"].append(summary.summary_row(mine, sizes, raised=raised, reference=reference))
        rows["running"] += summary.running_rows(lever, mine["kw"])
        rows["limiting"] += summary.limiting_rows(lever, mine["limiting"])
        regions.append(_regions(mine, summary.region_levels(capacity["kw"])))
    for group in GROUPS:
        mine = picked(apart, apart["criterion"] == group)
        if len(mine["kw"]):
            raised = summary.uplift(mine["kw"], found_kw[REFERENCE], settings.seed)
            rows["summary"].append(
                summary.summary_row(mine, sizes, raised=raised, reference=REFERENCE)
            )
            regions.append(_regions(mine, summary.region_levels(capacity["kw"])))
    found = {name: from_rows(name, each) for name, each in rows.items()}
    return found | {"regions": joined("regions", regions)}


def _step(
    seed: int, found_kw: Mapping[str, Floats], lever: str, below: str, reference: str
) -> dict[str, Any]:
    gained = summary.gain(found_kw[lever], found_kw[below], found_kw[reference], seed)
    return {
        "lever": lever,
        "below": below,
        "reference": reference,
        "median_kw": summary.hosting_quantile(found_kw[lever], 0.5),
        "gained_percent": gained.value,
        "gained_low": gained.low,
        "gained_high": gained.high,
    }


def _regions(mine: Rows, level_kw: Any) -> pd.DataFrame:
    return table(
        "regions",
        {
            "lever": str(mine["lever"][0]),
            "criterion": str(mine["criterion"][0]),
            "level_kw": level_kw,
            "violating_share": summary.violating_share(mine["kw"], level_kw),
            "region": summary.regions(mine["kw"], level_kw),
        },
    )


def _closer(prepared: Prepared, reference: Rows) -> dict[str, pd.DataFrame]:
    """Return the tables of the scenario with the median capacity."""
    number, hosting = median_scenario(reference["scenario"], reference["kw"])
    reach = max(REACH_MULTIPLE * prepared.scale_kw, 1.5 * hosting)
    lever = Lever(prepared.grid, prepared.criteria, deployments_of(prepared, [number], reach))
    durations = duration_columns(lever, hosting)
    return {
        "voltages": table("voltages", voltage_columns(prepared, lever, hosting)),
        "durations": empty("durations") if durations is None else table("durations", durations),
    }
