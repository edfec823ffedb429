"""Level by level: how voltages and loadings spread over deployments, and what limits them."""

import math

import numpy as np
import pandas as pd

from cosim.reports.blocks import Figure
from cosim.reports.drawn import Drawn
from cosim.reports.hosting_curves import LEGEND_BELOW, level_title
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_lever_words import lever_title
from cosim.reports.hosting_words import (
    LIMITING_COLOURS,
    LIMITING_PATTERNS,
    LIMITING_WORDS,
    limiting_of,
)
from cosim.reports.plotting import (
    INK,
    LIMIT_COLOUR,
    OLIVE,
    ROSE,
    WITH_COLOUR,
    Spec,
    axis,
    layout,
    plain,
    spec,
    translucent,
)
from cosim.reports.ratings import has, rating_badges
from cosim.reports.wording import number
from cosim.studies.hosting.records import Limiting
from networks.feeder import LINE, TRANSFORMER

VIOLINS_MAX = 7
TRANSFORMER_COLOUR = "#B08A00"
GAP = 0.07
"""Between two panels, as a share of the height."""


def spread_figure(data: HostingReportData) -> Drawn:
    """Return violins of voltage, line and transformer loading at some levels of the grid."""
    rows = data.levels(data.reference)
    chosen = _some_levels(rows["level_kw"].unique())
    rows = rows[rows["level_kw"].isin(chosen)].sort_values(["level_kw", "scenario"])
    column = "voltage_min_pu" if data.draws else "voltage_max_pu"
    word = "Lowest" if data.draws else "Highest"
    panels = [(column, f"{word} voltage, p.u.", WITH_COLOUR, 5)]
    change = "drop_max_pu" if data.draws else "rise_max_pu"
    if math.isfinite(data.limit(change)):
        panels.append((change, f"Voltage {'drop' if data.draws else 'rise'}, p.u.", ROSE, 5))
    if has(data.feeder, LINE):
        panels.append(("line_max_percent", "Highest line loading, %", OLIVE, 2))
    if has(data.feeder, TRANSFORMER):
        panels.append(("transformer_max_percent", "Transformer loading, %", TRANSFORMER_COLOUR, 2))
    traces: list[Spec] = []
    entries: Spec = {}
    height = (1.0 - GAP * (len(panels) - 1)) / len(panels)
    names = [number(each) for each in chosen]
    for at, (quantity, title, colour, decimals) in enumerate(panels):
        suffix = "" if at == 0 else str(at + 1)
        top = 1.0 - at * (height + GAP)
        entries[f"yaxis{suffix}"] = axis(
            title, domain=[round(max(top - height, 0.0), 4), round(top, 4)], anchor="x"
        )
        traces += [
            _violin(name, rows[rows["level_kw"] == level][quantity], colour, decimals, suffix)
            for name, level in zip(names, chosen, strict=True)
        ]
        limit = data.limit(quantity)
        if math.isfinite(limit):
            traces.append(_limit(names, limit, suffix))
    shown = layout(
        xaxis=axis(
            level_title(data),
            type="category",
            categoryorder="array",
            categoryarray=names,
            anchor=f"y{'' if len(panels) == 1 else len(panels)}",
        ),
        showlegend=False,
        margin={"l": 74, "r": 40, "t": 12, "b": 52},
        violingap=0.25,
        **entries,
    )
    count = rows["scenario"].nunique()
    figure = Figure(
        "spread",
        "How deployments differ at the same installed power",
        spec(traces, shown),
        f"Violins hold {number(count)} deployments under {lever_title(data.reference)}: the wider, "
        "the more of them; boxes inside hold the middle half, with the median. Dashed lines are "
        "limits.",
        height_px=150 + 190 * len(panels),
        badges=rating_badges(data.feeder),
    )
    kept = ["level_kw", "scenario", *(panel[0] for panel in panels)]
    return Drawn(figure, rows[kept].reset_index(drop=True))


