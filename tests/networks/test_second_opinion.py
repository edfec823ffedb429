import numpy as np
import pandapower as pp
import pytest

from networks.catalog import build_net, load_feeder
from networks.compile import compile_net
from networks.errors import NetworkError, NotConverted
from networks.feeder import Feeder
from networks.reference import ReferenceCheck, resolve
from networks.second_opinion import compare, solve_again
from tests.feeders import every_feeder
from tests.networks.odd_net import DESCRIPTION, odd_net
from tests.three_bus import three_bus_feeder, three_bus_net


def draw(feeder: Feeder, count: int, seed: int = 6) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    shape = (count, feeder.bus_count)
    kw = feeder.nominal_load_kw * random.uniform(-1.0, 2.0, shape)
    return kw, feeder.nominal_load_kvar * random.uniform(-0.5, 2.0, shape)


def against_pandapower(net: pp.pandapowerNet | str, feeder: Feeder, count: int) -> ReferenceCheck:
    """Let pandapower check what power-grid-model finds."""
    kw, kvar = draw(feeder, count)
    found = solve_again(net, feeder, bus_kw=kw, bus_kvar=kvar)
    assert found.solved.all()
    return resolve(
        net,
        feeder,
        bus_kw=kw,
        bus_kvar=kvar,
        voltage_pu=found.voltage_pu,
        loading_percent=found.loading_percent,
    )


@pytest.mark.parametrize("name", [*every_feeder(), "simbench:1-LV-rural3--2-sw"])
def test_two_engines_agree_on_every_feeder(name: str) -> None:
    found = against_pandapower(name, load_feeder(name), 8)
    assert found.unsolved == 0
    # runpp stops at 1e-10 MVA, which is coarse for 57 kW on a base of 100 MVA.
    coarse = 10.0 if name == "ieee_european_lv" else 1.0
    assert found.voltage_pu < 1e-9 * coarse
    assert found.loading_percentage_points < 1e-6 * coarse


def test_two_engines_agree_on_everything_odd() -> None:
    found = against_pandapower(odd_net(), compile_net(odd_net(), DESCRIPTION), 20)
    assert found.unsolved == 0
    assert found.voltage_pu < 1e-9
    assert found.loading_percentage_points < 1e-6


def test_two_engines_agree_on_impedances_and_motors() -> None:
    net = odd_net()
    first, second = net.bus.index[[3, 4]]
    pp.create_impedance(
        net, first, second, rft_pu=0.01, xft_pu=0.02, sn_mva=0.5,
        gf_pu=0.01, bf_pu=0.02, gt_pu=0.01, bt_pu=0.02,
    )  # fmt: skip
    pp.create_impedance(net, first, second, rft_pu=9.0, xft_pu=0.0, sn_mva=0.5, in_service=False)
    pp.create_motor(
        net, second, pn_mech_mw=0.01, cos_phi=0.85, efficiency_percent=90, loading_percent=80
    )
    feeder = compile_net(net, DESCRIPTION)
    found = against_pandapower(net, feeder, 4)
    assert found.unsolved == 0
    assert found.voltage_pu < 1e-9
    assert found.loading_percentage_points < 1e-6
    net.impedance.loc[0, "rtf_pu"] = 0.03
    with pytest.raises(NotConverted, match="impedance 0: other values from one end"):
        solve_again(net, feeder, bus_kw=draw(feeder, 1)[0], bus_kvar=draw(feeder, 1)[1])


@pytest.mark.parametrize("side", ["hv", "lv"])
@pytest.mark.parametrize("position", [-2, 1])
@pytest.mark.parametrize("kind", ["Ratio", None])
def test_a_tap_counts_as_in_pandapower(side: str, position: int, kind: str | None) -> None:
    net = odd_net()
    net.trafo["tap_side"] = side
    net.trafo["tap_pos"] = position
    net.trafo["tap_changer_type"] = kind
    assert against_pandapower(net, compile_net(net, DESCRIPTION), 2).voltage_pu < 1e-9


