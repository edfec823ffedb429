"""Market levers on a small feeder: one sunny day, all cases side by side."""

import pickle
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cosim.errors import HostingError, PolicyError
from cosim.studies.hosting.criteria import criteria_named
from cosim.studies.hosting.deployments import by_share
from cosim.studies.hosting.judge import Lever, within_curtailment
from cosim.studies.hosting.levers import electrical_kinds
from cosim.studies.hosting.market_kinds import market_kinds
from cosim.studies.hosting.market_lever import MarketLever, market_lever
from cosim.studies.hosting.market_stage import MarketStage, market_stage
from cosim.studies.hosting.records import Deployments, Judged, Limiting
from cosim.studies.hosting.settings import hosting_settings
from cosim.studies.hosting.study_parts import Prepared, deployments_of, prepare
from networks.reference import resolve
from policies.hosting_ways import WAYS, lever_kinds

FEEDER = "three_bus"
PEAK_KW = 16.0
SUNNY = "2016-05-24"
LOW_KW, HIGH_KW = 20.0, 220.0
"""Nothing binds; limits of 1.05 p.u. bind at noon."""


@cache
def prepared(technology: str = "pv") -> Prepared:
    return prepare(
        hosting_settings(
            {
                "feeder": FEEDER,
                "technology": technology,
                "criteria": {"preset": "ansi_a"},
                "window": {"days": [SUNNY]},
                "market": {"resolution_share": 0.1, "grid_levels": 0},
            }
        )
    )


@cache
def stage(technology: str = "pv") -> MarketStage:
    return market_stage(prepared(technology))


def deployments(count: int = 3, technology: str = "pv") -> Deployments:
    return deployments_of(prepared(technology), range(count), 20.0 * PEAK_KW)


def lever(way: str, technology: str = "pv", count: int = 3, **market: Any) -> MarketLever:
    made = stage(technology)
    made = replace(made, market=made.market.model_copy(update=market))
    return market_lever(made, deployments(count, technology), WAYS[way])


@cache
def judged(way: str, technology: str = "pv") -> Judged:
    """Return deployments 0, 1, 2 without plants, at a low level and at a high one."""
    level = np.repeat([0.0, LOW_KW, HIGH_KW], 3)
    return lever(way, technology)(level, np.tile(np.arange(3), 3))


@pytest.mark.parametrize("way", ["fit_and_forget_days", "storage", "p2p_water_value"])
def test_without_plants_everything_is_as_it_was(way: str) -> None:
    found = judged(way).extremes
    without = stage().grid.without_pu(0, 96)
    np.testing.assert_allclose(found.voltage_max_pu[:3], without.max(), atol=1e-12)
    np.testing.assert_allclose(found.voltage_min_pu[:3], without.min(), atol=1e-12)
    np.testing.assert_allclose(found.rise_max_pu[:3], 0.0, atol=1e-12)
    assert not found.offered_kwh[:3].any()
    assert not found.curtailed_kwh[:3].any()


@pytest.mark.parametrize("way", ["storage", "curtailment", "p2p_water_value"])
def test_nothing_is_given_up_where_nothing_binds(way: str) -> None:
    found = judged(way)
    assert found.passes[3:6].all()
    assert (found.extremes.offered_kwh[3:6] > 0.0).all()
    assert not found.extremes.curtailed_kwh[3:6].any()


@pytest.mark.parametrize("technology", ["pv", "heat_pump"])
def test_nobody_acting_is_the_series_of_electrical_levers(technology: str) -> None:
    level, which = np.repeat([LOW_KW, HIGH_KW], 3), np.tile(np.arange(3), 2)
    of_market = lever("fit_and_forget_days", technology)(level, which)
    plain = Lever(
        stage(technology).grid, prepared(technology).criteria, deployments(technology=technology)
    )(level, which)
    for name in ("voltage_max_pu", "voltage_min_pu", "line_max_percent", "import_max_kw"):
        np.testing.assert_allclose(
            getattr(of_market.extremes, name), getattr(plain.extremes, name), rtol=1e-9
        )
    np.testing.assert_array_equal(of_market.passes, plain.passes)
    np.testing.assert_array_equal(of_market.limiting, plain.limiting)