def _some_levels(levels: np.ndarray) -> list[float]:
    """Return a few levels of the grid, evenly apart, zero left out."""
    ordered = np.sort(levels[levels > 0.0])
    if len(ordered) <= VIOLINS_MAX:
        return [float(each) for each in ordered]
    at = np.unique(np.round(np.linspace(0, len(ordered) - 1, VIOLINS_MAX)).astype(int))
    return [float(each) for each in ordered[at]]


def _violin(
    name: str, values: "pd.Series[float]", colour: str, decimals: int, axis_of: str
) -> Spec:
    known = [each for each in plain(values.to_numpy(float), decimals) if each is not None]
    return {
        "type": "violin",
        "x": [name] * len(known),
        "y": known,
        "yaxis": f"y{axis_of}",
        "name": f"{name} kW",
        "points": False,
        "spanmode": "hard",
        "scalemode": "width",
        "width": 0.8,
        "line": {"color": colour, "width": 1.2},
        "fillcolor": translucent(colour, 0.3),
        "box": {"visible": True, "width": 0.22, "fillcolor": "#FFFFFF", "line": {"color": INK}},
        "hoveron": "violins",
        "hoverinfo": "y",
        "yhoverformat": f".{min(decimals, 4)}f",
    }


def _limit(names: list[str], limit: float, axis_of: str) -> Spec:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [names[0], names[-1]] if names else [],
        "y": [limit, limit],
        "yaxis": f"y{axis_of}",
        "name": f"limit {limit:g}",
        "line": {"color": LIMIT_COLOUR, "width": 1.5, "dash": "dash"},
        "hovertemplate": f"limit {limit:g}<extra></extra>",
    }


def limiting_figure(data: HostingReportData) -> Drawn:
    """Return stacked bars: at every level, what the deployments break by most."""
    rows = data.levels(data.reference)
    rows = rows.assign(limiting=[limiting_of(each) for each in rows["limiting"]])
    shares = (
        rows.groupby("level_kw")["limiting"]
        .value_counts(normalize=True)
        .unstack(fill_value=0)
        .mul(100.0)
    )
    present = [each for each in Limiting if each in shares.columns and each is not Limiting.NONE]
    order = [*present, *([Limiting.NONE] if Limiting.NONE in shares.columns else [])]
    levels = shares.index.to_numpy(float)
    width = float(np.diff(levels).min()) if len(levels) > 1 else 1.0
    traces: list[Spec] = [
        {
            "type": "bar",
            "name": "within all limits" if each is Limiting.NONE else LIMITING_WORDS[each],
            "x": plain(levels, 2),
            "y": plain(shares[each].to_numpy(float), 2),
            "width": round(0.86 * width, 3),
            "marker": {
                "color": LIMITING_COLOURS[each],
                "pattern": {
                    "shape": LIMITING_PATTERNS[each],
                    "fillmode": "overlay",
                    "fgcolor": "#FFFFFF",
                    "fgopacity": 0.7,
                    "size": 6,
                },
                "line": {"width": 0},
            },
            "hovertemplate": "%{x:,.0f} kW: %{y:.1f} %<extra>%{fullData.name}</extra>",
        }
        for each in order
    ]
    shown = layout(
        barmode="stack",
        xaxis=axis(level_title(data), tickformat=",.3~r"),
        yaxis=axis("Share of deployments, %", range=[0, 100]),
        legend=LEGEND_BELOW,
        margin={"l": 62, "r": 40, "t": 16, "b": 60},
    )
    figure = Figure(
        "limiting",
        "What limits deployments at each level",
        spec(traces, shown),
        f"At every level of the grid, the criterion that a deployment under "
        f"{lever_title(data.reference)} breaks by most, relative to its limit.",
        height_px=400,
        badges=rating_badges(data.feeder),
    )
    numbers = shares[order].rename(columns={each: each.name.lower() for each in order})
    return Drawn(figure, numbers.add_suffix("_percent").reset_index())
