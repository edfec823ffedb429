"""Section 2: the feeder drawn with its worst voltages and loadings."""

import numpy as np

from cosim.records import Booleans, Floats, Integers
from cosim.reports.arm import (
    LOADING_TOLERANCE_PERCENT,
    Arm,
    highest_of,
    lowest_of,
    unsolved_note,
)
from cosim.reports.blocks import Figure, Section
from cosim.reports.feeder_labels import bus_labels, label_sides, stacks
from cosim.reports.feeder_layout import coordinates_of, idle_branches, joints, schematic_sentence
from cosim.reports.feeder_places import FEW_BUSES, fineness, shrink_of_degrees
from cosim.reports.feeder_tables import (
    branch_table,
    bus_table,
    outside,
    when_highest,
    worst_loading,
)
from cosim.reports.labels import branch_text
from cosim.reports.plotting import (
    INDIGO,
    LIMIT_COLOUR,
    VIOLATION_COLOUR,
    WINE,
    Spec,
    layout,
    plain,
    spec,
)
from cosim.reports.ratings import element_badges, has, rating_badges
from cosim.reports.report_data import ReportData
from cosim.reports.timeline import Timeline
from cosim.reports.wording import number, sentence_case
from networks.feeder import LINE, TRANSFORMER, Feeder

CLASSES = (
    (0.0, 50.0, "#C3CAD2", 2.0),
    (50.0, 80.0, "#8796A6", 3.0),
    (80.0, 100.0, "#46586B", 4.0),
    (100.0, np.inf, VIOLATION_COLOUR, 5.5),
)
"""Loading in percent of the limit: from, to, colour, width."""
LABELS_MAX = FEW_BUSES


def map_section(data: ReportData, timeline: Timeline, judged: Arm, free: Arm | None) -> Section:
    """Build section 2."""
    arms = [arm for arm in (judged, free) if arm is not None]
    return Section(
        "map",
        "Feeder map",
        (
            _map(data, timeline, arms),
            bus_table(data, arms),
            branch_table(data, timeline, arms),
        ),
    )


def worst_voltage(feeder: Feeder, arm: Arm) -> Floats:
    """Return each bus's voltage that comes nearest to, or lies furthest beyond, a limit, (K,)."""
    high, low = highest_of(arm.voltage_pu.T), lowest_of(arm.voltage_pu.T)
    above, below = high - feeder.voltage_max_pu, feeder.voltage_min_pu - low
    return np.where(above >= below, high, low)


def _map(data: ReportData, timeline: Timeline, arms: list[Arm]) -> Figure:
    feeder = data.feeder
    x, y, drawn = coordinates_of(feeder, worst_loading(arms[0]))
    traces: list[Spec] = []
    for panel, arm in enumerate(arms):
        suffix = "" if panel == 0 else "2"
        axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        for trace in (
            *_branch_traces(feeder, arm, x, y, first=panel == 0),
            _branch_hover(feeder, timeline, arm, x, y),
            *_bus_traces(feeder, timeline, arm, x, y),
        ):
            traces.append(trace | axes)
    return Figure(
        name="feeder-map",
        title="Worst voltage of every bus and worst loading of every branch",
        spec=spec(traces, _map_layout(arms, _scale(feeder, x, y, drawn=drawn))),
        caption=_map_caption(feeder, arms, drawn),
        height_px=650,
        badges=rating_badges(feeder),
    )


def _scale(feeder: Feeder, x: Floats, y: Floats, *, drawn: bool) -> Spec:
    """Return what keeps the shape of a map; with few buses there is room to stretch it."""
    if not drawn or feeder.bus_count <= LABELS_MAX:
        return {}
    ratio = 1.0 / shrink_of_degrees(x, y)
    return {"scaleanchor": "x", "scaleratio": round(ratio, 5), "constrain": "domain"}


def _map_layout(arms: list[Arm], scale: Spec) -> Spec:
    blank: Spec = {"visible": False, "showgrid": False, "zeroline": False}
    width = 1.0 / len(arms)
    entries: Spec = {"margin": {"l": 10, "r": 44, "t": 30, "b": 96}, "hovermode": "closest"}
    titles = []
    for panel, arm in enumerate(arms):
        suffix = "" if panel == 0 else "2"
        domain = [panel * width + 0.01 * panel, (panel + 1) * width - 0.01]
        entries[f"xaxis{suffix}"] = blank | {"domain": domain}
        entries[f"yaxis{suffix}"] = blank | {"anchor": f"x{suffix}"} | ({} if panel else scale)
        if panel:
            entries["xaxis2"]["matches"] = "x"
            entries["yaxis2"]["matches"] = "y"
        titles.append(
            {
                "text": f"<b>{sentence_case(arm.label)}</b>",
                "showarrow": False,
                "font": {"color": arm.colour, "size": 14},
                "xref": "paper",
                "yref": "paper",
                "x": domain[0],
                "y": 1.0,
                "xanchor": "left",
                "yanchor": "bottom",
            }
        )
    legend = {"orientation": "h", "x": 0, "y": -0.03, "xanchor": "left", "yanchor": "top"}
    return layout(**entries, annotations=titles, legend=legend)


