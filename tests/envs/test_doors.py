"""The same seed and actions give the same through every door, bit for bit."""

from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from cosim.envs import follower_encoding, leader_encoding
from cosim.envs.episodes import MiddlePrices, PlannedBids
from cosim.envs.follower_episodes import ProsumerSettings
from cosim.envs.leader_env import LeaderEnv, LeaderVectorEnv
from cosim.envs.leader_episodes import LeaderSettings
from cosim.envs.prosumer_env import ProsumerEnv
from cosim.scoring.metrics import open_positions_eur
from cosim.scoring.rewards import leader_reward, network_penalties, prosumer_rewards
from cosim.session import Session
from policies.vec_env import FollowerVecEnv, LeaderVecEnv
from tests.envs.short_worlds import ENVIRONMENTS, PROSUMERS, TIGHT, short_worlds, single

SEED = 5
WORLDS = short_worlds(scale=TIGHT)
LEADER = LeaderSettings(days=2, passes=1, refused_penalty_eur_per_kwh=0.3)
PROSUMER = ProsumerSettings(days=2, passes=1, half_spread_eur_per_kwh=0.01, network_weight=0.5)
INTERVALS = 48


@pytest.fixture(scope="module")
def leader_actions() -> np.ndarray:
    shape = (LEADER.days, ENVIRONMENTS, len(leader_encoding.ACTIONS))
    return np.random.default_rng(1).uniform(-1.2, 1.2, shape).astype(np.float32)


@pytest.fixture(scope="module")
def led(leader_actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what leaders see before each day, and rewards, from the loop over a session."""
    game, world = WORLDS(SEED)
    session, follow = Session(game, world, passes=LEADER.passes), PlannedBids()
    seen, rewards = [], []
    for action in leader_actions:
        view = session.leader_view()
        seen.append(leader_encoding.observe(view))
        bid = session.announce(leader_encoding.announced(view, action, LEADER.tariff), follow)
        assert bid is not None
        refused = np.abs(bid.offered_kwh - bid.validated_kwh)
        reward = np.zeros(ENVIRONMENTS)
        while not session.day_over:
            reward += leader_reward(session.trade(follow(session.follower_view())))
        penalty = np.array([each.copy().sum() for each in refused.T])
        rewards.append(reward - LEADER.refused_penalty_eur_per_kwh * penalty)
    return np.array(seen), np.array(rewards)


@pytest.mark.parametrize("b", range(ENVIRONMENTS))
def test_one_leader_is_paid_as_in_the_session(
    b: int, leader_actions: np.ndarray, led: tuple[np.ndarray, np.ndarray]
) -> None:
    env = LeaderEnv(single(WORLDS, b), settings=LEADER)
    observation, _ = env.reset(seed=SEED)
    for day, action in enumerate(leader_actions[:, b]):
        np.testing.assert_array_equal(observation, led[0][day, b])
        observation, reward, terminated, truncated, infos = env.step(action)
        assert reward == led[1][day, b]
        penalty = LEADER.refused_penalty_eur_per_kwh * infos["bid_refused_kwh"]
        assert reward == pytest.approx(infos["aggregator_eur"] - penalty, abs=1e-12)
        assert (terminated, truncated) == (day == LEADER.days - 1, False)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_leaders_side_by_side_are_paid_as_in_the_session(
    mode: AutoresetMode, leader_actions: np.ndarray, led: tuple[np.ndarray, np.ndarray]
) -> None:
    env = LeaderVectorEnv(WORLDS, settings=LEADER, autoreset_mode=mode)
    observation, _ = env.reset(seed=SEED)
    for day, action in enumerate(leader_actions):
        np.testing.assert_array_equal(observation, led[0][day])
        observation, reward, ended, truncated, _ = env.step(action)
        np.testing.assert_array_equal(reward, led[1][day])
        assert np.all(ended == (day == LEADER.days - 1))
        assert not truncated.any()


def test_leaders_in_stable_baselines_are_paid_as_in_the_session(
    leader_actions: np.ndarray, led: tuple[np.ndarray, np.ndarray]
) -> None:
    env = LeaderVecEnv(WORLDS, settings=LEADER)
    env.seed(SEED)
    observation = env.reset()
    for day, action in enumerate(leader_actions):
        np.testing.assert_array_equal(observation, led[0][day])
        observation, reward, done, _ = env.step(action)
        np.testing.assert_array_equal(reward, led[1][day])
        assert np.all(done == (day == LEADER.days - 1))


@pytest.fixture(scope="module")
def follower_actions() -> np.ndarray:
    shape = (INTERVALS, ENVIRONMENTS, PROSUMERS, len(follower_encoding.ACTIONS))
    return np.random.default_rng(2).uniform(-1.2, 1.2, shape).astype(np.float32)


@pytest.fixture(scope="module")
def followed(follower_actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what prosumers see before each interval, and rewards, from the loop over a session."""
    game, world = WORLDS(SEED)
    session = Session(game, world, passes=PROSUMER.passes, ending=True)
    leader, stand_in = MiddlePrices(), PlannedBids(half_spread_eur_per_kwh=0.01)
    seen, rewards = [], []
    for raw in follower_actions:
        if session.day_over:
            session.announce(leader(session.leader_view()), stand_in)
        seen.append(follower_encoding.observe(session.follower_view()))
        record = session.trade(
            follower_encoding.follower_action(raw, retail=0.30, feed_in=0.03, half_spread=0.01)
        )
        reward = prosumer_rewards(record, wear_eur_per_kwh=0.01, interval_h=0.25)
        rewards.append(reward - 0.5 * network_penalties(record, game.fleet.bus))
    assert session.run_over
    rewards[-1] += open_positions_eur(game.fleet, session.state, retail=0.30, feed_in=0.03)
    return np.array(seen), np.array(rewards)


@pytest.mark.parametrize("b", range(ENVIRONMENTS))
def test_agents_are_paid_as_in_the_session(
    b: int, follower_actions: np.ndarray, followed: tuple[np.ndarray, np.ndarray]
) -> None:
    env = ProsumerEnv(single(WORLDS, b), settings=PROSUMER)
    seen, _ = env.reset(seed=SEED)
    for row, actions in enumerate(follower_actions[:, b]):
        np.testing.assert_array_equal(list(seen.values()), followed[0][row, b])
        seen, rewards, over, cut, _ = env.step(dict(zip(env.agents, actions, strict=True)))
        np.testing.assert_array_equal(list(rewards.values()), followed[1][row, b])
        assert set(over.values()) == {row == INTERVALS - 1}
        assert set(cut.values()) == {False}


def test_prosumers_in_stable_baselines_are_paid_as_in_the_session(
    follower_actions: np.ndarray, followed: tuple[np.ndarray, np.ndarray]
) -> None:
    env = FollowerVecEnv(WORLDS, settings=PROSUMER)
    env.seed(SEED)
    seen = env.reset()
    nothing: list[dict[str, Any]] | None = None
    for row, actions in enumerate(follower_actions):
        np.testing.assert_array_equal(seen, followed[0][row].reshape(env.num_envs, -1))
        seen, reward, done, infos = env.step(actions.reshape(env.num_envs, -1))
        np.testing.assert_array_equal(reward, followed[1][row].reshape(-1))
        assert np.all(done == (row == INTERVALS - 1))
        nothing = infos if nothing is None else nothing
        assert (infos is nothing) == (not done.any())
    assert nothing is not None
    assert not any(nothing)
