"""What `cosim check` shows: the largest differences by engine, and limits that are broken."""

from collections.abc import Iterator
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from cosim.engine_check import LOADING_TOLERANCE_POINTS, VOLTAGE_TOLERANCE_PU, EngineCheck
from cosim.run_check import PlayCheck, RunCheck, check_run

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
    for sentence in engines_left_out(found):
        typer.echo(sentence)
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
        for label, states, check in _rows(play):
            numbers = check.found
            if check.cannot:
                table.add_row(label, check.engine, *("-",) * 5, "cannot")
                continue
            table.add_row(
                label,
                check.engine,
                states,
                str(numbers.unsolved),
                f"{numbers.voltage_pu:.1e}",
                f"{numbers.line_percentage_points:.1e}",
                f"{numbers.transformer_percentage_points:.1e}",
                "agrees" if check.agrees else "[bold red]DIFFERS[/]",
            )
    return table


def _rows(play: PlayCheck) -> Iterator[tuple[str, str, EngineCheck]]:
    """Yield (what was solved, how much of it, what an engine found)."""
    for check in play.engines:
        yield play.label, f"{check.found.states} of {play.intervals}", check
    for check in play.bid.engines:
        yield f"{play.label}, bid", str(check.found.states), check


def limits_line(play: PlayCheck) -> str:
    """Return what was found about the limits, one line, and one of the bid."""
    kept = "no limit broken in them" if not play.broken else "; ".join(play.broken)
    line = f"{play.label}: {play.secure} of {play.intervals} intervals called secure, {kept}"
    if play.unsolvable:
        line += f"; {play.unsolvable} without power flow, which cannot be solved again"
    if not play.bid.judged:
        return line
    bid = "; ".join(play.bid.broken) or "none breaks a limit further than firm load alone"
    return f"{line}\n{play.label}, bid: schedule, all of up, all of down: {bid}"


def engines_left_out(found: RunCheck) -> list[str]:
    """Return a sentence for each engine that cannot hold the net, with all that it lacks."""
    lacking = {check.engine: check.cannot for play in found.plays for check in play.engines}
    return [
        f"{engine} was left out, the states are checked with the others alone: {'; '.join(cannot)}"
        for engine, cannot in lacking.items()
        if cannot
    ]


def reasons(found: RunCheck) -> list[str]:
    """Return a sentence for everything that did not pass."""
    told = list(found.changed)
    for play in found.plays:
        told += [f"{play.label}: {sentence}" for sentence in play.broken]
        told += [f"{play.label}: {sentence}" for sentence in play.bid.broken]
        told += [_difference(label, check) for label, _, check in _rows(play) if not check.agrees]
    return told


def _difference(label: str, check: EngineCheck) -> str:
    """Return how far an engine is from what was recorded."""
    numbers = check.found
    return (
        f"{label}: {check.engine} differs by {numbers.voltage_pu:.1e} p.u. and "
        f"{numbers.loading_percentage_points:.1e} percentage points, and finds no power flow for "
        f"{numbers.unsolved} of {numbers.states} states"
    )
