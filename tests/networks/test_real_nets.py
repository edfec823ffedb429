"""What real nets contain is solved as pandapower solves it, and bad nets are told about."""

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.grid.power_flow import PowerFlow
from cosim.scenario import FeederSettings
from networks.base_case import RUNPP_OPTIONS
from networks.compile import compile_net
from networks.errors import NetworkError
from networks.feeder import LINE, Feeder
from networks.inspection import find_problems
from networks.limits import PRESETS
from tests.networks.odd_net import DESCRIPTION, odd_net
from tests.three_bus import three_bus_net


def random_net(seed: int) -> pp.pandapowerNet:
    """Return a tree with taps, shifts, parallel and open lines, shunts, voltage-dependent loads.

    Nothing else stands at the buses of the latter: pandapower lets all of a bus depend on voltage.
    """
    generator = np.random.default_rng(seed)
    net = pp.create_empty_network(sn_mva=float(generator.choice([0.1, 1.0, 100.0])))
    supplies = int(generator.integers(1, 3))
    for _ in range(supplies):
        top = pp.create_bus(net, vn_kv=20.0)
        pp.create_ext_grid(net, top, vm_pu=1.02, va_degree=5.0)
        low = pp.create_bus(net, vn_kv=0.4)
        for _ in range(int(generator.integers(1, 3))):
            pp.create_transformer_from_parameters(
                net,
                top,
                low,
                sn_mva=0.63,
                vn_hv_kv=20.0,
                vn_lv_kv=0.4,
                vk_percent=6.0,
                vkr_percent=1.2,
                pfe_kw=1.2,
                i0_percent=0.2,
                shift_degree=150.0,
                tap_side="hv",
                tap_neutral=0,
                tap_min=-2,
                tap_max=2,
                tap_step_percent=2.5,
                tap_pos=int(generator.integers(-2, 3)) if supplies == 1 else 1,
                tap_changer_type=None if generator.random() < 0.3 else "Ratio",
            )
        fed = [low]
        for _ in range(int(generator.integers(2, 6))):
            bus = pp.create_bus(net, vn_kv=0.4)
            line = pp.create_line_from_parameters(
                net,
                int(generator.choice(fed)),
                bus,
                length_km=float(generator.uniform(0.02, 0.2)),
                r_ohm_per_km=0.2,
                x_ohm_per_km=0.08,
                c_nf_per_km=float(generator.choice([0, 3e5])),
                max_i_ka=0.27,
                parallel=int(generator.integers(1, 3)),
                df=0.9,
            )
            if generator.random() < 0.15:
                pp.create_switch(net, bus, line, et="l", closed=False)
            fed.append(bus)
            pp.create_load(
                net,
                bus,
                p_mw=0.01,
                q_mvar=0.003,
                scaling=float(generator.uniform(0.2, 1.5)),
                const_z_p_percent=float(generator.choice([0, 40])),
                const_i_p_percent=30.0,
                const_z_q_percent=float(generator.choice([0, 100])),
            )
        if generator.random() < 0.5:
            pp.create_shunt(net, fed[-1], q_mvar=-0.01)
        if generator.random() < 0.5:
            pp.create_motor(net, low, pn_mech_mw=0.004, cos_phi=0.9)
        if generator.random() < 0.5:
            pp.create_asymmetric_load(net, low, p_a_mw=0.003, p_b_mw=0.001, q_c_mvar=0.001)
        end = pp.create_bus(net, vn_kv=0.4)
        pp.create_impedance(net, fed[-1], end, rft_pu=0.01, xft_pu=0.01, sn_mva=0.1)
        pp.create_sgen(net, end, p_mw=float(generator.uniform(0.0, 0.02)), q_mvar=0.001)
    return net


def base_case(feeder: Feeder) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel's voltages and loadings with everything at its published power."""
    kw = feeder.nominal_load_kw - feeder.nominal_generation_kw
    kvar = feeder.nominal_load_kvar - feeder.nominal_generation_kvar
    state = PowerFlow(feeder).solve(kw[None], kvar[None])
    assert state.converged.all()
    return state.voltage_pu[0], state.loading_percent[0]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_nets_are_solved_as_runpp_solves_them(seed: int) -> None:
    """With voltage-dependent loads, as the base case is."""
    net = random_net(seed)
    feeder = compile_net(net, DESCRIPTION)
    pp.runpp(net, **{**RUNPP_OPTIONS, "voltage_depend_loads": True})
    voltage, loading = base_case(feeder)
    np.testing.assert_allclose(
        voltage, net.res_bus.vm_pu.loc[feeder.bus_index], rtol=0.0, atol=1e-8
    )
    is_line = feeder.branch_kind == LINE
    for chosen, table in ((is_line, net.res_line), (~is_line, net.res_trafo)):
        expected = table.loading_percent.loc[feeder.branch_index[chosen]]
        np.testing.assert_allclose(loading[chosen], expected, rtol=0.0, atol=1e-5)


