"""Section 5: voltages and loadings over time and sorted."""

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.reports.arm import Arm, highest_of, lowest_of, unsolved_note
from cosim.reports.blocks import Figure, Section
from cosim.reports.plotting import (
    LIMIT_COLOUR,
    Spec,
    axis,
    layout,
    limit_line,
    plain,
    series,
    spec,
    time_axis,
    time_layout,
    translucent,
)
from cosim.reports.ratings import rating_badges
from cosim.reports.report_data import ReportData
from cosim.reports.timeline import Timeline
from cosim.reports.wording import number, percent, ratio, sentence_case

DURATION_POINTS = 600


def grid_section(data: ReportData, timeline: Timeline, judged: Arm, free: Arm | None) -> Section:
    """Build section 5."""
    arms = [arm for arm in (free, judged) if arm is not None]
    return Section(
        "grid",
        "Grid state",
        (
            _voltage(data, timeline, arms[::-1]),
            _loading(data, timeline, arms),
            _durations(data, arms),
        ),
    )


def _voltage(data: ReportData, timeline: Timeline, arms: list[Arm]) -> Figure:
    feeder = data.feeder
    limits = sorted({float(feeder.voltage_min_pu.min()), float(feeder.voltage_max_pu.max())})
    traces: list[Spec] = []
    panels = _panels(len(arms))
    entries: Spec = {}
    for panel, arm in enumerate(arms):
        name = "" if panel == 0 else str(panel + 1)
        on = {"yaxis": f"y{name}", "legendgroup": arm.label}
        median = pd.DataFrame(arm.free_voltage_pu).median(axis=1).to_numpy()
        low = timeline.lowest(lowest_of(arm.free_voltage_pu))
        high = timeline.highest(highest_of(arm.free_voltage_pu))
        thin = {"color": arm.colour, "width": 0.8, "shape": "hv"}
        traces += [
            series(timeline, "lowest bus", plain(low, 5), line=thin, showlegend=False, **on),
            series(
                timeline,
                f"all buses {arm.label}",
                plain(high, 5),
                line=thin,
                fill="tonexty",
                fillcolor=translucent(arm.colour, 0.25),
                **on,
            ),
            series(
                timeline,
                f"median bus {arm.label}",
                plain(timeline.mean(median), 5),
                line={"color": arm.colour, "width": 1.8, "shape": "hv"},
                **on,
            ),
            *(
                limit_line(
                    timeline,
                    len(low),
                    limit,
                    name="limit",
                    **(on | {"legendgroup": "limit"}),
                    showlegend=panel == 0 and limit == limits[0],
                )
                for limit in limits
            ),
        ]
        matches = {"matches": "y"} if panel else {}
        entries[f"yaxis{name}"] = axis("voltage, p.u.", domain=panels[panel], **matches)
    last = "" if len(arms) == 1 else str(len(arms))
    figure_layout = time_layout(
        timeline, "", xaxis=time_axis(timeline, anchor=f"y{last}"), **entries
    )
    return Figure(
        name="voltage-envelope",
        title="Voltage of all buses over time",
        spec=spec(traces, figure_layout),
        caption=_voltage_caption(timeline, arms, limits) + timeline.note,
        height_px=270 * len(arms) + 40,
        timeline=True,
    )


def _voltage_caption(timeline: Timeline, arms: list[Arm], limits: list[float]) -> str:
    parts = []
    for arm in arms:
        high, low = highest_of(arm.free_voltage_pu), lowest_of(arm.free_voltage_pu)
        if not np.isfinite(high).any():
            parts.append(f"{arm.label}, no voltage was found")
            continue
        beyond = int((arm.broken["overvoltage"] | arm.broken["undervoltage"]).sum())
        parts.append(
            f"{arm.label}, voltages lie between {number(float(np.nanmin(low)), 4)} p.u. "
            f"({timeline.when(int(np.nanargmin(low)))}) and {number(float(np.nanmax(high)), 4)} "
            f"p.u. ({timeline.when(int(np.nanargmax(high)))}) and leave the band in "
            f"{number(beyond)} of {number(len(high))} intervals"
        )
    band = " to ".join(f"{limit:g}" for limit in limits)
    return (
        f"{sentence_case('; '.join(parts))}. Allowed are {band} p.u.; the slack bus is left out."
        f"{unsolved_note(arms)}"
    )


def _loading(data: ReportData, timeline: Timeline, arms: list[Arm]) -> Figure:
    feeder = data.feeder
    kinds = [
        (words, is_line)
        for words, is_line in (("line", True), ("transformer", False))
        if (arms[0].is_line == is_line).any()
    ]
    panels = _panels(len(kinds))
    traces: list[Spec] = []
    entries: Spec = {}
    for panel, (words, is_line) in enumerate(kinds):
        name = "" if panel == 0 else str(panel + 1)
        points = 0
        for arm in arms:
            values = timeline.highest(arm.line_percent if is_line else arm.trafo_percent)
            points = len(values)
            traces.append(
                series(
                    timeline,
                    arm.label,
                    plain(values, 2),
                    yaxis=f"y{name}",
                    legendgroup=arm.label,
                    showlegend=panel == 0,
                    line={"color": arm.colour, "width": 1.5, "shape": "hv"},
                )
            )
        limit = float(feeder.loading_max_percent[arms[0].is_line == is_line].min())
        traces.append(
            limit_line(
                timeline, points, limit, name="limit", yaxis=f"y{name}", showlegend=panel == 0
            )
        )
        entries[f"yaxis{name}"] = axis(
            f"worst {words}, %", domain=panels[panel], rangemode="tozero"
        )
    last = "" if len(kinds) == 1 else str(len(kinds))
    figure_layout = time_layout(
        timeline, "", xaxis=time_axis(timeline, anchor=f"y{last}"), **entries
    )
    return Figure(
        name="loading-envelope",
        title="Highest loading over time",
        spec=spec(traces, figure_layout),
        caption=_loading_caption(arms, timeline) + timeline.note,
        height_px=230 * len(kinds) + 40,
        badges=rating_badges(feeder),
        timeline=True,
    )


