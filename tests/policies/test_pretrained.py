"""The policies that come with the toolkit are whole, small, judged, and say how they were made."""

import tomllib

import pytest

from policies.checkpoints import read
from policies.held_out_evaluation import TRAINED, read_held_out
from policies.players import FOLLOWERS_ALONE
from policies.registry import PRETRAINED
from policies.training_folder import CARD, POLICIES, SCENARIO, load_trained, read_status

LARGEST_BYTES = 1_000_000

pytestmark = pytest.mark.skipif(
    not PRETRAINED.is_dir(), reason=f"no policies come along yet: {PRETRAINED} does not exist"
)


def test_they_load_in_the_layouts_of_this_version() -> None:
    policies = load_trained(PRETRAINED)  # refuses other layouts
    assert policies.passes >= 0
    assert read_status(PRETRAINED)["status"] == "finished"


def test_they_are_small() -> None:
    files = [file for file in PRETRAINED.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < LARGEST_BYTES


def test_they_were_judged_beside_the_yardsticks() -> None:
    found = read_held_out(PRETRAINED)  # refuses an evaluation of other policies
    assert found is not None
    assert found["player"] == TRAINED
    beside = {"no_trade", "water_value", "fictitious_play", "optimum"}
    assert set(found["estimates"]) == {*beside, f"{TRAINED}{FOLLOWERS_ALONE}", TRAINED}
    assert found["seeds"] >= 5


def test_the_card_names_command_and_seed() -> None:
    card = (PRETRAINED / CARD).read_text(encoding="utf-8")
    status, found = read_status(PRETRAINED), read_held_out(PRETRAINED)
    assert found is not None
    assert found["command"] in card
    assert status["done"]["command"] == found["command"]
    assert f"--seed {status['seed']} " in found["command"]
    assert f"| seed | {status['seed']} |" in card
    assert all(day in card for day in found["strata"])


def test_the_scenario_is_the_one_they_hold() -> None:
    text = (PRETRAINED / SCENARIO).read_text(encoding="utf-8")
    inside = str(read(PRETRAINED / POLICIES, "policies")["scenario"])
    assert tomllib.loads(text) == tomllib.loads(inside)
