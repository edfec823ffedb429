"""Devices, order curves and dispatch of single prosumers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.interval import bid_and_clear, deliver, plan
from cosim.market.tariff import within_tariff
from cosim.prosumers.devices import heat_response, initial_state
from cosim.prosumers.orders import vehicle_prices
from cosim.records import FollowerAction, State, Step
from tests.worlds import small_game, small_world


def situation(seed: int, interval: int, offset: float):  # type: ignore[no-untyped-def]
    """Return a game in the middle of a day with random states and reservation prices."""
    world, feeder = small_world(seed=seed)
    game = small_game(world, feeder)
    generator = np.random.default_rng(seed)
    shape = world.fleet.bus.shape
    fresh = initial_state(world.fleet)
    state = State(
        interval=interval,
        battery_kwh=world.fleet.battery_kwh * generator.uniform(0.0, 1.0, shape),
        vehicle_missing_kwh=np.where(
            world.actual.vehicle_departure[interval] >= 0, generator.uniform(0.0, 0.5, shape), 0.0
        ),
        indoor_celsius=np.where(
            world.fleet.heat_pump_kw > 0.0,
            generator.uniform(20.0, 22.0, shape),
            fresh.indoor_celsius,
        ),
    )
    length = (96, 1)
    hours = np.arange(96)[:, None] / 4.0
    signal = within_tariff(
        np.full(length, 0.22) + 0.05 * (hours > 16.0),
        np.full(length, 0.05),
        retail=0.30,
        feed_in=0.03,
    )
    day = plan(game, world.forecast, signal, (0, 96))
    action = FollowerAction(
        value_offset_eur_per_kwh=offset * generator.standard_normal((*shape, 3)),
        half_spread_eur_per_kwh=np.full(shape, 0.005),
    )
    return world, game, state, day, action


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 5_000),
    interval=st.integers(0, 95),
    offset=st.sampled_from([0.0, 0.05, 0.5]),
    share=st.floats(0.0, 1.0),
)
def test_every_point_of_a_curve_can_be_delivered(
    seed: int, interval: int, offset: float, share: float
) -> None:
    """Whatever part is accepted, device limits hold and the meter shows it exactly."""
    world, game, state, day, action = situation(seed, interval, offset)
    bids = bid_and_clear(game, state, world.actual, day, action)
    state, limits, orders = bids.state, bids.limits, bids.orders
    least = orders.minimum_kwh
    most = least + orders.step_kwh.sum(axis=2)
    assert np.all(most >= -1e-9)  # what is offered can be given up
    assert np.all(orders.step_kwh >= 0.0)
    assert np.all(orders.step_eur_per_kwh <= 0.30 + 1e-12)
    net = least + share * (most - least)
    points = deliver(game, orders, limits, net, world.actual, interval)
    fleet = world.fleet
    assert np.all(points.battery_kw * 0.25 <= limits.battery_charge_kwh + 1e-9)
    assert np.all(-points.battery_kw * 0.25 <= limits.battery_discharge_kwh + 1e-9)
    assert np.all(points.vehicle_kw * 0.25 >= limits.vehicle_must_kwh - 1e-9)
    assert np.all(points.vehicle_kw * 0.25 <= limits.vehicle_may_kwh + 1e-9)
    assert np.all(points.heat_pump_kw * 0.25 >= limits.heat_must_kwh - 1e-9)
    assert np.all(points.heat_pump_kw * 0.25 <= limits.heat_may_kwh + 1e-9)
    assert np.all(points.pv_kw >= -1e-9)
    total = (
        world.actual.load_kw[interval]
        - points.pv_kw
        + points.battery_kw
        + points.vehicle_kw
        + points.heat_pump_kw
    )
    np.testing.assert_allclose(total * 0.25, net, atol=1e-9)
    assert np.all(fleet.battery_kwh >= state.battery_kwh)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 5_000), interval=st.integers(0, 95))
def test_a_battery_never_asks_less_than_it_bids(seed: int, interval: int) -> None:
    world, game, state, day, action = situation(seed, interval, 0.1)
    orders = bid_and_clear(game, state, world.actual, day, action).orders
    hold = orders.step_eur_per_kwh[:, :, Step.BATTERY_HOLD]
    charge = orders.step_eur_per_kwh[:, :, Step.BATTERY_CHARGE]
    assert np.all(hold >= charge - 1e-12)


def test_refused_surplus_is_stored_before_it_is_given_up() -> None:
    """A home with 4 kW of surplus and room in its battery, fed in nothing: it charges."""
    world, game, state, day, action = situation(1, 48, 0.0)
    bids = bid_and_clear(game, state, world.actual, day, action)
    state, limits, orders = bids.state, bids.limits, bids.orders
    nothing = np.maximum(orders.minimum_kwh, 0.0)
    points = deliver(game, orders, limits, nothing, world.actual, 48)
    # Whoever gives up solar power has charged all the battery takes at a price above zero.
    giving_up = points.curtailed_kw > 1e-9
    worth = orders.step_eur_per_kwh[:, :, Step.BATTERY_CHARGE] > 0.0
    full = limits.battery_charge_kwh - np.maximum(points.battery_kw, 0.0) * 0.25
    assert giving_up.any()
    assert np.all(full[giving_up & worth] <= 1e-9)


def test_reference_power_holds_the_target_temperature() -> None:
    """Closed form: half the distance to the target is lost in ln 2 time constants."""
    world, _ = small_world()
    fleet = replace(
        world.fleet,
        heat_pump_kw=np.full_like(world.fleet.heat_pump_kw, 4.0),
        building_time_constant_h=np.full_like(world.fleet.heat_pump_kw, 0.25 / np.log(2.0)),
    )
    remaining, gain = heat_response(fleet, 0.25)
    np.testing.assert_allclose(remaining, 0.5)
    # Without losses a kWh of electricity would lift the room by COP / C; losses take their part.
    ideal = fleet.heat_pump_cop / fleet.building_kwh_per_kelvin
    np.testing.assert_allclose(gain, ideal * 0.5 / np.log(2.0))


@pytest.mark.parametrize(
    ("missing", "expected_price"),
    [(2.0, 0.10), (4.0, 0.12), (6.0, 0.20), (8.0, 0.30), (20.0, 0.30), (0.0, 0.0)],
)
def test_vehicle_value_is_the_dearest_hour_waiting_would_need(
    missing: float, expected_price: float
) -> None:
    """Four later intervals at 0.30, 0.10, 0.20, 0.12; 2 kWh an interval, no sun."""
    buy = np.array([0.05, 0.30, 0.10, 0.20, 0.12, 0.01])[:, None]
    expected = (np.zeros((6, 1, 1)), buy, np.zeros((6, 1)), 0.0)
    dear, _, _ = vehicle_prices(
        np.array([[missing]]), np.array([[2.0]]), np.array([[5]]), 0, expected, 0
    )
    assert dear[0, 0] == pytest.approx(expected_price)


def test_a_vehicle_pays_dear_only_for_what_cheap_hours_cannot_give() -> None:
    """0.1 kWh of surplus an interval at 0.03 leaves the rest to be bought at 0.25."""
    surplus = np.full((6, 1, 1), 0.1)
    buy, sell = np.full((6, 1), 0.25), np.full((6, 1), 0.03)

    def prices(missing: float) -> list[float]:
        found = vehicle_prices(
            np.array([[missing]]),
            np.array([[2.0]]),
            np.array([[5]]),
            0,
            (surplus, buy, sell, 0.0),
            0,
        )
        return [float(each[0, 0]) for each in found]

    assert prices(0.3) == pytest.approx([0.03, 0.3, 0.0])  # the sun of three intervals does it
    assert prices(3.0) == pytest.approx([0.25, 2.6, 0.03])  # 0.4 of sun, 2.6 to be bought
