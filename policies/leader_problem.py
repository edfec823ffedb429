"""A leader's pricing problem with followers that can be solved exactly, and its judge.

N prosumers with batteries face one price per interval and pay ``p'(n + B x)`` for their net load:
n is what they need without a battery, x holds charging, discharging and stored energy, B x is what
the battery adds. Batteries do not wear, and end the day as full as they began it. The leader buys
all of it at wholesale prices lambda and earns ``(p - lambda)'(n + B x)``. Its prices stay within
``lambda - below <= p <= lambda + above`` and their mean within ``mean lambda + mean_above``.

Followers of a linear programme have many equally good answers, which are very different for the
leader; a score therefore says what the best and the worst of them earn it.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cosim.errors import PolicyError
from cosim.records import Floats
from policies.linear_programmes import Minimum, minimise

TIE_EUR_PER_KWH = 1e-7
"""Followers take differences of value below this as none."""


@dataclass(frozen=True, slots=True, eq=False)
class LeaderProblem:
    """Wholesale prices, what N followers need in T intervals, and their batteries."""

    wholesale_eur_per_kwh: Floats  # (T,) lambda
    load_kwh: Floats  # (N, T) n, net of solar power, < 0 for surplus
    capacity_kwh: Floats  # (N,)
    power_kwh: Floats  # (N,) most that is charged or discharged in an interval, outside
    efficiency: Floats  # (N,) of charging, and of discharging, above 0 and below 1
    initial_kwh: Floats  # (N,) stored at the beginning and at the end
    below_eur_per_kwh: float = 0.03
    above_eur_per_kwh: float = 0.06
    mean_above_eur_per_kwh: float = 0.02

    def __post_init__(self) -> None:
        """Raise `PolicyError` with everything the programmes cannot work with."""
        problems = []
        if np.any(self.lowest_eur_per_kwh <= 0.0):
            problems.append(
                f"wholesale_eur_per_kwh: {self.wholesale_eur_per_kwh.min():g} found, must be above "
                f"{self.below_eur_per_kwh:g} (at prices of zero or less batteries burn energy)"
            )
        if np.any((self.efficiency <= 0.0) | (self.efficiency >= 1.0)):
            problems.append("efficiency: must be above 0 and below 1")
        if np.any((self.initial_kwh < 0.0) | (self.initial_kwh > self.capacity_kwh)):
            problems.append("initial_kwh: must be at least 0 and at most capacity_kwh")
        if np.any(self.capacity_kwh <= 0.0) or np.any(self.power_kwh <= 0.0):
            problems.append("capacity_kwh, power_kwh: must be above 0")
        if min(self.below_eur_per_kwh, self.above_eur_per_kwh, self.mean_above_eur_per_kwh) < 0.0:
            problems.append("price set: wholesale prices themselves must belong to it")
        if problems:
            raise PolicyError(problems)

    @property
    def lowest_eur_per_kwh(self) -> Floats:
        """Lowest price allowed in each interval (T,)."""
        return self.wholesale_eur_per_kwh - self.below_eur_per_kwh

    @property
    def highest_eur_per_kwh(self) -> Floats:
        """Highest price allowed in each interval (T,)."""
        return self.wholesale_eur_per_kwh + self.above_eur_per_kwh

    @property
    def highest_mean_eur_per_kwh(self) -> float:
        """Highest mean of the prices allowed."""
        return float(self.wholesale_eur_per_kwh.mean()) + self.mean_above_eur_per_kwh

    def allows(self, price_eur_per_kwh: Floats, tolerance: float = 1e-9) -> bool:
        """Tell whether prices (T,) belong to the price set."""
        return bool(
            np.all(price_eur_per_kwh >= self.lowest_eur_per_kwh - tolerance)
            and np.all(price_eur_per_kwh <= self.highest_eur_per_kwh + tolerance)
            and price_eur_per_kwh.mean() <= self.highest_mean_eur_per_kwh + tolerance
        )


@dataclass(frozen=True, slots=True, eq=False)
class Schedules:
    """What all batteries do; (N, T) each."""

    charge_kwh: Floats  # taken from outside
    discharge_kwh: Floats  # given to outside
    stored_kwh: Floats  # at the end of each interval

    @property
    def added_kwh(self) -> Floats:
        """What the batteries add to the net load, B x (N, T)."""
        return self.charge_kwh - self.discharge_kwh

    @property
    def columns(self) -> Floats:
        """All three as columns of `balance_matrix` (3 N T,)."""
        return np.stack([self.charge_kwh, self.discharge_kwh, self.stored_kwh]).ravel()


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """All best answers to prices, told by the two that the leader likes most and least."""

    best: Schedules  # for the leader
    worst: Schedules  # for the leader
    optimistic_eur: float  # the leader's profit if followers choose among ties as it likes
    pessimistic_eur: float  # and if they choose as it likes least
    bill_eur: Floats  # (N,) what followers pay, the same for all of them


def balance_matrix(problem: LeaderProblem) -> sparse.csc_array:
    """Return the rows ``s_t - s_(t-1) - eta c_t + d_t / eta`` (N T, 3 N T) of all batteries.

    Columns are all charges, then all discharges, then all stored energies, prosumer by prosumer.
    """
    count, length = problem.load_kwh.shape
    eta = np.repeat(problem.efficiency, length)
    step = sparse.eye_array(length) - sparse.eye_array(length, k=-1)
    stored = sparse.kron(sparse.eye_array(count), step)
    parts = [-sparse.diags_array(eta), sparse.diags_array(1.0 / eta), stored]
    return sparse.csc_array(sparse.hstack(parts))


def balance_values(problem: LeaderProblem) -> Floats:
    """Return the right-hand sides (N T,) of `balance_matrix`."""
    values = np.zeros_like(problem.load_kwh)
    values[:, 0] = problem.initial_kwh
    return values.ravel()


def battery_bounds(problem: LeaderProblem) -> tuple[Floats, Floats]:
    """Return the least and the most (3 N T,) of the columns of `balance_matrix`."""
    shape = problem.load_kwh.shape
    most = np.empty((3, *shape))
    most[:2] = problem.power_kwh[:, None]
    most[2] = problem.capacity_kwh[:, None]
    most[2, :, -1] = problem.initial_kwh
    least = np.zeros_like(most)
    least[2, :, -1] = problem.initial_kwh
    return least.ravel(), most.ravel()


def schedules_of(problem: LeaderProblem, columns: Floats) -> Schedules:
    """Return the columns (3 N T,) of `balance_matrix` as schedules."""
    parts = columns.reshape(3, *problem.load_kwh.shape)
    return Schedules(charge_kwh=parts[0], discharge_kwh=parts[1], stored_kwh=parts[2])


def profit_eur(problem: LeaderProblem, price_eur_per_kwh: Floats, schedules: Schedules) -> float:
    """Return what the leader earns at prices (T,) when batteries do `schedules`."""
    drawn = (problem.load_kwh + schedules.added_kwh).sum(axis=0)
    return float((price_eur_per_kwh - problem.wholesale_eur_per_kwh) @ drawn)


def answers(problem: LeaderProblem, price_eur_per_kwh: Floats) -> Answers:
    """Return the followers' best answers to prices (T,), solved exactly.

    One linear programme gives the multipliers; whatever is complementary to them is a best answer
    (value differences below `TIE_EUR_PER_KWH` count as ties), and two more programmes find the one
    of these that costs the leader least and most.
    """
    rows = (balance_matrix(problem), balance_values(problem))
    least, most = battery_bounds(problem)
    count, zeros = len(problem.load_kwh), np.zeros(problem.load_kwh.size)

    def solve(price: Floats, low: Floats, high: Floats) -> Minimum:
        cost = np.concatenate([np.tile(price, count), np.tile(-price, count), zeros])
        return minimise(cost, (low, high), equal=rows)

    any_best = solve(price_eur_per_kwh, least, most)
    reduced, columns = any_best.reduced_cost, any_best.columns
    low = np.where(reduced < -TIE_EUR_PER_KWH, most, least)
    high = np.where(reduced > TIE_EUR_PER_KWH, least, most)
    # Rounding must not empty the face: the answer already found belongs to it.
    low, high = np.minimum(low, columns), np.maximum(high, columns)
    lam = problem.wholesale_eur_per_kwh
    best = schedules_of(problem, solve(lam - price_eur_per_kwh, low, high).columns)
    worst = schedules_of(problem, solve(price_eur_per_kwh - lam, low, high).columns)
    added = schedules_of(problem, columns).added_kwh
    return Answers(
        best=best,
        worst=worst,
        optimistic_eur=profit_eur(problem, price_eur_per_kwh, best),
        pessimistic_eur=profit_eur(problem, price_eur_per_kwh, worst),
        bill_eur=np.asarray((problem.load_kwh + added) @ price_eur_per_kwh),
    )


def draw_problem(prosumers: int, intervals: int, *, seed: int) -> LeaderProblem:
    """Draw a day of `intervals` hours that together hold one daily cycle.

    Wholesale prices are 0.14 EUR/kWh, 0.04 less at midday, 0.05 more in the evening, with noise of
    0.015. Homes draw 0.3 to 1 kW, twice that in the evening; two of three have 2 to 8 kWp of solar
    power. Batteries hold 4 to 12 kWh, fill in 2 to 4 hours, lose 3 to 8 % each way and begin half
    full. The same seed gives the same problem.
    """
    generator = np.random.default_rng(seed)
    hour = (np.arange(intervals) + 0.5) * 24.0 / intervals
    midday = np.exp(-0.5 * ((hour - 13.0) / 3.0) ** 2)
    evening = np.exp(-0.5 * ((hour - 19.5) / 2.0) ** 2)
    wholesale = 0.14 - 0.04 * midday + 0.05 * evening + 0.015 * generator.standard_normal(intervals)
    base = generator.uniform(0.3, 1.0, (prosumers, 1))
    noise = generator.uniform(0.7, 1.3, (prosumers, intervals))
    solar = generator.uniform(2.0, 8.0, (prosumers, 1)) * (generator.random((prosumers, 1)) < 2 / 3)
    capacity = generator.uniform(4.0, 12.0, prosumers)
    return LeaderProblem(
        wholesale_eur_per_kwh=np.maximum(wholesale, 0.05),
        load_kwh=base * (1.0 + evening) * noise - 0.6 * solar * midday,
        capacity_kwh=capacity,
        power_kwh=capacity / generator.uniform(2.0, 4.0, prosumers),
        efficiency=1.0 - generator.uniform(0.03, 0.08, prosumers),
        initial_kwh=0.5 * capacity,
    )
