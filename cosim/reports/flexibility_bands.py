"""Flexibility over the day: what is offered, what the network lets through, what was delivered."""

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.reports.blocks import Figure
from cosim.reports.drawn import Drawn
from cosim.reports.flexibility_data import DOWN, UP, FlexibilityReportData
from cosim.reports.flexibility_words import (
    DELIVERED_COLOUR,
    DIRECTION_WORDS,
    FEASIBLE_COLOUR,
    OFFERED_COLOUR,
    WINDOW_LINES,
    window_words,
)
from cosim.reports.hosting_curves import LEGEND_BELOW
from cosim.reports.plotting import (
    LIMIT_COLOUR,
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
from cosim.reports.wording import number
from cosim.studies.flexibility.tables import DIRECTIONS

KW_TITLE = "Change of power, kW (more drawn: below zero)"
SIGN = {UP: 1.0, DOWN: -1.0}
BAND = (
    ("offered_kw", "offered by devices", OFFERED_COLOUR),
    ("feasible_kw", "let through by the network", FEASIBLE_COLOUR),
)
HOURS = 24
LOW, HIGH = 10.0, 90.0
"""Percentiles of days between which a typical day lies."""
MEANS = " Means over each point's intervals are drawn; the CSV holds every interval."


def bands_figure(data: FlexibilityReportData) -> Drawn:
    """Return the bands of plain kW over the study: offered, network-feasible, delivered."""
    timeline = data.timeline
    window = data.windows[0]
    numbers: dict[str, object] = {"local_start": _local(data)}
    traces: list[Spec] = []
    for direction in DIRECTIONS:
        for column, name, colour in BAND:
            values = data.series(column, direction, window)
            numbers[f"{direction}_{column}"] = values
            traces.append(
                series(
                    timeline,
                    name,
                    plain(SIGN[direction] * timeline.mean(values), 2),
                    fill="tozeroy",
                    fillcolor=translucent(colour, 0.55 if colour == OFFERED_COLOUR else 0.5),
                    line=step("#66727F" if colour == OFFERED_COLOUR else colour, 1.2),
                    legendgroup=name,
                    showlegend=direction == UP,
                    hovertemplate=f"%{{y:,.1f}} kW {name}<extra></extra>",
                )
            )
        delivered = data.series("delivered_kw", direction, window)
        numbers[f"{direction}_delivered_kw"] = delivered
        if _any(delivered):
            traces.append(_delivered(data, direction, delivered))
    figure = Figure(
        "bands",
        f"Flexibility over the study, kept up for {window_words(window)}",
        spec(
            traces,
            time_layout(
                timeline,
                KW_TITLE,
                xaxis=time_axis(timeline, range=data.span),
                yaxis=axis(KW_TITLE, zeroline=True, zerolinecolor=LIMIT_COLOUR, tickformat=",~r"),
                margin={"l": 74, "r": 40, "t": 58, "b": 44},
            ),
        ),
        f"Above zero: how much less the community could draw; below: how much more. Against "
        f"the baseline “{data.facts.baseline}”. What the network lets through breaks no "
        f"limit in that interval. Delivered is what activations changed, "
        f"drawn on top.{MEANS if timeline.block > 1 else ''}",
        height_px=430,
        timeline=True,
    )
    return Drawn(figure, pd.DataFrame(numbers))


def _delivered(data: FlexibilityReportData, direction: str, delivered: Floats) -> Spec:
    """Return what was delivered, drawn only where an activation ran."""
    values = data.timeline.mean(np.where(delivered != 0.0, delivered, np.nan))
    return series(
        data.timeline,
        "delivered",
        plain(SIGN[direction] * values, 2),
        line=step(DELIVERED_COLOUR, 3.0),
        mode="lines+markers",
        marker={"size": 5, "symbol": "diamond", "color": DELIVERED_COLOUR},
        legendgroup="delivered",
        showlegend=direction == UP or not _any(data.series("delivered_kw", UP)),
        hovertemplate="%{y:,.1f} kW delivered<extra></extra>",
    )


def _any(delivered: Floats) -> bool:
    return bool(np.nan_to_num(delivered).any())


def _local(data: FlexibilityReportData) -> list[str]:
    return [each.strftime("%Y-%m-%dT%H:%M") for each in data.timeline.local]


def windows_figure(data: FlexibilityReportData) -> Drawn:
    """Return how much of it lasts: sustained kW over each window, feasible where it is known."""
    timeline = data.timeline
    numbers: dict[str, object] = {"local_start": _local(data)}
    traces: list[Spec] = []
    entries: Spec = {}
    for at, direction in enumerate(DIRECTIONS):
        suffix = "" if at == 0 else "2"
        for window in data.windows:
            values = data.series("offered_kw", direction, window)
            numbers[f"{direction}_{window}_kw"] = values
            traces.append(
                series(
                    timeline,
                    f"for {window_words(window)}",
                    plain(timeline.mean(values), 2),
                    line=WINDOW_LINES[window],
                    yaxis=f"y{suffix}",
                    legendgroup=window,
                    showlegend=at == 0,
                    hovertemplate=f"%{{y:,.1f}} kW for {window_words(window)}<extra></extra>",
                )
            )
        entries[f"yaxis{suffix}"] = axis(
            f"{DIRECTION_WORDS[direction].capitalize()}, kW",
            domain=[0.54, 1.0] if at == 0 else [0.0, 0.46],
            rangemode="tozero",
            tickformat=",~r",
        )
    figure = Figure(
        "windows",
        "How long it lasts: the same change kept up for a quarter hour, one and four hours",
        spec(
            traces,
            time_layout(
                timeline,
                "",
                xaxis=time_axis(timeline, anchor="y2", range=data.span),
                **entries,
                margin={"l": 74, "r": 40, "t": 40, "b": 44},
            ),
        ),
        "A point says by how much devices together could change their power at once and keep it up "
        "from then on: stores, comfort bands and departures have their say, the network does not. "
        "Each line is a sum of what single devices keep up; a fleet that passes the task around "
        "can do a little more. Lines end where a window reaches beyond the study."
        f"{MEANS if timeline.block > 1 else ''}",
        height_px=480,
        timeline=True,
    )
    return Drawn(figure, pd.DataFrame(numbers))


def typical_day_figure(data: FlexibilityReportData) -> Drawn:
    """Return the flexibility that the network lets through by hour of day: median and spread."""
    hours = data.hours
    window = data.windows[0]
    traces: list[Spec] = []
    numbers: dict[str, object] = {"hour": np.arange(HOURS)}
    for direction, dash in zip(DIRECTIONS, ("solid", "dash"), strict=True):
        values = data.series("feasible_kw", direction, window)
        spread = np.array([_percentiles(values[hours == hour]) for hour in range(HOURS)])
        for place, name in enumerate(("low", "median", "high")):
            numbers[f"{direction}_{name}_kw"] = spread[:, place]
        signed = SIGN[direction] * spread
        colour = FEASIBLE_COLOUR if direction == UP else DELIVERED_COLOUR
        shared = {"type": "scatter", "x": list(range(HOURS)), "legendgroup": direction}
        traces += [
            {
                **shared,
                "mode": "lines",
                "x": [*range(HOURS), *reversed(range(HOURS))],
                "y": plain([*signed[:, 2], *signed[::-1, 0]], 2),
                "fill": "toself",
                "fillcolor": translucent(colour, 0.22),
                "line": {"width": 0},
                "hoverinfo": "skip",
                "name": f"{DIRECTION_WORDS[direction]}: eight of ten",
            },
            {
                **shared,
                "mode": "lines+markers",
                "y": plain(signed[:, 1], 2),
                "line": {"color": colour, "width": 2.2, "dash": dash},
                "marker": {"size": 5},
                "name": f"{DIRECTION_WORDS[direction]}: median",
                "hovertemplate": "%{x} h: %{y:,.1f} kW<extra></extra>",
            },
        ]
    shown = layout(
        xaxis=axis("Local hour of the day", dtick=3, range=[-0.4, HOURS - 0.6]),
        yaxis=axis(KW_TITLE, zeroline=True, zerolinecolor=LIMIT_COLOUR, tickformat=",~r"),
        legend=LEGEND_BELOW,
        margin={"l": 74, "r": 40, "t": 16, "b": 60},
    )
    figure = Figure(
        "typical-day",
        "A typical day: what the network lets through, hour by hour",
        spec(traces, shown),
        f"Of {number(data.interval_count)} intervals; the shade holds those from the "
        f"{LOW:g}th to the {HIGH:g}th percentile of each hour.",
        height_px=400,
    )
    return Drawn(figure, pd.DataFrame(numbers))


def _percentiles(values: Floats) -> tuple[float, float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return np.nan, np.nan, np.nan
    low, middle, high = np.percentile(known, (LOW, 50.0, HIGH))
    return float(low), float(middle), float(high)
