"""Curves over installed power: voltage of all deployments with the regions, and who violates."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.reports.blocks import Figure
from cosim.reports.drawn import Drawn
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_lever_words import lever_title
from cosim.reports.hosting_words import (
    CRITERION_COLOURS,
    INSTALLED,
    LEVER_COLOURS,
    LEVER_DASHES,
    LIMITING_COLOURS,
    LIMITING_SYMBOLS,
    LIMITING_WORDS,
    REGION_COLOURS,
    REGION_WORDS,
    criterion_words,
    limiting_of,
)
from cosim.reports.plotting import (
    INK,
    LIMIT_COLOUR,
    WITH_COLOUR,
    Spec,
    axis,
    layout,
    plain,
    spec,
    translucent,
)
from cosim.reports.wording import number, sentence_case
from cosim.studies.hosting.records import Limiting

LEGEND_BELOW: Spec = {
    "orientation": "h",
    "x": 0,
    "y": -0.2,
    "xanchor": "left",
    "yanchor": "top",
    "traceorder": "normal",
}
HEIGHT_PX, LEGEND_ROW_PX, FEW = 400, 26, 4
"""A figure of shares grows with its legend, two lines a row, beyond so many lines."""
BEYOND = 0.9
"""How far beyond its limit a voltage is drawn, as a share of the way from the least to it."""


def level_title(data: HostingReportData) -> str:
    """Return the title of an axis of levels."""
    return sentence_case(INSTALLED[data.facts.technology])


def voltage_figure(data: HostingReportData) -> Drawn:
    """Return the worst voltage of every deployment over installed power, with regions A, B, C."""
    column = "voltage_min_pu" if data.draws else "voltage_max_pu"
    word = "lowest" if data.draws else "highest"
    rows = data.levels(data.reference).sort_values(["scenario", "level_kw"], kind="stable")
    limit = data.limit(column)
    summary = data.summary(data.reference)
    highest = float(rows["level_kw"].max()) if len(rows) else float(summary["all_kw"])
    regions = _regions(float(summary["first_kw"]), float(summary["all_kw"]), highest)
    traces = [*_region_keys(regions), _line_key(), _all_deployments(rows, column)]
    traces += _first_violations(rows, column)
    if math.isfinite(limit):
        traces.append(_limit_trace(limit, highest))
    shown = layout(
        xaxis=axis(level_title(data), range=[0, highest], tickformat=",~r"),
        yaxis=axis(
            f"{sentence_case(word)} voltage, p.u.",
            **_voltage_range(rows[column].to_numpy(float), limit, draws=data.draws),
        ),
        shapes=[_region_shape(name, start, end) for name, start, end in regions],
        annotations=[_region_letter(name, start, end) for name, start, end in regions],
        legend=LEGEND_BELOW,
        hovermode="closest",
        margin={"l": 74, "r": 40, "t": 26, "b": 60},
    )
    count = rows["scenario"].nunique()
    figure = Figure(
        "voltage-curves",
        f"{sentence_case(word)} voltage of the feeder over installed power",
        spec(traces, shown),
        f"One line is one of {number(count)} deployments under {lever_title(data.reference)}; a "
        "mark is the first level of the fixed grid at which it breaks a limit, coloured by the "
        "limit. Region A: no deployment violates. Region B: some do. Region C: "
        "every deployment violates. A deployment may be stopped by a line or transformer while "
        "its voltages are inside.",
        height_px=470,
    )
    kept = ["scenario", "level_kw", column, "violates", "limiting"]
    return Drawn(figure, rows[kept].reset_index(drop=True))


def _regions(first_kw: float, all_kw: float, highest: float) -> list[tuple[str, float, float]]:
    """Return the regions that have any width: letter, start and end."""
    edges = (0.0, min(first_kw, highest), min(all_kw, highest), highest)
    return [
        (name, start, end)
        for name, start, end in zip("ABC", edges[:-1], edges[1:], strict=True)
        if end > start
    ]


def _region_shape(name: str, start: float, end: float) -> Spec:
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": round(start, 3),
        "x1": round(end, 3),
        "y0": 0,
        "y1": 1,
        "fillcolor": REGION_COLOURS[name],
        "line": {"width": 0},
        "layer": "below",
    }


def _region_letter(name: str, start: float, end: float) -> Spec:
    return {
        "text": f"<b>{name}</b>",
        "showarrow": False,
        "xref": "x",
        "yref": "paper",
        "x": round((start + end) / 2.0, 3),
        "y": 1,
        "yanchor": "bottom",
        "font": {"size": 13, "color": INK},
    }


def _region_keys(regions: list[tuple[str, float, float]]) -> list[Spec]:
    """Return what explains the shades in the legend."""
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [None],
            "y": [None],
            "name": f"{name}: {REGION_WORDS[name]}",
            "marker": {
                "symbol": "square",
                "size": 12,
                "color": REGION_COLOURS[name],
                "line": {"color": "#9AA5B1", "width": 1},
            },
        }
        for name, _, _ in regions
    ]


def _line_key() -> Spec:
    """Return what explains the lines in the legend, where they themselves are too faint."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [None],
        "y": [None],
        "name": "a deployment",
        "line": {"color": WITH_COLOUR, "width": 1.5},
    }


