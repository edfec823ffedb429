"""The leader that learns: prices within the tariff set, any algorithm, the same when read again."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cosim.envs.leader_encoding import ACTIONS, TariffSet, announced
from cosim.envs.leader_episodes import LeaderSettings
from cosim.errors import PolicyError
from cosim.records import Signal
from cosim.session import Session
from cosim.simulation import Policies
from cosim.views import LeaderView
from policies import checkpoints
from policies.baselines import WaterValue
from policies.leader import (
    ALGORITHMS,
    LeaderTrainer,
    LeaderTraining,
    LearnedLeader,
    new_model,
    quiet_logger,
)
from policies.leader_rows import LeaderRows
from policies.training import play_figures
from tests.envs.short_worlds import short_worlds

TINY = LeaderTraining(environments=2, days=2, hidden=8, epochs=2, minibatch=2)
BIDS = WaterValue(0.005)
CORNERS = st.sampled_from([-1.0, 1.0, -1e6, 1e6])


@cache
def plain_view() -> LeaderView:
    return Session(*short_worlds(2)(0)).leader_view()


def view_of(seed: int = 0) -> LeaderView:
    """Return a view of a day of two environments with prices drawn anew."""
    view = plain_view()
    draws = np.random.default_rng(seed)
    shape = view.day_ahead_eur_per_kwh.shape
    size = 10.0 ** draws.uniform(-3.0, 0.0)
    price = draws.normal(0.05, size, shape)
    return replace(view, day_ahead_eur_per_kwh=price, net_load_kw=draws.normal(0.0, 5.0, shape))


def refuse_outside(view: LeaderView, signal: Signal, tariff: TariffSet) -> None:
    """Assert what every announced price pair keeps."""
    buy, sell = signal.buy_eur_per_kwh, signal.sell_eur_per_kwh
    low, high = view.feed_in_eur_per_kwh, view.retail_eur_per_kwh
    assert (sell >= low - 1e-12).all()
    assert (sell <= buy + 1e-12).all()
    assert (buy <= high + 1e-12).all()
    wholesale, passed_on = view.day_ahead_eur_per_kwh, view.passed_on_eur_per_kwh
    above = buy - passed_on - wholesale
    below = wholesale - sell
    # The retailer's box comes last: it may move a quote beyond its margin where it must.
    inside = (buy < high - 1e-12) & (buy > low + 1e-12)
    assert (above[inside & (buy > sell + 1e-12)] <= tariff.margin_max_eur_per_kwh + 1e-9).all()
    free = (sell > low + 1e-12) & (sell < buy - 1e-12)
    assert (below[free] <= tariff.margin_max_eur_per_kwh + 1e-9).all()
    most = tariff.mean_margin_max_eur_per_kwh
    unboxed = ((buy < high - 1e-9) & (sell > low + 1e-9)).all(axis=0)
    assert (above.mean(axis=0)[unboxed] <= most + 1e-9).all()
    assert (below.mean(axis=0)[unboxed] <= most + 1e-9).all()


@given(
    raw=hnp.arrays(np.float64, (2, len(ACTIONS)), elements=CORNERS | st.floats(-1.5, 1.5)),
    seed=st.integers(0, 500),
    most=st.sampled_from([0.0, 0.01, 0.06, 0.3]),
    mean=st.sampled_from([0.0, 0.005, 0.02, 0.1]),
    wide=st.booleans(),
)
def test_any_action_keeps_the_tariff_set(
    raw: np.ndarray, seed: int, most: float, mean: float, wide: bool
) -> None:
    view = view_of(seed)
    if wide:  # nothing but the caps binds
        view = replace(view, retail_eur_per_kwh=9.0, feed_in_eur_per_kwh=-9.0)
    tariff = TariffSet(margin_max_eur_per_kwh=most, mean_margin_max_eur_per_kwh=mean)
    refuse_outside(view, announced(view, raw, tariff), tariff)


def test_the_caps_bind_where_actions_ask_for_more() -> None:
    view = view_of(1)
    quiet = replace(view, day_ahead_eur_per_kwh=np.full(view.day_ahead_eur_per_kwh.shape, 0.07))
    raw = np.zeros((2, len(ACTIONS)))
    raw[:, 0] = raw[:, 5] = 1.0  # level and spread
    tariff = TariffSet(mean_margin_max_eur_per_kwh=0.013)
    signal = announced(quiet, raw, tariff)
    above = signal.buy_eur_per_kwh - quiet.passed_on_eur_per_kwh - quiet.day_ahead_eur_per_kwh
    np.testing.assert_allclose(above.mean(axis=0), 0.013, atol=1e-9)
    raw[:, 2] = 1.0  # and a shape: some hours at their largest margin
    signal = announced(quiet, raw, replace(tariff, margin_max_eur_per_kwh=0.02))
    above = signal.buy_eur_per_kwh - quiet.passed_on_eur_per_kwh - quiet.day_ahead_eur_per_kwh
    assert above.max() == pytest.approx(0.02)
    np.testing.assert_allclose(above.mean(axis=0), 0.013, atol=1e-9)


def test_beyond_one_an_action_is_one() -> None:
    view, draws = view_of(2), np.random.default_rng(0)
    raw = draws.normal(0.0, 3.0, (2, len(ACTIONS)))
    far, near = announced(view, raw, TariffSet()), announced(view, raw.clip(-1, 1), TariffSet())
    np.testing.assert_array_equal(far.buy_eur_per_kwh, near.buy_eur_per_kwh)
    np.testing.assert_array_equal(far.sell_eur_per_kwh, near.sell_eur_per_kwh)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_announces_prices(name: str) -> None:
    leader = LearnedLeader(new_model(replace(TINY, algorithm=name), seed=0), TariffSet())
    view = view_of()
    refuse_outside(view, leader(view), TariffSet())


def test_an_unknown_algorithm_is_refused_naming_the_known() -> None:
    with pytest.raises(PolicyError, match='"DQN" is unknown; known: PPO, A2C, SAC, TD3, DDPG'):
        new_model(replace(TINY, algorithm="DQN"), seed=0)


def steps(trainer: LeaderTrainer, count: int) -> list[float]:
    logger = quiet_logger(None)
    return [
        trainer.step(short_worlds(2), BIDS, passes=0, done=0.2 * trainer.updates, logger=logger)
        for _ in range(count)
    ]


def prices(trainer: LeaderTrainer) -> np.ndarray:
    signals = [trainer.leader(view_of(seed)) for seed in range(3)]
    return np.stack([[each.buy_eur_per_kwh, each.sell_eur_per_kwh] for each in signals])


@pytest.mark.parametrize("name", ["PPO", "SAC", "TD3"])
def test_a_training_taken_up_again_goes_on_bit_for_bit(name: str, tmp_path: Path) -> None:
    settings = replace(TINY, algorithm=name)
    straight = LeaderTrainer(settings, seed=5)
    untrained = prices(straight)
    profits = steps(straight, 2)
    checkpoints.write(tmp_path / "c.pt", "checkpoint", {"leader": straight.state()})
    profits += steps(straight, 2)
    again = LeaderTrainer(settings, seed=5)
    np.random.default_rng().random()
    again.restore(checkpoints.read(tmp_path / "c.pt", "checkpoint")["leader"])
    assert steps(again, 2) == profits[2:]
    np.testing.assert_array_equal(prices(again), prices(straight))
    assert not np.array_equal(untrained, prices(straight))
    assert again.updates == straight.updates == 4


def test_a_state_is_a_copy() -> None:
    trainer = LeaderTrainer(TINY, seed=1)
    state, before = trainer.state(), prices(trainer)
    steps(trainer, 1)
    assert not np.array_equal(before, prices(trainer))
    trainer.restore(state)
    np.testing.assert_array_equal(before, prices(trainer))


def test_a_few_updates_earn_more_on_days_not_learned_from() -> None:
    settings = replace(TINY, environments=8, minibatch=8, epochs=8, learning_rate=1e-2)
    trainer, worlds, logger = LeaderTrainer(settings, seed=0), short_worlds(8), quiet_logger(None)

    def profit() -> float:
        played = (play_figures(*worlds(s), Policies(trainer.leader, BIDS)) for s in (100, 101))
        return sum(each[0] for each in played)

    before = profit()
    for _ in range(5):
        trainer.step(worlds, BIDS, passes=0, done=0.0, logger=logger)
    assert profit() > 1.15 * before > 0.0


def test_a_profit_that_is_no_number_stops_the_training() -> None:
    def broken(seed: int):  # type: ignore[no-untyped-def]
        game, world = short_worlds(2)(seed)
        actual = replace(
            world.actual,
            imbalance_eur_per_kwh=np.full_like(world.actual.imbalance_eur_per_kwh, np.nan),
        )
        return game, replace(world, actual=actual)

    trainer = LeaderTrainer(TINY, seed=0)
    with pytest.raises(PolicyError, match=r"not a number in environments 0, 1"):
        trainer.step(broken, BIDS, passes=0, done=0.0, logger=quiet_logger(None))


def rewards_of(actions: np.ndarray, every: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (rewards, profits) of the decisions (D, B, 6) of a day."""
    rows = LeaderRows(
        short_worlds(2), followers=BIDS, settings=LeaderSettings(requote_every_h=every)
    )
    rows.seed(7)
    rows.reset()
    rewards = np.array([rows.step(each)[1] for each in actions])
    return rewards, np.reshape(rows.profits, rewards.shape)


@pytest.mark.parametrize("every", [24.0, 3.0])
def test_a_leader_is_rewarded_for_what_it_earns_beyond_plain_prices(every: float) -> None:
    """What is taken off is the same whatever is announced, and all that zeros earn."""
    shape = 24 // 4 // 3 if every < 6.0 else 1, 2, len(ACTIONS)
    bold = np.random.default_rng(1).uniform(-1.0, 1.0, shape)
    plain_reward, plain_profit = rewards_of(np.zeros(shape), every)
    reward, profit = rewards_of(bold, every)
    np.testing.assert_allclose(plain_reward.sum(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(
        (profit - reward).sum(axis=0), plain_profit.sum(axis=0), rtol=0.0, atol=1e-9
    )
    assert np.abs(reward).max() > 1e-3