def _branch_traces(feeder: Feeder, arm: Arm, x: Floats, y: Floats, *, first: bool) -> list[Spec]:
    loading = worst_loading(arm)
    share = 100.0 * loading / feeder.loading_max_percent
    share = np.where(share <= 100.0 + LOADING_TOLERANCE_PERCENT, np.minimum(share, 99.999), share)
    idle = idle_branches(feeder, loading)
    thin = round(fineness(feeder.bus_count) ** 0.5, 3)
    groups: list[tuple[Booleans, str, Spec]] = [
        (
            (share >= low) & (share < high) & ~idle,
            f"{low:g}\u2013{high:g} % of limit" if high < np.inf else "above limit",
            {"color": colour, "width": width * thin},
        )
        for low, high, colour, width in CLASSES
    ]
    dashed = {"color": "#8796A6", "width": 1.5 * thin, "dash": "dash"}
    for chosen, name in ((idle, "open or unloaded"), (np.isnan(share), "without power flow")):
        if chosen.any():
            groups.append((chosen, name, dashed))
    pairs = joints(feeder, x, y)
    closed = _ways(pairs, x, y) | {
        "line": {"color": "#8796A6", "width": thin, "dash": "dot"},
        "name": "closed switch",
        "legendgroup": "closed switch",
        "showlegend": first,
    }
    return ([closed] if pairs else []) + [
        _lines(feeder, np.flatnonzero(chosen), x, y)
        | {"line": style, "name": f"branch {name}", "legendgroup": name, "showlegend": first}
        for chosen, name, style in groups
    ]


def _lines(feeder: Feeder, branches: Integers, x: Floats, y: Floats) -> Spec:
    ends = zip(
        feeder.branch_from[branches].tolist(), feeder.branch_to[branches].tolist(), strict=True
    )
    return _ways(list(ends), x, y)


