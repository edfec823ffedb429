"""One page about a feeder: what was understood of it, and its map with the base case."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from cosim.reports.blocks import Text
from cosim.reports.feeder_drawing import Drawing, feeder_drawing, worst_panel
from cosim.reports.pages import template
from cosim.reports.wording import number
from cosim.submissions.states import States
from networks.feeder import Feeder

BASE_CASE = "The base case: every load at its nominal power, generators off."


class _Section(NamedTuple):
    """A part of the page."""

    name: str
    title: str
    blocks: tuple[Text | Drawing, ...]


def write_feeder_page(
    feeder: Feeder,
    base: States,
    facts: Sequence[tuple[str, str]],
    path: Path,
    notes: Sequence[str],
) -> None:
    """Write the page to `path`, one file that works offline.

    Args:
        feeder: what is drawn.
        base: its base case, one state.
        facts: what was understood, heading and sentence each.
        notes: what was assumed and repaired, one sentence each.
        path: where to write; raises OSError where that is not possible.
    """
    panel = worst_panel("Base case", feeder, base.voltage_pu, base.loading_percent)
    drawing = feeder_drawing(feeder, [panel], title="Feeder map", shown=BASE_CASE)
    told = tuple(f"<b>{escape(heading)}</b>: {escape(text)}" for heading, text in facts)
    assumed = tuple(escape(note) for note in notes) or ("Nothing.",)
    html = template("validation.html").render(
        title=feeder.title,
        facts=(
            ("Feeder", feeder.name),
            ("Buses", number(feeder.bus_count)),
            ("Branches", number(feeder.branch_count)),
        ),
        sections=(
            _Section("map", "Map", (drawing,)),
            _Section("understood", "What was understood", (Text(told, "list"),)),
            _Section("assumed", "What was assumed and repaired", (Text(assumed, "list"),)),
        ),
        ratings_assumed=feeder.ratings_assumed,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
