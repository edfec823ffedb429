import pickle

import numpy as np
import pandapower as pp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import ControlError
from cosim.grid import inverter_curves as curves
from cosim.grid.inverter_control import (
    Acted,
    Control,
    act,
    constant_power_factor,
    fit_and_forget,
    operating_envelope,
    power_factor_of_power,
    static_export_limit,
    volt_var,
    volt_var_watt,
    volt_watt,
)
from cosim.grid.inverter_curves import Curve
from cosim.grid.inverter_response import Response, respond
from cosim.grid.power_flow import PowerFlow
from networks.base_case import RUNPP_OPTIONS
from networks.catalog import build_net
from tests.feeders import feeder_of
from tests.grid.deployments import Deployments, random_deployments
from tests.three_bus import three_bus_feeder

TOTAL_KW = {"ieee33": 7000.0, "cigre_lv": 600.0, "cigre_mv": 9000.0}
POWER_FLOWS = {name: PowerFlow(feeder_of(name)) for name in TOTAL_KW}

STEEP_VAR = Curve("steep", (1.018, 1.02, 1.03, 1.032), (0.44, 0.0, 0.0, -0.44))
STEEP_WATT = Curve("steep", (1.04, 1.042), (1.0, 0.0))
ON_VOLTAGE = (
    volt_var(),
    volt_var(curves.VDE_LV_VOLT_VAR, watt_first=True, oversizing=1.1),
    volt_watt(),
    volt_var_watt(),
    volt_var_watt(watt_first=True),
    Control("cos phi (P) and P(V)", power_factor_curve=curves.VDE_LV_POWER_FACTOR,
            volt_watt=curves.IEEE_B_VOLT_WATT),
    Control("steep", volt_var=STEEP_VAR, volt_watt=STEEP_WATT),
)  # fmt: skip
CLOSED = (
    fit_and_forget(),
    constant_power_factor(0.9),
    constant_power_factor(0.95, oversizing=1.1),
    power_factor_of_power(),
    static_export_limit(),
    static_export_limit(share=None, kw=40.0),
)
EVERY = (*CLOSED, *ON_VOLTAGE)


def some(name: str, count: int = 24, seed: int = 1, offered: float = 1.0) -> Deployments:
    return random_deployments(
        POWER_FLOWS[name], count, total_kw=TOTAL_KW[name], seed=seed, offered=offered
    )


def named(control: Control) -> str:
    return control.name


@pytest.mark.parametrize("control", EVERY, ids=named)
def test_what_plants_do_is_consistent(control: Control) -> None:
    there = some("cigre_lv", 40)
    acted = there.under(control)
    assert acted.settled.all()
    assert acted.state.converged.all()
    again = there.power_flow.solve(
        there.base_kw + acted.plant_kw, there.base_kvar + acted.plant_kvar
    )
    np.testing.assert_array_equal(again.voltage_pu, acted.state.voltage_pu)
    np.testing.assert_allclose(acted.curtailed_kw, acted.plant_kw - there.plant_kw, atol=1e-9)
    assert np.all(acted.curtailed_kw >= 0.0)
    assert np.all(acted.plant_kw <= 0.0)
    apparent = np.hypot(acted.plant_kw, acted.plant_kvar)
    assert np.all(apparent <= control.oversizing * there.rating_kva * (1.0 + 1e-9))


@pytest.mark.parametrize("control", EVERY, ids=named)
def test_no_scenario_changes_another(control: Control) -> None:
    there = some("ieee33", 21)
    whole = there.under(control)
    for n in (0, 5, 16, 20):
        one = there.only(slice(n, n + 1)).under(control)
        np.testing.assert_array_equal(one.plant_kw[0], whole.plant_kw[n])
        np.testing.assert_array_equal(one.plant_kvar[0], whole.plant_kvar[n])
        np.testing.assert_array_equal(one.state.node_voltage_pu[0], whole.state.node_voltage_pu[n])
        assert one.settled[0] == whole.settled[n]
        assert one.iterations[0] == whole.iterations[n]


