"""The analytic equilibria: the tabulated numbers, and solvers that know no formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from cosim.records import Floats
from policies.closed_forms.cases import (
    FIVE_PROSUMERS,
    STORES_WHOLESALE_EUR_PER_KWH,
    THREE_STORES,
)
from policies.closed_forms.quadratic import (
    QuadraticProsumers,
    one_price,
    one_price_leader_eur,
    pool,
    two_prices,
)
from policies.closed_forms.storage import (
    StorageProsumers,
    storage_equilibrium,
    storage_leader_eur,
)
from tests.policies.searches import best_scalar

SEEDS = st.integers(0, 2**32 - 1)


def random_prosumers(generator: np.random.Generator) -> QuadraticProsumers:
    count = int(generator.integers(1, 7))
    return QuadraticProsumers(
        first_kwh_eur_per_kwh=generator.uniform(0.2, 0.6, count),
        slope_eur_per_kwh2=generator.uniform(0.05, 0.3, count),
        generation_kwh=generator.uniform(0.0, 6.0, count),
    )


def test_the_prosumers_answer_is_their_best() -> None:
    prosumers, price = FIVE_PROSUMERS, np.linspace(0.0, 0.5, 7)
    best = prosumers.utility_eur(prosumers.sold_kwh(price), price)
    for step in (-0.1, 0.1):
        worse = prosumers.utility_eur(prosumers.sold_kwh(price) + step, price)
        np.testing.assert_allclose(
            best - worse, np.broadcast_to(prosumers.slope_eur_per_kwh2 * 0.005, best.shape)
        )


def test_one_price_has_the_tabulated_numbers() -> None:
    np.testing.assert_allclose(FIVE_PROSUMERS.response_kwh2_per_eur, 47.083333, atol=5e-7)
    np.testing.assert_allclose(FIVE_PROSUMERS.community_eur_per_kwh, 0.122124, atol=5e-7)
    found = one_price(
        FIVE_PROSUMERS, np.array([0.30, 0.10, 0.30, 0.10]), np.array([0.0, 0.0, 0.01, 0.01])
    )
    table = {
        "price_eur_per_kwh": [0.211062, 0.111062, 0.194114, 0.113170],
        "wholesale_kwh": [4.187500, -0.520833, 3.389545, -0.421585],
        "leader_eur": [0.372428, 0.005761, 0.301460, 0.004664],
        "surplus_gain_eur": [0.186214, 0.002881, 0.122007, 0.001887],
        "efficiency": [0.75, 0.75, 0.836200, 0.836200],
        "local_kwh": [4.278761, 5.757928, 4.617716, 5.815017],
    }
    for name, expected in table.items():
        np.testing.assert_allclose(getattr(found, name), expected, atol=6e-7, err_msg=name)
    np.testing.assert_allclose(
        found.sold_kwh[0], [-1.889381, 3.263274, 2.258850, -2.389381, 2.944137], atol=6e-7
    )


@settings(max_examples=40)
@given(seed=SEEDS, wholesale=st.floats(0.0, 0.5), impact=st.sampled_from([0.0, 0.01, 0.2]))
def test_no_other_price_earns_the_leader_more(seed: int, wholesale: float, impact: float) -> None:
    prosumers = random_prosumers(np.random.default_rng(seed))
    found = one_price(prosumers, wholesale, impact)

    count = len(prosumers.generation_kwh)

    def earned(price: float) -> float:
        sold = float(vertex_answer(prosumers, count, price).sum())
        return (wholesale - price) * sold - 0.5 * impact * sold**2

    low = min(wholesale, float(prosumers.community_eur_per_kwh)) - 0.1
    high = max(wholesale, float(prosumers.community_eur_per_kwh)) + 0.1
    best = best_scalar(earned, low, high)
    np.testing.assert_allclose(found.price_eur_per_kwh, best, atol=1e-6)
    np.testing.assert_allclose(found.leader_eur, earned(best), atol=1e-9)
    np.testing.assert_allclose(
        one_price_leader_eur(prosumers, best, wholesale, impact), earned(best), atol=1e-9
    )


def vertex_answer(prosumers: QuadraticProsumers, count: int, price: float) -> Floats:
    """Return what prosumers sell: three points of a concave parabola give its vertex."""
    at = [prosumers.utility_eur(np.full(count, x), price) for x in (-1.0, 0.0, 1.0)]
    return np.asarray(0.5 * (at[2] - at[0]) / (2.0 * at[1] - at[0] - at[2]))


@settings(max_examples=40)
@given(seed=SEEDS, wholesale=st.floats(0.0, 0.5), impact=st.sampled_from([0.0, 0.01, 0.2]))
def test_gains_add_up_to_a_share_of_the_first_best(
    seed: int, wholesale: float, impact: float
) -> None:
    prosumers = random_prosumers(np.random.default_rng(seed))
    found = one_price(prosumers, wholesale, impact)
    alone = prosumers.community_eur_per_kwh
    utility_alone = prosumers.utility_eur(prosumers.sold_kwh(alone), alone)
    utility = prosumers.utility_eur(found.sold_kwh, found.price_eur_per_kwh)
    np.testing.assert_allclose(
        np.sum(utility - utility_alone), found.surplus_gain_eur, rtol=1e-6, atol=1e-9
    )

    def together(price: float) -> float:
        # What sellers are paid and what the leader pays cancel: only answers and lambda count.
        sold = prosumers.sold_kwh(price)
        total = sold.sum()
        worth = prosumers.utility_eur(sold, 0.0).sum()
        return float(worth + wholesale * total - 0.5 * impact * total**2)

    low, high = min(wholesale, float(alone)) - 0.1, max(wholesale, float(alone)) + 0.1
    best = together(best_scalar(together, low, high)) - float(utility_alone.sum())
    np.testing.assert_allclose(found.first_best_eur, best, atol=1e-9)
    np.testing.assert_allclose(
        found.leader_eur + found.surplus_gain_eur, found.efficiency * best, atol=1e-9
    )
    bought = -np.minimum(found.sold_kwh, 0.0).sum()
    assert found.local_kwh == pytest.approx(bought + min(float(found.wholesale_kwh), 0.0), abs=1e-9)


def test_many_games_are_solved_at_a_time() -> None:
    wholesale = np.array([[0.05], [0.2], [0.4]])
    impact = np.array([0.0, 0.01])
    whole = one_price(FIVE_PROSUMERS, wholesale, impact)
    assert whole.price_eur_per_kwh.shape == whole.efficiency.shape == (3, 2)
    assert whole.sold_kwh.shape == (3, 2, 5)
    for i in range(3):
        for k in range(2):
            one = one_price(FIVE_PROSUMERS, wholesale[i, 0], impact[k])
            np.testing.assert_allclose(whole.leader_eur[i, k], one.leader_eur)
            np.testing.assert_allclose(whole.sold_kwh[i, k], one.sold_kwh)
    pair = two_prices(FIVE_PROSUMERS, wholesale[:, 0])
    assert pair.sold_kwh.shape == (3, 5)
    np.testing.assert_allclose(pair.leader_eur[1], two_prices(FIVE_PROSUMERS, 0.2).leader_eur)


def test_two_prices_have_the_tabulated_numbers() -> None:
    found = two_prices(FIVE_PROSUMERS, 0.30)
    np.testing.assert_allclose(found.sell_eur_per_kwh, 0.099231, atol=5e-7)
    np.testing.assert_allclose(found.buy_eur_per_kwh, 0.362500, atol=5e-7)
    np.testing.assert_allclose(np.maximum(found.sold_kwh, 0.0).sum(), 5.4375)
    np.testing.assert_allclose(np.minimum(found.sold_kwh, 0.0).sum(), -1.25)
    np.testing.assert_allclose(found.leader_eur, 1.169808, atol=5e-7)


@given(seed=SEEDS, wholesale=st.floats(0.0, 0.5))
def test_no_other_pair_of_prices_earns_more(seed: int, wholesale: float) -> None:
    prosumers = random_prosumers(np.random.default_rng(seed))
    found = two_prices(prosumers, wholesale)
    low, high = prosumers.no_trade_eur_per_kwh.min(), prosumers.no_trade_eur_per_kwh.max()
    grid = np.linspace(min(low, wholesale) - 0.01, max(high, wholesale) + 0.01, 20001)
    sold = prosumers.sold_kwh(grid)
    selling = (wholesale - grid) * np.maximum(sold, 0.0).sum(axis=-1)
    buying = (wholesale - grid) * np.minimum(sold, 0.0).sum(axis=-1)
    brute = selling.max() + buying.max()
    assert brute <= found.leader_eur + 1e-12
    np.testing.assert_allclose(found.leader_eur, brute, atol=1e-6)
    assert found.sell_eur_per_kwh <= wholesale <= found.buy_eur_per_kwh
    margin = np.where(found.sold_kwh > 0.0, found.sell_eur_per_kwh, found.buy_eur_per_kwh)
    np.testing.assert_allclose(
        np.sum((wholesale - margin) * found.sold_kwh), found.leader_eur, atol=1e-12
    )


def test_the_pool_has_the_tabulated_numbers() -> None:
    wholesale = np.array([0.30, 0.10])
    nash = pool(FIVE_PROSUMERS, wholesale, 0.01, anticipating=True)
    takers = pool(FIVE_PROSUMERS, wholesale, 0.01, anticipating=False)
    np.testing.assert_allclose(nash.price_eur_per_kwh, [0.246247, 0.106258], atol=5e-7)
    np.testing.assert_allclose(nash.wholesale_kwh, [5.375264, -0.625760], atol=5e-7)
    np.testing.assert_allclose(takers.price_eur_per_kwh, [0.243059, 0.107082], atol=5e-7)
    np.testing.assert_allclose(takers.wholesale_kwh, [5.694051, -0.708215], atol=5e-7)


@settings(max_examples=40)
@given(
    seed=SEEDS,
    wholesale=st.floats(0.0, 0.5),
    impact=st.floats(0.0, 0.2),
    anticipating=st.booleans(),
)
def test_best_answers_in_turn_lead_to_the_pools_equilibrium(
    seed: int, wholesale: float, impact: float, anticipating: bool
) -> None:
    prosumers = random_prosumers(np.random.default_rng(seed))
    found = pool(prosumers, wholesale, impact, anticipating=anticipating)
    count = len(prosumers.generation_kwh)
    sold = np.zeros(count)
    for _ in range(400):
        for i in range(count):
            others = sold.sum() - sold[i]
            neutral = prosumers.no_trade_eur_per_kwh[i]
            slope = prosumers.slope_eur_per_kwh2[i]
            if anticipating:  # best e for (lambda - kappa (others + e)) e - m e - b e^2 / 2
                answer = (wholesale - impact * others - neutral) / (slope + 2.0 * impact)
            else:  # the e at which the price, moved by e but taken as given, asks for e
                answer = (wholesale - impact * others - neutral) / (slope + impact)
            sold[i] = answer
    np.testing.assert_allclose(sold, found.sold_kwh, atol=1e-6)
    np.testing.assert_allclose(
        found.price_eur_per_kwh, wholesale - impact * found.wholesale_kwh, atol=1e-12
    )


@given(seed=SEEDS, wholesale=st.floats(0.0, 0.5), step=st.floats(-1.0, 1.0))
def test_nobody_gains_by_leaving_the_pools_equilibrium(
    seed: int, wholesale: float, step: float
) -> None:
    prosumers = random_prosumers(np.random.default_rng(seed))
    found = pool(prosumers, wholesale, 0.05, anticipating=True)
    for i in range(len(prosumers.generation_kwh)):
        other = found.sold_kwh.copy()
        other[i] += step
        price = wholesale - 0.05 * other.sum()
        assert prosumers.utility_eur(other, price)[i] <= found.utility_eur[i] + 1e-12


def test_storage_has_the_tabulated_numbers() -> None:
    np.testing.assert_allclose(
        THREE_STORES.community_eur_per_kwh, [0.259823, 0.187678, 0.327728], atol=5e-7
    )
    free = storage_equilibrium(THREE_STORES, STORES_WHOLESALE_EUR_PER_KWH)
    np.testing.assert_allclose(free.price_eur_per_kwh, [0.189911, 0.133839, 0.313864], atol=5e-7)
    np.testing.assert_allclose(free.wholesale_kwh, [-3.067500, -2.597167, 1.154583], atol=5e-7)
    np.testing.assert_allclose([free.leader_eur, free.efficiency], [0.338274, 0.75], atol=5e-7)
    costly = storage_equilibrium(THREE_STORES, STORES_WHOLESALE_EUR_PER_KWH, 0.01)
    np.testing.assert_allclose(costly.price_eur_per_kwh, [0.202482, 0.143472, 0.310901], atol=5e-7)
    np.testing.assert_allclose(
        [costly.leader_eur, costly.efficiency], [0.271274, 0.833762], atol=5e-7
    )


@settings(max_examples=30)
@given(seed=SEEDS, impact=st.sampled_from([0.0, 0.01, 0.1]))
def test_no_other_prices_of_a_day_earn_more(seed: int, impact: float) -> None:
    generator = np.random.default_rng(seed)
    count, length = int(generator.integers(1, 4)), int(generator.integers(1, 5))
    prosumers = StorageProsumers(
        first_kwh_eur_per_kwh=generator.uniform(0.2, 0.6, (count, length)),
        slope_eur_per_kwh2=generator.uniform(0.05, 0.3, count),
        generation_kwh=generator.uniform(0.0, 6.0, (count, length)),
        wear_eur_per_kwh2=generator.uniform(0.05, 0.3, count),
        efficiency=0.9,
    )
    wholesale = generator.uniform(0.0, 0.4, length)
    found = storage_equilibrium(prosumers, wholesale, impact)

    def lost(price: Floats) -> float:
        return -float(storage_leader_eur(prosumers, price, wholesale, impact))

    best = minimize(lost, wholesale, method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(best.x, found.price_eur_per_kwh, atol=1e-5)
    np.testing.assert_allclose(-best.fun, found.leader_eur, atol=1e-8)
    # Gains of the prosumers, from their utilities.
    utility = [
        prosumers.utility_eur(*prosumers.answer(p), p).sum()
        for p in (found.price_eur_per_kwh, prosumers.community_eur_per_kwh)
    ]
    np.testing.assert_allclose(utility[0] - utility[1], found.surplus_gain_eur, atol=1e-9)

    def together_lost(price: Floats) -> float:
        consumed, moved = prosumers.answer(price)
        total = prosumers.sold_kwh(consumed, moved).sum(axis=0)
        worth = prosumers.utility_eur(consumed, moved, np.zeros(length)).sum()
        return -float(worth + wholesale @ total - 0.5 * impact * total @ total)

    first_best = -minimize(together_lost, wholesale, method="BFGS", options={"gtol": 1e-8}).fun
    np.testing.assert_allclose(first_best - utility[1], found.first_best_eur, atol=1e-8)


@given(seed=SEEDS, size=st.floats(-0.5, 0.5))
def test_the_answer_of_a_home_with_storage_is_its_best(seed: int, size: float) -> None:
    generator = np.random.default_rng(seed)
    price = generator.uniform(0.0, 0.5, 3)
    consumed, moved = THREE_STORES.answer(price)
    best = THREE_STORES.utility_eur(consumed, moved, price)
    other = THREE_STORES.utility_eur(
        consumed + size * generator.standard_normal(consumed.shape),
        moved + size * generator.standard_normal(moved.shape),
        price,
    )
    assert np.all(other <= best + 1e-12)


def test_a_day_without_gain_has_no_efficiency() -> None:
    found = storage_equilibrium(THREE_STORES, THREE_STORES.community_eur_per_kwh)
    assert np.isnan(found.efficiency)
    assert found.leader_eur == pytest.approx(0.0, abs=1e-12)
