"""Followers that act by one learned policy, the same for all of them."""

from dataclasses import dataclass

import numpy as np

from cosim.envs.follower_encoding import ACTIONS, flexible, follower_action, observe
from cosim.records import FollowerAction
from cosim.views import FollowerView
from policies.ppo import ActorCritic


@dataclass(frozen=True, slots=True, eq=False)
class LearnedFollowers:
    """Reservation prices by a shared policy, as distance from the values of the plan.

    Works for any number of prosumers on any feeder, because what a prosumer owns is in what the
    policy sees and who it is is not.
    """

    policy: ActorCritic
    half_spread_eur_per_kwh: float

    def __call__(self, view: FollowerView) -> FollowerAction:
        """Return the policy's mean action; those without a device to decide about do nothing."""
        decides = flexible(view.fleet)
        raw = np.zeros((*decides.shape, len(ACTIONS)), np.float32)
        same = self.policy.constant()
        if same is not None:
            raw[decides] = same  # without looking, which takes most of the time
        elif decides.any():
            raw[decides] = self.policy.best(observe(view, decides))
        return follower_action(
            raw,
            retail=view.retail_eur_per_kwh,
            feed_in=view.feed_in_eur_per_kwh,
            half_spread=self.half_spread_eur_per_kwh,
        )
