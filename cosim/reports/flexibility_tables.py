"""Flexibility in numbers: windows, and what stops more of it."""

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.reports.blocks import Column, Row, Table
from cosim.reports.flexibility_data import FlexibilityReportData
from cosim.reports.flexibility_words import DIRECTION_WORDS, limit_words, window_words
from cosim.reports.labels import element_words
from cosim.reports.ratings import element_badges
from cosim.reports.wording import MISSING, number, percent, ratio, sentence_case
from cosim.scoring.flexibility import WINDOWS
from cosim.studies.flexibility.tables import DIRECTIONS, NONE


def windows_table(data: FlexibilityReportData) -> Table:
    """Return offered and feasible power of each window: mean, least and largest."""
    rows = []
    for direction in DIRECTIONS:
        for window in data.windows:
            offered = data.series("offered_kw", direction, window)
            feasible = data.series("feasible_kw", direction, window)
            both = np.isfinite(offered) & np.isfinite(feasible)
            share = ratio(float(feasible[both].sum()), float(offered[both].sum()))
            rows.append(
                Row(
                    (
                        sentence_case(DIRECTION_WORDS[direction]),
                        window_words(window),
                        number(_of(offered, "mean"), 1),
                        number(_of(feasible, "mean"), 1),
                        percent(share) if np.isfinite(share) else MISSING,
                        number(_of(feasible, "mean") * WINDOWS[window], 1),
                        number(_of(feasible, "min"), 1),
                        number(_of(feasible, "max"), 1),
                    )
                )
            )
    return Table(
        "windows-table",
        "Windows in numbers",
        (
            Column("direction", numeric=False),
            Column("kept up for", numeric=False),
            Column("offered, mean", "kW"),
            Column("let through, mean", "kW"),
            Column("deliverability"),
            Column("let through, mean", "kWh"),
            Column("least", "kW"),
            Column("largest", "kW"),
        ),
        tuple(rows),
        "Means, least and largest over the intervals of the study for which they are known. "
        "Deliverability is what the network lets through over what devices offer.",
    )


def _of(values: Floats, what: str) -> float:
    known = values[np.isfinite(values)]
    return float(getattr(known, what)()) if len(known) else float("nan")


def limits_table(data: FlexibilityReportData) -> Table:
    """Return what stops more flexibility, how often, and how much it takes."""
    rows = data.table("margins")
    rows = rows[rows["window"] == data.windows[0]]
    shown = []
    for direction in DIRECTIONS:
        ways = rows[rows["direction"] == direction]
        lost = (ways["offered_kw"] - ways["feasible_kw"]).clip(lower=0.0)
        grouped = ways.assign(lost=lost).groupby(["reason", "element"], sort=False)
        counts = grouped.agg(intervals=("interval", "size"), lost=("lost", "mean"))
        for key, each in counts.sort_values("intervals", ascending=False).iterrows():
            reason, element = (str(part) for part in pd.Index([key])[0])
            name = element_words(data.feeder, element) if element else ""
            shown.append(
                Row(
                    (
                        sentence_case(DIRECTION_WORDS[direction]),
                        "nothing: all of it fits"
                        if reason in ("", NONE)
                        else limit_words(reason, name),
                        number(float(each["intervals"])),
                        percent(ratio(float(each["intervals"]), float(len(ways)))),
                        number(float(each["lost"]), 1),
                    ),
                    badges=element_badges(data.feeder, element),
                )
            )
    return Table(
        "limits",
        "What stops more",
        (
            Column("direction", numeric=False),
            Column("limit that stops more", numeric=False),
            Column("intervals"),
            Column("share"),
            Column("cannot be called then, mean", "kW"),
        ),
        tuple(shown),
        f"Of {window_words(data.windows[0])}: the limit that is met first where devices offer more "
        "than the network lets through.",
    )
