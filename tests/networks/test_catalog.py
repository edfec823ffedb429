import os
import random
import subprocess
import sys

import numpy as np
import pytest

from cosim.grid.power_flow import PowerFlow
from networks.catalog import build_net, describe_feeders, feeder_names, load_feeder
from networks.errors import NetworkError
from networks.feeder import LINE, TRANSFORMER
from networks.feeder_summary import FeederSummary
from tests.feeders import FEW, every_feeder, feeder_of
from tests.networks.against_runpp import assert_same_as_runpp, random_loads

VILLAGE = "kerber_dorfnetz"


@pytest.fixture(scope="module")
def summaries() -> dict[str, FeederSummary]:
    return {summary.name: summary for summary in describe_feeders(FEW)}


def test_names_are_those_described(summaries: dict[str, FeederSummary]) -> None:
    assert tuple(summaries) == FEW
    assert set(FEW) < set(feeder_names())


@pytest.mark.slow
def test_every_feeder_is_described() -> None:
    found = describe_feeders()
    assert tuple(summary.name for summary in found) == feeder_names()
    assert all(summary.title and summary.source and summary.ratings_source for summary in found)
    assert {summary.name for summary in found if not summary.base_case_secure} >= {
        "kerber_extreme_dorfnetz_trafo",
        "lv_schutterwald",
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "counts", "peak_kw", "voltage_pu", "line_percent", "trafo_percent"),
    [
        ("ieee_european_lv", (907, 905, 1), 57.4, (1.029, 1.050), 18.4, 7.0),
        ("kerber_landnetz_freileitung_1", (15, 13, 1), 104.0, (0.947, 1.0), 58.0, 68.0),
        ("kerber_landnetz_freileitung_2", (10, 8, 1), 64.0, (0.974, 1.0), 26.0, 66.0),
        ("kerber_landnetz_kabel_1", (18, 16, 1), 64.0, (0.972, 1.0), 26.0, 66.0),
        ("kerber_landnetz_kabel_2", (30, 28, 1), 112.0, (0.945, 1.0), 53.0, 73.0),
        ("kerber_vorstadtnetz_kabel_1", (294, 292, 1), 292.0, (0.979, 1.0), 34.0, 47.0),
        ("mv_oberrhein", (179, 181, 2), 37_116.0, (0.976, 1.029), 58.0, 86.0),
        ("lv_schutterwald", (2940, 3000, 14), 3_232.0, (0.891, 0.965), 56.0, 102.0),
    ],
)
def test_base_cases_of_further_feeders_are_the_known_ones(
    name: str,
    counts: tuple[int, int, int],
    peak_kw: float,
    voltage_pu: tuple[float, float],
    line_percent: float,
    trafo_percent: float,
) -> None:
    (summary,) = describe_feeders([name])
    assert (summary.buses, summary.lines, summary.transformers) == counts
    assert summary.peak_load_kw == pytest.approx(peak_kw, rel=1e-3)
    assert (summary.voltage_min_pu, summary.voltage_max_pu) == pytest.approx(voltage_pu, abs=1e-3)
    assert summary.worst_line_percent == pytest.approx(line_percent, abs=0.6)
    assert summary.worst_transformer_percent == pytest.approx(trafo_percent, abs=0.6)


@pytest.mark.parametrize("name", every_feeder())
def test_the_kernel_solves_every_feeder_as_runpp_does(name: str) -> None:
    feeder = feeder_of(name)
    assert_same_as_runpp(name, feeder, *random_loads(feeder, 3))


@pytest.mark.parametrize("zone", ["residential", "industrial", "commercial"])
def test_parts_of_cigre_lv_behave_as_in_the_whole(zone: str) -> None:
    """The supply is stiff, so the other two do not matter."""
    whole, part = feeder_of("cigre_lv"), load_feeder(f"cigre_lv_{zone}")
    shared = np.isin(whole.bus_index, part.bus_index)
    assert part.bus_index.tolist() == whole.bus_index[shared].tolist()
    states = [
        PowerFlow(each).solve(each.nominal_load_kw[None], each.nominal_load_kvar[None])
        for each in (whole, part)
    ]
    np.testing.assert_allclose(
        states[1].voltage_pu[0], states[0].voltage_pu[0][shared], rtol=0.0, atol=1e-9
    )


def test_presets_replace_limits_and_single_numbers_replace_presets() -> None:
    feeder = load_feeder("ieee33", limits="ansi_a", voltage_max_pu=1.06)
    assert set(feeder.voltage_min_pu) == {0.95}
    assert set(feeder.voltage_max_pu) == {1.06}
    with pytest.raises(NetworkError, match="unknown limits 'din'; allowed are en50160, "):
        load_feeder("ieee33", limits="din")


@pytest.mark.parametrize(
    ("name", "counts", "peak_kw", "lowest_pu"),
    [
        ("cigre_lv", (44, 37, 3), 686.6, 0.912269),
        ("cigre_mv", (15, 15, 2), 0.75 * 44742.15, 0.954938),
        ("ieee33", (33, 32, 0), 3715.0, 0.913090),
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
    assert scaled == {"cigre_mv"}
    assert "101.4 %" in summaries["cigre_mv"].load_scaling_reason
    assert "75 %" in summaries["cigre_mv"].title


def test_every_cigre_line_has_a_rating_of_its_own() -> None:
    currents = build_net("cigre_lv").line.max_i_ka
    assert set(currents) == {0.357, 0.270, 0.142, 0.245, 0.135, 0.105}


def test_zones_of_cigre_lv() -> None:
    feeder = feeder_of("cigre_lv")
    zones = dict(zip(feeder.bus_name, feeder.bus_zone, strict=True))
    assert zones["Bus 0"] == ""
    assert zones["Bus R11"] == "residential"
    assert zones["Bus I2"] == "industrial"
    assert zones["Bus C20"] == "commercial"
    assert list(zones.values()).count("") == 1
    assert set(feeder_of("ieee33").bus_zone) == {""}


@pytest.mark.parametrize("name", ["cigre_lv", "cigre_mv", "ieee33"])
def test_every_bus_is_on_the_map(name: str) -> None:
    feeder = feeder_of(name)
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
        load_feeder("cigre_lw")
    assert str(caught.value).startswith(
        "unknown feeder 'cigre_lw'; did you mean 'cigre_lv'? "
        f"Allowed are the {len(feeder_names())} names that `cosim feeders` lists, 186 grids of "
        "SimBench by code such as simbench:1-LV-rural1--0-sw, and files: "
    )
    with pytest.raises(NetworkError, match=r"unknown feeder 'q'\. Allowed are"):
        build_net("q")


def test_branches_are_lines_then_transformers() -> None:
    feeder = feeder_of("cigre_mv")
    assert feeder.branch_kind.tolist() == [LINE] * 15 + [TRANSFORMER] * 2


def test_the_village_is_the_same_each_time_and_no_other_draw_changes() -> None:
    random.seed(1)
    state = random.getstate()
    first = load_feeder(VILLAGE).net_sha256
    assert random.getstate() == state
    random.seed(2)
    assert load_feeder(VILLAGE).net_sha256 == first == feeder_of(VILLAGE).net_sha256


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
    assert printed.stdout.strip() == feeder_of(name).net_sha256
