"""What `cosim run` shows: progress while days are played, then a short summary."""

from pathlib import Path

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from cosim.cli_progress import DayProgress
from cosim.play_run import RunPolicies, RunSummary, play
from cosim.scenario import Scenario
from policies.learned import learned_of
from policies.registry import policies_of, retailer_only

WIDTH_OF_FILES = 120
"""Columns to print where the output is no terminal."""


def play_with_progress(scenario: Scenario, out: Path) -> None:
    """Play `scenario` into the folder `out`; progress on standard error, summary on output."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    policies = RunPolicies(
        market=policies_of(scenario),
        retailer_only=retailer_only(scenario),
        learned=learned_of(scenario),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        summary = play(scenario, out=out, progress=DayProgress(progress), policies=policies)
    print_summary(summary)


def print_summary(summary: RunSummary) -> None:
    """Print the summary as a table, and where the results are."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for label, value in summary.rows:
        table.add_row(label, value)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_FILES)
    console.print(table)
    # Paths are printed plain: rich would break long ones, and people copy them.
    typer.echo(f"\nresults  {summary.folder}\nreport   {summary.report}")
