"""Buses in order of what fits there, and where plants would go if they were sited best."""

import pandas as pd

from cosim.reports.blocks import Figure
from cosim.reports.drawn import Drawn, bus_places
from cosim.reports.hosting_curves import LEGEND_BELOW
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_sites import also_words
from cosim.reports.hosting_summary import element_text, floored
from cosim.reports.hosting_words import (
    LIMITING_COLOURS,
    LIMITING_PATTERNS,
    LIMITING_WORDS,
    NEW_PLANTS,
    limiting_of,
)
from cosim.reports.plotting import Spec, axis, layout, plain, spec
from cosim.reports.ratings import rating_badges
from cosim.reports.wording import sentence_case

BARS_MAX = 45
ROW_PX = 17
SHOWN_KW = 0.05
"""Less at a bus is what solvers leave over."""


def _short(row: pd.Series) -> str:
    element = element_text(row).split(" (")[0]
    return f"at {element}" if element else ""


def nodes_bars(data: HostingReportData) -> Drawn:
    """Return the capacity of every bus, the least first, with what limits it."""
    nodes = data.table("nodes").sort_values("hosting_kw", kind="stable").reset_index(drop=True)
    places = bus_places(data.feeder)
    shown = nodes.head(BARS_MAX)
    labels = [data.feeder.bus_text(places[int(bus)]) for bus in shown["bus"]]
    reasons = [limiting_of(each) for each in shown["limiting"]]
    highest = float(shown["hosting_kw"].max())
    traces: list[Spec] = []
    for reason in sorted(set(reasons)):
        rows = [row for row, each in enumerate(reasons) if each is reason]
        values = shown["hosting_kw"].to_numpy(float)[rows]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": LIMITING_WORDS[reason],
                "x": plain(values, 2),
                "y": [labels[row] for row in rows],
                "text": [
                    f"{floored(value)} {_short(shown.iloc[row])}"
                    for value, row in zip(values, rows, strict=True)
                ],
                "textposition": "outside",
                "textfont": {"size": 10.5, "color": "#3A4653"},
                "cliponaxis": False,
                "marker": {
                    "color": LIMITING_COLOURS[reason],
                    "pattern": {
                        "shape": LIMITING_PATTERNS[reason],
                        "fillmode": "overlay",
                        "fgcolor": "#FFFFFF",
                        "fgopacity": 0.7,
                        "size": 6,
                    },
                },
                "hovertemplate": "%{y}: %{x:,.1f} kW<extra>%{fullData.name}</extra>",
            }
        )
    plants = NEW_PLANTS[data.facts.technology]
    drawn = layout(
        xaxis=axis(
            f"{sentence_case(plants)} at this bus alone, kW",
            range=[0, round(1.45 * highest, 2) or 1.0],
            tickformat=",~r",
        ),
        yaxis=axis(
            type="category",
            categoryorder="array",
            categoryarray=labels[::-1],
            tickfont={"size": 10.5},
            dtick=1,
        ),
        legend={**LEGEND_BELOW, "y": 1.01, "yanchor": "bottom"},
        showlegend=True,
        bargap=0.25,
        margin={"l": 110, "r": 30, "t": 40, "b": 52},
    )
    left = len(nodes) - len(shown)
    more = f" The {left} buses that bear more are in the table only." if left else ""
    figure = Figure(
        "nodal-bars",
        "Buses in order of what fits there",
        spec(traces, drawn),
        "All new plants at one bus: the largest power that passes, and the element at which the "
        f"limit is met.{more}{also_words(data, len(nodes))}",
        height_px=110 + ROW_PX * len(shown),
        badges=rating_badges(data.feeder),
    )
    return Drawn(figure, nodes)


def optimal_figure(data: HostingReportData) -> Drawn:
    """Return where plants go if they are sited best, against what each bus bears alone."""
    optimal = data.table("optimal").sort_values("kw", ascending=False, kind="stable")
    optimal = optimal[optimal["kw"] >= SHOWN_KW].reset_index(drop=True)
    places = bus_places(data.feeder)
    shown = optimal.head(BARS_MAX)
    labels = [data.feeder.bus_text(places[int(bus)]) for bus in shown["bus"]]
    traces: list[Spec] = [
        {
            "type": "bar",
            "orientation": "h",
            "x": plain(shown["kw"].to_numpy(float), 2),
            "y": labels,
            "marker": {"color": "#44AA99"},
            "text": [floored(float(each)) for each in shown["kw"]],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertemplate": "%{y}: %{x:,.1f} kW<extra></extra>",
        }
    ]
    total = float(data.table("optimal")["kw"].sum())
    drawn = layout(
        xaxis=axis("Sited best, kW at the bus", rangemode="tozero", tickformat=",~r"),
        yaxis=axis(
            type="category",
            categoryorder="array",
            categoryarray=labels[::-1],
            tickfont={"size": 10.5},
            dtick=1,
        ),
        showlegend=False,
        margin={"l": 110, "r": 50, "t": 12, "b": 52},
    )
    figure = Figure(
        "optimal-siting",
        "The best siting that was found",
        spec(traces, drawn),
        f"If somebody could choose where all plants go, {floored(total)} kW would fit. Nobody "
        "plans a feeder so; the distance to the median of the deployments is what siting is worth."
        f"{also_words(data, len(data.table('optimal')))}",
        height_px=90 + max(ROW_PX * len(shown), 60),
    )
    return Drawn(figure, optimal)
