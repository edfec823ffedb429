"""Receding horizon: the community plans on forecasts, acts on what happens, and plans again.

The forecast-honest ceiling beside the optimum of `policies.optimum`: one planner that steers all
devices, knows the interval it is in, as every bidder does, and nothing of what follows but the
forecasts. Announced prices are known to the day's end and expected to repeat behind it, as the
water values assume.
"""

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from cosim.game import Game
from cosim.interval import LOOKAHEAD
from cosim.records import Exogenous, Integers, Signal, State, World
from policies.community_programme import CommunityProgramme
from policies.yardstick_case import (
    CarriedOut,
    Schedule,
    Span,
    carry_out,
    case_of,
)

T = TypeVar("T", Signal, Schedule)

KNOWN = ("load_kw", "load_kvar", "pv_kw", "passive_kw", "passive_kvar")
"""What the planner knows of the interval it is in."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far is planned, and how often."""

    lookahead: int = LOOKAHEAD  # intervals that a plan covers, at the most to the span's end
    every: int = 1  # intervals between two plans; those between follow the last plan


def receding_horizon(
    game: Game,
    world: World,
    signal: Signal,
    state: State,
    span: Span,
    horizon: Horizon | None = None,
) -> CarriedOut:
    """Return what the community does that plans again and again, and what it costs.

    The grid has no say. Arguments as in `policies.optimum.community_optimum`; `span` begins and
    ends with a day of `world`.

    Raises:
        ValueError: where span and signal do not fit the world, or the horizon is not positive.
    """
    horizon = horizon or Horizon()
    if horizon.lookahead < 1 or horizon.every < 1:
        message = f"lookahead {horizon.lookahead} and every {horizon.every} must be 1 or more"
        raise ValueError(message)
    whole = case_of(game, world.actual, signal, state, span)
    now, parts = span.first, []
    while now < span.end:
        end = min(now + horizon.lookahead, span.end)
        ahead = replace(span, first=now, end=end)
        known = known_prices(world.calendar.day_start, signal, span, ahead)
        belief = knowing_the_present(world.forecast, world.actual, now, end)
        plan = CommunityProgramme(case_of(game, belief, known, state, ahead)).solve().schedule
        step = replace(span, first=now, end=min(now + horizon.every, end))
        announced = rows_of(signal, step.first - span.first, step.end - span.first)
        done = carry_out(
            case_of(game, world.actual, announced, state, step),
            rows_of(plan, 0, step.end - step.first),
        )
        state = _with_environment(state, done.end, step)
        parts.append(done.schedule)
        now = step.end
    schedule = Schedule(
        *(np.concatenate([getattr(part, it.name) for part in parts]) for it in fields(Schedule))
    )
    return carry_out(whole, schedule)


def rows_of(record: T, first: int, end: int) -> T:
    """Return rows [first, end) of every array of a record."""
    return type(record)(*(getattr(record, it.name)[first:end] for it in fields(record)))


def known_prices(day_start: Integers, signal: Signal, span: Span, ahead: Span) -> Signal:
    """Return prices for `ahead`: those announced for its first day, repeated behind its end."""
    day = next(
        (int(first), int(end)) for first, end in pairwise(day_start) if first <= ahead.first < end
    )
    rows = day[0] + (np.arange(ahead.first, ahead.end) - day[0]) % (day[1] - day[0]) - span.first
    return Signal(signal.buy_eur_per_kwh[rows], signal.sell_eur_per_kwh[rows])


def knowing_the_present(forecast: Exogenous, actual: Exogenous, now: int, end: int) -> Exogenous:
    """Return the forecast with what is seen of interval `now`; nothing behind `end` is copied."""
    seen: dict[str, Any] = {}
    for name in KNOWN:
        values = getattr(forecast, name)[:end].copy()
        values[now] = getattr(actual, name)[now]
        seen[name] = values
    return replace(forecast, **seen)


def _with_environment(state: State, end: State, step: Span) -> State:
    """Return the state at the end of a step: that of one environment replaced."""
    names = ("battery_kwh", "vehicle_missing_kwh", "indoor_celsius")
    after = {name: getattr(state, name).copy() for name in names}
    for name in names:
        after[name][step.environment] = getattr(end, name)[0]
    return State(interval=step.end, **after)
