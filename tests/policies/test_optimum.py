"""The community optimum: closed forms, a bound of every play, and a grid that bears it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.grid import limits
from cosim.scoring.metrics import outcome_of
from policies.community_programme import CommunityProgramme
from policies.optimum import community_optimum, optimum_without_grid
from policies.regret import idle_schedule
from policies.yardstick_case import (
    Span,
    carry_out,
    case_of,
    paid_outside_eur,
    played_costs_eur,
    powers_around,
)
from tests.policies.cases import WEAR, hand_case, played, schedule_of, start_of, with_stay


def test_a_battery_between_two_prices_carries_what_is_needed_later() -> None:
    case = hand_case(
        [[2.0], [2.0]],
        [0.10, 0.40],
        [0.05, 0.05],
        battery_kwh=[10.0],
        battery_kw=[5.0],
        battery_charge_efficiency=[0.9],
        battery_discharge_efficiency=[0.8],
    )
    best = optimum_without_grid(case)
    charged = 2.0 / 0.72
    assert best.schedule.battery_kwh[:, 0] == pytest.approx([charged, -2.0])
    assert best.cost_eur == pytest.approx(2.0 * 0.10 + charged * 0.10 + WEAR * (charged + 2.0))
    assert best.bound_eur == pytest.approx(best.cost_eur)


def test_wear_above_the_gain_stops_the_battery() -> None:
    case = hand_case(
        [[2.0], [2.0]], [0.10, 0.40], [0.05, 0.05], battery_kwh=[10.0], battery_kw=[5.0]
    )
    worn = replace(case, span=replace(case.span, wear_eur_per_kwh=0.16))
    assert optimum_without_grid(worn).cost_eur == pytest.approx(2.0 * 0.50)


def test_what_is_left_in_a_battery_is_worth_the_feed_in_price() -> None:
    case = hand_case(
        [[0.0]],
        [0.40],
        [0.02],
        battery_kwh=[10.0],
        battery_kw=[5.0],
        battery_start_kwh=[4.0],
        battery_discharge_efficiency=[0.8],
    )
    assert optimum_without_grid(case).cost_eur == pytest.approx(-4.0 * 0.8 * 0.03)


def test_neighbours_pay_the_local_fee_and_the_rest_goes_to_the_aggregator() -> None:
    case = hand_case([[-3.0, 5.0], [-4.0, 1.0]], [0.30, 0.30], [0.05, 0.05])
    first = 3.0 * 0.09 + 2.0 * 0.30
    second = 1.0 * 0.09 - 3.0 * 0.05
    assert optimum_without_grid(case).cost_eur == pytest.approx(first + second)


def test_nobody_is_matched_where_the_fee_is_above_the_spread() -> None:
    case = hand_case([[-3.0, 5.0]], [0.10], [0.05])
    assert optimum_without_grid(case).cost_eur == pytest.approx(5.0 * 0.10 - 3.0 * 0.05)


def test_solar_power_is_given_up_where_selling_costs_money() -> None:
    case = hand_case([[-3.0]], [0.10], [-0.05])
    best = optimum_without_grid(case)
    assert best.cost_eur == pytest.approx(0.0)
    assert best.schedule.curtailed_kwh[0, 0] == pytest.approx(3.0)


def test_a_vehicle_charges_in_the_cheap_hours_of_its_stay() -> None:
    case = hand_case(
        [[0.0]] * 4,
        [0.1, 0.4, 0.2, 0.3],
        [0.0] * 4,
        vehicle_kw=[2.0],
        vehicle_efficiency=[0.9],
    )
    best = optimum_without_grid(with_stay(case, 1, 4, 2.7))
    assert best.schedule.vehicle_kwh[:, 0] == pytest.approx([0.0, 0.0, 2.0, 1.0])
    assert best.cost_eur == pytest.approx(2.0 * 0.2 + 1.0 * 0.3)


@pytest.mark.parametrize(("price", "owed"), [(0.4, 0.0), (0.6, 2.0)])
def test_what_a_stay_beyond_the_end_misses_is_owed_at_the_retail_price(
    price: float, owed: float
) -> None:
    """Needs 5, charges 2 an hour: 1 must come now, 4 may come in the two hours after the end."""
    case = hand_case([[0.0]] * 2, [price] * 2, [0.0] * 2, vehicle_kw=[2.0])
    leaves = with_stay(case, 0, 2, 5.0)
    leaves.exogenous.vehicle_departure[:, 0, 0] = 4
    best = optimum_without_grid(leaves)
    charged = 4.0 if owed == 0.0 else 1.0
    assert best.schedule.vehicle_kwh.sum() == pytest.approx(charged)
    assert best.cost_eur == pytest.approx(charged * price + (5.0 - charged) * 0.50)


def test_a_room_is_heated_ahead_of_the_dear_hour() -> None:
    case = hand_case([[0.0]] * 3, [0.1, 0.1, 0.6], [0.0] * 3, heat_pump_kw=[4.0])
    case.exogenous.heat_pump_reference_kw[:] = 1.0
    best = optimum_without_grid(case)
    assert best.schedule.heat_pump_kwh[2, 0] < 0.5
    assert best.schedule.heat_pump_kwh[:2, 0].sum() > 2.5
    assert best.cost_eur < carry_out(case, idle_schedule(case)).cost_eur


def test_meters_without_devices_are_settled_as_they_are() -> None:
    random = np.random.default_rng(0)
    fixed = random.normal(size=(6, 5))
    case = hand_case(fixed.tolist(), [0.30] * 6, [0.05] * 6)
    assert optimum_without_grid(case).cost_eur == pytest.approx(paid_outside_eur(case, fixed))


def check_bound(seed: int, first: int) -> None:
    """Assert that from an interval on what was played costs no less than the optimum's bound."""
    game, world, day = played(seed, environments=2)
    signal, state = start_of(game, day, first)
    rest = replace(day, intervals=day.intervals[first:])
    for environment in range(2):
        span = Span(first, 96, environment, WEAR)
        paid = played_costs_eur(game, [rest], environment=environment, wear_eur_per_kwh=WEAR)
        best = community_optimum(game, world, signal, state, span, with_grid=False)
        assert best.bound_eur <= paid.sum() + 1e-6
        assert best.cost_eur == pytest.approx(best.bound_eur, abs=1e-6)
        # The played schedule is one the yardstick could have chosen, by the same rules.
        case = case_of(game, world.actual, signal, state, span)
        again = carry_out(case, schedule_of(day, first, environment))
        np.testing.assert_allclose(
            again.net_kwh,
            np.stack([it.validation.net_kwh[environment] for it in rest.intervals]),
            atol=1e-7,
        )
        assert best.bound_eur <= again.cost_eur + 1e-6
        assert again.cost_eur <= paid.sum() + 1e-6


