"""What market levers are made of: validation, storage, local trade, learning, one at a time."""

import math

import numpy as np
import pandas as pd

from cosim.reports.blocks import Column, Figure, Row, Table
from cosim.reports.drawn import Drawn
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_lever_words import lever_title
from cosim.reports.hosting_summary import floored
from cosim.reports.plotting import INDIGO, Spec, axis, layout, plain, spec
from cosim.reports.wording import MISSING, signed

ROW_PX, EDGE_PX = 58, 90


def steps_figure(data: HostingReportData) -> Drawn:
    """Return what each step adds, in percent of the reference, with its interval."""
    rows = data.table("steps").reset_index(drop=True)
    labels = [
        f"{lever_title(lever)}<br><span style='font-size:11px'>instead of "
        f"{lever_title(below)}</span>"
        for lever, below in zip(rows["lever"], rows["below"], strict=True)
    ]
    value, low, high = (
        rows[name].to_numpy(float) for name in ("gained_percent", "gained_low", "gained_high")
    )
    bars: Spec = {
        "type": "bar",
        "orientation": "h",
        "x": plain(value, 2),
        "y": labels,
        "marker": {"color": INDIGO, "opacity": 0.75},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": plain(np.nan_to_num(high - value), 2),
            "arrayminus": plain(np.nan_to_num(value - low), 2),
            "color": "#1F2933",
            "thickness": 1.6,
            "width": 5,
        },
        "hovertemplate": "%{x:+.1f} %<extra></extra>",
    }
    shown = layout(
        xaxis=axis("Gained, % of fit and forget (mean)", zeroline=True, zerolinecolor="#1F2933"),
        yaxis={
            "type": "category",
            "categoryorder": "array",
            "categoryarray": labels[::-1],
            "automargin": True,
        },
        showlegend=False,
        margin={"l": 315, "r": 34, "t": 12, "b": 56},
    )
    figure = Figure(
        "steps",
        "What each part of a market lever adds",
        spec([bars], shown),
        "Each bar is one more thing: the mean gain of the same deployments over the lever below "
        "it, with its 95 % bootstrap interval. An interval that holds 0 is no gain.",
        height_px=EDGE_PX + ROW_PX * len(labels),
    )
    return Drawn(figure, rows)


def steps_table(data: HostingReportData) -> Table:
    """Return the same as numbers."""
    rows = []
    for _, each in data.table("steps").iterrows():
        rows.append(
            Row(
                (
                    lever_title(str(each["lever"])),
                    lever_title(str(each["below"])),
                    floored(float(each["median_kw"])),
                    gained_words(each),
                )
            )
        )
    return Table(
        "steps",
        "Step by step",
        (
            Column("lever", numeric=False),
            Column("instead of", numeric=False),
            Column("median", "kW"),
            Column("gained (95 % interval)", "%"),
        ),
        tuple(rows),
        f"Gained is in percent of {lever_title(reference_of(data))}, so that steps add up.",
    )


def reference_of(data: HostingReportData) -> str:
    """Return the lever that gains of steps are percent of."""
    return str(data.table("steps")["reference"].iloc[0])


def gained_words(row: pd.Series) -> str:
    """Return a gain with its interval, if it has one."""
    value, low, high = (
        float(row[name]) for name in ("gained_percent", "gained_low", "gained_high")
    )
    if not math.isfinite(value):
        return MISSING
    interval = f" ({signed(low, 1)} to {signed(high, 1)})" if math.isfinite(low) else ""
    return f"{signed(value, 1)}{interval}"
