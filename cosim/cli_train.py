"""`cosim train`: learn how both sides act, in a folder that can be taken up again."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosim.errors import ScenarioError

if TYPE_CHECKING:  # seconds: imported once the command runs
    from policies.training import TrainingSettings

EXIT_INTERRUPTED = 130

KINDS = {"followers": "followers", "leader": "leader", "judge": "judging a round"}


def train(  # noqa: PLR0913 (one argument an option)
    out: Annotated[
        Path, typer.Option(help="New or empty folder, or that of a training to go on with.")
    ],
    scenario: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    feeder: Annotated[
        str | None,
        typer.Option(help="A name that `cosim feeders` lists, simbench:CODE, or a file."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights and of all draws.")] = 0,
    algorithm: Annotated[
        str, typer.Option(help="Of the leader, by stable-baselines3: PPO, A2C, SAC, TD3 or DDPG.")
    ] = "PPO",
    requote_every_h: Annotated[
        float,
        typer.Option(
            min=0.25, max=24.0, help="Hours between two decisions of the leader; 24: one a day."
        ),
    ] = 24.0,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Most rounds of followers and leader.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Iterations of the followers in the first round.")
    ] = None,
    updates: Annotated[
        int | None, typer.Option(min=1, help="Updates of the leader in the first round.")
    ] = None,
) -> None:
    """Train followers and leader on the training days of a scenario.

    Killed at any moment, the same command goes on where it was. A finished training is never
    overwritten. Judge what was learned with `cosim compare DIR`.
    """
    from cosim.scenario_checks import load_scenario

    overrides: dict[str, dict[str, object]] = {} if feeder is None else {"feeder": {"name": feeder}}
    settings = load_scenario(scenario, overrides, None)

    from policies.training import TrainingSettings

    usual = TrainingSettings()
    training = TrainingSettings(
        rounds_max=rounds or usual.rounds_max,
        follower_iterations=iterations or usual.follower_iterations,
        leader_updates=updates or usual.leader_updates,
        leader=_leader(algorithm, requote_every_h),
    )
    try:
        _train(out, settings, training, seed)
    except KeyboardInterrupt as interrupt:
        typer.echo(f"interrupted; go on with the same command and --out {out}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt


def _leader(algorithm: str, requote_every_h: float) -> Any:
    """Return the leader's settings; raise where the algorithm is unknown."""
    from policies.leader import ALGORITHMS, LeaderTraining

    known = {name.lower(): name for name in ALGORITHMS}
    name = known.get(algorithm.lower())
    if name is None:
        raise ScenarioError(
            f"--algorithm: {algorithm!r} is unknown; known: {', '.join(ALGORITHMS)}"
        )
    return LeaderTraining(algorithm=name, requote_every_h=requote_every_h)


def _train(out: Path, scenario: Any, settings: "TrainingSettings", seed: int) -> None:
    """Open the training of `out`, do what is left of it, and say where it is."""
    from networks.catalog import load_feeder
    from policies.training_folder import finish, open_training

    feeder = load_feeder(
        scenario.feeder.name, **scenario.feeder.of_feeder(owned_devices=scenario.takes_devices)
    )
    training = open_training(out, scenario, feeder, settings, seed=seed)
    if training.position:
        typer.echo(f"going on after {training.position} of {len(training.units)} units", err=True)
    began = time.perf_counter()
    with _Bar(training.position, len(training.units)) as bar:
        training.run(out, bar)
    judged = [each for each in training.history if each["kind"] == "judge"]
    finish(
        out,
        training,
        {
            "seconds_of_this_call": time.perf_counter() - began,
            "rounds": len(judged),
            "judged": judged,
        },
    )
    for each in judged:
        typer.echo(
            f"round {int(each['round']) + 1}: the aggregator earns "
            f"{each['leader_eur_per_day']:.2f} EUR a day, the community pays "
            f"{each['community_eur_per_day']:.2f} EUR a day (training days)"
        )
    typer.echo(f"\npolicies {out}\ncompare  cosim compare {out} --out COMPARISON")


class _Bar:
    """Progress on standard error."""

    def __init__(self, done: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("training", total=total, completed=done, figures="")

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, kind: str, done: int, total: int, figures: str) -> None:
        """Show that a unit of `kind` is done."""
        shown = figures.split(", ")[0]
        self._progress.update(
            self._task, description=KINDS[kind], completed=done, total=total, figures=shown
        )
