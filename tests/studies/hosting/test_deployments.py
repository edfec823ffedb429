"""Deployments: nested, drawn by number, and as long as they need to be."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import HostingError
from cosim.studies.hosting.deployments import installed_kw, plants_begun, sites_of
from cosim.studies.hosting.settings import hosting_settings
from cosim.studies.hosting.study_parts import deployments_of, prepare
from networks.homes import select
from tests.studies.hosting.hosting_cases import prepared_for, settings_for


@given(low=st.floats(0.0, 400.0), more=st.floats(0.0, 400.0), number=st.integers(0, 19))
def test_more_never_takes_a_plant_away(low: float, more: float, number: int) -> None:
    prepared = prepared_for()
    drawn = deployments_of(prepared, range(20), 800.0)
    which = np.array([number, number])
    levels = np.array([low, low + more])
    installed = installed_kw(drawn, levels, which, prepared.feeder.bus_count)
    assert np.all(installed[1] >= installed[0] - 1e-9)
    assert installed.sum(axis=1) == pytest.approx(levels)
    begun = plants_begun(drawn, levels, which)
    assert begun[1] >= begun[0]


def test_a_hundred_are_the_first_of_a_thousand() -> None:
    prepared = prepared_for()
    few, many = (deployments_of(prepared, range(count), 200.0) for count in (100, 1000))
    assert np.array_equal(few.bus, many.bus[:100])
    assert np.array_equal(few.size_kw, many.size_kw[:100])
    late = deployments_of(prepared, range(500, 600), 200.0)
    assert np.array_equal(late.size_kw, many.size_kw[500:600])


def test_longer_ones_begin_with_the_same_plants() -> None:
    prepared = prepared_for()
    short, long = (deployments_of(prepared, range(10), reach) for reach in (100.0, 1000.0))
    assert np.array_equal(short.home, long.home[:, : short.home.shape[1]])
    assert np.array_equal(short.size_kw, long.size_kw[:, : short.home.shape[1]])
    assert np.all(long.highest_kw >= 1000.0)


def test_every_home_has_a_plant_before_any_has_two() -> None:
    prepared = prepared_for()
    homes = len(prepared.sites)
    drawn = deployments_of(prepared, range(30), 12.0 * homes)
    for round_of in (drawn.home[:, :homes], drawn.home[:, homes : 2 * homes]):
        assert np.array_equal(np.sort(round_of, axis=1), np.tile(np.arange(homes), (30, 1)))
    assert not np.array_equal(drawn.home[0, :homes], drawn.home[0, homes : 2 * homes])
    assert np.all((drawn.size_kw >= 0.6 * 7.0) & (drawn.size_kw <= 1.4 * 7.0))


def test_seeds_differ_and_repeat() -> None:
    one, again, other = (
        deployments_of(prepared_for(seed=seed), range(5), 100.0) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.size_kw, again.size_kw)
    assert not np.array_equal(one.size_kw, other.size_kw)


def test_plants_may_be_kept_to_some_buses() -> None:
    prepared = prepared_for(deployment={"buses": [2]})
    drawn = deployments_of(prepared, range(5), 100.0)
    assert set(prepared.feeder.bus_index[drawn.bus].ravel()) == {2}


def test_a_rule_gives_one_layout() -> None:
    prepared = prepared_for(deployment={"rule": "uniform"})
    drawn = deployments_of(prepared, range(7), 100.0)
    installed = installed_kw(drawn, np.array([90.0]), np.array([0]), 3)
    loaded = prepared.feeder.nominal_load_kw > 0.0
    assert installed[0, loaded] == pytest.approx(90.0 / loaded.sum())
    assert not installed[0, ~loaded].any()


def test_the_far_end_comes_first() -> None:
    prepared = prepared_for(deployment={"rule": "end_of_feeder"})
    drawn = deployments_of(prepared, range(1), 50.0)
    assert prepared.feeder.bus_index[drawn.bus[0, 0]] == 2


def test_all_buses_that_cannot_be_meant_are_named() -> None:
    with pytest.raises(HostingError) as caught:
        prepare(hosting_settings({"feeder": "three_bus", "deployment": {"buses": [0, 77, 88]}}))
    text = str(caught.value)
    assert "77, 88" in text
    assert "supply itself: bus 0" in text
    assert len(caught.value.problems) == 2
    with pytest.raises(HostingError, match="empty"):
        prepare(hosting_settings({"feeder": "three_bus", "deployment": {"buses": []}}))


def test_plants_too_small_to_reach_anything_are_refused() -> None:
    prepared = prepared_for(deployment={"plant_kw": 1e-6})
    with pytest.raises(HostingError, match="choose larger plants"):
        deployments_of(prepared, range(1), 100.0)


def test_a_feeder_without_homes_and_load_needs_named_buses() -> None:
    prepared = prepared_for()
    nobody = select(prepared.placed.homes, np.zeros(len(prepared.placed.homes), np.bool_))
    empty = replace(prepared.feeder, nominal_load_kw=np.zeros(3))
    placed = replace(prepared.placed, homes=nobody)
    with pytest.raises(HostingError, match=r"name buses in deployment\.buses"):
        sites_of(prepared.settings, empty, placed)
    named = settings_for(deployment={"buses": [1, 2]})
    assert sites_of(named, empty, placed).bus.tolist() == [1, 2]


def test_medium_voltage_has_sites_in_proportion_to_load() -> None:
    prepared = prepared_for()
    nobody = select(prepared.placed.homes, np.zeros(len(prepared.placed.homes), np.bool_))
    larger = replace(
        prepared.feeder,
        nominal_load_kw=np.array([0.0, 500.0, 1000.0]),
        bus_nominal_kv=np.full(3, 20.0),
    )
    sites = sites_of(prepared.settings, larger, replace(prepared.placed, homes=nobody))
    assert np.bincount(sites.bus).tolist() == [0, 10, 20]
    assert not sites.are_homes
    assert set(sites.mean_kw) == {250.0}
