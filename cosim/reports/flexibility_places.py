"""Where flexibility is, and when: a map of buses over hours."""

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.reports.blocks import Figure
from cosim.reports.drawn import Drawn, bus_places
from cosim.reports.flexibility_bands import HOURS
from cosim.reports.flexibility_data import FlexibilityReportData
from cosim.reports.flexibility_words import (
    DIRECTION_WORDS,
)
from cosim.reports.plotting import Spec, axis, layout, plain, spec
from cosim.reports.wording import number
from cosim.studies.flexibility.tables import DIRECTIONS

BUSES_MAX = 40
ROW_PX, GAP_PX, EDGES_PX = 16, 34, 92
BAR_PX = 130
SCALE = [[0, "#F7FAFC"], [0.25, "#BFD9EC"], [0.5, "#6FAFD6"], [0.75, "#1F78B4"], [1, "#08306B"]]
"""From pale to dark, so that it reads without colour too."""


def heat_figure(data: FlexibilityReportData) -> Drawn:
    """Return flexibility by bus and hour, up and down below each other."""
    rows = data.table("buses_hours")
    total = rows.assign(all=rows["up_kw"] + rows["down_kw"]).groupby("bus")["all"].sum()
    largest = total.sort_values(ascending=False, kind="stable").index[:BUSES_MAX]
    buses = sorted(int(str(bus)) for bus in largest)
    places = bus_places(data.feeder)
    labels = [data.feeder.bus_text(places[bus]) for bus in buses]
    highest = max(float(rows["up_kw"].max()), float(rows["down_kw"].max()), 0.1)
    panel_px = ROW_PX * max(len(buses), 6)
    middle = 0.5 - 0.5 * GAP_PX / (2 * panel_px + GAP_PX)
    domains = ([round(1.0 - middle, 4), 1.0], [0.0, round(middle, 4)])
    traces: list[Spec] = []
    entries: Spec = {}
    for at, (column, direction) in enumerate(zip(("up_kw", "down_kw"), DIRECTIONS, strict=True)):
        suffix = "" if at == 0 else "2"
        grid = _by_hour(rows, column, buses)
        feasible = _by_hour(rows, f"feasible_{column}", buses)
        traces.append(
            {
                "type": "heatmap",
                "x": list(range(HOURS)),
                "y": labels,
                "z": [plain(row, 2) for row in grid],
                "customdata": [plain(row, 2) for row in feasible],
                "zmin": 0,
                "zmax": round(highest, 2),
                "colorscale": SCALE,
                "yaxis": f"y{suffix}",
                "showscale": at == 0,
                "colorbar": {
                    "title": {"text": "kW", "side": "top"},
                    "thickness": 12,
                    "lenmode": "pixels",
                    "len": BAR_PX,
                    "x": 1.01,
                    "y": 0,
                    "yanchor": "bottom",
                },
                "hovertemplate": "%{y}<br>%{x} h: %{z:,.1f} kW "
                f"{DIRECTION_WORDS[direction]}, %{{customdata:,.1f}} kW let through<extra></extra>",
            }
        )
        entries[f"yaxis{suffix}"] = axis(
            type="category",
            autorange="reversed",
            domain=domains[at],
            showgrid=False,
        )
    titles = [
        {
            "text": f"<b>{DIRECTION_WORDS[direction].capitalize()}, kW</b>",
            "showarrow": False,
            "xref": "paper",
            "yref": "paper",
            "x": 0,
            "xanchor": "left",
            "y": top,
            "yanchor": "bottom",
        }
        for direction, top in zip(DIRECTIONS, (domains[0][1], domains[1][1]), strict=True)
    ]
    left_out = len(total) - len(buses)
    note = (
        f" The {number(len(buses))} buses with the most are drawn; the CSV holds all "
        f"{number(len(total))}."
        if left_out
        else ""
    )
    figure = Figure(
        "buses-hours",
        "Where and when: flexibility by bus and hour of the day",
        spec(
            traces,
            layout(
                xaxis=axis("Local hour of the day", dtick=3, anchor="y2", showgrid=False),
                **entries,
                annotations=titles,
                margin={"l": 110, "r": 74, "t": 40, "b": 52},
            ),
        ),
        "Means over the days of the study, what devices at a bus could do; what the network lets "
        f"through is told on pointing.{note}",
        height_px=EDGES_PX + GAP_PX + 2 * panel_px,
    )
    return Drawn(figure, rows.reset_index(drop=True))


def _by_hour(rows: pd.DataFrame, column: str, buses: list[int]) -> Floats:
    grid = np.full((len(buses), HOURS), np.nan)
    row_of = {bus: at for at, bus in enumerate(buses)}
    for bus, hour, value in zip(rows["bus"], rows["hour"], rows[column], strict=True):
        if int(bus) in row_of:
            grid[row_of[int(bus)], int(hour)] = float(value)
    return grid
