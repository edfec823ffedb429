from typing import Any

import numpy as np
import pandapower as pp
import pytest
from scipy.sparse.linalg import splu

from cosim.grid.dense_sensitivities import exact_voltage_change
from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import (
    loading_rows,
    loss_row,
    loss_rows,
    sensitivities,
    voltage_rows,
)
from cosim.records import Floats
from networks.catalog import build_net, load_feeder
from networks.compile import compile_net
from networks.feeder import Feeder
from tests.feeders import FEW
from tests.networks.odd_net import DESCRIPTION, odd_net
from tests.three_bus import three_bus_feeder


def rows_of(*asked: Any) -> tuple[Floats, Floats, Floats]:
    """Return voltages, loadings and losses per kW, all from one pass; asked as `sensitivities`."""
    found = sensitivities(*asked)
    return found.voltage_pu.per_kw, found.loading_percent.per_kw, found.loss_kw.per_kw


NAMES = (*FEW, "odd")


def load(name: str) -> Feeder:
    return compile_net(odd_net(), DESCRIPTION) if name == "odd" else load_feeder(name)


POWER_FLOWS = {name: PowerFlow(load(name)) for name in NAMES}


class Point:
    """A solved random state of a feeder, and small steps around it at every bus."""

    def __init__(self, name: str) -> None:
        self.power_flow = POWER_FLOWS[name]
        feeder = self.power_flow.feeder
        random = np.random.default_rng(11)
        self.kw = feeder.nominal_load_kw * random.uniform(-0.5, 2.0, feeder.bus_count)
        self.kvar = feeder.nominal_load_kvar * random.uniform(0.0, 2.0, feeder.bus_count)
        self.buses = np.arange(feeder.bus_count)
        self.branches = np.arange(feeder.branch_count)
        state = self.power_flow.solve(self.kw[None], self.kvar[None])
        assert state.converged.all()
        self.voltage = state.node_voltage_pu[0]
        self.at = (self.power_flow, self.voltage, self.kw, self.kvar)

    def difference(self, field: str) -> np.ndarray:
        """Central differences of a field of the state to each bus's power, rows x K."""
        step = 1e-4 * self.power_flow.feeder.nominal_load_kw.max()
        steps = np.eye(len(self.buses)) * step
        kvar = np.tile(self.kvar, (len(self.buses), 1))
        above = getattr(self.power_flow.solve(self.kw + steps, kvar), field)
        below = getattr(self.power_flow.solve(self.kw - steps, kvar), field)
        return np.asarray((above - below).T / (2.0 * step))


@pytest.fixture(params=NAMES, scope="module")
def point(request: pytest.FixtureRequest) -> Point:
    return Point(request.param)


def test_worked_example() -> None:
    power_flow = PowerFlow(three_bus_feeder())
    kw, kvar = np.array([0.0, 22.0, -63.9324]), np.zeros(3)
    state = power_flow.solve(kw[None], kvar[None])
    rows = voltage_rows(power_flow, state.node_voltage_pu[0], kw, kvar, np.array([2]))
    np.testing.assert_allclose(rows, [[0.0, -0.00046786, -0.00090174]], atol=5e-9)


def test_voltages_follow_finite_differences(point: Point) -> None:
    rows = voltage_rows(*point.at, point.buses)
    np.testing.assert_allclose(rows, point.difference("voltage_pu"), atol=1e-7 * abs(rows).max())


def test_loadings_follow_finite_differences(point: Point) -> None:
    rows = loading_rows(*point.at, point.branches)
    expected = point.difference("loading_percent")
    feeder = point.power_flow.feeder
    ends = abs(feeder.loading_from @ point.voltage), abs(feeder.loading_to @ point.voltage)
    larger, gap = np.maximum(*ends), abs(ends[0] - ends[1])
    # A difference straddles a kink where the ends nearly tie, and is coarse where little flows.
    smooth = (larger > 1.0) & ((gap > 1e-3 * larger) | (gap < 1e-9 * larger))
    assert smooth.sum() >= min(len(smooth), 3)  # the ends of short lines nearly tie
    for row in np.flatnonzero(smooth):
        np.testing.assert_allclose(rows[row], expected[row], atol=1e-4 * abs(rows[row]).max())


def test_losses_follow_finite_differences(point: Point) -> None:
    row = loss_row(*point.at)
    np.testing.assert_allclose(row, point.difference("loss_kw"), atol=1e-6)


def test_rows_equal_the_dense_solution(point: Point) -> None:
    feeder = point.power_flow.feeder
    change = exact_voltage_change(*point.at)
    at_bus = feeder.node_of_bus
    voltage = point.voltage[at_bus]
    expected = (np.conj(voltage)[:, None] * change[at_bus]).real / abs(voltage)[:, None]
    rows, loadings, losses = rows_of(*point.at, point.buses, point.branches)
    np.testing.assert_allclose(rows, expected, atol=1e-8 * abs(expected).max())

    currents = np.array([feeder.loading_from @ point.voltage, feeder.loading_to @ point.voltage])
    changes = np.array([feeder.loading_from @ change, feeder.loading_to @ change])
    larger = abs(currents).argmax(axis=0), point.branches
    size = np.maximum(abs(currents[larger]), 1e-300)
    expected = (np.conj(currents[larger])[:, None] * changes[larger]).real / size[:, None]
    flowing = size > 1e-6
    np.testing.assert_allclose(
        loadings[flowing], expected[flowing], atol=1e-8 * abs(expected).max()
    )
    np.testing.assert_allclose(losses, loss_row(*point.at), rtol=1e-9)


