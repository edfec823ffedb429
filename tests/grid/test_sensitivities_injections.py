"""Derivatives to active and reactive power, against differences, dense and closed solutions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.grid.adjoint_kernel import Slopes
from cosim.grid.dense_sensitivities import exact_voltage_change, exact_voltage_changes
from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import (
    Sensitivities,
    exact_sensitivities,
    loading_rows,
    loss_row,
    sensitivities,
    voltage_rows,
)
from cosim.records import Complexes, Floats
from cosim.results import GridState
from networks.catalog import load_feeder
from networks.compile import compile_net
from tests.networks.odd_net import DESCRIPTION, odd_net
from tests.three_bus import three_bus_feeder

FEEDERS = [
    *(
        load_feeder(name)
        for name in ("cigre_lv", "cigre_mv", "ieee33", "simbench:1-LV-rural1--0-sw")
    ),
    compile_net(odd_net(), DESCRIPTION),
]
POWER_FLOWS = {feeder.name: PowerFlow(feeder) for feeder in FEEDERS}
FIELDS = ("voltage_pu", "loading_percent", "slack_kw", "slack_kvar", "loss_kw")


class Point:
    """A solved random state of a feeder, with all its derivatives by the adjoint."""

    def __init__(self, name: str, seed: int) -> None:
        self.power_flow = POWER_FLOWS[name]
        self.feeder = self.power_flow.feeder
        random = np.random.default_rng(seed)
        buses = self.feeder.bus_count
        self.kw = self.feeder.nominal_load_kw * random.uniform(-0.5, 1.3, buses)
        self.kvar = self.feeder.nominal_load_kvar * random.uniform(-0.5, 1.3, buses)
        state = self.solve(np.zeros((1, buses)), np.zeros((1, buses)))
        assert state.converged.all()
        self.voltage = state.node_voltage_pu[0]
        self.at = (self.power_flow, self.voltage, self.kw, self.kvar)
        self.rows = self.feeder.loading_from, self.feeder.loading_to
        self.everything = (np.arange(buses), np.arange(self.feeder.branch_count))
        self.adjoint = sensitivities(*self.at, *self.everything)
        ends = self.ends(self.voltage[None])
        self.larger = ends[1, 0] > ends[0, 0]
        self.loading = ends.max(axis=0)[0]
        changes = exact_voltage_changes(*self.at)
        reach = [[abs(end @ change) for end in self.rows] for change in changes]
        self.reach = np.array(reach).max(axis=1)
        """Change of the complex currents, percent per kW and per kvar, (2, L, K)."""
        self.step = 2e-4 * self.feeder.nominal_load_kw.max()

    def solve(self, further_kw: Floats, further_kvar: Floats) -> GridState:
        return self.power_flow.solve(self.kw + further_kw, self.kvar + further_kvar)

    def ends(self, voltage: Complexes) -> Floats:
        """Loadings of both ends in percent, (2, B, L)."""
        return np.array([abs((end @ voltage.T).T) for end in self.rows])

    def difference(self, along_kw: Floats, along_kvar: Floats, field: str) -> Floats:
        """Central differences of a field along directions (D, K), (D, ...).

        Loadings are those of the end that is the larger one here: no kink where the ends tie.
        """
        states = [
            self.solve(sign * self.step * along_kw, sign * self.step * along_kvar)
            for sign in (1.0, -1.0)
        ]
        above, below = (getattr(state, field) for state in states)
        if field == "loading_percent":
            ends = (self.ends(state.node_voltage_pu) for state in states)
            above, below = (np.where(self.larger, end[1], end[0]) for end in ends)
        return np.asarray((above - below) / (2.0 * self.step))

    def error(self, field: str, share: Floats, reach: Floats) -> Floats:
        """What a difference may be off: `share`, and the curvature of ``abs(current)`` near zero.

        `reach` (L,) is how fast the complex currents change in the direction taken.
        """
        if field != "loading_percent":
            return share
        current = np.maximum(self.loading, 1e-12)
        return np.asarray(share + np.minimum(self.step**2 * reach**3 / current**2, reach))


def rounding(field: str, size: Floats) -> Floats:
    """Share of the largest slope that differences of a solution to 1e-11 p.u. may be off."""
    return np.asarray(3e-6 * max(size.max(), 1e-3 if field == "voltage_pu" else 1.0))


@pytest.fixture(params=[feeder.name for feeder in FEEDERS], scope="module")
def point(request: pytest.FixtureRequest) -> Point:
    return Point(request.param, seed=3)


def largest(slopes: Slopes) -> float:
    return float(max(abs(slopes.per_kw).max(), abs(slopes.per_kvar).max()))


def along(slopes: Slopes, kw: Floats, kvar: Floats) -> Floats:
    """What a change of the powers drawn does to first order."""
    return np.asarray(slopes.per_kw @ kw + slopes.per_kvar @ kvar)


@pytest.mark.parametrize("field", FIELDS)
def test_slopes_follow_finite_differences(point: Point, field: str) -> None:
    unit, none = np.eye(point.feeder.bus_count), np.zeros((point.feeder.bus_count,) * 2)
    slopes = getattr(point.adjoint, field)
    expected = point.difference(unit, none, field).T, point.difference(none, unit, field).T
    size = np.maximum(abs(slopes.per_kw).max(axis=-1), abs(slopes.per_kvar).max(axis=-1))
    atol = point.error(field, rounding(field, size), point.reach.max(axis=(0, 2)))
    assert np.median(atol) < 1e-5 * max(size.max(), 1.0)
    for rows, differences in zip(slopes, expected, strict=True):
        assert (abs(rows - differences) <= atol[..., None]).all()


def test_the_adjoint_equals_the_dense_solution(point: Point) -> None:
    dense = exact_sensitivities(*point.at, *point.everything)
    # Currents around 1e-9 of a rating have no direction to speak of.
    flowing = point.loading > 1e-6
    for field in FIELDS:
        rows, expected = getattr(point.adjoint, field), getattr(dense, field)
        kept = flowing if field == "loading_percent" else Ellipsis
        for ours, theirs in zip(rows, expected, strict=True):
            assert ours.shape == theirs.shape
            atol = 1e-10 * largest(expected)
            np.testing.assert_allclose(ours[kept], theirs[kept], rtol=0.0, atol=atol)


def test_dense_voltage_changes_follow_finite_differences(point: Point) -> None:
    unit, none = np.eye(point.feeder.bus_count), np.zeros((point.feeder.bus_count,) * 2)
    per_kw, per_kvar = exact_voltage_changes(*point.at)
    for change, direction in ((per_kw, (unit, none)), (per_kvar, (none, unit))):
        expected = point.difference(*direction, "node_voltage_pu").T
        np.testing.assert_allclose(change, expected, rtol=0.0, atol=1e-6 * abs(change).max())
    alone = exact_voltage_change(*point.at)
    np.testing.assert_allclose(alone, per_kw, rtol=0.0, atol=1e-13 * abs(per_kw).max())


def test_closed_form_of_one_load_behind_a_line() -> None:
    """In p.u. of 1 MVA: u = V^2 solves u^2 - (1 - 2 (Rp + Xq)) u + (R^2 + X^2) (p^2 + q^2) = 0."""
    resistance, reactance, p, q = 0.5, 0.125, 0.02, 0.015
    middle = 1.0 - 2.0 * (resistance * p + reactance * q)
    squared = (resistance**2 + reactance**2) * (p**2 + q**2)
    u = (middle + np.sqrt(middle**2 - 4.0 * squared)) / 2.0
    power_flow = PowerFlow(three_bus_feeder())
    kw, kvar = np.array([0.0, p * 1e3, 0.0]), np.array([0.0, q * 1e3, 0.0])
    voltage = power_flow.solve(kw[None], kvar[None]).node_voltage_pu[0]
    found = sensitivities(power_flow, voltage, kw, kvar, np.array([1]), np.array([0]))
    for name, part, impedance in (("per_kw", p, resistance), ("per_kvar", q, reactance)):
        du = -(2.0 * impedance * u + 2.0 * (resistance**2 + reactance**2) * part) / (
            2.0 * u - middle
        )
        flow = (2.0 * part * u - (p**2 + q**2) * du) / u**2  # of the squared current
        own = np.array([name == "per_kw", name == "per_kvar"], float)
        assert getattr(found.voltage_pu, name)[0, 1] == pytest.approx(
            du / 2e3 / np.sqrt(u), rel=1e-9
        )
        assert getattr(found.loss_kw, name)[1] == pytest.approx(resistance * flow, rel=1e-9)
        assert getattr(found.slack_kw, name)[1] == pytest.approx(
            own[0] + resistance * flow, rel=1e-9
        )
        assert getattr(found.slack_kvar, name)[1] == pytest.approx(
            own[1] + reactance * flow, rel=1e-9
        )
        size = np.sqrt((p**2 + q**2) / u)
        percent = 100.0 / (0.27 * np.sqrt(3.0) * 0.4)  # of 0.27 kA, for a current of 1 p.u.
        slope = getattr(found.loading_percent, name)[0, 1]
        assert slope == pytest.approx(percent * flow / (2e3 * size), rel=1e-9)


def test_losses_are_what_flows_in_and_is_not_drawn(point: Point) -> None:
    slack, loss = point.adjoint.slack_kw, point.adjoint.loss_kw
    np.testing.assert_array_equal(loss.per_kw, slack.per_kw - 1.0)
    np.testing.assert_array_equal(loss.per_kvar, slack.per_kvar)
    np.testing.assert_allclose(loss.per_kw, loss_row(*point.at), rtol=0.0, atol=1e-14)


def test_the_slack_bus_draws_from_the_grid_above(point: Point) -> None:
    at_slack = point.feeder.node_of_bus == point.feeder.slack_node
    assert at_slack.any()
    for of in (sensitivities, exact_sensitivities):
        found = of(*point.at, *point.everything)
        for field in FIELDS:
            slopes = getattr(found, field)
            assert (slopes.per_kw[..., at_slack] == (field == "slack_kw")).all()
            assert (slopes.per_kvar[..., at_slack] == (field == "slack_kvar")).all()


def test_active_rows_are_those_of_the_security_check(point: Point) -> None:
    """Bit for bit: asking for reactive power as well changes nothing."""
    buses, branches = point.everything
    np.testing.assert_array_equal(point.adjoint.voltage_pu.per_kw, voltage_rows(*point.at, buses))
    np.testing.assert_array_equal(
        point.adjoint.loading_percent.per_kw, loading_rows(*point.at, branches)
    )


def directed(found: Sensitivities, kw: Floats, kvar: Floats) -> dict[str, Floats]:
    return {field: along(getattr(found, field), kw, kvar) for field in FIELDS}


@settings(max_examples=40)
@given(
    name=st.sampled_from(sorted(POWER_FLOWS)),
    seed=st.integers(0, 2**20),
    ends=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
)
def test_a_trade_is_the_difference_of_two_columns(
    name: str, seed: int, ends: tuple[int, int]
) -> None:
    """At a random state: 1 kW more drawn by the buyer and fed in by the seller; so for kvar."""
    point = Point(name, seed)
    buyer, seller = (end % point.feeder.bus_count for end in ends)
    trade = np.zeros(point.feeder.bus_count)
    trade[buyer] += 1.0
    trade[seller] -= 1.0
    for kw, kvar, part in ((trade, 0.0 * trade, 0), (0.0 * trade, trade, 1)):
        for field in FIELDS:
            rows = getattr(point.adjoint, field)[part]
            effect = rows[..., buyer] - rows[..., seller]
            expected = point.difference(kw[None], kvar[None], field)[0]
            reach = point.reach[part, :, buyer] + point.reach[part, :, seller]
            atol = point.error(field, rounding(field, abs(rows)), reach)
            assert (abs(effect - expected) <= atol).all()


@settings(max_examples=60)
@given(name=st.sampled_from(sorted(POWER_FLOWS)), seed=st.integers(0, 2**20))
def test_all_powers_at_once_move_the_state_as_the_slopes_say(name: str, seed: int) -> None:
    """At a random state, along a random direction of all active and reactive powers."""
    point = Point(name, seed)
    random = np.random.default_rng(seed + 1)
    kw, kvar = random.uniform(-1.0, 1.0, (2, point.feeder.bus_count))
    dense = exact_sensitivities(*point.at, *point.everything)
    for field, effect in directed(point.adjoint, kw, kvar).items():
        magnitudes = Slopes(*(abs(part) for part in getattr(dense, field)))
        size = along(magnitudes, abs(kw), abs(kvar))
        expected = point.difference(kw[None], kvar[None], field)[0]
        reach = point.reach[0] @ abs(kw) + point.reach[1] @ abs(kvar)
        atol = point.error(field, rounding(field, size), reach)
        assert (abs(effect - expected) <= atol).all()
        exact = directed(dense, kw, kvar)[field]
        kept = point.loading > 1e-6 if field == "loading_percent" else Ellipsis
        np.testing.assert_allclose(effect[kept], exact[kept], rtol=0.0, atol=1e-9 * size.max())


def test_states_of_another_feeder_are_refused(point: Point) -> None:
    nothing = np.arange(0)
    for of in (sensitivities, exact_sensitivities):
        with pytest.raises(ValueError, match="must be"):
            of(point.power_flow, point.voltage[1:], point.kw, point.kvar, nothing, nothing)
        with pytest.raises(ValueError, match="must be"):
            of(point.power_flow, point.voltage, point.kw[1:], point.kvar[1:], nothing, nothing)
