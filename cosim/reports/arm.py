"""One way to play the days, turned from tables into arrays over time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cosim.errors import RunFolderError
from cosim.records import Booleans, Floats, Integers
from cosim.reports.labels import AGGREGATOR, REASONS
from cosim.reports.plotting import WITH_COLOUR, WITHOUT_COLOUR
from cosim.reports.report_data import ArmTables, ReportData
from cosim.reports.wording import counted, listed
from networks.feeder import LINE, Feeder

VOLTAGE_TOLERANCE_PU = 1e-9
LOADING_TOLERANCE_PERCENT = 1e-7
NOT_VALIDATED = "not validated"


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """Grid state of one arm over time. Axes: T intervals, K buses, L branches, N prosumers."""

    label: str  # "with validation", "without validation" or "not validated"
    colour: str
    tables: ArmTables
    interval_h: float
    voltage_pu: Floats  # (T, K) in the order of Feeder.bus_index
    loading_percent: Floats  # (T, L) in the order of Feeder.branch_index
    is_line: Booleans  # (L,)
    broken: dict[str, Booleans]  # reason -> (T,) whether a limit is broken that way
    behind_slack: Booleans  # (K,) whether a bus is not held by the grid above
    solved: Booleans  # (T,) whether there is a power flow; voltages and loadings are NaN elsewhere
    preexisting: Booleans  # (T,) the counterfactual breaks a limit by itself
    prosumers: Integers  # (N,) their numbers

    @property
    def any_broken(self) -> Booleans:
        """Whether any limit is broken, (T,)."""
        return np.asarray(np.any(list(self.broken.values()), axis=0))

    @property
    def line_percent(self) -> Floats:
        """Loading of the most loaded line, NaN where there is none, (T,)."""
        return highest_of(self.loading_percent[:, self.is_line])

    @property
    def trafo_percent(self) -> Floats:
        """Loading of the most loaded transformer, NaN where there is none, (T,)."""
        return highest_of(self.loading_percent[:, ~self.is_line])

    @property
    def unsolved(self) -> int:
        """Number of intervals without a power flow."""
        return int((~self.solved).sum())

    @property
    def slack_kw(self) -> Floats:
        """Power drawn from the grid above, NaN where there is no power flow, (T,)."""
        return np.where(self.solved, self.of_intervals("slack_kw"), np.nan)

    @property
    def loss_kw(self) -> Floats:
        """Losses of the network, NaN where there is no power flow, (T,)."""
        return np.where(self.solved, self.of_intervals("loss_kw"), np.nan)

    @property
    def free_voltage_pu(self) -> Floats:
        """Voltages of all buses but those of the slack; of all, if there are no others."""
        if not self.behind_slack.any():
            return self.voltage_pu
        return self.voltage_pu[:, self.behind_slack]

    def of_prosumers(self, column: str) -> Floats:
        """Return a column of the prosumers table as (T, N)."""
        table = self.tables.prosumers
        size = (len(self.preexisting), len(self.prosumers))
        position = np.searchsorted(self.prosumers, table["prosumer"].to_numpy())
        result = np.full(size, np.nan)
        result[table["interval"].to_numpy(), position] = table[column].to_numpy(dtype=float)
        return result

    def of_intervals(self, column: str) -> Floats:
        """Return a column of the intervals table, (T,)."""
        return over_time(self.tables.intervals, column, len(self.preexisting))

    def of_wholesale(self, column: str) -> Floats:
        """Return a column of the wholesale table, (T,)."""
        return over_time(self.tables.wholesale, column, len(self.preexisting))

    def prosumer_kwh(self, column: str) -> float:
        """Return the energy of a power column over the run."""
        return float(np.nansum(self.tables.prosumers[column].to_numpy(dtype=float))) * (
            self.interval_h
        )


def highest_of(values: Floats) -> Floats:
    """Return the highest finite value of each row, NaN where there is none."""
    if values.shape[1] == 0:
        return np.full(len(values), np.nan)
    return np.asarray(np.fmax.reduce(values, axis=1))


def lowest_of(values: Floats) -> Floats:
    """Return the lowest finite value of each row, NaN where there is none."""
    return -highest_of(-values)


def over_time(table: pd.DataFrame, column: str, interval_count: int) -> Floats:
    """Return a column of a table with one row an interval, (T,)."""
    result = np.full(interval_count, np.nan)
    result[table["interval"].to_numpy()] = table[column].to_numpy(dtype=float)
    return result


def unsolved_note(arms: Sequence[Arm]) -> str:
    """Say in how many intervals there is nothing to show; "" where there is a power flow in all."""
    parts = [
        f"{counted(arm.unsolved, 'interval')} {arm.label}" for arm in arms if not arm.solved.all()
    ]
    if not parts:
        return ""
    return (
        f" No power flow was found in {listed(parts)}: they have no voltages and loadings, so "
        "extremes are those of the other intervals."
    )


def is_local(trades: pd.DataFrame) -> Booleans:
    """Return which trades have prosumers at both ends."""
    seller, buyer = trades["seller"].to_numpy(), trades["buyer"].to_numpy()
    return np.asarray((seller != AGGREGATOR) & (buyer != AGGREGATOR), dtype=bool)


def arms_of(data: ReportData) -> tuple[Arm, Arm | None]:
    """Return the validated arm and, where there is one, the arm without validation."""
    reports_only = data.setting("grid", "rule") == "none"
    label = NOT_VALIDATED if reports_only else "with validation"
    judged = _arm(data, data.with_validation, label, WITH_COLOUR)
    if data.without_validation is None:
        return judged, None
    return judged, _arm(data, data.without_validation, "without validation", WITHOUT_COLOUR)


def _arm(data: ReportData, tables: ArmTables, label: str, colour: str) -> Arm:
    feeder, count = data.feeder, data.interval_count
    voltage_pu = _matrix(tables.buses, "bus", "vm_pu", feeder.bus_index, count)
    loading_percent = np.full((count, feeder.branch_count), np.nan)
    is_line = feeder.branch_kind == LINE
    for chosen, table, key in ((is_line, tables.lines, "line"), (~is_line, tables.trafos, "trafo")):
        numbers = feeder.branch_index[chosen]
        loading_percent[:, chosen] = _matrix(table, key, "loading_percent", numbers, count)
    solved = over_time(tables.intervals, "converged", count) > 0
    voltage_pu[~solved] = np.nan
    loading_percent[~solved] = np.nan
    return Arm(
        label=label,
        colour=colour,
        tables=tables,
        interval_h=data.interval_h,
        voltage_pu=voltage_pu,
        loading_percent=loading_percent,
        is_line=is_line,
        broken=_broken(feeder, voltage_pu, loading_percent, solved),
        behind_slack=feeder.node_of_bus != feeder.slack_node,
        solved=solved,
        preexisting=over_time(tables.intervals, "preexisting", count) > 0,
        prosumers=np.unique(tables.prosumers["prosumer"].to_numpy(dtype=np.int64)),
    )


def _broken(
    feeder: Feeder, voltage_pu: Floats, loading_percent: Floats, solved: Booleans
) -> dict[str, Booleans]:
    over = voltage_pu > feeder.voltage_max_pu + VOLTAGE_TOLERANCE_PU
    under = voltage_pu < feeder.voltage_min_pu - VOLTAGE_TOLERANCE_PU
    loaded = loading_percent > feeder.loading_max_percent + LOADING_TOLERANCE_PERCENT
    is_line = feeder.branch_kind == LINE
    kinds = (
        over.any(axis=1) & solved,
        under.any(axis=1) & solved,
        loaded[:, is_line].any(axis=1) & solved,
        loaded[:, ~is_line].any(axis=1) & solved,
        ~solved,
    )
    return dict(zip(REASONS, kinds, strict=True))


def _matrix(
    table: pd.DataFrame, key: str, column: str, numbers: Integers, interval_count: int
) -> Floats:
    """Return a long table as (T, elements) in the order of `numbers`."""
    result = np.full((interval_count, len(numbers)), np.nan)
    found = table[key if key in table else "element"].to_numpy(dtype=np.int64)
    order = np.argsort(numbers, kind="stable")
    known = np.isin(found, numbers)
    if not known.all():
        unknown = ", ".join(str(number) for number in np.unique(found[~known]))
        raise RunFolderError(f"table {key}s: {key} {unknown} is not part of the feeder")
    if len(found):
        position = order[np.searchsorted(numbers[order], found)]
        result[table["interval"].to_numpy(), position] = table[column].to_numpy(dtype=float)
    return result
