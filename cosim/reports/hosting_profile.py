"""Voltage along the feeder, duration curves, and what fits hour by hour."""

import math

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.reports.blocks import Figure
from cosim.reports.drawn import Drawn, bus_places
from cosim.reports.feeder_layout import open_branches, tree_branches
from cosim.reports.hosting_curves import LEGEND_BELOW
from cosim.reports.hosting_data import HostingReportData
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
GAP = 0.055


def distance_figure(data: HostingReportData) -> Drawn:
    """Return the voltage of every bus over its electrical distance from the supply."""
    rows = data.table("voltages").sort_values(["distance_ohm", "bus"], kind="stable")
    where = np.full(data.feeder.bus_count, math.nan)
    places = bus_places(data.feeder)
    at = np.array([places[int(bus)] for bus in rows["bus"]], dtype=np.int64)
    where[at] = rows["distance_ohm"].to_numpy(float)
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
            traces.append(_level(limit, float(rows["distance_ohm"].max())))
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
        "Each mark is a bus, lines follow the closed branches. Distance is the impedance of the "
        "way from the supply, referred to the bus's voltage. It is the deployment at the median, "
        "at the moment that breaks first.",
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
    closed = (~open_branches(feeder)).astype(float)
    for branch in np.flatnonzero(tree_branches(feeder, closed)):
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
    "voltage_max_pu": ("Highest voltage, p.u.", 5),
    "voltage_min_pu": ("Lowest voltage, p.u.", 5),
    "line_percent": ("Line loading, %", 2),
    "transformer_percent": ("Transformer loading, %", 2),
    "import_kw": ("From above, kW", 1),
}
DURATION_STATES = {
    "base": ("without new plants", {"color": "#66727F", "dash": "dot"}),
    "hosting": ("at hosting capacity", {"color": WITH_COLOUR, "dash": "solid"}),
}
LIMITS_OF_DURATIONS = {
    "line_percent": "line_max_percent",
    "transformer_percent": "transformer_max_percent",
}


def durations_figure(data: HostingReportData) -> Drawn:
    """Return duration curves of a series: voltage, loadings, and power from the network above."""
    rows = data.table("durations").sort_values(
        ["quantity", "state", "share_of_time"], kind="stable"
    )
    known = [name for name in DURATIONS if (rows["quantity"] == name).any()]
    others = [name for name in dict.fromkeys(rows["quantity"]) if name not in DURATIONS]
    names = [*known, *others]
    traces: list[Spec] = []
    entries: Spec = {}
    height = (1.0 - GAP * (len(names) - 1)) / max(len(names), 1)
    for at, name in enumerate(names):
        title, decimals = DURATIONS.get(name, (name.replace("_", " "), 4))
        suffix = "" if at == 0 else str(at + 1)
        top = 1.0 - at * (height + GAP)
        entries[f"yaxis{suffix}"] = axis(
            title, anchor="x", domain=[round(max(top - height, 0.0), 4), round(top, 4)]
        )
        traces += [
            _duration(rows[(rows["quantity"] == name) & (rows["state"] == state)], decimals, suffix)
            | {"name": words, "line": {**line, "width": 2}, "showlegend": at == 0}
            for state, (words, line) in DURATION_STATES.items()
        ]
        limit = data.limit(LIMITS_OF_DURATIONS.get(name, name))
        if math.isfinite(limit):
            traces.append(_level(limit, 100.0) | {"yaxis": f"y{suffix}", "showlegend": False})
        if name == "import_kw":
            entries[f"yaxis{suffix}"] |= {"zeroline": True, "zerolinecolor": LIMIT_COLOUR}
    last = "" if len(names) <= 1 else str(len(names))
    shown = layout(
        xaxis=axis("Share of the time, %", range=[0, 100], anchor=f"y{last}"),
        margin={"l": 74, "r": 40, "t": 40, "b": 52},
        **entries,
    )
    figure = Figure(
        "durations",
        "How long voltages, loadings and flows last at hosting capacity",
        spec(traces, shown),
        "A point says for which share of the time a quantity was at least so high, in the "
        "deployment at the median. Power from the network above is below zero where the feeder "
        "feeds back. Dashed lines are limits that hold at any time.",
        height_px=120 + 150 * len(names),
        badges=rating_badges(data.feeder),
    )
    return Drawn(figure, rows.reset_index(drop=True))


def _duration(rows: pd.DataFrame, decimals: int, axis_of: str) -> Spec:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": plain(100.0 * rows["share_of_time"].to_numpy(float), 3),
        "y": plain(rows["value"].to_numpy(float), decimals),
        "yaxis": f"y{axis_of}",
        "hovertemplate": "%{y} or more, %{x:.2f} % of the time<extra>%{fullData.name}</extra>",
    }


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
            "Power, kW (drawn: below zero)",
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
        "may draw. Each hour on its own, spread evenly over the places where deployments build. "
        f"{data.facts.hourly_looked_at}".rstrip(),
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
