"""The report of a finished run, from its folder and records."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cosim.records import Fleet, World
from cosim.reports.report_data import ArmTables, ReportData
from cosim.reports.write import write_report
from cosim.run_folder import RunFolder
from cosim.scoring.metrics import Outcome
from networks.feeder import Feeder

TIMES = ("started_utc", "finished_utc", "wall_seconds")
"""Entries of the manifest that differ between two calls; the report is the same bytes for both."""

TABLES = ("buses", "lines", "trafos", "trades", "prosumers", "wholesale", "ledger", "intervals")


def write_run_report(
    run: RunFolder,
    feeder: Feeder,
    world: World,
    outcomes: Mapping[str, Outcome],
    retail_only: Outcome,
) -> None:
    """Write the report of `run` into its folder; `outcomes` has one entry an arm."""
    end = int(world.calendar.day_start[-1])
    checked, unchecked = outcomes["with_validation"], outcomes.get("without_validation")
    settings = tuple(settings_of(run.scenario.model_dump(mode="json")))
    data = ReportData(
        settings=settings,
        manifest={key: value for key, value in run.manifest.items() if key not in TIMES},
        metrics=run.metrics,
        feeder=feeder,
        start_utc=world.calendar.start_utc[:end],
        interval_h=world.calendar.interval_h,
        time_zone=world.calendar.time_zone,
        with_validation=_arm(run, bills(feeder, world.fleet, checked, retail_only)),
        without_validation=(
            None
            if unchecked is None
            else _arm(run, bills(feeder, world.fleet, unchecked, retail_only), unchecked=True)
        ),
        fleet=world.fleet,
    )
    write_report(data, run.report)


def settings_of(values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (section, key, value) of nested settings; sections within sections have a dot."""
    for section, content in values.items():
        if isinstance(content, list):
            parts = {f"[[{section}]] {number}": part for number, part in enumerate(content)}
        else:
            parts = {section: content}
        for name, part in parts.items():
            inner = {key: value for key, value in part.items() if isinstance(value, dict)}
            for key, value in part.items():
                if key not in inner:
                    yield name, key, "" if value is None else str(value)
            yield from settings_of({f"{name}.{key}": value for key, value in inner.items()})


def _arm(run: RunFolder, bill_table: pd.DataFrame, *, unchecked: bool = False) -> ArmTables:
    """Return the tables of one way to play the days, with the bills."""
    tables = {name: run.table(name, without_validation=unchecked) for name in TABLES}
    return ArmTables(**tables, bills=bill_table)


def bills(feeder: Feeder, fleet: Fleet, outcome: Outcome, retail_only: Outcome) -> pd.DataFrame:
    """Return one row a prosumer: where, with what, what it pays (> 0) and would have paid.

    Both bills hold the ledger and what stores hold and owe at the end of the run.
    """
    count = len(outcome.received_eur)
    return pd.DataFrame(
        {
            "prosumer": np.arange(count),
            "bus": feeder.bus_index[fleet.bus[0]],
            "devices": [device_text(fleet, n) for n in range(count)],
            "bill_eur": -outcome.total_eur,
            "retail_only_bill_eur": -retail_only.total_eur,
        }
    )


def device_text(fleet: Fleet, prosumer: int) -> str:
    """Return what a prosumer owns, e.g. "PV 7.2 kWp, battery 7.2 kWh, vehicle"."""
    parts = []
    if fleet.pv_kwp[0, prosumer] > 0.0:
        parts.append(f"PV {fleet.pv_kwp[0, prosumer]:.1f} kWp")
    if fleet.battery_kwh[0, prosumer] > 0.0:
        parts.append(f"battery {fleet.battery_kwh[0, prosumer]:.1f} kWh")
    if fleet.vehicle_kw[0, prosumer] > 0.0:
        parts.append(f"vehicle {fleet.vehicle_kw[0, prosumer]:.0f} kW")
    if fleet.heat_pump_kw[0, prosumer] > 0.0:
        parts.append(f"heat pump {fleet.heat_pump_kw[0, prosumer]:.1f} kW")
    return ", ".join(parts) or "load only"
