"""Trainings broken off anywhere end as if nothing had happened, and overwrite nothing."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cosim.errors import PolicyError
from cosim.scenario import Run
from cosim.studies.incentives import EXPLOITABILITY
from policies import checkpoints
from policies.leader import LearnedLeader
from policies.prosumer import LearnedFollowers
from policies.training import CHECKPOINT, Training, TrainingSettings
from policies.training_folder import POLICIES, SCENARIO, STATUS, load_trained, open_training
from tests.policies.tiny_training import (
    FACTS,
    FOLLOWERS,
    TINY,
    TWO_ROUNDS,
    Killed,
    four_homes,
    judge_little,
    silent,
    tiny,
    whole,
)

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of a training without a break."""
    folder = tmp_path_factory.mktemp("training") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        judge_little(patch)
        whole(folder)
        yield folder


def kill(_kind: str, _done: int, _units: int, _line: str) -> None:
    raise Killed


def same(left: Any, right: Any) -> bool:
    """Return whether two contents are equal to the last bit."""
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_units_are_rounds_that_get_shorter() -> None:
    kinds = [kind for kind, _ in TWO_ROUNDS.units()]
    learned = ["followers", "followers", "leader", "judge", "followers", "leader", "judge"]
    assert kinds == ["search", *learned]
    assert TINY.units() == TWO_ROUNDS.units()[:5]
    usual = TrainingSettings().units()
    assert usual[-1] == ("judge", TrainingSettings().rounds_max - 1)
    assert [turn for _, turn in usual] == sorted(turn for _, turn in usual)


def test_a_training_leaves_policies_and_says_that_it_is_finished(trained: Path) -> None:
    names = {entry.name for entry in trained.iterdir()}
    assert names == {SCENARIO, STATUS, CHECKPOINT, POLICIES, "tensorboard"}
    status = json.loads((trained / STATUS).read_text(encoding="utf-8"))
    assert status["status"] == "finished"
    assert status["seed"] == 3
    assert status["done"] == FACTS
    assert status["settings"]["leader"]["algorithm"] == "PPO"
    history = checkpoints.read(trained / CHECKPOINT, "checkpoint")["history"]
    assert [each["kind"] for each in history] == [kind for kind, _ in TINY.units()]
    assert all(value == value for each in history for value in each.values())
    assert any((trained / "tensorboard").iterdir())


def test_policies_of_a_folder_act_on_both_sides(trained: Path) -> None:
    policies = load_trained(trained)
    assert isinstance(policies.leader, LearnedLeader)
    assert isinstance(policies.followers, LearnedFollowers)
    assert policies.passes == TINY.passes


def same_training(left: Path, right: Path) -> bool:
    """Return whether two trainings ended alike; how long they took may differ."""
    for name in (POLICIES, SCENARIO, STATUS):
        assert digest(left / name) == digest(right / name), name
    one, other = (checkpoints.read(each / CHECKPOINT, "checkpoint") for each in (left, right))
    assert one.pop("seconds") > 0.0
    assert other.pop("seconds") > 0.0
    return same(one, other)


