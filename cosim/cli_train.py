"""`cosim train`: learn how both sides act, in a folder that can be taken up again."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cosim.errors import ScenarioError

EXIT_INTERRUPTED = 130
DAY_H = 24.0
DAYS, SEEDS = 3, 5
"""Of the final evaluation."""


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
            min=0.25, max=DAY_H, help="Hours between two decisions of the leader; 24: one a day."
        ),
    ] = DAY_H,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Most rounds of followers and leader.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Iterations of the followers in the first round.")
    ] = None,
    updates: Annotated[
        int | None, typer.Option(min=1, help="Updates of the leader in the first round.")
    ] = None,
    evaluate_days: Annotated[
        int, typer.Option(min=1, max=84, help="Held-out days of the final evaluation.")
    ] = DAYS,
    evaluate_seeds: Annotated[
        int, typer.Option(min=1, help="Worlds drawn for each of these days.")
    ] = SEEDS,
    no_evaluation: Annotated[
        bool, typer.Option("--no-evaluation", help="Leave the final evaluation out.")
    ] = False,
) -> None:
    """Train followers and leader on the training days of a scenario, and judge them on others.

    Killed at any moment, the same command goes on where it was. A finished training is never
    overwritten. Beside the policies a model card is left, with what they reach on held-out days.
    """
    command = _command(
        {
            "scenario": scenario,
            "feeder": feeder,
            "seed": seed,
            "algorithm": None if algorithm == "PPO" else algorithm,
            "requote-every-h": None if requote_every_h == DAY_H else f"{requote_every_h:g}",
            "rounds": rounds,
            "iterations": iterations,
            "updates": updates,
            "evaluate-days": None if no_evaluation or evaluate_days == DAYS else evaluate_days,
            "evaluate-seeds": None if no_evaluation or evaluate_seeds == SEEDS else evaluate_seeds,
        }
    )
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

    from cosim.cli_train_run import Asked, train_with_progress
    from policies.held_out_evaluation import evaluation_plan

    plan = None if no_evaluation else evaluation_plan(evaluate_days, evaluate_seeds)
    asked = Asked(scenario=settings, settings=training, seed=seed, plan=plan, command=command)
    try:
        train_with_progress(out, asked)
    except KeyboardInterrupt as interrupt:
        typer.echo(f"interrupted; go on with the same command and --out {out}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt


def _command(options: Mapping[str, object]) -> str:
    """Return the command that asks for this training, whatever its folder is called."""
    words = ["cosim", "train"]
    for name, value in options.items():
        if value is not None:
            words += [f"--{name}", str(value)]
    return shlex.join([*words, "--out", "DIR"])


def _leader(algorithm: str, requote_every_h: float) -> Any:
    """Return the leader's settings; raise where the algorithm is unknown."""
    from policies.leader import ALGORITHMS, LeaderTraining

    if not (24.0 / requote_every_h).is_integer() or not (4.0 * requote_every_h).is_integer():
        raise ScenarioError(
            f"--requote-every-h: {requote_every_h:g} h does not divide a day into whole quarter "
            "hours; allowed are e.g. 0.25, 0.5, 1, 2, 3, 4, 6, 8, 12 and 24"
        )
    known = {name.lower(): name for name in ALGORITHMS}
    name = known.get(algorithm.lower())
    if name is None:
        raise ScenarioError(
            f"--algorithm: {algorithm!r} is unknown; known: {', '.join(ALGORITHMS)}"
        )
    return LeaderTraining(algorithm=name, requote_every_h=requote_every_h)
