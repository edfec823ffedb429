"""Training of the followers: whole days in the full market, under leaders drawn at random.

The leader's prices are drawn from everything it may announce, corners included, and are in what
followers see: they learn to answer any leader, not the one of the day (contextual followers), so
the leader can be trained afterwards against answers that stay right.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from cosim.envs.follower_encoding import ACTIONS, OBSERVATIONS, flexible, follower_action, observe
from cosim.envs.leader_encoding import ACTIONS as LEADER_ACTIONS
from cosim.envs.leader_encoding import TariffSet, announced
from cosim.game import Game, make_game
from cosim.grid.power_flow import PowerFlow
from cosim.inputs.world import build_world
from cosim.interval import Day
from cosim.prosumers.devices import initial_state
from cosim.records import Floats, FollowerAction, Signal, World
from cosim.scenario import Scenario
from cosim.scenario_moves import scenario_at
from cosim.scoring.rewards import network_penalties, prosumer_rewards
from cosim.session import Session
from cosim.studies.held_out import HELD_OUT_SEEDS
from cosim.views import FollowerView, LeaderView
from networks.feeder import Feeder
from policies.ppo import ActorCritic, Batch, Learner, Losses, PpoSettings, Singles
from policies.prosumer import LearnedFollowers
from policies.shaping import potential, unshifted_bill

SEED_STREAM = 9_001
"""Keeps the draws of training apart from those of the worlds it is played on."""


FOLLOWER_PPO = PpoSettings(
    learning_rate=1.5e-3, minibatches=16, discount=1.0, gae_lambda=0.8, log_std_start=-1.5
)
ANY_TARIFF = TariffSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowerTraining:
    """How followers are trained."""

    iterations: int = 40
    """Days played, each in all environments, and updates made."""
    environments: int = 8
    days: int = 2
    """Days of an episode; plans know that it ends, and stores are then valued as everywhere."""
    passes: int = 2
    """How often plans are made anew before a day that is learned from; fewer than in play, because
    most of the way is behind after two and each takes time."""
    ppo: PpoSettings = FOLLOWER_PPO
    tariff: TariffSet = ANY_TARIFF
    network_weight: float = 0.0
    """Weight of the own marginal share in broken limits, where the market does not charge it."""


def any_leader(view: LeaderView, draws: np.random.Generator, tariff: TariffSet) -> Signal:
    """Draw a leader for every environment: uniform in its box, some in its corners."""
    count = view.day_ahead_eur_per_kwh.shape[1]
    raw = draws.uniform(-1.0, 1.0, (count, len(LEADER_ACTIONS)))
    corner = draws.random(count) < 0.2
    raw[corner] = np.sign(raw[corner])
    return announced(view, raw, tariff)


@dataclass(frozen=True, slots=True)
class Progress:
    """What one iteration did."""

    iteration: int
    samples: int  # rows learned from
    gain_eur_per_prosumer_day: float  # mean shaped reward: gain over the plan's expectation
    losses: Losses


class FollowerTrainer:
    """Plays days and improves the policy, iteration by iteration; resumable."""

    def __init__(
        self,
        scenario: Scenario,
        feeder: Feeder,
        days: Sequence[datetime.date],
        settings: FollowerTraining,
        *,
        seed: int,
    ) -> None:
        """Prepare training on `days`, one drawn for each iteration."""
        self.scenario, self.settings, self.seed = scenario, settings, seed
        self.days = list(days)
        self.power_flow = PowerFlow(feeder)
        self.feeder = feeder
        torch.manual_seed(seed)
        policy = ActorCritic(
            OBSERVATIONS,
            len(ACTIONS),
            hidden=settings.ppo.hidden,
            log_std=settings.ppo.log_std_start,
        )
        policy.set_constant([0.0] * len(ACTIONS))
        self.learner = Learner(policy, settings.ppo, seed=seed)
        self.iteration = 0
        self.leader: Callable[[LeaderView], Signal] | None = None
        """Whose prices half of the environments see, jittered; None: all prices are drawn."""

    @property
    def followers(self) -> LearnedFollowers:
        """Return the policy as it is now."""
        return LearnedFollowers(
            self.learner.policy, self.scenario.followers.half_spread_eur_per_kwh
        )

    @property
    def finished(self) -> bool:
        """Whether all iterations are done."""
        return self.iteration >= self.settings.iterations

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs to go on exactly as if nothing had happened."""
        return {"learner": self.learner.state(), "iteration": self.iteration}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` returned."""
        self.learner.restore(state["learner"])
        self.iteration = state["iteration"]

    def step(self) -> Progress:
        """Play a day in all environments and learn from it."""
        draws = np.random.default_rng(
            np.random.SeedSequence(self.seed, spawn_key=(SEED_STREAM, self.iteration))
        )
        game, world = self._draw_world(draws)
        batch = self._collect(game, world, draws)
        losses = self.learner.update(batch, done=self.iteration / self.settings.iterations)
        self.iteration += 1
        rows = int(batch.alive.sum())
        return Progress(
            iteration=self.iteration,
            samples=rows,
            gain_eur_per_prosumer_day=float(batch.reward.sum(axis=0)[batch.alive[0]].mean()),
            losses=losses,
        )

    def _draw_world(self, draws: np.random.Generator) -> tuple[Game, World]:
        """Draw who lives on the feeder, the day, and what happens on it."""
        day = self.days[int(draws.integers(len(self.days)))]
        seed = int(draws.integers(HELD_OUT_SEEDS))
        scenario = scenario_at(self.scenario, day, self.settings.days, seed=seed)
        world = build_world(scenario, self.feeder, environments=self.settings.environments)
        return make_game(scenario, self.power_flow, world), world

    def _prices(self, view: LeaderView, draws: np.random.Generator) -> Signal:
        """Draw a leader for every environment: half of them the current one, jittered."""
        count = view.day_ahead_eur_per_kwh.shape[1]
        drawn = any_leader(view, draws, self.settings.tariff)
        if self.leader is None:
            return drawn
        known, kept = self.leader(view), draws.random(count) < 0.5
        jitter = draws.normal(0.0, 0.005, (2, 1, count))
        span = (view.feed_in_eur_per_kwh, view.retail_eur_per_kwh)
        sell = np.clip(known.sell_eur_per_kwh + jitter[0], *span)
        buy = np.clip(known.buy_eur_per_kwh + jitter[1], sell, span[1])
        return Signal(
            buy_eur_per_kwh=np.where(kept, buy, drawn.buy_eur_per_kwh),
            sell_eur_per_kwh=np.where(kept, sell, drawn.sell_eur_per_kwh),
        )

    def _collect(self, game: Game, world: World, draws: np.random.Generator) -> Batch:
        """Play the day; return what flexible prosumers saw, did and got."""
        session = Session(game, world, passes=self.settings.passes, bidding=False, ending=True)
        session.reset(state=self._start(game, draws))
        decides = flexible(game.fleet)
        noise = torch.Generator().manual_seed(int(draws.integers(1 << 31)))
        columns: dict[str, list[Singles]] = {
            name: [] for name in ("observation", "action", "log_probability", "value", "reward")
        }
        held: Floats | None = None  # what stores were worth after the interval before
        valued: Day | None = None  # by whose plan
        while not session.run_over:
            if session.day_over:
                session.announce(self._prices(session.leader_view(), draws), self.followers)
            view = session.follower_view()
            seen = observe(view, decides)
            action, density, value = self.learner.policy.sample(seen, noise)
            known = held if view.day is valued else None
            standing = potential(game.fleet, view.day, view.state, None) if known is None else known
            asked = standing - potential(game.fleet, view.day, view.state, world.actual)
            before = (standing if held is None else held) - asked
            record = session.trade(self._act(action, decides, view))
            held, valued = potential(game.fleet, view.day, record.state, None), view.day
            reward = (
                prosumer_rewards(
                    record, wear_eur_per_kwh=game.wear_eur_per_kwh, interval_h=game.interval_h
                )
                + unshifted_bill(view, record.clearing.price_eur_per_kwh)
                + held
                - before
                - self._penalty(record.validation.net_kwh, game, record)
            )
            for name, values in (
                ("observation", seen),
                ("action", action),
                ("log_probability", density),
                ("value", value),
                ("reward", (reward / np.maximum(game.fleet.homes, 1e-9))[decides]),
            ):
                columns[name].append(values.astype(np.float32, copy=False))
        stacked = {name: np.stack(values) for name, values in columns.items()}
        return Batch(**stacked, alive=np.ones(stacked["reward"].shape, np.bool_))

    def _penalty(self, net_kwh: Floats, game: Game, record: Any) -> Floats:
        if self.settings.network_weight == 0.0:
            return np.zeros_like(net_kwh)
        return self.settings.network_weight * network_penalties(record, game.fleet.bus)

    def _start(self, game: Game, draws: np.random.Generator) -> Any:
        """Return a state with batteries anywhere between empty and full."""
        start = initial_state(game.fleet)
        filled = draws.uniform(0.0, 1.0, game.fleet.bus.shape)
        return replace(start, battery_kwh=filled * game.fleet.battery_kwh)

    def _act(self, action: Singles, decides: np.ndarray, view: FollowerView) -> FollowerAction:
        raw = np.zeros((*decides.shape, len(ACTIONS)), np.float32)
        raw[decides] = action
        return follower_action(
            raw,
            retail=view.retail_eur_per_kwh,
            feed_in=view.feed_in_eur_per_kwh,
            half_spread=self.scenario.followers.half_spread_eur_per_kwh,
        )
