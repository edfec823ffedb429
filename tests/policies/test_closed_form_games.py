"""The learners that play days find the equilibria of games that have a closed form.

Leaders learn against followers that were learned; their prices are then judged by the followers'
exact answers.
"""

import time

import numpy as np
import pytest

from cosim.records import Floats
from policies.closed_form_games.published import (
    GRID_PRICES,
    HOME_PRICES,
    BuyingFacility,
    BuyingUsers,
    CompetingSuppliers,
    SellingHomes,
)
from policies.closed_form_games.quadratic import (
    PRICES_EUR_PER_KWH,
    WHOLESALE_EUR_PER_KWH,
    OnePriceLeader,
    PoolTraders,
    PriceTakers,
    TwoPriceLeader,
    TwoPriceTakers,
)
from policies.closed_form_games.storage import DayPriceLeader, StoreOwners
from policies.closed_forms.cases import (
    FIVE_HOMES,
    FIVE_PROSUMERS,
    STORES_WHOLESALE_EUR_PER_KWH,
    THREE_STORES,
    THREE_SUPPLIERS,
)
from policies.closed_forms.published import facility, supplier_competition
from policies.closed_forms.quadratic import one_price, one_price_leader_eur, pool, two_prices
from policies.closed_forms.storage import storage_equilibrium, storage_leader_eur
from policies.one_decision import AgentTraining, LeaderTraining, learn_agents, learn_leader
from policies.ppo import PpoSettings

LEADER = LeaderTraining(rows=1024)
WHOLESALE = np.linspace(*WHOLESALE_EUR_PER_KWH, 71)[:, None]
PRICES = np.linspace(*PRICES_EUR_PER_KWH, 101)[:, None]


def training(batches: int, rows: int, log_std_min: float = -3.0) -> AgentTraining:
    return AgentTraining(
        batches=batches, rows=rows, ppo=PpoSettings(learning_rate=5e-3, log_std_min=log_std_min)
    )


def test_a_little_learning_halves_the_regret_and_repeats_itself() -> None:
    game = PriceTakers(FIVE_PROSUMERS)

    def regret(batches: int) -> Floats:
        policy = learn_agents(game, training(batches, 200), seed=3)
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
    short = LeaderTraining(rows=128, updates=6, minibatch=128)
    act = learn_leader(game, short, seed=1)
    untrained = game.reward(WHOLESALE, np.zeros((len(WHOLESALE), 1), np.float32)).mean()
    assert game.reward(WHOLESALE, act(WHOLESALE)).mean() > untrained
    again = learn_leader(game, short, seed=1)
    np.testing.assert_array_equal(again(WHOLESALE), act(WHOLESALE))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_one_price_is_recovered(seed: int) -> None:
    begun = time.process_time()
    game = PriceTakers(FIVE_PROSUMERS)
    policy = learn_agents(game, training(120, 800), seed=seed)

    def answer(price: Floats) -> Floats:
        return game.sold_kwh(policy.best(game.observe(price)))

    leader = OnePriceLeader(answer)
    act = learn_leader(leader, LEADER, seed=seed)
    assert time.process_time() - begun < 60.0

    value, price = FIVE_PROSUMERS.utility_eur, PRICES[:, 0]
    regret = value(FIVE_PROSUMERS.sold_kwh(price), price) - value(answer(PRICES), price)
    assert regret.mean() < 1e-3
    chosen = leader.price_eur_per_kwh(act(WHOLESALE))[:, 0]
    exact = one_price(FIVE_PROSUMERS, WHOLESALE[:, 0])
    assert np.abs(chosen - exact.price_eur_per_kwh).mean() < 0.003
    earned = one_price_leader_eur(FIVE_PROSUMERS, chosen, WHOLESALE[:, 0])
    assert earned.sum() >= 0.999 * exact.leader_eur.sum()


@pytest.mark.slow
def test_prices_of_a_day_are_recovered() -> None:
    stores, game = THREE_STORES, StoreOwners(THREE_STORES)
    policy = learn_agents(game, training(300, 1000), seed=0)

    def decisions(price: Floats) -> tuple[Floats, Floats]:
        return game.decisions_kwh(policy.best(game.observe(price)))

    price = game.draw(np.random.default_rng(9), 500)
    regret = stores.utility_eur(*stores.answer(price), price)
    regret = regret - stores.utility_eur(*decisions(price), price)
    assert regret.mean() < 2e-3

    leader = DayPriceLeader(lambda p: stores.sold_kwh(*decisions(p)).sum(axis=1), length=3)
    act = learn_leader(leader, LeaderTraining(rows=1024, updates=120), seed=0)
    wholesale = leader.draw(np.random.default_rng(3), 500)
    chosen = leader.price_eur_per_kwh(act(wholesale))
    exact = storage_equilibrium(stores, wholesale)
    earned = storage_leader_eur(stores, chosen, wholesale)
    assert earned.sum() >= 0.99 * exact.leader_eur.sum()
    assert np.abs(chosen - exact.price_eur_per_kwh).mean() < 0.01
    at_table = leader.price_eur_per_kwh(act(STORES_WHOLESALE_EUR_PER_KWH[None]))[0]
    np.testing.assert_allclose(at_table, [0.189911, 0.133839, 0.313864], atol=0.02)


