"""The market interval: announce once a day, leader first; then trade, interval by interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cosim.game import Game
from cosim.grid.charges import network_prices, no_charges, usage_charges
from cosim.grid.envelopes import Wanted, envelopes
from cosim.grid.prequalification import Schedule, prequalify
from cosim.grid.validation import Surroundings, at_buses, validate
from cosim.market.settlement import WholesaleTerms, settle
from cosim.market.tariff import quotes_of
from cosim.prosumers.devices import Ranges, advance
from cosim.prosumers.dispatch import dispatch
from cosim.prosumers.orders import Terms, inside_envelopes, most_energies, order_curves
from cosim.prosumers.standing import standing
from cosim.prosumers.water_value import NOTHING_KNOWN, plan_day
from cosim.records import (
    Clearing,
    Envelopes,
    Exogenous,
    Expectation,
    Floats,
    FollowerAction,
    Orders,
    Outlook,
    Plan,
    Signal,
    State,
)
from cosim.results import Dispatch, IntervalRecord, WholesaleBid

LOOKAHEAD = 96
"""Intervals behind the day's end that planning looks ahead."""


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """What is settled before the first interval of a day."""

    first_interval: int
    length: int
    signal: Signal
    plan: Plan
    expected: Expectation | None = None  # None until the day was played on forecasts


def plan(
    game: Game,
    forecast: Exogenous,
    signal: Signal,
    span: tuple[int, int],
    *,
    outlook: Outlook = NOTHING_KNOWN,
) -> Day:
    """Return the day with what storage is worth under prices; `span` is its start and length."""
    first, length = span
    values = plan_day(
        game.fleet,
        forecast,
        signal,
        span=(first, length, LOOKAHEAD),
        interval_h=game.interval_h,
        wear_eur_per_kwh=game.wear_eur_per_kwh,
        outlook=outlook,
    )
    return Day(first_interval=first, length=length, signal=signal, plan=values)