def _ways(pairs: list[tuple[int, int]], x: Floats, y: Floats) -> Spec:
    """Return straight lines between pairs of buses."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for pair in pairs:
        ends = list(pair)
        xs += [*plain(x[ends], 4), None]
        ys += [*plain(y[ends], 4), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": xs or [None],
        "y": ys or [None],
        "hoverinfo": "skip",
    }


def _branch_hover(feeder: Feeder, timeline: Timeline, arm: Arm, x: Floats, y: Floats) -> Spec:
    middle_x = (x[feeder.branch_from] + x[feeder.branch_to]) / 2
    middle_y = (y[feeder.branch_from] + y[feeder.branch_to]) / 2
    is_line = feeder.branch_kind == LINE
    loading = worst_loading(arm)
    texts = []
    for branch in range(feeder.branch_count):
        known = not element_badges(feeder, branch_text(feeder, branch))
        assumed = "" if known else " (rating assumed)"
        when = when_highest(timeline, arm.loading_percent[:, branch])
        texts.append(
            f"<b>{branch_text(feeder, branch)}</b> {feeder.branch_name[branch]}<br>worst loading "
            f"{number(loading[branch], 1)} %{assumed}{when}<br>"
            f"limit {feeder.loading_max_percent[branch]:g} %"
        )
    return {
        "type": "scatter",
        "mode": "markers",
        "x": plain(middle_x, 4),
        "y": plain(middle_y, 4),
        "marker": {
            "symbol": ["circle" if line else "square" for line in is_line.tolist()],
            "size": [7 if line else max(6, _bus_size(feeder) - 2) for line in is_line.tolist()],
            "color": ["rgba(0,0,0,0)" if line else "#FFFFFF" for line in is_line.tolist()],
            "line": {
                "width": [0 if line else 2 for line in is_line.tolist()],
                "color": LIMIT_COLOUR,
            },
        },
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }


def _bus_traces(feeder: Feeder, timeline: Timeline, arm: Arm, x: Floats, y: Floats) -> list[Spec]:
    """Return the buses, and over those without any voltage a white mark."""
    traces = [_bus_trace(feeder, timeline, arm, x, y)]
    unknown = np.isnan(worst_voltage(feeder, arm))
    if unknown.any():
        size = _bus_size(feeder)
        mark = {"size": size, "color": "#FFFFFF", "line": {"color": "#7B8794", "width": 1}}
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": plain(x[unknown], 4),
                "y": plain(y[unknown], 4),
                "name": "bus without power flow",
                "hoverinfo": "skip",
                "showlegend": False,
                "marker": mark,
            }
        )
    return traces


def _bus_trace(feeder: Feeder, timeline: Timeline, arm: Arm, x: Floats, y: Floats) -> Spec:
    high, low = highest_of(arm.voltage_pu.T), lowest_of(arm.voltage_pu.T)
    bad = outside(feeder, high, low)
    texts = []
    for bus in range(feeder.bus_count):
        volts = arm.voltage_pu[:, bus]
        texts.append(
            f"<b>bus {feeder.bus_index[bus]}</b> {feeder.bus_name[bus]}, "
            f"{feeder.bus_nominal_kv[bus]:g} kV<br>"
            f"highest {number(high[bus], 4)} p.u.{when_highest(timeline, volts)}<br>"
            f"lowest {number(low[bus], 4)} p.u.{when_highest(timeline, -volts)}<br>"
            f"limits {feeder.voltage_min_pu[bus]:g} to {feeder.voltage_max_pu[bus]:g} p.u."
        )
    labelled = feeder.bus_count <= LABELS_MAX
    fine = fineness(feeder.bus_count)
    stacked = stacks(x, y)
    labels = bus_labels(feeder, stacked) if labelled else []
    return {
        "type": "scatter",
        "mode": "markers+text" if labelled else "markers",
        "x": plain(x, 4),
        "y": plain(y, 4),
        "customdata": ["<br>".join(texts[other] for other in together) for together in stacked],
        "text": labels,
        "textposition": label_sides(feeder, x, y, labels) if labelled else "middle right",
        "textfont": {"size": 10, "color": "#52606D"},
        "hovertemplate": "%{customdata}<extra></extra>",
        "showlegend": False,
        "marker": {
            "size": _bus_size(feeder),
            "color": plain(np.nan_to_num(worst_voltage(feeder, arm), nan=1.0), 5),
            "cmin": float(feeder.voltage_min_pu.min()),
            "cmax": float(feeder.voltage_max_pu.max()),
            "colorscale": [
                [0.0, INDIGO],
                [0.25, "#8F93CF"],
                [0.5, "#F1F1EE"],
                [0.75, "#CF93AD"],
                [1.0, WINE],
            ],
            "line": {
                "color": [LIMIT_COLOUR if b else "#7B8794" for b in bad.tolist()],
                "width": [round((3.5 if b else 1.0) * fine, 2) for b in bad.tolist()],
            },
            "colorbar": {
                "title": {"text": "worst voltage, p.u.", "side": "top"},
                "orientation": "h",
                "x": 1,
                "xanchor": "right",
                "y": -0.085,  # below the legend
                "yanchor": "top",
                "len": 0.26,
                "thickness": 11,
                "nticks": 5,
            },
        },
    }


def _bus_size(feeder: Feeder) -> float:
    return round(14.0 * fineness(feeder.bus_count), 2)


def _map_caption(feeder: Feeder, arms: list[Arm], drawn: bool) -> str:
    parts = []
    for arm in arms:
        high, low = highest_of(arm.voltage_pu.T), lowest_of(arm.voltage_pu.T)
        buses = int(outside(feeder, high, low).sum())
        over = worst_loading(arm) > feeder.loading_max_percent + LOADING_TOLERANCE_PERCENT
        parts.append(
            f"{arm.label}, {number(buses)} of {feeder.bus_count} buses leave the voltage band and "
            f"{number(int(over.sum()))} of {feeder.branch_count} branches exceed their rating at "
            "some time"
        )
    placed = "" if drawn else f" {schematic_sentence(feeder)}"
    squares = "; squares are transformers" if has(feeder, TRANSFORMER) else ""
    idle = idle_branches(feeder, worst_loading(arms[0])).any()
    ties = ". Dashed branches are open or unloaded: they would close a loop" if idle else ""
    return (
        f"{sentence_case('; '.join(parts))}. Buses with a thick ring and branches in magenta are "
        f"beyond a limit at some time{squares}{ties}.{placed}{unsolved_note(arms)}"
    )
