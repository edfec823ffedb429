"""The pricing problem as a game that a leader learns: one decision a day, followers exact.

The leader sees a day (`LeaderPricing.observe`) and chooses five numbers from -1 to 1 (`ACTIONS`).
These make *guiding prices*

    lambda + (1 + flatness) / 2 (mean lambda - lambda) + 0.03 level
           + 0.01 (net_load z(n) + lead z(lambda_(t+1)) + lag z(lambda_(t-1)))

in EUR/kWh, with lambda the wholesale prices, n what all need without batteries, and z(.) a day's
values less their mean, divided by their standard deviation. Guiding prices decide what followers
do; at which prices they do it is solved, not learned (`leader_pricing.priced`). Zeros are half-way
from wholesale prices to a flat price.

The observation, in this order: wholesale prices (T), ``(lambda - 0.14) / 0.03``; net load per
prosumer (T), kWh; capacity per prosumer, ``kWh / 8 - 1``; hours of full power to fill it, halved,
less 1; and losses, ``100 (1 - eta) / 5 - 1``, the mean over prosumers.

The reward is what is earned beyond the zero action's profit, because days differ more than actions
do, in units of 0.001 EUR per kWh of the net loads' size. It holds whatever followers do with ties.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cosim.errors import PolicyError
from cosim.records import Floats
from policies.leader import LeaderTraining
from policies.leader_pricing import Priced, priced
from policies.leader_problem import LeaderProblem, draw_problem

Singles = NDArray[np.float32]

ACTIONS: Final = ("flatness", "level", "net_load", "lead", "lag")
"""What the leader chooses, each from -1 to 1."""

LEVEL_EUR_PER_KWH: Final = 0.03
"""What an action of one adds to all guiding prices."""

SLOPE_EUR_PER_KWH: Final = 0.01
"""What an action of one adds where the day's values are a standard deviation above their mean."""

REWARD_EUR_PER_KWH: Final = 0.001
"""Gain per kWh of the net loads' size that counts as a reward of one."""

TURNS_MAX: Final = 50
"""Turns of improvement; they end long before by gaining nothing."""

ONE_DAY = LeaderTraining(
    environments=64, days=1, minibatch=32, epochs=6, learning_rate=5e-3, log_std_start=-1.5
)
"""Settings for a leader that learns a single day: small batches, many updates."""

ONE_DAY_UPDATES: Final = 100
"""Updates after which it has learned that day."""

MANY_DAYS = LeaderTraining(
    environments=256, days=1, minibatch=64, epochs=6, learning_rate=2e-3, log_std_start=-2.0
)
"""Settings for a leader that learns for days it has not seen."""

MANY_DAYS_UPDATES: Final = 80
"""Updates after which it knows such days."""


@dataclass(frozen=True, slots=True, eq=False)
class _Day:
    """A problem with what does not depend on the action."""

    problem: LeaderProblem
    observation: Singles  # (2 T + 3,)
    middle_eur_per_kwh: Floats  # (T,) guiding prices of the zero action
    slopes_eur_per_kwh: Floats  # (5, T) what an action of one adds
    middle_eur: float  # what the zero action earns
    unit_eur: float  # gain that counts as one


class LeaderPricing:
    """Days of the same size. A situation is the number of a day (R, 1)."""

    def __init__(self, problems: Iterable[LeaderProblem]) -> None:
        """Take the days that are played.

        Raises:
            PolicyError: there are none, or they have different numbers of intervals.
        """
        days = [_day(problem) for problem in problems]
        if len({len(day.observation) for day in days}) != 1:
            raise PolicyError("leader game: needs one or more problems of as many intervals each")
        self._days: Sequence[_Day] = days

    @property
    def actions(self) -> int:
        """Numbers the leader chooses."""
        return len(ACTIONS)

    @property
    def situations(self) -> Floats:
        """All days (R, 1)."""
        return np.arange(len(self._days), dtype=np.float64)[:, None]

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return days drawn at random."""
        return generator.integers(len(self._days), size=(rows, 1)).astype(np.float64)

    def observe(self, situation: Floats) -> Singles:
        """Return what the leader sees (R, 2 T + 3); the module says what it is."""
        return np.stack([day.observation for day in self._of(situation)])

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return what is earned beyond the zero action (R,), in units of the day."""
        return np.array(
            [
                (found.profit_eur - day.middle_eur) / day.unit_eur
                for day, found in zip(
                    self._of(situation), self.announced(situation, action), strict=True
                )
            ]
        )

    def announced(self, situation: Floats, action: Singles, *, turns: int = 1) -> list[Priced]:
        """Return the prices announced on each day, and what they earn at least.

        One turn is what is learned: guiding prices, answers, the best prices that keep them. None
        announces guiding prices themselves; more than one improve on them without learning.
        """
        return [
            priced(day.problem, _guiding(day, row), turns=turns)
            for day, row in zip(self._of(situation), action, strict=True)
        ]

    def _of(self, situation: Floats) -> list[_Day]:
        return [self._days[int(number)] for number in situation[:, 0]]


def drawn_days(prosumers: int, intervals: int, seeds: Iterable[int]) -> LeaderPricing:
    """Return the game on the problems that `draw_problem` draws with `seeds`."""
    return LeaderPricing(draw_problem(prosumers, intervals, seed=seed) for seed in seeds)


def _guiding(day: _Day, action: Singles) -> Floats:
    """Return the guiding prices (T,) of an action (5,)."""
    return np.asarray(day.middle_eur_per_kwh + action.astype(np.float64) @ day.slopes_eur_per_kwh)


def _day(problem: LeaderProblem) -> _Day:
    """Return the problem as a day of the game."""
    wholesale, net = problem.wholesale_eur_per_kwh, problem.load_kwh.sum(axis=0)
    count = len(problem.load_kwh)
    half = (wholesale.mean() - wholesale) / 2.0
    shape = _standard(wholesale)
    lead, lag = np.append(shape[1:], shape[-1]), np.append(shape[0], shape[:-1])
    level = np.full(len(wholesale), LEVEL_EUR_PER_KWH)
    slopes = SLOPE_EUR_PER_KWH * np.stack([_standard(net), lead, lag])
    fleet = [
        problem.capacity_kwh.mean() / 8.0 - 1.0,
        (problem.capacity_kwh / problem.power_kwh).mean() / 2.0 - 1.0,
        100.0 * (1.0 - problem.efficiency.mean()) / 5.0 - 1.0,
    ]
    seen = np.concatenate([(wholesale - 0.14) / 0.03, net / count, fleet])
    middle = wholesale + half
    return _Day(
        problem=problem,
        observation=seen.astype(np.float32),
        middle_eur_per_kwh=middle,
        slopes_eur_per_kwh=np.concatenate([[half, level], slopes]),
        middle_eur=priced(problem, middle).profit_eur,
        unit_eur=REWARD_EUR_PER_KWH * float(np.abs(problem.load_kwh).sum()),
    )


def _standard(values: Floats) -> Floats:
    """Return values less their mean, divided by their standard deviation; zeros if all are one."""
    spread = float(values.std())
    return np.asarray((values - values.mean()) / (spread if spread > 0.0 else 1.0))