@pytest.mark.parametrize("control", ON_VOLTAGE, ids=named)
@pytest.mark.parametrize("name", ["ieee33", "cigre_lv"])
def test_plants_do_what_their_curves_say_at_their_own_bus(name: str, control: Control) -> None:
    """The same numbers again, by numpy's interpolation at the voltages of the result."""
    there = some(name)
    acted = there.under(control)
    voltage, apparent = acted.state.voltage_pu, control.oversizing * there.rating_kva
    fed = np.minimum(-there.plant_kw, there.rating_kva)
    if control.volt_watt is not None:
        at, value = control.volt_watt.points()
        fed = np.minimum(fed, np.interp(voltage, at, value) * there.rating_kva)
    if control.volt_var is not None:
        at, value = control.volt_var.points()
        absorbed = -np.interp(voltage, at, value) * apparent
    else:
        absorbed = np.zeros_like(fed)
    if control.power_factor_curve is not None:
        # 1 - 0.2 (p - 0.5) = p: beyond, kW over power factor leave the circle.
        fed = np.minimum(fed, 1.1 / 1.2 * there.rating_kva)
        share = np.divide(fed, apparent, out=np.zeros_like(fed), where=apparent > 0.0)
        absorbed = np.tan(np.arccos(np.interp(share, [0.5, 1.0], [1.0, 0.9]))) * fed
    if control.watt_first:
        room = np.sqrt(np.maximum(apparent**2 - fed**2, 0.0))
        absorbed = np.clip(absorbed, -room, room)
    else:
        fed = np.minimum(fed, np.sqrt(np.maximum(apparent**2 - absorbed**2, 0.0)))
    scale = there.rating_kva.max()
    np.testing.assert_allclose(-acted.plant_kw, fed, atol=1e-6 * scale)
    # On the circle kvar rise as a square root: voltages to 1e-11 give them to about 1e-5.
    np.testing.assert_allclose(
        acted.plant_kvar, absorbed, atol=(3e-5 if control.watt_first else 1e-6) * scale
    )


@pytest.mark.parametrize(
    ("name", "control", "size"),
    [
        pytest.param("cigre_lv", volt_var_watt(), 0.4, marks=pytest.mark.slow),
        *(
            pytest.param(name, control, 1.0, marks=pytest.mark.slow)
            for name in ("ieee33", "cigre_lv")
            for control in (volt_var(), volt_var(curves.VDE_LV_VOLT_VAR), volt_watt())
        ),
    ],
)
def test_an_outer_loop_around_runpp_finds_the_same_point(
    name: str, control: Control, size: float
) -> None:
    there = random_deployments(
        POWER_FLOWS[name], 1, total_kw=size * TOTAL_KW[name], seed=3, offered=0.9
    )
    acted = there.under(control)
    feeder, net = there.power_flow.feeder, build_net(name)
    net.load, net.sgen = net.load.iloc[:0], net.sgen.iloc[:0]
    pp.create_loads(net, buses=feeder.bus_index, p_mw=0.0)
    var, watt = control.volt_var, control.volt_watt
    rating, seen = there.rating_kva[0], np.ones(feeder.bus_count)
    moved = 1.0
    for _ in range(400):
        fed = -there.plant_kw[0]
        if watt is not None:
            fed = np.minimum(fed, np.interp(seen, *watt.points()) * rating)
        kvar = 0.0 * rating
        if var is not None:
            kvar = -np.interp(seen, *var.points()) * rating
        fed = np.minimum(fed, np.sqrt(rating**2 - kvar**2))
        net.load.p_mw = (there.base_kw[0] - fed) / 1e3
        net.load.q_mvar = (there.base_kvar[0] + kvar) / 1e3
        pp.runpp(net, **RUNPP_OPTIONS)
        voltage = net.res_bus.vm_pu[feeder.bus_index].to_numpy()
        moved = np.abs(voltage - seen).max()
        if moved < 1e-9:
            break
        seen = seen + (0.25 if size == 1.0 else 0.5) * (voltage - seen)
    assert moved < 1e-9
    assert acted.settled.all()
    assert np.abs(acted.curtailed_kw).sum() + np.abs(acted.plant_kvar).sum() > 1.0  # it acts
    np.testing.assert_allclose(acted.state.voltage_pu[0], seen, atol=1e-8)
    np.testing.assert_allclose(acted.plant_kw[0], -fed, atol=1e-5 * rating.max())
    np.testing.assert_allclose(acted.plant_kvar[0], kvar, atol=1e-5 * rating.max())


