"""A training is finished once it was judged; killed in between, the same command goes on."""

import json
from pathlib import Path
from typing import Any

import pytest

from cosim.errors import PolicyError
from cosim.expectation import PASSES
from cosim.studies.comparison import LineUp, compare
from cosim.studies.comparison_folder import json_text
from cosim.studies.comparison_summary import summary_of
from cosim.studies.held_out import held_out_weeks, parted, training_days
from policies.held_out_evaluation import (
    DEVIATORS,
    TRAINED,
    digest_of,
    evaluate,
    evaluation_plan,
    held_out_facts,
    line_up,
    read_held_out,
)
from policies.training_folder import CARD, HELD_OUT, POLICIES, read_status
from tests.policies.judged import (
    COMMAND,
    SEED,
    finished_folder,
    learned_folder,
    made_up,
    two_homes,
    written_scenario,
)
from tests.studies.small_comparison import content_of, small_strata
from tests.test_cli import exit_code


def options(folder: Path, scenario: str, *more: str) -> tuple[str, ...]:
    return (
        *("train", "--scenario", scenario, "--out", str(folder), "--seed", str(SEED)),
        *("--rounds", "1", "--iterations", "1", "--updates", "1", *more),
    )


@pytest.mark.slow
def test_killed_in_the_evaluation_the_same_command_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, scenario = tmp_path / "x", written_scenario(tmp_path)
    learned_folder(folder)

    def killed(*_: object, **__: object) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr("cosim.cli_train_run.evaluate", killed)
    assert exit_code(*options(folder, scenario)) == 130
    assert read_status(folder)["status"] == "running"
    assert not (folder / CARD).exists()
    learned = (folder / POLICIES).read_bytes()

    asked = []

    def judged(out: Path, *given: Any, **named: Any) -> dict[str, Any]:
        asked.append((given, named["command"]))
        found = made_up(digest_of(out / POLICIES))
        (out / HELD_OUT).write_text(json_text(found), encoding="utf-8")
        return found

    monkeypatch.setattr("cosim.cli_train_run.evaluate", judged)
    assert exit_code(*options(folder, scenario)) == 0
    ((_, plan), command) = asked[0]
    assert (len(plan.starts), plan.days, plan.seeds) == (3, 1, 5)
    assert command == (
        f"cosim train --scenario {scenario} --seed {SEED} --rounds 1 --iterations 1 --updates 1 "
        "--out DIR"
    )
    status = read_status(folder)
    assert status["status"] == "finished"
    assert status["done"]["command"] == command
    assert status["done"]["training_seconds"] == 90.0
    assert (folder / POLICIES).read_bytes() == learned
    assert command in (folder / CARD).read_text(encoding="utf-8")
    assert "fictitious_play" in capsys.readouterr().out

    before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    assert exit_code(*options(folder, scenario)) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before


@pytest.mark.slow
def test_what_was_not_judged_can_be_judged_later_and_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, scenario = tmp_path / "x", written_scenario(tmp_path)
    learned_folder(folder)
    monkeypatch.setattr("cosim.cli_train_run.evaluate", lambda *_, **__: made_up())
    assert exit_code(*options(folder, scenario, "--no-evaluation")) == 0
    assert "Not measured" in (folder / CARD).read_text(encoding="utf-8")
    written = (folder / POLICIES).stat().st_mtime_ns
    assert exit_code(*options(folder, scenario, "--no-evaluation")) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert exit_code(*options(folder, scenario)) == 0
    assert (folder / POLICIES).stat().st_mtime_ns == written
    assert "Not measured" not in (folder / CARD).read_text(encoding="utf-8")


def test_prices_missing_on_held_out_days_are_told_before_anything_is_learned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hours = [f"2016-06-{13 + h // 24:02}T{h % 24:02}:00,{h % 7}" for h in range(24 * 10)]
    (tmp_path / "p.csv").write_text("time,price\n" + "\n".join(hours), encoding="utf-8")
    (tmp_path / "s.toml").write_text(
        '[wholesale.day_ahead]\nsource = "file"\nfile = "p.csv"\nunit = "EUR/MWh"\n'
        'time_zone = "Europe/Berlin"\n[run]\ndays=1\n',
        encoding="utf-8",
    )
    assert exit_code(*options(tmp_path / "x", str(tmp_path / "s.toml"))) == 2
    told = capsys.readouterr().err
    assert told.count("held-out days from 2016-") == 3
    assert "--no-evaluation" in told
    assert not (tmp_path / "x").exists()