def _all_deployments(rows: pd.DataFrame, column: str) -> Spec:
    """Return one line a deployment, all in one trace with gaps between."""
    levels: list[float | None] = []
    values: list[float | None] = []
    names: list[int | None] = []
    groups = rows.groupby("scenario", sort=True)
    for scenario, each in groups:
        levels += [*plain(each["level_kw"].to_numpy(float), 2), None]
        values += [*plain(each[column].to_numpy(float), 5), None]
        names += [*[int(str(scenario))] * len(each), None]
    opacity = min(0.5, max(0.12, 12.0 / max(len(groups), 1)))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "a deployment",
        "showlegend": False,
        "x": levels,
        "y": values,
        "customdata": names,
        "line": {"color": translucent(WITH_COLOUR, round(opacity, 2)), "width": 1.2},
        "hovertemplate": "deployment %{customdata}<br>%{x:,.0f} kW: %{y:.4f} p.u.<extra></extra>",
    }


def _first_violations(rows: pd.DataFrame, column: str) -> list[Spec]:
    """Return a mark where a deployment first violates, one trace a reason."""
    first = rows[rows["violates"].astype(bool)].groupby("scenario", sort=True).head(1)
    reasons = [limiting_of(each) for each in first["limiting"]]
    traces: list[Spec] = []
    for reason in sorted(set(reasons)):
        chosen = first[[each is reason for each in reasons]]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"stopped by {LIMITING_WORDS[reason]}",
                "x": plain(chosen["level_kw"].to_numpy(float), 2),
                "y": plain(chosen[column].to_numpy(float), 5),
                "customdata": [int(each) for each in chosen["scenario"]],
                "marker": {
                    "symbol": LIMITING_SYMBOLS[reason],
                    "size": 8,
                    "color": LIMITING_COLOURS[reason],
                    "line": {"color": "#FFFFFF", "width": 0.8},
                },
                "hovertemplate": f"deployment %{{customdata}} violates: {LIMITING_WORDS[reason]}"
                "<br>%{x:,.0f} kW, %{y:.4f} p.u.<extra></extra>",
            }
        )
    return traces


def _limit_trace(limit: float, highest: float) -> Spec:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"limit {limit:g} p.u.",
        "x": [0, highest],
        "y": [limit, limit],
        "line": {"color": LIMIT_COLOUR, "width": 1.6, "dash": "dash"},
        "hoverinfo": "skip",
    }


def _voltage_range(values: Floats, limit: float, *, draws: bool) -> Spec:
    """Return the part of the axis that matters: around the limit, not where all is lost."""
    known = values[np.isfinite(values)]
    if not len(known) or not math.isfinite(limit):
        return {}
    away = abs(limit - (known.max() if draws else known.min())) or 0.05
    if draws:
        low = max(known.min(), limit - BEYOND * away)
        return {"range": [round(min(low, limit) - 0.05 * away, 4), round(known.max(), 4)]}
    high = min(known.max(), limit + BEYOND * away)
    return {
        "range": [round(known.min() - 0.05 * away, 4), round(max(high, limit) + 0.05 * away, 4)]
    }


