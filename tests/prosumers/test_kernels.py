"""Compiled passes over homes against the plain formulas, bit for bit."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.interval import bid_and_clear, deliver, plan
from cosim.market.tariff import within_tariff
from cosim.prosumers.devices import advance, initial_state, plug_in, ranges
from cosim.prosumers.orders import value_at, worths
from cosim.prosumers.standing import standing
from cosim.records import Closing, FollowerAction, Outlook, State
from tests.prosumers.plain_formulas import (
    HOURS,
    plain_advance,
    plain_dispatch,
    plain_orders,
    plain_ranges,
    plain_value_at,
    plain_worth,
)
from tests.worlds import small_game, small_world


def same(found: Any, expected: Any) -> None:
    """Assert that two records of arrays have equal numbers."""
    for field in fields(expected):
        np.testing.assert_array_equal(
            getattr(found, field.name), getattr(expected, field.name), err_msg=field.name
        )


def anywhere(world: Any, draws: np.random.Generator, interval: int) -> State:
    """Return stores anywhere, also empty, full and outside the comfort band."""
    fleet = world.fleet
    filled = np.clip(draws.uniform(-0.3, 1.3, fleet.bus.shape), 0.0, 1.0)
    return State(
        interval=interval,
        battery_kwh=fleet.battery_kwh * filled,
        vehicle_missing_kwh=np.where(
            world.actual.vehicle_departure[interval] >= 0,
            draws.uniform(0.0, 8.0, fleet.bus.shape),
            0.0,
        ),
        indoor_celsius=np.where(
            fleet.heat_pump_kw > 0.0,
            draws.uniform(19.5, 22.5, fleet.bus.shape),
            initial_state(fleet).indoor_celsius,
        ),
    )


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 5_000),
    interval=st.integers(0, 95),
    offset=st.sampled_from([0.0, 0.05, 0.5]),
    ends=st.sampled_from([None, 96, 130]),
    environments=st.integers(1, 3),
)
def test_an_interval_of_homes_is_what_the_formulas_say(
    seed: int, interval: int, offset: float, ends: int | None, environments: int
) -> None:
    """Ranges, worth, curves, set-points and the state afterwards; also where plans end."""
    world, feeder = small_world(seed=seed, environments=environments, prosumers=6)
    game, draws = small_game(world, feeder), np.random.default_rng(seed)
    fleet, actual = world.fleet, world.actual
    levels = np.round(draws.uniform(0.05, 0.29, (96, environments)), 2)  # often equal
    signal = within_tariff(levels, levels - 0.02, retail=0.30, feed_in=0.03)
    closing = None if ends is None else Closing(ends, 0.20, 0.03)
    day = plan(game, world.forecast, signal, (0, 96), outlook=Outlook(closing=closing))
    before = anywhere(world, draws, interval)
    shape = fleet.bus.shape
    action = FollowerAction(
        value_offset_eur_per_kwh=offset * draws.standard_normal((*shape, 3)),
        half_spread_eur_per_kwh=np.full(shape, 0.005),
    )
    bids = bid_and_clear(game, before, actual, day, action)

    state = plug_in(before, actual)
    limits = plain_ranges(fleet, state, actual)
    same(ranges(fleet, state, actual, interval=interval, interval_h=HOURS), limits)
    same(bids.limits, limits)
    worth = plain_worth(fleet, state, limits, actual, day.plan)
    same(worths(fleet, state, limits, actual, plan=day.plan, interval_h=HOURS), worth)
    powers = (actual.load_kw[interval], actual.pv_kw[interval])
    orders = plain_orders(fleet, limits, worth, action, powers, 0.30)
    same(bids.orders, orders)

    most = orders.minimum_kwh + orders.step_kwh.sum(axis=2)
    net = orders.minimum_kwh + draws.uniform(0.0, 1.0, shape) * (most - orders.minimum_kwh)
    points = plain_dispatch(orders, limits, net, actual.pv_kw[interval])
    same(deliver(game, bids.orders, limits, net, actual, interval), points)
    same(
        advance(fleet, state, actual, points, interval_h=HOURS),
        plain_advance(fleet, state, actual, points),
    )


@given(seed=st.integers(0, 1000), levels=st.integers(2, 30))
def test_a_table_is_read_in_straight_lines_and_not_beyond_its_ends(seed: int, levels: int) -> None:
    draws = np.random.default_rng(seed)
    table, full = draws.normal(size=(2, 5, levels)), draws.uniform(1.0, 9.0, (2, 5))
    full[:, 0] = 0.0
    level = full * draws.uniform(-0.2, 1.2, (2, 5))
    np.testing.assert_array_equal(value_at(table, level, full), plain_value_at(table, level, full))


def test_where_homes_stand_is_worked_out_once_for_the_same_records() -> None:
    world, feeder = small_world()
    game = small_game(world, feeder)
    signal = within_tariff(
        np.full((96, 1), 0.22), np.full((96, 1), 0.05), retail=0.30, feed_in=0.03
    )
    day = plan(game, world.forecast, signal, (0, 96))
    state = initial_state(world.fleet)
    first = standing(world.fleet, state, world.actual, day.plan, HOURS)
    assert standing(world.fleet, state, world.actual, day.plan, HOURS) is first
    fuller = replace(state, battery_kwh=world.fleet.battery_kwh)
    other = standing(world.fleet, fuller, world.actual, day.plan, HOURS)
    assert np.any(other.limits.battery_charge_kwh != first.limits.battery_charge_kwh)
    other = standing(world.fleet, state, world.forecast, day.plan, HOURS)
    assert other is not first
