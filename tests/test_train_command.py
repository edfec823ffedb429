"""`cosim train` from the command line to a folder that `run` and `compare` take."""

import datetime
import json
from functools import partial
from pathlib import Path

import pytest

from cosim.run_folder import hashes_of
from policies.leader import LeaderTraining
from policies.training import TrainingSettings
from tests.policies.tiny_training import FOLLOWERS, FOUR_HOMES, judge_little
from tests.test_cli import exit_code

SHORT = ("--rounds", "1", "--iterations", "2", "--updates", "1", "--no-evaluation")


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """File of four homes; trainings are small."""
    judge_little(monkeypatch)
    monkeypatch.setattr(
        "policies.training.TrainingSettings",
        partial(TrainingSettings, followers=FOLLOWERS, passes=0),
    )
    monkeypatch.setattr(
        "policies.leader.LeaderTraining",
        partial(LeaderTraining, environments=2, days=1, hidden=8, minibatch=2),
    )
    file = tmp_path / "four.toml"
    file.write_text(FOUR_HOMES, encoding="utf-8")
    return str(file)


def bullets(capsys: pytest.CaptureFixture[str]) -> list[str]:
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    title, *lines = printed.err.splitlines()
    assert title == "error:"
    return lines


def test_bad_options_and_settings_write_nothing(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    bad = tmp_path.parent / f"{tmp_path.name}.toml"
    bad.write_text("[leader]\nmargin_eur_per_kwh = -1\nmargine = 2\n", encoding="utf-8")
    out = str(tmp_path / "x")
    for options, told in (
        (("--algorithm", "DQN"), "'DQN' is unknown; known: PPO, A2C, SAC, TD3, DDPG"),
        (("--feeder", "cigre"), "unknown feeder 'cigre'"),
        (("--scenario", str(tmp_path / "none.toml")), "none.toml"),
        (("--scenario", str(bad)), "margine"),
    ):
        assert exit_code("train", *options, "--out", out) == 2
        assert any(told in line for line in bullets(capsys)), told
    for options in (("--seed", "-1"), ("--rounds", "0"), ("--iterations", "x")):
        assert exit_code("train", "--scenario", scenario, *options, "--out", out) == 2
        assert "Traceback" not in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_prices_that_training_days_lack_are_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = datetime.datetime(2016, 3, 1)
    hours = [start + datetime.timedelta(hours=hour) for hour in range(24 * 300)]
    gap = {str(day.date()) for day in hours[24 * 10 : 24 * 12]}
    rows = [f"{it:%Y-%m-%dT%H:%M},{'' if str(it.date()) in gap else 50}" for it in hours]
    (tmp_path / "p.csv").write_text("time,price\n" + "\n".join(rows), encoding="utf-8")
    (tmp_path / "s.toml").write_text(
        '[wholesale.day_ahead]\nsource = "file"\nfile = "p.csv"\nunit = "EUR/MWh"\n'
        'time_zone = "UTC"\n',
        encoding="utf-8",
    )
    given = ("--scenario", str(tmp_path / "s.toml"), "--out", str(tmp_path / "x"))
    assert exit_code("train", *given, "--no-evaluation") == 2
    (bullet,) = bullets(capsys)
    assert "wholesale.day_ahead" in bullet
    assert "days that training may draw: 2016-01-04 to 2016-" in bullet
    assert "2016-03-11 to 2016-03-13" in bullet
    assert not (tmp_path / "x").exists()


def test_folders_that_cannot_be_used_are_told(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").touch()
    for out, told in (
        (full, "is not empty and holds no training"),
        (full / "mine.txt", "is a file"),
        (full / "mine.txt" / "x", "cannot be made"),
    ):
        assert exit_code("train", "--scenario", scenario, "--out", str(out)) == 2
        assert any(told in line for line in bullets(capsys)), told
    assert [entry.name for entry in full.iterdir()] == ["mine.txt"]


def test_runs_and_comparisons_tell_why_a_folder_cannot_be_played(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        given = ("--policies", str(folder), "--days", "1", "--out", str(tmp_path / "run"))
        assert exit_code("run", "--scenario", scenario, *given) == 2
        assert any(str(folder) in line for line in bullets(capsys))
        given = ("--days", "1", "--seeds", "1", "--out", str(tmp_path / "comparison"))
        assert exit_code("compare", str(folder), "--scenario", scenario, *given) == 2
        assert any(str(folder) in line for line in bullets(capsys))
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "comparison").exists()


@pytest.mark.slow
def test_what_was_trained_is_played_and_compared(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x"
    train = ("train", "--scenario", scenario, *SHORT, "--out", str(out))
    assert exit_code(*train) == 0
    printed = capsys.readouterr()
    assert "round 1: the aggregator earns" in printed.out
    assert f"cosim compare {out}" in printed.out
    status = json.loads((out / "training.json").read_text(encoding="utf-8"))
    assert status["status"] == "finished"
    assert status["done"]["rounds"] == 1
    before = (out / "policies.pt").read_bytes()
    assert exit_code(*train) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert (out / "policies.pt").read_bytes() == before

    for name in ("a", "b"):
        given = ("--policies", str(out), "--days", "1", "--out", str(tmp_path / name))
        assert exit_code("run", "--scenario", scenario, *given) == 0
    left, right = (hashes_of(tmp_path / name) for name in ("a", "b"))
    assert {name for name in left if left[name] != right[name]} <= {"report.html"}
    plain = ("run", "--scenario", scenario, "--days", "1", "--out", str(tmp_path / "plain"))
    assert exit_code(*plain) == 0
    trades = "trades.parquet"
    assert left[trades] != hashes_of(tmp_path / "plain")[trades]

    given = ("--days", "1", "--seeds", "2", "--players", "no_trade,water_value")
    compared = ("compare", str(out), "--scenario", scenario, *given)
    assert exit_code(*compared, "--out", str(tmp_path / "c")) == 0
    facts = json.loads((tmp_path / "c" / "comparison.json").read_text(encoding="utf-8"))
    assert {"x", "x_followers"} <= set(facts["players"])
    cost = {name: each["cost_eur_per_day"]["value"] for name, each in facts["estimates"].items()}
    assert cost["x"] != cost["water_value"]


@pytest.mark.slow
def test_interrupted_it_says_how_to_go_on_and_does(
    scenario: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train = ("train", "--scenario", scenario, *SHORT, "--out")
    assert exit_code(*train, str(tmp_path / "whole")) == 0
    with monkeypatch.context() as patch:

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("cosim.cli_train_run._Bar.__call__", interrupt)
        assert exit_code(*train, str(tmp_path / "x")) == 130
    assert "go on with the same command" in capsys.readouterr().err
    assert exit_code(*train, str(tmp_path / "x"), "--seed", "5") == 2
    assert any("was begun with seed 0, 5 is asked for" in line for line in bullets(capsys))
    assert exit_code(*train, str(tmp_path / "x")) == 0
    assert "going on after 1 of 4 units" in capsys.readouterr().err
    one, other = ((tmp_path / name / "policies.pt").read_bytes() for name in ("whole", "x"))
    assert one == other
