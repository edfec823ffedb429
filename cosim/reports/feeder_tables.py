"""Voltages and loadings of every element as tables, and what is beyond a limit."""

import numpy as np

from cosim.records import Booleans, Floats
from cosim.reports.arm import (
    LOADING_TOLERANCE_PERCENT,
    VOLTAGE_TOLERANCE_PU,
    Arm,
    highest_of,
    lowest_of,
)
from cosim.reports.blocks import Column, Row, Table
from cosim.reports.labels import branch_text
from cosim.reports.ratings import rating_badges
from cosim.reports.report_data import ReportData
from cosim.reports.timeline import Timeline
from cosim.reports.wording import number
from networks.feeder import Feeder

ROWS_MAX = 400


def worst_loading(arm: Arm) -> Floats:
    """Return each branch's highest loading in percent, NaN without any power flow, (L,)."""
    return highest_of(arm.loading_percent.T)


def outside(feeder: Feeder, high: Floats, low: Floats) -> Booleans:
    """Return which buses leave their voltage limits, (K,)."""
    over = high > feeder.voltage_max_pu + VOLTAGE_TOLERANCE_PU
    return np.asarray(over | (low < feeder.voltage_min_pu - VOLTAGE_TOLERANCE_PU))


def when_highest(timeline: Timeline, values: Floats) -> str:
    """Return the time of the highest value after a comma, "" where there is none."""
    if not np.isfinite(values).any():
        return ""
    return f", {timeline.when(int(np.nanargmax(values)))}"


def bus_table(data: ReportData, arms: list[Arm]) -> Table:
    """List the voltage range of every bus."""
    feeder = data.feeder
    columns = [Column("Bus"), Column("Name", numeric=False), Column("Limits", "p.u.")]
    for arm in arms:
        columns += [Column(f"Lowest {arm.label}", "p.u."), Column(f"Highest {arm.label}", "p.u.")]
    ranges = [(lowest_of(arm.voltage_pu.T), highest_of(arm.voltage_pu.T)) for arm in arms]
    low, high = ranges[-1]
    excess = np.fmax(high - feeder.voltage_max_pu, feeder.voltage_min_pu - low)
    order = np.argsort(-np.nan_to_num(excess, nan=-1.0), kind="stable")[:ROWS_MAX]
    rows = []
    for bus in order.tolist():
        cells = [
            str(feeder.bus_index[bus]),
            feeder.bus_name[bus],
            f"{feeder.voltage_min_pu[bus]:g}\u2013{feeder.voltage_max_pu[bus]:g}",
        ]
        bad = False
        for low, high in ranges:
            cells += [number(low[bus], 4), number(high[bus], 4)]
            bad |= bool(outside(feeder, high, low)[bus])
        rows.append(Row(tuple(cells), kind="alert" if bad else ""))
    return Table(
        name="bus-table",
        title=_counted_title("Voltage range of every bus", len(order), feeder.bus_count),
        columns=tuple(columns),
        rows=tuple(rows),
        collapsed=True,
        scroll=True,
        sortable=True,
        caption=f"Sorted by distance to the nearer limit {arms[-1].label}; marked rows leave "
        "their limits.",
    )


def branch_table(data: ReportData, timeline: Timeline, arms: list[Arm]) -> Table:
    """List the highest loading of every branch."""
    feeder = data.feeder
    columns = [
        Column("Branch", numeric=False),
        Column("Name", numeric=False),
        Column("From bus"),
        Column("To bus"),
        Column("Limit", "%"),
    ]
    columns += [Column(f"Worst {arm.label}", "%") for arm in arms]
    columns += [Column(f"Time of worst {arms[-1].label}", numeric=False)]
    loadings = [worst_loading(arm) for arm in arms]
    order = np.argsort(-np.nan_to_num(loadings[-1]), kind="stable")[:ROWS_MAX]
    rows = []
    for branch in order.tolist():
        limit = feeder.loading_max_percent[branch]
        bad = any(load[branch] > limit + LOADING_TOLERANCE_PERCENT for load in loadings)
        rows.append(
            Row(
                (
                    branch_text(feeder, branch),
                    feeder.branch_name[branch],
                    str(feeder.bus_index[feeder.branch_from[branch]]),
                    str(feeder.bus_index[feeder.branch_to[branch]]),
                    f"{limit:g}",
                    *(number(load[branch], 1) for load in loadings),
                    when_highest(timeline, arms[-1].loading_percent[:, branch]).removeprefix(", "),
                ),
                kind="alert" if bad else "",
            )
        )
    return Table(
        name="branch-table",
        title=_counted_title("Worst loading of every branch", len(order), feeder.branch_count),
        columns=tuple(columns),
        rows=tuple(rows),
        collapsed=True,
        scroll=True,
        sortable=True,
        badges=rating_badges(feeder),
        caption="Sorted by the last loading; marked rows exceed their limit.",
    )


def _counted_title(title: str, shown: int, total: int) -> str:
    return title if shown == total else f"{title} (the {shown} worst of {total})"
