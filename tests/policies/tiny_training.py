"""A training that takes seconds: four homes on the CIGRE feeder, one day at a time."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosim.scenario import Scenario
from networks.catalog import load_feeder
from networks.feeder import Feeder
from policies import follower_selection, follower_trials, training
from policies.follower_training import FollowerTraining
from policies.leader import LeaderTraining
from policies.ppo import PpoSettings
from policies.training import Training, TrainingSettings
from policies.training_folder import finish, open_training

FOUR_HOMES = """
[[prosumers]]
bus = 11
pv_kwp = 6
battery_kwh = 6
battery_kw = 3
[[prosumers]]
bus = 15
vehicle_kw = 11
pv_kwp = 4
[[prosumers]]
bus = 16
heat_pump_kw = 4
[[prosumers]]
bus = 17
"""

FOLLOWERS = FollowerTraining(
    environments=1, days=1, passes=0, ppo=PpoSettings(hidden=8, minibatches=2, epochs=2)
)
LEADER = LeaderTraining(environments=2, days=1, hidden=8, epochs=2, minibatch=2)
TINY = TrainingSettings(
    rounds_max=1,
    searches=1,
    follower_iterations=2,
    leader_updates=1,
    passes=0,
    settled=0.0,
    followers=FOLLOWERS,
    leader=LEADER,
)
"""Five units: a search, two iterations, an update, a judgement."""

TWO_ROUNDS = replace(TINY, rounds_max=2)
"""Three units more: an iteration, an update, a judgement."""


ONE_STEP = np.array([0.5, 0.0, 0.0, 0.0])
"""Search the value of batteries only."""

FACTS = {"told": "by a test"}


class Killed(BaseException):
    """Ends a training as a signal would."""


def judge_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge, search and try on one day only."""
    monkeypatch.setattr(follower_selection, "TRIAL_SPANS", 1)
    monkeypatch.setattr(follower_selection, "SEARCH_SPANS", 1)
    monkeypatch.setattr(follower_selection, "SEARCH_STEP", ONE_STEP)
    monkeypatch.setattr(follower_trials, "TRIAL_WORLDS", 1)
    monkeypatch.setattr(training, "JUDGED_SPANS", 1)
    monkeypatch.setattr(training, "JUDGED_DAYS", 1)
    monkeypatch.setattr(training, "DEVIATING_DAYS", 1)
    monkeypatch.setattr(training, "DEVIATORS", 1)


@functools.cache
def four_homes() -> tuple[Scenario, Feeder]:
    import tomllib

    scenario = Scenario.model_validate(tomllib.loads(FOUR_HOMES))
    return scenario, load_feeder("cigre_lv")


def tiny(folder: Path, *, settings: TrainingSettings = TINY, seed: int = 3) -> Training:
    """Open the training of `folder`."""
    return open_training(folder, *four_homes(), settings, seed=seed)


def silent(_kind: str, _done: int, _units: int, _line: str) -> None:
    """Hear what a training tells."""


def whole(folder: Path, settings: TrainingSettings = TINY) -> None:
    """Train without a break."""
    begun = tiny(folder, settings=settings)
    begun.run(folder, silent)
    finish(folder, begun, FACTS)
