"""The feeder as an inline SVG: voltages and loadings of a few states side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import ClassVar

import numpy as np

from cosim.records import Floats
from cosim.reports.feeder_canvas import Canvas, canvas_of
from cosim.reports.feeder_labels import SIDES, bus_labels, sides_in_pixels, stacks
from cosim.reports.feeder_layout import joints, schematic_sentence
from cosim.reports.feeder_places import FEW_BUSES
from cosim.reports.labels import branch_text
from cosim.reports.plotting import INDIGO, LIMIT_COLOUR, VIOLATION_COLOUR, WINE
from cosim.reports.wording import number
from networks.feeder import LINE, Feeder

PANEL, PANEL_ALONE = 500.0, 880.0
"""Width of a state, of several side by side and of one alone."""
VOLTAGE_TOLERANCE_PU = 1e-8
LOADING_TOLERANCE_PERCENT = 1e-5
WIDTHS = (
    (50.0, "#C3CAD2", 2.0),
    (80.0, "#8796A6", 3.0),
    (100.0, "#46586B", 4.0),
    (np.inf, VIOLATION_COLOUR, 5.5),
)
"""Loading up to this percentage of the limit: colour and width."""
BUS_RADIUS = 6.0
LINE_OF_TEXT = 13.0
LABEL_AWAY = 9.0
WORST_OF_STATES = "Worst state of every bus and branch over the intervals."
HOW_TO_READ = (
    "The wider and darker a branch, the nearer it is to its limit; branches in magenta and buses "
    "with a thick ring are beyond one. Dotted are closed switches. Buses near their highest "
    "voltage are red, near their lowest blue."
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """An inline SVG with a sentence that says what to see."""

    kind: ClassVar[str] = "drawing"
    title: str
    caption: str
    svg: str


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One state to draw: of several intervals, the worst of each element."""

    title: str
    voltage_pu: Floats  # (K,)
    loading_percent: Floats  # (L,)


def worst_panel(title: str, feeder: Feeder, voltage_pu: Floats, loading: Floats) -> Panel:
    """Return the worst of T states: voltages (T, K) nearest to a limit, highest loadings (T, L)."""
    beyond = np.maximum(voltage_pu - feeder.voltage_max_pu, feeder.voltage_min_pu - voltage_pu)
    unknown = np.isnan(beyond)
    at = np.argmax(np.where(unknown, -np.inf, beyond), axis=0)
    highest = np.where(np.isnan(loading), -np.inf, loading).max(axis=0)
    return Panel(
        title,
        voltage_pu[at, np.arange(feeder.bus_count)],
        np.where(np.isfinite(highest), highest, np.nan),
    )


def feeder_drawing(
    feeder: Feeder,
    panels: Sequence[Panel],
    *,
    title: str = "The feeder before and after",
    shown: str = WORST_OF_STATES,
) -> Drawing:
    """Return the feeder, once for each panel; `shown` says which state is seen."""
    canvas = canvas_of(feeder, PANEL if len(panels) > 1 else PANEL_ALONE)
    parts = []
    for place, panel in enumerate(panels):
        parts.append(f'<g transform="translate({place * canvas.width:g} 0)">')
        parts.append(f'<text class="title" x="12" y="18">{escape(panel.title)}</text>')
        parts += panel_parts(feeder, panel, canvas)
        parts.append("</g>")
    schematic = "" if canvas.own else f" {schematic_sentence(feeder)}"
    pointer = "Rest the pointer on an element to read its numbers."
    return Drawing(
        title,
        f"{shown} {HOW_TO_READ} {pointer}{schematic}",
        svg_of(parts, canvas.width * len(panels), canvas.height),
    )


