"""Hourly envelope: the largest generation and load, spread alike, that pass at each hour.

Both are looked for at every quarter hour of a local hour over the days of the study (six typical
days where it looks at a snapshot or at the whole year), at full power whatever the sun does. It is
the bridge from hosting capacity to operating envelopes.
"""

import datetime
from dataclasses import replace
from typing import Any

import numpy as np

from cosim.grid.power_flow import PowerFlow
from cosim.studies.hosting.bisection import bisect
from cosim.studies.hosting.deployments import by_share
from cosim.studies.hosting.judge import Grid, Lever
from cosim.studies.hosting.operating_points import local_hours, series, typical_days, window_days
from cosim.studies.hosting.study_parts import REFERENCE, Prepared
from cosim.studies.hosting.summary import limiting_name

HOURS = 24


def hourly_days(prepared: Prepared) -> tuple[datetime.date, ...]:
    """Return the days that the hourly envelope looks at."""
    if prepared.settings.window.days:
        return window_days(prepared.settings, prepared.profiles)
    return typical_days(prepared.profiles)


def hourly_envelope(prepared: Prepared) -> dict[str, Any]:
    """Return the columns of table `hours`."""
    settings, feeder = prepared.settings, prepared.feeder
    days = hourly_days(prepared)
    points = series(settings, feeder, prepared.placed, prepared.profiles, days)
    hour = local_hours(days, prepared.profiles).astype(np.int64)
    sites = prepared.sites
    weight = np.bincount(sites.bus, minlength=feeder.bus_count) > 0
    layout = by_share(settings.technology, (weight / weight.sum())[None])
    power_flow: PowerFlow = prepared.grid.power_flow
    columns: dict[str, list[Any]] = {
        "hour": list(range(HOURS)),
        "generation_kw": [],
        "generation_limiting": [],
        "load_kw": [],
        "load_limiting": [],
    }
    for number in range(HOURS):
        which = np.flatnonzero(hour == number)
        for name, sign in (("generation", -1.0), ("load", 1.0)):
            flat = replace(
                points,
                load_kw=points.load_kw[which],
                load_kvar=points.load_kvar[which],
                course=np.full((len(which), feeder.bus_count), sign),
                kvar_per_kw=0.0,
                start_utc=None,
                week=np.zeros(len(which), np.int64),
            )
            lever = Lever(Grid(power_flow, flat), prepared.criteria, layout)
            found = bisect(lever, layout, prepared.search(grid_levels=0), lever=REFERENCE)
            columns[f"{name}_kw"].append(float(found.hosting_kw[0]))
            columns[f"{name}_limiting"].append(limiting_name(int(found.limiting[0])))
    return columns
