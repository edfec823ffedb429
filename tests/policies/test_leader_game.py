"""A leader that learns prices for exact followers, beside its bound and without luck in ties."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

from cosim.envs.one_decision_env import OneDecisionEnv
from cosim.envs.spaces import LIMIT
from cosim.errors import PolicyError
from cosim.records import Floats
from policies.battery_answers import answers_to
from policies.leader_duality import duals_of, prices_keeping
from policies.leader_game import (
    ACTIONS,
    ONE_DAY,
    ONE_DAY_UPDATES,
    LeaderPricing,
    Singles,
    drawn_days,
)
from policies.leader_milp import TILT, best_prices, tilt
from policies.leader_pricing import allowed, priced, prices_for
from policies.leader_problem import (
    LeaderProblem,
    answers,
    balance_matrix,
    balance_values,
    battery_bounds,
    draw_problem,
    profit_eur,
)
from policies.one_decision import learn_leader

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.tuples(st.integers(1, 4), st.integers(2, 9))


def some_prices(problem: LeaderProblem, seed: int) -> Floats:
    """Return prices of the set; half of them with many ties."""
    generator = np.random.default_rng(seed)
    price = generator.uniform(problem.lowest_eur_per_kwh, problem.highest_eur_per_kwh)
    return allowed(problem, np.round(price, 2) if generator.random() < 0.5 else price)


def worst_by_linprog(problem: LeaderProblem, price: Floats) -> float:
    """Return the least profit at prices, one programme a battery and one more for ties.

    Written anew from what a battery can do, with energy taken and given as the only columns.
    """
    length, earned = len(price), 0.0
    for i in range(len(problem.load_kwh)):
        eta = problem.efficiency[i]
        cumulated = np.tril(np.ones((length, length)))
        stored = np.hstack([eta * cumulated, -cumulated / eta])
        room = problem.capacity_kwh[i] - problem.initial_kwh[i]
        below = np.vstack([stored, -stored])
        sides = np.repeat([room, problem.initial_kwh[i]], length)
        cost = np.concatenate([price, -price])
        box = (0.0, float(problem.power_kwh[i]))
        end, level = stored[-1:], np.zeros(1)
        least = linprog(cost, A_ub=below, b_ub=sides, A_eq=end, b_eq=level, bounds=box).fun
        assert least is not None
        margin = price - problem.wholesale_eur_per_kwh
        tied = linprog(
            np.concatenate([margin, -margin]),
            A_ub=np.vstack([below, cost]),
            b_ub=np.append(sides, least + 1e-9),
            A_eq=end,
            b_eq=level,
            bounds=box,
        )
        assert tied.fun is not None
        earned += float(margin @ problem.load_kwh[i] + tied.fun)
    return earned


@settings(max_examples=25)
@given(seed=SEEDS, size=SIZES)
def test_batteries_answer_best(seed: int, size: tuple[int, int]) -> None:
    problem = draw_problem(*size, seed=seed)
    price = some_prices(problem, seed)
    found = answers_to(problem, price)
    least, most = battery_bounds(problem)
    assert np.all(found.columns >= least - 1e-9)
    assert np.all(found.columns <= most + 1e-9)
    np.testing.assert_allclose(
        balance_matrix(problem) @ found.columns, balance_values(problem), atol=1e-9
    )
    bill = (problem.load_kwh + found.added_kwh) @ price
    np.testing.assert_allclose(bill, answers(problem, price).bill_eur, atol=1e-9)


@settings(max_examples=25)
@given(seed=SEEDS, size=SIZES)
def test_prices_keep_an_answer_and_make_the_most_of_it(seed: int, size: tuple[int, int]) -> None:
    problem = draw_problem(*size, seed=seed)
    kept = answers_to(problem, some_prices(problem, seed))
    price = prices_for(problem, kept)
    assert problem.allows(price)
    drawn = problem.load_kwh + kept.added_kwh
    np.testing.assert_allclose(drawn @ price, answers(problem, price).bill_eur, atol=1e-7)
    _, bill = prices_keeping(problem, duals_of(problem), kept.columns)
    np.testing.assert_allclose(drawn.sum(axis=0) @ price, bill, atol=1e-7)


@settings(max_examples=15)
@given(seed=SEEDS, size=SIZES, turns=st.integers(0, 4))
def test_announced_prices_earn_what_is_said_whatever_followers_do_with_ties(
    seed: int, size: tuple[int, int], turns: int
) -> None:
    problem = draw_problem(*size, seed=seed)
    guiding = some_prices(problem, seed) + 0.02 * np.random.default_rng(seed).standard_normal(
        size[1]
    )
    found = priced(problem, guiding, turns=turns)
    assert problem.allows(found.price_eur_per_kwh)
    reply = answers(problem, found.price_eur_per_kwh)
    assert reply.pessimistic_eur >= found.profit_eur - 1e-6
    np.testing.assert_allclose(
        worst_by_linprog(problem, found.price_eur_per_kwh), reply.pessimistic_eur, atol=1e-5
    )


@settings(max_examples=15)
@given(seed=SEEDS, size=SIZES)
def test_a_turn_never_loses_more_than_the_tilt(seed: int, size: tuple[int, int]) -> None:
    problem = draw_problem(*size, seed=seed)
    price = some_prices(problem, seed)
    at_guiding = tilt(problem, price)
    one = priced(problem, price)
    unlearned = profit_eur(problem, at_guiding, answers_to(problem, at_guiding))
    assert one.profit_eur >= (1.0 - TILT) * unlearned - 1e-7
    assert priced(problem, price, turns=5).profit_eur >= one.profit_eur - 1e-9


def test_after_the_tilt_ties_are_worth_next_to_nothing() -> None:
    game = drawn_days(4, 12, range(5))
    actions = np.random.default_rng(1).uniform(-0.5, 0.5, (5, 5)).astype(np.float32)
    for seed, found in enumerate(game.announced(game.situations, actions)):
        reply = answers(draw_problem(4, 12, seed=seed), found.price_eur_per_kwh)
        assert 0.0 <= reply.optimistic_eur - reply.pessimistic_eur <= 2.0 * TILT
        assert reply.pessimistic_eur >= found.profit_eur - 1e-7


def test_what_is_seen_and_done_is_what_is_written() -> None:
    problem = draw_problem(3, 6, seed=2)
    game = LeaderPricing([problem])
    seen = game.observe(game.situations)[0]
    assert seen.shape == (15,)
    np.testing.assert_allclose(
        0.14 + 0.03 * seen[:6], problem.wholesale_eur_per_kwh, atol=1e-6, rtol=1e-6
    )
    np.testing.assert_allclose(seen[6:12], problem.load_kwh.mean(axis=0), atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(8.0 * (seen[12] + 1.0), problem.capacity_kwh.mean(), rtol=1e-6)
    assert game.reward(game.situations, np.zeros((1, 5), np.float32)) == 0.0
    # A flatness of -1 guides by wholesale prices, which are announced if nothing else is done.
    none = np.array([[-1.0, 0.0, 0.0, 0.0, 0.0]], np.float32)
    (found,) = game.announced(game.situations, none, turns=0)
    np.testing.assert_allclose(found.price_eur_per_kwh, problem.wholesale_eur_per_kwh, atol=1e-12)
    np.testing.assert_allclose(found.profit_eur, 0.0, atol=1e-9)


def test_checkers_find_nothing() -> None:
    game = drawn_days(2, 6, range(3))
    check_env_of_sb3(OneDecisionEnv(game))
    name = "cosim-test/Pricing-v0"
    gymnasium.register(name, "cosim.envs.one_decision_env:OneDecisionEnv")
    try:
        check_env(gymnasium.make(name, game=game).unwrapped)
    finally:
        gymnasium.registry.pop(name)


def test_an_episode_is_one_decision() -> None:
    env = OneDecisionEnv(drawn_days(2, 6, range(3)))
    with pytest.raises(PolicyError, match="reset was not called"):
        env.step(np.zeros(len(ACTIONS), np.float32))
    seen, _ = env.reset(seed=4)
    assert np.all(np.abs(seen) <= LIMIT)
    end, reward, terminated, truncated, _ = env.step(np.zeros(len(ACTIONS), np.float32))
    np.testing.assert_array_equal(end, seen)
    assert (reward, terminated, truncated) == (0.0, True, False)
    with pytest.raises(PolicyError, match="is made"):
        env.step(np.zeros(len(ACTIONS), np.float32))


def test_days_of_different_length_are_refused() -> None:
    with pytest.raises(PolicyError, match="as many intervals each"):
        LeaderPricing([draw_problem(2, 4, seed=0), draw_problem(2, 5, seed=0)])
    with pytest.raises(PolicyError, match="one or more"):
        LeaderPricing([])


def test_a_small_day_is_learned_up_to_its_bound() -> None:
    problem = draw_problem(3, 8, seed=0)
    bound = best_prices(problem).bound_eur
    game = LeaderPricing([problem])
    act = learn_leader(game, ONE_DAY, updates=5, seed=0)

    def worst(action: Singles) -> float:
        (found,) = game.announced(game.situations, action)
        assert problem.allows(found.price_eur_per_kwh)
        return answers(problem, found.price_eur_per_kwh).pessimistic_eur

    assert worst(np.zeros((1, 5), np.float32)) < 0.95 * bound
    assert 0.99 * bound <= worst(act(game.situations)) <= bound


def test_learning_repeats_itself() -> None:
    game = drawn_days(2, 6, range(4))
    one, again = (learn_leader(game, ONE_DAY, updates=3, seed=2) for _ in range(2))
    np.testing.assert_array_equal(one(game.situations), again(game.situations))
    other = learn_leader(game, ONE_DAY, updates=3, seed=3)
    assert np.any(other(game.situations) != one(game.situations))


@pytest.mark.slow
def test_twenty_prosumers_and_a_day_are_learned_within_five_percent_of_the_bound() -> None:
    problem = draw_problem(20, 24, seed=0)
    bound = best_prices(problem, time_limit_s=60.0).bound_eur
    game = LeaderPricing([problem])
    act = learn_leader(game, ONE_DAY, updates=ONE_DAY_UPDATES, seed=0)
    (found,) = game.announced(game.situations, act(game.situations))
    assert problem.allows(found.price_eur_per_kwh)
    worst = answers(problem, found.price_eur_per_kwh).pessimistic_eur
    np.testing.assert_allclose(worst, worst_by_linprog(problem, found.price_eur_per_kwh), atol=1e-4)
    assert worst >= 0.95 * bound
