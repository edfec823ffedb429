"""What learners reach in games with a closed form, beside it.

Leaders learn against followers that were learned; their prices are then judged by the followers'
exact answers. Every function returns what was reached by name: `profit_ratio` and `price_error`
(mean over situations) of the leader, `regret` (mean over prices) of followers, `cpu_s`.
"""

import time

import numpy as np

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
from policies.one_decision import SMOOTH_PROFITS, AgentTraining, learn_agents, learn_leader
from policies.ppo import PpoSettings

UPDATES = 50
WHOLESALE = np.linspace(*WHOLESALE_EUR_PER_KWH, 71)[:, None]
PRICES = np.linspace(*PRICES_EUR_PER_KWH, 101)[:, None]
IMPACT = 0.01

Reached = dict[str, float | Floats]


def training(batches: int, rows: int, log_std_min: float = -3.0) -> AgentTraining:
    return AgentTraining(
        batches=batches, rows=rows, ppo=PpoSettings(learning_rate=5e-3, log_std_min=log_std_min)
    )


def one_price_game(seed: int) -> Reached:
    begun = time.process_time()
    game = PriceTakers(FIVE_PROSUMERS)
    policy = learn_agents(game, training(120, 800), seed=seed)

    def answer(price: Floats) -> Floats:
        return game.sold_kwh(policy.best(game.observe(price)))

    leader = OnePriceLeader(answer)
    act = learn_leader(leader, SMOOTH_PROFITS, updates=UPDATES, seed=seed)
    spent = time.process_time() - begun
    value, price = FIVE_PROSUMERS.utility_eur, PRICES[:, 0]
    regret = value(FIVE_PROSUMERS.sold_kwh(price), price) - value(answer(PRICES), price)
    chosen = leader.price_eur_per_kwh(act(WHOLESALE))[:, 0]
    exact = one_price(FIVE_PROSUMERS, WHOLESALE[:, 0])
    earned = one_price_leader_eur(FIVE_PROSUMERS, chosen, WHOLESALE[:, 0])
    return {
        "profit_ratio": float(earned.sum() / exact.leader_eur.sum()),
        "price_error": float(np.abs(chosen - exact.price_eur_per_kwh).mean()),
        "regret": float(regret.mean()),
        "cpu_s": spent,
        "at_table": leader.price_eur_per_kwh(act(np.array([[0.30]])))[0],
    }


def day_price_game(seed: int) -> Reached:
    begun = time.process_time()
    stores, game = THREE_STORES, StoreOwners(THREE_STORES)
    policy = learn_agents(game, training(300, 1000), seed=seed)

    def decisions(price: Floats) -> tuple[Floats, Floats]:
        return game.decisions_kwh(policy.best(game.observe(price)))

    leader = DayPriceLeader(lambda p: stores.sold_kwh(*decisions(p)).sum(axis=1), length=3)
    act = learn_leader(leader, SMOOTH_PROFITS, updates=80, seed=seed)
    spent = time.process_time() - begun
    price = game.draw(np.random.default_rng(9), 500)
    regret = stores.utility_eur(*stores.answer(price), price)
    regret = regret - stores.utility_eur(*decisions(price), price)
    wholesale = leader.draw(np.random.default_rng(3), 500)
    chosen = leader.price_eur_per_kwh(act(wholesale))
    exact = storage_equilibrium(stores, wholesale)
    earned = storage_leader_eur(stores, chosen, wholesale)
    return {
        "profit_ratio": float(earned.sum() / exact.leader_eur.sum()),
        "price_error": float(np.abs(chosen - exact.price_eur_per_kwh).mean()),
        "regret": float(regret.mean()),
        "cpu_s": spent,
        "at_table": leader.price_eur_per_kwh(act(STORES_WHOLESALE_EUR_PER_KWH[None]))[0],
    }


