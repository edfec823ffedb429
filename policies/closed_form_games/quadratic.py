"""Cases C1, C3 and C4: one interval, prosumers with quadratic utility.

Prosumers see what they own and the announced prices (C4: the wholesale price) and choose what they
sell; the leader sees the wholesale price and chooses the price or both prices. Rewards of prosumers
are gains against selling nothing, which changes no decision and leaves less to estimate.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cosim.records import Floats
from policies.closed_form_games.arrays import Singles, between, with_own, within
from policies.closed_forms.quadratic import QuadraticProsumers

SOLD_KWH = 4.0
"""Energy sold at an action of one."""

PRICES_EUR_PER_KWH = (0.0, 0.5)
"""Range of announced prices."""

WHOLESALE_EUR_PER_KWH = (0.05, 0.4)
"""Range of wholesale prices."""


@dataclass(frozen=True, slots=True)
class PriceTakers:
    """C1, prosumers. A situation is a price (R, 1)."""

    prosumers: QuadraticProsumers
    actions: int = 1

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return prices of the leader's whole range."""
        return generator.uniform(*PRICES_EUR_PER_KWH, (rows, 1))

    def observe(self, situation: Floats) -> Singles:
        """Return own parameters and the price, all of them of size one."""
        return seen_by(self.prosumers, situation)

    def sold_kwh(self, action: Singles) -> Floats:
        """Return what actions (R, N, 1) sell (R, N)."""
        return SOLD_KWH * action[..., 0].astype(np.float64)

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return what trading gains."""
        return gain_eur(self.prosumers, self.sold_kwh(action), situation[:, 0])


@dataclass(frozen=True, slots=True)
class TwoPriceTakers:
    """C3, prosumers. A situation is what is paid and what is charged (R, 2)."""

    prosumers: QuadraticProsumers
    actions: int = 1

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return pairs of prices, the lower one first."""
        return np.sort(generator.uniform(*PRICES_EUR_PER_KWH, (rows, 2)), axis=1)

    def observe(self, situation: Floats) -> Singles:
        """Return own parameters and both prices."""
        return seen_by(self.prosumers, situation)

    def sold_kwh(self, action: Singles) -> Floats:
        """Return what actions (R, N, 1) sell (R, N)."""
        return SOLD_KWH * action[..., 0].astype(np.float64)

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return what trading gains."""
        return self.gain_eur(situation, self.sold_kwh(action))

    def gain_eur(self, situation: Floats, sold_kwh: Floats) -> Floats:
        """Return what selling (R, N) brings more than selling nothing (R, N)."""
        selling = gain_eur(self.prosumers, np.maximum(sold_kwh, 0.0), situation[:, 0])
        return selling + gain_eur(self.prosumers, np.minimum(sold_kwh, 0.0), situation[:, 1])


@dataclass(frozen=True, slots=True)
class PoolTraders:
    """C4. A situation is a wholesale price (R, 1); what all sell together lowers the pool's."""

    prosumers: QuadraticProsumers
    impact_eur_per_kwh2: float
    actions: int = 1

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return wholesale prices."""
        return generator.uniform(*WHOLESALE_EUR_PER_KWH, (rows, 1))

    def observe(self, situation: Floats) -> Singles:
        """Return own parameters and the wholesale price."""
        return seen_by(self.prosumers, situation)

    def sold_kwh(self, action: Singles) -> Floats:
        """Return what actions (R, N, 1) sell (R, N)."""
        return SOLD_KWH * action[..., 0].astype(np.float64)

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return what trading gains at the price that all of them together make."""
        sold = self.sold_kwh(action)
        price = situation[:, 0] - self.impact_eur_per_kwh2 * sold.sum(axis=-1)
        return gain_eur(self.prosumers, sold, price)


@dataclass(frozen=True, slots=True)
class OnePriceLeader:
    """C1, leader. A situation is a wholesale price (R, 1)."""

    answer_kwh: Callable[[Floats], Floats]  # prices (R, 1) -> what prosumers sell (R, N)
    impact_eur_per_kwh2: float = 0.0
    actions: int = 1

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return wholesale prices."""
        return generator.uniform(*WHOLESALE_EUR_PER_KWH, (rows, 1))

    def observe(self, situation: Floats) -> Singles:
        """Return the wholesale price, of size one."""
        return within(situation, PRICES_EUR_PER_KWH)

    def price_eur_per_kwh(self, action: Singles) -> Floats:
        """Return prices (R, 1)."""
        return between(action, PRICES_EUR_PER_KWH)

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return the leader's profit."""
        price = self.price_eur_per_kwh(action)
        sold = self.answer_kwh(price).sum(axis=-1)
        margin = situation[:, 0] - price[:, 0]
        return np.asarray((margin - 0.5 * self.impact_eur_per_kwh2 * sold) * sold)


@dataclass(frozen=True, slots=True)
class TwoPriceLeader:
    """C3, leader. A situation is a wholesale price (R, 1)."""

    answer_kwh: Callable[[Floats], Floats]  # pairs of prices (R, 2) -> what prosumers sell (R, N)
    actions: int = 2

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return wholesale prices."""
        return generator.uniform(*WHOLESALE_EUR_PER_KWH, (rows, 1))

    def observe(self, situation: Floats) -> Singles:
        """Return the wholesale price, of size one."""
        return within(situation, PRICES_EUR_PER_KWH)

    def price_eur_per_kwh(self, action: Singles) -> Floats:
        """Return pairs of prices (R, 2), the lower one first."""
        return np.sort(between(action, PRICES_EUR_PER_KWH), axis=1)

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return the leader's profit."""
        price = self.price_eur_per_kwh(action)
        sold = self.answer_kwh(price)
        margin = situation - np.where(sold > 0.0, price[:, :1], price[:, 1:])
        return np.asarray(np.sum(margin * sold, axis=-1))


def gain_eur(prosumers: QuadraticProsumers, sold_kwh: Floats, price_eur_per_kwh: Floats) -> Floats:
    """Return what selling (R, N) at a price (R,) brings more than selling nothing (R, N)."""
    nothing = prosumers.utility_eur(np.zeros_like(sold_kwh), price_eur_per_kwh)
    return prosumers.utility_eur(sold_kwh, price_eur_per_kwh) - nothing


def seen_by(prosumers: QuadraticProsumers, price_eur_per_kwh: Floats) -> Singles:
    """Return own parameters and prices (R, P) of all prosumers (R, N, 3 + P)."""
    own = [
        (prosumers.first_kwh_eur_per_kwh - 0.4) / 0.1,
        (prosumers.slope_eur_per_kwh2 - 0.1) / 0.05,
        (prosumers.generation_kwh - 2.5) / 2.5,
    ]
    return with_own(np.stack(own, axis=-1), within(price_eur_per_kwh, PRICES_EUR_PER_KWH))
