"""The learners that play days find the equilibria of games that have a closed form."""

import numpy as np
import pytest

from cosim.records import Floats
from policies.closed_form_games.quadratic import OnePriceLeader, PriceTakers
from policies.closed_forms.cases import FIVE_PROSUMERS, THREE_SUPPLIERS
from policies.leader import LeaderTraining
from policies.one_decision import learn_agents, learn_leader
from tests.policies.learned_games import (
    PRICES,
    WHOLESALE,
    day_price_game,
    facility_game,
    one_price_game,
    pool_game,
    supplier_game,
    training,
    two_price_game,
)


def test_a_little_learning_halves_the_regret_and_repeats_itself() -> None:
    game = PriceTakers(FIVE_PROSUMERS)

    def regret(batches: int) -> Floats:
        policy = learn_agents(game, training(batches, 100), seed=3)
        sold = game.sold_kwh(policy.best(game.observe(PRICES)))
        best = FIVE_PROSUMERS.sold_kwh(PRICES[:, 0])
        value = FIVE_PROSUMERS.utility_eur
        return np.asarray(value(best, PRICES[:, 0]) - value(sold, PRICES[:, 0]))

    learned = regret(8)
    assert np.all(learned >= 0.0)
    assert learned.mean() < 0.5 * regret(1).mean()
    np.testing.assert_array_equal(learned, regret(8))


def test_a_little_learning_raises_the_leaders_profit_and_repeats_itself() -> None:
    game = OnePriceLeader(lambda price: FIVE_PROSUMERS.sold_kwh(price[:, 0]))
    short = LeaderTraining(environments=128, days=4, minibatch=128)
    act = learn_leader(game, short, updates=6, seed=1)
    untrained = game.reward(WHOLESALE, np.zeros((len(WHOLESALE), 1), np.float32)).mean()
    assert game.reward(WHOLESALE, act(WHOLESALE)).mean() > untrained
    again = learn_leader(game, short, updates=6, seed=1)
    np.testing.assert_array_equal(again(WHOLESALE), act(WHOLESALE))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_one_price_is_recovered(seed: int) -> None:
    reached = one_price_game(seed)
    assert reached["profit_ratio"] >= 0.999
    assert reached["regret"] < 1e-3
    assert reached["price_error"] < 0.003
    assert reached["cpu_s"] < 60.0
    np.testing.assert_allclose(reached["at_table"], [0.211062], atol=0.005)


@pytest.mark.slow
def test_prices_of_a_day_are_recovered() -> None:
    reached = day_price_game(0)
    assert reached["profit_ratio"] >= 0.998
    assert reached["regret"] < 2e-3
    assert reached["price_error"] < 0.003
    np.testing.assert_allclose(reached["at_table"], [0.189911, 0.133839, 0.313864], atol=0.006)


@pytest.mark.slow
def test_two_prices_are_recovered() -> None:
    reached = two_price_game(0)
    assert reached["profit_ratio"] >= 0.995
    assert reached["regret"] < 1e-3
    np.testing.assert_allclose(reached["at_table"], [0.099231, 0.3625], atol=0.02)
    # Without local trade the leader earns far more than with one price for all.
    assert reached["profit_to_one_price"] > 2.0


@pytest.mark.slow
def test_traders_learn_that_they_move_the_pools_price() -> None:
    reached = pool_game(0)
    assert reached["price_error"] < 0.003
    np.testing.assert_allclose(reached["at_table"], [0.246247, 5.375264], rtol=0.02)
    # It is the Nash equilibrium that is found, not the competitive one beside it.
    assert reached["to_takers_kwh"] > 5.0 * reached["to_nash_kwh"]


@pytest.mark.slow
def test_the_facilitys_price_is_recovered() -> None:
    reached = facility_game(0)
    assert reached["profit_ratio"] >= 0.999
    assert reached["regret"] < 1e-3
    assert reached["price_error"] < 0.003
    np.testing.assert_allclose(reached["at_table"], [1.690309], atol=0.005)


@pytest.mark.slow
def test_the_suppliers_prices_are_recovered() -> None:
    reached = supplier_game(0)
    np.testing.assert_allclose(reached["demand_kwh"], THREE_SUPPLIERS.capacity_kwh, rtol=0.01)
    assert reached["price_error"] < 0.02
    assert reached["profit_ratio"] > 0.995
