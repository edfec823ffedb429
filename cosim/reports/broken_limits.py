"""Which limits are broken where nothing is refused."""

import numpy as np
import pandas as pd

from cosim.reports.arm import Arm
from cosim.reports.blocks import Column, Row, Table
from cosim.reports.labels import REASONS, element_words, reason_words
from cosim.reports.ratings import element_badges
from cosim.reports.report_data import ReportData, rows_of
from cosim.reports.timeline import Timeline
from cosim.reports.wording import MISSING, counted, number, sentence_case

ROWS_MAX = 40


def broken_table(data: ReportData, timeline: Timeline, arm: Arm) -> Table:
    """List the limit that each interval breaks the most, with how often and when."""
    found = _broken(arm)
    groups = found.groupby(["reason", "element"]).agg(
        intervals=("interval", "size"), first=("interval", "min"), last=("interval", "max")
    )
    groups = groups.sort_values("intervals", ascending=False, kind="stable").reset_index()
    rows = [
        Row(
            (
                sentence_case(reason_words(row.reason)),
                element_words(data.feeder, row.element) if row.element else MISSING,
                number(row.intervals),
                timeline.when(int(row.first)),
                timeline.when(int(row.last)),
            ),
            badges=element_badges(data.feeder, row.element),
        )
        for row in rows_of(groups.head(ROWS_MAX))
    ]
    columns = (
        Column("Limit", numeric=False),
        Column("Element", numeric=False),
        Column("Intervals"),
        Column("First", numeric=False),
        Column("Last", numeric=False),
    )
    every = " Of every interval the limit that is broken the most counts." if len(found) else ""
    verb = "breaks" if len(found) == 1 else "break"
    return Table(
        "broken-limits",
        "Limits that are broken",
        columns,
        tuple(rows),
        f"{sentence_case(counted(len(found), 'interval'))} of {number(len(arm.solved))} "
        f"{verb} a limit.{every}",
    )


def _broken(arm: Arm) -> pd.DataFrame:
    """Return interval, reason and element; without elements where the table has none."""
    table = arm.tables.intervals
    if "broken" in table:
        texts = table["broken"].fillna("").astype(str)
        parts = texts[texts != ""].str.partition(" ")
        return pd.DataFrame(
            {"interval": table["interval"][parts.index], "reason": parts[0], "element": parts[2]}
        )
    rows = [
        (int(interval), reason, "")
        for reason in REASONS
        for interval in np.flatnonzero(arm.broken[reason])
    ]
    return pd.DataFrame(rows, columns=["interval", "reason", "element"]).drop_duplicates("interval")
