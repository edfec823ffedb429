"""`cosim check` on the day-ahead bid: states that break limits, and tables that do not add up."""

from pathlib import Path

import numpy as np
import pytest

from cosim import bid_check, engine_check
from cosim.run_check import check_run
from tests.recorded_run import FEEDER, INTERVALS, OVERVOLTAGE, add, change, exit_code, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "run")


@pytest.fixture
def no_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look only at what comes before other engines are asked."""
    monkeypatch.setattr(engine_check, "ENGINES", {})


def test_the_bid_is_solved_again_schedule_up_and_down(folder: Path) -> None:
    (play,) = check_run(folder, everything=True).plays
    assert play.bid.judged
    assert play.bid.broken == ()
    for check in play.bid.engines:
        assert check.agrees
        assert check.found.states == 3 * (INTERVALS - 1) + 1  # one interval bids nothing


def test_a_feasible_offer_may_break_no_limit(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both tables tell of 60 MW more than the grid bears upward in interval 2."""
    at = 2 * FEEDER.bus_count + 8
    change(folder, "bid_buses", add("up_kw", at, -60_000.0))
    change(folder, "wholesale", add("up_feasible_kw", 2, 60_000.0))
    change(folder, "wholesale", add("up_offered_kw", 2, 60_000.0))
    (play,) = check_run(folder).plays
    (broken,) = play.bid.broken
    words = "the validated schedule with all of up breaks a limit"
    assert broken == f"bid: {words} in 1 intervals: 2"
    assert not play.passed
    assert exit_code("check", str(folder)) == 1
    assert f"run: bid: {words}" in capsys.readouterr().err


@pytest.mark.usefixtures("no_engines")
def test_a_state_that_firm_load_alone_would_break_too_is_nobodys_fault(folder: Path) -> None:
    assert check_run(folder).plays[0].bid.passed
    change(folder, "bid_buses", add("firm_kw", OVERVOLTAGE * FEEDER.bus_count + 5, 20_000.0))
    (play,) = check_run(folder).plays
    assert play.bid.broken == tuple(
        f"bid: {words} breaks a limit in 1 intervals: {OVERVOLTAGE}"
        for words in bid_check.PRODUCTS.values()
    )


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("wholesale", "validated_kwh", 1), 0.5, "validated_kwh less bid_kwh is not what bid_bus"),
        (("wholesale", "bid_kwh", 1), 0.5, "validated_kwh less bid_kwh is not what bid_buses"),
        (("wholesale", "up_feasible_kw", 1), 1.0, "up_feasible_kw is not what bid_buses adds up"),
        (("wholesale", "down_feasible_kw", 1), np.nan, "down_feasible_kw is not what bid_buses"),
        (("wholesale", "up_offered_kw", 1), -5.0, "up_feasible_kw is below zero or above up_off"),
        (("bid_buses", "down_kw", 20), 1.0, "down_feasible_kw is not what bid_buses adds up to"),
        (("bid_buses", "validated_kw", 20), np.nan, "the validated schedule breaks a limit"),
    ],
)
@pytest.mark.usefixtures("no_engines")
def test_a_changed_bid_no_longer_adds_up(
    folder: Path, place: tuple[str, str, int], value: float, words: str
) -> None:
    table, column, row = place
    change(folder, table, add(column, row, value))
    (play,) = check_run(folder).plays
    assert any(words in sentence for sentence in play.bid.broken)
    assert all("in 1 intervals: 1" in sentence for sentence in play.bid.broken)
    assert not play.passed


@pytest.mark.usefixtures("no_engines")
def test_without_validation_a_bid_must_add_up_but_may_break_limits(folder: Path) -> None:
    text = '[feeder]\nname = "cigre_mv"\n[grid]\nrule = "none"\n'
    (folder / "scenario.toml").write_text(text, encoding="utf-8")
    at = 2 * FEEDER.bus_count + 8
    change(folder, "bid_buses", add("up_kw", at, -60_000.0))
    change(folder, "wholesale", add("up_offered_kw", 2, 60_000.0))
    (play,) = check_run(folder).plays
    assert len(play.bid.broken) == 1
    assert "up_feasible_kw is not what" in play.bid.broken[0]
    change(folder, "wholesale", add("up_feasible_kw", 2, 60_000.0))
    (play,) = check_run(folder).plays
    assert play.bid.broken == ()
    assert play.bid.engines == ()
