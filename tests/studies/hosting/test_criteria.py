"""Criteria: presets, single limits over them, and what contradicts itself."""

from typing import Any

import numpy as np
import pytest

from cosim.errors import HostingError
from cosim.studies.hosting.criteria import ABSENT, GROUPS, PRESETS, contradictions, criteria_named
from cosim.studies.hosting.heads import bounds_of, heads
from tests.studies.hosting.hosting_cases import prepared_for, settings_for


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_do_not_contradict_themselves(name: str) -> None:
    assert contradictions(PRESETS[name]) == []
    assert settings_for(criteria={"preset": name}).criteria.resolved() == PRESETS[name]


def test_single_limits_replace_those_of_the_preset() -> None:
    found = settings_for(criteria={"preset": "ansi_a", "voltage_max_pu": 1.04}).criteria.resolved()
    assert (found.voltage_max_pu, found.voltage_highest_pu) == (1.04, 1.04)
    assert found.voltage_min_pu == 0.95
    lifted = settings_for(criteria={"lifted": ["line_max_percent"]}).criteria.resolved()
    assert lifted.line_max_percent == np.inf


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"voltage_min_pu": 1.2, "voltage_lowest_pu": 1.15}, ["must be below voltage_max_pu"]),
        ({"voltage_lowest_pu": 0.95}, ["may not lie above voltage_min_pu"]),
        ({"voltage_max_pu": 1.2}, ["may not lie below voltage_max_pu"]),
        (
            {"voltage_min_pu": 1.2, "voltage_lowest_pu": 1.3},
            ["voltage_min_pu = 1.2", "voltage_lowest_pu = 1.3 must be below", "may not lie above"],
        ),
        ({"preset": "en1"}, ["must be 'en50160'"]),
        ({"share_of_time": 1.5}, ["share_of_time"]),
        ({"rise_max_pu": -1}, ["criteria.rise_max_pu: must be above 0 (found -1)"]),
        ({"rise_max_pu": 0.1, "lifted": ["rise_max_pu"]}, ["both lifted and given"]),
        ({"lifted": ["everything"]}, ["criteria.lifted[1]: must be 'voltage_min_pu'"]),
    ],
)
def test_contradictions_are_all_told(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(HostingError) as caught:
        settings_for(criteria=given)
    for word in words:
        assert word in str(caught.value)


def test_lifting_everything_is_refused() -> None:
    lifted = [
        name
        for names in GROUPS.values()
        for name in names
        if name not in ("split", "share_of_time")
    ]
    with pytest.raises(HostingError, match="at least one must remain"):
        settings_for(criteria={"preset": "ansi_a", "lifted": lifted})


def test_only_one_group_remains() -> None:
    alone = criteria_named("de_lv").only("rise")
    assert alone.rise_max_pu == 0.03
    assert alone.line_max_percent == ABSENT.line_max_percent
    assert alone.voltage_max_pu == np.inf
    assert criteria_named("de_lv").has("rise")
    assert not criteria_named("en50160").has("rise")


def test_other_settings_are_refused_together() -> None:
    with pytest.raises(HostingError) as caught:
        settings_for(
            technology="wind",
            scenarios=0,
            levers=["volt_var", "volt_var"],
            window={"days": ["2017-06-01"]},
            seed=-1,
        )
    assert len(caught.value.problems) >= 4
    assert "2017-06-01: the profiles cover 2016 only" in str(caught.value)
    with pytest.raises(HostingError, match="unknown criteria 'x'"):
        criteria_named("x")


def test_a_snapshot_holds_the_tighter_band_always() -> None:
    prepared = prepared_for()
    criteria = PRESETS["en50160"]
    snapshot = bounds_of(prepared.feeder, criteria, is_series=False)
    series = bounds_of(prepared.feeder, criteria, is_series=True)
    assert (snapshot.voltage_lowest_pu, series.voltage_lowest_pu) == (0.90, 0.85)


@pytest.mark.slow
def test_split_bands_hang_on_the_head_of_each_part() -> None:
    feeder = prepared_for(feeder="cigre_lv").feeder
    head = heads(feeder)
    low = feeder.bus_nominal_kv < 1.0
    trafo = feeder.branch_kind == 1
    stations = feeder.branch_to[trafo]
    for station, above in zip(stations, feeder.branch_from[trafo], strict=True):
        assert head[station] == above
    others = low & ~np.isin(np.arange(feeder.bus_count), stations)
    assert set(head[others]) == set(stations)
    bounds = bounds_of(feeder, PRESETS["edisgo_split"], is_series=False)
    assert np.allclose(bounds.rise_pu[stations], 0.015)
    assert np.allclose(bounds.rise_pu[others], 0.035)
    assert np.isinf(bounds.rise_pu[~low]).all()
