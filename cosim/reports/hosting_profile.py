"""Voltage along the feeder, duration curves, and what fits hour by hour."""

import math

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.reports.blocks import Figure
from cosim.reports.feeder_layout import tree_branches
from cosim.reports.hosting_curves import LEGEND_BELOW
from cosim.reports.hosting_data import Drawn, HostingReportData, bus_places
from cosim.reports.plotting import (
    INDIGO,
    LIMIT_COLOUR,
    SAND,
    WITH_COLOUR,
    WITHOUT_COLOUR,
    Spec,
    axis,
    layout,
    plain,
    spec,
)
from cosim.reports.ratings import rating_badges

STATES = (
    ("base_pu", "without new plants", "#66727F", "circle", "dot"),
    ("hosting_pu", "at hosting capacity", WITH_COLOUR, "square", "solid"),
    ("above_pu", "above it", WITHOUT_COLOUR, "triangle-up", "dash"),
)
MARKERS_MAX = 150
GAP = 0.09


def distance_figure(data: HostingReportData) -> Drawn:
    """Return the voltage of every bus over its electrical distance from the supply."""
    rows = data.table("voltages").sort_values(["distance", "bus"], kind="stable")
    where = np.full(data.feeder.bus_count, math.nan)
    places = bus_places(data.feeder)
    at = np.array([places[int(bus)] for bus in rows["bus"]], dtype=np.int64)
    where[at] = rows["distance"].to_numpy(float)
    traces: list[Spec] = []
    for column, name, colour, symbol, dash in STATES:
        volts = np.full(data.feeder.bus_count, math.nan)
        volts[at] = rows[column].to_numpy(float)
        line = {"color": colour, "width": 1.6, "dash": dash}
        traces.append(_along(data, where, volts) | {"line": line, "legendgroup": name})
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "legendgroup": name,
                "x": plain(where[at], 5),
                "y": plain(volts[at], 5),
                "text": [data.feeder.bus_text(int(bus)) for bus in at],
                "marker": {
                    "color": colour,
                    "symbol": symbol,
                    "size": 7 if len(at) <= MARKERS_MAX else 4,
                },
                "hovertemplate": f"%{{text}}<br>%{{y:.4f}} p.u. {name}<extra></extra>",
            }
        )
    for column in ("voltage_max_pu", "voltage_min_pu"):
        limit = data.limit(column)
        if math.isfinite(limit) and _near(rows, limit):
            traces.append(_level(limit, float(rows["distance"].max())))
    shown = layout(
        xaxis=axis("Electrical distance from the supply, ohm", rangemode="tozero"),
        yaxis=axis("Voltage, p.u."),
        legend=LEGEND_BELOW,
        hovermode="closest",
        margin={"l": 74, "r": 40, "t": 16, "b": 60},
    )
    figure = Figure(
        "voltage-distance",
        "Voltage along the feeder",
        spec(traces, shown),
        "Each mark is a bus, lines follow the branches. Distance is the impedance of the way from "
        "the supply, referred to the bus's voltage. The deployment shown is the one that is "
        "stopped first.",
        height_px=430,
    )
    return Drawn(figure, rows.reset_index(drop=True))


def _near(rows: pd.DataFrame, limit: float) -> bool:
    """Return whether a limit lies where voltages are drawn; a far one would flatten them."""
    values = rows[[name for name, *_ in STATES]].to_numpy(float)
    low, high = np.nanmin(values), np.nanmax(values)
    return bool(low - (high - low) <= limit <= high + (high - low))


def _along(data: HostingReportData, where: Floats, volts: Floats) -> Spec:
    """Return lines along the branches that make the feeder a tree."""
    feeder = data.feeder
    across: list[float | None] = []
    up: list[float | None] = []
    for branch in np.flatnonzero(tree_branches(feeder, None)):
        ends = [feeder.branch_from[branch], feeder.branch_to[branch]]
        if np.isfinite(where[ends]).all() and np.isfinite(volts[ends]).all():
            across += [*plain(where[ends], 5), None]
            up += [*plain(volts[ends], 5), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": across,
        "y": up,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _level(limit: float, furthest: float) -> Spec:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [0, round(furthest, 5)],
        "y": [limit, limit],
        "name": f"limit {limit:g} p.u.",
        "line": {"color": LIMIT_COLOUR, "width": 1.5, "dash": "dash"},
        "hoverinfo": "skip",
    }


