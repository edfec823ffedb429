"""Policies and the loop that plays days with them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from cosim.game import Game
from cosim.interval import Day, plan, play_through, trade
from cosim.prosumers.devices import initial_state
from cosim.records import Exogenous, Fleet, Floats, FollowerAction, Plan, Signal, State, World
from cosim.results import DayRecord, IntervalRecord


@dataclass(frozen=True, slots=True, eq=False)
class LeaderView:
    """What the leader knows when it announces: forecasts of the day, nothing of what happens."""

    day_ahead_eur_per_kwh: Floats  # (T, B) forecast
    local_hour: Floats  # (T,) local hour of day
    passed_on_eur_per_kwh: float
    retail_eur_per_kwh: float
    feed_in_eur_per_kwh: float


@dataclass(frozen=True, slots=True, eq=False)
class FollowerView:
    """What followers know when they bid: their own state, the announced prices, their plan."""

    state: State
    fleet: Fleet
    signal: Signal
    plan: Plan
    row: int  # interval of the day
    network_eur_per_kwh: Floats  # (B, N) last known network price at the own bus, energy left out


class Leader(Protocol):
    """Announces a day's prices."""

    def __call__(self, view: LeaderView) -> Signal:
        """Return price pairs (T, B) inside what the retailer offers."""


class Followers(Protocol):
    """Choose reservation prices for an interval."""

    def __call__(self, view: FollowerView) -> FollowerAction:
        """Return the offsets (B, N, 3) and half-spreads (B, N)."""


@dataclass(frozen=True, slots=True)
class Policies:
    """How the two sides act."""

    leader: Leader
    followers: Followers


def play_days(game: Game, world: World, policies: Policies) -> Iterator[DayRecord]:
    """Play all days of `world`, one record a day."""
    state = initial_state(game.fleet)
    starts = world.calendar.day_start
    for first, end in pairwise(starts):
        record = play_day(game, world, policies, state, (int(first), int(end)))
        state = record.intervals[-1].state
        yield record


def play_day(
    game: Game, world: World, policies: Policies, state: State, span: tuple[int, int]
) -> DayRecord:
    """Play one day: the leader announces and bids, then the followers trade."""
    first, end = span
    day = announce(game, world, policies.leader, span)
    known = np.zeros(game.fleet.bus.shape)

    def follow(at: State) -> FollowerAction:
        return policies.followers(
            FollowerView(
                state=at,
                fleet=game.fleet,
                signal=day.signal,
                plan=day.plan,
                row=at.interval - first,
                network_eur_per_kwh=known,
            )
        )

    bid = play_through(game, state, world.forecast, day, follow)
    intervals: list[IntervalRecord] = []
    for now in range(first, end):
        record = trade(
            game,
            state,
            world.actual,
            day,
            action=follow(state),
            sold_kwh=bid.validated_kwh[now - first],
        )
        state = record.state
        known = np.take_along_axis(
            record.charges.prices.network_eur_per_kwh, game.fleet.bus, axis=1
        )
        intervals.append(record)
    return DayRecord(first_interval=first, signal=day.signal, bid=bid, intervals=tuple(intervals))


def announce(game: Game, world: World, leader: Leader, span: tuple[int, int]) -> Day:
    """Return the day with the prices that the leader announces for it."""
    first, end = span
    forecast: Exogenous = world.forecast
    signal = leader(
        LeaderView(
            day_ahead_eur_per_kwh=forecast.day_ahead_eur_per_kwh[first:end],
            local_hour=world.calendar.local_hour[first:end],
            passed_on_eur_per_kwh=game.passed_on_eur_per_kwh,
            retail_eur_per_kwh=game.retail_eur_per_kwh,
            feed_in_eur_per_kwh=game.feed_in_eur_per_kwh,
        )
    )
    return plan(game, forecast, signal, first, end - first)
