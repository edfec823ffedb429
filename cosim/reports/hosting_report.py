"""The report of a hosting-capacity study: one HTML file that needs nothing else, and its files."""

import json
from collections.abc import Callable

import plotly.offline

from cosim.reports.blocks import Block, Figure, Section, Table, Text
from cosim.reports.drawn import Drawn
from cosim.reports.hosting_curves import (
    violating_by_lever_figure,
    violating_figure,
    voltage_figure,
)
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_lever_words import lever_title
from cosim.reports.hosting_levers import lever_figure, lever_table
from cosim.reports.hosting_method import (
    appendix_section,
    limits_section,
    method_section,
    settings_tables,
)
from cosim.reports.hosting_node_bars import nodes_bars, optimal_figure
from cosim.reports.hosting_nodes import nodes_map
from cosim.reports.hosting_profile import distance_figure, durations_figure, hours_figure
from cosim.reports.hosting_sensitivity import sensitivity_figure, sensitivity_table
from cosim.reports.hosting_spread import limiting_figure, spread_figure
from cosim.reports.hosting_steps import steps_figure, steps_table
from cosim.reports.hosting_summary import summary_section
from cosim.reports.hosting_tables import (
    base_case_table,
    capacity_table,
    criteria_table,
    feeder_table,
    nodes_table,
    scenarios_table,
)
from cosim.reports.hosting_trust import running_figure
from cosim.reports.hosting_words import INSTALLED
from cosim.reports.pages import template
from cosim.reports.ratings import lines_assumed, transformers_assumed
from cosim.reports.report_files import REPORT, csv_files, figure_path, table_path
from cosim.reports.wording import number, sentence_case

Build = Callable[[HostingReportData], Drawn | Table | Text]


def hosting_report_files(data: HostingReportData) -> dict[str, str]:
    """Return the text of the report and of the CSV of every figure and table, by relative path."""
    html, drawn, tables = _rendered(data)
    return {**csv_files(drawn, tables), REPORT: html}


def render_hosting_report(data: HostingReportData) -> str:
    """Return the report as HTML."""
    return _rendered(data)[0]


def _rendered(data: HostingReportData) -> tuple[str, list[Drawn], list[Table]]:
    data.check()
    drawn: list[Drawn] = []
    sections = [summary_section(data)]
    for name, title, parts in _contents(data):
        blocks: list[Block] = []
        for part in parts:
            made = part(data)
            if isinstance(made, Drawn):
                drawn.append(made)
            blocks.append(made.figure if isinstance(made, Drawn) else made)
        if blocks:
            sections.append(Section(name, title, tuple(blocks)))
        if name == "criteria":
            sections.append(method_section(data))
    sections.append(limits_section(data))
    tables = [each for section in sections for each in section.blocks if isinstance(each, Table)]
    tables += settings_tables(data)
    sections.append(appendix_section(data, _files(data, drawn, tables)))
    html = template("report.html").render(
        title=f"Hosting capacity of {data.feeder.title}",
        facts=_facts(data),
        sections=sections,
        ratings_assumed=lines_assumed(data.feeder) or transformers_assumed(data.feeder),
        notices=data.facts.notices,
        figures=_script_json(sections),
        plotly=plotly.offline.get_plotlyjs(),
    )
    return html, drawn, tables