def svg_of(parts: Sequence[str], width: float, height: float) -> str:
    """Return `parts` as one picture."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:.0f}" role="img" aria-label="feeder map">'
        f"{''.join(parts)}</svg>"
    )


def panel_parts(feeder: Feeder, panel: Panel, canvas: Canvas, *, numbers: bool = True) -> list[str]:
    """Return one state of the feeder: branches, buses over them, and labels.

    `numbers` adds labels, and the numbers of an element where the pointer rests on it.
    """
    parts = [*_branches(feeder, panel, canvas, numbers), *_buses(feeder, panel, canvas, numbers)]
    return [*parts, *_labels(feeder, panel, canvas)] if numbers else parts


def _branches(feeder: Feeder, panel: Panel, canvas: Canvas, numbers: bool) -> list[str]:
    parts: list[tuple[float, str]] = []
    for branch in range(feeder.branch_count):
        start, end = int(feeder.branch_from[branch]), int(feeder.branch_to[branch])
        loading, limit = panel.loading_percent[branch], feeder.loading_max_percent[branch]
        share = 100.0 * loading / limit
        if loading <= limit + LOADING_TOLERANCE_PERCENT:
            share = min(share, 100.0)
        colour, width = "#C3CAD2", 2.0  # without a power flow there is no loading
        if np.isfinite(share):
            colour, width = next((c, w) for most, c, w in WIDTHS if share <= most)
        thin = np.sqrt(canvas.fine)
        dash = (
            ""
            if feeder.branch_kind[branch] == LINE
            else f' stroke-dasharray="{6 * thin:.3g} {3 * thin:.3g}"'
        )
        told = (
            f"{branch_text(feeder, branch)} {feeder.branch_name[branch]}: "
            f"{number(loading, 1)} % of {limit:g} %"
        )
        parts.append(
            (
                width,
                f'<path d="M{canvas.x[start]:.1f} {canvas.y[start]:.1f}L{canvas.x[end]:.1f} '
                f'{canvas.y[end]:.1f}" stroke="{colour}" stroke-width="{width * thin:.3g}"{dash}'
                + _ended("path", told, numbers),
            )
        )
    return [*_switches(feeder, canvas), *(part for _, part in sorted(parts, key=lambda p: p[0]))]


def _switches(feeder: Feeder, canvas: Canvas) -> list[str]:
    """Return closed switches between buses, thin and dotted."""
    thin = np.sqrt(canvas.fine)
    return [
        f'<path class="switch" d="M{canvas.x[start]:.1f} {canvas.y[start]:.1f}L'
        f'{canvas.x[end]:.1f} {canvas.y[end]:.1f}" stroke="#8796A6" stroke-width="{thin:.3g}" '
        f'stroke-dasharray="{2 * thin:.3g} {2 * thin:.3g}"/>'
        for start, end in joints(feeder, canvas.x, canvas.y)
    ]


def _buses(feeder: Feeder, panel: Panel, canvas: Canvas, numbers: bool) -> list[str]:
    parts: list[tuple[bool, str]] = []
    for bus in range(feeder.bus_count):
        voltage = panel.voltage_pu[bus]
        low, high = feeder.voltage_min_pu[bus], feeder.voltage_max_pu[bus]
        outside = voltage > high + VOLTAGE_TOLERANCE_PU or voltage < low - VOLTAGE_TOLERANCE_PU
        ring = (LIMIT_COLOUR, 3.0) if outside else ("#7B8794", 1.0)
        told = f"{feeder.bus_text(bus)}: {number(voltage, 4)} p.u., limits {low:g} to {high:g}"
        parts.append(
            (
                bool(outside),
                f'<circle cx="{canvas.x[bus]:.1f}" cy="{canvas.y[bus]:.1f}" '
                f'r="{BUS_RADIUS * canvas.fine:.3g}" fill="{colour_of(voltage, low, high)}" '
                f'stroke="{ring[0]}" stroke-width="{ring[1] * canvas.fine:.3g}"'
                + _ended("circle", told, numbers),
            )
        )
    return [part for _, part in sorted(parts, key=lambda both: both[0])]


def _ended(tag: str, told: str, numbers: bool) -> str:
    """Return the end of an element, with what the pointer shows."""
    return f"><title>{escape(told)}</title></{tag}>" if numbers else "/>"


def _labels(feeder: Feeder, panel: Panel, canvas: Canvas) -> list[str]:
    """Return the number of every bus; of a map with many, what stands out alone."""
    if feeder.bus_count <= FEW_BUSES:
        return _bus_numbers(feeder, canvas)
    parts, taken = [], list[tuple[float, float]]()
    for text, x, y in _outstanding(feeder, panel, canvas):
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="none" stroke="{LIMIT_COLOUR}"/>'
        )
        left = x > canvas.width / 2.0
        x, y = x + (-10.0 if left else 10.0), y + 4.0
        while any(abs(y - b) < LINE_OF_TEXT and abs(x - a) < 160.0 for a, b in taken):
            y += LINE_OF_TEXT
        taken.append((x, y))
        anchor = ' text-anchor="end"' if left else ""
        parts.append(f'<text class="mark" x="{x:.1f}" y="{y:.1f}"{anchor}>{escape(text)}</text>')
    return parts


def _bus_numbers(feeder: Feeder, canvas: Canvas) -> list[str]:
    """Return the number of every bus, beside its branches; of buses at one place one text."""
    labels = bus_labels(feeder, stacks(canvas.x, canvas.y))
    parts = []
    for bus, side in enumerate(sides_in_pixels(feeder, canvas.x, -canvas.y, labels)):
        if labels[bus]:
            right, above = SIDES[side]
            anchor = {1: "start", 0: "middle", -1: "end"}[int(np.sign(right))]
            x = canvas.x[bus] + LABEL_AWAY * np.sign(right)
            parts.append(
                f'<text x="{x:.1f}" y="{canvas.y[bus] - above + 4.0:.1f}" '
                f'text-anchor="{anchor}">{labels[bus]}</text>'
            )
    return parts


def _outstanding(feeder: Feeder, panel: Panel, canvas: Canvas) -> list[tuple[str, float, float]]:
    """Return the supply, the extreme voltages and the highest loading: text and place."""
    supplies = np.flatnonzero(feeder.node_of_bus == feeder.slack_node)
    first, count = supplies[0], len({(canvas.x[bus], canvas.y[bus]) for bus in supplies})
    word = "supply" if count == 1 else f"one of {count} supplies"
    found = [(f"{word}, {feeder.bus_text(int(first))}", canvas.x[first], canvas.y[first])]
    known = np.flatnonzero(np.isfinite(panel.voltage_pu))
    if len(known):
        for word, bus in (
            ("lowest", known[np.argmin(panel.voltage_pu[known])]),
            ("highest", known[np.argmax(panel.voltage_pu[known])]),
        ):
            if feeder.node_of_bus[bus] != feeder.slack_node:
                text = f"{feeder.bus_text(int(bus))}: {panel.voltage_pu[bus]:.3f} p.u., {word}"
                found.append((text, canvas.x[bus], canvas.y[bus]))
    loaded = np.flatnonzero(np.isfinite(panel.loading_percent))
    if len(loaded):
        most = loaded[np.argmax(panel.loading_percent[loaded])]
        ends = [feeder.branch_from[most], feeder.branch_to[most]]
        text = f"{branch_text(feeder, int(most))}: {panel.loading_percent[most]:.1f} %"
        found.append((text, canvas.x[ends].mean(), canvas.y[ends].mean()))
    return found


def colour_of(voltage: float, low: float, high: float) -> str:
    """Return blue at the lowest voltage, red at the highest, pale between."""
    if not np.isfinite(voltage):
        return "#FFFFFF"
    place = min(max((voltage - low) / (high - low), 0.0), 1.0) * 2.0 - 1.0
    end = WINE if place > 0.0 else INDIGO
    mixed = [round(241 + (int(end[at : at + 2], 16) - 241) * abs(place)) for at in (1, 3, 5)]
    return "#{:02X}{:02X}{:02X}".format(*mixed)
