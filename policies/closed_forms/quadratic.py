"""One interval, prosumers with quadratic utility: one price, two prices, and price anticipation.

Prosumer i generates g_i and consumes c_i, worth ``a_i c_i - b_i c_i^2 / 2``; it sells
``e_i = g_i - c_i`` (negative: buys). Its best answer to a price p is ``e_i = (p - m_i) / b_i`` with
``m_i = a_i - b_i g_i``, the price at which it neither buys nor sells. With B = sum 1/b_i the
community answers ``E = B (p - p0)``, where p0, the 1/b-weighted mean of m, is the price at which it
clears by itself.

Leading axes of all parameters broadcast against each other, so many games are solved at a time.
"""

from dataclasses import dataclass

import numpy as np

from cosim.errors import PolicyError
from cosim.records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class QuadraticProsumers:
    """What N prosumers have and what consumption is worth to them."""

    first_kwh_eur_per_kwh: Floats  # (..., N) a, what the first consumed kWh is worth
    slope_eur_per_kwh2: Floats  # (..., N) b > 0, how fast that falls
    generation_kwh: Floats  # (..., N) g

    def __post_init__(self) -> None:
        """Raise `PolicyError` where no equilibrium exists."""
        require_positive("slope_eur_per_kwh2", self.slope_eur_per_kwh2)

    @property
    def no_trade_eur_per_kwh(self) -> Floats:
        """Price at which a prosumer neither buys nor sells, m (..., N)."""
        return np.asarray(
            self.first_kwh_eur_per_kwh - self.slope_eur_per_kwh2 * self.generation_kwh
        )

    @property
    def response_kwh2_per_eur(self) -> Floats:
        """What all sell more where the price rises by one, B (...)."""
        return np.asarray(np.sum(1.0 / self.slope_eur_per_kwh2, axis=-1))

    @property
    def community_eur_per_kwh(self) -> Floats:
        """Price at which the community clears by itself, p0 (...)."""
        pull = np.sum(self.no_trade_eur_per_kwh / self.slope_eur_per_kwh2, axis=-1)
        return np.asarray(pull / self.response_kwh2_per_eur)

    def sold_kwh(self, price_eur_per_kwh: Floats | float) -> Floats:
        """Return the best answer (..., N) to a price (...)."""
        price = np.asarray(price_eur_per_kwh, dtype=np.float64)[..., None]
        return np.asarray((price - self.no_trade_eur_per_kwh) / self.slope_eur_per_kwh2)

    def utility_eur(self, sold_kwh: Floats, price_eur_per_kwh: Floats | float) -> Floats:
        """Return worth of consumption plus revenue (..., N) at a price (...)."""
        price = np.asarray(price_eur_per_kwh, dtype=np.float64)[..., None]
        consumed = self.generation_kwh - sold_kwh
        worth = self.first_kwh_eur_per_kwh - 0.5 * self.slope_eur_per_kwh2 * consumed
        return np.asarray(worth * consumed + price * sold_kwh)


@dataclass(frozen=True, slots=True, eq=False)
class OnePriceEquilibrium:
    """What a leader with one price reaches, and what everybody together could."""

    price_eur_per_kwh: Floats  # (...)
    sold_kwh: Floats  # (..., N)
    wholesale_kwh: Floats  # (...) what the community sells together, > 0 sold
    leader_eur: Floats  # (...) profit
    surplus_gain_eur: Floats  # (...) of the prosumers, against clearing by themselves
    first_best_eur: Floats  # (...) largest gain of leader and prosumers together
    efficiency: Floats  # (...) leader and prosumers together, as a share of that
    local_kwh: Floats  # (...) sold by one prosumer to another


@dataclass(frozen=True, slots=True, eq=False)
class TwoPriceEquilibrium:
    """What a leader reaches that buys and sells at different prices and forbids local trade."""

    sell_eur_per_kwh: Floats  # (...) what prosumers get
    buy_eur_per_kwh: Floats  # (...) what prosumers pay
    sold_kwh: Floats  # (..., N) > 0 sold, < 0 bought, 0 between the prices
    leader_eur: Floats  # (...) profit


@dataclass(frozen=True, slots=True, eq=False)
class PoolEquilibrium:
    """What a pool whose price falls with what is sold into it comes to."""

    price_eur_per_kwh: Floats  # (...)
    sold_kwh: Floats  # (..., N)
    wholesale_kwh: Floats  # (...)
    utility_eur: Floats  # (..., N)


def one_price(
    prosumers: QuadraticProsumers,
    wholesale_eur_per_kwh: Floats | float,
    impact_eur_per_kwh2: Floats | float = 0.0,
) -> OnePriceEquilibrium:
    """Return the equilibrium of case C1.

    The leader earns ``(lambda - p) E - kappa E^2 / 2`` with E = B (p - p0), so
    ``p* = p0 + (lambda - p0) / (2 + kappa B)``. Where lambda or p0 are uncertain the same holds for
    their expectations. Raises `PolicyError` where `impact_eur_per_kwh2` (kappa) is negative.
    """
    require_not_negative("impact_eur_per_kwh2", impact_eur_per_kwh2)
    response, community = prosumers.response_kwh2_per_eur, prosumers.community_eur_per_kwh
    gap = np.asarray(wholesale_eur_per_kwh) - community
    damping = np.asarray(impact_eur_per_kwh2) * response
    price = np.asarray(community + gap / (2.0 + damping))
    sold = prosumers.sold_kwh(price)
    size = response * gap**2
    wholesale = np.asarray(response * gap / (2.0 + damping))
    return OnePriceEquilibrium(
        price_eur_per_kwh=price,
        sold_kwh=sold,
        wholesale_kwh=wholesale,
        leader_eur=size / (2.0 * (2.0 + damping)),
        surplus_gain_eur=size / (2.0 * (2.0 + damping) ** 2),
        first_best_eur=size / (2.0 * (1.0 + damping)),
        efficiency=np.broadcast_to(
            (3.0 + damping) * (1.0 + damping) / (2.0 + damping) ** 2, price.shape
        ),
        local_kwh=np.sum(np.maximum(sold, 0.0), axis=-1) - np.maximum(wholesale, 0.0),
    )


