"""Case C2: several intervals, prosumers who consume and move energy in time.

Prosumers see what they own and the prices of all intervals and choose consumption and moves; the
leader sees the wholesale prices of all intervals and chooses the prices.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cosim.records import Floats
from policies.closed_form_games.arrays import Singles, between, with_own, within
from policies.closed_form_games.quadratic import PRICES_EUR_PER_KWH, WHOLESALE_EUR_PER_KWH
from policies.closed_forms.storage import StorageProsumers

CONSUMED_KWH = 2.0
"""Consumption at an action of zero, and how much an action of one adds."""

MOVED_KWH = 2.0
"""Energy moved at an action of one."""


@dataclass(frozen=True, slots=True)
class StoreOwners:
    """Prosumers. A situation is the prices of a day (R, T)."""

    prosumers: StorageProsumers

    @property
    def actions(self) -> int:
        """Consumption of every interval and moves between them."""
        return 2 * int(self.prosumers.generation_kwh.shape[-1]) - 1

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return prices of the leader's whole range."""
        length = self.prosumers.generation_kwh.shape[-1]
        return generator.uniform(*PRICES_EUR_PER_KWH, (rows, length))

    def observe(self, situation: Floats) -> Singles:
        """Return own parameters and all prices, all of them of size one."""
        own = self.prosumers
        parameters = np.concatenate(
            [
                (own.first_kwh_eur_per_kwh - 0.4) / 0.1,
                (own.slope_eur_per_kwh2[:, None] - 0.1) / 0.05,
                (own.generation_kwh - 2.5) / 2.5,
                (own.wear_eur_per_kwh2[:, None] - 0.1) / 0.05,
            ],
            axis=1,
        )
        return with_own(parameters, within(situation, PRICES_EUR_PER_KWH))

    def decisions_kwh(self, action: Singles) -> tuple[Floats, Floats]:
        """Return consumption (R, N, T) and moves (R, N, T - 1)."""
        length = self.prosumers.generation_kwh.shape[-1]
        wide = action.astype(np.float64)
        return CONSUMED_KWH * (1.0 + wide[..., :length]), MOVED_KWH * wide[..., length:]

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return the gain against consuming what is generated."""
        consumed, moved = self.decisions_kwh(action)
        own = self.prosumers
        nothing = own.utility_eur(own.generation_kwh, np.zeros_like(moved), situation)
        return own.utility_eur(consumed, moved, situation) - nothing


@dataclass(frozen=True, slots=True)
class DayPriceLeader:
    """Leader. A situation is the wholesale prices of a day (R, T)."""

    answer_kwh: Callable[[Floats], Floats]  # prices (R, T) -> what all sell together (R, T)
    length: int
    impact_eur_per_kwh2: float = 0.0

    @property
    def actions(self) -> int:
        """One price an interval."""
        return self.length

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return wholesale prices."""
        return generator.uniform(*WHOLESALE_EUR_PER_KWH, (rows, self.length))

    def observe(self, situation: Floats) -> Singles:
        """Return the wholesale prices, of size one."""
        return within(situation, PRICES_EUR_PER_KWH)

    def price_eur_per_kwh(self, action: Singles) -> Floats:
        """Return prices (R, T)."""
        return between(action, PRICES_EUR_PER_KWH)

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return the leader's profit."""
        price = self.price_eur_per_kwh(action)
        sold = self.answer_kwh(price)
        margin = situation - price - 0.5 * self.impact_eur_per_kwh2 * sold
        return np.asarray(np.sum(margin * sold, axis=-1))
