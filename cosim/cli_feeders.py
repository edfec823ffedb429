"""What `cosim feeders` shows: every feeder with its limits and its base case."""

import math
import os
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from networks.catalog import describe_feeders
from networks.feeder_summary import FeederSummary
from networks.file_kinds import ALLOWED
from networks.simbench_grids import SIMBENCH_PATTERN

WIDTH_OF_FILES = 160
"""Columns to print where the output is no terminal."""


def print_feeders(names: Sequence[str] = ()) -> None:
    """Print feeders of the catalogue: a table of numbers, and where their ratings come from.

    Where the terminal is too narrow for the table, the numbers stand with each feeder.
    """
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=WIDTH_OF_FILES)
    with Console(stderr=True).status("Solving base cases, once"):
        summaries = describe_feeders(names)
    table = feeder_table(summaries)
    unbounded = console.options.update(width=WIDTH_OF_FILES)
    fits = console.measure(table, options=unbounded).maximum <= console.width
    if fits:
        console.print(table)
    for summary in summaries:
        console.print(Text.assemble("\n", (summary.name, "bold"), f"  {summary.title}"))
        notes = [] if fits else number_notes(summary)
        notes += [f"published in: {summary.source}", f"ratings: {summary.ratings_source}"]
        if summary.load_scaling_reason:
            notes.append(f"loads x {summary.load_scaling:g}: {summary.load_scaling_reason}")
        if summary.generation_kw:
            notes.append(f"existing generation: {summary.generation_kw:,.0f} kW installed")
        if not summary.base_case_secure:
            notes.append("its base case breaks these limits")
        if summary.remark:
            notes.append(summary.remark)
        for note in notes:
            console.print(Padding(Text(note), (0, 0, 0, 2)))
    note = (
        f"SimBench's grids are taken by their codes: {SIMBENCH_PATTERN}\n"
        f"Own feeders by their files: {ALLOWED}; `cosim feeders inspect FILE` tells of one"
    )
    console.print(Text(f"\n{note}"))


def number_notes(summary: FeederSummary) -> list[str]:
    """Return what `feeder_table` says of a feeder as lines that can be wrapped."""
    limits = summary.limits
    voltages = " / ".join(f"{value:g}" for value in summary.nominal_kv)
    return [
        f"{summary.buses} buses, {summary.lines} lines, {summary.transformers} trafos, "
        f"{voltages} kV, peak load {summary.peak_load_kw:,.0f} kW",
        f"limits: {limits.voltage_min_pu:.2f} to {limits.voltage_max_pu:.2f} p.u., "
        f"{limits.loading_max_percent:.0f} %",
        f"base case (every load at its nominal value): {summary.voltage_min_pu:.3f} to "
        f"{summary.voltage_max_pu:.3f} p.u., worst line {_percent(summary.worst_line_percent)} %, "
        f"worst trafo {_percent(summary.worst_transformer_percent)} %; ratings "
        f"{'assumed' if summary.ratings_assumed else 'given'}",
    ]


def feeder_table(summaries: list[FeederSummary]) -> Table:
    """Return the feeders in numbers, one a row. The base case is every load at its peak."""
    table = Table(caption="Base case: every load at its nominal value, nobody trades.")
    table.add_column("feeder", style="bold")
    for heading in (
        *("buses", "lines", "trafos", "kV", "peak kW", "limits p.u.", "limit %"),
        *("base case p.u.", "worst line %", "worst trafo %"),
    ):
        table.add_column(heading, justify="right")
    table.add_column("ratings")
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
        )
    return table


def _percent(value: float) -> str:
    """Return a loading, "-" where there is no such element."""
    return "-" if math.isnan(value) else f"{value:.1f}"
