import re

import numpy as np
import pandapower as pp
import pytest

from networks.compile import compile_net
from networks.errors import NetworkError
from networks.feeder import LINE, TRANSFORMER
from networks.limits import Limits
from tests.networks.odd_net import DESCRIPTION, odd_net
from tests.three_bus import three_bus_feeder, three_bus_net


def problems_of(net: pp.pandapowerNet, limits: Limits | None = None) -> str:
    with pytest.raises(NetworkError) as caught:
        compile_net(net, DESCRIPTION, limits)
    assert all(problem.startswith("odd: ") for problem in caught.value.problems)
    return str(caught.value)


def test_three_bus_feeder_is_what_was_drawn() -> None:
    feeder = three_bus_feeder()
    assert feeder.bus_index.tolist() == [0, 1, 2]
    assert feeder.bus_name == ("Bus 0", "Bus 1", "Bus 2")
    assert feeder.branch_name == ("Line 0-1", "Line 1-2")
    assert feeder.branch_from.tolist() == [0, 1]
    assert feeder.branch_to.tolist() == [1, 2]
    assert feeder.nominal_load_kw.tolist() == [0.0, 12.0, 4.0]
    assert feeder.voltage_max_pu.tolist() == [1.05] * 3
    assert feeder.slack_voltage_pu == 1.0
    assert np.isnan(feeder.bus_x).all()
    assert not feeder.fixed_injection_pu.any()


def test_branches_out_of_service_and_dark_buses_are_left_out() -> None:
    feeder = compile_net(odd_net(), DESCRIPTION)
    assert feeder.bus_index.tolist() == [1, 4, 7, 10, 13, 16]
    assert feeder.branch_kind.tolist() == [LINE] * 5 + [TRANSFORMER]
    assert feeder.branch_index.tolist() == [0, 1, 2, 3, 4, 0]
    assert feeder.node_of_bus[0] == feeder.node_of_bus[1] == feeder.slack_node


def test_only_loads_count_as_nominal_load() -> None:
    feeder = compile_net(odd_net(), DESCRIPTION)
    np.testing.assert_allclose(feeder.nominal_load_kw, [0.0, 500.0, 0.0, 50.0, 0.0, 40.0])
    np.testing.assert_allclose(feeder.nominal_load_kvar, [0.0, 100.0, 0.0, 20.0, 0.0, 10.0])


def test_what_scenarios_do_not_replace_is_a_fixed_injection() -> None:
    feeder = compile_net(odd_net(), DESCRIPTION)
    fixed = feeder.fixed_injection_pu[feeder.node_of_bus] * 7.0
    expected = [0.0, 0.0, 0.0, -0.015 - 0.002j, 0.0, -0.004 - 0.001j]  # storage and ward
    np.testing.assert_allclose(fixed, expected, atol=1e-15)


def test_equations_hold_in_pandapowers_own_solution() -> None:
    net = odd_net()
    feeder = compile_net(net, DESCRIPTION)
    pp.runpp(net, tolerance_mva=1e-10)
    angle = np.deg2rad(net.res_bus.va_degree.loc[feeder.bus_index].to_numpy())
    voltage = np.full(feeder.node_count, np.nan, np.complex128)
    magnitude = net.res_bus.vm_pu.loc[feeder.bus_index].to_numpy()
    voltage[feeder.node_of_bus] = magnitude * np.exp(1j * angle)
    open_end = np.isnan(voltage)  # carries no current, so its own row gives its voltage
    matrix = feeder.admittance.toarray()
    voltage[open_end] = np.linalg.solve(
        matrix[np.ix_(open_end, open_end)],
        -matrix[np.ix_(open_end, ~open_end)] @ voltage[~open_end],
    )
    loading = np.maximum(abs(feeder.loading_from @ voltage), abs(feeder.loading_to @ voltage))
    expected = np.append(
        net.res_line.loading_percent.loc[feeder.branch_index[:-1]], net.res_trafo.loading_percent
    )
    np.testing.assert_allclose(loading, expected, atol=1e-6)
    assert loading[4] > 1.0  # the open line carries its charging current


def test_the_net_is_left_untouched() -> None:
    net = three_bus_net()
    before = pp.to_json(net)
    compile_net(net, DESCRIPTION)
    assert pp.to_json(net) == before


def test_hash_follows_the_net() -> None:
    net = three_bus_net()
    first = compile_net(net, DESCRIPTION).net_sha256
    assert compile_net(three_bus_net(), DESCRIPTION).net_sha256 == first
    pp.runpp(net)
    assert compile_net(net, DESCRIPTION).net_sha256 == first  # results are not part of it
    net.line.loc[0, "length_km"] = 0.3
    assert compile_net(net, DESCRIPTION).net_sha256 != first


def test_everything_that_is_not_modelled_is_named_at_once() -> None:
    net = three_bus_net()
    pp.create_gen(net, 1, p_mw=0.01, vm_pu=1.0, index=7)
    pp.create_ext_grid(net, 2, vm_pu=1.01)
    pp.create_dcline(net, 0, 2, p_mw=0.0, loss_percent=0, loss_mw=0, vm_from_pu=1, vm_to_pu=1)
    net.line.loc[1, "max_i_ka"] = np.nan
    text = problems_of(net, Limits(1.1, 0.9, 0.0))
    for part in (
        "gen 7: voltage-controlled generators",
        "ext_grid in service: 0 at bus 0 with 1 p.u., 0 degree, 1 at bus 2 with 1.01 p.u.",
        "dcline 0",
        "line 1: max_i_ka is missing",
        "voltage limits 1.1 to 0.9 p.u.",
        "loading limit 0.0 %",
    ):
        assert part in text
    assert len(text.splitlines()) == 6


def test_what_is_out_of_service_is_no_problem() -> None:
    net = three_bus_net()
    pp.create_gen(net, 1, p_mw=0.01, vm_pu=1.0, in_service=False)
    pp.create_ext_grid(net, 2, in_service=False)
    assert compile_net(net, DESCRIPTION).bus_count == 3


def test_a_net_without_slack_is_refused() -> None:
    net = three_bus_net()
    net.ext_grid["in_service"] = False
    assert "ext_grid in service: none" in problems_of(net)


def test_broken_numbers_are_refused() -> None:
    net = three_bus_net()
    net.load.loc[1, "p_mw"] = np.nan
    assert "load 1: p_mw is missing; must be finite" in problems_of(net)


def test_a_load_without_supply_is_left_out_and_told() -> None:
    net = three_bus_net()
    net.line.loc[1, "in_service"] = False
    feeder = compile_net(net, DESCRIPTION)
    assert feeder.bus_index.tolist() == [0, 1]
    assert feeder.notes == (
        "bus 2: cut off from the slack and left out; a switch may be open",
        "load 1: 4.0 kW at buses without supply are left out",
    )


def test_a_net_of_which_nothing_is_supplied_is_refused() -> None:
    net = three_bus_net()
    net.line["in_service"] = False
    assert "nothing but the external grid is supplied" in problems_of(net)


def test_a_base_case_without_power_flow_is_refused() -> None:
    net = three_bus_net()
    net.load.loc[0, "p_mw"] = 50.0
    text = problems_of(net)
    assert "the base case has no power flow" in text
    assert "with 50,004 kW of load" in text
    assert "check loads (MW, not kW?)" in text
    found = re.search(r"up to ([\d.]+) % of it", text)
    assert found is not None
    share = float(found[1]) / 100.0
    net.load.scaling = 1.08 * share
    assert "no power flow" in problems_of(net)
    net.load.scaling = 0.95 * share
    compile_net(net, DESCRIPTION)
