"""Derivatives of many states in one pass: the same as one by one, and what is refused."""

import numpy as np
import pytest

from cosim.grid.adjoint_kernel import Targets
from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import (
    exact_sensitivities,
    loss_rows,
    sensitivities,
    slopes_of_many,
)
from cosim.grid.sensitivity_targets import Quantity, targets_of
from networks.catalog import load_feeder
from tests.three_bus import three_bus_feeder

FIELDS = ("voltage_pu", "loading_percent", "slack_kw", "slack_kvar", "loss_kw")


@pytest.mark.parametrize("name", ["cigre_lv", "ieee33"])
def test_slopes_of_many_states_are_those_of_each(name: str) -> None:
    """Bit for bit, quantities, elements and states mixed, more than two blocks of lanes."""
    feeder = load_feeder(name)
    power_flow = PowerFlow(feeder)
    random = np.random.default_rng(8)
    factor = random.uniform(0.2, 1.2, (7, 1))
    kw, kvar = factor * feeder.nominal_load_kw, factor * feeder.nominal_load_kvar
    voltage = power_flow.solve(kw, kvar).node_voltage_pu
    state, quantity = random.integers(0, 7, 40), random.integers(0, len(Quantity), 40)
    element = random.integers(0, min(feeder.branch_count, feeder.bus_count), 40)
    many = slopes_of_many(power_flow, voltage, kw, kvar, targets_of(state, quantity, element))
    for row in range(40):
        b = state[row]
        chosen = element[[row]]
        one = sensitivities(power_flow, voltage[b], kw[b], kvar[b], chosen, chosen)
        field = {
            Quantity.VOLTAGE: one.voltage_pu,
            Quantity.LOADING: one.loading_percent,
            Quantity.LOSS: one.loss_kw,
            Quantity.SLACK_KW: one.slack_kw,
            Quantity.SLACK_KVAR: one.slack_kvar,
        }[Quantity(quantity[row])]
        for ours, theirs in zip((part[row] for part in many), field, strict=True):
            np.testing.assert_allclose(ours, theirs.reshape(-1), rtol=0.0, atol=1e-14)
    losses = slopes_of_many(
        power_flow, voltage, kw, kvar, targets_of(np.arange(7), Quantity.LOSS, 0)
    )
    np.testing.assert_array_equal(losses.per_kw, loss_rows(power_flow, voltage, kw, kvar))


def test_close_to_the_largest_load_the_dense_solution_takes_over() -> None:
    """There the adjoint iteration needs more steps than it is given, in one state of the two."""
    power_flow = PowerFlow(three_bus_feeder(), iterations_max=5000)
    limit_kw = 1e3 / (2.0 * (np.hypot(0.5, 0.125) + 0.5))
    kw = np.array([[0.0, 0.5 * limit_kw, 0.0], [0.0, 0.999 * limit_kw, 0.0]])
    kvar = np.zeros((2, 3))
    steps = np.array([[0.0, 1e-4, 0.0]])
    voltage = power_flow.solve(kw, kvar).node_voltage_pu
    above, below = power_flow.solve(kw, kvar + steps), power_flow.solve(kw, kvar - steps)
    for quantity, field in (
        (Quantity.VOLTAGE, "voltage_pu"),
        (Quantity.LOADING, "loading_percent"),
        (Quantity.LOSS, "loss_kw"),
        (Quantity.SLACK_KW, "slack_kw"),
        (Quantity.SLACK_KVAR, "slack_kvar"),
    ):
        targets = targets_of(np.arange(2), quantity, 0 if quantity == Quantity.LOADING else 1)
        found = slopes_of_many(power_flow, voltage, kw, kvar, targets).per_kvar[:, 1]
        change = (getattr(above, field) - getattr(below, field)) / 2e-4
        if change.ndim == 2:
            change = change[:, targets.element[0]]
        np.testing.assert_allclose(found, change, rtol=2e-4)
    at = power_flow, voltage[1], kw[1], kvar[1], np.arange(3), np.arange(1)
    adjoint, dense = sensitivities(*at), exact_sensitivities(*at)
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(adjoint, field), getattr(dense, field))


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (targets_of(2, Quantity.VOLTAGE, 0), "state 2 does not exist: there are 2"),
        (targets_of(0, 5, 0), "quantity 5 does not exist: there are 5"),
        (targets_of(0, Quantity.VOLTAGE, 3), "bus 3 does not exist: there are 3"),
        (targets_of(0, Quantity.LOADING, -1), "branch -1 does not exist: there are 2"),
        (targets_of([0, 1], Quantity.LOSS, 0), "state 1 has no solved voltages"),
        (targets_of(3, Quantity.VOLTAGE, 9), "state 3 .*; bus 9"),
    ],
)
def test_targets_that_do_not_exist_are_named(targets: Targets, message: str) -> None:
    power_flow = PowerFlow(three_bus_feeder())
    voltage = np.ones((2, 3), np.complex128)
    voltage[1] = np.nan
    with pytest.raises(ValueError, match=message):
        slopes_of_many(power_flow, voltage, np.zeros((2, 3)), np.zeros((2, 3)), targets)
