"""What followers expect of the local market: the day played on forecasts, again and again.

Whoever plans storage against the aggregator's quotes alone overlooks that neighbours trade in
between. Fictitious play closes the gap before the day begins: the day is played through on
forecasts, every follower plans anew with prices moved part of the way to those that came out, and
so on. Prices of buying and of selling stay apart, at least by the fees of a local trade; were
everybody to plan with one price, all would charge and discharge at once (herding).

Source: Brown, "Iterative solution of games by fictitious play" (1951), with constant damping.
"""

from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np

from cosim.game import Game
from cosim.interval import Day, Passage, day_passage, plan
from cosim.records import Exogenous, Expectation, Floats, FollowerAction, Signal, State

DAMPING = 0.35
"""Share of the way from the prices planned with to those that came out, a pass."""

HALF_WIDTH = 0.15
"""Distance kept from the price that came out, as a share of the aggregator's spread."""


class Follow(Protocol):
    """Answers for the followers."""

    def __call__(self, at: State, held: Day) -> FollowerAction:
        """Return what followers do in state `at` of the day `held`."""


def settle_expectations(
    game: Game, state: State, forecast: Exogenous, day: Day, follow: Follow, *, passes: int
) -> tuple[Day, Passage]:
    """Return the day with plans that expect the local market, and its last passage.

    `follow` answers a state of a day; `passes` is how often plans are made anew. With none, the
    plans know the announced prices only, and the passage still tells what to expect.
    """
    planned = day.signal
    for done in range(passes + 1):
        passage = day_passage(game, state, forecast, day, partial(follow, held=day))
        expected = expectation(game, passage)
        day = replace(day, expected=expected)
        if done == passes:
            break
        planned = closer(planned, expected.price_eur_per_kwh, day.signal, game)
        day = replace(
            plan(game, forecast, planned, day.first_interval, day.length),
            signal=day.signal,
            expected=expected,
        )
    return day, passage


def expectation(game: Game, passage: Passage) -> Expectation:
    """Return what a passage of the day says about the local market."""
    net = np.stack([bids.clearing.net_kwh for bids in passage.bids])
    return Expectation(
        price_eur_per_kwh=np.stack([bids.clearing.price_eur_per_kwh for bids in passage.bids]),
        bought_kwh=np.maximum(net, 0.0).sum(axis=2),
        sold_kwh=np.maximum(-net, 0.0).sum(axis=2),
    )


def closer(planned: Signal, price: Floats, announced: Signal, game: Game) -> Signal:
    """Return prices (T, B) moved from `planned` towards a local `price`, inside the announced.

    Where nobody traded locally the aggregator's quotes are what to expect.
    """
    buy, sell = announced.buy_eur_per_kwh, announced.sell_eur_per_kwh
    apart = HALF_WIDTH * (buy - sell)
    charged = np.clip(price + game.local_fee_eur_per_kwh + apart, sell, buy)
    paid = np.clip(price - apart, sell, buy)
    none = np.isnan(price)
    return Signal(
        buy_eur_per_kwh=_part_way(planned.buy_eur_per_kwh, np.where(none, buy, charged)),
        sell_eur_per_kwh=_part_way(planned.sell_eur_per_kwh, np.where(none, sell, paid)),
    )


def _part_way(start: Floats, goal: Floats) -> Floats:
    return (1.0 - DAMPING) * start + DAMPING * goal