def test_the_grid_refuses_what_breaks_limits_and_energy_is_the_end() -> None:
    alone, traded = judged("fit_and_forget_days"), judged("p2p_water_value")
    assert (alone.limiting[6:] == Limiting.OVERVOLTAGE).all()
    assert (traded.extremes.voltage_max_pu[6:] <= 1.05 + 1e-9).all()
    assert (traded.limiting[6:] == Limiting.CURTAILMENT).all()
    share = traded.extremes.curtailed_kwh / np.maximum(traded.extremes.offered_kwh, 1e-9)
    np.testing.assert_allclose(traded.value[6:], share[6:])
    assert (traded.limit[6:] == prepared().settings.curtailed_share_max).all()
    np.testing.assert_allclose(
        traded.extremes.offered_kwh, alone.extremes.offered_kwh, rtol=1e-9, atol=1e-6
    )


def test_batteries_store_sun_that_would_have_been_fed_in() -> None:
    level, which = np.full(3, LOW_KW), np.arange(3)
    alone = lever("fit_and_forget_days").played(level, which)
    stored = lever("storage", battery_share=1.0).played(level, which)
    exported = [np.minimum(it.bus_kw.sum(axis=2), 0.0).sum(axis=1) for it in (alone, stored)]
    assert (exported[1] > exported[0] + 1.0).all()
    assert not stored.refused_kwh.any()
    assert not stored.local_kwh.any()


@examples(max_examples=25)
@given(share=st.floats(0.0, 0.5), tighter=st.floats(0.0, 1.0))
def test_a_tighter_share_never_lets_more_pass(share: float, tighter: float) -> None:
    open_ended = within_curtailment(replace(judged("curtailment")), 1.0)
    loose = within_curtailment(open_ended, share)
    tight = within_curtailment(open_ended, tighter * share)
    assert (tight.passes <= loose.passes).all()


def test_a_case_is_the_same_whatever_is_played_beside_it() -> None:
    together = judged("p2p_water_value")
    apart = lever("p2p_water_value", cases_at_once=1)(np.array([HIGH_KW, LOW_KW]), np.array([2, 0]))
    same = np.array([8, 3])
    np.testing.assert_array_equal(apart.passes, together.passes[same])
    np.testing.assert_array_equal(apart.limiting, together.limiting[same])
    for name in ("voltage_max_pu", "line_max_percent", "curtailed_kwh", "export_max_kw"):
        np.testing.assert_allclose(
            getattr(apart.extremes, name), getattr(together.extremes, name)[same], atol=1e-5
        )


def test_a_deployment_plays_the_same_in_any_chunk() -> None:
    few = deployments_of(prepared(), range(2, 3), 10.0 * PEAK_KW)
    found = market_lever(stage(), few, WAYS["p2p_water_value"])(np.array([HIGH_KW]), np.array([0]))
    whole = judged("p2p_water_value")
    assert found.extremes.curtailed_kwh[0] == pytest.approx(
        whole.extremes.curtailed_kwh[8], abs=1e-5
    )


def test_a_limit_of_rise_holds_moment_by_moment() -> None:
    rises = replace(prepared(), criteria=criteria_named("de_lv"))
    rises = replace(rises, criteria=replace(rises.criteria, rise_max_pu=0.01))
    made = market_stage(rises)
    level, which = np.full(1, 120.0), np.zeros(1, np.int64)
    alone = market_lever(made, deployments(1), WAYS["fit_and_forget_days"])(level, which)
    traded = market_lever(made, deployments(1), WAYS["curtailment"])(level, which)
    assert (alone.limiting == Limiting.RISE).all()
    assert (traded.extremes.rise_max_pu <= 0.01 + 1e-9).all()
    assert (traded.extremes.rise_max_pu > 0.009).all()
    assert (traded.extremes.curtailed_kwh > 0.0).all()


