"""Where on the feeder how much fits: map, sorted bars, and the best siting."""

import math

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.reports.blocks import Figure
from cosim.reports.drawn import Drawn, bus_places
from cosim.reports.feeder_labels import bus_labels, label_sides, stacks
from cosim.reports.feeder_layout import coordinates_of, joints, open_branches, schematic_sentence
from cosim.reports.feeder_places import FEW_BUSES, fineness, shrink_of_degrees
from cosim.reports.hosting_curves import LEGEND_BELOW
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_sites import also_words
from cosim.reports.hosting_summary import element_text
from cosim.reports.hosting_words import (
    LIMITING_SYMBOLS,
    LIMITING_WORDS,
    limiting_of,
)
from cosim.reports.plotting import INK, Spec, layout, plain, spec
from cosim.reports.ratings import rating_badges
from cosim.reports.wording import number
from cosim.studies.hosting.records import Limiting
from networks.feeder import LINE, TRANSFORMER

WIDE = 2.5
"""Ratio of capacities from which on the scale of colours is logarithmic."""
MANY_BUSES, BRIGHT_SHARE = 20, 0.95
"""Of so many buses the best few share the brightest colour, or all others would be dark."""
STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
CIVIDIS = ("#00224E", "#35456C", "#666970", "#948E77", "#C8B866", "#FEE838")
"""From little to much; told apart by all readers, and in grey print."""


def nodes_map(data: HostingReportData) -> Drawn:
    """Return the feeder with every bus coloured by what fits there alone."""
    feeder, nodes = data.feeder, data.table("nodes")
    x, y, own = coordinates_of(feeder, (~open_branches(feeder)).astype(float))
    places = bus_places(feeder)
    at = np.array([places[int(bus)] for bus in nodes["bus"]], dtype=np.int64)
    reasons = [limiting_of(each) for each in nodes["limiting"]]
    rest = np.setdiff1d(np.arange(feeder.bus_count), at)
    traces = [*_branches(data, x, y), _supply(data, x, y), _without(data, x, y, rest)]
    traces += _hosting_marks(data, x, y, at, reasons)
    traces.append(_numbers(data, x, y))
    blank: Spec = {"visible": False, "showgrid": False, "zeroline": False}
    scale: Spec = {}
    if own and feeder.bus_count > FEW_BUSES:
        ratio = round(1.0 / shrink_of_degrees(x, y), 5)
        scale = {"scaleanchor": "x", "scaleratio": ratio, "constrain": "domain"}
    shown = layout(
        xaxis=blank,
        yaxis=blank | scale,
        hovermode="closest",
        legend={**LEGEND_BELOW, "y": -0.02, "itemsizing": "constant"},
        margin={"l": 12, "r": 92, "t": 12, "b": 60},
    )
    hosting = nodes["hosting_kw"].to_numpy(float)
    high = brightest(hosting)
    more = int((hosting > high).sum())
    clipped = (
        f" The brightest colour stands for {number(high)} kW and more ({more} buses, up to "
        f"{number(hosting.max())} kW)."
        if more
        else ""
    )
    placed = "" if own else f" {schematic_sentence(feeder)}"
    figure = Figure(
        "nodal-map",
        "How much fits at each bus, if all of it is built there",
        spec(traces, shown),
        "Dark buses bear little, bright ones much; the shape says what limits them. Capacities of "
        f"single buses do not add up.{also_words(data, len(nodes))}{clipped}{placed}",
        height_px=560,
        badges=rating_badges(feeder),
    )
    return Drawn(figure, nodes.assign(x=x[at], y=y[at]).reset_index(drop=True))


def _branches(data: HostingReportData, x: Floats, y: Floats) -> list[Spec]:
    feeder = data.feeder
    thin = round(fineness(feeder.bus_count) ** 0.5, 3)
    traces = []
    is_open = open_branches(feeder)
    for chosen, name, dash in (
        ((feeder.branch_kind == LINE) & ~is_open, "line", "solid"),
        ((feeder.branch_kind == TRANSFORMER) & ~is_open, "transformer", "dot"),
        (is_open, "open branch", "dash"),
    ):
        pairs = list(zip(feeder.branch_from[chosen], feeder.branch_to[chosen], strict=True))
        width = round((1.2 if dash == "dash" else 2.2) * thin, 3)
        style = {"color": "#A9B4BF", "width": width, "dash": dash}
        traces += [_ways(pairs, x, y, style, name)] if pairs else []
    switches = joints(feeder, x, y)
    if switches:
        style = {"color": "#A9B4BF", "width": thin, "dash": "dashdot"}
        traces.append(_ways(switches, x, y, style, "closed switch"))
    return traces


def _ways(pairs: list[tuple[int, int]], x: Floats, y: Floats, style: Spec, name: str) -> Spec:
    across: list[float | None] = []
    up: list[float | None] = []
    for start, end in pairs:
        across += [*plain(x[[start, end]], 4), None]
        up += [*plain(y[[start, end]], 4), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": across,
        "y": up,
        "line": style,
        "name": name,
        "hoverinfo": "skip",
    }


