"""The command line: `cosim run`, `train`, `compare`, `hosting-capacity`, `flexibility` and others.

Everything heavy is imported inside the commands, so that `cosim --help` answers at once.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cosim.cli_compare import compare
from cosim.cli_flexibility import flexibility
from cosim.cli_hosting import hosting_capacity
from cosim.cli_train import train
from cosim.cli_validate import app as validate_app
from cosim.errors import CosimError
from networks.errors import NetworkError
from networks.names import PRESET_NAMES

app = typer.Typer(
    name="cosim",
    help="Play local energy markets on distribution feeders, every trade judged by a power flow.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(validate_app)
app.command()(train)
app.command()(compare)
app.command()(hosting_capacity)
app.command()(flexibility)
EXIT_FAILED_CHECK = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
NAMES_OF_INSPECT = 2  # the word itself and a feeder


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line on `arguments`, those of the process if None, and exit.

    Problems of what was given go to standard error without a traceback: exit code 2. Ctrl-C: 130.
    """
    try:
        app(arguments)
    except (CosimError, NetworkError) as error:
        _print_problems(error.problems)
        sys.exit(EXIT_BAD_INPUT)


@app.command()
def run(  # noqa: PLR0913 (one argument an option)
    out: Annotated[Path, typer.Option(help="New or empty folder for the results.")],
    scenario: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    feeder: Annotated[
        str | None,
        typer.Option(help="A name that `cosim feeders` lists, simbench:CODE, or a file."),
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day, e.g. 2016-06-13.")] = None,
    days: Annotated[int | None, typer.Option(help="Number of days.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random draw.")] = None,
    rule: Annotated[
        str | None,
        typer.Option(help="How the grid cuts: optimal, pro_rata, merit, lifo, max_min, none."),
    ] = None,
    limits: Annotated[
        str | None, typer.Option(help=f"Preset of limits: {', '.join(PRESET_NAMES)}.")
    ] = None,
    policies: Annotated[
        str | None,
        typer.Option(
            help="How both sides act: learned (what comes with the toolkit), a folder of `cosim "
            "train`, or how prosumers bid: water_value, fictitious_play."
        ),
    ] = None,
    prosumers: Annotated[
        Path | None, typer.Option(help="CSV file with the prosumers, one a row.")
    ] = None,
    community: Annotated[
        str | None,
        typer.Option(help="Whose devices: drawn by shares, or those of the feeder's net (feeder)."),
    ] = None,
) -> None:
    """Play market days and write tables and a report.

    Options given here replace those of the scenario file.
    """
    from cosim.scenario_checks import load_scenario

    given: dict[str, dict[str, object]] = {
        "run": {"start": start, "days": days, "seed": seed},
        "feeder": {"name": feeder, "limits": limits},
        "community": {"source": community},
        "grid": {"rule": rule},
        **_acting(policies),
    }
    overrides = {
        section: chosen
        for section, values in given.items()
        if (chosen := {name: value for name, value in values.items() if value is not None})
    }
    settings = load_scenario(scenario, overrides, out, prosumers=prosumers)

    from cosim.cli_run import play_with_progress  # seconds: after bad settings are told

    try:
        play_with_progress(settings, out)
    except KeyboardInterrupt as interrupt:
        typer.echo("interrupted; nothing was kept", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt


def _acting(policies: str | None) -> dict[str, dict[str, object]]:
    """Return the settings that --policies stands for."""
    if policies is None:
        return {}
    if policies in ("water_value", "fictitious_play"):
        return {"followers": {"policy": policies}}
    folder = None if policies == "learned" else policies
    learned: dict[str, object] = {"policy": "learned", "trained": folder}
    return {"leader": learned, "followers": learned}


@app.command()
def scenario() -> None:
    """Print the default settings as commented TOML, to change and give to `cosim run`."""
    from cosim.scenario import Scenario
    from cosim.scenario_text import scenario_toml

    typer.echo(scenario_toml(Scenario()), nl=False)


@app.command()
def feeders(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Only these; default: all. Or: inspect NAME."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--map", help="With inspect: HTML file for a map of the feeder.")
    ] = None,
    limits: Annotated[
        str | None, typer.Option(help=f"With inspect: preset of limits: {', '.join(PRESET_NAMES)}.")
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option(help="HTML file for a page with a picture of each feeder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="As the table of docs/feeders.md.")
    ] = False,
) -> None:
    """List the feeders: size, limits, base case, and where their ratings come from.

    `cosim feeders inspect NAME` tells what was understood of one feeder, which may be a file:
    pandapower JSON or Excel, OpenDSS or MATPOWER, see docs/own-feeders.md.
    """
    if names and names[0] == "inspect":
        if len(names) != NAMES_OF_INSPECT:
            raise typer.BadParameter("inspect takes one feeder: cosim feeders inspect NAME")
        if as_markdown or gallery is not None:
            raise typer.BadParameter("--markdown and --gallery are of lists, not of inspect")
        from cosim.cli_inspect import inspect_feeder

        inspect_feeder(names[1], page, limits=limits, as_json=as_json)
        return
    if limits is not None:
        raise typer.BadParameter("--limits goes with inspect: a list shows each feeder's own")
    if page is not None:
        raise typer.BadParameter(
            "--map goes with inspect: cosim feeders inspect NAME --map FILE; of "
            "several feeders draws --gallery FILE"
        )
    if as_json + as_markdown + (gallery is not None) > 1:
        raise typer.BadParameter("--json, --markdown and --gallery are different forms: give one")
    if gallery is not None:
        from cosim.cli_gallery import make_gallery

        make_gallery(names or (), gallery)
        return
    from cosim import cli_feeders

    if as_json:
        cli_feeders.print_json(names or ())
    elif as_markdown:
        cli_feeders.print_markdown(names or ())
    else:
        cli_feeders.print_feeders(names or ())


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished run.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Every state, also of runs longer than two days.")
    ] = False,
) -> None:
    """Solve a run's states again with pandapower and power-grid-model, and check its limits.

    Exit code 1 where a voltage or loading differs, or a state called secure breaks a limit.
    """
    from cosim.cli_check import check_and_print

    if not check_and_print(folder, everything=everything):
        raise typer.Exit(EXIT_FAILED_CHECK)


def _print_version(wanted: bool) -> None:
    """Print the version and stop, if `wanted`."""
    if wanted:
        from importlib import metadata

        try:
            typer.echo(f"cosim {metadata.version('cosim-toolkit')}")
        except metadata.PackageNotFoundError:
            typer.echo("cosim, not installed")
        raise typer.Exit


@app.callback()
def common(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Play local energy markets on distribution feeders, every trade judged by a power flow."""


def _print_problems(problems: Iterable[str]) -> None:
    """Print each problem as one bullet on standard error."""
    typer.echo("error:", err=True)
    for problem in problems:
        typer.echo(f"  * {problem}", err=True)


if __name__ == "__main__":
    main()