def test_vehicles_that_bid_are_all_charged_below_a_limit_that_others_break() -> None:
    """All that follow one price would come at once; the grid makes them take turns."""
    level, which = np.full(1, 77.0), np.zeros(1, np.int64)
    alone = lever("fit_and_forget_days", "ev", 1)(level, which).extremes
    free = lever("storage", "ev", 1)(level, which).extremes
    tight = replace(
        prepared("ev"),
        criteria=replace(
            prepared("ev").criteria,
            voltage_min_pu=1.0 - 0.6 * alone.drop_max_pu[0],
            voltage_lowest_pu=1.0 - 0.6 * alone.drop_max_pu[0],
        ),
    )
    made = market_stage(tight)
    of_nobody, of_bidders = (
        market_lever(made, deployments(1, "ev"), WAYS[way])(level, which)
        for way in ("fit_and_forget_days", "p2p_water_value")
    )
    assert of_nobody.limiting[0] == Limiting.UNDERVOLTAGE
    assert of_bidders.passes.all()
    assert of_bidders.extremes.offered_kwh[0] == pytest.approx(alone.offered_kwh[0])
    assert free.offered_kwh[0] == pytest.approx(alone.offered_kwh[0])
    assert of_bidders.extremes.offered_kwh[0] > 0.0
    assert not of_bidders.extremes.curtailed_kwh.any()


def test_extreme_states_are_those_of_pandapower() -> None:
    level, which = np.array([LOW_KW, HIGH_KW]), np.array([0, 1])
    states = lever("p2p_water_value").extreme_states(level, which)
    highest = judged("p2p_water_value").extremes.voltage_max_pu[[3, 7]]
    assert states.state.voltage_pu.max() == pytest.approx(highest.max(), abs=1e-6)
    check = resolve(
        FEEDER,
        prepared().feeder,
        bus_kw=states.bus_kw,
        bus_kvar=states.bus_kvar,
        voltage_pu=states.state.voltage_pu,
        loading_percent=states.state.loading_percent,
    )
    assert check.states == len(states.bus_kw) > 1
    assert check.voltage_pu < 1e-8


def test_levers_travel_to_other_processes() -> None:
    kinds = market_kinds(WAYS.values())
    assert [kind.name for kind in kinds.values()] == list(WAYS)
    for kind in pickle.loads(pickle.dumps(kinds)).values():
        assert kind.is_market
        assert kind.told
    rebuilt = pickle.loads(pickle.dumps(partial(lever_kinds, folder=None)))()
    assert set(rebuilt) == {*electrical_kinds(), *WAYS}


def test_a_folder_without_policies_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=str(tmp_path)):
        lever_kinds(folder=tmp_path)


@pytest.mark.slow
def test_capacity_ends_where_the_share_is_exceeded() -> None:
    made = deployments(2)
    kinds = market_kinds(WAYS.values())
    alone = kinds["fit_and_forget_days"].find(prepared(), made)
    found = kinds["curtailment"].find(prepared(), made)
    assert (found.hosting_kw > alone.hosting_kw).all()
    assert (found.limiting == Limiting.CURTAILMENT).all()
    assert (found.curtailed_share <= 0.05).all()
    assert (found.value > 0.05).all()


def test_layouts_by_rule_and_power_factors_are_refused() -> None:
    layout = by_share("pv", np.array([[0.0, 0.5, 0.5]]))
    with pytest.raises(HostingError, match="nobody owns a plant"):
        market_lever(stage(), layout, WAYS["storage"])
    settings = hosting_settings({"feeder": FEEDER, "deployment": {"power_factor": 0.95}})
    with pytest.raises(HostingError) as raised:
        market_stage(replace(prepared(), settings=settings))
    assert "window.kind = snapshot" in raised.value.problems[0]
    assert "power_factor = 0.95" in raised.value.problems[1]
