"""`cosim compare`: any set of players and yardsticks on the same held-out days."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosim.errors import CosimError, ScenarioError

if TYPE_CHECKING:  # seconds: imported once the command runs
    from cosim.compare_run import Plan
    from cosim.scenario import Scenario
    from cosim.studies.comparison import LineUp
    from cosim.studies.comparison_folder import ComparisonContent
    from cosim.studies.comparison_summary import Summary
    from cosim.studies.statistics import Estimate

EXIT_INTERRUPTED = 130
DEFAULT_PLAYERS = "no_trade,self_consumption,zero_intelligence,water_value,fictitious_play,optimum"
DEFAULT_DAYS, DEFAULT_SEEDS = 6, 5
SHOWN = (
    *("cost_eur_per_day", "value_capture_percent", "leader_eur_per_day", "surplus_eur_per_day"),
    *("violation_intervals_per_day", "exploitability_percent", "hindsight_regret_percent"),
)
"""Metrics in the table on standard output, beside the decision time."""

WIDTH_OF_FILES = 160
MICRO = 1e6


def compare(  # noqa: PLR0913 (one argument an option)
    out: Annotated[Path, typer.Option(help="New or empty folder for the results.")],
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Folders that `cosim train` left, each a player."),
    ] = None,
    scenario: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    feeder: Annotated[
        str | None,
        typer.Option(help="A name that `cosim feeders` lists, simbench:CODE, or a file."),
    ] = None,
    players: Annotated[
        str, typer.Option(help="Players and yardsticks beside the folders, commas between.")
    ] = DEFAULT_PLAYERS,
    reference: Annotated[
        str | None,
        typer.Option(help="Player that others are held against; default: fictitious_play."),
    ] = None,
    weeks: Annotated[int | None, typer.Option(help="Number of whole held-out weeks.")] = None,
    days: Annotated[
        int | None,
        typer.Option(help=f"Number of single held-out days instead; default: {DEFAULT_DAYS}."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Worlds drawn for each day.")] = DEFAULT_SEEDS,
    exploitability: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Measure on N prosumers what one could gain by acting otherwise; 0: leave it out.",
        ),
    ] = 0,
) -> None:
    """Play policies and yardsticks on the same held-out days; write a table and a report.

    Players: no_trade, self_consumption, zero_intelligence, water_value, fictitious_play.
    Yardsticks: optimum (value capture is measured by it), receding_horizon.
    """
    asked = _Asked(folders or [], [name.strip() for name in players.split(",") if name.strip()])
    problems = _number_problems(weeks, days, seeds, exploitability)
    settings, of_settings = _scenario(scenario, feeder, out)
    line_up, of_players = asked.line_up(settings)
    problems += [*of_players, *asked.reference_problems(reference), *of_settings]
    if not problems and settings is not None:
        from cosim.compare_run import plan_problems

        plan = _plan(weeks, days, seeds)
        problems += plan_problems(settings, plan)
    if problems or settings is None or line_up is None:
        raise ScenarioError(problems)
    if exploitability:
        from policies.incentives import probe_of

        line_up = replace(line_up, probe=probe_of(exploitability))
    try:
        content = _play(settings, line_up, plan, asked.reference(reference), out)
    except KeyboardInterrupt as interrupt:
        typer.echo("interrupted; nothing was kept", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt
    print_figures(content.summary, content.decision_s)
    typer.echo(f"\nresults  {out}\nreport   {out / 'report.html'}")


class _Asked:
    """The players somebody asked for."""

    def __init__(self, folders: Sequence[Path], names: Sequence[str]) -> None:
        self.folders, self.names = folders, names

    @property
    def of_folders(self) -> list[str]:
        """Names of trained players: the folder's, or its path where two would be the same."""
        short = Counter(folder.resolve().name for folder in self.folders)
        return [
            folder.resolve().name if short[folder.resolve().name] == 1 else str(folder)
            for folder in self.folders
        ]

    @property
    def played(self) -> list[str]:
        """Names of all that play, in order; yardsticks left out."""
        from policies.players import FOLLOWERS_ALONE as ALONE
        from policies.players import PLAYERS

        trained = [each for name in self.of_folders for each in (f"{name}{ALONE}", name)]
        return [*(name for name in self.names if name in PLAYERS), *trained]

    def reference(self, given: str | None) -> str:
        """Return the player that others are held against."""
        from policies.players import BEST_BIDDER

        if given is not None:
            return given
        return BEST_BIDDER if BEST_BIDDER in self.played else self.played[0]

    def reference_problems(self, given: str | None) -> list[str]:
        """Return why `given` can be no reference."""
        if given is None or given in self.played:
            return []
        return [f"--reference: {given!r} does not play; allowed are {', '.join(self.played)}"]

    def line_up(self, scenario: "Scenario | None") -> tuple["LineUp | None", list[str]]:
        """Return who is compared, and everything that is wrong with it."""
        from cosim.scenario import Scenario
        from cosim.studies.comparison import LineUp
        from policies.players import BASELINE, PLAYERS, YARDSTICKS, trained_players

        problems = self._name_problems([*PLAYERS, *YARDSTICKS])
        settings = scenario or Scenario()  # others' problems are told even so
        chosen = {name: PLAYERS[name](settings) for name in self.names if name in PLAYERS}
        for folder, name in zip(self.folders, self.of_folders, strict=True):
            try:
                both = trained_players(folder, name, settings)
                chosen |= {each.name: each for each in both}
            except CosimError as error:
                problems += error.problems
        baseline = chosen.get(BASELINE) or PLAYERS[BASELINE](settings)
        yardsticks = [YARDSTICKS[name] for name in self.names if name in YARDSTICKS]
        if problems:
            return None, problems
        return LineUp(tuple(chosen.values()), baseline, tuple(yardsticks)), []

    def _name_problems(self, known: Sequence[str]) -> list[str]:
        problems = [
            f"--players: {name!r} is unknown; known are {', '.join(known)}"
            for name in self.names
            if name not in known
        ]
        counts = Counter([*self.names, *(str(folder.resolve()) for folder in self.folders)])
        problems += [f"{name}: given {many} times" for name, many in counts.items() if many > 1]
        taken = [name for name in self.of_folders if name in known]
        problems += [f"{name}: a folder has the name of a player; rename it" for name in taken]
        if not self.played and not problems:
            problems.append("--players: nobody plays; name a player, or a folder with policies")
        return problems