@pytest.mark.slow
def test_two_prices_are_recovered() -> None:
    prosumers, game = FIVE_PROSUMERS, TwoPriceTakers(FIVE_PROSUMERS)
    policy = learn_agents(game, training(250, 1200, log_std_min=-4.0), seed=0)
    leader = TwoPriceLeader(lambda price: game.sold_kwh(policy.best(game.observe(price))))
    act = learn_leader(leader, LEADER, seed=0)

    def exact_answer(price: Floats) -> Floats:
        selling = np.maximum(prosumers.sold_kwh(price[:, 0]), 0.0)
        return np.asarray(selling + np.minimum(prosumers.sold_kwh(price[:, 1]), 0.0))

    earned = TwoPriceLeader(exact_answer).reward(WHOLESALE, act(WHOLESALE))
    exact = two_prices(prosumers, WHOLESALE[:, 0])
    assert earned.sum() >= 0.99 * exact.leader_eur.sum()
    at_table = leader.price_eur_per_kwh(act(np.array([[0.30]])))[0]
    np.testing.assert_allclose(at_table, [0.099231, 0.3625], atol=0.025)
    # Without local trade the leader earns far more than with one price for all.
    assert earned.sum() > 2.0 * one_price(prosumers, WHOLESALE[:, 0]).leader_eur.sum()


@pytest.mark.slow
def test_traders_learn_that_they_move_the_pools_price() -> None:
    game = PoolTraders(FIVE_PROSUMERS, 0.01)
    policy = learn_agents(game, training(200, 800), seed=0)
    sold = game.sold_kwh(policy.best(game.observe(WHOLESALE)))
    price = WHOLESALE[:, 0] - 0.01 * sold.sum(axis=1)
    nash = pool(FIVE_PROSUMERS, WHOLESALE[:, 0], 0.01, anticipating=True)
    takers = pool(FIVE_PROSUMERS, WHOLESALE[:, 0], 0.01, anticipating=False)
    assert np.abs(price - nash.price_eur_per_kwh).max() < 0.003
    assert np.abs(sold - nash.sold_kwh).mean() < 0.03
    # It is the Nash equilibrium that is found, not the competitive one beside it.
    assert np.abs(sold - takers.sold_kwh).mean() > 5.0 * np.abs(sold - nash.sold_kwh).mean()


@pytest.mark.slow
def test_the_facilitys_price_is_recovered() -> None:
    game = SellingHomes(FIVE_HOMES)
    policy = learn_agents(game, training(150, 800), seed=0)

    def answer(price: Floats) -> Floats:
        return game.sold_kwh(policy.best(game.observe(price)))

    price = np.linspace(*HOME_PRICES, 101)[:, None]
    best = FIVE_HOMES.utility_eur(FIVE_HOMES.sold_kwh(price[:, 0]), price[:, 0])
    assert (best - FIVE_HOMES.utility_eur(answer(price), price[:, 0])).mean() < 1e-3
    leader = BuyingFacility(answer)
    act = learn_leader(leader, LEADER, seed=0)
    grid = np.linspace(*GRID_PRICES, 41)[:, None]
    chosen = leader.price_eur_per_kwh(act(grid))[:, 0]
    exact = facility(FIVE_HOMES, grid[:, 0])
    saved = (grid[:, 0] - chosen) * FIVE_HOMES.sold_kwh(chosen).sum(axis=-1)
    assert saved.sum() >= 0.999 * exact.saving_eur.sum()
    assert np.abs(chosen - exact.price_eur_per_kwh).mean() < 0.003


@pytest.mark.slow
def test_the_suppliers_prices_are_recovered() -> None:
    users = BuyingUsers(THREE_SUPPLIERS)
    policy = learn_agents(users, training(150, 500), seed=0)

    def asked(price: Floats) -> Floats:
        bought = users.demand_kwh(price, policy.best(users.observe(price)))
        return np.asarray(bought.sum(axis=1))

    exact = supplier_competition(THREE_SUPPLIERS)
    demand = asked(exact.price_eur_per_kwh[None])[0]
    np.testing.assert_allclose(demand, THREE_SUPPLIERS.capacity_kwh, rtol=0.01)
    game = CompetingSuppliers(THREE_SUPPLIERS, asked)
    # At the kink where capacity binds, noise pays: what is found lies above it by about its spread.
    sellers = learn_agents(game, training(200, 500, log_std_min=-5.0), seed=0)
    price = game.price_eur_per_kwh(sellers.best(game.observe(np.zeros((1, 0)))))[0]
    np.testing.assert_allclose(price, exact.price_eur_per_kwh, rtol=0.02)
    np.testing.assert_allclose(THREE_SUPPLIERS.revenue_eur(price), exact.revenue_eur, rtol=0.005)
