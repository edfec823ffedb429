"""Both sides of the game as vectorised environments of Stable-Baselines3, on the batched core.

One process, one batch: rows are environments for the leader, and pairs of environment and
prosumer for the followers. All episodes end in the same step, by termination and never by a time
limit, so that no value is asked for beyond an end. The next episode begins at once: the
observation returned is its first, that of the end is in the row's `terminal_observation`.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from cosim.envs.episodes import Episodes, Singles
from cosim.envs.follower_encoding import ACTIONS
from cosim.envs.follower_episodes import FollowerEpisodes, ProsumerSettings
from cosim.envs.infos import Infos
from cosim.envs.leader_episodes import LeaderEpisodes, LeaderSettings
from cosim.envs.spaces import Box, follower_spaces, leader_spaces
from cosim.envs.worlds import Worlds
from cosim.errors import PolicyError
from cosim.records import Booleans, Floats
from cosim.simulation import Followers, Leader

Rows = int | Iterable[int] | None
Step = tuple[Singles, Floats, Booleans, list[dict[str, Any]]]


class _BatchedVecEnv(VecEnv):
    """What both sides share. Rewards keep double precision."""

    render_mode = None

    def __init__(self, episodes: Episodes, rows: int, spaces: tuple[Box, Box]) -> None:
        self._episodes = episodes
        self._generator = np.random.default_rng()
        self._actions: NDArray[Any] | None = None
        super().__init__(rows, *spaces)

    @abstractmethod
    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> Singles:
        """Begin an episode; return what every row sees."""

    @abstractmethod
    def _play(self, actions: NDArray[Any]) -> tuple[Singles, Floats, list[dict[str, Any]]]:
        """Return what every row sees next, its reward and its infos."""

    def reset(self) -> Singles:
        """Begin an episode in all rows, in the world of the seed given to `seed` if any."""
        seed, options = self._seeds[0], self._options[0]
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        observation = self._begin(seed, options)
        self._facts()
        self._reset_seeds()
        self._reset_options()
        return observation

    def step(self, actions: NDArray[Any]) -> Step:
        """Play a step of all rows."""
        self.step_async(actions)
        return self.step_wait()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions of all rows for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> Step:
        """Play the actions kept; rows that end carry their `terminal_observation`."""
        if self._actions is None:
            raise PolicyError("step_wait: no actions were given, call step_async first")
        actions, self._actions = self._actions, None
        observation, reward, infos = self._play(actions)
        over = self._episodes.over
        if over:
            infos = [
                {**info, "terminal_observation": end, "TimeLimit.truncated": False}
                for info, end in zip(infos, observation, strict=True)
            ]
            observation = self._begin(None, None)
            self._facts()
        return observation, reward, np.full(self.num_envs, over), infos

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def get_attr(self, attr_name: str, indices: Rows = None) -> list[Any]:
        """Return the attribute once a row; all rows share one environment."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Rows = None) -> None:
        """Set the attribute for all rows.

        Raises:
            PolicyError: only some rows are meant.
        """
        self._need_all(indices, attr_name)
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Rows = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method once and return what it gives once a row.

        Raises:
            PolicyError: only some rows are meant.
        """
        self._need_all(indices, method_name)
        return [getattr(self, method_name)(*method_args, **method_kwargs)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Rows = None) -> list[bool]:
        """Return that no row is wrapped."""
        return [False for _ in self._get_indices(indices)]

    def _facts(self) -> None:
        self.reset_infos = [dict(self._episodes.facts)] * self.num_envs

    def _need_all(self, indices: Rows, name: str) -> None:
        if set(self._get_indices(indices)) != set(range(self.num_envs)):
            raise PolicyError(f"{name}: all rows share one environment, leave indices out")


class LeaderVecEnv(_BatchedVecEnv):
    """Rows are environments; a step is a day."""

    def __init__(
        self,
        worlds: Worlds,
        *,
        followers: Followers | None = None,
        settings: LeaderSettings | None = None,
    ) -> None:
        """Take worlds of as many environments as rows, and the followers that answer.

        Raises:
            PolicyError: worlds of fewer days than an episode.
        """
        self.episodes = LeaderEpisodes(worlds, followers=followers, settings=settings)
        super().__init__(self.episodes, self.episodes.environments, leader_spaces())

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> Singles:
        return self.episodes.begin(self._generator, seed=seed, options=options)

    def _play(self, actions: NDArray[Any]) -> tuple[Singles, Floats, list[dict[str, Any]]]:
        observation, reward = self.episodes.step(actions)
        return observation, reward, by_row(self.episodes.infos())


class FollowerVecEnv(_BatchedVecEnv):
    """Rows are prosumers of environment 0, then those of environment 1 and so on."""

    def __init__(
        self,
        worlds: Worlds,
        *,
        leader: Leader | None = None,
        stand_in: Followers | None = None,
        settings: ProsumerSettings | None = None,
        row_infos: bool = False,
    ) -> None:
        """Take worlds, the leader, and who stands in for the prosumers on forecasts.

        Args:
            worlds: what is played on.
            leader: announces prices; near the forecast wholesale price if None.
            stand_in: answers for the prosumers where a day is played on forecasts before it
                begins; bids as planned if None.
            settings: how the game is put.
            row_infos: tell every row its infos in every step; takes nearly half as long again as
                playing it. Without, rows share empty infos, and `infos` and `grid_infos` tell of
                all rows as arrays.

        Raises:
            PolicyError: worlds of fewer days than an episode.
        """
        self.episodes = FollowerEpisodes(
            worlds, leader=leader, stand_in=stand_in, settings=settings
        )
        self._shape = (self.episodes.environments, self.episodes.prosumers)
        self.row_infos = row_infos
        rows = self._shape[0] * self._shape[1]
        self._nothing: list[dict[str, Any]] = [{}] * rows
        super().__init__(self.episodes, rows, follower_spaces())

    def infos(self) -> Infos:
        """Return the numbers of `PROSUMER_INFOS` for the interval played last, a row each."""
        return {name: values.reshape(-1) for name, values in self.episodes.infos().items()}

    def grid_infos(self) -> Infos:
        """Return those of `GRID_INFOS` and `BID_INFOS`, an environment each."""
        return self.episodes.grid_infos()

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> Singles:
        return self._flat(self.episodes.begin(self._generator, seed=seed, options=options))

    def _play(self, actions: NDArray[Any]) -> tuple[Singles, Floats, list[dict[str, Any]]]:
        actions = np.asarray(actions)
        if actions.shape != (self.num_envs, len(ACTIONS)):
            raise PolicyError(
                f"step: actions of shape {actions.shape} given; "
                f"{(self.num_envs, len(ACTIONS))} is needed: {', '.join(ACTIONS)} of every row"
            )
        seen, reward = self.episodes.step(actions.reshape(*self._shape, len(ACTIONS)))
        infos = by_row(self.infos()) if self.row_infos else self._nothing
        return self._flat(seen), reward.reshape(-1), infos

    def _flat(self, seen: Singles) -> Singles:
        return seen.reshape(self.num_envs, -1)


def by_row(infos: Infos) -> list[dict[str, Any]]:
    """Return one dictionary a row."""
    columns = [values.tolist() for values in infos.values()]
    return [dict(zip(infos, row, strict=True)) for row in zip(*columns, strict=True)]
