"""The folder of a training: begun once, taken up again as often as needed, never overwritten.

::

    scenario.toml    the settings it is for
    training.json    seed, settings, versions, how far it came; "finished" once it is
    checkpoint.pt    everything needed to go on
    policies.pt      both policies, once they are learned
    held_out.json    what they reached on held-out days
    model_card.md    what they are, how they were made, what they reached, what they are not for
    tensorboard/     curves
"""

import hashlib
import json
import tomllib
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from cosim.errors import PolicyError
from cosim.scenario import Scenario
from cosim.scenario_text import scenario_toml
from cosim.simulation import Policies
from cosim.whole_files import unequal, write_text
from networks.feeder import Feeder
from policies import checkpoints
from policies.leader import LeaderTraining, LearnedLeader, new_model
from policies.ppo import ActorCritic
from policies.prosumer import LearnedFollowers
from policies.training import CHECKPOINT, Training, TrainingSettings

SCENARIO, STATUS, POLICIES = "scenario.toml", "training.json", "policies.pt"
HELD_OUT, CARD = "held_out.json", "model_card.md"


def open_training(
    folder: Path,
    scenario: Scenario,
    feeder: Feeder,
    settings: TrainingSettings,
    *,
    seed: int,
    judging: bool = False,
) -> Training:
    """Return the training of `folder`: taken up again where it holds one, else begun.

    With `judging` a finished one that was never judged is taken up too: nothing is left to learn.

    Raises:
        PolicyError: the folder holds a finished training, one of another scenario, seed or
            settings, or something else, or nobody has anything to decide; all problems at once.
    """
    if scenario.prosumers and not any(
        each.battery_kwh or each.vehicle_kw or each.heat_pump_kw for each in scenario.prosumers
    ):
        raise PolicyError(
            f"prosumers: of {len(scenario.prosumers)} given by hand nobody has a battery, a "
            "vehicle or a heat pump: there is nothing to decide and so nothing to learn"
        )
    training = Training(scenario, feeder, settings, seed=seed)
    begun = folder / STATUS
    if not begun.exists():
        _begin(folder, scenario, settings, seed)
        return training
    status = read_status(folder)
    unjudged = (folder / CHECKPOINT).exists() and not (folder / HELD_OUT).exists()
    if status["status"] == "finished" and not (judging and unjudged):
        raise PolicyError(
            f"{folder}: holds a finished training, which is never overwritten; choose another "
            "folder for --out"
        )
    problems = _differences(folder, status, scenario, settings, seed)
    if problems:
        raise PolicyError(problems)
    text = scenario_toml(scenario)
    if (folder / SCENARIO).read_text(encoding="utf-8") != text:
        write_text(folder / SCENARIO, text)  # somebody wrote into it, or comments read otherwise
    if (folder / CHECKPOINT).exists():
        training.restore(folder)
    return training


def write_policies(folder: Path, training: Training) -> None:
    """Write both policies as they are now."""
    settings = training.settings
    checkpoints.write(
        folder / POLICIES,
        "policies",
        {
            "scenario": scenario_toml(training.scenario),
            "passes": settings.passes,
            "followers": {
                "hidden": settings.followers.ppo.hidden,
                "half_spread_eur_per_kwh": training.scenario.followers.half_spread_eur_per_kwh,
                "weights": training.followers.learner.policy.state_dict(),
            },
            "leader": {
                "settings": _leader_values(settings.leader),
                "parameters": {"policy": training.leader.model.policy.state_dict()},
            },
        },
    )


def finish(
    folder: Path, training: Training, facts: dict[str, Any], *, card: str | None = None
) -> None:
    """Write that the training is finished, with `facts` about it.

    Before that its policies are written, or the model `card` of those that `write_policies` wrote.
    """
    if card is None:
        write_policies(folder, training)
    else:
        write_text(folder / CARD, card)
    status = read_status(folder)
    _write_json(folder / STATUS, {**status, "status": "finished", "done": facts})


def is_finished(folder: Path) -> bool:
    """Whether `folder` holds a finished training, whose policies are never written again."""
    return (folder / STATUS).exists() and read_status(folder)["status"] == "finished"


def load_trained(folder: Path) -> Policies:
    """Return the policies that a finished training left in `folder`.

    Raises:
        PolicyError: there is no finished training, its file is damaged, or its policies see or act
            in another layout than this version's.
    """
    file = folder / POLICIES
    if not file.exists():
        raise PolicyError(_why_no_policies(folder))
    if (folder / STATUS).exists():
        read_status(folder)  # a damaged one is told before anything is played
    content = checkpoints.read(file, "policies")
    try:
        return policies_from(content)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise PolicyError(
            f"{file}: its policies are not such as `cosim train` writes "
            f"({type(error).__name__}: {error}); use a copy, or train anew"
        ) from error


