"""Write the report of a market run: one HTML file that needs nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path

import plotly.offline

from cosim.reports.arm import arms_of
from cosim.reports.bills import bills_section
from cosim.reports.blocks import Figure, Section
from cosim.reports.devices import devices_section
from cosim.reports.feeder_map import map_section
from cosim.reports.flows import flows_section
from cosim.reports.grid_state import grid_section
from cosim.reports.homes import prosumer_words
from cosim.reports.learned import learned_sections
from cosim.reports.mechanism import mechanism_words
from cosim.reports.method import method_section
from cosim.reports.notices import notices_of
from cosim.reports.pages import template
from cosim.reports.prices import prices_section
from cosim.reports.ratings import lines_assumed, transformers_assumed
from cosim.reports.report_data import ReportData
from cosim.reports.summary import summary_section
from cosim.reports.timeline import Timeline, timeline_of
from cosim.reports.verdicts import verdicts_section
from cosim.reports.wording import MISSING, number


def write_report(data: ReportData, path: Path) -> None:
    """Write the report of a run to `path`; same data, same bytes.

    Raises RunFolderError if a table lacks columns or names elements the feeder does not have.
    """
    path.write_text(render_report(data), encoding="utf-8")


def render_report(data: ReportData) -> str:
    """Return the report of a run as HTML."""
    data.check()
    timeline = timeline_of(data)
    sections = sections_of(data, timeline)
    return template("report.html").render(
        title=f"Market run on {data.feeder.title}",
        facts=_facts(data, timeline),
        sections=sections,
        ratings_assumed=lines_assumed(data.feeder) or transformers_assumed(data.feeder),
        notices=notices_of(data),
        figures=_script_json(sections),
        plotly=plotly.offline.get_plotlyjs(),
    )


def sections_of(data: ReportData, timeline: Timeline) -> tuple[Section, ...]:
    """Return all sections in the order they are numbered."""
    judged, free = arms_of(data)
    return (
        summary_section(data, judged, free),
        map_section(data, timeline, judged, free),
        prices_section(data, timeline, judged),
        verdicts_section(data, timeline, judged, free),
        grid_section(data, timeline, judged, free),
        flows_section(data, timeline, judged, free),
        bills_section(data, judged, free),
        devices_section(data, timeline, judged),
        *learned_sections(data),
        method_section(data, judged, free),
    )


def figures_of(sections: tuple[Section, ...]) -> Iterator[Figure]:
    """Yield all figures of the sections."""
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                yield block


def _facts(data: ReportData, timeline: Timeline) -> tuple[tuple[str, str], ...]:
    """Return what stands under the title."""
    seed = data.manifest.get("seed", data.setting("run", "seed"))
    return (
        ("Feeder", f"{data.feeder.name}, {number(data.feeder.bus_count)} buses"),
        ("Period", timeline.span),
        ("Intervals", f"{number(data.interval_count)} of {data.interval_h * 60:g} min"),
        ("Prosumers", prosumer_words(data)),
        ("Local market", mechanism_words(data) or MISSING),
        ("Validation", _validation_words(data)),
        ("Day-ahead prices", str(data.manifest.get("day_ahead_label", "")) or MISSING),
        ("Seed", str(seed) if seed != "" else MISSING),
    )


def _validation_words(data: ReportData) -> str:
    rule = data.setting("grid", "rule")
    return "none: nothing is refused" if rule == "none" else rule.replace("_", " ") or MISSING


def _script_json(sections: tuple[Section, ...]) -> str:
    """Return all figures as JSON that may stand inside a script element."""
    content = {
        figure.name: {**figure.spec, "timeline": figure.timeline} for figure in figures_of(sections)
    }
    text = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