def test_all_at_once_equals_one_by_one(point: Point) -> None:
    """A row does not depend on which others are asked for, bit for bit."""
    buses, branches = point.buses[::-2], point.branches[::3]
    voltages, loadings, losses = rows_of(*point.at, buses, branches)
    for row, bus in enumerate(buses):
        np.testing.assert_array_equal(voltages[row], voltage_rows(*point.at, np.array([bus]))[0])
    for row, branch in enumerate(branches):
        np.testing.assert_array_equal(loadings[row], loading_rows(*point.at, np.array([branch]))[0])
    np.testing.assert_allclose(losses, loss_row(*point.at), rtol=0.0, atol=1e-12)


def test_the_slack_moves_nothing(point: Point) -> None:
    feeder = point.power_flow.feeder
    at_slack = feeder.node_of_bus == feeder.slack_node
    for rows in rows_of(*point.at, point.buses, point.branches):
        assert (rows[..., at_slack] == 0.0).all()


def test_a_branch_without_current_has_no_derivative() -> None:
    power_flow = PowerFlow(three_bus_feeder())
    kw, kvar = np.array([3.0, 0.0, 0.0]), np.zeros(3)
    flat = np.ones(3, np.complex128)
    rows = loading_rows(power_flow, flat, kw, kvar, np.array([0, 1]))
    np.testing.assert_array_equal(rows, np.zeros((2, 3)))


def test_no_rows_asked_for(point: Point) -> None:
    voltages, loadings, _ = rows_of(*point.at, point.buses[:0], point.branches[:0])
    assert voltages.shape == loadings.shape == (0, len(point.buses))


def test_close_to_the_largest_load_the_dense_solution_takes_over() -> None:
    """There the adjoint iteration needs more steps than it is given."""
    power_flow = PowerFlow(three_bus_feeder(), iterations_max=5000)
    limit_kw = 1e3 / (2.0 * (np.hypot(0.5, 0.125) + 0.5))
    kw, kvar = np.array([0.0, limit_kw * 0.999, 0.0]), np.zeros(3)
    steps = np.array([0.0, 1e-4, 0.0])
    states = power_flow.solve(np.array([kw, kw + steps, kw - steps]), np.zeros((3, 3)))
    voltage = states.node_voltage_pu[0]
    voltages, loadings, losses = rows_of(
        power_flow, voltage, kw, kvar, np.array([1]), np.array([0])
    )
    for rows, values in (
        (voltages[0, 1], states.voltage_pu[:, 1]),
        (loadings[0, 1], states.loading_percent[:, 0]),
        (losses[1], states.loss_kw),
    ):
        assert rows == pytest.approx((values[1] - values[2]) / 2e-4, rel=1e-4)


def test_loss_rows_of_many_states_are_those_of_each() -> None:
    """Of 20 states, more than one block of lanes."""
    feeder = load_feeder("cigre_lv")
    power_flow = PowerFlow(feeder)
    factor = np.random.default_rng(2).uniform(-1.0, 1.0, (20, 1))
    kw, kvar = factor * feeder.nominal_load_kw, factor * feeder.nominal_load_kvar
    state = power_flow.solve(kw, kvar)
    many = loss_rows(power_flow, state.node_voltage_pu, kw, kvar)
    for b in range(20):
        one = loss_row(power_flow, state.node_voltage_pu[b], kw[b], kvar[b])
        np.testing.assert_allclose(many[b], one, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("name", ["cigre_lv", "ieee33"])
def test_voltage_rows_agree_with_pandapowers_jacobian(name: str) -> None:
    """d|V| / dP drawn, from the last Newton Jacobian of a solved net."""
    net = build_net(name)
    pp.runpp(net, algorithm="nr", tolerance_mva=1e-10, trafo_model="t", numba=False)
    inside = net._ppc["internal"]
    lookup = net._pd2ppc_lookups["bus"]
    pq = np.asarray(inside["pq"])
    jacobian = splu(inside["J"].tocsc())
    feeder = load_feeder(name)
    power_flow = PowerFlow(feeder)
    kw, kvar = feeder.nominal_load_kw, feeder.nominal_load_kvar
    state = power_flow.solve(kw[None], kvar[None])
    chosen = np.arange(feeder.bus_count)[3::7]
    rows = voltage_rows(power_flow, state.node_voltage_pu[0], kw, kvar, chosen)
    position = {int(node): place for place, node in enumerate(pq)}
    for bus in range(1, feeder.bus_count, 5):
        node = int(lookup[feeder.bus_index[bus]])
        if node not in position:
            continue
        change = np.zeros(2 * len(pq))
        change[position[node]] = -1e-3 / inside["baseMVA"]  # a further kW drawn
        magnitude = jacobian.solve(change)[len(pq) :]
        for row, watched in enumerate(chosen):
            place = position.get(int(lookup[feeder.bus_index[watched]]))
            expected = 0.0 if place is None else magnitude[place]
            assert rows[row, bus] == pytest.approx(expected, rel=1e-5, abs=1e-12)