def _supply(data: HostingReportData, x: Floats, y: Floats) -> Spec:
    feeder = data.feeder
    at = np.flatnonzero(feeder.node_of_bus == feeder.slack_node)[:1]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": plain(x[at], 4),
        "y": plain(y[at], 4),
        "name": "supply",
        "marker": {
            "symbol": "square-open",
            "size": _size(data) + 8,
            "color": INK,
            "line": {"width": 2},
        },
        "hovertemplate": f"{feeder.bus_text(int(at[0]))}: supply<extra></extra>",
    }


def _without(data: HostingReportData, x: Floats, y: Floats, rest: np.ndarray) -> Spec:
    """Return buses that are no candidates."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": plain(x[rest], 4),
        "y": plain(y[rest], 4),
        "name": "no candidate",
        "showlegend": bool(len(rest)),
        "text": [data.feeder.bus_text(int(bus)) for bus in rest],
        "marker": {"size": round(_size(data) * 0.55, 2), "color": "#A9B4BF"},
        "hovertemplate": "%{text}: no candidate<extra></extra>",
    }


def _hosting_marks(
    data: HostingReportData, x: Floats, y: Floats, at: np.ndarray, reasons: list[Limiting]
) -> list[Spec]:
    """Return the buses, one trace a reason, all on one scale of colours."""
    nodes = data.table("nodes").reset_index(drop=True)
    hosting = nodes["hosting_kw"].to_numpy(float)
    shade, colours, ticks = _shades(hosting)
    traces: list[Spec] = []
    for reason in sorted(set(reasons)):
        chosen = [row for row, each in enumerate(reasons) if each is reason]
        texts = [
            f"<b>{data.feeder.bus_text(int(at[row]))}</b><br>{number(hosting[row], 1)} kW<br>"
            f"limited by {LIMITING_WORDS[reason]} {_at(nodes.iloc[row])}"
            for row in chosen
        ]
        symbol = LIMITING_SYMBOLS[reason].removesuffix("-open")
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": plain(x[at[chosen]], 4),
                "y": plain(y[at[chosen]], 4),
                "name": f"limited by {LIMITING_WORDS[reason]}",
                "text": texts,
                "hovertemplate": "%{text}<extra></extra>",
                "marker": {
                    "symbol": symbol,
                    "size": _size(data),
                    "color": plain(shade[chosen], 4),
                    **colours,
                    "line": {"color": "#27323F", "width": _border(data)},
                    "showscale": not traces,
                    "colorbar": {
                        "title": {"text": "hosting<br>capacity,<br>kW", "side": "top"},
                        "thickness": 13,
                        "len": 0.62,
                        "y": 0,
                        "yanchor": "bottom",
                        **ticks,
                    },
                },
            }
        )
    return traces


def brightest(hosting: Floats) -> float:
    """Return the capacity from which on all buses are equally bright."""
    many = len(hosting) >= MANY_BUSES
    return float(np.quantile(hosting, BRIGHT_SHARE) if many else hosting.max())


def _shades(hosting: Floats) -> tuple[Floats, Spec, Spec]:
    """Return what colours stand for, their scale, and the ticks of the scale.

    Where capacities differ by a large factor the scale is logarithmic, or a single bus beside the
    supply would leave all others equally dark.
    """
    low, high = float(hosting.min()), brightest(hosting)
    scale: Spec = {"colorscale": [[i / 5, colour] for i, colour in enumerate(CIVIDIS)]}
    if low > 0.0 and high / low > WIDE:
        marks = [
            step * 10.0**power
            for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for step in STEPS
            if low <= step * 10.0**power <= high
        ]
        scale |= {"cmin": round(math.log10(low), 4), "cmax": round(math.log10(high), 4)}
        ticks: Spec = {
            "tickvals": plain(np.log10(marks), 4),
            "ticktext": [number(mark, 0 if mark >= 1.0 else 2) for mark in marks],
        }
        return np.log10(hosting), scale, ticks
    if high <= low:
        low, high = 0.0, high or 1.0
    scale |= {"cmin": round(low, 2), "cmax": round(high, 2)}
    return hosting, scale, {"nticks": 6, "tickformat": ",~r"}


def _numbers(data: HostingReportData, x: Floats, y: Floats) -> Spec:
    """Return bus numbers where there is room for them."""
    feeder = data.feeder
    few = feeder.bus_count <= FEW_BUSES
    labels = bus_labels(feeder, stacks(x, y)) if few else []
    return {
        "type": "scatter",
        "mode": "markers+text",
        "marker": {"size": _size(data) + 2, "color": "rgba(0,0,0,0)"},
        "x": plain(x, 4) if few else [],
        "y": plain(y, 4) if few else [],
        "text": labels,
        "textposition": label_sides(feeder, x, y, labels) if few else "middle right",
        "textfont": {"size": 11, "color": "#3A4653"},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _size(data: HostingReportData) -> float:
    return round(max(17.0 * fineness(data.feeder.bus_count), 5.5), 2)


def _border(data: HostingReportData) -> float:
    """Return the width of the edge of a mark, so that small ones are not all edge."""
    return round(fineness(data.feeder.bus_count) ** 2, 2)


def _at(row: pd.Series) -> str:
    element = element_text(row)
    return f"at {element}" if element else ""
