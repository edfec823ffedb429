"""Ways of a single device, against programmes and merit orders that need no levels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from cosim.records import Floats
from policies.deviation import Battery, Vehicle, best_amounts, level_at_end

LENGTH = 6
PRICES = st.lists(st.floats(0.01, 0.5), min_size=LENGTH, max_size=LENGTH).map(np.array)
AMOUNTS = np.array([-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])


def least_by_programme(battery: Battery, buy: Floats, sell: Floats) -> float:
    """Return the least cost of charging at `buy` and discharging at `sell`, by a programme."""
    moves = np.hstack([battery.gain * np.eye(LENGTH), -np.eye(LENGTH) / battery.give])
    held = np.tril(np.ones((LENGTH, LENGTH))) @ moves
    worth = battery.worth_eur_per_kwh * battery.give
    found = linprog(
        np.concatenate([buy, -sell]) - worth * held[-1],
        A_ub=np.vstack([held, -held]),
        b_ub=np.concatenate(
            [np.full(LENGTH, battery.full - battery.start), np.full(LENGTH, battery.start)]
        ),
        bounds=(0.0, battery.power_kwh),
    )
    assert found.fun is not None
    return float(found.fun) - worth * battery.start


@given(PRICES, PRICES, st.floats(0.0, 5.0), st.floats(0.3, 3.0))
@settings(max_examples=40, deadline=None)
def test_a_price_taking_battery_reaches_the_programme(
    first: Floats, second: Floats, start: float, power: float
) -> None:
    buy, sell = np.maximum(first, second), np.minimum(first, second)
    battery = Battery(5.0, start, power, gain=0.9, give=0.95, worth_eur_per_kwh=0.03)
    asked = np.tile(AMOUNTS / 3.0 * power, (LENGTH, 1))
    costs = np.where(asked > 0.0, asked * buy[:, None], asked * sell[:, None])
    path = best_amounts(battery, asked, costs)
    level = np.array([start])
    for row in range(LENGTH):
        least, most = battery.bounds(row, level)
        assert least[0] - 1e-9 <= path[row] <= most[0] + 1e-9
        level = battery.after(level, path[row : row + 1])
    paid = float(np.where(path > 0.0, path * buy, path * sell).sum())
    end = np.array([level_at_end(battery, path)])
    total = paid + float(battery.final_eur(end)[0])
    bound = least_by_programme(battery, buy, sell)
    assert bound - 1e-9 <= total <= bound + 0.02


def stay(arrival: int, departure: int, energy: float) -> Vehicle:
    """Return a vehicle that is at home once, and charges 2 kWh an interval at the most."""
    asked, leaves = np.zeros(LENGTH), np.full(LENGTH, -1)
    asked[arrival] = energy
    leaves[arrival:departure] = departure
    return Vehicle(energy, 0.0, asked, leaves, 2.0, 0.9, missing_eur_per_kwh=0.3)


@given(PRICES, st.integers(1, 3), st.integers(4, LENGTH), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_a_price_taking_vehicle_charges_where_it_is_cheapest(
    price: Floats, arrival: int, departure: int, kwh: int
) -> None:
    vehicle = stay(arrival, departure, 0.9 * kwh)
    asked = np.tile(vehicle.amounts_kwh, (LENGTH, 1))
    path = best_amounts(vehicle, asked, asked * price[:, None])
    assert level_at_end(vehicle, path) == pytest.approx(
        0.9 * max(kwh - 2 * (departure - arrival), 0)
    )
    assert np.all(path[:arrival] == 0.0)
    assert np.all(path[departure:] == 0.0)
    cheapest = np.sort(price[arrival:departure])
    needed = min(float(kwh), 2.0 * len(cheapest))
    taken = np.clip(needed - 2.0 * np.arange(len(cheapest)), 0.0, 2.0)
    assert float(path @ price) == pytest.approx(float(taken @ cheapest), abs=1e-2)


def test_what_a_vehicle_lacks_at_the_end_is_owed() -> None:
    vehicle = stay(3, LENGTH + 2, 1.8)
    asked = np.tile(vehicle.amounts_kwh, (LENGTH, 1))
    dear, cheap = (best_amounts(vehicle, asked, asked * price) for price in (0.4, 0.2))
    assert dear.sum() == 0.0
    assert cheap.sum() == pytest.approx(2.0)
    assert vehicle.final_eur(np.array([1.8]))[0] == pytest.approx(0.6)
