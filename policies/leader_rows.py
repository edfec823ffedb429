"""Days side by side that a leader learns from."""

import copy
from typing import Any

import numpy as np

from cosim.errors import PolicyError
from cosim.records import Floats
from policies.vec_env import LeaderVecEnv


class LeaderRows(LeaderVecEnv):
    """Keeps what the days brought, and rewards what they bring beyond the action of zeros.

    What a day brings hangs on its weather and prices far more than on what is announced. The same
    day is therefore played with the action of zeros first, and that is taken off: it does not
    depend on what the leader does, so the best leader stays the best.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        """Take what `LeaderVecEnv` takes."""
        super().__init__(*args, **named)
        self.profits: list[float] = []
        """What each decision brought, EUR, nothing taken off."""
        self._plain: Floats = np.zeros(self.num_envs)

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> Any:
        seen = super()._begin(seed, options)
        other = copy.copy(self.episodes)
        other.session = self.episodes.session.fork()
        self._plain = np.zeros(self.num_envs)
        zeros = np.zeros(self.action_space.shape or ())
        while not other.over:
            self._plain += other.step(np.tile(zeros, (self.num_envs, 1)))[1]
        return seen

    def _play(self, actions: Any) -> Any:
        seen, reward, infos = super()._play(actions)
        self.profits += [float(value) for value in reward]
        if not np.isfinite(reward).all():
            rows = ", ".join(str(row) for row in np.flatnonzero(~np.isfinite(reward)))
            raise PolicyError(
                f"leader training: the profit of a day is not a number in environments {rows}; "
                "look for missing prices or limits in the scenario"
            )
        less, self._plain = self._plain, np.zeros_like(self._plain)  # once a day
        return seen, reward - less, infos
