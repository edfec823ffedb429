"""What `cosim check` shows: the largest differences by engine, and limits that are broken."""

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from cosim.run_check import (
    LOADING_TOLERANCE_POINTS,
    VOLTAGE_TOLERANCE_PU,
    EngineCheck,
    PlayCheck,
    RunCheck,
    check_run,
)

WIDTH_OF_FILES = 140
"""Columns to print where the output is no terminal."""


def check_and_print(folder: Path, *, everything: bool) -> bool:
    """Check the run in `folder`, print what was found and return whether it stands up to it."""
    found = check_run(folder, everything=everything)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_FILES)
    console.print(check_table(found))
    for play in found.plays:
        typer.echo(limits_line(play))
    if found.passed:
        typer.echo(f"\npassed  {found.path}")
    else:
        typer.echo(f"\nFAILED  {found.path}", err=True)
        for reason in reasons(found):
            typer.echo(f"  * {reason}", err=True)
    return found.passed


def check_table(found: RunCheck) -> Table:
    """Return the largest differences between the run and each engine, one row each."""
    table = Table(
        title=f"{found.feeder}: recorded states solved again, largest differences",
        caption=(
            f"Allowed: {VOLTAGE_TOLERANCE_PU:g} p.u., "
            f"{LOADING_TOLERANCE_POINTS:g} percentage points."
        ),
    )
    table.add_column("played")
    table.add_column("engine", style="bold")
    for heading in ("states", "unsolved", "voltage p.u.", "lines %-points", "trafos %-points"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for play in found.plays:
        for check in play.engines:
            numbers = check.found
            table.add_row(
                play.label,
                check.engine,
                f"{numbers.states} of {play.intervals}",
                str(numbers.unsolved),
                f"{numbers.voltage_pu:.1e}",
                f"{numbers.line_percentage_points:.1e}",
                f"{numbers.transformer_percentage_points:.1e}",
                "agrees" if check.agrees else "[bold red]DIFFERS[/]",
            )
    return table


def limits_line(play: PlayCheck) -> str:
    """Return what was found about the limits, one line."""
    kept = "no limit broken in them" if not play.broken else "; ".join(play.broken)
    line = f"{play.label}: {play.secure} of {play.intervals} intervals called secure, {kept}"
    if play.unsolvable:
        line += f"; {play.unsolvable} without power flow, which cannot be solved again"
    return line


def reasons(found: RunCheck) -> list[str]:
    """Return a sentence for everything that did not pass."""
    told = []
    for play in found.plays:
        told += [f"{play.label}: {sentence}" for sentence in play.broken]
        told += [_difference(play, check) for check in play.engines if not check.agrees]
    return told


def _difference(play: PlayCheck, check: EngineCheck) -> str:
    """Return how far an engine is from what was recorded."""
    numbers = check.found
    return (
        f"{play.label}: {check.engine} differs by {numbers.voltage_pu:.1e} p.u. and "
        f"{numbers.loading_percentage_points:.1e} percentage points, and finds no power flow for "
        f"{numbers.unsolved} of {numbers.states} states"
    )