def test_killed_after_and_within_a_unit_it_ends_with_the_same_bytes(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first one, and before what the third one learned was kept."""
    folder, save = tmp_path / "x", Training.save

    def broken_off(self: Training, into: Path) -> None:
        if self.position == 3:
            raise Killed
        save(self, into)

    with pytest.raises(Killed):
        tiny(folder).run(folder, kill)
    with monkeypatch.context() as patch:
        patch.setattr(Training, "save", broken_off)
        with pytest.raises(Killed):
            tiny(folder).run(folder, silent)
    assert tiny(folder).position == 2
    whole(folder)
    assert same_training(folder, trained)


@pytest.mark.slow
def test_every_unit_of_two_rounds_can_be_done_by_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_little(monkeypatch)
    whole(tmp_path / "whole", TWO_ROUNDS)
    folder = tmp_path / "broken"
    for number in range(len(TWO_ROUNDS.units())):
        training = tiny(folder, settings=TWO_ROUNDS)
        assert training.position == number
        with pytest.raises(Killed):
            training.run(folder, kill)
    whole(folder, TWO_ROUNDS)
    assert same_training(folder, tmp_path / "whole")


def test_another_seed_ends_with_other_policies(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_little(monkeypatch)
    quick = replace(TINY, rounds_max=1, searches=0)
    training = tiny(tmp_path / "x", settings=quick, seed=4)
    with pytest.raises(Killed):
        training.run(tmp_path / "x", kill)
    ours, theirs = (
        checkpoints.read(folder / CHECKPOINT, "checkpoint")["history"][place]
        for folder, place in ((tmp_path / "x", 0), (trained, 1))
    )
    assert ours["gain_eur_per_prosumer_day"] != theirs["gain_eur_per_prosumer_day"]


def test_a_finished_training_is_never_overwritten(trained: Path) -> None:
    before = {file: digest(file) for file in trained.rglob("*") if file.is_file()}
    with pytest.raises(PolicyError, match="holds a finished training, which is never overwritten"):
        tiny(trained)
    assert {file: digest(file) for file in trained.rglob("*") if file.is_file()} == before


def begun(folder: Path) -> Path:
    tiny(folder)
    return folder


def test_what_differs_from_a_training_begun_is_told_at_once(tmp_path: Path) -> None:
    folder = begun(tmp_path / "x")
    scenario, feeder = four_homes()
    other = scenario.model_copy(update={"run": Run(days=3)})
    settings = replace(
        TINY, leader_updates=7, followers=replace(FOLLOWERS, ppo=replace(FOLLOWERS.ppo, clip=0.3))
    )
    with pytest.raises(PolicyError) as caught:
        open_training(folder, other, feeder, settings, seed=8)
    for part in (
        "was begun with seed 3, 8 is asked for",
        "was begun with leader_updates = 1, 7 is asked for",
        "was begun with followers.ppo.clip = 0.2, 0.3 is asked for",
        "was begun for another scenario: with run.days = 7, 3 is asked for",
    ):
        assert sum(part in problem for problem in caught.value.problems) == 1, part
    assert len(caught.value.problems) == 4
    tiny(folder)  # the right one goes on


def test_a_scenario_somebody_wrote_into_is_put_right(tmp_path: Path) -> None:
    folder = begun(tmp_path / "x")
    before = (folder / SCENARIO).read_text(encoding="utf-8")
    (folder / SCENARIO).write_text(before.replace("days = 7", "days = 9"), encoding="utf-8")
    tiny(folder)
    assert (folder / SCENARIO).read_text(encoding="utf-8") == before


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(PolicyError, match="is not empty and holds no training"):
        tiny(tmp_path)
    with pytest.raises(PolicyError, match="is a file"):
        tiny(tmp_path / "mine.txt")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(PolicyError, match=r"mine\.txt.*cannot be made"):
        tiny(tmp_path / "mine.txt" / "below")


def test_a_training_killed_while_it_begins_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            "policies.training_folder._write_json", lambda *_: (_ for _ in ()).throw(Killed)
        )
        with pytest.raises(Killed):
            tiny(tmp_path / "x")
    assert [entry.name for entry in (tmp_path / "x").iterdir()] == [SCENARIO]
    assert tiny(tmp_path / "x").position == 0
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / SCENARIO).write_text("[run]\ndays = 3\n", encoding="utf-8")
    with pytest.raises(PolicyError, match="is not empty and holds no training"):
        tiny(tmp_path / "y")  # somebody's settings


@pytest.mark.parametrize("text", ["", "{", "[]", '{"status": "running"}', "null"])
def test_a_damaged_status_is_told(text: str, tmp_path: Path) -> None:
    folder = begun(tmp_path / "x")
    (folder / STATUS).write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=rf"{STATUS}: cannot be read"):
        tiny(folder)
    (folder / POLICIES).write_bytes(b"any")
    with pytest.raises(PolicyError, match=rf"{STATUS}: cannot be read"):
        load_trained(folder)


def test_a_damaged_checkpoint_is_told_and_kept(tmp_path: Path) -> None:
    folder = begun(tmp_path / "x")
    (folder / CHECKPOINT).write_bytes(b"half a file")
    with pytest.raises(PolicyError, match=rf"{CHECKPOINT}: corrupt, truncated"):
        tiny(folder)
    assert (folder / CHECKPOINT).read_bytes() == b"half a file"


def test_loading_says_why_there_is_nothing_to_load(trained: Path, tmp_path: Path) -> None:
    folder = begun(tmp_path / "x")
    with pytest.raises(PolicyError, match=f"not finished; go on with `cosim train --out {folder}`"):
        load_trained(folder)
    with pytest.raises(PolicyError, match="is no folder that `cosim train` left"):
        load_trained(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PolicyError, match=rf"holds no {POLICIES}"):
        load_trained(tmp_path / "empty")
    done = tmp_path / "done"
    done.mkdir()
    (done / STATUS).write_bytes((trained / STATUS).read_bytes())
    with pytest.raises(PolicyError, match=f"is finished, but {POLICIES} is missing"):
        load_trained(done)
    (folder / POLICIES).write_bytes((trained / CHECKPOINT).read_bytes())
    with pytest.raises(PolicyError, match="holds checkpoint; policies is needed"):
        load_trained(folder)


def test_policies_whose_content_is_not_theirs_are_refused(trained: Path, tmp_path: Path) -> None:
    content = checkpoints.read(trained / POLICIES, "policies")
    followers = content["followers"]
    for wrong in (
        {},
        {**content, "followers": {**followers, "hidden": 5}},
        {**content, "followers": {**followers, "weights": {}}},
        {**content, "leader": {**content["leader"], "parameters": {"policy": {}}}},
        {**content, "leader": {**content["leader"], "settings": {"algorithm": "DQN"}}},
    ):
        checkpoints.write(tmp_path / POLICIES, "policies", wrong)
        with pytest.raises(PolicyError, match=str(tmp_path)):
            load_trained(tmp_path)


def test_a_community_that_decides_nothing_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    scenario, feeder = four_homes()
    nobody = scenario.model_copy(update={"prosumers": scenario.prosumers[3:]})
    with pytest.raises(PolicyError, match="nobody has a battery, a vehicle or a heat pump"):
        open_training(tmp_path / "x", nobody, feeder, TINY, seed=0)
    assert not (tmp_path / "x").exists()


def test_rounds_end_when_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(*four_homes(), replace(TINY, rounds_max=3, settled=0.5), seed=0)
    monkeypatch.setattr(
        Training, "_unit", lambda *_: {"leader_eur_per_day": 1.0, "community_eur_per_day": 2.0}
    )
    seen = []
    training.run(tmp_path, lambda *told: seen.append(told[:3]), log=False)
    assert training.finished
    assert [kind for kind, _, _ in seen].count("judge") == 2
    assert seen[-1] == ("judge", len(training.units), len(training.units))


def test_rounds_go_on_while_incentives_fall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same_sides = {"leader_eur_per_day": 1.0, "community_eur_per_day": 2.0}
    left = iter([9.0, 7.0, 6.8, 3.0])

    def unit(_training: Training, kind: str, *_: object) -> dict[str, float]:
        return same_sides | ({EXPLOITABILITY: next(left)} if kind == "judge" else {})

    monkeypatch.setattr(Training, "_unit", unit)
    training = Training(*four_homes(), replace(TINY, rounds_max=5, settled=0.005), seed=0)
    training.run(tmp_path, silent, log=False)
    judged = [each for each in training.history if each["kind"] == "judge"]
    assert [each[EXPLOITABILITY] for each in judged] == [9.0, 7.0, 6.8]


def test_a_round_tells_what_one_follower_could_gain(trained: Path) -> None:
    history = checkpoints.read(trained / CHECKPOINT, "checkpoint")["history"]
    (judged,) = [each for each in history if each["kind"] == "judge"]
    assert judged[EXPLOITABILITY] >= 0.0


DRIVER = """
import sys
from pathlib import Path
import pytest
from tests.policies.tiny_training import judge_little, whole
with pytest.MonkeyPatch.context() as patch:
    judge_little(patch)
    whole(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_process_killed_by_a_signal_ends_with_the_same_bytes(
    trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "x"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", DRIVER, str(folder)]
    checkpoint = folder / CHECKPOINT
    process = subprocess.Popen(command, env=environment, cwd=REPOSITORY)
    while process.poll() is None and not checkpoint.exists():
        time.sleep(0.005)
    time.sleep(0.1)  # within the second unit
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert subprocess.run(command, env=environment, cwd=REPOSITORY, check=False).returncode == 0
    assert same_training(folder, trained)
