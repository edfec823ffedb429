"""Good prices fast: climb from many starts, each climb a few linear programmes.

Given prices, the followers' answer that the leader likes best is a linear programme; given that
answer, so are the most profitable prices at which it stays a best one. Repeating both never loses
profit and ends after finitely many turns. Starts lie between the prices of the largest unavoidable
bill, where followers have most ties, and the wholesale prices.
"""

from dataclasses import dataclass

from cosim.records import Floats
from policies.leader_duality import Duals, duals_of, prices_keeping
from policies.leader_problem import Answers, LeaderProblem, answers

STEPS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Starts: shares of the way from the unavoidable bill's prices to the wholesale prices."""


@dataclass(frozen=True, slots=True, eq=False)
class Climbed:
    """Where climbing ended."""

    price_eur_per_kwh: Floats  # (T,) the best prices, ties left to the leader's liking
    answers: Answers  # to them
    bound_eur: float  # no prices earn more, whatever followers do with ties


def profit_bound(problem: LeaderProblem, duals: Duals) -> tuple[Floats, float]:
    """Return prices (T,) of the largest unavoidable bill, and a bound of any profit in EUR.

    The leader earns what followers pay, at most that bill, less what their energy costs, at least
    what it costs if they store as it likes.
    """
    found, bill = prices_keeping(problem, duals, None)
    cheapest = answers(problem, problem.wholesale_eur_per_kwh).bill_eur.sum()
    return found[: problem.load_kwh.shape[1]], bill - float(cheapest)


def climb(
    problem: LeaderProblem, duals: Duals, price_eur_per_kwh: Floats
) -> tuple[Floats, Answers]:
    """Return prices (T,) that no turn improves, and the answers to them, starting from prices."""
    price, reply = price_eur_per_kwh, answers(problem, price_eur_per_kwh)
    while True:
        found, _ = prices_keeping(problem, duals, reply.best.columns)
        better = found[: len(price)]
        answer = answers(problem, better)
        if answer.optimistic_eur <= reply.optimistic_eur + 1e-7:
            return price, reply
        price, reply = better, answer


def climb_from_many(problem: LeaderProblem) -> Climbed:
    """Return the best of the climbs from all `STEPS`."""
    duals = duals_of(problem)
    hardest, bound = profit_bound(problem, duals)
    wholesale = problem.wholesale_eur_per_kwh
    ends = [climb(problem, duals, hardest + step * (wholesale - hardest)) for step in STEPS]
    price, reply = max(ends, key=lambda end: end[1].optimistic_eur)
    return Climbed(price_eur_per_kwh=price, answers=reply, bound_eur=bound)
