"""Case C5: two published Stackelberg games with equilibria in closed form.

(i) Tushar et al. (arXiv 1406.5794): a facility needs energy, buys what homes offer at its price p
and the rest from the grid at p_g. Home n has E_n, sells e_n and keeps the rest, worth
``K_n ln(1 + E_n - e_n)``.

(ii) Maharjan et al. (IEEE Transactions on Smart Grid 4(1), 2013): suppliers k with capacity G_k set
prices, users n spend at most C_n and value what they get ``sum_k ln(zeta_n + d_nk)``.
"""

from dataclasses import dataclass

import numpy as np

from cosim.errors import PolicyError
from cosim.records import Floats
from policies.closed_forms.quadratic import require_not_negative, require_positive


@dataclass(frozen=True, slots=True, eq=False)
class SurplusHomes:
    """What N homes have to sell and what keeping it is worth to them."""

    preference_eur: Floats  # (..., N) K > 0
    available_kwh: Floats  # (..., N) E >= 0

    def __post_init__(self) -> None:
        """Raise `PolicyError` where no equilibrium exists."""
        require_positive("preference_eur", self.preference_eur)
        require_not_negative("available_kwh", self.available_kwh)

    def sold_kwh(self, price_eur_per_kwh: Floats | float) -> Floats:
        """Return the best answer (..., N) to a price (...): E + 1 - K / p, within [0, E]."""
        price = np.asarray(price_eur_per_kwh, dtype=np.float64)[..., None]
        free = self.available_kwh + 1.0 - self.preference_eur / price
        return np.clip(free, 0.0, self.available_kwh)

    def utility_eur(self, sold_kwh: Floats, price_eur_per_kwh: Floats | float) -> Floats:
        """Return worth of what is kept plus revenue (..., N)."""
        price = np.asarray(price_eur_per_kwh, dtype=np.float64)[..., None]
        kept = self.preference_eur * np.log1p(self.available_kwh - sold_kwh)
        return np.asarray(kept + price * sold_kwh)


@dataclass(frozen=True, slots=True, eq=False)
class FacilityEquilibrium:
    """What the facility pays and what homes sell."""

    price_eur_per_kwh: Floats  # (...)
    sold_kwh: Floats  # (..., N)
    saving_eur: Floats  # (...) of the facility, against buying all from the grid
    surplus_gain_eur: Floats  # (..., N) of the homes, against keeping everything


def facility(homes: SurplusHomes, grid_eur_per_kwh: Floats | float) -> FacilityEquilibrium:
    """Return the equilibrium of case C5 (i): p* = sqrt(p_g sum K / (N + sum E)).

    Raises `PolicyError` where a home would sell nothing or everything: there the formula does not
    hold.
    """
    require_positive("grid_eur_per_kwh", grid_eur_per_kwh)
    grid = np.asarray(grid_eur_per_kwh, dtype=np.float64)
    count = homes.preference_eur.shape[-1]
    price = np.sqrt(
        grid * homes.preference_eur.sum(axis=-1) / (count + homes.available_kwh.sum(axis=-1))
    )
    sold = homes.available_kwh + 1.0 - homes.preference_eur / price[..., None]
    outside = (sold < 0.0) | (sold > homes.available_kwh)
    if np.any(outside):
        raise PolicyError(
            f"homes: {np.count_nonzero(outside)} of {sold.size} would sell nothing or all they "
            f"have; the closed form needs each to sell part of it"
        )
    return FacilityEquilibrium(
        price_eur_per_kwh=price,
        sold_kwh=sold,
        saving_eur=(grid - price) * sold.sum(axis=-1),
        surplus_gain_eur=homes.utility_eur(sold, price)
        - homes.utility_eur(np.zeros_like(sold), price),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Suppliers:
    """Capacities of K suppliers and the budgets of N users who buy from all of them."""

    capacity_kwh: Floats  # (..., K) G > 0
    budget_eur: Floats  # (..., N) C > 0
    offset_kwh: Floats  # (..., N) zeta > 0, bounds what the first kWh is worth

    def __post_init__(self) -> None:
        """Raise `PolicyError` where no equilibrium exists."""
        require_positive("capacity_kwh", self.capacity_kwh)
        require_positive("budget_eur", self.budget_eur)
        require_positive("offset_kwh", self.offset_kwh)

    def demand_kwh(self, price_eur_per_kwh: Floats) -> Floats:
        """Return the best answer (..., N, K) to prices (..., K), all of it positive or not.

        Maximising sum_k ln(zeta_n + d_nk) at spending C_n gives
        ``d_nk = (C_n + zeta_n sum_j p_j) / (K p_k) - zeta_n``.
        """
        price = np.asarray(price_eur_per_kwh)[..., None, :]
        offset = self.offset_kwh[..., :, None]
        money = self.budget_eur[..., :, None] + offset * price.sum(axis=-1, keepdims=True)
        return np.asarray(money / (price.shape[-1] * price) - offset)

    def utility(self, demand_kwh: Floats) -> Floats:
        """Return what users (..., N) get from demand (..., N, K), without unit."""
        return np.asarray(np.log(self.offset_kwh[..., :, None] + demand_kwh).sum(axis=-1))

    def revenue_eur(self, price_eur_per_kwh: Floats) -> Floats:
        """Return what suppliers (..., K) earn: none delivers more than it has."""
        asked = np.maximum(self.demand_kwh(price_eur_per_kwh), 0.0).sum(axis=-2)
        return np.asarray(price_eur_per_kwh * np.minimum(asked, self.capacity_kwh))


@dataclass(frozen=True, slots=True, eq=False)
class SupplierEquilibrium:
    """What suppliers ask and what users buy."""

    price_eur_per_kwh: Floats  # (..., K)
    demand_kwh: Floats  # (..., N, K); summed over users it is each supplier's capacity
    revenue_eur: Floats  # (..., K)


def supplier_competition(suppliers: Suppliers) -> SupplierEquilibrium:
    """Return the Nash equilibrium of suppliers, case C5 (ii).

    Revenue rises with the price while capacity binds and falls from there on, so each supplier
    sells just its capacity: ``p_k = C / ((G_k + Z) (K - Z S))`` with C = sum C_n, Z = sum zeta_n,
    S = sum 1 / (G_k + Z). Raises `PolicyError` where a user would buy a negative amount.
    """
    offset = suppliers.offset_kwh.sum(axis=-1)[..., None]
    room = suppliers.capacity_kwh + offset
    count = room.shape[-1]
    # K - Z S = sum G / (G + Z) > 0: there always is such a price.
    scale = count - offset * np.sum(1.0 / room, axis=-1, keepdims=True)
    price = suppliers.budget_eur.sum(axis=-1)[..., None] / (room * scale)
    demand = suppliers.demand_kwh(price)
    if np.any(demand < 0.0):
        raise PolicyError(
            f"suppliers: a user would buy {demand.min():g} kWh at the equilibrium prices; the "
            f"closed form needs every user to buy from every supplier"
        )
    return SupplierEquilibrium(
        price_eur_per_kwh=price,
        demand_kwh=demand,
        revenue_eur=price * suppliers.capacity_kwh,
    )
