"""Figures of a comparison: a dot with its interval for each player, and daily differences."""

import numpy as np

from cosim.records import Floats
from cosim.reports.blocks import Figure
from cosim.reports.plotting import (
    CYAN,
    GREY,
    INDIGO,
    OLIVE,
    PURPLE,
    ROSE,
    SAND,
    TEAL,
    WINE,
    WITH_COLOUR,
    Spec,
    axis,
    layout,
    plain,
    spec,
)
from cosim.studies.comparison import Comparison
from cosim.studies.comparison_summary import CAPTURE, METRICS, Metric, Summary

PALETTE = (WITH_COLOUR, WINE, TEAL, INDIGO, ROSE, OLIVE, PURPLE, SAND, CYAN, GREY)
ROW_PX, EDGE_PX = 30, 96
OVERVIEW = ("leader_eur_per_day", "surplus_eur_per_day", "local_percent")
GRID_SIDE = ("peak_import_kw", "peak_export_kw", "curtailed_percent")


def colours(summary: Summary) -> dict[str, str]:
    """Return the colour that each player or yardstick keeps in all figures."""
    return {name: PALETTE[number % len(PALETTE)] for number, name in enumerate(summary.estimates)}


def metric_named(name: str) -> Metric:
    """Return a metric of the table."""
    return next(metric for metric in METRICS if metric.name == name)


def cost_figure(summary: Summary, *, with_capture: bool) -> Figure:
    """Return cost, and value capture beside it, of everybody."""
    names = ("cost_eur_per_day", CAPTURE) if with_capture else ("cost_eur_per_day",)
    return _dots(
        summary,
        "cost",
        "Cost of the community" + (" and value capture" if with_capture else ""),
        names,
        "Dots are interquartile means over seeds, lines their 95 % bootstrap intervals. Intervals "
        "of cost hold how different the days are, which is the same for everybody: whether two "
        "players differ is seen in the paired differences below.",
    )


def market_figure(summary: Summary) -> Figure:
    """Return what leader and prosumers gain, and what is traded locally."""
    return _dots(
        summary,
        "market",
        "Who gains, and how much is traded between neighbours",
        OVERVIEW,
        "Surplus is what prosumers save against having the retailer alone and no flexibility.",
    )


def grid_figure(summary: Summary) -> Figure:
    """Return what the feeder sees."""
    return _dots(
        summary,
        "grid",
        "What the feeder sees",
        GRID_SIDE,
        "Peaks are those of a day at the connection to the grid above, averaged over days; what "
        "takes no part in the market is in them.",
    )


def _dots(
    summary: Summary, name: str, title: str, metrics: tuple[str, ...], caption: str
) -> Figure:
    """Return panels side by side, one row a player."""
    players = [
        each
        for each, found in summary.estimates.items()
        if any(metric in found for metric in metrics)
    ]
    colour = colours(summary)
    data: list[Spec] = []
    share = 1.0 / len(metrics)
    entries: Spec = {}
    for number, each in enumerate(metrics):
        metric = metric_named(each)
        suffix = "" if number == 0 else str(number + 1)
        for player in players:
            if each in summary.estimates[player]:
                data.append(_dot(summary, player, metric, colour[player], suffix))
        entries[f"xaxis{suffix}"] = axis(
            f"{metric.title}, {metric.unit}",
            domain=[number * share + (0.0 if number == 0 else 0.02), (number + 1) * share - 0.02],
            anchor=f"y{suffix}",
        )
        entries[f"yaxis{suffix}"] = axis(
            anchor=f"x{suffix}",
            type="category",
            categoryorder="array",
            categoryarray=players[::-1],
            range=[-0.6, len(players) - 0.4],
            showticklabels=number == 0,
        )
    figure = layout(**entries, showlegend=False, margin={"l": 130, "r": 40, "t": 16, "b": 52})
    height = EDGE_PX + ROW_PX * len(players)
    return Figure(name, title, spec(data, figure), caption, height_px=height)


def _dot(summary: Summary, player: str, metric: Metric, colour: str, suffix: str) -> Spec:
    found = summary.estimates[player][metric.name]
    value, low, high = (
        plain([each], metric.decimals + 2) for each in (found.value, found.low, found.high)
    )
    up = plain([found.high - found.value], metric.decimals + 2)
    down = plain([found.value - found.low], metric.decimals + 2)
    has_bar = up[0] is not None and down[0] is not None
    interval = f"<br>95 %: {low[0]} to {high[0]}" if has_bar else ""
    trace: Spec = {
        "type": "scatter",
        "mode": "markers",
        "name": player,
        "x": value,
        "y": [player],
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "marker": {"color": colour, "size": 10},
        "hovertemplate": f"{player}: %{{x}} {metric.unit}{interval}<extra></extra>",
    }
    if has_bar:
        trace["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": up,
            "arrayminus": down,
            "color": colour,
            "thickness": 2,
            "width": 5,
        }
    return trace


def difference_figure(found: Comparison, summary: Summary) -> Figure:
    """Return what each player costs more than the reference, one point a day and seed."""
    reference = _daily_costs(found, summary.reference)
    colour = colours(summary)
    others = list(summary.differences)
    data: list[Spec] = []
    for name in others:
        above = _daily_costs(found, name) - reference
        data.append(
            {
                "type": "box",
                "name": name,
                "x": plain(above.ravel(), 4),
                "y0": name,
                "orientation": "h",
                "boxpoints": "all",
                "jitter": 0.5,
                "pointpos": 0.0,
                "marker": {"color": colour[name], "size": 4, "opacity": 0.55},
                "line": {"color": colour[name], "width": 1.5},
                "fillcolor": "rgba(0,0,0,0)",
                "hovertemplate": f"{name}: %{{x:.2f}} EUR<extra></extra>",
            }
        )
    figure = layout(
        xaxis=axis(
            f"costs more than {summary.reference}, EUR a day",
            zeroline=True,
            zerolinecolor="#1F2933",
            zerolinewidth=1.3,
        ),
        yaxis=axis(type="category", categoryorder="array", categoryarray=others[::-1]),
        showlegend=False,
        margin={"l": 130, "r": 40, "t": 16, "b": 52},
    )
    return Figure(
        "differences",
        "Day by day against the reference",
        spec(data, figure),
        "One point is one day of one seed, both players on the same day. Left of zero is cheaper "
        f"than {summary.reference}. Boxes hold the middle half of the days.",
        height_px=EDGE_PX + (ROW_PX + 14) * max(len(others), 1),
    )


def _daily_costs(found: Comparison, player: str) -> Floats:
    """Return the cost of each day and seed, in one order for everybody."""
    return np.concatenate(
        [span.figures["cost_eur"].ravel() for span in found.spans if span.player == player]
    )
