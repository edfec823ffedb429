"""The published games with closed forms, and games that have no such equilibrium."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import PolicyError
from policies.closed_forms.cases import FIVE_HOMES, FIVE_PROSUMERS, THREE_SUPPLIERS
from policies.closed_forms.published import (
    Suppliers,
    SurplusHomes,
    facility,
    supplier_competition,
)
from policies.closed_forms.quadratic import QuadraticProsumers, one_price
from policies.closed_forms.storage import StorageProsumers
from tests.policies.searches import best_scalar

SEEDS = st.integers(0, 2**32 - 1)


def test_the_facility_has_the_tabulated_numbers() -> None:
    found = facility(FIVE_HOMES, 2.0)
    np.testing.assert_allclose(found.price_eur_per_kwh, 1.690309, atol=5e-7)
    np.testing.assert_allclose(
        found.sold_kwh, [0.267136, 1.083920, 1.900704, 0.675528, 1.492312], atol=5e-7
    )


@settings(max_examples=10)
@given(seed=SEEDS, grid=st.floats(1.8, 2.5))
def test_no_other_price_saves_the_facility_more(seed: int, grid: float) -> None:
    generator = np.random.default_rng(seed)
    available = generator.uniform(4.0, 8.0, 5)
    homes = SurplusHomes(
        preference_eur=(available + 1.0) * generator.uniform(1.3, 1.5, 5), available_kwh=available
    )
    found = facility(homes, grid)

    def saved(price: float) -> float:
        def kept(sold: float, n: int) -> float:
            return float(homes.preference_eur[n] * np.log1p(available[n] - sold) + price * sold)

        sold = [best_scalar(partial(kept, n=n), 0.0, available[n]) for n in range(5)]
        return (grid - price) * float(np.sum(sold))

    for price in (found.price_eur_per_kwh - 0.02, found.price_eur_per_kwh + 0.02):
        assert saved(float(price)) < found.saving_eur
    np.testing.assert_allclose(saved(float(found.price_eur_per_kwh)), found.saving_eur, atol=1e-5)
    grid_of_prices = np.linspace(1.0, grid, 4001)
    answers = homes.sold_kwh(grid_of_prices).sum(axis=-1)
    assert np.max((grid - grid_of_prices) * answers) <= found.saving_eur + 1e-12
    assert np.all(found.surplus_gain_eur >= 0.0)


def test_suppliers_have_the_tabulated_numbers() -> None:
    found = supplier_competition(THREE_SUPPLIERS)
    np.testing.assert_allclose(found.price_eur_per_kwh, [3.007519, 2.255639, 1.804511], atol=5e-7)
    np.testing.assert_allclose(found.demand_kwh.sum(axis=0), [10.0, 15.0, 20.0])
    np.testing.assert_allclose(found.demand_kwh.min(), 0.8917, atol=5e-5)


@given(seed=SEEDS)
def test_no_supplier_gains_by_another_price(seed: int) -> None:
    generator = np.random.default_rng(seed)
    suppliers = Suppliers(
        capacity_kwh=generator.uniform(8.0, 20.0, int(generator.integers(2, 5))),
        budget_eur=generator.uniform(10.0, 20.0, 5),
        offset_kwh=generator.uniform(0.2, 0.5, 5),
    )
    found = supplier_competition(suppliers)
    np.testing.assert_allclose(
        suppliers.revenue_eur(found.price_eur_per_kwh), found.revenue_eur, rtol=1e-12
    )
    for k in range(len(suppliers.capacity_kwh)):
        for factor in np.linspace(0.5, 1.5, 41):
            other = found.price_eur_per_kwh.copy()
            other[k] *= factor
            # Users whom a dearer price would have buy less than nothing leave that supplier.
            assert suppliers.revenue_eur(other)[k] <= found.revenue_eur[k] + 1e-9


@given(seed=SEEDS, size=st.floats(-0.5, 0.5))
def test_demand_is_the_users_best_within_budget(seed: int, size: float) -> None:
    found = supplier_competition(THREE_SUPPLIERS)
    price, demand = found.price_eur_per_kwh, found.demand_kwh
    np.testing.assert_allclose(demand @ price, THREE_SUPPLIERS.budget_eur)
    shift = np.random.default_rng(seed).standard_normal(demand.shape)
    shift -= np.outer(shift @ price, price) / (price @ price)  # costs nothing
    other = demand + size * shift / np.abs(shift).max()
    assert np.all(THREE_SUPPLIERS.utility(other) <= THREE_SUPPLIERS.utility(demand) + 1e-12)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: QuadraticProsumers(np.ones(2), np.array([0.1, 0.0]), np.ones(2)),
            "slope_eur_per_kwh2: 0 found, must be finite and > 0",
        ),
        (
            lambda: StorageProsumers(
                np.ones((2, 3)), np.ones(2), np.ones((2, 3)), np.array([1.0, -2.0]), 0.9
            ),
            "wear_eur_per_kwh2: -2 found",
        ),
        (
            lambda: StorageProsumers(np.ones((2, 3)), np.ones(2), np.ones((2, 3)), np.ones(2), 1.1),
            "efficiency: 1.1 found, must be above 0, at most 1",
        ),
        (lambda: one_price(FIVE_PROSUMERS, 0.3, -0.1), "impact_eur_per_kwh2: -0.1 found"),
        (lambda: facility(FIVE_HOMES, 0.5), "would sell nothing or all they have"),
        (lambda: SurplusHomes(np.array([np.nan]), np.ones(1)), "preference_eur: nan found"),
        (
            lambda: supplier_competition(
                Suppliers(np.array([1.0, 50.0]), np.array([1.0, 60.0]), np.array([3.0, 1.0]))
            ),
            "needs every user to buy from every supplier",
        ),
    ],
)
def test_games_without_such_an_equilibrium_are_told(
    build: Callable[[], object], message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        build()