def policies_from(content: dict[str, Any]) -> Policies:
    """Return the policies of the content of a policies file."""
    theirs = content["followers"]
    weights = theirs["weights"]
    observations = weights["actor.0.weight"].shape[1]
    actions = weights["log_std"].shape[0]
    network = ActorCritic(observations, actions, hidden=int(theirs["hidden"]))
    network.load_state_dict(weights)
    given = dict(content["leader"]["settings"])
    tariff = LeaderTraining().tariff.__class__(**given.pop("tariff"))
    settings = LeaderTraining(**given, tariff=tariff)
    model = new_model(settings, seed=0)
    model.policy.load_state_dict(content["leader"]["parameters"]["policy"])
    for side, network_of_side in (("followers", network), ("leader", model.policy)):
        for name, values in network_of_side.state_dict().items():
            if not bool(torch.isfinite(values).all()):
                raise ValueError(f"{side}: {name} holds entries that are not finite")
    return Policies(
        leader=LearnedLeader(model, tariff),
        followers=LearnedFollowers(network, float(theirs["half_spread_eur_per_kwh"])),
        passes=int(content["passes"]),
        requote_every_h=settings.requote_every_h,
    )


def read_status(folder: Path) -> dict[str, Any]:
    """Return what `training.json` says.

    Raises:
        PolicyError: it cannot be read.
    """
    try:
        status: dict[str, Any] = json.loads((folder / STATUS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PolicyError(f"{folder / STATUS}: cannot be read: {error}") from error
    wanted = {"status", "seed", "settings", "scenario_sha256"}
    missing = wanted - set(status if isinstance(status, dict) else ())
    if missing:
        raise PolicyError(
            f"{folder / STATUS}: cannot be read: it lacks {', '.join(sorted(missing))}"
        )
    return status


def _begin(folder: Path, scenario: Scenario, settings: TrainingSettings, seed: int) -> None:
    """Write what the training is of."""
    text = scenario_toml(scenario)
    if folder.exists() and (not folder.is_dir() or _holds_something(folder, text)):
        what = "is a file" if folder.is_file() else "is not empty and holds no training"
        raise PolicyError(f"{folder}: {what}; give a new or empty folder to --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SCENARIO).write_text(text, encoding="utf-8")
    except OSError as error:
        raise PolicyError(f"{folder}: cannot be made: {error.strerror}") from error
    versions = {name: metadata.version(name) for name in ("torch", "stable-baselines3", "numpy")}
    _write_json(
        folder / STATUS,
        {
            "status": "running",
            "seed": seed,
            "settings": asdict(settings),
            "scenario_sha256": _digest(text),
            "versions": versions,
        },
    )


def _holds_something(folder: Path, scenario: str) -> bool:
    """Return whether a folder holds more than a training killed while it began may have left."""
    left = {entry.name for entry in folder.iterdir()} - {f".{STATUS}.part"}
    if left != {SCENARIO}:
        return bool(left)
    return not scenario.startswith((folder / SCENARIO).read_text(encoding="utf-8"))


def _differences(
    folder: Path, status: dict[str, Any], scenario: Scenario, settings: TrainingSettings, seed: int
) -> list[str]:
    """Return how a training begun earlier differs from the one that is asked for."""
    problems = []
    if status["seed"] != seed:
        problems.append(f"{folder}: was begun with seed {status['seed']}, {seed} is asked for")
    wanted = json.loads(json.dumps(asdict(settings)))
    problems += [
        f"{folder}: was begun with {name} = {found}, {asked} is asked for"
        for name, found, asked in unequal(status["settings"], wanted)
    ]
    asked_text = scenario_toml(scenario)
    if status["scenario_sha256"] != _digest(asked_text):
        problems += _scenario_differences(folder, tomllib.loads(asked_text))
    return problems


def _scenario_differences(folder: Path, asked: dict[str, Any]) -> list[str]:
    """Return how the scenario of a training begun earlier differs from `asked`."""
    try:
        begun = tomllib.loads((folder / SCENARIO).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{folder / SCENARIO}: cannot be read: {error}"]
    differences = unequal(begun, asked) or [(SCENARIO, "another one", "that in the folder")]
    return [
        f"{folder}: was begun for another scenario: with {name} = {_told(found)}, "
        f"{_told(wanted)} is asked for"
        for name, found, wanted in differences
    ]


def _why_no_policies(folder: Path) -> str:
    """Return why there is nothing to load."""
    if not folder.is_dir():
        return f"{folder}: is no folder that `cosim train` left"
    if (folder / STATUS).exists():
        if read_status(folder)["status"] == "finished":
            return (
                f"{folder}: its training is finished, but {POLICIES} is missing; use a copy of the "
                "folder, or train anew into another one"
            )
        return (
            f"{folder}: its training is not finished; go on with `cosim train --out {folder}` and "
            "the same settings"
        )
    return f"{folder}: holds no {POLICIES}; `cosim train` leaves one"


def _leader_values(settings: LeaderTraining) -> dict[str, Any]:
    return asdict(settings)


def _told(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _digest(scenario: str) -> str:
    """Return a hash of what a scenario sets; comments of later versions may read otherwise."""
    content = json.dumps(tomllib.loads(scenario), sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def _write_json(file: Path, content: dict[str, Any]) -> None:
    write_text(file, json.dumps(content, indent=2) + "\n")
