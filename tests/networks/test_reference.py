import numpy as np
import pandapower as pp
import pytest

from networks.compile import compile_net
from networks.errors import NetworkError
from networks.reference import ReferenceCheck, resolve
from tests.networks.odd_net import DESCRIPTION, odd_net

NET = odd_net()
FEEDER = compile_net(NET, DESCRIPTION)
RANDOM = np.random.default_rng(4)
KW = RANDOM.uniform(-80.0, 80.0, (5, FEEDER.bus_count))
KVAR = RANDOM.uniform(-20.0, 20.0, (5, FEEDER.bus_count))


def solve_one_by_one() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Voltages and loadings of the states, each solved by a cold runpp of its own."""
    voltages, loadings = [], []
    for kw, kvar in zip(KW, KVAR, strict=True):
        net = odd_net()
        net.load["in_service"] = False
        net.sgen["in_service"] = False
        for bus, p_kw, q_kvar in zip(FEEDER.bus_index, kw, kvar, strict=True):
            pp.create_load(net, bus, p_mw=p_kw / 1e3, q_mvar=q_kvar / 1e3)
        pp.runpp(net, tolerance_mva=1e-10)
        voltages.append(net.res_bus.vm_pu.loc[FEEDER.bus_index].to_numpy())
        lines = net.res_line.loading_percent.loc[FEEDER.branch_index[:-1]]
        loadings.append(np.append(lines, net.res_trafo.loading_percent))
    return voltages, loadings


VOLTAGES, LOADINGS = (np.array(values) for values in solve_one_by_one())


def check(
    kw: np.ndarray = KW, voltage: np.ndarray = VOLTAGES, loading: np.ndarray = LOADINGS
) -> ReferenceCheck:
    return resolve(
        NET, FEEDER, bus_kw=kw, bus_kvar=KVAR, voltage_pu=voltage, loading_percent=loading
    )


def test_true_states_are_confirmed() -> None:
    found = check()
    assert (found.states, found.unsolved) == (5, 0)
    assert found.voltage_pu < 1e-9
    assert found.loading_percentage_points < 1e-6


def test_every_difference_is_found() -> None:
    voltage, loading = VOLTAGES.copy(), LOADINGS.copy()
    voltage[3, 2] += 2e-4
    loading[1, 0] -= 0.3
    loading[4, -1] += 0.1
    found = check(voltage=voltage, loading=loading)
    assert found.voltage_pu == pytest.approx(2e-4, abs=1e-8)
    assert found.line_percentage_points == pytest.approx(0.3, abs=1e-6)
    assert found.transformer_percentage_points == pytest.approx(0.1, abs=1e-6)
    assert found.loading_percentage_points == found.line_percentage_points


def test_a_recorded_nan_is_never_called_equal() -> None:
    voltage = VOLTAGES.copy()
    voltage[0, 0] = np.nan
    assert np.isnan(check(voltage=voltage).voltage_pu)


def test_states_without_power_flow_are_counted_and_harm_no_other() -> None:
    kw = KW.copy()
    kw[2] = 1e5
    found = check(kw=kw)
    assert (found.states, found.unsolved) == (5, 1)
    assert found.voltage_pu < 1e-9


def test_a_load_that_is_no_number_has_no_power_flow() -> None:
    kw = KW.copy()
    kw[2, 0] = np.nan
    found = check(kw=kw)
    assert (found.states, found.unsolved) == (5, 1)
    assert found.voltage_pu < 1e-9


def test_the_net_is_left_untouched() -> None:
    before = pp.to_json(NET)
    check()
    assert pp.to_json(NET) == before


def test_arrays_that_do_not_fit_are_named() -> None:
    with pytest.raises(NetworkError) as caught:
        check(voltage=VOLTAGES[:, :3], loading=LOADINGS[:2])
    assert len(caught.value.problems) == 2
    assert "voltage_pu has shape (5, 3), feeder odd needs (5, 6)" in str(caught.value)
