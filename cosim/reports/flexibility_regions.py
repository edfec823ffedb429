"""What the feeder may draw at its connection in P and Q, interval by interval, and its margins."""

import numpy as np
import pandas as pd

from cosim.reports.blocks import Figure
from cosim.reports.drawn import Drawn
from cosim.reports.flexibility_corners import kept_apart, named_corners, positions
from cosim.reports.flexibility_data import DOWN, UP, FlexibilityReportData
from cosim.reports.flexibility_sliders import (
    SPACE_PX,
    later,
    restyle,
    slider,
    thinned,
    thinned_words,
)
from cosim.reports.flexibility_words import corner_words, limit_words
from cosim.reports.plotting import (
    LIMIT_COLOUR,
    WITH_COLOUR,
    WITHOUT_COLOUR,
    Spec,
    axis,
    layout,
    plain,
    series,
    spec,
    step,
    time_axis,
    time_layout,
    translucent,
)
from cosim.reports.ratings import rating_badges

SCHEDULES = {True: "schedule of the market kept", False: "devices free"}
BRIEF = {True: "schedule", False: "free"}
COLOURS = {True: WITH_COLOUR, False: WITHOUT_COLOUR}
DASHES = {True: "solid", False: "dash"}
KEYS = ("x", "y", "text", "textposition", "customdata")
EDGE = 0.08
Window = tuple[list[float], list[float]]
"""What the axes show: P from and to, Q from and to."""


def regions_figure(data: FlexibilityReportData) -> Drawn:
    """Return the region of every interval with a slider over time."""
    timeline = data.timeline
    found = {which: each for which in (False, True) if (each := data.regions_of(which))}
    bases = {which: data.region_facts_of(which).set_index("interval") for which in found}
    every = sorted(set().union(*found.values()))
    places = thinned(every)
    window = (_range(data, "p_kw", "base_kw"), _range(data, "q_kvar", "base_kvar"))
    shown = {at: _traces(found, bases, at, window) for at in places}
    start = _start(data, places)
    rows = data.table("regions").reset_index(drop=True)
    figure_layout = layout(
        xaxis=axis(
            "Active power from the grid above, kW (fed in: below zero)",
            range=window[0],
            tickformat=",~r",
        ),
        yaxis=axis("Reactive power, kvar", range=window[1], tickformat=",~r"),
        hovermode="closest",
        margin={"l": 74, "r": 40, "t": 40, "b": 44 + SPACE_PX},
        sliders=[
            slider(
                [timeline.when(at) for at in places],
                [restyle(shown[at], KEYS) for at in places],
                places.index(start),
            )
        ],
    )
    left_out = thinned_words(len(places), len(every), "intervals")
    figure = Figure(
        "regions",
        "Feasible operating region at the connection to the grid above",
        spec(shown[start], figure_layout),
        "Every point inside is reached by some set-points of the devices with all limits of the "
        "network kept. Names say which limit holds corners of the "
        "wider region; corners without one are as far as "
        "devices go. Point at a corner for its limit. Axes stay the same for all intervals."
        f"{left_out}",
        height_px=620,
        badges=rating_badges(data.feeder),
    )
    return Drawn(figure, rows)


def _start(data: FlexibilityReportData, places: list[int]) -> int:
    """Return the interval shown first and on paper: where the network takes the most away.

    Where it takes nothing, devices offer the most. The study's first interval holds all that
    begins there and is taken only where there is no other.
    """
    places = later(places)
    offered = data.series("offered_kw", UP) + data.series("offered_kw", DOWN)
    feasible = data.series("feasible_kw", UP) + data.series("feasible_kw", DOWN)
    lost = np.nan_to_num(offered - feasible)[places]
    shown = lost if lost.max() > 0.0 else np.nan_to_num(offered)[places]
    return places[int(shown.argmax())]


def _range(data: FlexibilityReportData, column: str, base: str) -> list[float]:
    parts = [data.table("regions")[column], data.table("region_facts")[base]]
    values = np.concatenate([each.to_numpy(float) for each in parts])
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (-1.0, 1.0)
    room = EDGE * max(high - low, 1.0)
    return [round(low - 2.0 * room, 2), round(high + 2.0 * room, 2)]


