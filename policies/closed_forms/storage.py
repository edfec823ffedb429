"""Case C2: several intervals, one price each, prosumers who can also move energy in time.

Prosumer i generates g_it, consumes c_it worth ``a_it c_it - b_i c_it^2 / 2`` and moves
``z_i`` (T - 1) from each interval to the next: a moved kWh leaves one interval and arrives in the
next as eta kWh, which costs ``c_i |z_i|^2 / 2`` of wear. With V (T, T - 1) the moves' effect on
what is sold, ``e_i = g_i - c_i + V z_i``. The best answer to prices p is
``c_it = (a_it - p_t) / b_i`` and ``z_i = V'p / c_i``. The community answers ``E = E0 + M p`` with
``M = sum_i [I / b_i + V V' / c_i]`` and ``E0 = sum_i (g_i - a_i / b_i)``.
"""

from dataclasses import dataclass

import numpy as np

from cosim.errors import PolicyError
from cosim.records import Floats
from policies.closed_forms.quadratic import require_not_negative, require_positive


@dataclass(frozen=True, slots=True, eq=False)
class StorageProsumers:
    """What N prosumers have in T intervals and what consumption and moves are worth."""

    first_kwh_eur_per_kwh: Floats  # (..., N, T) a
    slope_eur_per_kwh2: Floats  # (..., N) b > 0
    generation_kwh: Floats  # (..., N, T) g
    wear_eur_per_kwh2: Floats  # (..., N) c > 0
    efficiency: float  # eta, what arrives of a moved kWh, above 0 and at most 1

    def __post_init__(self) -> None:
        """Raise `PolicyError` where no equilibrium exists."""
        require_positive("slope_eur_per_kwh2", self.slope_eur_per_kwh2)
        require_positive("wear_eur_per_kwh2", self.wear_eur_per_kwh2)
        if not 0.0 < self.efficiency <= 1.0:
            raise PolicyError(f"efficiency: {self.efficiency:g} found, must be above 0, at most 1")

    @property
    def moves(self) -> Floats:
        """What a move does to the energy sold, V (T, T - 1)."""
        length = self.generation_kwh.shape[-1]
        return self.efficiency * np.eye(length, length - 1, -1) - np.eye(length, length - 1)

    @property
    def response_kwh2_per_eur(self) -> Floats:
        """What all sell more where prices rise, M (..., T, T)."""
        moves = self.moves
        by_consumption = np.sum(1.0 / self.slope_eur_per_kwh2, axis=-1)[..., None, None]
        by_moves = np.sum(1.0 / self.wear_eur_per_kwh2, axis=-1)[..., None, None]
        return np.asarray(by_consumption * np.eye(len(moves)) + by_moves * (moves @ moves.T))

    @property
    def community_eur_per_kwh(self) -> Floats:
        """Prices at which the community clears by itself, p0 (..., T)."""
        slope = self.slope_eur_per_kwh2[..., None]
        at_zero = np.sum(self.generation_kwh - self.first_kwh_eur_per_kwh / slope, axis=-2)
        return -_solve(self.response_kwh2_per_eur, at_zero)

    def answer(self, price_eur_per_kwh: Floats) -> tuple[Floats, Floats]:
        """Return the best consumption (..., N, T) and moves (..., N, T - 1) at prices (..., T)."""
        price = np.asarray(price_eur_per_kwh)[..., None, :]
        consumed = (self.first_kwh_eur_per_kwh - price) / self.slope_eur_per_kwh2[..., None]
        return consumed, (price @ self.moves) / self.wear_eur_per_kwh2[..., None]

    def sold_kwh(self, consumed_kwh: Floats, moved_kwh: Floats) -> Floats:
        """Return what is sold (..., N, T) by consuming (..., N, T) and moving (..., N, T - 1)."""
        return np.asarray(self.generation_kwh - consumed_kwh + moved_kwh @ self.moves.T)

    def utility_eur(
        self, consumed_kwh: Floats, moved_kwh: Floats, price_eur_per_kwh: Floats
    ) -> Floats:
        """Return worth of consumption - wear + revenue (..., N) at prices (..., T)."""
        price = np.asarray(price_eur_per_kwh)[..., None, :]
        fall = 0.5 * self.slope_eur_per_kwh2[..., None] * consumed_kwh
        worth = (self.first_kwh_eur_per_kwh - fall) * consumed_kwh
        revenue = price * self.sold_kwh(consumed_kwh, moved_kwh)
        wear = 0.5 * self.wear_eur_per_kwh2 * np.sum(moved_kwh**2, axis=-1)
        return np.asarray(np.sum(worth + revenue, axis=-1) - wear)


