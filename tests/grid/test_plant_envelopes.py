import dataclasses

import numpy as np
import pandapower.networks as pn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.grid import limits
from cosim.grid.inverter_control import (
    OBJECTIVES,
    Control,
    fit_and_forget,
    operating_envelope,
    static_export_limit,
    volt_var,
)
from cosim.grid.power_flow import PowerFlow
from cosim.records import Booleans
from cosim.results import GridState
from networks.compile import Description, compile_net
from networks.feeder import Feeder
from tests.feeders import feeder_of
from tests.grid.deployments import Deployments, random_deployments

HIGHEST_PU = 1.05


def at_most(feeder: Feeder, voltage_pu: float) -> PowerFlow:
    highest = np.full(feeder.bus_count, voltage_pu)
    return PowerFlow(dataclasses.replace(feeder, voltage_max_pu=highest))


def cigre_lv_as_shipped() -> Feeder:
    told = Description("shipped", "shipped", "", ratings_assumed=False, ratings_source="")
    return compile_net(pn.create_cigre_network_lv(), told)


POWER_FLOWS = {
    "ieee33": at_most(feeder_of("ieee33"), HIGHEST_PU),
    "cigre_lv": at_most(cigre_lv_as_shipped(), HIGHEST_PU),
}
TOTAL_KW = {"ieee33": 7000.0, "cigre_lv": 700.0}


def four_times_the_load(name: str) -> Deployments:
    feeder = POWER_FLOWS[name].feeder
    peak = feeder.nominal_load_kw[None]
    return Deployments(
        POWER_FLOWS[name], 0.3 * peak, 0.3 * feeder.nominal_load_kvar[None], -4.0 * peak, 4.0 * peak
    )


@pytest.mark.parametrize(
    ("name", "objective", "total_kw", "within"),
    [
        ("ieee33", "equal", 3808.7, 0.5),
        ("ieee33", "proportional", 5000.0, 5.0),
        ("ieee33", "max_sum", 9470.0, 5.0),
        ("cigre_lv", "equal", 330.6, 0.2),
        ("cigre_lv", "proportional", 840.0, 5.0),
        ("cigre_lv", "max_sum", 1170.0, 5.0),
    ],
)
def test_envelopes_are_the_known_ones(
    name: str, objective: str, total_kw: float, within: float
) -> None:
    """Loads at 30 %, 1.05 p.u., each plant up to four times the load of its bus."""
    acted = four_times_the_load(name).under(operating_envelope(objective))
    assert acted.settled.all()
    assert -acted.plant_kw.sum() == pytest.approx(total_kw, abs=within)


@pytest.mark.parametrize("name", list(POWER_FLOWS))
@pytest.mark.parametrize("objective", ["proportional", "equal"])
@settings(max_examples=5)
@given(seed=st.integers(0, 2**31), size=st.floats(0.1, 2.0))
def test_inside_all_limits_and_nothing_cut_where_none_binds(
    name: str, objective: str, seed: int, size: float
) -> None:
    power_flow = POWER_FLOWS[name]
    there = random_deployments(power_flow, 16, total_kw=size * TOTAL_KW[name], seed=seed)
    plain = there.under(fit_and_forget())
    acted = there.under(operating_envelope(objective))
    assert acted.settled.all()
    assert np.all(limits.within(limits.excess(power_flow.feeder, acted.state)))
    free = limits.within(limits.excess(power_flow.feeder, plain.state))
    assert np.all(acted.curtailed_kw[free] == 0.0)
    assert np.all(acted.curtailed_kw[~free].sum(axis=1) > 0.0)
    fed, offered = -acted.plant_kw, -there.plant_kw
    for n in np.flatnonzero(~free):
        has = offered[n] > 0.0
        if objective == "proportional":
            assert np.ptp(fed[n, has] / offered[n, has]) < 1e-9
        else:
            assert np.ptp(fed[n, has & (fed[n] < offered[n] - 1e-9)]) < 1e-9


