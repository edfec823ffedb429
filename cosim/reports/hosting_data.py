"""What the report of a hosting-capacity study is made from: feeder, tables, and facts of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cosim.errors import RunFolderError
from cosim.reports.hosting_words import limiting_of
from cosim.studies.hosting.records import Limiting
from cosim.studies.hosting.tables import TABLES, empty
from networks.feeder import Feeder

NEEDED = ("scenarios", "levels", "summary")
EVERYTHING = "all"
"""The criterion of summary rows that hold all criteria together."""


@dataclass(frozen=True, slots=True)
class CriterionRow:
    """A criterion as people read it."""

    quantity: str
    limit: str
    unit: str
    counted: str  # over which times and places


@dataclass(frozen=True, slots=True)
class HostingFacts:
    """What the tables do not tell."""

    technology: str  # one of TECHNOLOGIES
    preset: str
    criteria: tuple[CriterionRow, ...]
    limits: Mapping[str, float]  # of the extremes in `levels`, by column; those that are held
    points: str  # when the feeder is looked at, words
    is_series: bool
    seed: int
    resolution_kw: float  # to which hosting capacity is bracketed
    method: tuple[str, ...]  # sentences
    assumptions: tuple[str, ...]  # sentences
    levers: Mapping[str, str]  # lever -> what it does, a sentence
    settings: Mapping[str, object]  # as kept with the study, nested
    manifest: Mapping[str, object] = field(default_factory=dict)
    layout: str = ""  # how plants come where chance does not decide, words
    load_range_kw: tuple[float, float] = (math.nan, math.nan)  # at the moments looked at
    homes: int = 0
    every_home_kw: float = math.nan  # level at which every home has a plant, the mean
    pandapower_voltage_pu: float = math.nan  # largest difference of extremes solved again
    pandapower_states: int = 0
    pandapower_unsolved: int = 0  # of these, states for which it found no power flow
    notices: tuple[str, ...] = ()
    site_buses: int = 0  # at which deployments build
    load_buses_without: int = 0  # with load, at which they never do
    hourly_looked_at: str = ""  # days and loads of the hourly envelope, words


@dataclass(frozen=True, slots=True, eq=False)
class HostingReportData:
    """A hosting-capacity study as its report reads it."""

    feeder: Feeder
    tables: Mapping[str, pd.DataFrame]
    facts: HostingFacts

    def check(self) -> None:
        """Raise RunFolderError naming every table or column that lacks, all at once."""
        problems = [f"table {name}: missing" for name in NEEDED if name not in self.tables]
        problems += [
            f"table {name}: column {column!r} is missing"
            for name, table in self.tables.items()
            for column in TABLES.get(name, ())
            if column not in table.columns
        ]
        if not problems and self.tables["scenarios"].empty:
            problems.append("table scenarios: holds no deployment")
        if problems:
            raise RunFolderError(problems)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table, without rows where the study has none."""
        return self.tables[name] if name in self.tables else empty(name)

    @property
    def levers(self) -> tuple[str, ...]:
        """Levers in the order they were studied; the first is what others are held against."""
        return tuple(dict.fromkeys(self.table("scenarios")["lever"].astype(str)))

    @property
    def reference(self) -> str:
        """The lever that others are held against."""
        return self.levers[0]

    @property
    def draws(self) -> bool:
        """Whether new plants draw power, so that low voltage is what to watch."""
        return self.facts.technology != "pv"

    @property
    def peak_kw(self) -> float:
        """Published peak load of the feeder."""
        return float(self.feeder.nominal_load_kw.sum())

    @property
    def deployments(self) -> int:
        """Number of deployments."""
        return len(self.scenarios(self.reference))

    def scenarios(self, lever: str) -> pd.DataFrame:
        """Return the deployments under a lever."""
        table = self.table("scenarios")
        return table[table["lever"] == lever]

    def levels(self, lever: str) -> pd.DataFrame:
        """Return the fixed grid of levels under a lever."""
        table = self.table("levels")
        return table[table["lever"] == lever]

    def summary(self, lever: str, criterion: str = EVERYTHING) -> pd.Series:
        """Return the row of a lever and criterion; NaN where the study has none."""
        table = self.table("summary")
        rows = table[(table["lever"] == lever) & (table["criterion"] == criterion)]
        return rows.iloc[0] if len(rows) else pd.Series(np.nan, index=table.columns)

    def first_deployment(self, lever: str) -> pd.Series:
        """Return the deployment with the least hosting capacity."""
        rows = self.scenarios(lever)
        return rows.iloc[int(rows["hosting_kw"].to_numpy(float).argmin())]

    @property
    def base_case_violates(self) -> bool:
        """Whether the feeder violates before anything is added."""
        reasons = self.scenarios(self.reference)["limiting"]
        return any(limiting_of(each) is Limiting.BASE_CASE for each in reasons)

    def limit(self, column: str) -> float:
        """Return what an extreme is held to, NaN where it is not held to anything."""
        return float(self.facts.limits.get(column, math.nan))
