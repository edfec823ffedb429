"""Measure how far followers are from their best answers: regret and gain of single deviators.

A week of held-out days on the default scenario. *Regret* is what a follower loses against knowing
the prices that came about (upper bound: it holds the value of knowing the future). *Gain knowing
the future* is what one battery owner gains by bidding amounts that move the price, all others'
curves frozen, as a share of what its flexibility saves. *Forecast exploitability* is what an owner
of a battery or a vehicle gains likewise where everything comes out as forecast: what followers
could gain without knowing more than they do.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from cosim.game import make_game
from cosim.grid.power_flow import PowerFlow
from cosim.inputs.world import build_world
from cosim.prosumers.devices import initial_state
from cosim.scenario import Run, Scenario
from cosim.session import Session
from cosim.simulation import Policies, play_day
from cosim.studies.held_out import HELD_OUT_SEEDS, held_out_weeks
from networks.catalog import load_feeder
from policies.exploitability import Deviator, best_deviation
from policies.forecast_exploitability import forecast_exploitability, sampled_deviators
from policies.players import PLAYERS
from policies.registry import trained
from policies.regret import follower_regret

DEVIATORS = 12


def main() -> None:
    """Measure and print; arguments: days (2) and a folder of a training."""
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    folder = None if len(sys.argv) < 3 else sys.argv[2]
    scenario = Scenario()
    run = Run(start=held_out_weeks()[5], days=days, seed=HELD_OUT_SEEDS)
    scenario = scenario.model_copy(update={"run": run})
    feeder = load_feeder("cigre_lv")
    world = build_world(scenario, feeder)
    game = make_game(scenario, PowerFlow(feeder), world)
    players = {
        name: PLAYERS[name](scenario).policies for name in ("water_value", "fictitious_play")
    }
    leader = players["fictitious_play"].leader
    learned = trained(None if folder is None else Path(folder))
    players["learned followers"] = replace(learned, leader=leader)
    for name, policies in players.items():
        measure(name, game, world, policies)


def measure(name: str, game, world, policies: Policies) -> None:  # type: ignore[no-untyped-def]
    """Play and print."""
    session = Session(game, world, passes=policies.passes, ending=True)
    days = []
    while not session.run_over:
        days.append(play_day(session, policies))
    wear, start = game.wear_eur_per_kwh, initial_state(game.fleet)
    found = follower_regret(game, world, days, start, wear_eur_per_kwh=wear)
    saved = float((found.idle_eur - found.least_eur).sum())
    owners = np.flatnonzero(game.fleet.battery_kwh[0] > 0.0)
    chosen = owners[np.linspace(0, len(owners) - 1, DEVIATORS).astype(int)]
    gain = sum(
        max(
            best_deviation(
                game, world, days, start, Deviator(int(owner)), wear_eur_per_kwh=wear
            ).gain_eur,
            0.0,
        )
        for owner in chosen
    )
    saves = float((found.idle_eur - found.played_eur)[chosen].sum())
    print(
        f"{name:20s} regret {found.regret_eur.sum():8.2f} EUR = "
        f"{100.0 * found.regret_eur.sum() / saved:5.1f} % of the best saving; "
        f"{len(chosen)} deviators who know the future gain {gain:6.2f} EUR = "
        f"{100.0 * gain / saves:5.2f} % of theirs"
    )
    began = time.process_time()
    who = sampled_deviators(game, DEVIATORS)
    alone = forecast_exploitability(game, world, policies, who)
    print(
        f"{'':20s} on forecasts {len(who)} deviators gain {alone.gain_eur.sum():6.2f} EUR = "
        f"{100.0 * alone.share:5.2f} % of theirs, found in {time.process_time() - began:.1f} s"
    )


if __name__ == "__main__":
    main()
