"""Which followers are kept: nobody takes a place without being better in the same worlds.

It begins with fictitious play itself, which is actions of zeros, exactly. A search for constant
actions and then PPO propose; the trials decide. What is kept at the end is fictitious play, or
followers that passed a one-sided test in the trial worlds. Several tests are made in the same
worlds, so that is no proof that they are better: held-out days have to show it.
"""

import copy
from typing import Any

import numpy as np

from cosim.envs.follower_encoding import ACTIONS
from cosim.records import Floats
from cosim.studies.held_out import HELD_OUT_SEEDS, training_days
from policies.follower_search import SEARCH_STEP, search
from policies.follower_training import FollowerTrainer
from policies.follower_trials import TRIAL_SPANS, Trials, better, prepare_trials, saving
from policies.prosumer import LearnedFollowers
from policies.registry import leader_of

SEARCH_STREAM = 9_003
"""Keeps the draws of a search apart from all others of a training."""

SEARCH_SPANS = 16
"""Days on which a search tries actions; each search draws its own."""


class Selection:
    """The followers that are kept, and the worlds in which others are tried against them."""

    def __init__(self, trainer: FollowerTrainer, *, passes: int) -> None:
        """Keep what `trainer` begins with."""
        self.trainer, self.passes = trainer, passes
        self.kept = self._weights()
        self.searches = 0
        self.centre: Floats = np.zeros(len(ACTIONS))  # where the next search begins
        self._trials: Trials | None = None
        self._costs: Floats | None = None  # of those that are kept

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return {
            "kept": copy.deepcopy(self.kept),
            "searches": self.searches,
            "centre": [float(each) for each in self.centre],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` returned."""
        self.kept, self._costs = state["kept"], None
        self.searches, self.centre = int(state["searches"]), np.array(state["centre"])

    def search(self) -> dict[str, float]:
        """Search for constant actions once, and try what was found."""
        days = self.trainer.days
        draws = np.random.default_rng(
            np.random.SeedSequence(self.trainer.seed, spawn_key=(SEARCH_STREAM, self.searches))
        )
        starts = [
            (days[int(draws.integers(len(days)))], int(draws.integers(HELD_OUT_SEEDS)))
            for _ in range(SEARCH_SPANS)
        ]
        worlds = self._prepared(starts)
        self.searches += 1
        found = search(
            lambda action: worlds.costs(self._constant(action)),
            self.centre,
            SEARCH_STEP / self.searches,
        )
        self.centre = found.action
        self.trainer.learner.policy.set_constant(list(found.action))
        figures = {
            "saving_eur_per_day": found.saving_eur_per_day,
            "policies_tried": float(found.tried),
            **{name: float(each) for name, each in zip(ACTIONS, found.action, strict=True)},
        }
        return figures | self.attempt()

    def attempt(self) -> dict[str, float]:
        """Try the trainer's followers as they are against those that are kept; keep the better."""
        if self._trials is None:
            self._trials = self._prepared(trial_starts())
        if self._costs is None:
            self._costs = self._trials.costs(self._followers(self.kept))
        tried = self._trials.costs(self.trainer.followers)
        mean, error = saving(tried, self._costs)
        taken = better(tried, self._costs)
        if taken:
            self.kept, self._costs = self._weights(), tried
        return {
            "tried_saving_eur_per_day": mean,
            "tried_error_eur_per_day": error,
            "taken": float(taken),
        }

    def settle(self) -> None:
        """Let the trainer go on with the followers that are kept."""
        self.trainer.learner.policy.load_state_dict(self.kept)

    def _weights(self) -> dict[str, Any]:
        return copy.deepcopy(self.trainer.learner.policy.state_dict())

    def _constant(self, action: Floats) -> LearnedFollowers:
        followers = self._followers(self.kept)
        followers.policy.set_constant(list(action))
        return followers

    def _followers(self, weights: dict[str, Any]) -> LearnedFollowers:
        policy = copy.deepcopy(self.trainer.learner.policy)
        policy.load_state_dict(weights)
        return LearnedFollowers(policy, self.trainer.followers.half_spread_eur_per_kwh)

    def _prepared(self, starts: Any) -> Trials:
        trainer = self.trainer
        return prepare_trials(
            trainer.scenario,
            trainer.power_flow,
            starts,
            leader=leader_of(trainer.scenario),
            tariff=trainer.settings.tariff,
            passes=self.passes,
        )


def trial_starts() -> list[tuple[Any, int]]:
    """Return days of training weeks, spread over the year, with seeds that learning never draws."""
    days = training_days()
    places = np.linspace(0, len(days) - 1, TRIAL_SPANS + 2)[1:-1].astype(int)
    return [(days[place], HELD_OUT_SEEDS - 1_000 - int(place)) for place in places]
