"""What a leader that learns earns of the bound at 20 prosumers and 24 intervals, beside controls.

Arguments: seconds the bound of each day is searched (110), days that are judged (0 1 2 3).
Everything is the least that announced prices earn however followers break ties, in shares of the
bound; guiding prices announced as they are, after one turn, and after all turns that gain.
"""

import sys
import time

import numpy as np

from cosim.records import Floats
from policies.leader_game import (
    MANY_DAYS,
    MANY_DAYS_UPDATES,
    ONE_DAY,
    ONE_DAY_UPDATES,
    TURNS_MAX,
    LeaderPricing,
    Singles,
    drawn_days,
)
from policies.leader_milp import best_prices
from policies.leader_problem import answers, draw_problem
from policies.one_decision import learn_leader

PROSUMERS, INTERVALS = 20, 24
LEARNED_FROM, HELD_OUT = range(1000, 2500), range(100, 300)


def shares(game: LeaderPricing, seeds: list[int], action: Singles, bound: Floats) -> str:
    """Return the shares of the bound of each day, after no turn, one, and all."""
    found = []
    for turns in (0, 1, TURNS_MAX):
        announced = game.announced(game.situations, action, turns=turns)
        worst = [
            answers(
                draw_problem(PROSUMERS, INTERVALS, seed=seed), prices.price_eur_per_kwh
            ).pessimistic_eur
            for seed, prices in zip(seeds, announced, strict=True)
        ]
        share = np.array(worst) / bound
        found.append(f"{np.round(100.0 * share, 1)} mean {100.0 * share.mean():.1f} %")
    return " | ".join(found)


def main() -> None:
    np.set_printoptions(linewidth=150)
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 110.0
    seeds = [int(word) for word in sys.argv[2:]] or [0, 1, 2, 3]
    bound = []
    for seed in seeds:
        begun = time.process_time()
        programme = best_prices(draw_problem(PROSUMERS, INTERVALS, seed=seed), time_limit_s=limit)
        bound.append(programme.bound_eur)
        print(
            f"day {seed}: programme, tilted {programme.tilted_eur:.4f} EUR, bound "
            f"{programme.bound_eur:.4f}: {programme.tilted_eur / programme.bound_eur:.4f}, "
            f"{time.process_time() - begun:.0f} s of processor",
            flush=True,
        )
    limits = np.array(bound)
    game = drawn_days(PROSUMERS, INTERVALS, seeds)
    zero = np.zeros((len(seeds), game.actions), np.float32)
    print("zero action:", shares(game, seeds, zero, limits), flush=True)
    generator = np.random.default_rng(0)
    for spread in (0.14, 1.0):
        drawn = generator.uniform(-1.0, 1.0, (len(seeds), game.actions)).astype(np.float32)
        print(
            f"one random action within {spread:g}:",
            shares(game, seeds, spread * drawn, limits),
            flush=True,
        )
    for at, seed in enumerate(seeds):
        begun = time.process_time()
        alone = drawn_days(PROSUMERS, INTERVALS, [seed])
        act = learn_leader(alone, ONE_DAY, updates=ONE_DAY_UPDATES, seed=0)
        spent = time.process_time() - begun
        reached = shares(alone, [seed], act(alone.situations), limits[[at]])
        print(f"day {seed} learned in {spent:.0f} s:", reached, flush=True)
    begun = time.process_time()
    act = learn_leader(
        drawn_days(PROSUMERS, INTERVALS, LEARNED_FROM),
        MANY_DAYS,
        updates=MANY_DAYS_UPDATES,
        seed=0,
    )
    spent = time.process_time() - begun
    reached = shares(game, seeds, act(game.situations), limits)
    print(f"learned from {len(LEARNED_FROM)} other days in {spent:.0f} s:", reached, flush=True)
    many = drawn_days(PROSUMERS, INTERVALS, HELD_OUT)
    learned = act(many.situations)
    everyday = np.broadcast_to(learned.mean(axis=0), learned.shape)
    for turns in (1, TURNS_MAX):
        zeros, same, chosen = (
            np.array(
                [each.profit_eur for each in many.announced(many.situations, action, turns=turns)]
            )
            for action in (np.zeros_like(learned), everyday, learned)
        )
        more = chosen - zeros
        print(
            f"{len(HELD_OUT)} held-out days, {turns} turns at most: zero action {zeros.mean():.3f} "
            f"EUR, learned {more.mean():+.3f} +- {more.std() / np.sqrt(len(more)):.3f}, its mean "
            f"action every day {(same - zeros).mean():+.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