def test_max_sum_is_inside_the_limits_and_the_largest() -> None:
    there = random_deployments(POWER_FLOWS["ieee33"], 3, total_kw=9000.0, seed=2)
    fed = {}
    for objective in OBJECTIVES:
        acted = there.under(operating_envelope(objective))
        assert np.all(limits.within(limits.excess(there.power_flow.feeder, acted.state)))
        fed[objective] = -acted.plant_kw.sum(axis=1)
    assert np.all(fed["max_sum"] >= fed["proportional"] - 1e-3)
    assert np.all(fed["max_sum"] >= fed["equal"] - 1e-3)
    assert np.any(fed["max_sum"] > fed["proportional"] + 100.0)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_criteria_of_a_study_decide(objective: str) -> None:
    """The rise against the same load without plants, which no feeder limit knows."""
    there = random_deployments(POWER_FLOWS["ieee33"], 4, total_kw=5000.0, seed=5)

    def rise_at_most(state: GridState, base: GridState) -> Booleans:
        return np.asarray((state.voltage_pu - base.voltage_pu).max(axis=1) <= 0.03)

    acted = there.under(operating_envelope(objective), rise_at_most)
    assert acted.settled.all()
    base = there.power_flow.solve(there.base_kw, there.base_kvar)
    rise = (acted.state.voltage_pu - base.voltage_pu).max(axis=1)
    cut = acted.curtailed_kw.sum(axis=1) > 0.0
    assert np.any(cut)
    assert np.all(rise <= 0.03)
    if objective != "max_sum":
        assert np.all(rise[cut] > 0.0299)


def test_vehicles_are_held_back_where_voltages_fall_too_low() -> None:
    feeder = feeder_of("ieee33")
    power_flow = PowerFlow(
        dataclasses.replace(feeder, voltage_min_pu=np.full(feeder.bus_count, 0.95))
    )
    solar = random_deployments(power_flow, 6, total_kw=4000.0, seed=1)
    none = np.zeros_like(solar.rating_kva)
    there = dataclasses.replace(solar, plant_kw=-solar.plant_kw, rating_kva=none)
    acted = there.under(operating_envelope())
    assert acted.settled.all()
    assert np.all(acted.plant_kw >= 0.0)
    assert np.any(acted.curtailed_kw.sum(axis=1) > 1.0)
    assert np.all(acted.state.voltage_pu >= 0.95 - 1e-9)


@pytest.mark.parametrize("on", [fit_and_forget(), volt_var(), static_export_limit()])
def test_envelopes_on_top_of_other_levers(on: Control) -> None:
    there = random_deployments(POWER_FLOWS["ieee33"], 18, total_kw=6000.0, seed=8)
    lever = operating_envelope("proportional", on=on)
    acted = there.under(lever)
    assert acted.settled.all()
    assert np.all(limits.within(limits.excess(there.power_flow.feeder, acted.state)))
    plain = there.under(operating_envelope())
    if on.volt_var is not None:
        assert -acted.plant_kw.sum() > -plain.plant_kw.sum()
    for n in (0, 17):
        one = there.only(slice(n, n + 1)).under(lever)
        np.testing.assert_array_equal(one.plant_kw[0], acted.plant_kw[n])
        np.testing.assert_array_equal(one.state.voltage_pu[0], acted.state.voltage_pu[n])


def test_a_base_case_that_fails_gets_no_plants_and_is_told() -> None:
    there = random_deployments(POWER_FLOWS["ieee33"], 3, total_kw=5000.0, seed=8)

    def only_high_voltages(state: GridState, _base: GridState) -> Booleans:
        return np.asarray(state.voltage_pu.min(axis=1) > 2.0)

    acted = there.under(operating_envelope(), only_high_voltages)
    assert not acted.settled.any()
    assert np.all(acted.plant_kw == 0.0)
    there.base_kw[1] *= 100.0
    assert list(there.under(operating_envelope()).settled) == [True, False, True]
