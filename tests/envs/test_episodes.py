"""Where episodes begin and end, what is seen at the end, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from cosim.envs import follower_encoding, leader_encoding
from cosim.envs.follower_episodes import FollowerEpisodes, ProsumerSettings
from cosim.envs.leader_env import LeaderEnv, LeaderVectorEnv
from cosim.envs.leader_episodes import LeaderEpisodes, LeaderSettings
from cosim.envs.prosumer_env import ProsumerEnv
from cosim.errors import PolicyError
from policies.vec_env import FollowerVecEnv, LeaderVecEnv
from tests.envs.short_worlds import DAYS, TIGHT, short_worlds

ALONE = short_worlds(1, prosumers=3)
BATCH = short_worlds(2, prosumers=3, scale=TIGHT)
ZEROS = np.zeros((2, len(leader_encoding.ACTIONS)), np.float32)
LEADER_FIELDS, FIELDS = list(leader_encoding.FIELDS), list(follower_encoding.FIELDS)


def test_days_of_a_world_follow_and_then_a_new_world() -> None:
    env = LeaderEnv(ALONE)
    facts = []
    for seed in (7, None, None, None):
        _, info = env.reset(seed=seed)
        facts.append((info["world_seed"], info["day"]))
        env.step(ZEROS[0])
    assert facts[:2] == [(7, 0), (7, 1)]
    assert facts[2][0] != 7
    assert facts[2:] == [(facts[2][0], 0), (facts[2][0], 1)]
    env.reset(seed=7)
    _, info = env.reset()  # broken off: no day was played to its end
    assert (info["world_seed"], info["day"]) == facts[2]


def test_every_door_draws_the_same_worlds_one_after_another() -> None:
    one, row = (
        LeaderVectorEnv(BATCH, settings=LeaderSettings(days=2)),
        LeaderVecEnv(BATCH, settings=LeaderSettings(days=2)),
    )
    one.reset(seed=3)
    row.seed(3)
    row.reset()
    for _ in range(2):
        one.step(ZEROS)
        row.step(ZEROS)
    _, infos = one.reset()
    assert infos["world_seed"][0] == row.reset_infos[0]["world_seed"] != 3


def test_stores_are_left_as_they_were() -> None:
    episodes = LeaderEpisodes(ALONE)
    generator = np.random.default_rng(0)
    episodes.begin(generator, seed=1)
    episodes.step(ZEROS[:1])
    left = episodes.session.state
    episodes.begin(generator)
    assert episodes.session.state.interval == DAYS[1] == left.interval
    np.testing.assert_array_equal(episodes.session.state.battery_kwh, left.battery_kwh)
    episodes.begin(generator, options={"day": 1})
    fleet = episodes.session.game.fleet
    np.testing.assert_array_equal(episodes.session.state.battery_kwh, fleet.battery_start_kwh)
    assert not np.array_equal(left.battery_kwh, fleet.battery_start_kwh)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_every_autoreset_mode_keeps_its_promise(mode: AutoresetMode) -> None:
    env = LeaderVectorEnv(BATCH, autoreset_mode=mode)
    reference = LeaderEpisodes(BATCH)
    first = reference.begin(np.random.default_rng(2), seed=2)
    end, paid = reference.step(ZEROS)
    second = reference.begin(np.random.default_rng(2))
    observation, _ = env.reset(seed=2)
    np.testing.assert_array_equal(observation, first)
    observation, reward, ended, _, infos = env.step(ZEROS)
    np.testing.assert_array_equal(reward, paid)
    assert ended.all()
    if mode is AutoresetMode.SAME_STEP:
        np.testing.assert_array_equal(np.stack(infos["final_obs"]), end)
        assert infos["final_info"]["accepted_kwh"].shape == (2,)
        assert infos["day"].tolist() == [1, 1]
        np.testing.assert_array_equal(observation, second)
        return
    np.testing.assert_array_equal(observation, end)
    if mode is AutoresetMode.DISABLED:
        with pytest.raises(PolicyError, match="call reset first"):
            env.step(ZEROS)
        observation, _ = env.reset(options={"reset_mask": np.ones(2, np.bool_)})
    else:
        observation, reward, ended, _, _ = env.step(np.full_like(ZEROS, np.nan))
        assert not reward.any()
        assert not ended.any()
    np.testing.assert_array_equal(observation, second)


def test_the_end_of_the_leaders_day_shows_its_stores() -> None:
    env = LeaderVecEnv(BATCH)
    env.seed(4)
    first = env.reset()
    second, _, done, infos = env.step(ZEROS)
    assert done.all()
    end = np.stack([info["terminal_observation"] for info in infos])
    assert not any(info["TimeLimit.truncated"] for info in infos)
    stored, left = (LEADER_FIELDS.index(name) for name in ("stored_share", "day_left"))
    forecasts = [i for i, name in enumerate(LEADER_FIELDS) if "part" in name]
    np.testing.assert_array_equal(end[:, forecasts], first[:, forecasts])
    np.testing.assert_array_equal(end[:, stored], second[:, stored])
    assert not np.array_equal(end[:, stored], first[:, stored])
    assert not end[:, left].any()
    assert np.all(second[:, left] == 1.0)


def test_the_end_of_the_prosumers_day_shows_stores_and_the_grids_last_word() -> None:
    episodes = FollowerEpisodes(BATCH)
    env = FollowerVecEnv(BATCH)
    env.seed(6)
    env.reset()
    episodes.begin(np.random.default_rng(6), seed=6)
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (24, 2, 3, 4))
    for action in actions:
        second, _, done, infos = env.step(action.reshape(6, 4))
        end, _ = episodes.step(action)
    assert done.all()
    np.testing.assert_array_equal(
        np.stack([info["terminal_observation"] for info in infos]), end.reshape(6, -1)
    )
    state, told = episodes.session.state, episodes.infos()
    fleet = episodes.session.game.fleet
    share = state.battery_kwh / np.maximum(fleet.battery_kwh, 1e-9)
    np.testing.assert_allclose(end[:, :, FIELDS.index("stored_share")], share, rtol=1e-6)
    np.testing.assert_allclose(
        end[:, :, FIELDS.index("vehicle_missing")],
        np.minimum(state.vehicle_missing_kwh / 20.0, 10.0),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        end[:, :, FIELDS.index("headroom_up")],
        np.clip(told["headroom_up_pu"] / 0.05, -2.0, 2.0),
        rtol=1e-6,
    )
    assert not end[:, :, FIELDS.index("day_left")].any()
    assert np.all(second[:, FIELDS.index("day_left")] == 1.0)
    np.testing.assert_allclose(  # nobody plugs in between the end and the next morning's first view
        second[:, FIELDS.index("stored_share")], share.reshape(-1), rtol=1e-6
    )


def changing(seed: int) -> Any:
    """Return worlds whose number of prosumers hangs on the seed."""
    return short_worlds(1, prosumers=3 + seed % 2)(seed)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: LeaderEnv(BATCH), "LeaderVectorEnv plays many"),
        (lambda: ProsumerEnv(BATCH), "FollowerVecEnv plays many"),
        (lambda: LeaderEnv(ALONE, settings=LeaderSettings(days=3)), "episodes of 3 days"),
        (lambda: ProsumerEnv(ALONE, settings=ProsumerSettings(days=0)), "allowed are 1 to 2"),
        (lambda: LeaderEnv(changing).reset(seed=1), "1 environments of 4 prosumers"),
        (lambda: LeaderEnv(ALONE).reset(options={"day": 2}), "days 0 to 1"),
        (lambda: LeaderEnv(ALONE).step(ZEROS[0]), "call reset first"),
        (lambda: after_reset(LeaderEnv(ALONE)).step(ZEROS[0, :2]), "level, on_wholesale"),
        (lambda: after_reset(LeaderEnv(ALONE)).step(np.full(6, np.nan)), "no finite number"),
        (lambda: after_reset(ProsumerEnv(ALONE)).step({}), "3 of 3 agents have no action"),
        (
            lambda: after_reset(ProsumerEnv(ALONE)).step(
                dict.fromkeys(ProsumerEnv(ALONE).possible_agents, np.zeros(3))
            ),
            "prosumer_0 acts with shape",
        ),
        (lambda: LeaderVectorEnv(BATCH).reset(seed=several()), "one whole number for all rows"),
        (
            lambda: LeaderVectorEnv(BATCH).reset(options={"reset_mask": np.array([True, False])}),
            "leaves rows out",
        ),
        (lambda: LeaderVecEnv(BATCH).set_attr("metadata", {}, indices=0), "leave indices out"),
        (lambda: LeaderVecEnv(BATCH).step_wait(), "call step_async first"),
        (lambda: after_reset(FollowerVecEnv(BATCH)).step(np.zeros((2, 4))), r"\(6, 4\)"),
        (lambda: FollowerVecEnv(BATCH).infos(), "nothing has been played"),
        (lambda: LeaderEpisodes(ALONE).infos(), "nothing has been played"),
    ],
)
def test_what_cannot_be_played_is_named(call: Callable[[], object], told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        call()


def several() -> Any:
    """Return what Gymnasium allows for single environments: a seed a row."""
    return [1, 2]


def after_reset(env: Any) -> Any:
    env.reset()
    return env
