"""The leader as a Gymnasium environment: one game at a time, or many side by side."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from cosim.envs.episodes import Singles
from cosim.envs.infos import Infos
from cosim.envs.leader_episodes import LeaderEpisodes, LeaderSettings
from cosim.envs.spaces import leader_spaces
from cosim.envs.worlds import Worlds
from cosim.errors import PolicyError
from cosim.records import Booleans, Floats
from cosim.simulation import Followers


class LeaderEnv(gymnasium.Env[Singles, Singles]):
    """One game: a step is a day, the reward the aggregator's profit of it.

    Episodes end by termination; nothing is truncated. `reset(seed=...)` plays the world of that
    seed from its first day; without a seed the next days of the world follow, see
    `cosim.envs.episodes`.
    """

    def __init__(
        self,
        worlds: Worlds,
        *,
        followers: Followers | None = None,
        settings: LeaderSettings | None = None,
    ) -> None:
        """Take worlds of one environment, and the followers that answer the leader.

        Raises:
            PolicyError: worlds of several environments, or of fewer days than an episode.
        """
        self.episodes = LeaderEpisodes(worlds, followers=followers, settings=settings)
        require_one(self.episodes.environments, "LeaderVectorEnv")
        self.metadata = {"render_modes": []}
        self.observation_space, self.action_space = leader_spaces()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """Begin an episode; `options` may name the `day` of the world to begin with."""
        super().reset(seed=seed)
        observation = self.episodes.begin(self.np_random, seed=seed, options=options)
        return observation[0], dict(self.episodes.facts)

    def step(self, action: Singles) -> tuple[Singles, float, bool, bool, dict[str, Any]]:
        """Announce, play the day, return its profit; infos are those of `cosim.envs.infos`."""
        observation, reward = self.episodes.step(np.asarray(action)[None])
        infos = {name: float(values[0]) for name, values in self.episodes.infos().items()}
        return observation[0], float(reward[0]), self.episodes.over, False, infos


class LeaderVectorEnv(VectorEnv[Singles, Singles, Any]):
    """Many games side by side on one batched core; all their episodes end in the same step.

    Rows are the environments of one world: `reset(seed=...)` takes one seed for all of them.
    """

    def __init__(
        self,
        worlds: Worlds,
        *,
        followers: Followers | None = None,
        settings: LeaderSettings | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        """Take worlds of as many environments as rows, and the followers that answer.

        Raises:
            PolicyError: worlds of fewer days than an episode.
            ValueError: an unknown autoreset mode.
        """
        self.episodes = LeaderEpisodes(worlds, followers=followers, settings=settings)
        self.num_envs = self.episodes.environments
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {"render_modes": [], "autoreset_mode": self.autoreset_mode}
        self.single_observation_space, self.single_action_space = leader_spaces()
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """Begin an episode in all rows; `options` as in `LeaderEnv` besides a `reset_mask`.

        Raises:
            PolicyError: one seed a row, or a mask that leaves rows out: they share a calendar.
        """
        if seed is not None and not isinstance(seed, (int, np.integer)):
            raise PolicyError(
                f"reset: seed is {type(seed).__name__}; one whole number for all rows is needed, "
                "each row draws from its own stream of it"
            )
        mask = (options or {}).get("reset_mask")
        if mask is not None and not np.all(mask):
            raise PolicyError(
                "reset: the mask leaves rows out; all rows play the same days and begin together"
            )
        super().reset(seed=seed)
        return self._begin(seed, options)

    def step(self, actions: Singles) -> tuple[Singles, Floats, Booleans, Booleans, dict[str, Any]]:
        """Announce in every row, play the day, return the profits (B,).

        After the end of an episode: `NEXT_STEP` ignores the actions and begins anew, with rewards
        of zero; `SAME_STEP` has begun anew already, the end's observation and infos are in
        `final_obs` and `final_info`; `DISABLED` waits for a reset.
        """
        nothing = np.zeros(self.num_envs, np.bool_)
        if self.episodes.over and self.autoreset_mode is AutoresetMode.NEXT_STEP:
            observation, infos = self._begin(None, None)
            return observation, np.zeros(self.num_envs), nothing, nothing.copy(), infos
        observation, reward = self.episodes.step(actions)
        infos = self._masked(self.episodes.infos())
        ended = np.full(self.num_envs, self.episodes.over)
        if self.episodes.over and self.autoreset_mode is AutoresetMode.SAME_STEP:
            final = np.empty(self.num_envs, object)
            final[:] = list(observation)
            observation, begun = self._begin(None, None)
            infos = begun | self._masked({"final_obs": final, "final_info": infos})
        return observation, reward, ended, nothing, infos

    def _begin(
        self, seed: int | None, options: dict[str, Any] | None
    ) -> tuple[Singles, dict[str, Any]]:
        observation = self.episodes.begin(self.np_random, seed=seed, options=options)
        facts = {name: np.full(self.num_envs, fact) for name, fact in self.episodes.facts.items()}
        return observation, self._masked(facts)

    def _masked(self, infos: Infos | dict[str, Any]) -> dict[str, Any]:
        """Return `infos` with, beside every key, which rows have it: all."""
        return {
            key: value
            for name, values in infos.items()
            for key, value in ((name, values), (f"_{name}", np.ones(self.num_envs, np.bool_)))
        }


def require_one(environments: int, other: str) -> None:
    """Raise unless worlds have one environment."""
    if environments != 1:
        raise PolicyError(
            f"worlds of {environments} environments given; one is allowed here, {other} plays many"
        )