ABSORBING = Curve("absorbing", (1.02, 1.08), (0.0, -0.44))
STEEP_ABSORBING = Curve("steep and absorbing", (1.02, 1.022), (0.0, -0.44))
LOWERING = (
    *CLOSED,
    volt_watt(),
    volt_var(ABSORBING),
    volt_var(STEEP_ABSORBING, watt_first=True, oversizing=1.1),
    volt_var_watt(ABSORBING, watt_first=True),
    volt_var_watt(STEEP_ABSORBING, STEEP_WATT),
)
"""Without the half of a curve that feeds in kvar, which lifts what is low, on purpose."""


@pytest.mark.parametrize("name", ["ieee33", "cigre_lv"])
@settings(max_examples=10)
@given(seed=st.integers(0, 2**31), size=st.floats(0.05, 1.3), offered=st.floats(0.3, 1.0))
def test_no_lever_raises_the_highest_voltage(
    name: str, seed: int, size: float, offered: float
) -> None:
    there = random_deployments(
        POWER_FLOWS[name], 8, total_kw=size * TOTAL_KW[name], seed=seed, offered=offered
    )
    plain = there.under(fit_and_forget())
    assert plain.settled.all()
    highest = plain.state.voltage_pu.max(axis=1) + 1e-9
    for control in LOWERING:
        acted = there.under(control)
        assert acted.settled.all(), control.name
        assert np.all(acted.state.voltage_pu.max(axis=1) <= highest), control.name


@given(
    voltage=st.floats(0.8, 1.3),
    step=st.floats(1e-6, 0.1),
    available=st.floats(0.0, 1.0),
    oversizing=st.floats(1.0, 1.2),
    watt_first=st.booleans(),
)
def test_one_inverter_stays_on_its_circle_and_is_monotone(
    voltage: float, step: float, available: float, oversizing: float, watt_first: bool
) -> None:
    none = np.zeros(0)
    watt, var = curves.IEEE_B_VOLT_WATT.points(), curves.IEEE_B_VOLT_VAR.points()
    unity = np.zeros(1), np.ones(1)
    both = Response(*var, *watt, *unity, watt_first)
    fed, absorbed, _, _ = respond(both, voltage, available, 1.0, oversizing)
    assert 0.0 <= fed <= available
    assert np.hypot(fed, absorbed) <= oversizing * (1.0 + 1e-12)
    only_watt = Response(none, none, *watt, *unity, watt_first)
    less = respond(only_watt, voltage + step, available, 1.0, oversizing)[0]
    assert less <= respond(only_watt, voltage, available, 1.0, oversizing)[0]
    higher = respond(both, voltage + step, available, 1.0, oversizing)
    if voltage > 1.0 and available > 0.0:
        assert higher[1] >= absorbed - 1e-12


@given(
    voltage=st.floats(0.9, 1.12),
    available=st.floats(0.05, 0.97),
    kind=st.sampled_from(["var", "watt", "both", "factor"]),
    watt_first=st.booleans(),
)
def test_slopes_are_those_of_finite_differences(
    voltage: float, available: float, kind: str, watt_first: bool
) -> None:
    none, step = (np.zeros(0), np.zeros(0)), 1e-7
    watt = curves.IEEE_B_VOLT_WATT.points() if kind != "var" else none
    var = curves.IEEE_B_VOLT_VAR.points() if kind in ("var", "both") else none
    factor = (np.zeros(1), np.ones(1))
    if kind == "factor":
        factor = curves.VDE_LV_POWER_FACTOR.points()
    response = Response(*var, *watt, *factor, watt_first)
    here = respond(response, voltage, available, 1.0, 1.0)
    above = respond(response, voltage + step, available, 1.0, 1.0)
    below = respond(response, voltage - step, available, 1.0, 1.0)
    for power, slope in ((0, 2), (1, 3)):
        right = (above[power] - here[power]) / step
        left = (here[power] - below[power]) / step
        smooth = abs(right - left) <= 1e-3 * max(1.0, abs(right))
        if smooth:  # no kink between
            assert here[slope] == pytest.approx(right, rel=2e-3, abs=2e-3)


