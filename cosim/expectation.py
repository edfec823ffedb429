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

    On the way everybody bids what its plan says; of all plans each environment keeps those whose
    prices were mistaken least, and the last passage is how followers themselves bid on them.
    Without passes plans know the announced prices only, and the passage tells what to expect.
    """
    if rehearsal.passes:
        day = _least_mistaken(game, state, forecast, day, rehearsal)
    passage = day_passage(game, state, forecast, day, partial(rehearsal.follow, held=day))
    return replace(day, expected=expectation(passage, day.length)), passage


def _least_mistaken(
    game: Game, state: State, forecast: Exogenous, day: Day, rehearsal: Rehearsal
) -> Day:
    """Return the day with the plans, one set of each environment's, that were mistaken least.

    The mistake of a set is what it makes devices' bills come out otherwise than expected: the price
    they are paid, planned with against come out, times what they move. Later passes are mostly
    better, and now and then much worse: where many wait for the same hour, it comes out cheap.
    """
    planned = day.signal
    as_planned = partial(_planned_bids, game)
    kept, least = day, np.full(game.fleet.bus.shape[0], np.inf)
    for done in range(rehearsal.passes + 1):
        passage = day_passage(game, state, forecast, day, as_planned)
        expected = expectation(passage, day.length)
        mistake = _mistake_eur(game, planned, day.signal, expected)
        kept = replace(day, plan=_better_of(kept.plan, day.plan, mistake < least))
        least = np.minimum(mistake, least)
        if done == rehearsal.passes:
            break
        step = LATER_STEPS / (done + LATER_STEPS) if done else FIRST_STEP
        planned = closer(planned, expected.price_eur_per_kwh, day.signal, game, step)
        again = plan(
            game,
            forecast,
            planned,
            (day.first_interval, day.length),
            outlook=replace(rehearsal.outlook, intended=expected.intended),
        )
        day = replace(again, signal=day.signal)
    return kept


def _planned_bids(game: Game, _: State) -> FollowerAction:
    """Return no offset, and the half-spread that pays for the wear the plan counts."""
    shape = game.fleet.bus.shape
    return FollowerAction(np.zeros((*shape, 3)), np.full(shape, game.wear_eur_per_kwh))


def _mistake_eur(game: Game, planned: Signal, announced: Signal, expected: Expectation) -> Floats:
    """Return the price mistake of a passage times what devices move in it, (B,)."""
    came = closer(announced, expected.price_eur_per_kwh, announced, game, 1.0)
    off = np.abs(came.sell_eur_per_kwh - planned.sell_eur_per_kwh)
    done = expected.intended
    moved_kw = np.abs(done.battery_kw) + done.vehicle_kw + done.heat_pump_kw
    return sum_of(off * moved_kw.sum(axis=2)) * game.interval_h


def _better_of(kept: Plan, other: Plan, better: Booleans) -> Plan:
    """Return `kept` with the plans of `other` where `better` (B,) says so."""

    def of(mine: Floats, theirs: Floats) -> Floats:
        return np.where(better.reshape(-1, *[1] * (mine.ndim - 2)), theirs, mine)

    return replace(
        other,
        battery_eur=of(kept.battery_eur, other.battery_eur),
        heat_eur=of(kept.heat_eur, other.heat_eur),
        surplus_kwh=of(kept.surplus_kwh, other.surplus_kwh),
        buy_eur_per_kwh=of(kept.buy_eur_per_kwh, other.buy_eur_per_kwh),
        sell_eur_per_kwh=of(kept.sell_eur_per_kwh, other.sell_eur_per_kwh),
    )


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
