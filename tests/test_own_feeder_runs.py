"""Runs on a feeder that is a file: the folder stands alone."""

import json
from pathlib import Path
from typing import Any

import pandapower as pp
import pytest

from cosim import cli
from cosim.errors import ScenarioError
from cosim.scenario import FeederSettings
from cosim.scenario_checks import load_scenario
from cosim.scenario_file import read_scenario
from networks.base_case import RUNPP_OPTIONS
from networks.catalog import build_net, describe_feeders


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


def test_a_preset_of_a_scenario_is_taken_as_people_write_it() -> None:
    assert FeederSettings.model_validate({"limits": "VDE-AR-N 4105"}).limits == "vde_ar_n_4105"


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


def inspected(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run("feeders", "inspect", *arguments, "--json") == 0
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


def test_states_are_told_apart_with_losses(capsys: pytest.CaptureFixture[str]) -> None:
    """The base case is that of the list of feeders; numbers are those of runpp."""
    base, generating, empty = inspected(capsys, "cigre_mv_all")["states"]
    net = build_net("cigre_mv_all")
    for state, loads, generators in ((base, 1, 0), (generating, 1, 1), (empty, 0, 0)):
        net.load.scaling = 0.75 * loads
        net.sgen.scaling = float(generators)
        pp.runpp(net, **RUNPP_OPTIONS)
        assert state["lowest_pu"] == pytest.approx(net.res_bus.vm_pu.min(), abs=1e-7)
        assert state["line_percent"] == pytest.approx(net.res_line.loading_percent.max(), abs=1e-4)
        losses = 1e3 * (net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum())
        assert state["loss_kw"] == pytest.approx(losses, abs=1e-3)
    listed = describe_feeders(["cigre_mv_all"])[0]
    assert base["lowest_pu"] == pytest.approx(listed.voltage_min_pu, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cigre_lv_industrial", "ratings: the benchmark gives no line ratings"),
        ("cigre_mv_all", "loads x 0.75: with the published loads"),
        ("ieee34", "WARNING: without load the feeder breaks its limits"),
        ("ieee34", "regulators stay at the mean of the published taps"),
        ("ieee33", "bus 17 is node 18"),
        ("simbench:1-LV-rural1--1-sw", "of the published grid are left out"),
    ],
)
def test_everything_that_is_assumed_is_told(
    name: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert any(told in note for note in inspected(capsys, name)["assumed_and_repaired"])


def test_inspect_names_buses_and_takes_a_preset_as_people_write_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = build_net("three_bus")
    net.bus["name"] = ["head", "72", "1"]
    pp.create_motor(net, 1, pn_mech_mw=0.01, cos_phi=0.9, efficiency_percent=100.0)
    net.load.loc[0, "p_mw"] *= -1.0
    file = tmp_path / "net.json"
    pp.to_json(net, str(file))
    found = inspected(capsys, str(file), "--limits", "ANSI-A")
    assert [bus["bus_name"] for bus in found["buses"]] == ["head", "72", "1"]
    assert found["limits"]["voltage_min_pu"] == 0.95
    assert run("feeders", "inspect", str(file)) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "0 is head, 1 is 72, 2 is 1" in shown
    assert "(named 72)" in shown or "(named 1)" in shown
    assert "10.0 kW" in shown
    assert "of negative power feeds in" in shown
    assert run("feeders", "inspect", str(file), "--map", str(tmp_path / "map.png")) == 2
    assert ".html" in capsys.readouterr().err
    assert not (tmp_path / "map.png").exists()


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
