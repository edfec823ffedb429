"""Runs on a feeder that is a file: the folder stands alone."""

import json
from pathlib import Path

import pandapower as pp
import pytest

from cosim import cli
from cosim.errors import ScenarioError
from cosim.scenario_checks import load_scenario
from cosim.scenario_file import read_scenario
from networks.catalog import build_net


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    return int(stopped.value.code or 0)


def test_relative_feeders_begin_at_the_folder_of_the_scenario(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text('[feeder]\nname = "nets/my.json"\n')
    assert read_scenario(file, {}).feeder.name == str(tmp_path / "nets" / "my.json")
    file.write_text('[feeder]\nname = "cigre_lv"\n')
    assert read_scenario(file, {}).feeder.name == "cigre_lv"


def test_a_broken_feeder_is_told_with_the_other_problems(tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text('{"bus')
    with pytest.raises(ScenarioError) as caught:
        load_scenario(
            None,
            {"feeder": {"name": str(tmp_path / "net.json")}, "run": {"days": 0}},
            None,
        )
    told = "\n".join(caught.value.problems)
    assert "cut short" in told
    assert "run.days" in told


def test_inspect_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, page = tmp_path / "net.json", tmp_path / "map.html"
    pp.to_json(build_net("three_bus"), str(file))
    assert run("feeders", "inspect", str(file), "--map", str(page)) == 0
    shown = capsys.readouterr().out
    for words in ("3 bus", "3 supplied, none cut off", "open switches", "base case", "is assumed"):
        assert words in shown
    html = page.read_text()
    assert "<svg" in html
    assert "http" not in html.replace("http://www.w3.org", "")
    broken = build_net("three_bus")
    broken.line.loc[0, "max_i_ka"] = 0.0
    broken.load.loc[0, "bus"] = 77
    pp.to_json(broken, str(file))
    assert run("feeders", "inspect", str(file)) == 2
    told = capsys.readouterr().err
    assert "max_i_ka" in told
    assert "77" in told


@pytest.mark.slow
def test_a_run_on_a_file_is_checked_without_the_file(tmp_path: Path) -> None:
    file, out = tmp_path / "my_net.json", tmp_path / "run"
    pp.to_json(build_net("kerber_dorfnetz"), str(file))
    assert run("run", "--feeder", str(file), "--days", "1", "--out", str(out)) == 0
    file.unlink()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["feeder"] == "my_net.json"
    assert manifest["feeder_file"] == "feeder.json"
    assert read_scenario(out / "scenario.toml", {}).feeder.name == str(out / "feeder.json")
    assert run("check", str(out)) == 0
