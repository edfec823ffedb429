"""Followers by a shared policy: the same whoever stands beside whom, how many and where."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cosim.envs.follower_encoding import ACTIONS, FIELDS, OBSERVATIONS, flexible, observe
from cosim.game import Game
from cosim.grid.power_flow import PowerFlow
from cosim.records import World
from cosim.session import Session
from cosim.simulation import Policies, play_days
from networks.catalog import load_feeder
from policies.baselines import TimeOfUse, WaterValue
from policies.ppo import ActorCritic
from policies.prosumer import LearnedFollowers
from tests.envs.short_worlds import short_worlds, single

LEADER = TimeOfUse((0, 12), 0.02)
Cut = Callable[[NDArray[Any]], NDArray[Any]]


def network(seed: int = 0, size: float = 1.0) -> ActorCritic:
    """Return a policy that does something, or with size 0 nothing."""
    torch.manual_seed(seed)
    policy = ActorCritic(OBSERVATIONS, len(ACTIONS), hidden=16)
    last = policy.actor[-1]
    with torch.no_grad():
        last.weight.mul_(100.0 * size)  # type: ignore[operator] # a linear layer
    return policy


def each_prosumer(record: Any, cut: Cut, prosumers: int) -> Any:
    """Return a record with every array cut whose prosumers are in its last or last but one axis."""
    changed: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, np.ndarray) and prosumers in value.shape[1:]:
            changed[field.name] = cut(value)
        elif is_dataclass(value) and field.name not in ("power_flow", "parts"):
            changed[field.name] = each_prosumer(value, cut, prosumers)
    return replace(record, **changed)


PROSUMERS = 7
"""Neither a number of environments nor of buses, so that axes can be told apart."""


def turned(game: Game, world: World, order: NDArray[np.int64]) -> tuple[Game, World]:
    """Return the same prosumers in another order; buses are theirs, ties are broken as before."""

    def cut(values: NDArray[Any]) -> NDArray[Any]:
        return np.take(values, order, axis=values.shape.index(PROSUMERS, 1))

    world = each_prosumer(world, cut, PROSUMERS)
    return replace(game, fleet=world.fleet, tie_rank=game.tie_rank[:, order]), world


def seen(game: Game, world: World, followers: LearnedFollowers, steps: int = 30) -> NDArray[Any]:
    """Return what all see in the first intervals of a run, (steps, B, N, OBSERVATIONS)."""
    session, rows = Session(game, world, passes=1), []
    for _ in range(steps):
        if session.day_over:
            session.announce(LEADER(session.leader_view()), followers)
        view = session.with_news(session.follower_view())
        rows.append(observe(view))
        session.trade(followers(view))
    return np.stack(rows)


def test_what_is_seen_follows_the_prosumer_and_not_its_number() -> None:
    game, world = short_worlds(2, prosumers=PROSUMERS)(3)
    order = np.random.default_rng(0).permutation(PROSUMERS)
    followers = LearnedFollowers(network(), 0.005)
    left = seen(game, world, followers)
    right = seen(*turned(game, world, order), followers)
    np.testing.assert_allclose(right, left[:, :, order], atol=2e-5)
    assert np.ptp(left, axis=2).max() > 1.0  # they do differ


def test_what_is_seen_does_not_depend_on_other_environments() -> None:
    worlds, followers = short_worlds(3), LearnedFollowers(network(), 0.005)
    together = seen(*worlds(4), followers)
    for b in range(3):
        alone = seen(*single(worlds, b)(4), followers)
        np.testing.assert_array_equal(together[:, b : b + 1], alone)
    assert not np.array_equal(together[:, 0], together[:, 1])


def test_numbers_stay_small_and_finite() -> None:
    for seed in range(3):
        rows = seen(*short_worlds(2, scale=3.0)(seed), LearnedFollowers(network(seed), 0.005))
        assert np.isfinite(rows).all()
        assert rows.dtype == np.float32
        assert rows.shape[-1] == len(FIELDS) == OBSERVATIONS
        assert np.abs(rows).mean() < 1.0
        assert np.abs(rows).max() <= 10.0


def money(game: Game, world: World, followers: Any, passes: int = 1) -> NDArray[np.float64]:
    days = play_days(game, world, Policies(LEADER, followers, passes=passes))
    return np.stack([it.settlement.prosumer_eur for day in days for it in day.intervals])


def test_actions_of_zeros_are_the_bids_of_the_plan() -> None:
    game, world = short_worlds(2)(5)
    nothing = money(game, world, LearnedFollowers(network(size=0.0), 0.005))
    np.testing.assert_array_equal(nothing, money(game, world, WaterValue(0.005)))
    something = money(game, world, LearnedFollowers(network(), 0.005))
    assert not np.allclose(something, nothing)


def test_those_without_a_device_do_as_planned_whatever_the_policy() -> None:
    game, world = short_worlds(2, prosumers=8)(1)
    session = Session(game, world)
    followers = LearnedFollowers(network(), 0.004)
    session.announce(LEADER(session.leader_view()), followers)
    action = followers(session.follower_view())
    decides = flexible(game.fleet)
    assert decides.any()
    assert not decides.all()
    assert (action.value_offset_eur_per_kwh[~decides] == 0.0).all()
    assert (action.half_spread_eur_per_kwh[~decides] == 0.004).all()
    assert (action.half_spread_eur_per_kwh[decides] != 0.004).any()


def test_offsets_and_spreads_stay_within_their_reach() -> None:
    game, world = short_worlds(2)(6)
    session, followers = Session(game, world), LearnedFollowers(network(size=100.0), 0.004)
    session.announce(LEADER(session.leader_view()), followers)
    most = 0.1 * (game.retail_eur_per_kwh - game.feed_in_eur_per_kwh)
    action = followers(session.follower_view())
    assert np.abs(action.value_offset_eur_per_kwh).max() == pytest.approx(most)
    assert (action.half_spread_eur_per_kwh >= 0.0).all()
    assert (action.half_spread_eur_per_kwh <= 0.008).all()


@pytest.mark.parametrize("prosumers", [1, 2, 9])
def test_the_same_policy_plays_any_number_of_prosumers(prosumers: int) -> None:
    game, world = short_worlds(2, prosumers=prosumers)(7)
    paid = money(game, world, LearnedFollowers(network(), 0.005))
    assert paid.shape[1:3] == (2, prosumers)
    assert np.isfinite(paid).all()


def test_the_same_policy_plays_another_feeder() -> None:
    game, world = short_worlds(2)(8)
    feeder = load_feeder("cigre_lv")
    elsewhere = replace(game, power_flow=PowerFlow(feeder))
    bus = np.broadcast_to(np.array([11, 15, 16, 17]), game.fleet.bus.shape).copy()
    fleet = replace(game.fleet, bus=bus)
    nobody = np.zeros((len(world.actual.load_kw), 2, feeder.bus_count))

    def moved(days: Any) -> Any:
        return replace(days, passive_kw=nobody, passive_kvar=nobody)

    world = replace(world, fleet=fleet, actual=moved(world.actual), forecast=moved(world.forecast))
    paid = money(replace(elsewhere, fleet=fleet), world, LearnedFollowers(network(), 0.005))
    assert np.isfinite(paid).all()
    assert np.abs(paid).max() > 0.0
