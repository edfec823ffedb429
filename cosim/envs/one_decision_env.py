"""Games of one decision as a Gymnasium environment: an episode is a situation, played once."""

from typing import Any, Protocol

import gymnasium
import numpy as np

from cosim.envs.episodes import Singles
from cosim.envs.spaces import LIMIT, boxes
from cosim.errors import PolicyError
from cosim.records import Floats


class OneDecisionGame(Protocol):
    """What R situations look like and what the decision in each of them brings."""

    @property
    def actions(self) -> int:
        """Numbers that are chosen, each from -1 to 1."""

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return random situations (R, C)."""

    def observe(self, situation: Floats) -> Singles:
        """Return what is seen of them (R, observations)."""

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return what actions (R, actions) bring (R,)."""


class OneDecisionEnv(gymnasium.Env[Singles, Singles]):
    """One situation after the other; each ends with its decision, by termination.

    `reset(seed=...)` draws the situations of that seed; without one the next is drawn. The
    observation of the end is that of the situation. Infos are empty.
    """

    def __init__(self, game: OneDecisionGame) -> None:
        """Take the game that is played."""
        self.game = game
        self.metadata = {"render_modes": []}
        observations = game.observe(game.draw(np.random.default_rng(0), 1)).shape[-1]
        self.observation_space, self.action_space = boxes(observations, game.actions)
        self._situation: Floats | None = None
        self._seen = np.zeros(observations, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """Draw a situation; `options` has no meaning here."""
        super().reset(seed=seed)
        self._situation = self.game.draw(self.np_random, 1)
        self._seen = np.clip(self.game.observe(self._situation)[0], -LIMIT, LIMIT)
        return self._seen.copy(), {}

    def step(self, action: Singles) -> tuple[Singles, float, bool, bool, dict[str, Any]]:
        """Decide.

        Raises:
            PolicyError: the situation is over, or there was none yet.
        """
        if self._situation is None:
            raise PolicyError("step: the one decision is made, or reset was not called")
        reward = self.game.reward(self._situation, np.asarray(action, np.float32)[None])
        self._situation = None
        return self._seen.copy(), float(reward[0]), True, False, {}
