"""Peak-load power flows of the nets as published, with the numbers that are known of them."""

import numpy as np
import pandapower as pp
import pytest

from cosim.grid.power_flow import PowerFlow
from networks.base_case import RUNPP_OPTIONS
from networks.catalog import build_net, describe_feeders
from networks.feeder import LINE
from tests.feeders import feeder_of

pytestmark = pytest.mark.slow

WITH_GENERATION = {
    # lowest and highest voltage, worst line and transformer, solar panels at their nominal power
    "voltage_control_rural_1": (0.9985, 1.0161, 24.5, 9.6),
    "voltage_control_rural_2": (0.9998, 1.0080, 28.7, 10.1),
    "voltage_control_village_1": (0.9622, 1.0082, 42.4, 24.9),
    "voltage_control_village_2": (0.9973, 1.0235, 50.1, 19.2),
    "voltage_control_suburb_1": (0.9671, 1.0000, 86.9, 107.2),
}


@pytest.mark.parametrize("name", list(WITH_GENERATION))
def test_existing_generation_counts_as_published(name: str) -> None:
    feeder = feeder_of(name)
    state = PowerFlow(feeder).solve(
        (feeder.nominal_load_kw - feeder.nominal_generation_kw)[None],
        (feeder.nominal_load_kvar - feeder.nominal_generation_kvar)[None],
    )
    is_line = feeder.branch_kind == LINE
    low, high, line, transformer = WITH_GENERATION[name]
    assert state.voltage_pu.min() == pytest.approx(low, abs=1e-4)
    assert state.voltage_pu.max() == pytest.approx(high, abs=1e-4)
    assert state.loading_percent[0, is_line].max() == pytest.approx(line, abs=0.06)
    assert state.loading_percent[0, ~is_line].max() == pytest.approx(transformer, abs=0.06)


@pytest.mark.parametrize(
    ("name", "peak_kw", "lowest_pu", "line_percent", "transformer_percent"),
    [
        ("kerber_extreme_landnetz_freileitung", 208.0, 0.8845, 121.3, 91.0),
        ("kerber_extreme_landnetz_freileitung_trafo", 216.0, 0.8592, 124.6, 241.8),
        ("kerber_extreme_landnetz_kabel", 208.0, 0.8807, 119.4, 91.3),
        ("kerber_extreme_landnetz_kabel_trafo", 216.0, 0.8540, 122.9, 242.9),
        ("kerber_extreme_dorfnetz", 348.0, 0.9145, 94.1, 91.4),
        ("kerber_extreme_dorfnetz_trafo", 702.0, 0.8801, 97.6, 304.6),
        ("kerber_extreme_vorstadtnetz_1", 290.0, 0.9556, 74.8, 47.2),
        ("kerber_extreme_vorstadtnetz_2", 290.0, 0.9538, 58.2, 47.2),
        ("kerber_extreme_vorstadtnetz_trafo_1", 382.0, 0.9391, 76.1, 158.7),
        ("kerber_extreme_vorstadtnetz_trafo_2", 384.0, 0.9371, 59.2, 159.5),
        ("dickert_short_cable", 53.3, 0.9886, 15.1, 14.5),
        ("dickert_long_overhead", 226.0, 0.8751, 46.3, 63.5),
    ],
)
def test_weak_grids_say_which_limits_they_break(
    name: str, peak_kw: float, lowest_pu: float, line_percent: float, transformer_percent: float
) -> None:
    (summary,) = describe_feeders([name])
    assert summary.peak_load_kw == pytest.approx(peak_kw, abs=0.06)
    assert summary.voltage_min_pu == pytest.approx(lowest_pu, abs=1e-4)
    # Cables of house connections are drawn, which moves single loadings a little.
    assert summary.worst_line_percent == pytest.approx(line_percent, abs=0.5)
    assert summary.worst_transformer_percent == pytest.approx(transformer_percent, abs=0.5)
    told = {
        "lowest voltage": lowest_pu < 0.9,
        "a line": line_percent > 100.0,
        "a transformer": transformer_percent > 100.0,
    }
    for kind, broken in told.items():
        assert any(each.startswith(kind) for each in summary.base_case_breaks) == broken
    assert summary.base_case_secure == (not any(told.values()))


def test_cigre_mv_breaks_a_limit_with_the_published_loads() -> None:
    net = build_net("cigre_mv")
    net.load["scaling"] = 1.0
    pp.runpp(net, **RUNPP_OPTIONS)
    assert net.load.p_mw.sum() == pytest.approx(44.74, abs=0.005)
    assert net.res_bus.vm_pu.min() == pytest.approx(0.9230, abs=5e-5)
    assert net.res_line.loading_percent.max() == pytest.approx(97.0, abs=0.05)
    assert net.res_trafo.loading_percent.max() == pytest.approx(101.4, abs=0.05)


def test_losses_of_ieee33_are_the_published_ones() -> None:
    feeder = feeder_of("ieee33")
    state = PowerFlow(feeder).solve(feeder.nominal_load_kw[None], feeder.nominal_load_kvar[None])
    assert state.loss_kw[0] == pytest.approx(202.7, abs=0.05)


def test_the_balanced_equivalent_keeps_the_power_of_every_phase() -> None:
    import pandapower.networks as pn

    published = pn.ieee_european_lv_asymmetric("on_peak_566").asymmetric_load
    feeder = feeder_of("ieee_european_lv")
    sums = published.groupby("bus")[[f"{power}_mw" for power in ("p_a", "p_b", "p_c")]].sum()
    expected = sums.sum(axis=1).reindex(feeder.bus_index, fill_value=0.0).to_numpy() * 1e3
    np.testing.assert_allclose(feeder.nominal_load_kw, expected, atol=1e-9)
    assert (feeder.nominal_load_kw > 0.0).sum() == 55