def _contents(data: HostingReportData) -> list[tuple[str, str, list[Build]]]:
    """Return sections with what builds them; what the study does not hold is left out."""

    def given(name: str, *parts: Build) -> list[Build]:
        return list(parts) if len(data.table(name)) else []

    def curves(*parts: Build) -> list[Build]:
        return list(parts) if data.levels(data.reference)["level_kw"].nunique() > 1 else []

    if data.base_case_violates:
        return _contents_without_capacity(data)
    levers: list[Build] = []
    if len(data.levers) > 1:
        levers = [lever_figure, lever_table, *given("steps", steps_figure, steps_table)]
        levers.append(violating_by_lever_figure)
    return [
        ("feeder", "Scope and feeder", [feeder_table]),
        ("base", "Base case", given("base_case", base_case_table)),
        ("criteria", "Criteria", [criteria_table]),
        (
            "capacity",
            "Hosting capacity of the feeder",
            [
                capacity_table,
                *curves(voltage_figure),
                violating_figure,
                *curves(spread_figure),
                scenarios_table,
            ],
        ),
        (
            "nodes",
            "Where on the feeder",
            [
                *given("nodes", nodes_map, nodes_bars, nodes_table),
                *given("optimal", optimal_figure),
            ],
        ),
        (
            "reasons",
            "What limits it",
            [*curves(limiting_figure), *given("voltages", distance_figure)],
        ),
        (
            "time",
            "Over the day and the year",
            [*given("durations", durations_figure), *given("hours", hours_figure)],
        ),
        ("levers", "With and without levers", levers),
        (
            "trust",
            "How far to trust it",
            [
                *given("running", running_figure),
                *given("sensitivity", sensitivity_figure, sensitivity_table),
            ],
        ),
    ]


def _nothing_to_draw(_data: HostingReportData) -> Text:
    """Say why there are no figures of what fits."""
    return Text(
        (
            "The feeder breaks a limit before anything is added, so under all criteria together "
            "every capacity is 0: of the feeder, of every bus alone, of the best siting and under "
            "every lever. Figures of them are left out, and so is the hourly envelope, which looks "
            "at days of its own and would tell of room that these criteria do not leave. Their "
            "tables are among the files.",
        )
    )


def _contents_without_capacity(
    data: HostingReportData,
) -> list[tuple[str, str, list[Build]]]:
    """Return the sections of a feeder that breaks a limit before anything is added."""
    varied = data.table("sensitivity")
    passes = len(varied) and (varied["median_kw"].to_numpy(float) > 0.0).any()
    return [
        ("feeder", "Scope and feeder", [feeder_table]),
        ("base", "Base case", [base_case_table] if len(data.table("base_case")) else []),
        ("criteria", "Criteria", [criteria_table]),
        ("capacity", "Hosting capacity of the feeder", [_nothing_to_draw, capacity_table]),
        (
            "reasons",
            "What limits it",
            [distance_figure] if len(data.table("voltages")) else [],
        ),
        (
            "trust",
            "What would fit under other settings",
            [sensitivity_figure, sensitivity_table] if passes else [],
        ),
    ]


def _facts(data: HostingReportData) -> tuple[tuple[str, str], ...]:
    facts = data.facts
    return (
        ("Feeder", f"{data.feeder.name}, {number(data.feeder.bus_count)} buses"),
        ("Technology", INSTALLED[facts.technology].split(",")[0]),
        ("Criteria", facts.preset),
        ("Looked at", facts.points),
        ("Deployments", number(data.deployments)),
        ("Reference lever", lever_title(data.reference)),
        ("Seed", str(facts.seed)),
    )


def _files(
    data: HostingReportData, drawn: list[Drawn], tables: list[Table]
) -> list[tuple[str, str]]:
    """Return all files beside the report with what they hold, paths relative to it."""
    whole = [
        (f"{name}.csv", f"whole table, {number(len(table))} rows")
        for name, table in data.tables.items()
    ]
    figures = [(figure_path(each.figure.name), f"figure: {each.figure.title}") for each in drawn]
    shown = [(table_path(each.name), f"table: {sentence_case(each.title)}") for each in tables]
    return [*whole, *figures, *shown]


def _script_json(sections: list[Section]) -> str:
    """Return all figures as JSON that may stand inside a script element."""
    specs = {
        block.name: {**block.spec, "timeline": False}
        for section in sections
        for block in section.blocks
        if isinstance(block, Figure)
    }
    text = json.dumps(specs, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
