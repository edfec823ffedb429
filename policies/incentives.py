"""How `cosim compare` measures what followers could gain by acting otherwise."""

from functools import partial

import numpy as np

from cosim.game import Game
from cosim.prosumers.devices import initial_state
from cosim.records import World
from cosim.scoring.metrics import open_positions_eur
from cosim.simulation import Policies
from cosim.studies.incentives import Happened, Incentives, Probe
from policies.forecast_exploitability import forecast_exploitability, sampled_deviators
from policies.regret import regret_of
from policies.yardstick_case import Span, case_of


def probe_of(prosumers_max: int) -> Probe:
    """Return the probe that looks at up to `prosumers_max` owners of a battery or a vehicle."""
    return Probe(prosumers_max, partial(_measured, prosumers_max))


def _measured(
    prosumers_max: int, game: Game, world: World, policies: Policies, happened: Happened
) -> Incentives:
    """Measure both figures on the same prosumers."""
    chosen = sampled_deviators(game, prosumers_max)
    believed = forecast_exploitability(game, world, policies, chosen)
    start = initial_state(game.fleet)
    held = open_positions_eur(
        game.fleet, start, retail=game.retail_eur_per_kwh, feed_in=game.feed_in_eur_per_kwh
    )
    # Yardsticks count what stores hold at the end, figures of days what they gained.
    played = happened.prosumer_cost_eur - held
    starts = world.calendar.day_start
    regrets = []
    for environment in range(len(played)):
        span = Span(int(starts[0]), int(starts[-1]), environment, game.wear_eur_per_kwh)
        case = case_of(game, world.actual, happened.signal, start, span)
        local = happened.local_eur_per_kwh[:, environment]
        regrets.append(regret_of(case, local, played[environment], chosen))
    return Incentives(
        prosumers=len(chosen),
        gain_eur=believed.gain_eur.sum(axis=1),
        saving_eur=believed.saving_eur.sum(axis=1),
        regret_eur=np.array([each.regret_eur.sum() for each in regrets]),
        most_saving_eur=np.array([(each.idle_eur - each.least_eur).sum() for each in regrets]),
    )
