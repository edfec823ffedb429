"""A model card says what the policies are, how they were made and what they reached."""

import re
from pathlib import Path

import pytest

from cosim.studies.comparison_summary import METRICS
from cosim.studies.held_out import training_days
from policies.checkpoints import LAYOUTS
from policies.model_card import COMPARED, SHOWN
from policies.training import Training
from tests.policies.judged import BASES, COMMAND, SEED, STRATA, card_of, learned_folder, made_up


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    return learned_folder(tmp_path_factory.mktemp("trained") / "x")


@pytest.fixture(scope="module")
def card(training: Training) -> str:
    return card_of(training, made_up())


def rows(card: str, first: str) -> list[list[str]]:
    """Return the cells of all table rows whose first cell is `first`."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in card.splitlines()
        if line.startswith("|")
    ]
    return [row for row in cells if row[0] == first]


def test_it_says_how_the_policies_were_made(training: Training, card: str) -> None:
    made = {name: rows(card, name)[0][1] for name in ("command", "seed", "versions", "rounds")}
    assert COMMAND in made["command"]
    assert made["seed"] == str(SEED)
    assert all(name in made["versions"] for name in ("python ", "torch ", "stable-baselines3 "))
    assert made["rounds"] == "1 of at most 1"
    ((_, days),) = rows(card, "training days")
    assert days.startswith(f"{len(training_days(training.settings.followers.days))} ")
    ((_, samples),) = rows(card, "samples of followers")
    assert samples == "1,234 decisions of prosumers; iterations: 1"
    ((_, leader),) = rows(card, "samples of the leader")
    each = training.settings.leader
    assert leader == f"{each.environments * each.days} days; updates: 1"
    assert rows(card, "training time") == [["training time", "2.5 min"]]
    assert rows(card, "evaluation time") == [["evaluation time", "45 s"]]


def test_every_player_has_a_row_with_every_metric_and_its_interval(card: str) -> None:
    metrics = [metric for metric in METRICS if metric.name in SHOWN]
    for name, cost in BASES.items():
        found = next(row for row in rows(card, name) if len(row) > 2)
        assert len(found) == 1 + len(metrics)
        assert found[1] == f"{cost:.2f} ({cost - 0.5:.2f} to {cost + 0.75:.2f})"
    (optimum,) = rows(card, "optimum")
    assert optimum[1].startswith("19.50")
    assert optimum[2].startswith("100.0")
    assert set(optimum[3:]) == {"-"}
    assert all(day in card for day in STRATA)


def test_differences_to_the_best_bidder_have_interval_and_verdict(card: str) -> None:
    assert "Differences of `trained_followers` to `fictitious_play`" in card
    assert "Differences of `trained` to `fictitious_play`" in card
    titles = [f"{it.title}, {it.unit}" for it in METRICS if it.name in COMPARED]
    cost, *others = [rows(card, title)[-1] for title in titles]
    # At most 0.0625 EUR dearer and at least 0.375 EUR cheaper: neither is shown.
    assert cost[1:] == ["-0.25", "-0.50 to +0.12", "open"]
    assert len(others) == len(COMPARED) - 1


def test_layouts_are_those_of_this_version(card: str) -> None:
    for side, it in LAYOUTS.items():
        assert [
            *(side, str(it["layout"]), str(len(it["observations"])), str(len(it["actions"])))
        ] in rows(card, side)


def test_without_an_evaluation_it_says_so(training: Training) -> None:
    card = card_of(training, None)
    assert "Not measured" in card
    assert rows(card, "evaluation time") == []
    assert "trained |" not in card


def test_few_seeds_are_a_warning(training: Training, card: str) -> None:
    assert "say little" not in card
    assert "fewer than 5 seeds say little" in card_of(training, made_up(seeds=2))


def test_tables_are_whole(card: str) -> None:
    for table in re.findall(r"(?:^\|.*\n?)+", card, flags=re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_card_speaks_of_no_place_on_a_machine(card: str) -> None:
    assert str(Path.home()) not in card
    assert "/tmp" not in card
