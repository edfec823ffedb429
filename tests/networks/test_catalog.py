import os
import random
import subprocess
import sys

import numpy as np
import pytest

from networks.catalog import FeederSummary, build_net, describe_feeders, feeder_names, load_feeder
from networks.errors import NetworkError
from networks.feeder import LINE, TRANSFORMER

VILLAGE = "kerber_dorfnetz"
FEEDERS = {name: load_feeder(name) for name in feeder_names()}


@pytest.fixture(scope="module")
def summaries() -> dict[str, FeederSummary]:
    return {summary.name: summary for summary in describe_feeders()}


def test_names_are_those_described(summaries: dict[str, FeederSummary]) -> None:
    assert feeder_names() == (
        "cigre_lv",
        "cigre_mv",
        "ieee33",
        "ieee13",
        "ieee34",
        "ieee37",
        "ieee123",
        "kerber_dorfnetz",
        "three_bus",
    )
    assert tuple(summaries) == feeder_names()


@pytest.mark.parametrize(
    ("name", "counts", "peak_kw", "lowest_pu"),
    [
        ("cigre_lv", (44, 37, 3), 686.6, 0.912269),
        ("cigre_mv", (15, 15, 2), 0.75 * 44742.15, 0.954938),
        ("ieee33", (33, 32, 0), 3715.0, 0.913090),
        ("ieee13", (15, 10, 3), 3466.0, 0.997216),
        ("ieee34", (37, 32, 4), 0.9 * 1769.0, 0.949066),
        ("ieee37", (39, 35, 3), 0.85 * 2457.0, 0.999157),
        ("ieee123", (130, 118, 6), 3490.0, 0.999871),
        ("kerber_dorfnetz", (116, 114, 1), 342.0, 0.954972),
    ],
)
def test_base_cases_are_the_published_ones(
    summaries: dict[str, FeederSummary],
    name: str,
    counts: tuple[int, int, int],
    peak_kw: float,
    lowest_pu: float,
) -> None:
    summary = summaries[name]
    assert (summary.buses, summary.lines, summary.transformers) == counts
    assert summary.peak_load_kw == pytest.approx(peak_kw)
    assert summary.voltage_min_pu == pytest.approx(lowest_pu, abs=1e-6)
    assert summary.base_case_secure


def test_ratings_are_flagged_as_assumed(summaries: dict[str, FeederSummary]) -> None:
    assumed = {name: summary.ratings_assumed for name, summary in summaries.items()}
    assert assumed == {
        "cigre_lv": True,
        "cigre_mv": False,
        "ieee33": True,
        "ieee13": True,
        "ieee34": True,
        "ieee37": True,
        "ieee123": True,
        "kerber_dorfnetz": False,
        "three_bus": False,
    }
    assert all(
        summary.ratings_source.startswith("Assumed") == summary.ratings_assumed
        for summary in summaries.values()
    )


def test_loadings_of_the_base_case_under_the_ratings(
    summaries: dict[str, FeederSummary],
) -> None:
    assert summaries["cigre_lv"].worst_line_percent == pytest.approx(88.8, abs=0.05)
    assert summaries["cigre_lv"].worst_transformer_percent == pytest.approx(85.3, abs=0.05)
    assert summaries["kerber_dorfnetz"].worst_line_percent == pytest.approx(52.2, abs=0.05)
    assert summaries["kerber_dorfnetz"].worst_transformer_percent == pytest.approx(88.0, abs=0.05)
    assert np.isnan(summaries["ieee33"].worst_transformer_percent)


def test_a_scaled_load_comes_with_its_reason(summaries: dict[str, FeederSummary]) -> None:
    scaled = {name for name, summary in summaries.items() if summary.load_scaling != 1.0}
    assert scaled == {"cigre_mv", "ieee34", "ieee37"}
    for name, loading, share in (
        ("cigre_mv", "101.4 %", "75 %"),
        ("ieee34", "111.3 %", "90 %"),
        ("ieee37", "112.2 %", "85 %"),
    ):
        assert loading in summaries[name].load_scaling_reason
        assert share in summaries[name].title


def test_every_cigre_line_has_a_rating_of_its_own() -> None:
    currents = build_net("cigre_lv").line.max_i_ka
    assert set(currents) == {0.357, 0.270, 0.142, 0.245, 0.135, 0.105}


def test_zones_of_cigre_lv() -> None:
    feeder = FEEDERS["cigre_lv"]
    zones = dict(zip(feeder.bus_name, feeder.bus_zone, strict=True))
    assert zones["Bus 0"] == ""
    assert zones["Bus R11"] == "residential"
    assert zones["Bus I2"] == "industrial"
    assert zones["Bus C20"] == "commercial"
    assert list(zones.values()).count("") == 1
    assert set(FEEDERS["ieee33"].bus_zone) == {""}


@pytest.mark.parametrize(
    "name", ["cigre_lv", "cigre_mv", "ieee33", "ieee13", "ieee34", "ieee37", "ieee123"]
)
def test_every_bus_is_on_the_map(name: str) -> None:
    feeder = FEEDERS[name]
    assert np.isfinite(feeder.bus_x).all()
    assert len(np.unique(np.column_stack([feeder.bus_x, feeder.bus_y]), axis=0)) > 10


def test_limits_given_replace_the_preset() -> None:
    feeder = load_feeder("ieee33", voltage_min_pu=0.95, loading_max_percent=80.0)
    assert set(feeder.voltage_min_pu) == {0.95}
    assert set(feeder.voltage_max_pu) == {1.1}
    assert set(feeder.loading_max_percent) == {80.0}


def test_crossed_limits_are_refused() -> None:
    with pytest.raises(NetworkError, match=r"voltage limits 0\.9 to 0\.8 p\.u\."):
        load_feeder("ieee33", voltage_max_pu=0.8)
    with pytest.raises(NetworkError, match=r"loading limit 0\.0 %"):
        load_feeder("ieee33", loading_max_percent=0.0)


def test_an_unknown_name_is_answered_with_the_closest_and_all() -> None:
    with pytest.raises(NetworkError) as caught:
        load_feeder("cigre-lv")
    assert str(caught.value) == (
        "unknown feeder 'cigre-lv'; did you mean 'cigre_lv'? "
        "Allowed are cigre_lv, cigre_mv, ieee33, ieee13, ieee34, ieee37, ieee123, "
        "kerber_dorfnetz, three_bus, and SimBench's "
        "low-voltage grids as simbench:1-LV-{rural1|rural2|rural3|semiurb4|semiurb5|urban6}"
        "--{0|1|2}-{sw|no_sw}."
    )
    with pytest.raises(NetworkError, match=r"unknown feeder 'q'\. Allowed are"):
        build_net("q")


def test_branches_are_lines_then_transformers() -> None:
    feeder = FEEDERS["cigre_mv"]
    assert feeder.branch_kind.tolist() == [LINE] * 15 + [TRANSFORMER] * 2


def test_the_village_is_the_same_each_time_and_no_other_draw_changes() -> None:
    random.seed(1)
    state = random.getstate()
    first = load_feeder(VILLAGE).net_sha256
    assert random.getstate() == state
    random.seed(2)
    assert load_feeder(VILLAGE).net_sha256 == first == FEEDERS[VILLAGE].net_sha256


@pytest.mark.parametrize("name", ["ieee33", VILLAGE])
def test_hash_is_the_same_in_another_process(name: str) -> None:
    code = (
        "from networks.catalog import build_net; from networks.compile import hash_net; "
        f"print(hash_net(build_net('{name}')))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == FEEDERS[name].net_sha256
