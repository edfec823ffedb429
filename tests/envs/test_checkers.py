"""Checkers of the three libraries find nothing; warnings are errors."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from pettingzoo.test import parallel_api_test, parallel_seed_test
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3
from stable_baselines3.common.vec_env import VecCheckNan, VecMonitor

import cosim.envs
from cosim.envs.follower_episodes import ProsumerSettings
from cosim.envs.leader_env import LeaderEnv, LeaderVectorEnv
from cosim.envs.prosumer_env import ProsumerEnv
from cosim.scenario import FeederSettings, Run, Scenario
from cosim.scenario import ProsumerSettings as Owner
from policies.vec_env import FollowerVecEnv, LeaderVecEnv
from tests.envs.short_worlds import short_worlds

ALONE = short_worlds(1, prosumers=2)
SIDE_BY_SIDE = short_worlds(2, prosumers=2)
SCENARIO = Scenario(
    run=Run(days=1),
    feeder=FeederSettings(name="three_bus"),
    prosumers=(
        Owner(bus=1, pv_kwp=8.0, battery_kwh=8.0, battery_kw=4.0),
        Owner(bus=2, vehicle_kw=11.0, heat_pump_kw=4.0),
    ),
)


def test_gymnasium_finds_nothing() -> None:
    env = gymnasium.make(cosim.envs.LEADER, scenario=SCENARIO)
    check_env(env.unwrapped)


def test_a_registered_batch_is_the_batch() -> None:
    env = gymnasium.make_vec(
        cosim.envs.LEADER,
        num_envs=2,
        vectorization_mode="vector_entry_point",
        scenario=SCENARIO,
        autoreset_mode="SameStep",
    )
    assert isinstance(env, LeaderVectorEnv)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observation, _ = env.reset(seed=1)
    assert observation in env.observation_space
    observation, reward, *_, infos = env.step(env.action_space.sample())
    assert observation in env.observation_space
    assert reward.shape == (2,)
    assert infos["_final_obs"].all()


def test_stable_baselines_finds_nothing() -> None:
    check_env_of_sb3(LeaderEnv(ALONE))


def test_pettingzoo_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    parallel_api_test(ProsumerEnv(ALONE), num_cycles=30)
    assert "Passed" in capsys.readouterr().out
    parallel_seed_test(lambda: ProsumerEnv(ALONE), num_cycles=10)


def test_the_prosumers_of_a_scenario_are_agents() -> None:
    env = cosim.envs.make_prosumer_env(SCENARIO)
    seen, infos = env.reset(seed=4)
    assert env.agents == ["prosumer_0", "prosumer_1"]
    assert all(seen[agent] in env.observation_space(agent) for agent in env.agents)
    assert infos["prosumer_1"] == {"world_seed": 4, "day": 0}


def test_ppo_learns_through_the_leaders_batch() -> None:
    env = VecMonitor(VecCheckNan(LeaderVecEnv(SIDE_BY_SIDE), raise_exception=True))
    model = PPO("MlpPolicy", env, n_steps=2, batch_size=4, n_epochs=1, gamma=0.0, device="cpu")
    before = [each.detach().clone() for each in model.policy.parameters()]
    model.learn(4)
    assert model.num_timesteps == 4
    assert len(model.ep_info_buffer or ()) == 4
    assert any(
        not old.equal(new) for old, new in zip(before, model.policy.parameters(), strict=True)
    )


def test_sac_keeps_terminal_observations_of_prosumers() -> None:
    env = FollowerVecEnv(SIDE_BY_SIDE, settings=ProsumerSettings(days=1))
    model = SAC(
        "MlpPolicy", env, learning_starts=8, buffer_size=400, gradient_steps=1, device="cpu"
    )
    model.learn(4 * 26)
    buffer = model.replay_buffer
    assert buffer is not None
    ends = np.flatnonzero(buffer.dones[:26, 0])
    assert ends.tolist() == [23]
    day_left = 2
    assert np.all(buffer.next_observations[23, :, day_left] == 0.0)
    assert np.all(buffer.observations[24, :, day_left] == 1.0)
