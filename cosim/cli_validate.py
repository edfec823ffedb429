"""`cosim validate trades` and `cosim validate bid`: answers to what somebody hands over."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from networks.names import PRESET_NAMES

if TYPE_CHECKING:  # pandas and the solvers take seconds: imported once a command runs
    from cosim.validate import Answer

EXIT_CUT = 1

app = typer.Typer(
    name="validate",
    help="Judge a list of trades or an aggregator's bid: what is accepted, cut, refused, and why.",
    no_args_is_help=True,
)
FeederName = Annotated[
    str,
    typer.Option("--feeder", help="A name that `cosim feeders` lists, simbench:CODE, or a file."),
]
BaseFile = Annotated[
    Path, typer.Option("--base", help="CSV of what is drawn at every bus without it.")
]
OutFolder = Annotated[
    Path | None, typer.Option("--out", help="New or empty folder for tables and report.")
]
LimitsName = Annotated[
    str | None,
    typer.Option(
        "--limits", help=f"Preset of limits: {', '.join(PRESET_NAMES)}; default: the feeder's."
    ),
]


@app.command()
def trades(  # noqa: PLR0913 (one argument an option)
    file: Annotated[Path, typer.Argument(metavar="TRADES.CSV", help="Who sells how much to whom.")],
    feeder: FeederName,
    base: BaseFile,
    rule: Annotated[
        str,
        typer.Option(help="How trades are cut: optimal, pro_rata, merit, lifo, max_min, none."),
    ] = "optimal",
    energy_price: Annotated[
        float, typer.Option(help="Price of energy at the slack in EUR/kWh: prices losses.")
    ] = 0.0,
    limits: LimitsName = None,
    out: OutFolder = None,
) -> None:
    """Judge a list of trades. docs/validate.md names the columns.

    Exit code 0: all accepted; 1: something is curtailed or refused; 2: bad input.
    """
    _check_folder(out)
    from cosim.validate import validate_trades

    answer = validate_trades(
        feeder, base, file, rule=rule, energy_eur_per_kwh=energy_price, limits=limits
    )
    _finish(answer, (base, file), out)


@app.command()
def bid(
    file: Annotated[Path, typer.Argument(metavar="BID.CSV", help="Schedule, up and down.")],
    feeder: FeederName,
    base: BaseFile,
    limits: LimitsName = None,
    out: OutFolder = None,
) -> None:
    """Judge an aggregator's bid: schedule, full up, full down. docs/validate.md names the columns.

    Exit code 0: all accepted; 1: something is curtailed or refused; 2: bad input.
    """
    _check_folder(out)
    from cosim.validate import validate_bid

    _finish(validate_bid(feeder, base, file, limits=limits), (base, file), out)


def _check_folder(out: Path | None) -> None:
    """Raise RunFolderError before any work if results could not be written."""
    from cosim.errors import RunFolderError
    from cosim.run_folder import folder_problems

    problems = [] if out is None else folder_problems(out)
    if problems:
        raise RunFolderError(problems)


def _finish(answer: "Answer", inputs: tuple[Path, ...], out: Path | None) -> None:
    """Check `answer` with pandapower, print it, write it where wanted, and exit with its code."""
    from cosim.cli_verdicts import print_answer
    from cosim.submissions.folder import check_with_pandapower, write_answer

    check = check_with_pandapower(answer)
    print_answer(answer, check)
    if out is not None:
        write_answer(answer, out, inputs, check)
        # Paths are printed plain: rich would break long ones, and people copy them.
        typer.echo(f"\nresults  {out.resolve()}\nreport   {out.resolve() / 'report.html'}")
    if not answer.accepted:
        raise typer.Exit(EXIT_CUT)