@dataclass(frozen=True, slots=True, eq=False)
class StorageEquilibrium:
    """What a leader with one price an interval reaches, and what everybody together could."""

    price_eur_per_kwh: Floats  # (..., T)
    wholesale_kwh: Floats  # (..., T) what the community sells together, > 0 sold
    leader_eur: Floats  # (...) profit
    surplus_gain_eur: Floats  # (...) of the prosumers, against clearing by themselves
    first_best_eur: Floats  # (...) largest gain of leader and prosumers together
    efficiency: Floats  # (...) leader and prosumers together, as a share of that; nan at 0


def storage_equilibrium(
    prosumers: StorageProsumers,
    wholesale_eur_per_kwh: Floats,
    impact_eur_per_kwh2: float = 0.0,
) -> StorageEquilibrium:
    """Return the equilibrium of case C2 at wholesale prices (..., T).

    The leader earns ``(lambda - p)'E - kappa |E|^2 / 2``, so
    ``p* = p0 + (2 I + kappa M)^-1 (lambda - p0)``. The first best is
    ``(lambda - p0)' (M^-1 + kappa I)^-1 (lambda - p0) / 2``; at kappa 0 the leader gets half of it
    and the prosumers a quarter. Raises `PolicyError` where `impact_eur_per_kwh2` is negative.
    """
    require_not_negative("impact_eur_per_kwh2", impact_eur_per_kwh2)
    response, community = prosumers.response_kwh2_per_eur, prosumers.community_eur_per_kwh
    gap = np.asarray(wholesale_eur_per_kwh) - community
    eye = np.eye(response.shape[-1])
    step = _solve(2.0 * eye + impact_eur_per_kwh2 * response, gap)
    wholesale = _times(response, step)
    leader = np.sum((gap - step - 0.5 * impact_eur_per_kwh2 * wholesale) * wholesale, axis=-1)
    gain = 0.5 * np.sum(step * wholesale, axis=-1)
    open_gap = _solve(eye + impact_eur_per_kwh2 * response, gap)
    best = np.asarray(0.5 * np.sum(gap * _times(response, open_gap), axis=-1))
    return StorageEquilibrium(
        price_eur_per_kwh=community + step,
        wholesale_kwh=wholesale,
        leader_eur=leader,
        surplus_gain_eur=gain,
        first_best_eur=best,
        efficiency=np.divide(leader + gain, best, out=np.full_like(best, np.nan), where=best > 0.0),
    )


def storage_leader_eur(
    prosumers: StorageProsumers,
    price_eur_per_kwh: Floats,
    wholesale_eur_per_kwh: Floats,
    impact_eur_per_kwh2: float = 0.0,
) -> Floats:
    """Return the leader's profit (...) at any prices (..., T), best answers assumed."""
    sold = prosumers.sold_kwh(*prosumers.answer(price_eur_per_kwh)).sum(axis=-2)
    margin = np.asarray(wholesale_eur_per_kwh) - np.asarray(price_eur_per_kwh)
    return np.asarray(np.sum((margin - 0.5 * impact_eur_per_kwh2 * sold) * sold, axis=-1))


def _solve(matrix: Floats, vector: Floats) -> Floats:
    """Return matrix^-1 vector, leading axes broadcast."""
    return np.asarray(np.linalg.solve(matrix, vector[..., None])[..., 0])


def _times(matrix: Floats, vector: Floats) -> Floats:
    """Return matrix vector, leading axes broadcast."""
    return np.asarray((matrix @ vector[..., None])[..., 0])
