"""What a run knows of the learned policies that it names."""

from pathlib import Path
from typing import Any

import pytest

from cosim.errors import PolicyError
from cosim.learned_policies import who_acts
from cosim.scenario import Followers, Leader, Scenario
from cosim.scenario_text import scenario_toml
from cosim.studies.comparison_folder import json_text
from policies.held_out_evaluation import digest_of
from policies.learned import learned_of, other_settings
from policies.training_folder import HELD_OUT, POLICIES
from tests.policies.judged import finished_folder, made_up, two_homes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "mine"
    finished_folder(folder)
    found = made_up(digest_of(folder / POLICIES))
    (folder / HELD_OUT).write_text(json_text(found), encoding="utf-8")
    return folder


def acting(scenario: Scenario, **sides: Any) -> Scenario:
    return scenario.model_copy(update=sides)


def test_nothing_is_known_where_nobody_learned() -> None:
    assert learned_of(Scenario()) == ()
    assert who_acts(Scenario(), ()) == "leader time_of_use, followers water_value"


def test_both_sides_of_a_folder_are_one_entry(folder: Path) -> None:
    scenario = acting(
        two_homes(),
        leader=Leader(policy="learned", trained=folder),
        followers=Followers(policy="learned", trained=folder),
    )
    (learned,) = learned_of(scenario)
    assert learned.folder == "mine"
    assert learned.sides == ("leader", "followers")
    assert learned.policies_sha256 == digest_of(folder / POLICIES)
    assert learned.other_settings == ()
    assert learned.held_out == made_up(learned.policies_sha256)
    assert who_acts(scenario, (learned,)) == "leader learned (mine), followers learned (mine)"


def test_one_learned_side_is_told_with_the_other(folder: Path) -> None:
    scenario = acting(two_homes(), followers=Followers(policy="learned", trained=folder))
    (learned,) = learned_of(scenario)
    assert learned.sides == ("followers",)
    assert who_acts(scenario, (learned,)) == "leader time_of_use, followers learned (mine)"


def test_other_settings_are_told_but_not_when_and_by_whom() -> None:
    trained_on = scenario_toml(two_homes())
    run = two_homes().run.model_copy(update={"days": 2, "seed": 9})
    assert other_settings(trained_on, two_homes().model_copy(update={"run": run})) == ()
    grid = two_homes().grid.model_copy(update={"rule": "pro_rata", "compare_with_none": False})
    feeder = two_homes().feeder.model_copy(update={"limits": "ansi_a"})
    found = other_settings(trained_on, Scenario(grid=grid, feeder=feeder))
    assert found == (
        "feeder.limits: not set there, ansi_a here",
        "grid.rule: optimal there, pro_rata here",
        "prosumers given by hand: 2 there, none here",
    )


def test_an_evaluation_of_other_policies_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / POLICIES).write_bytes((folder / POLICIES).read_bytes())
    scenario = acting(two_homes(), leader=Leader(policy="learned", trained=tmp_path))
    (learned,) = learned_of(scenario)
    assert learned.held_out is None
    (tmp_path / HELD_OUT).write_text(json_text(made_up()), encoding="utf-8")
    with pytest.raises(PolicyError, match="is of policies with SHA-256"):
        learned_of(scenario)
