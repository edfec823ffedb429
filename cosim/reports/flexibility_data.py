"""What the report of a flexibility study is made from: feeder, tables, and facts of it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.errors import RunFolderError
from cosim.records import Floats, Integers
from cosim.reports.timeline import Timeline
from cosim.scoring.flexibility import WINDOWS, Device
from cosim.studies.flexibility.tables import ALL_DEVICES, DIRECTIONS, TABLES, empty
from networks.feeder import Feeder

UP, DOWN = DIRECTIONS
SHORTEST: Final = next(iter(WINDOWS))
POINTS_MAX = 1500
BLOCK_HOURS = (1, 2, 3, 4, 6, 12, 24)

NEEDED = ("flexibility", "metrics")
PARTS = "parts of flexibility"


class Case(NamedTuple):
    """A way to play the same days: how everybody bids, how the grid decides."""

    policy: str
    rule: str


@dataclass(frozen=True, slots=True, eq=False)
class FlexibilityFacts:
    """What the tables do not tell."""

    start_utc: NDArray[np.datetime64]  # (T,) start of each interval
    interval_h: float
    time_zone: str
    baseline: str  # its name, for people
    prosumers: int
    seed: int
    prices: str  # where day-ahead prices come from
    settings: Mapping[str, object]  # as kept with the study, nested
    manifest: Mapping[str, object] = field(default_factory=dict)
    meanings: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # metric -> unit, words
    method: tuple[str, ...] = ()  # sentences
    assumptions: tuple[str, ...] = ()  # sentences
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FlexibilityReportData:
    """A flexibility study as its report reads it.

    Tables hold all cases; sections on single days show the first of the metrics table, `reference`.
    Power is that of the community in load sense. Flexibility is >= 0: up is drawn less or fed in
    more, down is drawn more. Bus, line and transformer numbers are pandapower's own; elements read
    "bus 17", "line 3" or "trafo 0".
    """

    feeder: Feeder
    tables: Mapping[str, pd.DataFrame]
    facts: FlexibilityFacts
    _kept: dict[Hashable, pd.DataFrame] = field(default_factory=dict, init=False, repr=False)
    # parts of long tables of text, which are slow to look for anew

    def check(self) -> None:
        """Raise RunFolderError naming every table or column that lacks, all at once."""
        problems = [f"table {name}: missing" for name in NEEDED if name not in self.tables]
        problems += [
            f"table {name}: column {column!r} is missing"
            for name, table in self.tables.items()
            for column in TABLES.get(name, ())
            if column not in table.columns
        ]
        if not problems and self.tables["metrics"].empty:
            problems.append("table metrics: holds no policy and rule")
        if not problems and not self.windows:
            problems.append("table flexibility: holds no interval of the first case of metrics")
        if not len(self.facts.start_utc):
            problems.append("start_utc: has no interval; at least one is needed")
        if problems:
            raise RunFolderError(problems)

    def everything(self, name: str) -> pd.DataFrame:
        """Return the rows of all cases of a table, none where the study has none."""
        return self.tables[name] if name in self.tables else pd.DataFrame(empty(name))

    def table(self, name: str, case: Case | None = None) -> pd.DataFrame:
        """Return the rows of a case, the reference if none is named."""
        case = case or self.reference
        if (name, case) not in self._kept:
            rows = self.everything(name)
            chosen = rows[(rows["policy"] == case.policy) & (rows["rule"] == case.rule)]
            self._kept[name, case] = chosen.reset_index(drop=True)
        return self._kept[name, case]

    def _flexibility(self, direction: str, window: str, device: str) -> pd.DataFrame:
        """Return the rows of the reference that hold one class over one window."""
        keys = ["direction", "window", "device"]
        if PARTS not in self._kept:
            self._kept[PARTS] = pd.DataFrame()
            for key, rows in self.table("flexibility").groupby(keys, sort=False):
                self._kept[key] = rows
        none = self.table("flexibility").iloc[:0]
        return self._kept.get((direction, window, device), none)

    def has(self, name: str) -> bool:
        """Return whether the reference has rows of a table."""
        return len(self.table(name)) > 0

    @property
    def cases(self) -> tuple[Case, ...]:
        """All cases in the order they were studied."""
        rows = self.everything("metrics")[["policy", "rule"]].drop_duplicates()
        return tuple(Case(str(each.policy), str(each.rule)) for each in rows.itertuples())

    @property
    def reference(self) -> Case:
        """The case whose days are shown."""
        first = self.everything("metrics").iloc[0]
        return Case(str(first["policy"]), str(first["rule"]))

    @property
    def interval_count(self) -> int:
        """Number of intervals T."""
        return len(self.facts.start_utc)

    @property
    def timeline(self) -> Timeline:
        """Local time; long studies in blocks of whole hours, UTC where clocks change."""
        utc = pd.DatetimeIndex(self.facts.start_utc).tz_localize("UTC")
        local = utc.tz_convert(self.facts.time_zone)
        offsets = np.unique((local.tz_localize(None) - utc.tz_localize(None)).to_numpy())
        shown = local[0] if len(offsets) == 1 else utc[0]
        zone = (
            f"local time ({self.facts.time_zone})"
            if len(offsets) == 1
            else "UTC (clocks change in the study)"
        )
        return Timeline(
            local=local,
            axis_start=shown.strftime("%Y-%m-%d %H:%M"),
            axis_title=zone,
            interval_h=self.facts.interval_h,
            block=self._block(),
        )

    @property
    def span(self) -> list[str]:
        """First and last moment of the time axis, as figures over time share it."""
        start = pd.Timestamp(self.timeline.axis_start)
        end = start + pd.Timedelta(hours=self.interval_count * self.facts.interval_h)
        return [f"{each:%Y-%m-%d %H:%M}" for each in (start, end)]

    def _block(self) -> int:
        if self.interval_count <= POINTS_MAX:
            return 1
        for hours in BLOCK_HOURS:
            block = max(1, round(hours / self.facts.interval_h))
            if self.interval_count <= POINTS_MAX * block:
                return block
        return -(-self.interval_count // POINTS_MAX)

    @property
    def windows(self) -> tuple[str, ...]:
        """Windows that flexibility is told for, shortest first."""
        return tuple(name for name in WINDOWS if len(self._flexibility(UP, name, ALL_DEVICES)) > 0)

    @property
    def devices(self) -> tuple[str, ...]:
        """Device classes that offer anything."""
        names = [device.name.lower() for device in Device]
        return tuple(
            name
            for name in names
            if any(
                (self._flexibility(way, SHORTEST, name)["offered_kw"] > 0.0).any()
                for way in DIRECTIONS
            )
        )

    def series(
        self, column: str, direction: str, window: str = SHORTEST, device: str = ALL_DEVICES
    ) -> Floats:
        """Return a column of `flexibility` over all intervals, (T,), NaN where there is none."""
        chosen = self._flexibility(direction, window, device)
        values = np.full(self.interval_count, np.nan)
        values[chosen["interval"].to_numpy(np.int64)] = chosen[column].to_numpy(float)
        return values

    def regions_of(self, committed: bool) -> dict[int, pd.DataFrame]:
        """Return corners by interval, with or without the schedule that the market committed."""
        table = self.table("regions")
        rows = table[table["committed"].astype(bool) == committed]
        ordered = rows.sort_values(["interval", "vertex"], kind="stable")
        return {int(str(at)): each for at, each in ordered.groupby("interval", sort=True)}

    def region_facts_of(self, committed: bool) -> pd.DataFrame:
        """Return what is known of regions with or without the schedule, by interval."""
        table = self.table("region_facts")
        rows = table[table["committed"].astype(bool) == committed]
        return rows.sort_values("interval", kind="stable").reset_index(drop=True)

    @property
    def hours(self) -> Integers:
        """Local hour of every interval, (T,)."""
        return self.timeline.hour
