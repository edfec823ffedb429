"""What the report of a market run is made of: tables, settings, manifest and feeder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.errors import RunFolderError
from cosim.records import Fleet
from networks.feeder import Feeder

COLUMNS: dict[str, tuple[str, ...]] = {
    "buses": ("interval", "bus", "p_kw", "q_kvar", "vm_pu"),
    "lines": ("interval", "loading_percent"),
    "trafos": ("interval", "loading_percent"),
    "trades": (
        *("interval", "trade", "seller", "buyer", "cleared_kwh", "accepted_kwh"),
        *("price_eur_per_kwh", "verdict", "reason", "element"),
    ),
    "prosumers": (
        *("interval", "prosumer", "bus", "load_kw", "pv_kw", "battery_kw", "soc_kwh"),
        *("vehicle_kw", "vehicle_missing_kwh", "heat_pump_kw", "indoor_celsius"),
        *("curtailed_kw", "net_load_kw"),
    ),
    "wholesale": (
        *("interval", "bid_kwh", "validated_kwh", "verdict", "reason", "element"),
        *("up_offered_kw", "up_feasible_kw", "up_verdict", "up_reason", "up_element"),
        *("down_offered_kw", "down_feasible_kw", "down_verdict", "down_reason", "down_element"),
        *("delivered_kwh", "imbalance_kwh", "day_ahead_eur_per_kwh", "imbalance_eur_per_kwh"),
    ),
    "ledger": ("interval", "payer", "payee", "kind", "eur"),
    "intervals": (
        *("interval", "start_utc", "local_price_eur_per_kwh", "buy_eur_per_kwh"),
        *("sell_eur_per_kwh", "slack_kw", "loss_kw", "secure", "preexisting", "local_kwh"),
        "converged",
    ),
    "bills": ("prosumer", "bus", "devices", "bill_eur", "retail_only_bill_eur"),
}
"""Columns each table must have; further ones are ignored."""
NUMBERED = {"lines": "line", "trafos": "trafo"}
"""Tables whose elements are numbered in a column of this name, or in `element`."""


def rows_of(table: pd.DataFrame) -> list[Any]:
    """Return the rows of a table with its columns as attributes."""
    return list(table.itertuples(index=False))


@dataclass(frozen=True, slots=True, eq=False)
class ArmTables:
    """All tables of one way to play the days. Columns: see `COLUMNS`.

    The table of intervals may also hold `broken` (the limit that is broken the most, such as
    "undervoltage bus 17", "" for none) and `local_paid_eur_per_kwh` (mean price that local trades
    paid). Voltages and loadings without a power flow are NaN.

    `interval` counts from 0. Bus, line and transformer numbers are pandapower's own. Elements
    read "bus 17", "line 3" or "trafo 0". Sellers and buyers are prosumer numbers as text, or
    "aggregator". `pv_kw` is solar power used, so `pv_kw + curtailed_kw` was available. A bill
    > 0 is paid by the prosumer. Wholesale energy > 0 is sold.
    """

    buses: pd.DataFrame
    lines: pd.DataFrame
    trafos: pd.DataFrame
    trades: pd.DataFrame
    prosumers: pd.DataFrame
    wholesale: pd.DataFrame
    ledger: pd.DataFrame
    intervals: pd.DataFrame
    bills: pd.DataFrame

    def problems(self, arm: str) -> Iterator[str]:
        """Yield a sentence for every table that lacks columns."""
        for name, columns in COLUMNS.items():
            table = getattr(self, name)
            missing = [column for column in columns if column not in table.columns]
            number = NUMBERED.get(name)
            if number and number not in table.columns and "element" not in table.columns:
                missing.append(f"{number} (or element)")
            if missing:
                yield (
                    f"table {name} ({arm}): column {', '.join(missing)} is missing; "
                    f"needed are {', '.join(columns)}"
                )


@dataclass(frozen=True, slots=True, eq=False)
class ReportData:
    """Everything `write_report` shows.

    Of the manifest these entries are read where present, all others are listed as they are:
    `day_ahead_label`, `imbalance_label`, `data_notice` (a text or several), `seed`, `versions`,
    and of the comparison with pandapower `pandapower_states`, `pandapower_voltage_pu`,
    `pandapower_loading_percent` (largest differences), and `policies` (learned ones that act).
    """

    settings: tuple[tuple[str, str, str], ...]  # (section, key, value)
    manifest: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, float]]  # arm -> metric -> value
    feeder: Feeder
    start_utc: NDArray[np.datetime64]  # (T,) start of each interval
    interval_h: float
    time_zone: str  # of local time, e.g. "Europe/Berlin"
    with_validation: ArmTables
    without_validation: ArmTables | None = None
    fleet: Fleet | None = None  # capacities and comfort bands of environment 0

    @property
    def interval_count(self) -> int:
        """Number of intervals T."""
        return len(self.start_utc)

    def setting(self, section: str, key: str) -> str:
        """Return a scenario setting as text, "" where there is none."""
        for found_section, found_key, value in self.settings:
            if (found_section, found_key) == (section, key):
                return str(value)
        return ""

    def check(self) -> None:
        """Raise RunFolderError with every table that cannot be shown."""
        problems = list(self.with_validation.problems("with validation"))
        if self.without_validation is not None:
            problems += self.without_validation.problems("without validation")
        if self.interval_count == 0:
            problems.append("start_utc: has no interval; at least one is needed")
        if problems:
            raise RunFolderError(problems)
