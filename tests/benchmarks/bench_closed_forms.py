"""What learners reach beside closed forms, and leaders beside the bound of their programme."""

import time

import numpy as np

from policies.leader_ascent import climb_from_many
from policies.leader_milp import best_prices
from policies.leader_problem import draw_problem
from tests.policies.learned_games import (
    day_price_game,
    facility_game,
    one_price_game,
    pool_game,
    supplier_game,
    two_price_game,
)

GAMES = (
    *(one_price_game, day_price_game, two_price_game),
    *(pool_game, facility_game, supplier_game),
)


def main() -> None:
    np.set_printoptions(precision=4, suppress=True)
    for prosumers, intervals in ((3, 8), (5, 12), (3, 24), (8, 24), (20, 24)):
        problem = draw_problem(prosumers, intervals, seed=0)
        begun = time.process_time()
        climbed = climb_from_many(problem)
        climbing = time.process_time() - begun
        begun, wall = time.process_time(), time.perf_counter()
        found = best_prices(problem, time_limit_s=60.0)
        print(
            f"{prosumers:3d} x {intervals:2d}: climbing {climbed.answers.optimistic_eur:.4f} EUR "
            f"in {climbing:.1f} s (linear bound {climbed.bound_eur:.4f}); programme "
            f"{found.optimistic_eur:.4f}, tilted {found.tilted_eur:.4f}, bound "
            f"{found.bound_eur:.4f}, tilted / bound {found.tilted_eur / found.bound_eur:.4f}, "
            f"{time.process_time() - begun:.1f} s of processor, {time.perf_counter() - wall:.1f} s",
            flush=True,
        )
    for game in GAMES:
        reached = ", ".join(
            f"{name} {value:.5g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in game(0).items()
        )
        print(f"{game.__name__}: {reached}", flush=True)


if __name__ == "__main__":
    main()