def test_power_factor_gives_the_known_kvar() -> None:
    power_flow = PowerFlow(three_bus_feeder())
    zero = np.zeros((1, 3))
    solar, rating = np.array([[0.0, 0.0, -30.0]]), np.array([[0.0, 0.0, 30.0]])

    def under(control: Control, offered: np.ndarray = solar) -> Acted:
        return act(power_flow, zero, zero, offered, rating, control)

    absorbed = under(constant_power_factor(0.95, oversizing=1.2))
    assert absorbed.plant_kvar[0, 2] == pytest.approx(30.0 * np.tan(np.arccos(0.95)))
    assert absorbed.plant_kw[0, 2] == -30.0
    on_circle = under(constant_power_factor(0.9))
    assert on_circle.plant_kw[0, 2] == pytest.approx(-27.0)
    assert on_circle.curtailed_kw[0, 2] == pytest.approx(3.0)
    # 75 % of what is installed: half way down the curve.
    of_power = under(power_factor_of_power(), 0.75 * solar)
    assert of_power.plant_kvar[0, 2] == pytest.approx(22.5 * np.tan(np.arccos(0.95)))
    assert under(power_factor_of_power(), 0.5 * solar).plant_kvar[0, 2] == 0.0
    assert under(static_export_limit()).plant_kw[0, 2] == pytest.approx(-21.0)
    assert under(static_export_limit(share=None, kw=5.0)).plant_kw[0, 2] == -5.0
    vehicle = act(power_flow, zero, zero, -solar, zero, constant_power_factor(0.9))
    assert vehicle.plant_kw[0, 2] == 30.0
    assert vehicle.plant_kvar[0, 2] == pytest.approx(30.0 * np.tan(np.arccos(0.9)))
    assert vehicle.curtailed_kw[0, 2] == 0.0


def test_scenarios_without_an_answer_are_told_and_change_nothing_else() -> None:
    there = some("ieee33", 5)
    there.base_kw[2] *= 100.0  # no power flow
    control = volt_var_watt()
    acted = there.under(control)
    assert not acted.settled[2]
    assert not acted.state.converged[2]
    assert acted.settled[[0, 1, 3, 4]].all()
    assert np.all(np.isfinite(acted.plant_kw))
    alone = there.only(slice(3, 4)).under(control)
    np.testing.assert_array_equal(alone.plant_kw[0], acted.plant_kw[3])


def test_very_steep_curves_settle_or_are_told() -> None:
    """Edges of 0.002 p.u., 20 to 500 times the gain at which a plain iteration swings for ever."""
    control = Control("steep", volt_var=STEEP_VAR, volt_watt=STEEP_WATT)
    for name in ("cigre_lv", "cigre_mv"):
        acted = some(name, 128).under(control)
        assert acted.settled.all()
        assert np.any(acted.curtailed_kw > 1.0)


def test_problems_are_told_together() -> None:
    rising = Curve("mine", (1.0, 0.9), (0.0, 0.5))
    with pytest.raises(ControlError) as caught:
        Control("x", power_factor=1.2, oversizing=0.5, volt_var=rising, envelope="fair")
    assert len(caught.value.problems) == 5
    with pytest.raises(ControlError, match="one of them at most"):
        Control("x", power_factor=0.9, volt_var=curves.IEEE_B_VOLT_VAR)
    with pytest.raises(ControlError, match="only at power factor 1"):
        operating_envelope("max_sum", on=volt_var())
    there = some("ieee33", 2)
    there.rating_kva[1, 4] = 0.0
    there.plant_kw[1, 4] = -3.0
    there.base_kw[0, 0] = np.nan
    with pytest.raises(ControlError) as caught:
        there.under(volt_var())
    assert len(caught.value.problems) == 2
    assert "3 kW at bus 4" in caught.value.problems[1]
    with pytest.raises(ValueError, match="33 buses"):
        act(there.power_flow, *(np.zeros((1, 4)),) * 4, volt_var())


def test_controls_can_be_sent_to_other_processes() -> None:
    for control in EVERY:
        assert pickle.loads(pickle.dumps(control)) == control
        assert hash(control) == hash(pickle.loads(pickle.dumps(control)))