def _number_problems(
    weeks: int | None, days: int | None, seeds: int, exploitability: int
) -> list[str]:
    from cosim.studies.held_out_worlds import most_days, most_weeks

    problems = []
    if weeks is not None and days is not None:
        problems.append("--weeks and --days are two ways to choose: give one")
    for name, value, most in (("weeks", weeks, most_weeks()), ("days", days, most_days())):
        if value is not None and not 1 <= value <= most:
            problems.append(f"--{name}: found {value}; allowed is 1 to {most}, the {name} held out")
    if seeds < 1:
        problems.append(f"--seeds: found {seeds}; must be at least 1")
    if exploitability < 0:
        problems.append(f"--exploitability: found {exploitability}; must be at least 0")
    return problems


def _plan(weeks: int | None, days: int | None, seeds: int) -> "Plan":
    from cosim.compare_run import Plan
    from cosim.studies.held_out_worlds import DAYS_OF_WEEK, chosen_days, chosen_weeks

    if weeks is not None:
        return Plan(chosen_weeks(weeks), DAYS_OF_WEEK, seeds)
    return Plan(chosen_days(days or DEFAULT_DAYS), 1, seeds)


def _scenario(
    path: Path | None, feeder: str | None, out: Path
) -> tuple["Scenario | None", list[str]]:
    from cosim.scenario_checks import load_scenario

    overrides: dict[str, dict[str, object]] = {} if feeder is None else {"feeder": {"name": feeder}}
    try:
        return load_scenario(path, overrides, out), []
    except CosimError as error:
        return None, list(error.problems)


def _play(
    scenario: "Scenario", line_up: "LineUp", plan: "Plan", reference: str, out: Path
) -> "ComparisonContent":
    from cosim.cli_sweep import sweep_progress
    from cosim.compare_run import play_comparison

    with sweep_progress() as progress:
        return play_comparison(
            scenario,
            line_up,
            plan,
            reference=reference,
            out=out,
            progress=progress,
        )


def print_figures(summary: "Summary", decision_s: Mapping[str, float] | None = None) -> None:
    """Print the first figures of everybody; `decision_s` is how long followers took."""
    from rich.console import Console
    from rich.table import Table

    from cosim.studies.comparison_summary import METRICS

    measured = {name for found in summary.estimates.values() for name in found}
    shown = [each for each in METRICS if each.name in SHOWN and each.name in measured]
    table = Table(box=None, pad_edge=False)
    table.add_column("player", style="bold")
    for metric in shown:
        table.add_column(f"{metric.title}\n{metric.unit}", justify="right")
    if decision_s is not None:
        table.add_column("decision\nus", justify="right")
    for name, found in summary.estimates.items():
        cells = [
            _shown(found[metric.name], metric.decimals) if metric.name in found else "-"
            for metric in shown
        ]
        if decision_s is not None:
            cells.append(f"{MICRO * decision_s[name]:.1f}" if name in decision_s else "-")
        table.add_row(name, *cells)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_FILES)
    console.print(table)
    typer.echo(
        f"interquartile means over {summary.seeds} seeds, 95 % bootstrap intervals; differences to "
        f"{summary.reference} are kept too"
    )


def _shown(found: "Estimate", decimals: int) -> str:
    if not math.isfinite(found.value):
        return "-"
    text = f"{found.value:.{decimals}f}"
    if not math.isfinite(found.low):
        return text
    return f"{text} [{found.low:.{decimals}f}, {found.high:.{decimals}f}]"