def test_the_transformer_circuit_is_solved_by_hand() -> None:
    """Open circuit: half the impedance and the magnetising branch divide the voltage."""
    net = pp.create_empty_network()
    pp.create_bus(net, vn_kv=20.0)
    pp.create_bus(net, vn_kv=0.4)
    pp.create_ext_grid(net, 0)
    pp.create_transformer_from_parameters(
        net,
        *(0, 1, 0.4, 20.0, 0.4, 2.0, 10.0, 8.0, 10.0),  # sn, kV, kV, vkr, vk %, pfe kW, i0 %
    )
    net.trafo["tap_changer_type"] = None
    feeder = compile_net(net, DESCRIPTION)
    none = np.zeros((1, 2))
    found = solve_again(net, feeder, bus_kw=none, bus_kvar=none)
    half = (0.02 + 1j * np.sqrt(0.10**2 - 0.02**2)) / 2.0
    magnetising = 0.02 - 1j * np.sqrt(0.10**2 - 0.02**2)
    expected = 1.0 / (1.0 + half * magnetising)
    assert found.voltage_pu[0, 1] == pytest.approx(abs(expected), abs=1e-10)
    current = abs(magnetising * expected)
    assert found.loading_percent[0, 0] == pytest.approx(100.0 * current, abs=1e-7)


def test_every_difference_is_found() -> None:
    net, feeder = odd_net(), compile_net(odd_net(), DESCRIPTION)
    kw, kvar = draw(feeder, 5)
    found = solve_again(net, feeder, bus_kw=kw, bus_kvar=kvar)
    voltage, loading = found.voltage_pu.copy(), found.loading_percent.copy()
    voltage[3, 2] += 2e-4
    loading[1, 0] -= 0.3
    loading[4, -1] += 0.1
    check = compare(
        net, feeder, bus_kw=kw, bus_kvar=kvar, voltage_pu=voltage, loading_percent=loading
    )
    assert (check.states, check.unsolved) == (5, 0)
    assert check.voltage_pu == pytest.approx(2e-4)
    assert check.line_percentage_points == pytest.approx(0.3)
    assert check.transformer_percentage_points == pytest.approx(0.1)
    voltage[0, 0] = np.nan
    check = compare(
        net, feeder, bus_kw=kw, bus_kvar=kvar, voltage_pu=voltage, loading_percent=loading
    )
    assert np.isnan(check.voltage_pu)


def test_states_without_power_flow_are_told_and_harm_no_other() -> None:
    kw = np.array([[0.0, 12.0, 4.0], [0.0, 1e5, 4.0], [0.0, np.nan, 4.0], [0.0, 12.0, 4.0]])
    found = solve_again(three_bus_net(), three_bus_feeder(), bus_kw=kw, bus_kvar=np.zeros_like(kw))
    assert found.solved.tolist() == [True, False, False, True]
    assert np.isnan(found.voltage_pu[1:3]).all()
    np.testing.assert_array_equal(found.voltage_pu[0], found.voltage_pu[3])
    np.testing.assert_allclose(found.voltage_pu[0], [1.0, 0.991929, 0.989908], atol=1e-6)


def test_the_net_is_left_untouched() -> None:
    net = odd_net()
    feeder = compile_net(net, DESCRIPTION)
    before = pp.to_json(net)
    solve_again(net, feeder, bus_kw=draw(feeder, 1)[0], bus_kvar=draw(feeder, 1)[1])
    assert pp.to_json(net) == before


def test_what_is_not_converted_is_named_at_once() -> None:
    net = odd_net()
    feeder = compile_net(net, DESCRIPTION)
    net.trafo["tap_changer_type"] = "Ideal"
    net.trafo["tap_step_degree"] = 2.0
    net.switch.loc[0, "z_ohm"] = 0.1
    none = np.zeros((1, feeder.bus_count))
    with pytest.raises(NetworkError) as caught:
        solve_again(net, feeder, bus_kw=none, bus_kvar=none)
    assert len(caught.value.problems) == 3
    assert all(text.startswith("odd, power-grid-model: ") for text in caught.value.problems)
    assert "trafo 0: tap changers other than Ratio" in str(caught.value)


def test_arrays_that_do_not_fit_are_named() -> None:
    with pytest.raises(NetworkError, match=r"bus_kvar has shape \(1, 2\).*needs \(1, 3\)"):
        solve_again(
            three_bus_net(), three_bus_feeder(), bus_kw=np.zeros((1, 3)), bus_kvar=np.zeros((1, 2))
        )


def test_a_name_stands_for_its_net() -> None:
    feeder = load_feeder("ieee33")
    kw, kvar = draw(feeder, 2)
    by_name = solve_again("ieee33", feeder, bus_kw=kw, bus_kvar=kvar)
    by_net = solve_again(build_net("ieee33"), feeder, bus_kw=kw, bus_kvar=kvar)
    np.testing.assert_array_equal(by_name.voltage_pu, by_net.voltage_pu)
