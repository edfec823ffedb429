import datetime
import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.errors import ProfileError, ScenarioError
from cosim.inputs import world as world_module
from cosim.inputs.profiles import LOOKAHEAD
from cosim.inputs.world import Purpose, build_world, stream
from cosim.records import Exogenous, Fleet, World
from cosim.scenario import Scenario
from networks.catalog import load_feeder
from networks.errors import NetworkError
from networks.feeder import Feeder


@pytest.fixture(scope="module")
def feeder() -> Feeder:
    return load_feeder("cigre_lv")


def scenario(**sections: Any) -> Scenario:
    content: dict[str, Any] = {"run": {"days": 1}, **sections}
    return Scenario.model_validate(content)


def by_hand(count: int) -> list[dict[str, Any]]:
    buses = [2, 12, 16, 17, 18, 19]
    return [
        {"bus": buses[i % 6], "pv_kwp": 5.0 + i, "vehicle_kw": 11.0, "heat_pump_kw": 4.0}
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def week(feeder: Feeder) -> World:
    return build_world(Scenario(), feeder)


def test_arrays_have_their_shapes_and_reach_behind_the_run(week: World, feeder: Feeder) -> None:
    intervals = int(week.calendar.day_start[-1])
    assert intervals == 7 * 96
    rows = intervals + LOOKAHEAD
    count = week.fleet.bus.shape[1]
    for view in (week.actual, week.forecast):
        assert view.load_kw.shape == view.pv_kw.shape == (rows, 1, count)
        assert view.vehicle_departure.shape == view.vehicle_arrival_kwh.shape == (rows, 1, count)
        assert view.passive_kw.shape == view.passive_kvar.shape == (rows, 1, feeder.bus_count)
        assert view.day_ahead_eur_per_kwh.shape == view.imbalance_eur_per_kwh.shape == (rows, 1)
    assert len(week.calendar.start_utc) == len(week.calendar.local_hour) == rows
    for field in fields(Fleet):
        assert getattr(week.fleet, field.name).shape == (1, count), field.name


def test_everything_is_finite_and_has_its_sign(week: World) -> None:
    for view in (week.actual, week.forecast):
        for field in fields(Exogenous):
            assert np.isfinite(getattr(view, field.name)).all(), field.name
        for name in ("load_kw", "pv_kw", "passive_kw", "heat_pump_reference_kw"):
            assert (getattr(view, name) >= 0.0).all(), name
    assert "synthetic" in week.day_ahead_label
    assert "synthetic" in week.imbalance_label


def test_the_default_community_has_the_stated_mix(week: World) -> None:
    fleet = week.fleet
    # 463 homes or so: 40 % solar, half of those with a battery, 20 % vehicles, 15 % heat pumps.
    homes = 470.0
    assert 220 <= fleet.bus.shape[1] <= 300
    assert (fleet.pv_kwp > 0).sum() / homes == pytest.approx(0.40, abs=0.08)
    assert (fleet.battery_kwh > 0).sum() / homes == pytest.approx(0.20, abs=0.06)
    assert (fleet.vehicle_kw > 0).sum() / homes == pytest.approx(0.20, abs=0.06)
    assert (fleet.heat_pump_kw > 0).sum() / homes == pytest.approx(0.15, abs=0.05)
    assert (fleet.battery_start_kwh == 0.5 * fleet.battery_kwh).all()


def test_heat_pumps_can_hold_their_target_with_something_to_spare(feeder: Feeder) -> None:
    winter = build_world(scenario(run={"start": datetime.date(2016, 1, 18), "days": 7}), feeder)
    most = winter.actual.heat_pump_reference_kw.max(axis=0)
    assert most.max() > 0.0
    assert (winter.fleet.heat_pump_kw >= 1.05 * most - 1e-9).all()
    assert (winter.fleet.heat_pump_kw[most == 0.0] == 0.0).all()


def test_stays_and_heat_pumps_are_announced_and_the_imbalance_is_not(week: World) -> None:
    actual, guess = week.actual, week.forecast
    assert guess.vehicle_departure is actual.vehicle_departure
    assert guess.vehicle_arrival_kwh is actual.vehicle_arrival_kwh
    assert guess.heat_pump_reference_kw is actual.heat_pump_reference_kw
    assert (guess.imbalance_eur_per_kwh == guess.day_ahead_eur_per_kwh).all()
    assert (guess.load_kw != actual.load_kw).any()


def test_the_same_seed_gives_the_same_world(feeder: Feeder, week: World) -> None:
    again = build_world(Scenario(), feeder)
    for field in fields(Exogenous):
        assert (getattr(again.actual, field.name) == getattr(week.actual, field.name)).all()
        assert (getattr(again.forecast, field.name) == getattr(week.forecast, field.name)).all()
    other = build_world(scenario(run={"days": 7, "seed": 1}), feeder)
    assert (
        other.actual.load_kw.shape != week.actual.load_kw.shape
        or (other.actual.load_kw != week.actual.load_kw).any()
    )


@pytest.mark.parametrize("prosumers", [[], by_hand(5)])
def test_an_environment_does_not_depend_on_how_many_there_are(
    feeder: Feeder, prosumers: list[dict[str, Any]]
) -> None:
    settings = scenario(prosumers=prosumers)
    few, many = (
        build_world(settings, feeder, environments=2),
        build_world(settings, feeder, environments=5),
    )
    for field in fields(Exogenous):
        for view in ("actual", "forecast"):
            first = getattr(getattr(few, view), field.name)
            second = getattr(getattr(many, view), field.name)
            assert (first == second[:, :2]).all(), field.name
    assert (many.actual.load_kw[:, 0] != many.actual.load_kw[:, 1]).any()
    assert (many.actual.passive_kw[:, 3] != many.actual.passive_kw[:, 4]).any()
    for field in fields(Fleet):
        assert (getattr(few.fleet, field.name) == getattr(many.fleet, field.name)[:2]).all()


def test_one_devices_share_does_not_change_what_others_do(feeder: Feeder) -> None:
    def of(vehicle_share: float) -> World:
        return build_world(
            scenario(community={"vehicle_share": vehicle_share, "prosumers_max": 1000}), feeder
        )

    without, with_more = of(0.0), of(0.6)
    # Prosumers are in the order of homes: those with solar panels are the same people in both.
    fewer, more = without.fleet.pv_kwp[0] > 0, with_more.fleet.pv_kwp[0] > 0
    assert fewer.sum() == more.sum()
    for view in ("actual", "forecast"):
        for name in ("load_kw", "pv_kw", "heat_pump_reference_kw"):
            first = getattr(getattr(without, view), name)[:, 0, fewer]
            second = getattr(getattr(with_more, view), name)[:, 0, more]
            assert first == pytest.approx(second, rel=1e-9), name
        for name in ("day_ahead_eur_per_kwh", "imbalance_eur_per_kwh"):
            first = getattr(getattr(without, view), name)
            assert (first == getattr(getattr(with_more, view), name)).all()


def test_nobody_is_lost_between_prosumers_and_passive_load(feeder: Feeder) -> None:
    def total(**community: float) -> Any:
        actual = build_world(scenario(community=community), feeder).actual
        return actual.load_kw.sum(axis=2) + actual.passive_kw.sum(axis=2)

    nobody = total(pv_share=0.0, vehicle_share=0.0, heat_pump_share=0.0)
    assert total() == pytest.approx(nobody, rel=1e-9)


def test_prosumers_by_hand_keep_their_numbers(feeder: Feeder) -> None:
    given = [
        {"bus": 12, "homes": 3.0, "pv_kwp": 9.0, "battery_kwh": 4.0, "battery_kw": 2.0},
        {"bus": 19, "vehicle_kw": 3.7, "vehicle_kwh_per_day": 20.0, "heat_pump_kw": 2.0},
        {"bus": 12, "battery_kwh": 1.0, "battery_kw": 1.0, "battery_charge_efficiency": 0.8},
    ]
    world = build_world(scenario(prosumers=given), feeder)
    fleet = world.fleet
    assert (feeder.bus_index[fleet.bus[0]] == [12, 19, 12]).all()
    assert fleet.homes[0] == pytest.approx([3.0, 1.0, 1.0])
    assert fleet.pv_kwp[0] == pytest.approx([9.0, 0.0, 0.0])
    assert fleet.battery_kwh[0] == pytest.approx([4.0, 0.0, 1.0])
    assert fleet.battery_charge_efficiency[0] == pytest.approx([0.95, 0.95, 0.8])
    assert fleet.vehicle_kw[0] == pytest.approx([0.0, 3.7, 0.0])
    assert fleet.heat_pump_kw[0, 1] >= 2.0
    mass = fleet.building_kwh_per_kelvin[0, 1]
    community = Scenario().community
    assert mass == pytest.approx(community.building_kwh_per_kelvin * 2.0 / community.heat_pump_kw)


def test_where_prices_of_a_file_come_from_is_kept(feeder: Feeder, tmp_path: Path) -> None:
    hours = np.arange(np.datetime64("2016-06-12T22"), np.datetime64("2016-06-15T22"))
    rows = [f"{hour}:00,{place % 24 + 20.5}" for place, hour in enumerate(hours)]
    file = tmp_path / "p.csv"
    file.write_text("\n".join(["time,price", *rows]), encoding="utf-8")
    prices = {"source": "file", "file": file, "unit": "EUR/MWh", "time_zone": "UTC"}
    settings = scenario(
        run={"start": datetime.date(2016, 6, 13), "days": 1}, wholesale={"day_ahead": prices}
    )
    world = build_world(settings, feeder)
    assert world.imbalance_provenance is None
    origin = world.day_ahead_provenance
    assert origin is not None
    assert origin.kind == "plain CSV"
    assert origin.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert origin.facts["resolution_minutes"] == 60
    assert origin.facts["first_utc"] == "2016-06-12T22:00"
    assert "EUR/MWh / 1000 = EUR/kWh" in origin.conversions


def test_a_feeder_without_prosumers_is_a_world_too(feeder: Feeder) -> None:
    nobody = {"pv_share": 0.0, "vehicle_share": 0.0, "heat_pump_share": 0.0}
    world = build_world(scenario(community=nobody), feeder)
    assert world.fleet.bus.shape == (1, 0)
    assert world.actual.passive_kw.sum() > 0.0


@pytest.mark.parametrize("name", ["cigre_mv", "ieee33"])
def test_medium_voltage_feeders_stay_within_their_published_peak(name: str) -> None:
    feeder = load_feeder(name)
    world = build_world(scenario(run={"start": datetime.date(2016, 1, 18), "days": 7}), feeder)
    actual = world.actual
    peak = (actual.load_kw.sum(axis=2) + actual.passive_kw.sum(axis=2)).max()
    assert 0.6 < peak / feeder.nominal_load_kw.sum() < 1.0
    assert world.fleet.bus.shape[1] == 300


def test_dates_without_profiles_are_refused(feeder: Feeder) -> None:
    with pytest.raises(ProfileError, match=r"2019-06-13.*2016-01-01 to 2016-12-31"):
        build_world(scenario(run={"start": datetime.date(2019, 6, 13)}), feeder)


def test_buses_and_dates_are_told_together(feeder: Feeder) -> None:
    settings = scenario(
        run={"start": datetime.date(2016, 12, 31), "days": 3},
        prosumers=[{"bus": 99}, {"bus": 12}, {"bus": 1000}],
    )
    with pytest.raises(ScenarioError) as caught:
        build_world(settings, feeder)
    assert len(caught.value.problems) == 3
    assert "prosumers[3].bus: there is no bus 1000" in caught.value.problems[1]
    assert "2016-12-31" in caught.value.problems[2]


def test_unreadable_profiles_are_a_profile_error(
    feeder: Feeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise NetworkError("simbench is not installed")

    monkeypatch.setattr(world_module, "year_profiles", missing)
    with pytest.raises(ProfileError, match="simbench"):
        build_world(scenario(), feeder)


def test_streams_differ_by_purpose_environment_and_seed() -> None:
    keys = [(0, 0, Purpose.SHIFTS), (0, 0, Purpose.PRICES), (0, 1, Purpose.SHIFTS)]
    keys += [(1, 0, Purpose.SHIFTS), (0, -1, Purpose.PLACEMENT)]
    first = {stream(*key).random() for key in keys}
    assert len(first) == len(keys)
    child = np.random.SeedSequence(7).spawn(3)[2].spawn(4)[3]
    assert stream(7, 1, Purpose.PRICES).random() == np.random.default_rng(child).random()


def played_on_cigre_mv(existing: str) -> World:
    feeder = load_feeder("cigre_mv_pv_wind")
    return build_world(scenario(feeder={"existing_generation": existing}), feeder)


def test_generators_of_the_feeder_feed_in_as_the_setting_says() -> None:
    """1 710 kW are installed: 210 kW of sun and 1 500 kW of wind, which counts as sun too."""
    feeder = load_feeder("cigre_mv_pv_wind")
    none, nominal, solar = (played_on_cigre_mv(each) for each in ("none", "nominal", "solar"))
    fed_in = none.actual.passive_kw - nominal.actual.passive_kw
    np.testing.assert_allclose(fed_in[:, 0], np.tile(feeder.nominal_generation_kw, (192, 1)))
    assert fed_in[0, 0].sum() == pytest.approx(1710.0)
    sun = (none.actual.passive_kw - solar.actual.passive_kw)[:, 0].sum(axis=1)
    hour = solar.calendar.local_hour
    assert np.abs(sun[(hour < 3.0) | (hour > 23.0)]).max() < 1e-9
    assert 0.2 * 1710.0 < sun.max() < 1710.0
    # Forecasts of it err like those of other panels: with the sun, and not at night.
    expected = (none.forecast.passive_kw - solar.forecast.passive_kw)[:, 0].sum(axis=1)
    assert np.abs(expected[sun < 1e-9]).max() < 1e-9
    error = expected[sun > 100.0] / sun[sun > 100.0]
    assert 0.01 < np.std(error) < 0.5
