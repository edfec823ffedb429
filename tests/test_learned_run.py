"""`cosim run --policies DIR`: who acted, and what is known of it, stays with the run."""

import json
from pathlib import Path

import pytest

from cosim.run_folder import read_run
from cosim.studies.comparison_folder import json_text
from policies.held_out_evaluation import digest_of
from policies.training_folder import HELD_OUT, POLICIES
from tests.policies.judged import finished_folder, made_up, written_scenario
from tests.reports.page import read_page
from tests.test_cli import exit_code


@pytest.mark.slow
def test_the_run_keeps_who_acted_and_shows_the_held_out_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, scenario = tmp_path / "mine", written_scenario(tmp_path)
    finished_folder(folder)
    digest = digest_of(folder / POLICIES)
    (folder / HELD_OUT).write_text(json_text(made_up(digest)), encoding="utf-8")
    day = ("run", "--scenario", scenario, "--start", "2016-06-13", "--days", "1")
    assert exit_code(*day, "--policies", str(folder), "--out", str(tmp_path / "run")) == 0
    printed = capsys.readouterr().out
    assert "leader learned (mine), followers learned (mine)" in printed
    run = read_run(tmp_path / "run")
    (entry,) = run.manifest["policies"]
    assert entry == {
        "folder": "mine",
        "sides": ["leader", "followers"],
        "policies_sha256": digest,
        "other_settings": [],
        "held_out": json.loads((folder / HELD_OUT).read_text(encoding="utf-8")),
    }
    page = read_page(run.report.read_text(encoding="utf-8"))
    assert "held-out-money" in page.tables

    assert exit_code(*day, "--out", str(tmp_path / "plain")) == 0
    assert "leader time_of_use, followers water_value" in capsys.readouterr().out
    plain = read_run(tmp_path / "plain")
    assert plain.manifest["policies"] == []
    assert "held-out-money" not in read_page(plain.report.read_text(encoding="utf-8")).tables


def test_a_damaged_evaluation_is_told_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    finished_folder(folder)
    (folder / HELD_OUT).write_text("{", encoding="utf-8")
    code = exit_code(
        *("run", "--scenario", written_scenario(tmp_path), "--policies", str(folder)),
        *("--days", "1", "--out", str(tmp_path / "run")),
    )
    assert code == 2
    assert str(folder / HELD_OUT) in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
