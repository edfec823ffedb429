"""Cost-to-go against an independent linear programme, and its shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from cosim.prosumers.water_value import KEEP, LEVELS, cost_to_go
from cosim.prosumers.water_value_kernel import Store

LENGTH = 10


def programme(  # noqa: PLR0913
    start: float,
    full: float,
    power: float,
    efficiency: tuple[float, float],
    net: np.ndarray,
    buy: np.ndarray,
    sell: np.ndarray,
    salvage: float,
    wear: float = 0.0,
    keep: float = 1.0,
) -> float:
    """Return the least cost of a battery that faces two prices: [import, export, charge, give]."""
    count = len(net)
    cost = np.concatenate([buy, -sell, np.full(2 * count, wear)]) * np.tile(
        keep ** np.arange(count), 4
    )
    salvage *= keep**count
    eye, zero = np.eye(count), np.zeros((count, count))
    balance = np.hstack([eye, -eye, -eye, eye])  # import - export - charge + discharge = net
    running = np.tril(np.ones((count, count)))
    stored = np.hstack([zero, zero, efficiency[0] * running, -running / efficiency[1]])
    limits = np.vstack([stored, -stored])
    room = np.concatenate([np.full(count, full - start), np.full(count, start)])
    cost[2 * count : 3 * count] -= salvage * efficiency[0]
    cost[3 * count :] += salvage / efficiency[1]
    bounds = [(0, None)] * (2 * count) + [(0, power)] * (2 * count)
    answer = linprog(cost, A_ub=limits, b_ub=room, A_eq=balance, b_eq=net, bounds=bounds)
    assert answer.fun is not None
    return float(answer.fun) - salvage * start


def table_of(  # noqa: PLR0913
    full: float,
    power: float,
    efficiency: tuple[float, float],
    net: np.ndarray,
    buy: np.ndarray,
    sell: np.ndarray,
    salvage: float,
    wear: float = 0.0,
    keep: float = 1.0,
) -> np.ndarray:
    """Return J of one battery, (LENGTH + 1, LEVELS), each row not yet discounted."""
    one = np.ones((1, 1))
    store = Store(
        full=full * one,
        remaining=one,
        drift=np.zeros((1, 1, 1)),
        gain=efficiency[0] * one,
        give=efficiency[1] * one,
        charge_kwh=power * one,
        discharge_kwh=power * one,
        wear_eur_per_kwh=wear,
        keep=keep,
        final_eur=-salvage * full * np.linspace(0.0, 1.0, LEVELS)[None, None, :],
    )
    table = cost_to_go(store, net[:, None, None], buy[:, None], sell[:, None], len(net))
    return np.asarray(table[:, 0, 0]) / keep


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    level=st.integers(0, LEVELS - 1),
    wear=st.sampled_from([0.0, 0.005, 0.03]),
    keep=st.sampled_from([1.0, KEEP, 0.95]),
)
def test_cost_to_go_equals_the_linear_programme(
    seed: int, level: int, wear: float, keep: float
) -> None:
    generator = np.random.default_rng(seed)
    full, power = generator.uniform(2.0, 10.0), generator.uniform(0.3, 2.0)
    efficiency = (generator.uniform(0.8, 1.0), generator.uniform(0.8, 1.0))
    net = generator.uniform(-2.0, 2.0, LENGTH)
    buy = generator.uniform(0.1, 0.3, LENGTH)
    sell = buy * generator.uniform(0.0, 1.0, LENGTH)
    given = power, efficiency, net, buy, sell, 0.05, wear, keep
    table = table_of(full, *given)
    start = full * level / (LEVELS - 1)
    best = programme(start, full, *given)
    # The table restricts moves to its levels and kinks: never better, hardly worse.
    assert table[0, level] >= best - 1e-9
    assert table[0, level] <= best + 0.004 * full


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_more_stored_energy_never_costs_and_is_worth_less_and_less(seed: int) -> None:
    generator = np.random.default_rng(seed)
    net = generator.uniform(-2.0, 2.0, LENGTH)
    buy = generator.uniform(0.1, 0.3, LENGTH)
    table = table_of(5.0, 1.0, (0.95, 0.95), net, buy, 0.3 * buy, 0.02)
    slopes = np.diff(table, axis=1)
    assert np.all(slopes <= 1e-12)
    assert np.all(np.diff(slopes, axis=1) >= -2e-3)  # convex, but for the grid of levels


def test_storage_is_worth_the_price_it_saves() -> None:
    """One interval of need at 0.30 lies ahead: each stored kWh saves 0.30 x 0.9, up to the need."""
    net = np.zeros(LENGTH)
    net[5] = 1.0
    table = table_of(4.8, 3.0, (1.0, 0.9), net, np.full(LENGTH, 0.30), np.zeros(LENGTH), 0.0)
    worth = (table[0, 0] - table[0, 1]) / 0.2
    assert worth == pytest.approx(0.27, abs=1e-9)
    assert table[0, 0] == pytest.approx(0.30)
    assert table[0, 10] == pytest.approx(0.0, abs=1e-9)


def test_a_plan_counts_the_wear_that_bids_ask_for() -> None:
    """What is stored serves a need at 0.30: less wear, it is worth 0.295 x 0.9, and asks 0.30."""
    net, never = np.zeros(LENGTH), np.full(LENGTH, 0.30)
    net[5] = 1.0
    table = table_of(4.8, 3.0, (1.0, 0.9), net, never, np.zeros(LENGTH), 0.0, wear=0.005)
    worth = (table[0, 0] - table[0, 1]) / 0.2
    assert worth == pytest.approx((0.30 - 0.005) * 0.9, abs=1e-9)
    assert worth / 0.9 + 0.005 == pytest.approx(0.30, abs=1e-9)


def test_among_equally_good_intervals_the_next_is_taken() -> None:
    """Need at one price in every interval: what serves the last of five is worth the least."""
    net, price = np.full(LENGTH, 0.1), np.full(LENGTH, 0.30)
    table = table_of(0.5, 1.0, (1.0, 1.0), net, price, np.zeros(LENGTH), 0.0, keep=KEEP)
    first, last = (table[1, [0, -2]] - table[1, [1, -1]]) / (0.5 / (LEVELS - 1))
    assert first == pytest.approx(0.30, abs=1e-12)
    assert 0.30 * KEEP**5 < last < 0.30 * KEEP**3  # but for the grid of levels


def test_stores_of_no_size_cost_nothing() -> None:
    table = table_of(0.0, 0.0, (1.0, 1.0), np.ones(LENGTH), np.ones(LENGTH), np.zeros(LENGTH), 0.0)
    assert np.all(table == 0.0)
