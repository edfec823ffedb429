"""Colours, layout and traces that all figures share, as plain plotly dictionaries.

Colours are safe for colour-blind readers: the two arms are blue and vermillion (Okabe and Ito),
everything else comes from Paul Tol's muted scheme.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cosim.records import Floats
from cosim.reports.timeline import Timeline

Spec = dict[str, Any]

WITH_COLOUR = "#0072B2"
WITHOUT_COLOUR = "#D55E00"
LIMIT_COLOUR = "#1F2933"
VIOLATION_COLOUR = "#B3005E"
INK, MUTED, GRID = "#27323F", "#66727F", "#E6EAEE"

INDIGO, CYAN, TEAL, SAND = "#332288", "#88CCEE", "#44AA99", "#DDCC77"
OLIVE, ROSE, WINE, PURPLE, GREY = "#999933", "#CC6677", "#882255", "#AA4499", "#A3ABB3"

LOCAL_COLOUR, AGGREGATOR_COLOUR, RETAILER_COLOUR = TEAL, PURPLE, GREY
SOLAR_COLOUR, BATTERY_COLOUR, CURTAILED_COLOUR = SAND, CYAN, "#4A4A4A"
REASON_COLOURS = {
    "overvoltage": WINE,
    "undervoltage": INDIGO,
    "line_overload": OLIVE,
    "transformer_overload": ROSE,
    "no_power_flow": "#555555",
}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def plain(values: Floats | Iterable[float], decimals: int) -> list[float | None]:
    """Return rounded numbers as JSON takes them; None where they are not finite."""
    array = np.asarray(values, dtype=float)
    rounded = np.round(array, decimals) + 0.0
    finite = np.isfinite(rounded)
    return [v if ok else None for v, ok in zip(rounded.tolist(), finite.tolist(), strict=True)]


def axis(title: str = "", **more: Any) -> Spec:
    """Return a plotly axis in the report's look."""
    return {
        "title": {"text": title, "font": {"size": 12, "color": MUTED}, "standoff": 8},
        "gridcolor": GRID,
        "linecolor": "#C5CCD3",
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": "#C5CCD3",
        "automargin": True,
        **more,
    }


def layout(**more: Any) -> Spec:
    """Return a plotly layout in the report's look."""
    return {
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "#FFFFFF",
        "margin": {"l": 62, "r": 40, "t": 34, "b": 44},
        "hoverlabel": {"font": {"family": FONT, "size": 12}, "bgcolor": "#FFFFFF"},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "xanchor": "left",
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "modebar": {
            "orientation": "v",  # beside the plot, where no legend is
            "bgcolor": "rgba(0,0,0,0)",
            "color": "#9AA5B1",
            "activecolor": INK,
        },
        "separators": ".\u202f",
        **more,
    }


def time_layout(timeline: Timeline, y_title: str, **more: Any) -> Spec:
    """Return the layout of a figure over time with one panel."""
    entries: Spec = {
        "xaxis": time_axis(timeline),
        "yaxis": axis(y_title),
        "hovermode": "x unified",
        "margin": {"l": 74, "r": 40, "t": 34, "b": 44},
        **more,
    }
    for name in [name for name in entries if name.startswith("yaxis")]:
        entries[name] = entries[name] | {"automargin": False}  # time axes stay aligned
    return layout(**entries)


def time_axis(timeline: Timeline, **more: Any) -> Spec:
    """Return the time axis of a run."""
    formats = [
        {"dtickrange": [None, 43_200_000], "value": "%H:%M\n%a %d %b"},
        {"dtickrange": [43_200_000, 604_800_000], "value": "%a %d %b"},
        {"dtickrange": [604_800_000, None], "value": "%d %b %Y"},
    ]
    hover = "%a %d %b %Y %H:%M"
    title = timeline.axis_title
    return axis(title, type="date", tickformatstops=formats, hoverformat=hover, **more)


def series(timeline: Timeline, name: str, values: list[float | None], **more: Any) -> Spec:
    """Return a line over time; `values` hold one number a point."""
    entries: Spec = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "y": values,
        **timeline.axis,
        **more,
    }
    return entries


def step(colour: str, width: float = 1.5, dash: str = "solid") -> Spec:
    """Return the line of a quantity that is constant within an interval."""
    return {"color": colour, "width": width, "dash": dash, "shape": "hv"}


def limit_line(timeline: Timeline, points: int, value: float, **more: Any) -> Spec:
    """Return a dashed line at a limit over the whole time axis."""
    end = np.datetime64(timeline.axis_start.replace(" ", "T"), "m") + np.timedelta64(
        round(points * timeline.point_h * 60), "m"
    )
    entries: Spec = {
        "type": "scatter",
        "mode": "lines",
        "x": [timeline.axis_start, str(end).replace("T", " ")],
        "y": [value, value],
        "line": {"color": LIMIT_COLOUR, "width": 1.3, "dash": "dash"},
        "hoverinfo": "skip",
        **more,
    }
    return entries


def translucent(colour: str, opacity: float) -> str:
    """Return "#rrggbb" with an opacity."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def spec(data: list[Spec], figure_layout: Mapping[str, Any]) -> Spec:
    """Return a whole figure."""
    return {"data": data, "layout": dict(figure_layout)}