def _traces(
    found: dict[bool, dict[int, pd.DataFrame]],
    bases: dict[bool, pd.DataFrame],
    at: int,
    window: Window,
) -> list[Spec]:
    """Return outline and base point of each kind of region at an interval; always as many."""
    traces: list[Spec] = []
    for which, regions in found.items():
        none = next(iter(regions.values())).iloc[:0]
        is_first = which is next(iter(found))  # the wider one, where names have room
        traces.append(_outline(regions.get(at, none), which, window if is_first else None))
    for which in found:
        row = bases[which].reindex([at])
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"its base point ({BRIEF[which]})",
                "x": plain(row["base_kw"].to_numpy(float), 2),
                "y": plain(row["base_kvar"].to_numpy(float), 2),
                "text": [],
                "textposition": "top center",
                "customdata": [],
                "marker": {
                    "symbol": "cross" if which else "x",
                    "size": 11,
                    "color": COLOURS[which],
                    "line": {"color": "#FFFFFF", "width": 1},
                },
                "hovertemplate": "base point: %{x:,.1f} kW, %{y:,.1f} kvar<extra></extra>",
            }
        )
    return traces


def _outline(corners: pd.DataFrame, which: bool, window: Window | None) -> Spec:
    """Return an outline; limits are named where it is told which `window` the axes show."""
    across, up = corners["p_kw"].to_numpy(float), corners["q_kvar"].to_numpy(float)
    words = [
        limit_words(str(limit), str(element))
        for limit, element in zip(corners["limit"], corners["element"], strict=True)
    ]
    bare = [str(limit) in ("", "none") for limit in corners["limit"]]
    short = [
        corner_words(str(limit), str(element))
        for limit, element in zip(corners["limit"], corners["element"], strict=True)
    ]
    named = set()
    if window is not None:
        shares = (
            (across - window[0][0]) / np.ptp(window[0]),
            (up - window[1][0]) / np.ptp(window[1]),
        )
        named = kept_apart(named_corners(short, bare), *shares)
    closed = [*range(len(words)), 0] if words else []
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        "name": SCHEDULES[which],
        "x": plain(across[closed], 2),
        "y": plain(up[closed], 2),
        "text": [short[at] if at in named else "" for at in closed[:-1]] + [""] * bool(words),
        "textposition": positions(across[closed], up[closed]),
        "textfont": {"size": 11},
        "customdata": [words[at] for at in closed],
        "fill": "toself",
        "fillcolor": translucent(COLOURS[which], 0.16),
        "line": {"color": COLOURS[which], "width": 2, "dash": DASHES[which]},
        "marker": {"size": 5, "color": COLOURS[which]},
        "hovertemplate": "%{x:,.1f} kW, %{y:,.1f} kvar<br>%{customdata}<extra></extra>",
    }


def margins_figure(data: FlexibilityReportData) -> Drawn:
    """Return area of the region and margins up and down over the study."""
    timeline = data.timeline
    traces: list[Spec] = []
    for which in (False, True):
        rows = data.region_facts_of(which)
        if rows.empty:
            continue
        at = rows["interval"].to_numpy(np.int64)
        line = step(COLOURS[which], 2.0, DASHES[which])
        for column, sign, place in (
            ("area_mw_mvar", 1.0, ""),
            ("up_kw", 1.0, "2"),
            ("down_kw", -1.0, "2"),
        ):
            values = np.full(data.interval_count, np.nan)
            for begin, end, value in zip(
                at, [*at[1:], data.interval_count], rows[column].to_numpy(float), strict=True
            ):
                values[begin:end] = sign * value  # so that the last one has a width too
            decimals = 6 if place == "" else 2
            traces.append(
                series(
                    timeline,
                    SCHEDULES[which],
                    plain(timeline.mean(values), decimals),
                    yaxis=f"y{place}",
                    line=line,
                    legendgroup=str(which),
                    showlegend=place == "",
                    hovertemplate=(
                        "%{y:.3g} MW Mvar<extra></extra>"
                        if place == ""
                        else "%{y:,.1f} kW<extra></extra>"
                    ),
                )
            )
    shown = time_layout(
        timeline,
        "",
        xaxis=time_axis(timeline, anchor="y2", range=data.span),
        yaxis=axis("Area, MW Mvar", domain=[0.64, 1.0], rangemode="tozero"),
        yaxis2=axis(
            "Margin, kW (down: below zero)",
            domain=[0.0, 0.54],
            zeroline=True,
            zerolinecolor=LIMIT_COLOUR,
            tickformat=",~r",
        ),
        margin={"l": 74, "r": 40, "t": 40, "b": 44},
    )
    figure = Figure(
        "margins",
        "Area of the region, and margins up and down from the base point",
        spec(traces, shown),
        "Margins are how far active power at the connection can move at the base point's reactive "
        "power; where the schedule is kept, what the market's next hour needs stays untouched. "
        "Each is drawn until the next region, the last to the end of the study.",
        height_px=480,
        badges=rating_badges(data.feeder),
        timeline=True,
    )
    kept = data.table("region_facts").reset_index(drop=True)
    return Drawn(figure, kept)
