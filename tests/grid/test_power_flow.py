import numpy as np
import pandapower as pp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.grid.power_flow import PowerFlow
from cosim.results import GridState
from networks.catalog import build_net, load_feeder
from networks.compile import compile_net
from networks.feeder import Feeder
from networks.reference import resolve
from tests.benchmarks.bench_power_flow import build_grid_model, solve_grid_model
from tests.feeders import FEW
from tests.networks.odd_net import DESCRIPTION, odd_net
from tests.three_bus import three_bus_feeder

THREE_BUSES = PowerFlow(three_bus_feeder())
QUICK = (*FEW, "ieee13", "ieee34", "ieee37", "ieee123")
FEEDERS = {name: load_feeder(name) for name in QUICK}
POWER_FLOWS = {name: PowerFlow(feeder) for name, feeder in FEEDERS.items()}


def solve_three(*bus_kw: float) -> GridState:
    return THREE_BUSES.solve(np.array([bus_kw]), np.zeros((1, 3)))


def draw_states(
    feeder: Feeder, count: int, seed: int, lowest: float = -1.0
) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    shape = (count, feeder.bus_count)
    factor = random.uniform(lowest, 2.0, shape), random.uniform(-0.5, 2.0, shape)
    return feeder.nominal_load_kw * factor[0], feeder.nominal_load_kvar * factor[1]


def test_worked_example_everything_refused() -> None:
    state = solve_three(0.0, 12.0, 4.0)
    np.testing.assert_allclose(state.voltage_pu, [[1.0, 0.991929, 0.989908]], atol=1e-6)


def test_worked_example_everything_accepted() -> None:
    state = solve_three(0.0, 22.0, -68.0)
    np.testing.assert_allclose(state.voltage_pu, [[1.0, 1.021419, 1.053655]], atol=1e-6)


def test_worked_example_after_the_verdicts() -> None:
    state = solve_three(0.0, 22.0, -63.9324)
    np.testing.assert_allclose(state.voltage_pu, [[1.0, 1.019584, 1.05]], atol=1e-6)
    np.testing.assert_allclose(state.loading_percent, [[21.015, 32.550]], atol=1e-3)
    assert state.slack_kw[0] == pytest.approx(-39.306, abs=1e-3)
    assert state.loss_kw[0] == pytest.approx(2.626, abs=1e-3)


def test_two_buses_have_a_closed_form() -> None:
    """One line from a slack: v^2 solves a quadratic, with R and X in p.u."""
    power = 0.030
    r, x = 0.25 * 0.32 / 0.16, 0.25 * 0.08 / 0.16
    b, c = 2.0 * power * r - 1.0, power**2 * (r**2 + x**2)
    expected = np.sqrt((-b + np.sqrt(b * b - 4.0 * c)) / 2.0)
    state = solve_three(0.0, 30.0, 0.0)
    assert state.voltage_pu[0, 1] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("name", QUICK)
def test_random_states_equal_pandapower(name: str) -> None:
    feeder = FEEDERS[name]
    kw, kvar = draw_states(feeder, 50, seed=1)
    state = POWER_FLOWS[name].solve(kw, kvar)
    found = resolve(
        name,
        feeder,
        bus_kw=kw,
        bus_kvar=kvar,
        voltage_pu=state.voltage_pu,
        loading_percent=state.loading_percent,
    )
    # The 34 node feeder has no power flow much above its load: both have to say so.
    assert found.unsolved == np.count_nonzero(~state.converged) <= (name == "ieee34")
    assert found.states == 50
    assert found.voltage_pu < 1e-8
    assert found.loading_percentage_points < 1e-5
    assert np.ptp(state.voltage_pu, axis=0).max() > 0.01  # the states do differ


def test_slack_power_and_losses_equal_pandapower() -> None:
    net = build_net("cigre_mv")
    feeder = FEEDERS["cigre_mv"]
    state = POWER_FLOWS["cigre_mv"].solve(
        feeder.nominal_load_kw[None], feeder.nominal_load_kvar[None]
    )
    pp.runpp(net, tolerance_mva=1e-10)
    losses = (net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()) * 1e3
    assert state.slack_kw[0] == pytest.approx(net.res_ext_grid.p_mw.at[0] * 1e3, abs=1e-4)
    assert state.slack_kvar[0] == pytest.approx(net.res_ext_grid.q_mvar.at[0] * 1e3, abs=1e-4)
    assert state.loss_kw[0] == pytest.approx(losses, abs=1e-4)


def test_everything_odd_equals_pandapower() -> None:
    net = odd_net()
    feeder = compile_net(net, DESCRIPTION)
    kw, kvar = draw_states(feeder, 30, seed=2)
    kw[:, 4] -= 30.0
    state = PowerFlow(feeder).solve(kw, kvar)
    found = resolve(
        net,
        feeder,
        bus_kw=kw,
        bus_kvar=kvar,
        voltage_pu=state.voltage_pu,
        loading_percent=state.loading_percent,
    )
    assert state.converged.all()
    assert found.unsolved == 0
    assert found.voltage_pu < 1e-8
    assert found.loading_percentage_points < 1e-5