def violating_figure(data: HostingReportData) -> Drawn:
    """Return the share of deployments that violate below a level, all criteria and each alone."""
    rows = data.scenarios(data.reference)
    curves = [("all criteria", *_stopped(rows), {"color": INK, "width": 3.0})]
    alone = data.table("criteria")
    for at, (name, each) in enumerate(alone.groupby("criterion", sort=False)):
        colour = CRITERION_COLOURS.get(str(name), LEVER_COLOURS[at % len(LEVER_COLOURS)])
        line = {"color": colour, "width": 2.0, "dash": LEVER_DASHES[1 + at % 5]}
        curves.append((f"{criterion_words(str(name))} alone", *_stopped(each), line))
    return _share_figure(
        data,
        "violating",
        "Share of deployments that violate, by criterion",
        curves,
        "Read upward from a level: so many percent of the deployments violate below it. Where the "
        "thick line leaves zero region A ends; where it reaches 100 % region C begins. Thin lines "
        "are what each criterion alone would allow.",
    )


def _stopped(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the steps of the deployments that are stopped at all."""
    stopped = [limiting_of(each) is not Limiting.NONE for each in rows["limiting"]]
    return steps(rows["hosting_kw"].to_numpy(float)[np.array(stopped, bool)], len(rows))


def violating_by_lever_figure(data: HostingReportData) -> Drawn:
    """Return the share of deployments that violate below a level, one line a lever."""
    curves = []
    for at, lever in enumerate(data.levers):
        colour = LEVER_COLOURS[at % len(LEVER_COLOURS)]
        line = {"color": colour, "width": 2.2, "dash": LEVER_DASHES[at % len(LEVER_DASHES)]}
        curves.append((lever_title(lever), *_stopped(data.scenarios(lever)), line))
    return _share_figure(
        data,
        "violating-levers",
        "Share of deployments that violate, by lever",
        curves,
        "The further right a line lies, the more the same deployments may install before they "
        "violate, or before a lever gives up more energy than the stated share.",
    )


def steps(stopped_kw: Floats, count: int) -> tuple[Floats, Floats]:
    """Return levels and the share of `count` deployments, in percent, stopped below each."""
    ordered, each = np.unique(stopped_kw, return_counts=True)
    share = 100.0 * np.cumsum(each) / max(count, 1)
    return np.concatenate([[0.0], ordered]), np.concatenate([[0.0], share])


def _share_figure(
    data: HostingReportData,
    name: str,
    title: str,
    curves: Iterable[tuple[str, Floats, Floats, Spec]],
    caption: str,
) -> Drawn:
    curves = list(curves)
    highest = 1.05 * max(float(levels[-1]) for _, levels, _, _ in curves) or 1.0
    traces: list[Spec] = []
    frames = []
    for label, levels, share, line in curves:
        frames.append(pd.DataFrame({"line": label, "level_kw": levels, "share_percent": share}))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": label,
                "x": plain([*levels, highest], 2),
                "y": plain([*share, share[-1]], 2),
                "line": {**line, "shape": "hv"},
                "hovertemplate": f"{label}<br>%{{x:,.0f}} kW: %{{y:.1f}} %<extra></extra>",
            }
        )
    shown = layout(
        xaxis=axis(level_title(data), range=[0, round(highest, 1)], tickformat=",~r"),
        yaxis=axis("Deployments that violate, %", range=[0, 102]),
        legend=LEGEND_BELOW,
        showlegend=len(curves) > 1,
        margin={"l": 62, "r": 40, "t": 16, "b": 60},
    )
    height_px = HEIGHT_PX + LEGEND_ROW_PX * max(0, len(curves) - FEW) // 2
    figure = Figure(name, title, spec(traces, shown), caption, height_px=height_px)
    return Drawn(figure, pd.concat(frames, ignore_index=True))
