"""How far to trust the number: more deployments, other assumptions."""

import math

import pandas as pd

from cosim.reports.blocks import Column, Figure, Row, Table
from cosim.reports.hosting_curves import LEGEND_BELOW, level_title
from cosim.reports.hosting_data import Drawn, HostingReportData
from cosim.reports.hosting_levers import wrapped
from cosim.reports.plotting import (
    INK,
    SAND,
    WITH_COLOUR,
    WITHOUT_COLOUR,
    Spec,
    axis,
    layout,
    plain,
    spec,
    translucent,
)
from cosim.reports.wording import number, signed

ROW_PX, EDGE_PX = 30, 110
SETTINGS = {
    "load_share": "share of loads",
    "criteria": "criteria",
    "power_factor": "power factor",
    "slack_voltage_pu": "supply voltage, p.u.,",
}
QUANTILE_STYLES = {0.0: (WITH_COLOUR, "solid"), 0.05: (WITHOUT_COLOUR, "dash"), 0.5: (INK, "dot")}


def running_figure(data: HostingReportData) -> Drawn:
    """Return quantiles of hosting capacity over the number of deployments, with intervals."""
    rows = data.table("running")
    rows = rows[rows["lever"] == data.reference].sort_values(
        ["quantile", "scenarios"], kind="stable"
    )
    traces: list[Spec] = []
    for share, each in rows.groupby("quantile", sort=True):
        colour, dash = QUANTILE_STYLES.get(round(float(str(share)), 4), (SAND, "dashdot"))
        name = _quantile_words(float(str(share)))
        count = plain(each["scenarios"].to_numpy(float), 0)
        low, high = (plain(each[column].to_numpy(float), 2) for column in ("low_kw", "high_kw"))
        value = plain(each["value_kw"].to_numpy(float), 2)
        edge: Spec = {
            "type": "scatter",
            "mode": "lines",
            "x": count,
            "line": {"width": 0},
            "hoverinfo": "skip",
            "showlegend": False,
        }
        traces += [
            edge | {"y": high},
            edge | {"y": low, "fill": "tonexty", "fillcolor": translucent(colour, 0.16)},
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": count,
                "y": value,
                "line": {"color": colour, "width": 2.2, "dash": dash},
                "hovertemplate": f"{name}, %{{x}} deployments: %{{y:,.0f}} kW<extra></extra>",
            },
        ]
    shown = layout(
        xaxis=axis("Number of deployments", rangemode="tozero", tickformat=",d"),
        yaxis=axis("Hosting capacity, kW", tickformat=",~r"),
        legend=LEGEND_BELOW,
        margin={"l": 74, "r": 40, "t": 16, "b": 60},
    )
    figure = Figure(
        "running",
        "Are there enough deployments?",
        spec(traces, shown),
        "What the first so many deployments give; shades are 95 % intervals. A least value can "
        "only fall as more deployments are drawn; the "
        "5\u00a0% quantile and the median settle.",
        height_px=380,
    )
    return Drawn(figure, rows.reset_index(drop=True))


def _quantile_words(share: float) -> str:
    if share <= 0.0:
        return "least of all"
    if math.isclose(share, 0.5):
        return "median"
    return f"{100.0 * share:g} % quantile"


def sensitivity_figure(data: HostingReportData) -> Drawn:
    """Return how least and median capacity move if one assumption changes."""
    rows = data.table("sensitivity").reset_index(drop=True)
    labels = _sensitivity_labels(rows)
    reference = data.summary(data.reference)
    traces: list[Spec] = []
    for column, name, colour, symbol in (
        ("first_kw", "whoever builds", WITH_COLOUR, "square"),
        ("median_kw", "in half of the deployments", WITHOUT_COLOUR, "circle"),
    ):
        base = float(reference[column])
        stems_x: list[float | None] = []
        stems_y: list[str | None] = []
        for label, value in zip(labels, plain(rows[column].to_numpy(float), 2), strict=True):
            stems_x += [round(base, 2), value, None]
            stems_y += [label, label, None]
        line = {"color": translucent(colour, 0.55), "width": 2.5}
        traces += [
            {
                "type": "scatter",
                "mode": "lines",
                "x": stems_x,
                "y": stems_y,
                "line": line,
                "hoverinfo": "skip",
                "showlegend": False,
            },
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": plain(rows[column].to_numpy(float), 2),
                "y": labels,
                "marker": {"color": colour, "symbol": symbol, "size": 9},
                "hovertemplate": f"%{{y}}: %{{x:,.0f}} kW {name}<extra></extra>",
            },
        ]
    shapes = [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": round(float(reference[column]), 2),
            "x1": round(float(reference[column]), 2),
            "y0": 0,
            "y1": 1,
            "line": {"color": colour, "width": 1.2, "dash": "dash"},
        }
        for column, colour in (("first_kw", WITH_COLOUR), ("median_kw", WITHOUT_COLOUR))
        if math.isfinite(float(reference[column]))
    ]
    shown = layout(
        xaxis=axis(level_title(data), rangemode="tozero", tickformat=",~r"),
        yaxis=axis(
            type="category",
            categoryorder="array",
            categoryarray=labels[::-1],
            range=[-0.6, len(labels) - 0.4],
            dtick=1,
        ),
        shapes=shapes,
        legend={**LEGEND_BELOW, "y": 1.02, "yanchor": "bottom"},
        margin={"l": 150, "r": 34, "t": 40, "b": 56},
    )
    figure = Figure(
        "sensitivity",
        "What if an assumption were another?",
        spec(traces, shown),
        "One setting changed at a time, all others and the deployments as they are. Dashed lines "
        "are the study itself.",
        height_px=EDGE_PX + ROW_PX * len(labels) + 14 * sum("<br>" in each for each in labels),
    )
    return Drawn(figure, rows)


def sensitivity_table(data: HostingReportData) -> Table:
    """Return the same in numbers."""
    rows = data.table("sensitivity").reset_index(drop=True)
    reference = data.summary(data.reference)
    shown = []
    for what, value, first, median in zip(
        *(rows[name] for name in ("what", "value", "first_kw", "median_kw")), strict=True
    ):
        cells = [what_words(str(what)), str(value)]
        for found, base in ((first, reference["first_kw"]), (median, reference["median_kw"])):
            change = 100.0 * (found - base) / base if base else math.nan
            cells += [number(float(found)), signed(float(change))]
        shown.append(Row(tuple(cells)))
    return Table(
        "sensitivity",
        "Sensitivity in numbers",
        (
            Column("what", numeric=False),
            Column("is", numeric=False),
            Column("whoever builds", "kW"),
            Column("change", "%"),
            Column("median", "kW"),
            Column("change", "%"),
        ),
        tuple(shown),
        collapsed=True,
    )


def _sensitivity_labels(rows: pd.DataFrame) -> list[str]:
    return [
        wrapped(f"{what_words(what)} {value}{' (study)' if own else ''}")
        for what, value, own in zip(rows["what"], rows["value"], rows["is_study"], strict=True)
    ]


def what_words(name: str) -> str:
    """Return the setting that was changed in words."""
    return SETTINGS.get(name, name.replace("_", " "))
