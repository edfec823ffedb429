"""Hindsight of followers: closed form, never negative, the same rules as what was played."""

from dataclasses import replace

import numpy as np
import pytest

from policies.regret import (
    costs_alone_eur,
    follower_regret,
    idle_schedule,
    least_cost_alone,
    on_prices,
)
from policies.yardstick_case import Span, case_of, one_prosumer
from tests.policies.cases import WEAR, hand_case, played, schedule_of, start_of


def test_the_better_of_quotes_and_local_price_counts() -> None:
    case = hand_case([[1.0]] * 3, [0.30, 0.30, 0.30], [0.05, 0.05, 0.05])
    seen = on_prices(case, np.array([0.10, np.nan, 0.25]))
    assert seen.buy_eur_per_kwh == pytest.approx([0.19, 0.30, 0.30])
    assert seen.sell_eur_per_kwh == pytest.approx([0.10, 0.05, 0.25])


def test_a_battery_alone_sells_where_the_local_price_is_high() -> None:
    case = hand_case(
        [[0.0], [0.0]], [0.30, 0.30], [0.05, 0.05], battery_kwh=[4.0], battery_kw=[2.0]
    )
    seen = on_prices(case, np.array([0.06, 0.20]))
    # Buys 2 kWh at 0.06 + 0.09 and sells them at 0.20; wear both ways.
    assert least_cost_alone(seen) == pytest.approx(2.0 * (0.15 - 0.20) + 4.0 * WEAR)


def test_nobody_paid_less_than_hindsight() -> None:
    game, world, day = played(4, environments=2)
    _, state = start_of(game, day, 0)
    found = follower_regret(game, world, [day], state, environment=1, wear_eur_per_kwh=WEAR)
    assert np.all(found.regret_eur >= -1e-7)
    assert np.all(found.least_eur <= found.idle_eur + 1e-7)
    assert 0.0 < found.mean_share <= found.worst_share
    fleet = world.fleet
    nothing = (fleet.battery_kw[1] + fleet.vehicle_kw[1] + fleet.heat_pump_kw[1]) == 0.0
    assert np.all(np.isnan(found.share[nothing]))
    assert found.regret_eur[nothing] == pytest.approx(0.0, abs=1e-7)


def test_followers_that_play_hindsight_have_no_regret() -> None:
    """Costs of the best schedule, as of any other, are counted alike."""
    game, world, day = played(4, environments=2)
    signal, state = start_of(game, day, 0)
    case = case_of(game, world.actual, signal, state, Span(0, 96, 0, WEAR))
    costs = costs_alone_eur(case, schedule_of(day, 0))
    idle = costs_alone_eur(case, idle_schedule(case))
    for prosumer in range(len(costs)):
        alone = one_prosumer(case, prosumer)
        least = least_cost_alone(alone)
        assert least <= min(costs[prosumer], idle[prosumer]) + 1e-7


def test_nobody_with_devices_has_no_share() -> None:
    game, world, day = played(4, environments=2)
    _, state = start_of(game, day, 0)
    found = follower_regret(game, world, [day], state)
    none = replace(found, least_eur=found.idle_eur)
    assert np.isnan(none.mean_share)
    assert np.isnan(none.worst_share)
