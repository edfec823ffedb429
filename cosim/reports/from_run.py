"""The report of a finished run, from its folder and records."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cosim.records import DayRecord, Fleet, Floats, World
from cosim.reports.report_data import ArmTables, ReportData
from cosim.reports.write import write_report
from cosim.run_folder import RunFolder
from cosim.scoring.metrics import received_eur
from networks.feeder import Feeder

TABLES = ("buses", "lines", "trafos", "trades", "prosumers", "wholesale", "ledger", "intervals")


def write_run_report(
    run: RunFolder,
    feeder: Feeder,
    world: World,
    days: Sequence[DayRecord],
    unchecked: Sequence[DayRecord] | None,
    retail_only_eur: Floats,
) -> None:
    """Write the report of `run` into its folder."""
    end = int(world.calendar.day_start[-1])
    settings = tuple(
        (section, key, str(value))
        for section, values in run.scenario.model_dump(mode="json").items()
        if isinstance(values, dict)
        for key, value in values.items()
    )
    data = ReportData(
        settings=settings,
        manifest=run.manifest,
        metrics=run.metrics,
        feeder=feeder,
        start_utc=world.calendar.start_utc[:end],
        interval_h=world.calendar.interval_h,
        time_zone=world.calendar.time_zone,
        with_validation=_arm(run, feeder, world.fleet, days, retail_only_eur),
        without_validation=(
            None
            if unchecked is None
            else _arm(run, feeder, world.fleet, unchecked, retail_only_eur, unchecked=True)
        ),
        fleet=world.fleet,
    )
    write_report(data, run.report)


def _arm(
    run: RunFolder,
    feeder: Feeder,
    fleet: Fleet,
    days: Sequence[DayRecord],
    retail_only_eur: Floats,
    *,
    unchecked: bool = False,
) -> ArmTables:
    """Return the tables of one way to play the days, with the bills."""
    tables = {name: run.table(name, without_validation=unchecked) for name in TABLES}
    return ArmTables(**tables, bills=bills(feeder, fleet, received_eur(days), retail_only_eur))


def bills(feeder: Feeder, fleet: Fleet, received: Floats, retail_only_eur: Floats) -> pd.DataFrame:
    """Return one row a prosumer: where, with what, what it pays (> 0) and would have paid."""
    return pd.DataFrame(
        {
            "prosumer": np.arange(len(received)),
            "bus": feeder.bus_index[fleet.bus[0]],
            "devices": [device_text(fleet, n) for n in range(len(received))],
            "bill_eur": -received,
            "retail_only_bill_eur": -retail_only_eur,
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
