"""From prices that say what followers should do to prices that make the most of it.

*Guiding prices* are answered; the answer is kept, and a small linear programme finds the prices of
the price set at which it still is a best one and the leader earns most. Tilted by `TILT` these are
announced. By the argument of `leader_milp` the leader then earns at least the share ``1 - TILT`` of
what the programme says, however followers break ties: a profit that needs no look at ties.

The programme has one column for each price and for the value of a stored kWh in each stretch of
time in which a battery is neither empty nor full: there the value cannot change. Bounds on
multipliers become bounds on the difference of price and value, so no multipliers are needed.
"""

from dataclasses import dataclass

import numpy as np

from cosim.errors import PolicyError
from cosim.records import Floats
from policies.battery_answers import answers_to
from policies.leader_milp import TILT, tilt
from policies.leader_problem import LeaderProblem, Schedules, answers, profit_eur
from policies.solver import Rows, make_solver, read_columns

SAME_KWH = 1e-7
"""Quantities nearer to a bound are at it."""

BETTER_EUR = 1e-7
"""Smallest gain for which improving goes on."""


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """Prices to announce, and what they earn at least."""

    price_eur_per_kwh: Floats  # (T,) of the price set, tilted
    profit_eur: float  # whatever followers do with ties


def allowed(problem: LeaderProblem, price_eur_per_kwh: Floats) -> Floats:
    """Return prices (T,) of the price set: cut to the box, then drawn towards its lower end."""
    low = problem.lowest_eur_per_kwh
    price = np.clip(price_eur_per_kwh, low, problem.highest_eur_per_kwh)
    excess = price.mean() - problem.highest_mean_eur_per_kwh
    share = excess / (price - low).mean() if excess > 0.0 else 0.0
    return np.asarray(price - share * (price - low))


def prices_for(problem: LeaderProblem, schedules: Schedules) -> Floats:
    """Return the most profitable prices (T,) of the set at which `schedules` are a best answer.

    Raises:
        PolicyError: there are no such prices.
    """
    count, length = problem.load_kwh.shape
    eta = np.broadcast_to(problem.efficiency[:, None], (count, length))
    stored = schedules.stored_kwh[:, :-1]
    full = stored >= problem.capacity_kwh[:, None] - SAME_KWH
    empty = stored <= SAME_KWH
    begins = np.ones((count, length), np.bool_)
    begins[:, 1:] = full | empty
    value = length + np.cumsum(begins.ravel()).reshape(count, length) - 1
    price = np.broadcast_to(np.arange(length), (count, length))
    most = np.broadcast_to(problem.power_kwh[:, None], (count, length))

    rows = Rows()
    for quantity, sign, per_value in (
        (schedules.charge_kwh, 1.0, eta),
        (schedules.discharge_kwh, -1.0, 1.0 / eta),
    ):
        at = rows.between(
            np.where(quantity < most - SAME_KWH, 0.0, -np.inf).ravel(),
            np.where(quantity > SAME_KWH, 0.0, np.inf).ravel(),
        ).reshape(count, length)
        rows.enter(at, price, sign)
        rows.enter(at, value, -sign * per_value)
    change = full | empty
    at = rows.between(np.where(full[change], -np.inf, 0.0), np.where(empty[change], np.inf, 0.0))
    rows.enter(at, value[:, :-1][change], 1.0)
    rows.enter(at, value[:, 1:][change], -1.0)
    mean = rows.at_most(np.array([problem.highest_mean_eur_per_kwh]))
    rows.enter(np.repeat(mean, length), np.arange(length), 1.0 / length)

    values = int(value[-1, -1]) + 1 - length
    drawn = (problem.load_kwh + schedules.added_kwh).sum(axis=0)
    free = np.full(values, np.inf)
    bounds = [(problem.lowest_eur_per_kwh, problem.highest_eur_per_kwh), (-free, free)]
    solver = make_solver([-drawn, np.zeros(values)], bounds, rows, 0.0)
    try:
        columns, _ = read_columns(solver)
    except RuntimeError as error:
        raise PolicyError(f"prices that keep schedules: {error}") from error
    return columns[:length]


def priced(problem: LeaderProblem, guiding_eur_per_kwh: Floats, *, turns: int = 1) -> Priced:
    """Return what guiding prices (T,) lead to.

    With no turns they are announced themselves, cut to the price set. In a turn the answer is kept
    and its prices found; a further turn begins at these, and turns end where they gain nothing.
    """
    price = allowed(problem, guiding_eur_per_kwh)
    answer = answers_to(problem, tilt(problem, price))
    if turns == 0:
        announced = tilt(problem, price)
        return Priced(announced, answers(problem, announced).pessimistic_eur)
    earned = -np.inf
    for _ in range(turns):
        found = prices_for(problem, answer)
        better = profit_eur(problem, found, answer)
        if better <= earned + BETTER_EUR:
            break
        price, earned = found, better
        answer = answers_to(problem, tilt(problem, price))
    return Priced(tilt(problem, price), (1.0 - TILT) * earned)
