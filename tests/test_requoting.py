"""A leader that quotes the rest of a day anew: same game, more decisions."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import PolicyError
from cosim.records import Signal
from cosim.session import Session
from cosim.simulation import Policies, play_days
from cosim.views import LeaderView
from policies.baselines import TimeOfUse, WaterValue
from tests.worlds import small_game, small_world

POLICIES = Policies(TimeOfUse((0,), 0.02), WaterValue(0.005), passes=1)


def test_quoting_the_same_prices_again_without_news_changes_nothing() -> None:
    """Where plans know the announced prices only, the same prices lead to the same plans."""
    world, feeder = small_world(seed=3)
    game = small_game(world, feeder)
    quiet = replace(POLICIES, passes=0)
    (once,) = play_days(game, world, quiet)

    def rest_of_day(view: LeaderView) -> Signal:
        return Signal(
            once.signal.buy_eur_per_kwh[view.start :], once.signal.sell_eur_per_kwh[view.start :]
        )

    again = replace(quiet, leader=rest_of_day, requote_every_h=6.0)
    (often,) = play_days(game, world, again)
    for one, other in zip(once.intervals, often.intervals, strict=True):
        np.testing.assert_array_equal(one.validation.net_kwh, other.validation.net_kwh)
        np.testing.assert_array_equal(one.settlement.accounts_eur, other.settlement.accounts_eur)


def test_the_leader_sees_what_is_left_and_where_the_stores_are() -> None:
    world, feeder = small_world(seed=4)
    game = small_game(world, feeder)
    seen: list[LeaderView] = []

    def watching(view: LeaderView) -> Signal:
        seen.append(view)
        return POLICIES.leader(view)

    (day,) = play_days(game, world, replace(POLICIES, leader=watching, requote_every_h=1.0))
    assert [view.start for view in seen] == list(range(0, 96, 4))
    for view in seen:
        assert len(view.day_ahead_eur_per_kwh) == 96 - view.start == len(view.net_load_kw)
        if view.start:
            before = day.intervals[view.start - 1].state
            np.testing.assert_array_equal(view.state.battery_kwh, before.battery_kwh)


def test_prices_that_were_traded_at_stay_in_the_record() -> None:
    world, feeder = small_world(seed=5)
    game = small_game(world, feeder)

    def dearer_by_the_hour(view: LeaderView) -> Signal:
        shape = view.day_ahead_eur_per_kwh.shape
        buy = np.full(shape, 0.20 + 0.001 * (view.start // 4))
        return Signal(buy_eur_per_kwh=buy, sell_eur_per_kwh=np.full(shape, 0.05))

    policies = replace(POLICIES, leader=dearer_by_the_hour, requote_every_h=1.0)
    (day,) = play_days(game, world, policies)
    expected = 0.20 + 0.001 * np.repeat(np.arange(24), 4)
    np.testing.assert_allclose(day.signal.buy_eur_per_kwh[:, 0], expected)


def test_requoting_needs_a_day_and_prices_for_what_is_left() -> None:
    world, feeder = small_world(seed=6)
    session = Session(small_game(world, feeder), world)
    prices = POLICIES.leader(session.leader_view())
    with pytest.raises(PolicyError, match="no day has begun"):
        session.requote(prices, POLICIES.followers)
    session.announce(prices, POLICIES.followers)
    session.trade(POLICIES.followers(session.follower_view()))
    with pytest.raises(PolicyError, match=r"the day needs \(95, "):
        session.requote(prices, POLICIES.followers)