@pytest.mark.parametrize(("seed", "first"), [(4, 0), (11, 70)])
def test_no_play_costs_less_than_the_bound(seed: int, first: int) -> None:
    check_bound(seed, first)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), first=st.integers(0, 90))
def test_no_play_of_many_costs_less_than_the_bound(seed: int, first: int) -> None:
    check_bound(seed, first)


def test_open_positions_are_those_of_the_metrics() -> None:
    game, world, day = played(4, environments=2)
    signal, state = start_of(game, day, 0)
    case = case_of(game, world.actual, signal, state, Span(0, 96))
    again = carry_out(case, schedule_of(day, 0))
    left = outcome_of(game.fleet, [day], retail=0.30, feed_in=0.03)
    np.testing.assert_allclose(again.prosumer_open_eur, left.open_eur, atol=1e-7)
    np.testing.assert_allclose(played_costs_eur(game, [day]), -left.total_eur, atol=1e-9)


@pytest.mark.parametrize("seed", [1, 8])
def test_the_optimum_with_the_grid_is_inside_its_limits(seed: int) -> None:
    game, world, day = played(seed, scale=10.0, rule="optimal")
    signal, state = start_of(game, day, 0)
    span = Span(0, 96, 0, WEAR)
    best = community_optimum(game, world, signal, state, span)
    assert best.secure
    assert best.rounds > 0
    assert best.security_eur >= (0.01 if seed == 8 else -1e-6)
    assert best.cost_eur <= played_costs_eur(game, [day], wear_eur_per_kwh=WEAR).sum()

    kw, kvar = powers_around(game, world.actual, span)
    case = case_of(game, world.actual, signal, state, span)

    def excess(net_kwh: np.ndarray) -> np.ndarray:
        bus_kw = kw.copy()
        for prosumer, bus in enumerate(game.fleet.bus[0]):
            bus_kw[:, bus] += net_kwh[:, prosumer] / 0.25
        return limits.excess(game.power_flow.feeder, game.power_flow.solve(bus_kw, kvar))

    allowed = np.maximum(excess(np.maximum(case.fixed_kwh, 0.0)), 0.0)
    assert np.all(excess(best.net_kwh) <= allowed + 1e-9)
    free = community_optimum(game, world, signal, state, span, with_grid=False)
    assert np.any(excess(free.net_kwh) > allowed + 1e-6)
    assert best.bound_eur == pytest.approx(free.bound_eur, abs=1e-6)


def test_a_limit_that_nothing_can_keep_is_exceeded_least() -> None:
    case = hand_case([[3.0]], [0.30], [0.05], battery_kwh=[2.0], battery_kw=[1.0])
    full = replace(case, state=replace(case.state, battery_kwh=np.array([[2.0]])))
    programme = CommunityProgramme(full)
    programme.add_limits(np.array([0]), np.array([[2.0]]), np.array([3.0]))
    found = programme.solve()
    assert found.schedule.battery_kwh[0, 0] == pytest.approx(-1.0)
    assert found.elastic == pytest.approx(0.5)


def test_spans_that_do_not_fit_are_refused() -> None:
    game, world, day = played(4, environments=2)
    signal, state = start_of(game, day, 0)
    with pytest.raises(ValueError, match=r"span 0 to 500 .*environment 3"):
        case_of(game, world.actual, signal, state, Span(0, 500, 3))
