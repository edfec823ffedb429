"""Case C5: the published games. (i) homes and a facility; (ii) users and competing suppliers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cosim.records import Floats
from policies.closed_form_games.arrays import Singles, between, with_own, within
from policies.closed_forms.published import Suppliers, SurplusHomes

HOME_PRICES = (1.4, 2.3)
"""(i) Range of the facility's prices."""

GRID_PRICES = (1.9, 2.3)
"""(i) Range of grid prices; in all of it every home sells part of what it has."""

SUPPLIER_PRICES = (1.0, 4.0)
"""(ii) Range of the suppliers' prices."""


@dataclass(frozen=True, slots=True)
class SellingHomes:
    """(i), homes. A situation is the facility's price (R, 1)."""

    homes: SurplusHomes
    actions: int = 1

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return prices of the facility's whole range."""
        return generator.uniform(*HOME_PRICES, (rows, 1))

    def observe(self, situation: Floats) -> Singles:
        """Return own parameters and the price."""
        homes = self.homes
        own = [(homes.preference_eur - 10.0) / 2.0, (homes.available_kwh - 6.0) / 2.0]
        return with_own(np.stack(own, axis=-1), within(situation, HOME_PRICES))

    def sold_kwh(self, action: Singles) -> Floats:
        """Return what actions (R, N, 1) sell (R, N): all from an action of 1, nothing from -1."""
        share = 0.5 * (1.0 + np.clip(action[..., 0].astype(np.float64), -1.0, 1.0))
        return share * self.homes.available_kwh

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return the gain against keeping everything."""
        sold = self.sold_kwh(action)
        nothing = self.homes.utility_eur(np.zeros_like(sold), situation[:, 0])
        return self.homes.utility_eur(sold, situation[:, 0]) - nothing


@dataclass(frozen=True, slots=True)
class BuyingFacility:
    """(i), leader. A situation is the grid's price (R, 1)."""

    answer_kwh: Callable[[Floats], Floats]  # prices (R, 1) -> what homes sell (R, N)
    actions: int = 1

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return grid prices."""
        return generator.uniform(*GRID_PRICES, (rows, 1))

    def observe(self, situation: Floats) -> Singles:
        """Return the grid's price, of size one."""
        return within(situation, GRID_PRICES)

    def price_eur_per_kwh(self, action: Singles) -> Floats:
        """Return prices (R, 1)."""
        return between(action, HOME_PRICES)

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return what is saved against buying from the grid."""
        price = self.price_eur_per_kwh(action)
        sold = self.answer_kwh(price).sum(axis=-1)
        return np.asarray((situation - price)[:, 0] * sold)


@dataclass(frozen=True, slots=True)
class BuyingUsers:
    """(ii), users. A situation is the suppliers' prices (R, K)."""

    suppliers: Suppliers

    @property
    def actions(self) -> int:
        """One number a supplier."""
        return len(self.suppliers.capacity_kwh)

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return prices of the suppliers' whole range."""
        return generator.uniform(*SUPPLIER_PRICES, (rows, self.actions))

    def observe(self, situation: Floats) -> Singles:
        """Return own budget and all prices."""
        budget = (self.suppliers.budget_eur - 20.0) / 10.0
        return with_own(budget[:, None], within(situation, SUPPLIER_PRICES))

    def demand_kwh(self, situation: Floats, action: Singles) -> Floats:
        """Return what is bought (R, N, K): the budget is shared by the softmax of an action."""
        weight = np.exp(action.astype(np.float64))
        share = weight / weight.sum(axis=-1, keepdims=True)
        return np.asarray(share * self.suppliers.budget_eur[:, None] / situation[:, None, :])

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return the gain against equal shares of the budget."""
        equal = self.demand_kwh(situation, np.zeros_like(action))
        bought = self.demand_kwh(situation, action)
        return self.suppliers.utility(bought) - self.suppliers.utility(equal)


@dataclass(frozen=True, slots=True)
class CompetingSuppliers:
    """(ii), suppliers: leaders against each other. There is one situation (R, 0)."""

    suppliers: Suppliers
    answer_kwh: Callable[[Floats], Floats]  # prices (R, K) -> what is asked of each (R, K)
    actions: int = 1

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return the one situation `rows` times."""
        return np.zeros((rows, 0))

    def observe(self, situation: Floats) -> Singles:
        """Return the own capacity."""
        capacity = (self.suppliers.capacity_kwh - 15.0) / 5.0
        return with_own(capacity[:, None], situation.astype(np.float32))

    def price_eur_per_kwh(self, action: Singles) -> Floats:
        """Return the price (R, K) of each."""
        return between(action[..., 0], SUPPLIER_PRICES)

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return each supplier's revenue: none delivers more than it has."""
        price = self.price_eur_per_kwh(action)
        sold = np.minimum(self.answer_kwh(price), self.suppliers.capacity_kwh)
        return price * sold