def one_price_leader_eur(
    prosumers: QuadraticProsumers,
    price_eur_per_kwh: Floats | float,
    wholesale_eur_per_kwh: Floats | float,
    impact_eur_per_kwh2: Floats | float = 0.0,
) -> Floats:
    """Return the leader's profit (...) at any price (...) of case C1, best answers assumed."""
    sold = prosumers.sold_kwh(price_eur_per_kwh).sum(axis=-1)
    margin = np.asarray(wholesale_eur_per_kwh) - np.asarray(price_eur_per_kwh)
    return np.asarray((margin - 0.5 * np.asarray(impact_eur_per_kwh2) * sold) * sold)


def two_prices(
    prosumers: QuadraticProsumers, wholesale_eur_per_kwh: Floats | float
) -> TwoPriceEquilibrium:
    """Return the equilibrium of case C3.

    Each side is a monopoly of its own: ``p = (lambda + m_X) / 2`` with m_X the 1/b-weighted mean of
    m over those who take part, sellers (m < p) or buyers (m > p). Who takes part follows from the
    profit: counting more or fewer than do can only understate it, so the best of all k cheapest
    (dearest) prosumers is the optimum. A side nobody takes part in is priced at lambda.
    """
    wholesale = np.asarray(wholesale_eur_per_kwh, dtype=np.float64)
    neutral = prosumers.no_trade_eur_per_kwh
    sell, earned_selling = _monopoly(neutral, prosumers.slope_eur_per_kwh2, wholesale)
    buy, earned_buying = _monopoly(-neutral, prosumers.slope_eur_per_kwh2, -wholesale)
    buy = -buy
    sold = np.maximum(prosumers.sold_kwh(sell), 0.0) + np.minimum(prosumers.sold_kwh(buy), 0.0)
    return TwoPriceEquilibrium(
        sell_eur_per_kwh=sell,
        buy_eur_per_kwh=buy,
        sold_kwh=sold,
        leader_eur=earned_selling + earned_buying,
    )


def _monopoly(neutral: Floats, slope: Floats, wholesale: Floats) -> tuple[Floats, Floats]:
    """Return the best price (...) to buy at from those whose m is lowest, and its profit (...)."""
    neutral, slope = np.broadcast_arrays(neutral, slope)
    order = np.argsort(neutral, axis=-1)
    weight = np.take_along_axis(1.0 / slope, order, axis=-1)
    response = np.cumsum(weight, axis=-1)
    pull = np.cumsum(weight * np.take_along_axis(neutral, order, axis=-1), axis=-1)
    mean = pull / response
    profit = 0.25 * response * np.maximum(wholesale[..., None] - mean, 0.0) ** 2
    best = np.argmax(profit, axis=-1)[..., None]
    mean = np.broadcast_to(mean, profit.shape)
    price = 0.5 * (wholesale + np.take_along_axis(mean, best, axis=-1)[..., 0])
    return np.minimum(price, wholesale), np.take_along_axis(profit, best, axis=-1)[..., 0]


def pool(
    prosumers: QuadraticProsumers,
    wholesale_eur_per_kwh: Floats | float,
    impact_eur_per_kwh2: Floats | float,
    *,
    anticipating: bool,
) -> PoolEquilibrium:
    """Return the equilibrium of case C4: the pool price is ``p = lambda - kappa E``.

    Whoever anticipates that selling lowers the price chooses ``e_i = (p - m_i) / (b_i + kappa)``, a
    Nash equilibrium; a price taker divides by b_i. With B' = sum 1/(b_i + kappa) and
    C = sum m_i/(b_i + kappa), ``p = (lambda + kappa C) / (1 + kappa B')``. Raises `PolicyError`
    where `impact_eur_per_kwh2` (kappa) is negative.
    """
    require_not_negative("impact_eur_per_kwh2", impact_eur_per_kwh2)
    impact = np.asarray(impact_eur_per_kwh2, dtype=np.float64)
    slope = prosumers.slope_eur_per_kwh2 + (impact[..., None] if anticipating else 0.0)
    neutral = prosumers.no_trade_eur_per_kwh
    pull = np.sum(neutral / slope, axis=-1)
    price = (np.asarray(wholesale_eur_per_kwh) + impact * pull) / (
        1.0 + impact * np.sum(1.0 / slope, axis=-1)
    )
    sold = np.asarray((price[..., None] - neutral) / slope)
    return PoolEquilibrium(
        price_eur_per_kwh=price,
        sold_kwh=sold,
        wholesale_kwh=sold.sum(axis=-1),
        utility_eur=prosumers.utility_eur(sold, price),
    )


def require_positive(name: str, values: Floats | float) -> None:
    """Raise `PolicyError` unless all `values` are finite and above zero."""
    found = np.asarray(values)
    if not np.all(np.isfinite(found) & (found > 0.0)):
        raise PolicyError(f"{name}: {found.min():g} found, must be finite and > 0")


def require_not_negative(name: str, values: Floats | float) -> None:
    """Raise `PolicyError` unless all `values` are finite and at least zero."""
    found = np.asarray(values)
    if not np.all(np.isfinite(found) & (found >= 0.0)):
        raise PolicyError(f"{name}: {found.min():g} found, must be finite and >= 0")
