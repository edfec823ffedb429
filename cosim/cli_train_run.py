"""What `cosim train` does: learn, judge on held-out days, write the model card."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cosim.cli_compare import print_figures
from cosim.cli_progress import DayProgress
from cosim.compare_run import Plan, plan_problems
from cosim.errors import ScenarioError
from cosim.scenario import Scenario
from cosim.scenario_checks import uncovered_problems
from cosim.studies.comparison_summary import summary_of
from cosim.studies.incentives import EXPLOITABILITY
from networks.catalog import load_feeder
from policies.held_out_evaluation import evaluate
from policies.model_card import Making, model_card, versions
from policies.training import Training, TrainingSettings, drawn_spans
from policies.training_folder import finish, is_finished, open_training, write_policies

KINDS = {
    "search": "followers, search",
    "followers": "followers",
    "leader": "leader",
    "judge": "judging a round",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be trained, and how it is judged in the end."""

    scenario: Scenario
    settings: TrainingSettings
    seed: int
    plan: Plan | None  # held-out days of the final evaluation, None for none
    command: str  # that asked for it, with DIR for the folder


def train_with_progress(out: Path, asked: Asked) -> None:
    """Do what is left of the training of `out`, judge it, and print where everything is.

    Raises CosimError or NetworkError with every problem.
    """
    scenario = asked.scenario
    problems = [] if asked.plan is None else plan_problems(scenario, asked.plan)
    if problems:
        problems.append("final evaluation: --no-evaluation goes without it")
    spans = drawn_spans(asked.settings)
    problems += uncovered_problems(scenario, spans, "training may draw")
    if problems:
        raise ScenarioError(problems)
    feeder = load_feeder(
        scenario.feeder.name, **scenario.feeder.of_feeder(owned_devices=scenario.takes_devices)
    )
    learned_before = is_finished(out)
    judging = asked.plan is not None
    training = open_training(
        out, scenario, feeder, asked.settings, seed=asked.seed, judging=judging
    )
    if training.position:
        typer.echo(f"going on after {training.position} of {len(training.units)} units", err=True)
    with _Bar(training.position, len(training.units)) as bar:
        training.run(out, bar)
    if not learned_before:
        write_policies(out, training)
    began = time.perf_counter()
    held_out = None if asked.plan is None else _evaluate(out, asked, asked.plan)
    evaluation = None if asked.plan is None else time.perf_counter() - began
    making = Making(command=asked.command, seconds=training.seconds, evaluation_seconds=evaluation)
    judged = [each for each in training.history if each["kind"] == "judge"]
    facts = {
        "command": asked.command,
        "training_seconds": training.seconds,
        "evaluation_seconds": evaluation,
        "rounds": len(judged),
        "judged": judged,
        "versions": versions(),
    }
    finish(out, training, facts, card=model_card(training, feeder, making, held_out))
    _print(training, held_out, out)


def _evaluate(out: Path, asked: Asked, plan: Plan) -> dict[str, Any]:
    """Play the final evaluation."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    typer.echo("final evaluation on held-out days", err=True)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        return evaluate(
            out, asked.scenario, plan, command=asked.command, progress=DayProgress(progress)
        )


def _print(training: Training, held_out: dict[str, Any] | None, out: Path) -> None:
    """Print what came out, and where it is."""
    for each in training.history:
        if each["kind"] == "judge":
            typer.echo(
                f"round {int(each['round']) + 1}: the aggregator earns "
                f"{each['leader_eur_per_day']:.2f} EUR a day, the community pays "
                f"{each['community_eur_per_day']:.2f} EUR a day{_alone(each)} (training days)"
            )
    if held_out is not None:
        typer.echo(f"\nheld-out days {', '.join(held_out['strata'])}")
        print_figures(summary_of(held_out))
    typer.echo(
        f"\npolicies {out}\ncard     {out / 'model_card.md'}\n"
        f"compare  cosim compare {out} --out COMPARISON"
    )


def _alone(judged: Mapping[str, Any]) -> str:
    """Return what one follower could gain alone, in words, where it was measured."""
    if EXPLOITABILITY not in judged:
        return ""
    return f", one follower could gain {judged[EXPLOITABILITY]:.1f} % of its saving alone"


class _Bar:
    """Progress on standard error: a bar on a terminal, elsewhere a line for each unit."""

    def __init__(self, done: int, total: int) -> None:
        self._console = Console(stderr=True)
        self._total = total
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("training", total=total, completed=done, figures="")

    def __enter__(self) -> "_Bar":
        self._progress.start()
        self._say(f"training in {self._total} units; each is kept when it is done")
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, kind: str, done: int, total: int, figures: str) -> None:
        """Show that a unit of `kind` is done."""
        shown = figures.split(", ")[0]
        self._say(f"{KINDS[kind]}: {done} of {total} units done, {shown}")
        self._progress.update(
            self._task, description=KINDS[kind], completed=done, total=total, figures=shown
        )

    def _say(self, line: str) -> None:
        if not self._console.is_terminal:
            self._console.print(line, highlight=False, soft_wrap=True)
