"""A page of small pictures, one a feeder, each with where it comes from and its base case."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cosim.records import Floats
from cosim.reports.feeder_canvas import canvas_of
from cosim.reports.feeder_drawing import HOW_TO_READ, WIDTHS, Panel, colour_of, panel_parts, svg_of
from cosim.reports.pages import template
from cosim.reports.wording import counted, number
from networks.feeder import Feeder
from networks.feeder_summary import FeederSummary
from networks.limits import presets_like

PICTURE = 560.0
"""Width of a picture in its own pixels; the page shows it smaller."""
SHADES = 21


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A feeder and its base case: every load at its nominal value, no generation."""

    feeder: Feeder
    summary: FeederSummary
    voltage_pu: Floats  # (K,)
    loading_percent: Floats  # (L,)
    remarks: tuple[str, ...]  # what to know beside the numbers, one sentence each


@dataclass(frozen=True, slots=True)
class Card:
    """What the page shows of a feeder."""

    name: str
    title: str
    svg: str
    facts: tuple[tuple[str, str], ...]
    ratings_assumed: bool
    breaks: bool  # whether the base case breaks a limit
    remarks: tuple[str, ...]


def write_gallery(portraits: Iterable[Portrait], path: Path) -> int:
    """Write the page to `path`, one file without scripts that works offline.

    Returns its size in bytes. Raises OSError where it cannot be written.
    """
    cards = [card_of(portrait) for portrait in portraits]
    html = template("gallery.html").render(
        cards=cards,
        counted=counted(len(cards), "feeder"),
        how_to_read=HOW_TO_READ,
        shades=[colour_of(place / (SHADES - 1.0), 0.0, 1.0) for place in range(SHADES)],
        widths=[(_share(place), colour, width) for place, (_, colour, width) in enumerate(WIDTHS)],
    )
    data = html.encode("utf-8")
    path.write_bytes(data)
    return len(data)


def card_of(portrait: Portrait) -> Card:
    """Draw a feeder and put its facts into words."""
    feeder, summary = portrait.feeder, portrait.summary
    canvas = canvas_of(feeder, PICTURE)
    panel = Panel("", portrait.voltage_pu, portrait.loading_percent)
    parts = panel_parts(feeder, panel, canvas, numbers=False)
    limits = summary.limits
    alike = presets_like(limits)
    voltages = " / ".join(f"{value:g}" for value in summary.nominal_kv)
    drawn = "its own coordinates" if canvas.own else "drawn as a tree"
    if not canvas.own and summary.coordinates:
        drawn += ", since buses overlap in its own coordinates"
    facts = (
        ("Published in", summary.source),
        (
            "Size",
            f"{number(summary.buses)} buses, {counted(summary.lines, 'line')}, "
            f"{counted(summary.transformers, 'transformer')}, {voltages} kV",
        ),
        ("Peak load", f"{number(summary.peak_load_kw)} kW"),
        (
            "Base case",
            f"{summary.voltage_min_pu:.3f} to {summary.voltage_max_pu:.3f} p.u., worst line "
            f"{_percent(summary.worst_line_percent)}, worst transformer "
            f"{_percent(summary.worst_transformer_percent)}",
        ),
        (
            "Limits",
            f"{limits.voltage_min_pu:.2f} to {limits.voltage_max_pu:.2f} p.u., "
            f"{limits.loading_max_percent:.0f} %"
            + (f", as the preset {alike[0]}" if alike else ", no preset"),
        ),
        ("Ratings", summary.ratings_source),
        ("Map", drawn),
    )
    return Card(
        name=summary.name,
        title=summary.title,
        svg=svg_of(parts, canvas.width, canvas.height),
        facts=facts,
        ratings_assumed=summary.ratings_assumed,
        breaks=bool(summary.base_case_breaks),
        remarks=portrait.remarks,
    )


def _percent(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.1f} %"


def _share(place: int) -> str:
    """Return which loadings a width stands for."""
    most = WIDTHS[place][0]
    return f"to {most:g} % of the limit" if math.isfinite(most) else "beyond the limit"
