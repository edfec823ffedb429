"""Prosumers of the devices that a feeder's net has: settings, the world they make, and a run."""

import json
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest

from cosim import cli
from cosim.errors import ScenarioError
from cosim.inputs.world import build_world
from cosim.run_folder import read_run
from cosim.scenario import Scenario
from cosim.scenario_checks import load_scenario
from networks.catalog import load_feeder
from networks.feeder import Feeder
from networks.worked_example import three_bus_net

OF_NET = {"community": {"source": "feeder"}}


def scenario(**settings: object) -> Scenario:
    content = {"run": {"days": 1}, **OF_NET, **settings}
    return Scenario.model_validate(content)


def small(folder: Path) -> Path:
    """Write the worked example with a plant, a battery, a vehicle, a heat pump and a wind plant."""
    net = three_bus_net()
    net.sgen = net.sgen.iloc[:0]
    pp.create_sgen(net, 1, p_mw=0.005, type="PV")
    pp.create_sgen(net, 2, p_mw=0.002, type="wind")
    pp.create_storage(net, 1, p_mw=0.001, max_e_mwh=0.008)
    pp.create_load(net, 2, p_mw=0.004, type="EV")
    pp.create_load(net, 1, p_mw=0.002, type="HP")
    file = folder / "small.json"
    pp.to_json(net, str(file))
    return file


def small_feeder(folder: Path) -> Feeder:
    return load_feeder(str(small(folder)), owned_devices=True)


def test_nothing_of_the_net_is_counted_twice(tmp_path: Path) -> None:
    """Firm load is what homes draw with shares of nobody; the wind plant alone feeds in."""
    feeder = small_feeder(tmp_path)
    nobody = {"pv_share": 0.0, "vehicle_share": 0.0, "heat_pump_share": 0.0}
    held = {"existing_generation": "nominal"}
    mine = build_world(scenario(feeder=held), feeder)
    drawn = build_world(
        Scenario.model_validate(
            {"run": {"days": 1}, "community": nobody, "feeder": {"existing_generation": "none"}}
        ),
        feeder,
    )
    fleet, actual = mine.fleet, mine.actual
    assert fleet.bus[0].tolist() == [1, 2]
    np.testing.assert_allclose(fleet.pv_kwp[0], [5.0, 0.0])
    np.testing.assert_allclose(fleet.battery_kwh[0], [8.0, 0.0])
    np.testing.assert_allclose(fleet.battery_kw[0], [1.0, 0.0])
    np.testing.assert_allclose(fleet.vehicle_kw[0], [0.0, 4.0])
    assert fleet.heat_pump_kw[0, 0] >= 2.0
    np.testing.assert_allclose(
        actual.load_kw.sum(axis=2) + actual.passive_kw.sum(axis=2) + 2.0,
        drawn.actual.passive_kw.sum(axis=2),
    )
    assert (actual.pv_kw[:, 0, 0] <= 5.0).all()
    assert actual.pv_kw[:, 0, 0].max() > 1.0


def test_a_trade_or_an_area_is_the_firm_load_of_its_prosumers() -> None:
    feeder = load_feeder("cigre_mv_pv_wind", owned_devices=True)
    none = {"existing_generation": "none"}
    mine = build_world(scenario(feeder=none), feeder)
    left = np.delete(np.arange(feeder.bus_count), mine.fleet.bus[0])
    assert (mine.actual.passive_kw[:, 0, mine.fleet.bus[0]] == 0.0).all()
    peak = mine.actual.load_kw.sum(axis=2).max()
    at = feeder.nominal_load_kw[mine.fleet.bus[0]].sum()
    assert 0.2 * at < peak <= at
    assert mine.actual.passive_kw[:, 0, left].sum() > 0.0


def test_the_same_seed_gives_the_same_world(tmp_path: Path) -> None:
    feeder = small_feeder(tmp_path)
    one, two = (build_world(scenario(run={"days": 1, "seed": 3}), feeder) for _ in range(2))
    other = build_world(scenario(run={"days": 1, "seed": 4}), feeder)
    for name in ("load_kw", "pv_kw", "passive_kw", "vehicle_arrival_kwh"):
        np.testing.assert_array_equal(getattr(one.actual, name), getattr(two.actual, name))
    assert (one.actual.load_kw != other.actual.load_kw).any()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (OF_NET, 'community.source: "feeder" asked for; cigre_lv has no solar plant, storage'),
        ({"community": {"source": "net"}}, "community.source: must be 'shares' or 'feeder'"),
        (
            {**OF_NET, "run": {"days": 0}},
            'community.source: "feeder" asked for; cigre_lv has no solar plant, storage',
        ),
    ],
)
def test_what_cannot_be_is_told(settings: dict[str, dict[str, object]], problem: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(None, settings, None)
    assert any(told.startswith(problem) for told in caught.value.problems)


def test_prosumers_by_hand_and_of_the_net_exclude_each_other(tmp_path: Path) -> None:
    file = tmp_path / "prosumers.csv"
    file.write_text("bus,pv_kwp\n5,3\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(None, {**OF_NET, "feeder": {"name": "cigre_mv_all"}}, None, prosumers=file)
    (told,) = caught.value.problems
    assert told.startswith('community.source: "feeder" makes prosumers of the devices of the net')
    assert "1 are given by hand" in told


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    return int(stopped.value.code or 0)


def test_inspect_tells_what_prosumers_could_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("feeders", "inspect", str(small(tmp_path))) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 solar plant (5.0 kW), 1 storage (1.0 kW, 8.0 kWh), 1 electric vehicle (4.0" in shown
    assert "--community feeder" in shown


@pytest.mark.slow
def test_a_run_with_the_devices_of_the_net_stands_up_to_its_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = small(tmp_path)
    for name in ("one", "two"):
        out = tmp_path / name
        given = ("--feeder", str(file), "--community", "feeder", "--days", "1")
        assert run("run", *given, "--out", str(out)) == 0
    shown = capsys.readouterr().out
    assert "devices of the net" in shown
    assert "2.0 kW of generators stay nobody's" in shown
    folder = tmp_path / "one"
    file.unlink()  # the folder stands alone
    assert run("check", str(folder)) == 0
    manifest = json.loads((folder / "manifest.json").read_text())
    assert "sgen 1: 2.0 kW stay existing generation, which nobody owns" in manifest["feeder_notes"]
    assert read_run(folder).scenario.takes_devices
    for table in ("buses", "prosumers", "trades", "ledger"):
        one, two = (tmp_path / name / f"{table}.parquet" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes(), table


@pytest.mark.slow
def test_a_run_on_simbenchs_future(tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ("--feeder", "simbench:1-LV-rural1--2-sw", "--community", "feeder", "--days", "1")
    assert run("run", *given, "--out", str(out)) == 0
    assert run("check", str(out)) == 0
