"""Prosumers as a PettingZoo environment: all bid at once, interval by interval."""

from typing import Any, ClassVar

import numpy as np
from pettingzoo import ParallelEnv

from cosim.envs.episodes import Singles
from cosim.envs.follower_encoding import ACTIONS
from cosim.envs.follower_episodes import FollowerEpisodes, ProsumerSettings
from cosim.envs.leader_env import require_one
from cosim.envs.spaces import Box, follower_spaces
from cosim.envs.worlds import Worlds
from cosim.errors import PolicyError
from cosim.simulation import Followers, Leader

Told = dict[str, Any]


class ProsumerEnv(ParallelEnv[str, Singles, Singles]):  # type: ignore[misc] # pettingzoo has no types
    """One game in which every prosumer is an agent: `prosumer_0`, `prosumer_1`, ...

    All agents live until the episode ends by termination. `reset(seed=...)` plays the world of
    that seed from its first day; without a seed the next days of the world follow, see
    `cosim.envs.episodes`.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "cosim_prosumers_v0",
        "render_modes": [],
        "is_parallelizable": True,
    }
    render_mode = None

    def __init__(
        self,
        worlds: Worlds,
        *,
        leader: Leader | None = None,
        stand_in: Followers | None = None,
        settings: ProsumerSettings | None = None,
    ) -> None:
        """Take worlds of one environment, the leader, and who stands in for the prosumers.

        Args:
            worlds: what is played on.
            leader: announces prices; near the forecast wholesale price if None.
            stand_in: answers for the prosumers where a day is played on forecasts before it
                begins; bids as planned if None.
            settings: how the game is put.

        Raises:
            PolicyError: worlds of several environments, or of fewer days than an episode.
        """
        self.episodes = FollowerEpisodes(
            worlds, leader=leader, stand_in=stand_in, settings=settings
        )
        require_one(self.episodes.environments, "policies.vec_env.FollowerVecEnv")
        self.possible_agents = [f"prosumer_{n}" for n in range(self.episodes.prosumers)]
        self.agents: list[str] = []
        # Each agent has its own spaces: they draw from generators of their own.
        pairs = {agent: follower_spaces() for agent in self.possible_agents}
        self.observation_spaces = {agent: pair[0] for agent, pair in pairs.items()}
        self.action_spaces = {agent: pair[1] for agent, pair in pairs.items()}
        self._generator = np.random.default_rng()

    def observation_space(self, agent: str) -> Box:
        """Return what `agent` can see."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Box:
        """Return what `agent` can do."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Singles], dict[str, Told]]:
        """Begin an episode; `options` may name the `day` of the world to begin with."""
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        seen = self.episodes.begin(self._generator, seed=seed, options=options)
        self.agents = self.possible_agents.copy()
        return self._by_agent(seen[0]), {agent: dict(self.episodes.facts) for agent in self.agents}

    def step(
        self, actions: dict[str, Singles]
    ) -> tuple[
        dict[str, Singles], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Told]
    ]:
        """Play one interval.

        An agent's infos are those of `cosim.envs.infos.PROSUMER_INFOS`; its entry `grid` holds the
        numbers of the whole game, one dictionary that all agents share.

        Raises:
            PolicyError: an agent's action is missing, of another shape or not finite.
        """
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise PolicyError(
                f"step: {len(missing)} of {len(self.agents)} agents have no action, the first is "
                f"{missing[0]}; every agent acts in every interval"
            )
        for agent in self.agents:
            if np.shape(actions[agent]) != (len(ACTIONS),):
                raise PolicyError(
                    f"step: {agent} acts with shape {np.shape(actions[agent])}; ({len(ACTIONS)},) "
                    f"is needed: {', '.join(ACTIONS)}"
                )
        chosen = [actions[agent] for agent in self.agents]
        seen, reward = self.episodes.step(np.array(chosen)[None])
        over, acted = self.episodes.over, self.agents
        if over:
            self.agents = []
        return (
            self._by_agent(seen[0]),
            {agent: float(reward[0, n]) for n, agent in enumerate(acted)},
            dict.fromkeys(acted, over),
            dict.fromkeys(acted, False),
            self._infos(),
        )

    def _by_agent(self, seen: Singles) -> dict[str, Singles]:
        return dict(zip(self.possible_agents, seen, strict=True))

    def _infos(self) -> dict[str, Told]:
        own = self.episodes.infos()
        grid = {name: float(values[0]) for name, values in self.episodes.grid_infos().items()}
        columns = [values[0].tolist() for values in own.values()]
        return {
            agent: dict(zip(own, values, strict=True)) | {"grid": grid}
            for agent, values in zip(self.possible_agents, zip(*columns, strict=True), strict=True)
        }
