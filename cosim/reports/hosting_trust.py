"""How far to trust the number: whether there are enough deployments."""

import math

import numpy as np

from cosim.reports.blocks import Figure
from cosim.reports.drawn import Drawn
from cosim.reports.hosting_curves import LEGEND_BELOW
from cosim.reports.hosting_data import HostingReportData
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
        if np.isfinite(each["low_kw"].to_numpy(float)).any():
            shade = {"fill": "tonexty", "fillcolor": translucent(colour, 0.16)}
            traces += [edge | {"y": high}, edge | {"y": low, **shade}]
        traces += [
            {
                "type": "scatter",
                "mode": "lines" if len(each) > 1 else "markers",
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
        "Quantiles of the first so many deployments; shades are their 95 % intervals. Where a line "
        "still drifts or its shade is wide, more should be drawn; the least of all can only fall.",
        height_px=380,
    )
    return Drawn(figure, rows.reset_index(drop=True))


def _quantile_words(share: float) -> str:
    if share <= 0.0:
        return "least of all"
    if math.isclose(share, 0.5):
        return "median"
    return f"{100.0 * share:g} % quantile"
