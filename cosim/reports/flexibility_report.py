"""The report of a flexibility study: one HTML file that needs nothing else, and its files."""

import json
from collections.abc import Callable, Iterable

import plotly.offline

from cosim.reports.blocks import Block, Figure, Section, Table
from cosim.reports.drawn import Drawn
from cosim.reports.flexibility_bands import bands_figure, typical_day_figure, windows_figure
from cosim.reports.flexibility_cases import (
    case_words,
    cases_figure,
    cases_table,
    metrics_table,
)
from cosim.reports.flexibility_curves import supply_figure
from cosim.reports.flexibility_data import FlexibilityReportData
from cosim.reports.flexibility_method import appendix_section, method_section, settings_tables
from cosim.reports.flexibility_places import heat_figure
from cosim.reports.flexibility_providers import (
    devices_figure,
    devices_table,
    prosumers_figure,
    prosumers_table,
)
from cosim.reports.flexibility_regions import margins_figure, regions_figure
from cosim.reports.flexibility_requests import (
    activation_figures,
    delivery_table,
    requests_table,
)
from cosim.reports.flexibility_summary import summary_section
from cosim.reports.flexibility_tables import limits_table, windows_table
from cosim.reports.pages import template
from cosim.reports.ratings import lines_assumed, transformers_assumed
from cosim.reports.report_files import REPORT, csv_files, figure_path, table_path
from cosim.reports.wording import number, sentence_case

HOURS_OF_A_DAY = 24.0
Made = Drawn | Table | list[Drawn]
Build = Callable[[FlexibilityReportData], Made]


def flexibility_report_files(data: FlexibilityReportData) -> dict[str, str]:
    """Return the text of the report and of the CSV of every figure and table, by relative path."""
    html, drawn, tables = _rendered(data)
    return {**csv_files(drawn, tables), REPORT: html}


def render_flexibility_report(data: FlexibilityReportData) -> str:
    """Return the report as HTML."""
    return _rendered(data)[0]


def _rendered(data: FlexibilityReportData) -> tuple[str, list[Drawn], list[Table]]:
    data.check()
    drawn: list[Drawn] = []
    sections = [summary_section(data)]
    for name, title, parts in _contents(data):
        blocks: list[Block] = []
        for part in parts:
            made = part(data)
            for each in made if isinstance(made, list) else [made]:
                if isinstance(each, Drawn):
                    drawn.append(each)
                blocks.append(each.figure if isinstance(each, Drawn) else each)
        if blocks:
            sections.append(Section(name, title, tuple(blocks)))
    sections.append(method_section(data))
    tables = [each for section in sections for each in section.blocks if isinstance(each, Table)]
    tables += settings_tables(data)
    sections.append(appendix_section(data, _files(data, drawn, tables)))
    html = template("report.html").render(
        title=f"Flexibility of {data.feeder.title}",
        facts=_facts(data),
        sections=sections,
        ratings_assumed=lines_assumed(data.feeder) or transformers_assumed(data.feeder),
        notices=data.facts.notices,
        figures=_script_json(sections),
        plotly=plotly.offline.get_plotlyjs(),
    )
    return html, drawn, tables


def _contents(data: FlexibilityReportData) -> list[tuple[str, str, list[Build]]]:
    """Return sections with what builds them; what the study does not hold is left out."""

    def given(name: str, *parts: Build) -> list[Build]:
        return list(parts) if data.has(name) else []

    long = data.interval_count * data.facts.interval_h > HOURS_OF_A_DAY
    typical: list[Build] = [typical_day_figure] if long else []
    devices: list[Build] = [devices_figure, devices_table] if data.devices else []
    return [
        (
            "bands",
            "Flexibility over the day",
            [
                bands_figure,
                *typical,
                windows_figure,
                windows_table,
                *given("margins", limits_table),
            ],
        ),
        (
            "regions",
            "What the connection can take: active and reactive power",
            [
                *given("regions", regions_figure),
                *given("region_facts", margins_figure),
            ],
        ),
        ("supply", "What it costs", given("offers", supply_figure)),
        (
            "who",
            "Who provides it, and where",
            [
                *devices,
                *given("buses_hours", heat_figure),
                *given("prosumers", prosumers_figure, prosumers_table),
            ],
        ),
        (
            "activations",
            "Requests and activations",
            [
                *given("requests", requests_table, delivery_table),
                *given("activations", activation_figures),
            ],
        ),
        (
            "cases",
            "Policies and rules compared",
            [cases_figure, cases_table] if len(data.cases) > 1 else [],
        ),
        ("metrics", "Metrics", [metrics_table]),
    ]


def _facts(data: FlexibilityReportData) -> tuple[tuple[str, str], ...]:
    facts = data.facts
    return (
        ("Feeder", f"{data.feeder.name}, {number(data.feeder.bus_count)} buses"),
        ("Period", data.timeline.span),
        ("Intervals", f"{number(data.interval_count)} of {facts.interval_h * 60:g} min"),
        ("Prosumers", number(facts.prosumers)),
        ("Baseline", facts.baseline.split(":")[0]),
        ("Shown", case_words(data, data.reference)),
        ("Seed", str(facts.seed)),
    )


def _files(
    data: FlexibilityReportData, drawn: Iterable[Drawn], tables: Iterable[Table]
) -> list[tuple[str, str]]:
    """Return all files beside the report with what they hold, paths relative to it."""
    whole = [
        (f"{name}.csv", f"whole table, {number(len(table))} rows")
        for name, table in data.tables.items()
    ]
    figures = [(figure_path(each.figure.name), f"figure: {each.figure.title}") for each in drawn]
    shown = [(table_path(each.name), f"table: {sentence_case(each.title)}") for each in tables]
    return [*whole, *figures, *shown]


def _script_json(sections: Iterable[Section]) -> str:
    """Return all figures as JSON that may stand inside a script element."""
    specs = {
        block.name: {**block.spec, "timeline": block.timeline}
        for section in sections
        for block in section.blocks
        if isinstance(block, Figure)
    }
    text = json.dumps(specs, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