def test_what_is_kept_reads_back_to_the_same_summary() -> None:
    players = line_up_without_weights()
    content = content_of(players, compare(players, small_strata()), "water_value")
    text = json_text(held_out_facts(content, command=COMMAND, digest="0" * 64))
    back = summary_of(json.loads(text))
    assert back.reference == "water_value"
    assert back.seeds == content.summary.seeds
    for name, found in content.summary.estimates.items():
        for metric, it in found.items():
            assert str(back.estimates[name][metric]) == str(it)
    for name, apart in content.summary.differences.items():
        for metric, each in apart.items():
            assert str(back.differences[name][metric]) == str(each)
    again = content_of(players, compare(players, small_strata()), "water_value")
    assert json_text(held_out_facts(again, command=COMMAND, digest="0" * 64)) == text


def line_up_without_weights() -> LineUp:
    from dataclasses import replace

    from tests.studies.small_comparison import small_line_up

    known = small_line_up("no_trade", "water_value", "self_consumption")
    trained = replace(known.players[2], name=TRAINED, kind="trained")
    return replace(known, players=(*known.players[:2], trained))


def test_the_trained_policies_play_beside_the_yardsticks(tmp_path: Path) -> None:
    finished_folder(tmp_path / "x")
    players = line_up(tmp_path / "x", two_homes())
    assert players.names == (
        "no_trade",
        "water_value",
        "fictitious_play",
        "trained_followers",
        "trained",
        "optimum",
    )
    assert players.baseline is players.players[0]
    assert players.players[3].policies.passes == PASSES


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no evaluation"),
        ("[]", "is no evaluation"),
        ('{"player": "trained"}', "is no evaluation"),
        (json_text(made_up() | {"player": "nobody"}), "no figures of the player 'nobody'"),
        (json_text(made_up()), "is of policies with SHA-256 000000000000"),
    ],
)
def test_a_damaged_evaluation_is_refused(tmp_path: Path, text: str, told: str) -> None:
    folder = tmp_path
    (folder / POLICIES).write_bytes(b"weights")
    (folder / HELD_OUT).write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=told) as caught:
        read_held_out(folder)
    assert str(folder / HELD_OUT) in str(caught.value)


def test_without_an_evaluation_there_is_none(tmp_path: Path) -> None:
    assert read_held_out(tmp_path) is None


def test_evaluations_are_on_held_out_days_only() -> None:
    for days in (1, 3, 12, 84):
        starts = evaluation_plan(days, 5).starts
        assert len(starts) == days
        learned_from, held_out = parted(starts)
        assert not learned_from
        assert held_out == starts


def test_days_are_parted_into_those_learned_from_and_those_held_out() -> None:
    monday = held_out_weeks()[3]
    assert parted([monday]) == ((), (monday,))
    assert parted([training_days()[5]]) == ((training_days()[5],), ())
    eve = monday.fromordinal(monday.toordinal() - 1)  # plans on it look into a held-out week
    assert parted([eve]) == ((), ())


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_compare_agrees(tmp_path: Path) -> None:
    plan, scenario = evaluation_plan(1, 2), written_scenario(tmp_path)
    texts = []
    for name in ("a", "b"):
        finished_folder(tmp_path / name)
        evaluate(tmp_path / name, two_homes(), plan, command=COMMAND, progress=lambda *_: None)
        texts.append((tmp_path / name / HELD_OUT).read_bytes())
    assert texts[0] == texts[1]
    found = read_held_out(tmp_path / "a")
    assert found is not None
    players = "no_trade,water_value,fictitious_play,optimum"
    code = exit_code(
        *("compare", str(tmp_path / "a"), "--scenario", scenario, "--players", players),
        *("--days", "1", "--seeds", "2", "--out", str(tmp_path / "c")),
        *("--exploitability", str(DEVIATORS)),
    )
    assert code == 0
    compared = json.loads((tmp_path / "c" / "comparison.json").read_text(encoding="utf-8"))
    assert compared["strata"] == found["strata"]
    for ours, theirs in (("trained", "a"), ("fictitious_play", "fictitious_play")):
        assert compared["estimates"][theirs] == found["estimates"][ours]
    assert compared["differences_to_reference"]["a"] == found["differences_to_reference"]["trained"]
