"""What `cosim feeders` shows: every feeder with its limits and its base case."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cosim.cli_progress import PatientProgress
from networks.catalog import describe_feeders
from networks.feeder_summary import FeederSummary
from networks.file_kinds import ALLOWED
from networks.simbench_codes import CODE_COUNT, SIMBENCH_PATTERN

UNBOUNDED = 1000
"""Columns in which every table fits."""

MARKDOWN = (
    "| feeder | what it is | buses | kV | lines / trafos | peak kW | generation kW | "
    "base case p.u. | line / trafo % | ratings | coordinates | source |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def print_feeders(names: Sequence[str] = ()) -> None:
    """Print feeders of the catalogue: a table of numbers, and where their ratings come from.

    Where the terminal is too narrow for the table, the numbers stand with each feeder.

    Raises:
        NetworkError: unknown names, all of them at once.
    """
    summaries = summarise(names)
    table = feeder_table(summaries)
    console = Console()
    needed = console.measure(table, options=console.options.update(width=UNBOUNDED)).maximum
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=needed)
    fits = needed <= console.width
    if fits:
        console.print(table)
    for summary in summaries:
        console.print(Text.assemble("\n", (summary.name, "bold"), f"  {summary.title}"))
        notes = [] if fits else number_notes(summary)
        notes += [f"published in: {summary.source}", f"ratings: {summary.ratings_source}"]
        for note in [*notes, *remarks(summary)]:
            console.print(Padding(Text(note), (0, 0, 0, 2)))
    note = (
        f"{CODE_COUNT} grids of SimBench are taken by their codes: {SIMBENCH_PATTERN}\n"
        f"Own feeders by their files: {ALLOWED}; `cosim feeders inspect FILE` tells of one"
    )
    console.print(Text(f"\n{note}"))


def print_json(names: Sequence[str] = ()) -> None:
    """Print feeders of the catalogue as a JSON list; what a feeder has none of is null."""
    rows = [
        {
            **{
                field: None if isinstance(value, float) and math.isnan(value) else value
                for field, value in asdict(summary).items()
            },
            "geodata": summary.geodata,
            "base_case_breaks": summary.base_case_breaks,
        }
        for summary in summarise(names)
    ]
    typer.echo(json.dumps(rows, indent=2, allow_nan=False, ensure_ascii=False))


def print_markdown(names: Sequence[str] = ()) -> None:
    """Print feeders of the catalogue as the table of docs/feeders.md."""
    typer.echo("\n".join([MARKDOWN, *map(markdown_row, summarise(names))]))


def summarise(names: Sequence[str]) -> list[FeederSummary]:
    """Return the summaries, with a sign of life where solving base cases takes a while."""
    with PatientProgress("solving base cases, once") as progress:
        return describe_feeders(names, progress)


def remarks(summary: FeederSummary) -> list[str]:
    """Return what to know of a feeder beside its numbers, one sentence each."""
    found = []
    if summary.load_scaling_reason:
        found.append(f"loads x {summary.load_scaling:g}: {summary.load_scaling_reason}")
    if summary.generation_kw:
        found.append(f"existing generation: {summary.generation_kw:,.0f} kW installed")
    if summary.base_case_breaks:
        found.append(f"base case breaks: {', '.join(summary.base_case_breaks)}")
    if summary.remark:
        found.append(summary.remark)
    return found


def markdown_row(summary: FeederSummary) -> str:
    """Return a row of `MARKDOWN`; what breaks a limit is bold."""
    limits, low, high = summary.limits, summary.voltage_min_pu, summary.voltage_max_pu
    loadings = [
        _bold(_percent(value), broken=value > limits.loading_max_percent)
        for value in (summary.worst_line_percent, summary.worst_transformer_percent)
    ]
    cells = (
        f"`{summary.name}`",
        summary.title + (f"; {summary.remark}" if summary.remark else ""),
        str(summary.buses),
        " / ".join(f"{value:g}" for value in summary.nominal_kv),
        f"{summary.lines} / {summary.transformers}",
        f"{summary.peak_load_kw:.0f}",
        f"{summary.generation_kw:.0f}",
        f"{_bold(f'{low:.3f}', broken=low < limits.voltage_min_pu)}-"
        f"{_bold(f'{high:.3f}', broken=high > limits.voltage_max_pu)}",
        " / ".join(loadings),
        "assumed" if summary.ratings_assumed else "given",
        summary.geodata,
        summary.source,
    )
    return f"| {' | '.join(cells)} |"


def number_notes(summary: FeederSummary) -> list[str]:
    """Return what `feeder_table` says of a feeder as lines that can be wrapped."""
    limits = summary.limits
    voltages = " / ".join(f"{value:g}" for value in summary.nominal_kv)
    return [
        f"{_counted(summary.buses, 'bus', 'buses')}, {_counted(summary.lines, 'line', 'lines')}, "
        f"{_counted(summary.transformers, 'trafo', 'trafos')}, "
        f"{voltages} kV, peak load {summary.peak_load_kw:,.0f} kW",
        f"limits: {limits.voltage_min_pu:.2f} to {limits.voltage_max_pu:.2f} p.u., "
        f"{limits.loading_max_percent:.0f} %",
        "base case (every load at its nominal value, generators off): "
        f"{summary.voltage_min_pu:.3f} to {summary.voltage_max_pu:.3f} p.u., "
        f"worst line {_percent(summary.worst_line_percent)} %, "
        f"worst trafo {_percent(summary.worst_transformer_percent)} %; ratings "
        f"{'assumed' if summary.ratings_assumed else 'given'}, coordinates {summary.geodata}",
    ]


def feeder_table(summaries: list[FeederSummary]) -> Table:
    """Return the feeders in numbers, one a row. The base case is every load at its peak."""
    table = Table(
        caption="Base case: every load at its nominal value, generators off, nobody trades."
    )
    table.add_column("feeder", style="bold", no_wrap=True)
    for heading in (
        *("buses", "lines", "trafos", "kV", "peak kW", "limits p.u.", "limit %"),
        *("base case p.u.", "worst line %", "worst trafo %"),
    ):
        table.add_column(heading, justify="right")
    table.add_column("ratings")
    table.add_column("coordinates")
    for summary in summaries:
        limits = summary.limits
        table.add_row(
            summary.name,
            str(summary.buses),
            str(summary.lines),
            str(summary.transformers),
            " / ".join(f"{value:g}" for value in summary.nominal_kv),
            f"{summary.peak_load_kw:,.0f}",
            f"{limits.voltage_min_pu:.2f} to {limits.voltage_max_pu:.2f}",
            f"{limits.loading_max_percent:.0f}",
            f"{summary.voltage_min_pu:.3f} to {summary.voltage_max_pu:.3f}",
            _percent(summary.worst_line_percent),
            _percent(summary.worst_transformer_percent),
            "assumed" if summary.ratings_assumed else "given",
            summary.geodata,
        )
    return table


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _percent(value: float) -> str:
    """Return a loading, "-" where there is no such element."""
    return "-" if math.isnan(value) else f"{value:.1f}"


def _bold(text: str, *, broken: bool) -> str:
    return f"**{text}**" if broken else text
