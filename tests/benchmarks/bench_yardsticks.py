"""Seconds and euros of the solved yardsticks: `python tests/benchmarks/bench_yardsticks.py 7 50`.

Arguments: days, and the largest number of prosumers (left out: the scenario's own).
"""

import resource
import sys
import time
from dataclasses import replace

from cosim.game import make_game
from cosim.grid.power_flow import PowerFlow
from cosim.inputs.world import build_world
from cosim.prosumers.devices import initial_state
from cosim.scenario import Scenario
from cosim.simulation import play_days
from networks.catalog import load_feeder
from policies.optimum import community_optimum
from policies.receding_horizon import Horizon, receding_horizon
from policies.registry import policies_of
from policies.regret import follower_regret, idle_schedule
from policies.yardstick_case import Span, carry_out, case_of, played_costs_eur, signal_of

WEAR = 0.005


def main(days: int, prosumers_max: int | None) -> None:
    settings = {"run": {"days": days}, "community": {"prosumers_max": prosumers_max}}
    scenario = Scenario.model_validate(settings)
    feeder = load_feeder(scenario.feeder.name)
    world = build_world(scenario, feeder)
    game = make_game(scenario, PowerFlow(feeder), world)
    state = initial_state(game.fleet)
    played, secure = (
        list(play_days(replace(game, rule=rule), world, policies_of(scenario)))
        for rule in ("none", "optimal")
    )
    signal, span = signal_of(played), Span(0, int(world.calendar.day_start[-1]), 0, WEAR)
    case = case_of(game, world.actual, signal, state, span)
    print(f"{case.fleet.bus.shape[1]} prosumers, {days} days; EUR, seconds of processor time")
    print(f"idle {carry_out(case, idle_schedule(case)).cost_eur:.2f}")
    for name, record in (("none", played), ("optimal", secure)):
        paid = played_costs_eur(game, record, wear_eur_per_kwh=WEAR).sum()
        print(f"water-value bidders, rule {name} {paid:.2f}")
    for with_grid in (False, True):
        began = time.process_time()
        best = community_optimum(game, world, signal, state, span, with_grid=with_grid)
        print(
            f"optimum, with grid {with_grid}: {best.cost_eur:.2f}, bound {best.bound_eur:.2f}, "
            f"{best.rounds} rounds, worst excess {best.worst_excess:.1e}, secure {best.secure}, "
            f"{time.process_time() - began:.2f} s"
        )
    began = time.process_time()
    regret = follower_regret(game, world, played, state, wear_eur_per_kwh=WEAR)
    print(
        f"regret: mean share {regret.mean_share:.3f}, worst {regret.worst_share:.3f}, "
        f"{time.process_time() - began:.2f} s"
    )
    if days == 1:
        for every in (4, 1):
            began = time.process_time()
            done = receding_horizon(game, world, signal, state, span, Horizon(every=every))
            print(
                f"receding horizon, every {every}: {done.cost_eur:.2f}, "
                f"{time.process_time() - began:.2f} s"
            )
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
