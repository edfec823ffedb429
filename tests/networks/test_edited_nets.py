"""Nets whose tables people edited: what is taken, what is refused and in which words."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

from cosim.grid.power_flow import PowerFlow
from networks.compile import compile_net
from networks.errors import NetworkError
from networks.feeder import Feeder, Floats
from networks.inspection import find_problems
from networks.normalise import ignored_taps
from networks.other_solution import other_solution
from networks.reference import resolve
from networks.second_opinion import compare
from networks.voltage_dependence import ZIP_COLUMNS
from tests.networks.odd_net import DESCRIPTION, odd_net

Edit = Callable[[pp.pandapowerNet], Any]


def base_case(feeder: Feeder) -> tuple[Floats, Floats, Floats, Floats]:
    """Return power drawn, voltages and loadings of the base case, one state each."""
    kw = (feeder.nominal_load_kw - feeder.nominal_generation_kw)[None]
    kvar = (feeder.nominal_load_kvar - feeder.nominal_generation_kvar)[None]
    state = PowerFlow(feeder).solve(kw, kvar)
    return kw, kvar, state.voltage_pu, state.loading_percent


def problems_of(net: pp.pandapowerNet) -> str:
    with pytest.raises(NetworkError) as caught:
        compile_net(net, DESCRIPTION)
    return "\n".join(caught.value.problems)


def with_decimals(net: pp.pandapowerNet) -> None:
    for table, columns in (("load", ["bus"]), ("line", ["from_bus", "to_bus", "parallel"])):
        net[table] = net[table].astype(dict.fromkeys(columns, np.float64))
    net.switch = net.switch.astype({"bus": np.float64, "element": np.float64})


def with_an_empty_cell(net: pp.pandapowerNet) -> None:
    for table in ("load", "bus", "line"):
        net[table]["in_service"] = net[table].in_service.astype(object)
        off = net[table].index[~net[table].in_service.astype(bool)][0]
        net[table].loc[off, "in_service"] = None


def with_an_idle_load_nowhere(net: pp.pandapowerNet) -> None:
    net.load["bus"] = net.load.bus.astype(np.float64)
    net.load.loc[3, "bus"] = np.nan


@pytest.mark.parametrize(
    "edit", [with_decimals, with_an_empty_cell, with_an_idle_load_nowhere], ids=lambda e: e.__name__
)
def test_cells_that_came_back_as_something_else_are_the_same_feeder(edit: Edit) -> None:
    expected = base_case(compile_net(odd_net(), DESCRIPTION))
    net = odd_net()
    edit(net)
    feeder = compile_net(net, DESCRIPTION)
    kw, kvar, voltage, loading = base_case(feeder)
    np.testing.assert_array_equal(voltage, expected[2])
    state = {"bus_kw": kw, "bus_kvar": kvar, "voltage_pu": voltage, "loading_percent": loading}
    for engine in (resolve, compare):
        found = engine(net, feeder, **state)
        assert found.unsolved == 0
        assert found.voltage_pu < 1e-8
    told = "load 3: in_service is empty; counts as false" in feeder.notes
    assert told == (edit is with_an_empty_cell)


def set_cell(table: str, row: int, column: str, value: Any) -> Edit:
    def edit(net: pp.pandapowerNet) -> None:
        net[table][column] = net[table][column].astype(object) if column in net[table] else np.nan
        net[table].loc[row, column] = value

    return edit


def with_a_switch(**cells: Any) -> Edit:
    """Return an edit that adds a closed switch at line 0, then changes cells of it."""

    def edit(net: pp.pandapowerNet) -> None:
        row = pp.create_switch(net, net.line.from_bus[0], 0, et="l")
        for column, value in cells.items():
            net.switch[column] = net.switch[column].astype(object)
            net.switch.at[row, column] = value

    return edit


def with_levels_joined_by_a_line(net: pp.pandapowerNet) -> None:
    pp.create_line_from_parameters(
        net, 1, 7, length_km=1.0, r_ohm_per_km=0.3, x_ohm_per_km=0.1, c_nf_per_km=0, max_i_ka=0.2
    )


def with_a_bad_motor(net: pp.pandapowerNet) -> None:
    pp.create_motor(net, 7, pn_mech_mw=np.nan, cos_phi=1.2)


def with_an_impedance_of_none(net: pp.pandapowerNet) -> None:
    pp.create_impedance(net, 7, 10, rft_pu=0.0, xft_pu=0.0, sn_mva=1.0)


def with_too_many_shares(net: pp.pandapowerNet) -> None:
    net.load.loc[0, ["const_z_p_percent", "const_i_p_percent"]] = [60.0, 60.0]


def with_a_negative_bus(net: pp.pandapowerNet) -> None:
    pp.create_bus(net, 0.4, index=-3)


def with_an_unscaled_asymmetric_load(net: pp.pandapowerNet) -> None:
    pp.create_asymmetric_load(net, 7, p_a_mw=0.001, scaling=np.nan)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (with_a_switch(et="x"), "switch 3: et is 'x'; allowed are l (line), t (trafo), b (bus)"),
        (with_a_switch(bus=99), "switch 3: bus 99 does not exist"),
        (with_a_switch(bus=22), "switch 3: bus 22 at line 0; a switch must be at one of the ends"),
        (with_a_switch(et="b", element=99), "switch 3: the bus it switches does not exist"),
        (with_a_switch(closed=None), "switch 3: closed is None; must be true or false"),
        (with_a_switch(closed="False"), "switch 3: closed is 'False'; must be true or false"),
        (with_a_switch(et="b", element=10, z_ohm=np.nan), "switch 3: z_ohm is missing, no number"),
        (with_a_switch(et="b", bus=1, element=7), "switch 3: joins buses of 20 and 0.4 kV"),
        (with_levels_joined_by_a_line, "line 6: joins buses of 20 and 0.4 kV; only transformers"),
        (with_a_negative_bus, "bus -3: numbers of buses must be 0 or above"),
        (with_a_bad_motor, "motor 0: pn_mech_mw is missing; must be finite"),
        (with_a_bad_motor, "motor 0: cos_phi is above 1"),
        (with_an_impedance_of_none, "impedance 0: is 0; join the buses by a closed bus-bus switch"),
        (with_too_many_shares, "load 0: shares of constant impedance and current add up to more"),
        (with_an_unscaled_asymmetric_load, "asymmetric_load 0: scaling is missing; must be finite"),
        (set_cell("trafo", 0, "vkr_percent", 7.0), "trafo 0: vkr_percent 7 of 4; the resistive"),
        (set_cell("line", 1, "g_us_per_km", np.nan), "line 1: g_us_per_km is missing; must be"),
        (set_cell("line", 1, "in_service", "no"), "line 1: in_service is 'no'; must be true or"),
        (set_cell("load", 0, "p_mw", "0,03"), "p_mw is '0,03' (write a point, not a comma)"),
        (lambda net: net.update(f_hz=np.nan), "f_hz of the net is nan; must be above 0"),
        (lambda net: net.update(sn_mva=None), "sn_mva of the net is None; must be above 0"),
        (lambda net: net.update(sn_mva=0.0), "sn_mva of the net is 0.0; must be above 0"),
    ],
)
def test_what_pandapower_would_misread_is_refused_in_words(edit: Edit, told: str) -> None:
    net = odd_net()
    edit(net)
    problems = find_problems(net)
    assert any(told in problem for problem in problems), problems


def test_old_columns_of_voltage_dependence_may_stand_alone() -> None:
    net = odd_net()
    net.load = net.load.drop(columns=list(ZIP_COLUMNS))
    net.load["const_z_percent"] = 50.0
    told = "\n".join(compile_net(net, DESCRIPTION).notes)
    assert "load 0, 1, 2, 4: constant-impedance and constant-current shares" in told


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"tap_changer_type": "ratio"}, "is none of Ratio, Symmetrical, Ideal, Tabular"),
        ({"tap_changer_type": "Tabular"}, "tap_dependency_table is not true"),
        ({"tap_side": "primary"}, 'tap_side is neither "hv" nor "lv"'),
        ({"tap_side": None}, 'tap_side is neither "hv" nor "lv"'),
    ],
)
def test_a_tap_that_does_not_count_is_told(cells: dict[str, Any], told: str) -> None:
    net = odd_net()
    without = odd_net()
    without.trafo["tap_pos"] = 0
    for column, value in cells.items():
        net.trafo[column] = value
    notes = ignored_taps(net)
    assert len(notes) == 1
    assert told in notes[0]
    assert ignored_taps(odd_net()) == ignored_taps(without) == []
    for each in (net, without):
        pp.runpp(each)
    np.testing.assert_array_equal(net.res_bus.vm_pu, without.res_bus.vm_pu)


def beside(net: pp.pandapowerNet) -> None:
    """Add what shares a bus with the voltage-dependent loads, or a bus joined to theirs."""
    pp.create_sgen(net, 10, p_mw=0.05, q_mvar=0.02)
    pp.create_load(net, 16, p_mw=0.03, q_mvar=0.01)
    pp.create_motor(net, 16, pn_mech_mw=0.01, cos_phi=0.9, loading_percent=80)
    joined = pp.create_bus(net, 0.4)
    pp.create_switch(net, 16, joined, et="b")
    pp.create_load(net, joined, p_mw=0.02, const_z_p_percent=100.0)


def test_a_voltage_dependent_load_has_the_voltage_of_its_own_bus() -> None:
    net = odd_net()
    net.load.loc[[1, 2], list(ZIP_COLUMNS)] = [30.0, 100.0, 40.0, 0.0]
    beside(net)
    feeder = compile_net(net, DESCRIPTION)
    voltage = pd.Series(base_case(feeder)[2][0], index=feeder.bus_index)
    for bus, kw, kvar in (
        (10, (0.03 + 0.02 * zip_of(voltage[10], 0.3, 0.4)) * 1e3 - 50.0, None),
        (16, (0.04 * zip_of(voltage[16], 0.3, 0.4) + 0.03) * 1e3, None),
        (23, 0.02 * voltage[23] ** 2 * 1e3, None),
        (16, None, 0.01 * voltage[16] ** 2 * 1e3 + 10.0),
    ):
        place = feeder.bus_index.tolist().index(bus)
        if kw is not None:
            net_kw = feeder.nominal_load_kw[place] - feeder.nominal_generation_kw[place]
            assert net_kw == pytest.approx(kw, abs=1e-6)
        if kvar is not None:
            assert feeder.nominal_load_kvar[place] == pytest.approx(kvar, abs=1e-6)


def zip_of(voltage: float, impedance: float, current: float) -> float:
    return 1.0 - impedance - current + current * voltage + impedance * voltage**2


def test_a_base_case_that_is_another_solution_is_refused() -> None:
    feeder = compile_net(odd_net(), DESCRIPTION)
    voltage = base_case(feeder)[2][0]
    assert other_solution(feeder, voltage) is None
    assert "more than one solution" in str(other_solution(feeder, voltage - 0.01))
    nose = replace(feeder, nominal_load_kw=100.0 * feeder.nominal_load_kw)
    assert "does not get there" in str(other_solution(nose, voltage))


def test_next_to_no_impedance_is_named() -> None:
    net = odd_net()
    net.line.loc[5, "in_service"] = True
    net.bus["in_service"] = True
    net.line.loc[5, ["length_km", "c_nf_per_km"]] = [1e-9, 0.0]
    told = problems_of(net)
    assert "line 5 with 3.1e-10 ohm" in told
    assert "closed bus-bus switch" in told
