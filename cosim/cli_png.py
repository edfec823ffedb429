"""`--png` of commands that leave a report: Chromium is looked for first, and draws last."""

from pathlib import Path

import typer

from cosim.errors import CosimError


def need_browser(problems: list[str]) -> None:
    """Add to `problems` that no Chromium is on this machine, where none is."""
    from cosim.reports.png_files import browser

    try:
        browser()
    except CosimError as error:
        problems += error.problems


def draw_png(folder: Path) -> None:
    """Draw every figure and table of the report in `folder`, and say where they are."""
    from cosim.reports.png_files import write_png_files

    typer.echo("Chromium draws every figure and table: some ten seconds to a minute", err=True)
    count = len(write_png_files(folder))
    typer.echo(f"\n{count} PNG files in {folder / 'figures'} and {folder / 'tables'}")
