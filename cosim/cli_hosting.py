"""`cosim hosting-capacity`: how much more of a technology a feeder bears, and why not more."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosim.cli_png import draw_png, need_browser
from cosim.cli_sweep import Cluster, Workers, runner_from, sweep_progress
from cosim.errors import CosimError, HostingError

if TYPE_CHECKING:  # seconds: imported once the command runs
    from cosim.hosting_study import Checked
    from cosim.reports.hosting_data import HostingReportData
    from cosim.studies.hosting.settings import HostingSettings
    from cosim.studies.sweep_runners import Runner

EXIT_INTERRUPTED = 130
WIDTH_OF_FILES = 140


def hosting_capacity(  # noqa: PLR0913 (one argument an option)
    feeder: Annotated[
        str | None,
        typer.Option(help="A name that `cosim feeders` lists, simbench:CODE, or a file."),
    ] = None,
    technology: Annotated[
        str | None, typer.Option(help="What is added: pv (default), ev, heat_pump.")
    ] = None,
    criteria: Annotated[
        str | None,
        typer.Option(
            help="Preset of limits: en50160 (default), de_lv, de_mv, edisgo_split, ansi_a, ansi_b, "
            "epri, au. No claim of compliance with a standard."
        ),
    ] = None,
    scenarios: Annotated[
        int | None, typer.Option(help="Number of random deployments; default: 1000.")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            help="Moments: snapshot (default), typical (days that stand for the year), year."
        ),
    ] = None,
    days: Annotated[
        str | None, typer.Option(help="These days instead, e.g. 2016-06-13,2016-12-24.")
    ] = None,
    levers: Annotated[
        str | None, typer.Option(help="Ways to help, commas between, or all; see the docs.")
    ] = None,
    curtailment_share: Annotated[
        float | None,
        typer.Option(help="Share of the new plants' energy a lever may give up; default: 0.05."),
    ] = None,
    policies: Annotated[
        str | None,
        typer.Option(help="Folder of a training that plays p2p_learned; default: the toolkit's."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random draw.")] = None,
    settings: Annotated[
        Path | None, typer.Option(help="TOML file with all settings; options replace its own.")
    ] = None,
    png: Annotated[
        bool, typer.Option("--png", help="PNG of every figure and table too; needs Chromium.")
    ] = False,
    workers: Workers = None,
    cluster: Cluster = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the study, new or unfinished; default: one named after it."),
    ] = None,
) -> None:
    """Find the hosting capacity of a feeder; write tables and a report.

    The same command on the folder of an unfinished study goes on where it stopped.
    """
    problems: list[str] = []
    runner = _runner(workers, cluster, problems)
    given: dict[str, Any] = {
        "feeder": feeder,
        "technology": technology,
        "scenarios": scenarios,
        "seed": seed,
        "levers": _listed(levers),
        "curtailed_share_max": curtailment_share,
        "market.policies": policies,
        "criteria.preset": criteria,
        "window.kind": window,
        "window.days": _listed(days),
    }
    asked = {name: it for name, it in given.items() if it is not None}
    checked = _checked(settings, asked, out, problems)
    if png:
        need_browser(problems)
    if problems or checked is None or runner is None:
        raise HostingError(problems)
    study = checked.settings
    folder = fresh_folder(study) if out is None else out
    if png and _is_finished(study, folder):
        draw_png(folder)
        return
    for words in checked.left_out:
        typer.echo(f"left out: {words}", err=True)
    try:
        data = _run(checked, folder, runner)
    except KeyboardInterrupt as interrupt:
        typer.echo(f"interrupted; the same command with --out {folder} goes on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt
    print_capacities(data)
    if png:
        draw_png(folder)
    # Paths are printed plain: rich would break long ones, and people copy them.
    typer.echo(f"\nresults  {folder}\nreport   {folder / 'report.html'}")


def _runner(workers: int | None, cluster: str | None, problems: list[str]) -> "Runner | None":
    """Return who does the tasks; add what is wrong to `problems`."""
    try:
        return runner_from(workers, cluster)
    except CosimError as error:
        problems += error.problems
        return None


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [each.strip() for each in text.split(",") if each.strip()]


def _checked(
    path: Path | None, given: Mapping[str, Any], out: Path | None, problems: list[str]
) -> "Checked | None":
    """Return the settings of a file with options on top; add what is wrong to `problems`."""
    from cosim.cli_hosting_levers import kinds_with
    from cosim.hosting_study import checked_settings

    try:
        return checked_settings(path, given, kinds_with, out)
    except CosimError as error:
        problems += error.problems
        return None


def fresh_folder(study: "HostingSettings") -> Path:
    """Return a folder that does not exist yet, named after feeder and technology."""
    feeder = "".join(each if each.isalnum() or each in "-_" else "-" for each in _short(study))
    name = f"hosting-{feeder}-{study.technology}"
    folder, number = Path(name), 1
    while folder.exists():
        number += 1
        folder = Path(f"{name}-{number}")
    return folder


def _short(study: "HostingSettings") -> str:
    """Return the feeder's name, of a file without its folder and ending."""
    return Path(study.feeder).stem if "/" in study.feeder else study.feeder.removesuffix(".json")


def _run(checked: "Checked", folder: Path, runner: "Runner") -> "HostingReportData":
    from cosim.hosting_study import run_study

    settings, kinds, _ = checked
    with sweep_progress() as progress:
        return run_study(settings, folder, kinds=kinds, runner=runner, progress=progress)


def _is_finished(study: "HostingSettings", folder: Path) -> bool:
    from cosim.hosting_study import is_finished

    return is_finished(study, folder)


def print_capacities(data: "HostingReportData") -> None:
    """Print the number with its reason, and what each lever reaches."""
    from rich.console import Console
    from rich.table import Table

    from cosim.reports.hosting_levers import against_words, lever_table
    from cosim.reports.hosting_summary import headline
    from cosim.reports.report_files import plain_text

    typer.echo(plain_text(headline(data)))
    shown = lever_table(data)
    table = Table(box=None, pad_edge=False)
    for column in shown.columns:
        title = f"{column.title}\n{column.unit}" if column.unit else column.title
        table.add_column(title, justify="right" if column.numeric else "left")
    for row in shown.rows:
        table.add_row(*(plain_text(cell) for cell in row.cells))
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_FILES)
    typer.echo()
    console.print(table)
    typer.echo(
        f"{data.deployments} deployments; uplift: mean over them against "
        f"{against_words(data)}, 95 % bootstrap interval"
    )