DURATIONS = {
    "voltage_max_pu": ("Highest voltage, p.u.", 5, INDIGO),
    "voltage_min_pu": ("Lowest voltage, p.u.", 5, INDIGO),
    "line_max_percent": ("Line loading, %", 2, "#7A7A00"),
    "transformer_max_percent": ("Transformer loading, %", 2, "#B08A00"),
    "import_kw": ("Drawn from above, kW", 1, WITH_COLOUR),
}


def durations_figure(data: HostingReportData) -> Drawn:
    """Return duration curves of a series: voltage, loadings, and power from the network above."""
    rows = data.table("durations").sort_values(["quantity", "share"], kind="stable")
    known = [name for name in DURATIONS if (rows["quantity"] == name).any()]
    others = [name for name in dict.fromkeys(rows["quantity"]) if name not in DURATIONS]
    names = [*known, *others]
    traces: list[Spec] = []
    entries: Spec = {}
    height = (1.0 - GAP * (len(names) - 1)) / max(len(names), 1)
    for at, name in enumerate(names):
        title, decimals, colour = DURATIONS.get(name, (name.replace("_", " "), 4, INDIGO))
        suffix = "" if at == 0 else str(at + 1)
        top = 1.0 - at * (height + GAP)
        entries[f"yaxis{suffix}"] = axis(
            title, anchor="x", domain=[round(max(top - height, 0.0), 4), round(top, 4)]
        )
        each = rows[rows["quantity"] == name]
        share = 100.0 * each["share"].to_numpy(float)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": plain(share, 3),
                "y": plain(each["value"].to_numpy(float), decimals),
                "yaxis": f"y{suffix}",
                "name": title,
                "line": {"color": colour, "width": 2},
                "hovertemplate": "%{y} during %{x:.2f} % of the time<extra></extra>",
            }
        )
        limit = data.limit(name)
        if math.isfinite(limit):
            traces.append(_level(limit, 100.0) | {"yaxis": f"y{suffix}", "showlegend": False})
        if name == "import_kw":
            entries[f"yaxis{suffix}"] |= {"zeroline": True, "zerolinecolor": LIMIT_COLOUR}
    last = "" if len(names) <= 1 else str(len(names))
    shown = layout(
        xaxis=axis("Share of the time, %", range=[0, 100], anchor=f"y{last}"),
        showlegend=False,
        margin={"l": 74, "r": 40, "t": 12, "b": 52},
        **entries,
    )
    figure = Figure(
        "durations",
        "How long voltages, loadings and flows last at hosting capacity",
        spec(traces, shown),
        "A point says for which share of the time a quantity was at least so high. Power drawn "
        "from the network above is below zero where the feeder feeds back. Dashed lines are "
        "limits.",
        height_px=120 + 150 * len(names),
        badges=rating_badges(data.feeder),
    )
    return Drawn(figure, rows.reset_index(drop=True))


def hours_figure(data: HostingReportData) -> Drawn:
    """Return, hour by hour, how much more the feeder can take in and give out."""
    rows = data.table("hours").sort_values("hour", kind="stable")
    hours = [f"{int(hour):02d}" for hour in rows["hour"]]
    traces: list[Spec] = [
        _bars("can be fed in", hours, rows["generation_kw"].to_numpy(float), SAND),
        _bars("can be drawn", hours, -rows["load_kw"].to_numpy(float), INDIGO),
    ]
    shown = layout(
        barmode="relative",
        bargap=0.18,
        xaxis=axis("Local hour of the day", type="category"),
        yaxis=axis(
            "Drawn (below zero) and fed in, kW",
            zeroline=True,
            zerolinecolor=LIMIT_COLOUR,
            tickformat=",~r",
        ),
        legend=LEGEND_BELOW,
        margin={"l": 74, "r": 40, "t": 16, "b": 60},
    )
    figure = Figure(
        "hours",
        "Hourly envelope: what more the feeder bears at each hour",
        spec(traces, shown),
        "Upward: power that new plants may feed in at that hour; downward: power that new loads "
        "may draw. Each hour on its own, spread over the feeder as the deployment that is stopped "
        "first spreads it.",
        height_px=390,
    )
    return Drawn(figure, rows.reset_index(drop=True))


def _bars(name: str, hours: list[str], values: Floats, colour: str) -> Spec:
    return {
        "type": "bar",
        "name": name,
        "x": hours,
        "y": plain(values, 2),
        "marker": {"color": colour, "line": {"color": "#52606D", "width": 0.6}},
        "customdata": plain(np.abs(values), 1),
        "hovertemplate": f"%{{x}} h: %{{customdata:,.1f}} kW {name}<extra></extra>",
    }
