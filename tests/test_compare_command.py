"""`cosim compare` from the command line to the finished folder, and what it refuses."""

import json
from pathlib import Path

import pytest

from cosim.run_folder import hashes_of
from cosim.studies.comparison_summary import METRICS
from policies.players import PLAYERS, YARDSTICKS
from tests.test_cli import exit_code

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


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    file = tmp_path / "four.toml"
    file.write_text(FOUR_HOMES, encoding="utf-8")
    return str(file)


def test_all_problems_come_at_once_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").touch()
    nowhere = tmp_path / "nowhere"
    before = sorted(tmp_path.rglob("*"))
    code = exit_code(
        *("compare", str(nowhere), "--players", "water_value,best,water_value"),
        *("--weeks", "13", "--days", "0", "--seeds", "0", "--reference", "worst"),
        *("--feeder", "cigre", "--out", str(full)),
    )
    printed = capsys.readouterr()
    assert code == 2
    title, *bullets = printed.err.splitlines()
    assert title == "error:"
    assert all(bullet.startswith("  * ") for bullet in bullets)
    for part in (
        *("--weeks and --days", "--weeks: found 13; allowed is 1 to 12", "--days: found 0"),
        *("--seeds: found 0", "'best' is unknown; known are", "water_value: given 2 times"),
        *(f"{nowhere}: is no folder", "--reference: 'worst'", "unknown feeder 'cigre'"),
        "is not empty",
    ):
        assert sum(part in bullet for bullet in bullets) == 1, part
    assert len(bullets) == 10
    for name in (*PLAYERS, *YARDSTICKS):
        assert name in printed.err
    assert printed.out == ""
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--players", "optimum"), "nobody plays"),
        (("--seeds", "-3"), "--seeds: found -3"),
        (("--days", "85"), "allowed is 1 to 84"),
        (("--exploitability", "-1"), "--exploitability: found -1"),
    ],
)
def test_one_problem_is_told_alone(
    options: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("compare", *options, "--out", str(tmp_path / "a")) == 2
    (_, bullet) = capsys.readouterr().err.splitlines()
    assert told in bullet


def test_missing_prices_are_told_for_each_span(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hours = [f"2016-06-{13 + h // 24:02}T{h % 24:02}:00,{h % 7}" for h in range(24 * 10)]
    (tmp_path / "p.csv").write_text("time,price\n" + "\n".join(hours), encoding="utf-8")
    (tmp_path / "s.toml").write_text(
        '[wholesale.day_ahead]\nsource = "file"\nfile = "p.csv"\nunit = "EUR/MWh"\n'
        'time_zone = "Europe/Berlin"\n[wholesale.imbalance]\nsource = "synthetic"\n[run]\ndays=1\n',
        encoding="utf-8",
    )
    given = ("--scenario", str(tmp_path / "s.toml"), "--days", "2", "--out", str(tmp_path / "a"))
    assert exit_code("compare", *given) == 2
    bullets = capsys.readouterr().err.splitlines()[1:]
    assert len(bullets) == 2
    assert all("held-out days from 2016-" in bullet for bullet in bullets)


@pytest.mark.slow
def test_trained_folders_play_beside_the_others_and_bytes_repeat(
    scenario: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from cosim.scenario import Scenario

    policies = PLAYERS["water_value"](Scenario()).policies
    monkeypatch.setattr("policies.training_folder.load_trained", lambda _folder: policies)
    for name in ("x/mine", "y/mine"):
        (tmp_path / name).mkdir(parents=True)
    folders = (str(tmp_path / "x" / "mine"), str(tmp_path / "y" / "mine"))
    for name in ("a", "b"):
        code = exit_code(
            *("compare", *folders, "--scenario", scenario, "--days", "2", "--seeds", "2"),
            *("--players", "no_trade,water_value,optimum", "--out", str(tmp_path / name)),
        )
        assert code == 0
    printed = capsys.readouterr()
    assert "water_value" in printed.out
    assert f"report   {tmp_path / 'b' / 'report.html'}" in printed.out
    left, right = (hashes_of(tmp_path / name) for name in ("a", "b"))
    assert {name for name in left if left[name] != right[name]} <= {"report.html"}
    facts = json.loads((tmp_path / "a" / "comparison.json").read_text(encoding="utf-8"))
    trained = [name for folder in folders for name in (f"{folder}_followers", folder)]
    names = ["no_trade", "water_value", *trained]
    assert list(facts["players"]) == names
    assert facts["reference"] == "no_trade"
    estimates = facts["estimates"]
    for name in trained:  # the same policies do the same
        assert estimates[name] == estimates["water_value"]
    assert estimates["optimum"]["value_capture_percent"]["value"] == pytest.approx(100.0)
    assert 0.0 < estimates["water_value"]["value_capture_percent"]["value"] < 100.0


@pytest.mark.slow
def test_the_default_scenario_is_compared_with_nothing_broken(tmp_path: Path) -> None:
    given = ("--days", "1", "--seeds", "2", "--players", "no_trade,water_value,fictitious_play")
    measured = ("--exploitability", "2")
    assert exit_code("compare", *given, *measured, "--out", str(tmp_path / "a")) == 0
    facts = json.loads((tmp_path / "a" / "comparison.json").read_text(encoding="utf-8"))
    estimates = facts["estimates"]
    for found in estimates.values():
        assert found["violation_intervals_per_day"]["value"] == 0.0
    assert facts["incentives"]["prosumers"] == 2
    assert "exploitability_percent" not in estimates["no_trade"]
    for name in ("exploitability_percent", "hindsight_regret_percent"):
        assert estimates["fictitious_play"][name]["value"] > 0.0
        assert estimates["fictitious_play"][name]["value"] < estimates["water_value"][name]["value"]
    costs = {name: found["cost_eur_per_day"]["value"] for name, found in estimates.items()}
    assert costs["fictitious_play"] < costs["water_value"] < costs["no_trade"]


def test_the_page_tells_of_every_player_metric_and_file() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "comparison.md").read_text("utf-8")
    for name in (*PLAYERS, *YARDSTICKS):
        assert f"| `{name}` |" in page
    for metric in METRICS:
        assert metric.title.removeprefix("peak ") in page
    for file in ("table.csv", "results.parquet", "spans.csv", "comparison.json", "manifest.json"):
        assert f"`{file}`" in page