def test_assumptions_are_told() -> None:
    net = odd_net()
    net.trafo["tap_changer_type"] = None
    net.load.loc[0, ["const_z_p_percent", "const_z_q_percent"]] = 50.0
    pp.create_asymmetric_load(net, net.bus.index[3], p_a_mw=0.001, index=4)
    notes = "\n".join(compile_net(net, DESCRIPTION).notes)
    for part in (
        "trafo 0: tap_pos is set, but tap_changer_type is empty",
        "asymmetric_load 4: the sum over the phases is taken",
        "load 0: constant-impedance and constant-current shares count with the power they draw",
        "storage 0: storages keep the power the net gives them",
        "ward 0: wards keep",
        "bus 19: cut off from the slack",
    ):
        assert part in notes


def test_external_grids_that_hold_one_voltage_are_one_supply() -> None:
    """What flows in is the sum over both."""
    net = three_bus_net()
    pp.create_ext_grid(net, 2)
    feeder = compile_net(net, DESCRIPTION)
    state = PowerFlow(feeder).solve(feeder.nominal_load_kw[None], feeder.nominal_load_kvar[None])
    pp.runpp(net, **RUNPP_OPTIONS)
    np.testing.assert_allclose(state.voltage_pu[0], net.res_bus.vm_pu, atol=1e-9)
    assert state.slack_kw[0] == pytest.approx(1e3 * net.res_ext_grid.p_mw.sum(), abs=1e-5)


def broken_net() -> pp.pandapowerNet:
    """Return a net with one of everything that can be wrong."""
    net = three_bus_net()
    pp.create_line_from_parameters(
        net, 0, 1, length_km=0.0, r_ohm_per_km=0.0, x_ohm_per_km=0.0, c_nf_per_km=0, max_i_ka=-1.0
    )
    pp.create_line_from_parameters(
        net, 0, 2, length_km=0.1, r_ohm_per_km=np.nan, x_ohm_per_km=0.1, c_nf_per_km=0, max_i_ka=0.2
    )
    net.line.loc[1, "to_bus"] = 99
    net.load.loc[0, "bus"] = 77
    net.load["p_mw"] = net.load["p_mw"].astype(object)
    net.load.loc[1, "p_mw"] = "four"
    pp.create_transformer_from_parameters(
        net,
        0,
        1,
        sn_mva=0.4,
        vn_hv_kv=20.0,
        vn_lv_kv=0.4,
        vk_percent=0.0,
        vkr_percent=1.0,
        pfe_kw=0,
        i0_percent=0,
    )
    pp.create_switch(net, 0, 0, et="l")
    net.switch.loc[0, "element"] = 55
    net.bus.loc[1, "vn_kv"] = np.nan
    net.ext_grid = net.ext_grid.iloc[:0]
    return net


def test_everything_wrong_with_a_net_is_told_at_once() -> None:
    with pytest.raises(NetworkError) as caught:
        compile_net(broken_net(), DESCRIPTION)
    text = str(caught.value)
    for part in (
        "line 1: to_bus 99 does not exist; connect it to a bus of the net",
        "load 0: bus 77 does not exist",
        "load 1: p_mw is 'four'; must be finite",
        "line 2: length_km is 0; must be above 0; give its length",
        "line 2: max_i_ka is -1; must be above 0; give the conductor's rated current",
        "line 2: has no impedance",
        "line 3: r_ohm_per_km is missing; must be finite",
        "trafo 0: vk_percent is 0; must be above 0; give the short-circuit voltage",
        "trafo 0: vn_hv_kv 20 at 0.4 kV; rated voltage and bus voltage must be of the same level",
        "switch 0: the line it switches does not exist",
        "bus 1: vn_kv is missing; must be above 0",
        "ext_grid in service: none; there must be one",
    ):
        assert f"odd: {part}" in text, (part, text)
    assert len(caught.value.problems) == 12


@pytest.mark.parametrize("table", ["bus", "line", "trafo", "load", "sgen", "ext_grid", "switch"])
def test_a_table_that_is_missing_is_told(table: str) -> None:
    net = three_bus_net()
    del net[table]
    assert find_problems(net) == [f"table {table} is missing; this is no complete pandapower net"]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_columns_that_are_missing_or_mad_never_crash_the_search(data: st.DataObject) -> None:
    net = odd_net()
    table = data.draw(st.sampled_from(["bus", "line", "trafo", "load", "ext_grid", "switch"]))
    column = data.draw(st.sampled_from(list(net[table].columns)))
    what = data.draw(st.sampled_from(["drop", None, "text", np.nan, -1]))
    if what == "drop":
        net[table] = net[table].drop(columns=column)
    else:
        net[table][column] = pd.Series(
            [what] * len(net[table]), index=net[table].index, dtype=object
        )
    found = find_problems(net)
    assert all(isinstance(problem, str) for problem in found)


def test_presets_are_those_of_the_settings_and_of_the_page() -> None:
    annotation = FeederSettings.model_fields["limits"].annotation
    literal = next(each for each in get_args(annotation) if get_args(each))
    assert set(get_args(literal)) == set(PRESETS)
    page = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
    for name, limits in PRESETS.items():
        assert not limits.problems()
        low, high = f"{limits.voltage_min_pu:.3f}", f"{limits.voltage_max_pu:.3f}"
        assert re.search(
            rf"\| `{name}` \| {low[:4]}{low[4].replace('0', '')} to {high[:4]}"
            rf"{high[4].replace('0', '')} \| {limits.loading_max_percent:.0f} % \|",
            page,
        ), name