def two_price_game(seed: int) -> Reached:
    begun = time.process_time()
    prosumers, game = FIVE_PROSUMERS, TwoPriceTakers(FIVE_PROSUMERS)
    policy = learn_agents(game, training(250, 1200, log_std_min=-4.0), seed=seed)

    def answer(price: Floats) -> Floats:
        return game.sold_kwh(policy.best(game.observe(price)))

    def exact_answer(price: Floats) -> Floats:
        selling = np.maximum(prosumers.sold_kwh(price[:, 0]), 0.0)
        return np.asarray(selling + np.minimum(prosumers.sold_kwh(price[:, 1]), 0.0))

    leader = TwoPriceLeader(answer)
    act = learn_leader(leader, SMOOTH_PROFITS, updates=UPDATES, seed=seed)
    spent = time.process_time() - begun
    price = game.draw(np.random.default_rng(9), 500)
    best, reached = (game.gain_eur(price, found) for found in (exact_answer(price), answer(price)))
    earned = TwoPriceLeader(exact_answer).reward(WHOLESALE, act(WHOLESALE))
    exact = two_prices(prosumers, WHOLESALE[:, 0])
    chosen = leader.price_eur_per_kwh(act(WHOLESALE))
    best_pair = np.stack([exact.sell_eur_per_kwh, exact.buy_eur_per_kwh], axis=1)
    alone = one_price(prosumers, WHOLESALE[:, 0])
    return {
        "profit_ratio": float(earned.sum() / exact.leader_eur.sum()),
        "price_error": float(np.abs(chosen - best_pair).mean()),
        "regret": float((best - reached).mean()),
        "cpu_s": spent,
        "at_table": leader.price_eur_per_kwh(act(np.array([[0.30]])))[0],
        "profit_to_one_price": float(earned.sum() / alone.leader_eur.sum()),
    }


def pool_game(seed: int) -> Reached:
    begun = time.process_time()
    game = PoolTraders(FIVE_PROSUMERS, IMPACT)
    policy = learn_agents(game, training(200, 800), seed=seed)
    spent = time.process_time() - begun
    sold = game.sold_kwh(policy.best(game.observe(WHOLESALE)))
    price = WHOLESALE[:, 0] - IMPACT * sold.sum(axis=1)
    nash = pool(FIVE_PROSUMERS, WHOLESALE[:, 0], IMPACT, anticipating=True)
    takers = pool(FIVE_PROSUMERS, WHOLESALE[:, 0], IMPACT, anticipating=False)
    at_table = game.sold_kwh(policy.best(game.observe(np.array([[0.30]])))).sum()
    return {
        "price_error": float(np.abs(price - nash.price_eur_per_kwh).max()),
        "to_nash_kwh": float(np.abs(sold - nash.sold_kwh).mean()),
        "to_takers_kwh": float(np.abs(sold - takers.sold_kwh).mean()),
        "cpu_s": spent,
        "at_table": np.array([0.30 - IMPACT * at_table, at_table]),
    }


def facility_game(seed: int) -> Reached:
    begun = time.process_time()
    homes, game = FIVE_HOMES, SellingHomes(FIVE_HOMES)
    policy = learn_agents(game, training(150, 800), seed=seed)

    def answer(price: Floats) -> Floats:
        return game.sold_kwh(policy.best(game.observe(price)))

    leader = BuyingFacility(answer)
    act = learn_leader(leader, SMOOTH_PROFITS, updates=UPDATES, seed=seed)
    spent = time.process_time() - begun
    price = np.linspace(*HOME_PRICES, 101)[:, None]
    regret = homes.utility_eur(homes.sold_kwh(price[:, 0]), price[:, 0])
    regret = regret - homes.utility_eur(answer(price), price[:, 0])
    grid = np.linspace(*GRID_PRICES, 41)[:, None]
    chosen = leader.price_eur_per_kwh(act(grid))[:, 0]
    exact = facility(homes, grid[:, 0])
    saved = (grid[:, 0] - chosen) * homes.sold_kwh(chosen).sum(axis=-1)
    return {
        "profit_ratio": float(saved.sum() / exact.saving_eur.sum()),
        "price_error": float(np.abs(chosen - exact.price_eur_per_kwh).mean()),
        "regret": float(regret.mean()),
        "cpu_s": spent,
        "at_table": leader.price_eur_per_kwh(act(np.array([[2.0]])))[0],
    }


def supplier_game(seed: int) -> Reached:
    begun = time.process_time()
    users = BuyingUsers(THREE_SUPPLIERS)
    policy = learn_agents(users, training(150, 500), seed=seed)

    def asked(price: Floats) -> Floats:
        bought = users.demand_kwh(price, policy.best(users.observe(price)))
        return np.asarray(bought.sum(axis=1))

    game = CompetingSuppliers(THREE_SUPPLIERS, asked)
    # At the kink where capacity binds, noise pays: what is found lies above it by about its spread.
    sellers = learn_agents(game, training(200, 500, log_std_min=-5.0), seed=seed)
    spent = time.process_time() - begun
    exact = supplier_competition(THREE_SUPPLIERS)
    price = game.price_eur_per_kwh(sellers.best(game.observe(np.zeros((1, 0)))))[0]
    return {
        "profit_ratio": float((THREE_SUPPLIERS.revenue_eur(price) / exact.revenue_eur).min()),
        "price_error": float(np.abs(price / exact.price_eur_per_kwh - 1.0).max()),
        "cpu_s": spent,
        "demand_kwh": asked(exact.price_eur_per_kwh[None])[0],
        "at_table": price,
    }