def _loading_caption(arms: list[Arm], timeline: Timeline) -> str:
    parts = []
    for arm in reversed(arms):
        peaks = [
            f"{words} {number(float(np.nanmax(values)), 1)} % ({timeline.when(at)})"
            for words, values in (("line", arm.line_percent), ("transformer", arm.trafo_percent))
            if np.isfinite(values).any() and (at := int(np.nanargmax(values))) >= 0
        ]
        beyond = int((arm.broken["line_overload"] | arm.broken["transformer_overload"]).sum())
        parts.append(
            f"{arm.label}, the peaks are {' and '.join(peaks) or 'unknown'}, "
            f"{number(beyond)} intervals are overloaded"
        )
    return sentence_case("; ".join(parts)) + "." + unsolved_note(arms[::-1])


def _durations(data: ReportData, arms: list[Arm]) -> Figure:
    traces: list[Spec] = []
    for arm in arms:
        curves: tuple[tuple[str, Floats, str, str], ...] = (
            ("highest voltage", highest_of(arm.free_voltage_pu), "", "solid"),
            ("lowest voltage", lowest_of(arm.free_voltage_pu), "", "dot"),
            ("worst transformer", arm.trafo_percent, "2", "solid"),
            ("worst line", arm.line_percent, "2", "dot"),
            ("exchange", arm.slack_kw, "3", "solid"),
        )
        traces += [
            _duration_trace(name, values, arm, panel, dash)
            for name, values, panel, dash in curves
            if np.isfinite(values).any()
        ]
    feeder = data.feeder
    shapes = [
        *(
            _level("y", float(v))
            for v in sorted({feeder.voltage_min_pu.min(), feeder.voltage_max_pu.max()})
        ),
        _level("y2", float(feeder.loading_max_percent.min())),
        _level("y3", 0.0),
    ]
    entries: Spec = {}
    titles = ("voltage, p.u.", "loading, %", "drawn from grid above, kW")
    for panel, title in enumerate(titles):
        name = "" if panel == 0 else str(panel + 1)
        domain = [panel * 0.365, panel * 0.365 + 0.27]
        entries[f"xaxis{name}"] = axis(
            "% of intervals", domain=domain, range=[0, 100], anchor=f"y{name}"
        )
        entries[f"yaxis{name}"] = axis(title, anchor=f"x{name}")
    return Figure(
        name="durations",
        title="Duration curves",
        spec=spec(traces, layout(shapes=shapes, **entries)),
        caption=_duration_caption(arms),
        height_px=340,
        badges=rating_badges(feeder),
    )


def _duration_trace(name: str, values: Floats, arm: Arm, panel: str, dash: str) -> Spec:
    ordered = np.sort(values[np.isfinite(values)])[::-1]
    chosen = np.unique(np.linspace(0, len(ordered) - 1, DURATION_POINTS).round().astype(int))
    share = 100.0 * chosen / max(len(ordered) - 1, 1)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": arm.label,
        "x": plain(share, 2),
        "y": plain(ordered[chosen], 4),
        "legendgroup": arm.label,
        "showlegend": panel == "3",
        "hovertemplate": f"{name} %{{y}}<extra>{arm.label}</extra>",
        "line": {"color": arm.colour, "width": 1.7, "dash": dash},
        "xaxis": f"x{panel}",
        "yaxis": f"y{panel}",
    }


def _level(axis_name: str, value: float) -> Spec:
    return {
        "type": "line",
        "xref": f"{axis_name.replace('y', 'x')} domain",
        "yref": axis_name,
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": {"color": LIMIT_COLOUR, "width": 1.2, "dash": "dash"},
    }


def _duration_caption(arms: list[Arm]) -> str:
    parts = []
    for arm in reversed(arms):
        slack_kw = arm.slack_kw
        known = int(np.isfinite(slack_kw).sum())
        share = percent(ratio(int((slack_kw < 0).sum()), known)) if known else "none"
        parts.append(f"{arm.label}, the feeder feeds back in {share} of the intervals")
    return (
        f"{sentence_case('; '.join(parts))}. Solid: highest bus voltage, worst transformer, "
        "exchange with the grid above; dotted: lowest bus voltage, worst line; dashed: limits. "
        f"Extremes are kept.{unsolved_note(arms[::-1])}"
    )


def _panels(count: int) -> list[list[float]]:
    """Return the vertical domains of stacked panels, the first on top."""
    gap = 0.08 if count > 1 else 0.0
    height = (1.0 - gap * (count - 1)) / count
    starts = [round((count - 1 - i) * (height + gap), 6) for i in range(count)]
    return [[start, min(1.0, round(start + height, 6))] for start in starts]
