"""The feeder as an inline SVG: voltages and loadings of a few states side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import ClassVar

import numpy as np

from cosim.records import Floats
from cosim.reports.feeder_layout import coordinates_of, schematic_sentence
from cosim.reports.labels import branch_text
from cosim.reports.plotting import INDIGO, LIMIT_COLOUR, VIOLATION_COLOUR, WINE
from cosim.reports.wording import number
from networks.feeder import LINE, Feeder

PANEL, HEIGHT, MARGIN = 500.0, 420.0, 34.0
LABELS_MAX = 60
VOLTAGE_TOLERANCE_PU = 1e-8
LOADING_TOLERANCE_PERCENT = 1e-5
WIDTHS = (
    (50.0, "#C3CAD2", 2.0),
    (80.0, "#8796A6", 3.0),
    (100.0, "#46586B", 4.0),
    (np.inf, VIOLATION_COLOUR, 5.5),
)
"""Loading up to this percentage of the limit: colour and width."""


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


def feeder_drawing(feeder: Feeder, panels: Sequence[Panel]) -> Drawing:
    """Return the feeder, once for each panel."""
    x, y, drawn = coordinates_of(feeder)
    across = _scaled(x, MARGIN, PANEL - MARGIN)
    down = HEIGHT - _scaled(y, MARGIN, HEIGHT - MARGIN - 12.0)
    parts = []
    for place, panel in enumerate(panels):
        parts.append(f'<g transform="translate({place * PANEL:g} 0)">')
        parts.append(f'<text class="title" x="12" y="18">{escape(panel.title)}</text>')
        parts += _branches(feeder, panel, across, down)
        parts += _buses(feeder, panel, across, down)
        parts.append("</g>")
    width = PANEL * len(panels)
    svg = (
        f'<svg viewBox="0 0 {width:g} {HEIGHT:g}" role="img" aria-label="feeder map">'
        f"{''.join(parts)}</svg>"
    )
    schematic = "" if drawn else f" {schematic_sentence(feeder)}"
    caption = (
        "Worst state of every bus and branch over the intervals. The wider and darker a branch, "
        "the nearer it is to its limit; branches in magenta and buses with a thick ring are beyond "
        "one. Buses near their highest voltage are red, near their lowest blue. Rest the pointer "
        f"on an element to read its numbers.{schematic}"
    )
    return Drawing("The feeder before and after", caption, svg)


def _scaled(values: Floats, low: float, high: float) -> Floats:
    """Return coordinates stretched to [low, high]."""
    span = float(values.max() - values.min())
    if span <= 0.0:
        return np.full(len(values), (low + high) / 2.0)
    return np.asarray(low + (values - values.min()) / span * (high - low))


def _branches(feeder: Feeder, panel: Panel, x: Floats, y: Floats) -> list[str]:
    parts = []
    for branch in range(feeder.branch_count):
        start, end = int(feeder.branch_from[branch]), int(feeder.branch_to[branch])
        loading, limit = panel.loading_percent[branch], feeder.loading_max_percent[branch]
        share = 100.0 * loading / limit
        if loading <= limit + LOADING_TOLERANCE_PERCENT:
            share = min(share, 100.0)
        colour, width = "#C3CAD2", 2.0  # without a power flow there is no loading
        if np.isfinite(share):
            colour, width = next((c, w) for most, c, w in WIDTHS if share <= most)
        name = f"{branch_text(feeder, branch)} {feeder.branch_name[branch]}"
        told = f"{name}: {number(loading, 1)} % of {limit:g} %"
        dash = "" if feeder.branch_kind[branch] == LINE else ' stroke-dasharray="6 3"'
        parts.append(
            f'<line x1="{x[start]:.1f}" y1="{y[start]:.1f}" x2="{x[end]:.1f}" y2="{y[end]:.1f}" '
            f'stroke="{colour}" stroke-width="{width:g}"{dash}><title>{escape(told)}</title></line>'
        )
    return parts


def _buses(feeder: Feeder, panel: Panel, x: Floats, y: Floats) -> list[str]:
    parts = []
    for bus in range(feeder.bus_count):
        voltage = panel.voltage_pu[bus]
        low, high = feeder.voltage_min_pu[bus], feeder.voltage_max_pu[bus]
        outside = voltage > high + VOLTAGE_TOLERANCE_PU or voltage < low - VOLTAGE_TOLERANCE_PU
        ring = (LIMIT_COLOUR, 3.0) if outside else ("#7B8794", 1.0)
        told = (
            f"bus {feeder.bus_index[bus]} {feeder.bus_name[bus]}: {number(voltage, 4)} p.u., "
            f"limits {low:g} to {high:g}"
        )
        parts.append(
            f'<circle cx="{x[bus]:.1f}" cy="{y[bus]:.1f}" r="6" '
            f'fill="{_colour(voltage, low, high)}" stroke="{ring[0]}" stroke-width="{ring[1]:g}">'
            f"<title>{escape(told)}</title></circle>"
        )
        if feeder.bus_count <= LABELS_MAX:
            parts.append(
                f'<text x="{x[bus] + 8:.1f}" y="{y[bus] + 4:.1f}">{feeder.bus_index[bus]}</text>'
            )
    return parts


def _colour(voltage: float, low: float, high: float) -> str:
    """Return blue at the lowest voltage, red at the highest, pale between."""
    if not np.isfinite(voltage):
        return "#FFFFFF"
    place = min(max((voltage - low) / (high - low), 0.0), 1.0) * 2.0 - 1.0
    end = WINE if place > 0.0 else INDIGO
    mixed = [round(241 + (int(end[at : at + 2], 16) - 241) * abs(place)) for at in (1, 3, 5)]
    return "#{:02X}{:02X}{:02X}".format(*mixed)
