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
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from cosim.game import Game
from cosim.interval import Day, Passage, day_passage, plan
from cosim.records import (
    Exogenous,
    Expectation,
    Floats,
    FollowerAction,
    Intentions,
    Outlook,
    Signal,
    State,
)

STEP_START = 1.5
"""Pass k moves the prices planned with by 1 / (k + STEP_START) of the way to those that came out:
an average over all passes, in which the first, made without knowing the market, counts for less."""

PASSES = 6
"""How often plans are made anew where fictitious play is wanted; more gain next to nothing."""


class Follow(Protocol):
    """Answers for the followers."""

    def __call__(self, at: State, held: Day) -> FollowerAction:
        """Return what followers do in state `at` of the day `held`."""


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """How a day is played before it begins."""

    follow: Follow
    passes: int  # how often plans are made anew
    outlook: Outlook  # what plans know of the run's end


def settle_expectations(
    game: Game, state: State, forecast: Exogenous, day: Day, rehearsal: Rehearsal
) -> tuple[Day, Passage]:
    """Return the day with plans that expect the local market, and its last passage.

    Without passes the plans know the announced prices only, and the passage still tells what to
    expect.
    """
    follow, passes, outlook = rehearsal.follow, rehearsal.passes, rehearsal.outlook
    planned = day.signal
    for done in range(passes + 1):
        passage = day_passage(game, state, forecast, day, partial(follow, held=day))
        expected = expectation(passage, day.length)
        day = replace(day, expected=expected)
        if done == passes:
            break
        planned = closer(
            planned, expected.price_eur_per_kwh, day.signal, game, 1.0 / (done + STEP_START)
        )
        again = plan(
            game,
            forecast,
            planned,
            (day.first_interval, day.length),
            outlook=replace(outlook, intended=expected.intended),
        )
        day = replace(again, signal=day.signal, expected=expected)
    return day, passage


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
