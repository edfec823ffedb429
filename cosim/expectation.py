"""What followers expect of the local market: the day played on forecasts, again and again.

Whoever plans storage against the aggregator's quotes alone overlooks that neighbours trade in
between. Fictitious play closes the gap before the day begins: the day is played through on
forecasts, every follower plans anew with the average of the prices that came out so far, around
what its own devices did, and so on. Prices of buying and of selling stay apart by the fees of a
local trade; were everybody to plan with one price, all would charge and discharge at once
(herding).

Source: Brown, "Iterative solution of games by fictitious play" (1951).
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from cosim.game import Game
from cosim.interval import Day, Passage, day_passage, plan
from cosim.means import sum_of
from cosim.records import (
    Booleans,
    Exogenous,
    Expectation,
    Floats,
    FollowerAction,
    Intentions,
    Outlook,
    Plan,
    Signal,
    State,
)

FIRST_STEP, LATER_STEPS = 2.0 / 3.0, 1.5
"""Pass k moves the prices planned with by `LATER_STEPS / (k + LATER_STEPS)` of the way to those
that came out, the first by `FIRST_STEP`: an average in which early passes, made without knowing
much of the market, count for less."""

PASSES = 24
"""How often plans are made anew where fictitious play is wanted; more gain little."""


def settle_expectations(
    game: Game, state: State, forecast: Exogenous, day: Day, *, passes: int, outlook: Outlook
) -> Day:
    """Return the day with plans that expect the local market, and what they expect of it.

    Everybody bids what its plan says, and plans are made anew `passes` times. Of all of them each
    environment keeps those that were mistaken least (`mistake_eur`). Later passes are mostly
    better, and now and then much worse: where many wait for the same hour, it comes out cheap.

    Args:
        game: rules and fleet.
        state: before the day, or within it.
        forecast: what the day is played on.
        day: what is announced, and plans that know nothing else.
        passes: how often plans are made anew.
        outlook: what plans know of the run's end.
    """
    planned = day.signal
    as_planned = partial(_planned_bids, game)
    kept, least = day, np.full(game.fleet.bus.shape[0], np.inf)
    for done in range(passes + 1):
        expected = expectation(day_passage(game, state, forecast, day, as_planned), day.length)
        day = replace(day, expected=expected)
        mistake = mistake_eur(game, planned, day.signal, expected)
        better = mistake < least
        if better.all():
            kept = day  # most often, and nothing to copy
        elif better.any():
            kept = _where(better, day, kept)
        least = np.minimum(mistake, least)
        if done == passes:
            break
        step = LATER_STEPS / (done + LATER_STEPS) if done else FIRST_STEP
        planned = closer(planned, expected.price_eur_per_kwh, day.signal, game, step)
        again = plan(
            game,
            forecast,
            planned,
            (day.first_interval, day.length),
            outlook=replace(outlook, intended=expected.intended),
        )
        day = replace(again, signal=day.signal)
    return kept


def _planned_bids(game: Game, _: State) -> FollowerAction:
    """Return no offset, and the half-spread that pays for the wear the plan counts."""
    shape = game.fleet.bus.shape
    return FollowerAction(np.zeros((*shape, 3)), np.full(shape, game.wear_eur_per_kwh))


Parts = TypeVar("Parts", Day, Plan, Expectation, Intentions)


def _where(better: Booleans, other: Parts, kept: Parts) -> Parts:
    """Return `kept` with what `other` says of the environments that are `better` (B,)."""
    taken: dict[str, Any] = {}
    for each in fields(kept):
        mine, theirs = getattr(kept, each.name), getattr(other, each.name)
        if isinstance(mine, np.ndarray):
            taken[each.name] = np.where(better.reshape(-1, *[1] * (mine.ndim - 2)), theirs, mine)
        elif isinstance(mine, Plan | Expectation | Intentions):
            taken[each.name] = _where(better, theirs, mine)
    return replace(kept, **taken)


def expectation(passage: Passage, length: int) -> Expectation:
    """Return what a passage to the end of a day of `length` intervals says about its market.

    Where it began within the day, nothing is expected of what is behind.
    """

    def whole(rows: Sequence[Floats], behind: float = 0.0) -> Floats:
        stacked = np.stack(rows)
        past = np.full((length - len(rows), *stacked.shape[1:]), behind)
        return np.concatenate([past, stacked])

    net = whole([bids.clearing.net_kwh for bids in passage.bids])
    done = passage.dispatched
    return Expectation(
        price_eur_per_kwh=whole([bids.clearing.price_eur_per_kwh for bids in passage.bids], np.nan),
        bought_kwh=np.maximum(net, 0.0).sum(axis=2),
        sold_kwh=np.maximum(-net, 0.0).sum(axis=2),
        intended=Intentions(
            battery_kw=whole([each.battery_kw for each in done]),
            vehicle_kw=whole([each.vehicle_kw for each in done]),
            heat_pump_kw=whole([each.heat_pump_kw for each in done]),
        ),
    )


def mistake_eur(game: Game, planned: Signal, announced: Signal, expected: Expectation) -> Floats:
    """Return by how much devices' bills may be expected wrongly, (B,), EUR >= 0.

    Batteries count with their power, vehicles and heat pumps with what they draw.

    Args:
        game: fees, and the length of an interval.
        planned: prices planned with, (T, B).
        announced: the aggregator's, (T, B).
        expected: what came out with those plans.
    """
    came = closer(announced, expected.price_eur_per_kwh, announced, game, 1.0)
    off = np.maximum(
        np.abs(came.sell_eur_per_kwh - planned.sell_eur_per_kwh),
        np.abs(came.buy_eur_per_kwh - planned.buy_eur_per_kwh),
    )
    done = expected.intended
    moved_kw = (done.vehicle_kw + done.heat_pump_kw).sum(axis=2)
    # Batteries by what they could do: else plans by which all stand still are never mistaken.
    return sum_of(off * (moved_kw + game.fleet.battery_kw.sum(axis=1))) * game.interval_h


def closer(planned: Signal, price: Floats, announced: Signal, game: Game, step: float) -> Signal:
    """Return prices (T, B) moved by `step` from `planned` towards a local `price`.

    Buying locally costs the fees on top of it. Where nobody traded locally the aggregator's quotes
    are what to expect, and its quotes bound what is expected anywhere.
    """
    buy, sell = announced.buy_eur_per_kwh, announced.sell_eur_per_kwh
    none = np.isnan(price)
    charged = np.where(none, buy, np.clip(price + game.local_fee_eur_per_kwh, sell, buy))
    paid = np.where(none, sell, np.clip(price, sell, buy))
    return Signal(
        buy_eur_per_kwh=planned.buy_eur_per_kwh + step * (charged - planned.buy_eur_per_kwh),
        sell_eur_per_kwh=planned.sell_eur_per_kwh + step * (paid - planned.sell_eur_per_kwh),
    )
