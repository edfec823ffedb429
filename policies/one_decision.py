"""Games in which everybody decides once, learned by the learners that play days.

Followers, or any agents among their like, learn one policy by the shared-parameter PPO; a leader
learns by stable-baselines3, followers frozen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from cosim.envs.one_decision_env import OneDecisionGame
from cosim.envs.spaces import boxes
from cosim.records import Floats
from policies.leader import LeaderTraining, new_model
from policies.ppo import ActorCritic, Batch, Learner, PpoSettings

Singles = NDArray[np.float32]


class AgentGame(Protocol):
    """What R situations are like and what N agents get for what they do in each."""

    @property
    def actions(self) -> int:
        """Numbers an agent chooses."""

    def draw(self, generator: np.random.Generator, rows: int) -> Floats:
        """Return random situations (R, C)."""

    def observe(self, situation: Floats) -> Singles:
        """Return what the agents see (R, N, observations)."""

    def reward(self, situation: Floats, action: Singles) -> Floats:
        """Return what the agents get (R, N) for actions (R, N, actions)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTraining:
    """How long agents learn, and from how many situations a batch."""

    batches: int
    rows: int
    ppo: PpoSettings


SMOOTH_PROFITS = LeaderTraining(
    environments=2048, days=4, minibatch=2048, epochs=8, log_std_start=-1.5
)
"""Settings for profits without noise: many situations, few updates."""


def learn_agents(game: AgentGame, training: AgentTraining, *, seed: int) -> ActorCritic:
    """Return one policy for all agents; the same seed gives the same policy."""
    generator = np.random.default_rng(seed)
    settings = training.ppo
    observations = game.observe(game.draw(generator, 1)).shape[-1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = ActorCritic(
            observations, game.actions, hidden=settings.hidden, log_std=settings.log_std_start
        )
    learner = Learner(policy, settings, seed=seed)
    for batch in range(training.batches):
        situation = game.draw(generator, training.rows)
        observation = game.observe(situation)
        action, density, value = policy.sample(observation, learner.generator)
        reward = game.reward(situation, action).astype(np.float32)
        learner.update(
            Batch(
                observation=observation.reshape(1, reward.size, observations),
                action=action.reshape(1, reward.size, game.actions),
                log_probability=density.reshape(1, -1),
                value=value.reshape(1, -1),
                reward=reward.reshape(1, -1),
                alive=np.ones((1, reward.size), np.bool_),
            ),
            done=batch / training.batches,
        )
    return policy


def learn_leader(
    game: OneDecisionGame, settings: LeaderTraining, *, updates: int, seed: int
) -> Callable[[Floats], Singles]:
    """Return what the leader does (R, actions) in situations (R, C), learned against frozen others.

    A situation counts as an environment of the settings, and as a day.
    """
    rows = OneDecisionVecEnv(game, settings.environments, seed=seed)
    model = new_model(settings, seed=seed, spaces=(rows.observation_space, rows.action_space))
    model.set_env(rows)
    model.learning_rate = lambda left: settings.learning_rate * left
    model._setup_lr_schedule()
    model.learn(settings.environments * settings.days * updates)

    def act(situation: Floats) -> Singles:
        return np.asarray(model.predict(game.observe(situation), deterministic=True)[0])

    return act


class OneDecisionVecEnv(VecEnv):
    """Situations of a leader's game side by side; each ends with its one decision."""

    render_mode = None

    def __init__(self, game: OneDecisionGame, rows: int, *, seed: int) -> None:
        """Draw the first `rows` situations."""
        self.game, self.generator = game, np.random.default_rng(seed)
        self.situation = game.draw(self.generator, rows)
        self.reward = np.zeros(rows, np.float32)
        observations = game.observe(self.situation).shape[-1]
        super().__init__(rows, *boxes(observations, game.actions))

    def reset(self) -> Singles:
        """Draw new situations and return what the leader sees of them."""
        self.situation = self.game.draw(self.generator, self.num_envs)
        return self.game.observe(self.situation)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Play the decisions."""
        self.reward = self.game.reward(self.situation, actions).astype(np.float32)

    def step_wait(self) -> tuple[Singles, Singles, NDArray[np.bool_], list[dict[str, Any]]]:
        """Return new situations and the rewards of the last ones, all of which are over."""
        seen = self.game.observe(self.situation)
        ended = [{"terminal_observation": row, "TimeLimit.truncated": False} for row in seen]
        return self.reset(), self.reward, np.ones(self.num_envs, np.bool_), ended

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute, the same for all situations."""
        return [getattr(self, attr_name)] * len(self._chosen(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of all situations."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **named: Any) -> Any:
        """Raise: situations are rows of arrays and have no methods."""
        raise NotImplementedError(f"{method_name}: situations have no methods of their own")

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Return that nothing is wrapped."""
        return [False] * len(self._chosen(indices))

    def _chosen(self, indices: Any) -> Sequence[int]:
        return list(self._get_indices(indices))