def trade(
    game: Game,
    state: State,
    actual: Exogenous,
    day: Day,
    *,
    action: FollowerAction,
    sold_kwh: Floats,
) -> IntervalRecord:
    """Play one interval: orders, auction, validation, charges, dispatch, settlement.

    `sold_kwh` (B,) is the validated day-ahead schedule of the interval.
    """
    now = state.interval
    around = surroundings(game, actual, now)
    bids = bid_and_clear(game, state, actual, day, action)
    clearing, limits = bids.clearing, bids.limits
    verdicts = validate(game.power_flow, around, bids.offered, clearing, rule=game.rule)
    prices = network_prices(game.power_flow, verdicts, actual.day_ahead_eur_per_kwh[now])
    charges = (
        usage_charges(clearing.trades, verdicts.accepted_kwh, prices, game.fleet.bus)
        if game.charges
        else no_charges(clearing.trades, prices)
    )
    set_points = deliver(game, bids.orders, limits, verdicts.net_kwh, actual, now)
    terms = WholesaleTerms(
        sold_kwh=sold_kwh,
        day_ahead_eur_per_kwh=actual.day_ahead_eur_per_kwh[now],
        imbalance_eur_per_kwh=actual.imbalance_eur_per_kwh[now],
        two_price=game.two_price,
    )
    money = settle(
        clearing.trades, verdicts, charges, game.parts, terms, interval_h=game.interval_h
    )
    return IntervalRecord(
        interval=now,
        orders=bids.orders,
        envelopes=bids.envelopes,
        clearing=clearing,
        validation=verdicts,
        charges=charges,
        dispatch=set_points,
        settlement=money,
        state=advance(game.fleet, bids.state, actual, set_points, interval_h=game.interval_h),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Bids:
    """What came of the first stages of an interval."""

    state: State  # with the arrivals of the interval
    limits: Ranges
    orders: Orders  # of the devices
    envelopes: Envelopes | None
    offered: Orders  # what the market sees: inside the envelopes
    clearing: Clearing


def bid_and_clear(
    game: Game,
    state: State,
    exogenous: Exogenous,
    day: Day,
    action: FollowerAction,
    *,
    listed: bool = True,
) -> Bids:
    """Play the stages before the grid looks at the outcome: ranges, orders, auction.

    Where nobody asks who trades with whom, trades need not be `listed`.
    """
    quotes = quotes_of(
        day.signal,
        state.interval - day.first_interval,
        retail=game.retail_eur_per_kwh,
        passed_on=game.passed_on_eur_per_kwh,
        local_fee=game.local_fee_eur_per_kwh,
    )
    homes = standing(game.fleet, state, exogenous, day.plan, game.interval_h)
    orders = order_curves(
        game.fleet,
        homes.state,
        homes.limits,
        exogenous,
        Terms(homes.worth, action, quotes),
        interval_h=game.interval_h,
    )
    given = None
    offered = orders
    if game.envelopes != "none":
        fed_in, drawn = most_energies(orders)
        wanted = Wanted(orders.firm_kwh, fed_in, drawn)
        around = surroundings(game, exogenous, state.interval)
        given = envelopes(game.power_flow, around, wanted, objective=game.envelopes)
        offered = inside_envelopes(orders, given)
    clearing = game.mechanism(offered, quotes, game.tie_rank, listed=listed)
    return Bids(homes.state, homes.limits, orders, given, offered, clearing)


def deliver(
    game: Game, orders: Orders, limits: Ranges, net_kwh: Floats, exogenous: Exogenous, now: int
) -> Dispatch:
    """Return the set-points that deliver `net_kwh` (B, N) at the meters."""
    return dispatch(orders, limits, net_kwh, exogenous, interval=now, interval_h=game.interval_h)


def surroundings(game: Game, exogenous: Exogenous, now: int) -> Surroundings:
    """Return what stands at the buses in interval `now` besides the orders."""
    kvar = at_buses(
        Surroundings(
            bus=game.fleet.bus,
            kw=exogenous.passive_kvar[now],
            kvar=exogenous.passive_kvar[now],
            interval_h=1.0,
        ),
        exogenous.load_kvar[now],
    )
    return Surroundings(
        bus=game.fleet.bus,
        kw=exogenous.passive_kw[now],
        kvar=kvar,
        interval_h=game.interval_h,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """A day played on forecasts, up to where the grid would look at it."""

    bids: tuple[Bids, ...]
    around: tuple[Surroundings, ...]
    dispatched: tuple[Dispatch, ...]


def day_passage(
    game: Game,
    state: State,
    forecast: Exogenous,
    day: Day,
    follow: Callable[[State], FollowerAction],
) -> Passage:
    """Play the day on forecasts, followers answering the announced prices.

    Nothing is validated on the way, so that the passage shows what the market wants.
    """
    bids, around, dispatched = [], [], []
    for now in range(max(day.first_interval, state.interval), day.first_interval + day.length):
        action = follow(state)
        bid = bid_and_clear(game, state, forecast, day, action, listed=False)
        bids.append(bid)
        around.append(surroundings(game, forecast, now))
        set_points = deliver(game, bid.orders, bid.limits, bid.clearing.net_kwh, forecast, now)
        dispatched.append(set_points)
        state = advance(game.fleet, bid.state, forecast, set_points, interval_h=game.interval_h)
    return Passage(tuple(bids), tuple(around), tuple(dispatched))


def bid_of(game: Game, passage: Passage) -> WholesaleBid:
    """Return the wholesale bid that a day played on forecasts gives, prequalified by the grid.

    The grid says what of the schedule can be. Up and down offers are a share of what every
    participant's order still leaves in each direction.
    """
    bids = passage.bids
    net_kwh = np.stack([bid.clearing.net_kwh for bid in bids])
    least_kwh = np.stack([bid.offered.minimum_kwh for bid in bids])
    most_kwh = np.stack([most_energies(bid.offered)[1] for bid in bids])
    schedule = Schedule(
        net_kwh=net_kwh,
        firm_kwh=np.stack([bid.offered.firm_kwh for bid in bids]),
        least_kwh=least_kwh,
        most_kwh=most_kwh,
        up_kwh=game.balancing_share * np.maximum(net_kwh - least_kwh, 0.0),
        down_kwh=game.balancing_share * np.maximum(most_kwh - net_kwh, 0.0),
        around=passage.around,
    )
    return prequalify(game.power_flow, schedule, rule=game.rule)