def test_slack_power_counts_constant_injections_and_loads_at_the_slack() -> None:
    net = odd_net()
    feeder = compile_net(net, DESCRIPTION)
    generated_kw = np.array([0.0, 0.0, 0.0, 0.0, 30.0, 0.0])
    state = PowerFlow(feeder).solve(
        (feeder.nominal_load_kw - generated_kw)[None],
        (feeder.nominal_load_kvar + generated_kw / 3.0)[None],
    )
    pp.runpp(net, tolerance_mva=1e-10)
    assert state.slack_kw[0] == pytest.approx(net.res_ext_grid.p_mw.at[0] * 1e3, abs=1e-5)
    assert state.slack_kvar[0] == pytest.approx(net.res_ext_grid.q_mvar.at[0] * 1e3, abs=1e-5)


def test_a_second_engine_agrees() -> None:
    feeder = FEEDERS["cigre_lv"]
    kw, kvar = draw_states(feeder, 20, seed=3)
    state = POWER_FLOWS["cigre_lv"].solve(kw, kvar)
    voltage_pu = solve_grid_model(*build_grid_model(feeder, build_net("cigre_lv"), kw, kvar))
    np.testing.assert_allclose(voltage_pu, state.voltage_pu, rtol=0.0, atol=1e-5)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 40),
    name=st.sampled_from(QUICK),
    data=st.data(),
)
def test_a_batch_is_its_members_solved_alone(
    seed: int, count: int, name: str, data: st.DataObject
) -> None:
    """Bit for bit, whatever the neighbours do, even where they have no solution."""
    power_flow = POWER_FLOWS[name]
    kw, kvar = draw_states(power_flow.feeder, count, seed, lowest=-3.0)
    hopeless = data.draw(st.integers(0, count - 1))
    kw[hopeless] *= 50.0
    chosen = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=20))
    together = power_flow.solve(kw, kvar)
    apart = power_flow.solve(kw[chosen], kvar[chosen])
    for field in GridState.__dataclass_fields__:
        np.testing.assert_array_equal(
            getattr(together, field)[chosen], getattr(apart, field), err_msg=field
        )


@pytest.mark.parametrize("factor", [1e2, 1e6, 1e200, np.inf, np.nan])
def test_no_power_flow_is_told_and_never_raised(factor: float) -> None:
    bus_kw = np.array([[0.0, 12.0, 4.0], [0.0, 12.0 * factor, 4.0], [0.0, 12.0, 4.0]])
    state = THREE_BUSES.solve(bus_kw, np.zeros((3, 3)))
    assert state.converged.tolist() == [True, False, True]
    assert (state.iterations[[0, 2]] < 15).all()
    np.testing.assert_array_equal(state.voltage_pu[0], state.voltage_pu[2])


@pytest.mark.parametrize(("share_of_limit", "solvable"), [(0.999, True), (1.001, False)])
def test_the_largest_load_of_two_buses_is_found(share_of_limit: float, solvable: bool) -> None:
    """P_max = V^2 / (2 (|Z| + R)) at unity power factor."""
    r, x = 0.08 / 0.16, 0.02 / 0.16
    limit_kw = 1e3 / (2.0 * (np.hypot(r, x) + r))
    power_flow = PowerFlow(three_bus_feeder(), iterations_max=5000)
    drawn = np.array([[0.0, limit_kw * share_of_limit, 0.0]])
    assert power_flow.solve(drawn, np.zeros((1, 3))).converged[0] == solvable


def test_a_power_flow_cut_short_is_not_called_solved() -> None:
    state = PowerFlow(three_bus_feeder(), iterations_max=3).solve(
        np.array([[0.0, 22.0, -68.0]]), np.zeros((1, 3))
    )
    assert not state.converged[0]
    assert state.iterations[0] == 3


def test_without_scenarios_there_is_an_empty_state() -> None:
    state = THREE_BUSES.solve(np.empty((0, 3)), np.empty((0, 3)))
    assert state.voltage_pu.shape == (0, 3)
    assert state.loss_kw.shape == (0,)


def test_inputs_are_left_untouched_and_may_be_views() -> None:
    wide = np.full((3, 12), 5.0)
    bus_kw = wide[:, ::4]
    state = THREE_BUSES.solve(bus_kw, np.zeros((3, 3)))
    assert (wide == 5.0).all()
    np.testing.assert_array_equal(state.voltage_pu[0], solve_three(5.0, 5.0, 5.0).voltage_pu[0])


@pytest.mark.parametrize("shape", [(3,), (2, 4), (2, 3, 1), ()])
def test_wrong_shapes_are_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must both be \(scenarios, 3 buses\)"):
        THREE_BUSES.solve(np.zeros(shape), np.zeros((2, 3)))
