"""Trials of followers: what they cost the community in the same worlds, and who is better.

Worlds are drawn from training weeks once, and everybody is tried in the same ones: days, homes,
forecast errors and announced prices. What is left in the differences is what the followers do, so
that some two dozen days tell what hundreds of unpaired ones would not.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student_t

from cosim.envs.episodes import PlannedBids
from cosim.envs.leader_encoding import TariffSet
from cosim.game import make_game
from cosim.grid.power_flow import PowerFlow
from cosim.inputs.world import build_world
from cosim.means import sum_of
from cosim.prosumers.devices import initial_state
from cosim.records import Floats, Signal
from cosim.scenario import Scenario
from cosim.scenario_moves import scenario_at
from cosim.scoring.metrics import open_positions_eur
from cosim.scoring.rewards import prosumer_rewards
from cosim.session import Session
from cosim.simulation import Followers
from cosim.views import LeaderView
from policies.follower_training import any_leader

TRIAL_SPANS, TRIAL_WORLDS = 30, 2
"""Days of training weeks on which followers are tried, and worlds drawn for each."""

CONFIDENCE = 0.95
"""One-sided, that followers are better than those that were kept, for them to take their place."""

ANY_LEADER_EVERY = 3
"""Of so many days one is played under prices drawn from all that may be announced."""


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Days that can be played again and again, each with the prices announced for it.

    What is expected of the market comes of planned bids and is the same for all who are tried: it
    is settled once.
    """

    days: tuple[Session, ...]  # each announced, before its first interval

    def costs(self, followers: Followers) -> Floats:
        """Return what a day costs the community in each world, (worlds,), EUR."""
        return np.concatenate([_cost(session, followers) for session in self.days])


def prepare_trials(
    scenario: Scenario,
    power_flow: PowerFlow,
    starts: Sequence[tuple[datetime.date, int]],
    *,
    leader: Callable[[LeaderView], Signal],
    tariff: TariffSet,
    passes: int,
) -> Trials:
    """Return a trial for each of `starts`, days and the seeds of their worlds.

    In every second world batteries begin anywhere between empty and full. Most days have the
    prices of `leader`, the others any of `tariff`. Without `passes` nothing is expected of the
    market but what planned bids on forecasts give.
    """
    days = []
    for number, (day, seed) in enumerate(starts):
        moved = scenario_at(scenario, day, 1, seed=seed)
        world = build_world(moved, power_flow.feeder, environments=TRIAL_WORLDS)
        game = make_game(moved, power_flow, world)
        draws = np.random.default_rng(np.random.SeedSequence(seed))
        start = initial_state(game.fleet)
        filled = draws.uniform(0.0, 1.0, game.fleet.bus.shape) * game.fleet.battery_kwh
        filled[::2] = start.battery_kwh[::2]
        session = Session(game, world, passes=passes, bidding=False, ending=True)
        session.reset(state=replace(start, battery_kwh=filled))
        view = session.leader_view()
        drawn = number % ANY_LEADER_EVERY == ANY_LEADER_EVERY - 1
        prices = any_leader(view, draws, tariff) if drawn else leader(view)
        session.announce(prices, PlannedBids(half_spread_eur_per_kwh=game.wear_eur_per_kwh))
        days.append(session)
    return Trials(tuple(days))


def saving(tried: Floats, kept: Floats) -> tuple[float, float]:
    """Return the mean of how much lower paired costs `tried` are than `kept`, and its error."""
    saved = kept - tried
    error = float(saved.std(ddof=1)) / len(saved) ** 0.5 if len(saved) > 1 else 0.0
    return float(saved.mean()), error


def better(tried: Floats, kept: Floats) -> bool:
    """Whether paired costs `tried` are lower than `kept`: Student's one-sided test of the mean."""
    mean, error = saving(tried, kept)
    return mean > float(student_t.ppf(CONFIDENCE, max(len(kept) - 1, 1))) * error


def _cost(waiting: Session, followers: Followers) -> Floats:
    """Return the cost of the day, (B,), EUR; `waiting` stays as it is."""
    session = waiting.fork()
    game, gain = session.game, []
    while not session.run_over:
        record = session.trade(followers(session.follower_view()))
        gain.append(
            prosumer_rewards(
                record, wear_eur_per_kwh=game.wear_eur_per_kwh, interval_h=game.interval_h
            ).sum(axis=1)
        )
    left = open_positions_eur(
        game.fleet,
        session.state,
        retail=game.retail_eur_per_kwh,
        feed_in=game.feed_in_eur_per_kwh,
    ).sum(axis=1)
    return np.asarray(-sum_of(np.stack(gain)) - left)
