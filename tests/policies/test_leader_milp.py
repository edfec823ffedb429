"""The leader's optimum against every vertex of every battery, and prices without ties."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import PolicyError
from cosim.records import Floats
from policies.leader_ascent import climb_from_many
from policies.leader_milp import best_prices, tilt
from policies.leader_problem import (
    LeaderProblem,
    answers,
    balance_matrix,
    balance_values,
    battery_bounds,
    draw_problem,
    profit_eur,
)
from policies.linear_programmes import minimise

SEEDS = st.integers(0, 2**32 - 1)


def part_of(problem: LeaderProblem, prosumer: int) -> LeaderProblem:
    one = slice(prosumer, prosumer + 1)
    names = ("load_kwh", "capacity_kwh", "power_kwh", "efficiency", "initial_kwh")
    return replace(problem, **{name: getattr(problem, name)[one] for name in names})


def vertices(problem: LeaderProblem, prosumer: int) -> Floats:
    """Return what the battery of a prosumer adds (V, T) at all vertices of what it can do."""
    one = part_of(problem, prosumer)
    matrix, values = balance_matrix(one).toarray(), balance_values(one)
    least, most = battery_bounds(one)
    length, width = matrix.shape
    found = []
    for basis in combinations(range(width), length):
        inside = matrix[:, basis]
        if abs(np.linalg.det(inside)) < 1e-9:
            continue
        outside = [j for j in range(width) if j not in basis]
        inverse = np.linalg.inv(inside)
        for ends in product((0, 1), repeat=len(outside)):
            columns = np.zeros(width)
            columns[outside] = np.where(ends, most[outside], least[outside])
            columns[list(basis)] = inverse @ (values - matrix[:, outside] @ columns[outside])
            if np.all(columns >= least - 1e-9) and np.all(columns <= most + 1e-9):
                found.append(columns[:length] - columns[length : 2 * length])
    return np.unique(np.round(found, 9), axis=0)


def largest_profit(problem: LeaderProblem) -> float:
    """Return the largest optimistic profit: the best prices for each choice of vertices."""
    corners = [vertices(problem, i) for i in range(len(problem.load_kwh))]
    length = problem.load_kwh.shape[1]
    mean = np.full((1, length), 1.0 / length)
    best = -np.inf
    for chosen in product(*corners):
        rows = [one - other for one, other in zip(chosen, corners, strict=True)]
        below = np.concatenate([*rows, mean])
        room = np.append(np.zeros(len(below) - 1), problem.highest_mean_eur_per_kwh)
        drawn = problem.load_kwh.sum(axis=0) + np.sum(chosen, axis=0)
        bounds = (problem.lowest_eur_per_kwh, problem.highest_eur_per_kwh)
        try:
            found = minimise(-drawn, bounds, below=(below, room))
        except PolicyError:  # at no prices are these answers best
            continue
        best = max(best, -found.value - float(problem.wholesale_eur_per_kwh @ drawn))
    return best


def random_prices(problem: LeaderProblem, generator: np.random.Generator) -> Floats:
    """Return prices of the set; a third of them flat where the box allows, with many ties."""
    low, high = problem.lowest_eur_per_kwh, problem.highest_eur_per_kwh
    if generator.random() < 1 / 3:
        price = np.clip(problem.wholesale_eur_per_kwh.mean(), low, high)
    else:
        price = generator.uniform(low, high)
    excess = price.mean() - problem.highest_mean_eur_per_kwh
    share = excess / (price - low).mean() if excess > 0.0 else 0.0
    return np.asarray(price - share * (price - low))


@pytest.mark.parametrize(
    ("prosumers", "intervals", "seed"),
    [(1, 2, 0), (1, 3, 1), (2, 2, 2), pytest.param(2, 3, 4, marks=pytest.mark.slow)],
)
def test_the_optimum_is_that_of_all_vertices(prosumers: int, intervals: int, seed: int) -> None:
    problem = draw_problem(prosumers, intervals, seed=seed)
    found = best_prices(problem)
    brute = largest_profit(problem)
    assert found.proven
    np.testing.assert_allclose(found.optimistic_eur, brute, rtol=2e-4, atol=1e-7)
    assert found.bound_eur >= brute - 1e-7
    assert found.tilted_eur >= 0.998 * brute - 1e-7


@pytest.mark.parametrize("seed", range(4))
def test_answers_are_those_of_all_vertices(seed: int) -> None:
    problem = draw_problem(2, 3, seed=seed)
    corners = [vertices(problem, i) for i in range(2)]
    generator = np.random.default_rng(seed)
    for _ in range(6):
        price = random_prices(problem, generator)
        found = answers(problem, price)
        margin = price - problem.wholesale_eur_per_kwh
        best = worst = float(margin @ problem.load_kwh.sum(axis=0))
        for i, corner in enumerate(corners):
            cost = corner @ price
            np.testing.assert_allclose(
                found.bill_eur[i], problem.load_kwh[i] @ price + cost.min(), atol=1e-8
            )
            tied = cost <= cost.min() + 1e-9
            best += (corner[tied] @ margin).max()
            worst += (corner[tied] @ margin).min()
        np.testing.assert_allclose(found.optimistic_eur, best, atol=1e-7)
        np.testing.assert_allclose(found.pessimistic_eur, worst, atol=1e-7)


@settings(max_examples=20)
@given(seed=SEEDS, share=st.sampled_from([1e-3, 1e-2, 0.3]))
def test_a_tilt_costs_its_share_whatever_followers_do_with_ties(seed: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    problem = draw_problem(3, 6, seed=seed)
    price = random_prices(problem, generator)
    tilted = tilt(problem, price, share)
    assert problem.allows(tilted)
    before, after = answers(problem, price), answers(problem, tilted)
    assert after.pessimistic_eur >= (1.0 - share) * before.optimistic_eur - 1e-6
    assert after.pessimistic_eur <= after.optimistic_eur + 1e-9


@settings(max_examples=4)
@given(seed=SEEDS)
def test_no_prices_earn_more_than_the_bound(seed: int) -> None:
    problem = draw_problem(2, 4, seed=seed)
    found = best_prices(problem)
    generator = np.random.default_rng(seed)
    for _ in range(10):
        price = random_prices(problem, generator)
        assert problem.allows(price)
        assert answers(problem, price).optimistic_eur <= found.bound_eur + 1e-7
    assert problem.allows(found.price_eur_per_kwh)
    assert problem.allows(found.tilted_eur_per_kwh)
    np.testing.assert_allclose(
        profit_eur(problem, found.tilted_eur_per_kwh, found.schedules), found.tilted_eur, atol=1e-9
    )
    assert found.tilted_eur >= 0.999 * found.optimistic_eur - 1e-6


def test_three_prosumers_and_eight_intervals_are_solved() -> None:
    problem = draw_problem(3, 8, seed=0)
    found = best_prices(problem)
    assert found.proven
    assert found.gap <= 1e-4
    assert found.tilted_eur >= 0.998 * found.bound_eur
    # Where ties decide, the untilted prices are worth far less than they promise.
    at_worst = answers(problem, found.price_eur_per_kwh).pessimistic_eur
    assert at_worst < 0.9 * found.tilted_eur
    again = best_prices(problem)
    np.testing.assert_array_equal(again.tilted_eur_per_kwh, found.tilted_eur_per_kwh)


def test_a_search_without_time_answers_all_the_same() -> None:
    problem = draw_problem(4, 8, seed=1)
    climbed = climb_from_many(problem)
    found = best_prices(problem, time_limit_s=0.0)
    assert not found.proven
    assert found.optimistic_eur >= climbed.answers.optimistic_eur - 1e-9
    assert found.optimistic_eur <= found.bound_eur <= climbed.bound_eur + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_five_prosumers_and_twelve_intervals_are_solved(seed: int) -> None:
    found = best_prices(draw_problem(5, 12, seed=seed), time_limit_s=120.0)
    assert found.proven
    assert found.tilted_eur >= 0.998 * found.bound_eur


@pytest.mark.slow
def test_twenty_prosumers_and_a_day_come_within_five_percent_of_the_bound() -> None:
    problem = draw_problem(20, 24, seed=0)
    found = best_prices(problem, time_limit_s=60.0)
    assert problem.allows(found.tilted_eur_per_kwh)
    worst = answers(problem, found.tilted_eur_per_kwh).pessimistic_eur
    np.testing.assert_allclose(worst, found.tilted_eur, atol=1e-9)
    assert worst >= 0.95 * found.bound_eur


def test_problems_the_programmes_cannot_work_with_are_told_together() -> None:
    problem = draw_problem(2, 4, seed=0)
    with pytest.raises(PolicyError) as raised:
        replace(
            problem,
            wholesale_eur_per_kwh=np.array([0.1, 0.02, 0.1, 0.1]),
            efficiency=np.array([0.9, 1.0]),
            initial_kwh=np.array([-1.0, 0.0]),
            power_kwh=np.zeros(2),
            mean_above_eur_per_kwh=-0.1,
        )
    assert len(raised.value.problems) == 5
    assert "0.02 found, must be above 0.03" in raised.value.problems[0]


def test_the_same_seed_draws_the_same_problem() -> None:
    one, same, other = (draw_problem(3, 5, seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.load_kwh, same.load_kwh)
    assert np.any(one.wholesale_eur_per_kwh != other.wholesale_eur_per_kwh)
