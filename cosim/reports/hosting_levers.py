"""What levers bring: the same deployments with and without them."""

import math

import pandas as pd

from cosim.reports.blocks import Column, Figure, Row, Table
from cosim.reports.drawn import Drawn
from cosim.reports.hosting_curves import LEGEND_BELOW, level_title
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_lever_words import lever_title
from cosim.reports.hosting_summary import floored
from cosim.reports.hosting_words import LIMITING_WORDS, limiting_of
from cosim.reports.plotting import INDIGO, SAND, WITH_COLOUR, Spec, axis, layout, plain, spec
from cosim.reports.wording import MISSING, number, signed

ROW_PX, EDGE_PX = 52, 120
WRAP = 24
"""Letters of a lever's name on a line."""


def lever_figure(data: HostingReportData) -> Drawn:
    """Return capacities of all levers side by side, and their uplift with its interval."""
    rows = pd.DataFrame([data.summary(lever) for lever in data.levers])
    middle, low, high = "uplift_percent", "uplift_low", "uplift_high"
    rows.loc[rows["lever"] == rows["reference"], [middle, low, high]] = math.nan
    labels = [wrapped(lever_title(lever)) for lever in data.levers]
    traces = [
        _bars("in half of the deployments", rows["median_kw"], labels, SAND, "/")
        | {
            "error_x": {
                "type": "data",
                "symmetric": False,
                "array": plain(rows["q95_kw"] - rows["median_kw"], 2),
                "arrayminus": plain(rows["median_kw"] - rows["q05_kw"], 2),
                "color": "#3A4653",
                "thickness": 1.4,
                "width": 4,
            }
        },
        _bars("in all deployments", rows["first_kw"], labels, WITH_COLOUR, ""),
        _uplift(rows, labels),
    ]
    category: Spec = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": labels[::-1],
        "range": [-0.5, len(labels) - 0.5],
    }
    shown = layout(
        barmode="group",
        bargap=0.3,
        xaxis=axis(level_title(data), domain=[0, 0.58], rangemode="tozero", tickformat=",~r"),
        xaxis2=axis(
            "Uplift, % (mean)",
            domain=[0.66, 1],
            anchor="y2",
            zeroline=True,
            zerolinecolor="#1F2933",
            rangemode="tozero",
        ),
        yaxis=axis(**category),
        yaxis2=axis(**category, anchor="x2", showticklabels=False),
        legend={**LEGEND_BELOW, "y": 1.02, "yanchor": "bottom", "traceorder": "reversed"},
        margin={"l": 150, "r": 34, "t": 40, "b": 56},
    )
    figure = Figure(
        "levers",
        "With and without levers, on the same deployments",
        spec(traces, shown),
        "Left: the least of all deployments and their median, with the middle 90 %. Right: mean "
        f"uplift against {against_words(data)}, deployment by deployment, with its 95 % bootstrap "
        "interval.",
        height_px=EDGE_PX + ROW_PX * len(labels),
    )
    kept = ["lever", "first_kw", "q05_kw", "median_kw", "q95_kw", "all_kw"]
    kept += [middle, low, high]
    return Drawn(figure, rows[kept].reset_index(drop=True))


def wrapped(text: str) -> str:
    """Break a long name into lines."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= WRAP:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(lines)


def _bars(name: str, values: pd.Series, labels: list[str], colour: str, pattern: str) -> Spec:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": plain(values.to_numpy(float), 2),
        "y": labels,
        "offsetgroup": name,
        "marker": {
            "color": colour,
            "pattern": {
                "shape": pattern,
                "fillmode": "overlay",
                "fgcolor": "#7A6A1E",
                "fgopacity": 0.5,
                "size": 6,
            },
        },
        "hovertemplate": f"%{{x:,.0f}} kW {name}<extra></extra>",
    }


def _uplift(rows: pd.DataFrame, labels: list[str]) -> Spec:
    middle = rows["uplift_percent"]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": plain(middle.to_numpy(float), 2),
        "y": labels,
        "xaxis": "x2",
        "yaxis": "y2",
        "name": "uplift",
        "showlegend": False,
        "marker": {"color": INDIGO, "size": 9},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": plain((rows["uplift_high"] - middle).to_numpy(float), 2),
            "arrayminus": plain((middle - rows["uplift_low"]).to_numpy(float), 2),
            "color": INDIGO,
            "thickness": 2,
            "width": 5,
        },
        "hovertemplate": "%{x:+.1f} %<extra></extra>",
    }


def against_words(data: HostingReportData) -> str:
    """Return what uplifts are against."""
    others = {str(data.summary(lever)["reference"]) for lever in data.levers} - {data.reference}
    words = lever_title(data.reference)
    for other in sorted(others):
        words += f" (of levers that play the market: {lever_title(other)})"
    return words


def lever_table(data: HostingReportData) -> Table:
    """Return what every lever reaches, why it stops, and what it gives up."""
    rows = []
    for lever in data.levers:
        row, first = data.summary(lever), data.first_deployment(lever)
        shares = data.scenarios(lever)["curtailed_share"].to_numpy(float)
        uplift = MISSING
        if lever != row["reference"] and math.isfinite(float(row["uplift_percent"])):
            low, high = (signed(float(row[name]), 1) for name in ("uplift_low", "uplift_high"))
            uplift = f"{signed(float(row['uplift_percent']), 1)} ({low} to {high})"
        given_up = float(shares.mean()) if len(shares) else math.nan
        rows.append(
            Row(
                (
                    lever_title(lever),
                    *(
                        floored(float(row[name]))
                        for name in ("first_kw", "q05_kw", "median_kw", "q95_kw", "all_kw")
                    ),
                    uplift,
                    LIMITING_WORDS[limiting_of(first["limiting"])],
                    number(100.0 * given_up, 1),
                )
            )
        )
    return Table(
        "levers",
        "Hosting capacity under each lever",
        (
            Column("lever", numeric=False),
            Column("in all deployments", "kW"),
            Column("5 %", "kW"),
            Column("median", "kW"),
            Column("95 %", "kW"),
            Column("most", "kW"),
            Column("uplift (95 % interval)", "%"),
            Column("limited first by", numeric=False),
            Column("energy given up", "%"),
        ),
        tuple(rows),
        "Quantiles are over deployments: 5 % of them are stopped below the value. Energy given up "
        "is the mean share of what new plants could have fed in or wanted to draw, each deployment "
        "at its own hosting capacity.",
    )
