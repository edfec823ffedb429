"""An accepted request in simulation: handed on to the prosumers through bids or prices."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cosim.game import Game
from cosim.grid.flexibility_margins import Offers, feasible_supply
from cosim.grid.validation import Surroundings, at_buses, validate
from cosim.interval import bid_and_clear, surroundings
from cosim.market.activation import Activation, Call, beyond, take
from cosim.records import Floats, Signal
from cosim.results import IntervalRecord
from cosim.session import Session
from cosim.simulation import lead_again
from cosim.studies.flexibility.offers import quotes_at
from cosim.studies.flexibility.promise import Promise, rehearsed
from cosim.studies.flexibility.records import PRICES, SIGN, Case, Planned
from cosim.studies.flexibility.twin import play_interval

HALVINGS: Final = 8
"""Of the price adder between nothing and the whole range of the tariff."""


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """The run with an activation, from the call on."""

    first: int  # interval of the first record
    records: tuple[IntervalRecord, ...]
    price_eur_per_kwh: Floats  # (W,) owed for a kWh of activation in the window
    owed_kwh: Floats  # (W, N) that prosumers were taken for, after the grid's verdicts


def deliver(
    case: Case, session: Session, planned: Planned, promised: Promise, end: int, *, way: str
) -> Played:
    """Play from the call to the interval `end` with the request handed on to the prosumers."""
    prosumers = case.game.fleet.bus.shape[1]
    price, owed = np.zeros(planned.width), np.zeros((planned.width, prosumers))
    first = session.state.interval
    policies, quoted_until = case.policies, 0
    if way == PRICES:
        session, adder = _quoted(case, session, planned, promised)
        price[:] = adder
        quoted_until = int(case.world.calendar.day_start[planned.day + 1])
    records = []
    while session.state.interval < end and not session.run_over:
        row = session.state.interval - planned.start
        if way != PRICES and 0 <= row < planned.width:
            wanted = promised.declared_kw[row] + (
                SIGN[planned.request.direction] * promised.accepted_kw
            )
            record, price[row], owed[row] = _called(
                case, session, planned.request.direction, float(wanted)
            )
            lead_again(session, policies)
        elif session.state.interval < quoted_until:  # what was quoted for the request stands
            record = play_interval(session, replace(policies, requote_every_h=24.0))
        else:
            record = play_interval(session, policies)
        records.append(record)
    return Played(first, tuple(records), price, owed)


def _called(
    case: Case, session: Session, direction: str, wanted_kw: float
) -> tuple[IntervalRecord, float, Floats]:
    """Play an interval in which steps of order curves are taken; return price and kWh owed."""
    game, actual, sign = case.game, case.world.actual, SIGN[direction]
    view = session.follower_view()
    action = case.policies.followers(view)
    bids = bid_and_clear(game, session.state, actual, view.day, action)
    quotes = quotes_at(game, view.day.signal, view.row)
    around = surroundings(game, actual, session.state.interval)
    found = beyond(bids.offered, bids.clearing, quotes, sign)
    call = Call(
        direction=sign,
        net_kwh=np.array([wanted_kw * game.interval_h]),
        most_kwh=_grid_takes(game, around, sign * found.kwh[0].sum(axis=1), bids.clearing.net_kwh),
    )
    taken = take(found, bids.clearing, call)
    session.game = replace(game, mechanism=Activation(game.mechanism, call))
    record = session.trade(action)
    session.game = game
    # What the grid would have refused anyway is not owed for.
    without = validate(game.power_flow, around, bids.offered, bids.clearing, rule=game.rule)
    moved = sign * (record.validation.net_kwh - without.net_kwh)[0]
    owed = np.clip(moved, 0.0, taken.prosumer_kwh[0])
    return record, float(taken.price_eur_per_kwh[0]), owed


def _grid_takes(game: Game, around: Surroundings, change_kwh: Floats, net_kwh: Floats) -> Floats:
    """Return how much of each prosumer's change (N,) the grid takes now, (1, N), >= 0."""
    bus, hours = game.fleet.bus[0], game.interval_h
    offers = Offers(bus, change_kwh[None] / hours, np.zeros(len(bus)))
    found = feasible_supply(game.power_flow, offers, at_buses(around, net_kwh), around.kvar)
    return np.asarray(np.abs(found.feasible_kw) * hours)


def _quoted(
    case: Case, session: Session, planned: Planned, promised: Promise
) -> tuple[Session, float]:
    """Return the session with quotes that bring what was promised on forecasts, and the adder."""
    game = case.game
    wanted = promised.accepted_kw * planned.width
    low, high = 0.0, game.retail_eur_per_kwh - game.feed_in_eur_per_kwh
    best = _with_adder(case, session, planned, high)
    if _expected(case, best, planned, promised) < wanted:
        return best, high  # all that prices can do
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        tried = _with_adder(case, session, planned, middle)
        if _expected(case, tried, planned, promised) >= wanted:
            best, high = tried, middle
        else:
            low = middle
    return best, high


def _with_adder(case: Case, session: Session, planned: Planned, adder: float) -> Session:
    """Return a session of its own whose quotes in the window are dearer, or cheaper downward."""
    game, quoted = case.game, session.fork()
    day = quoted.follower_view().day
    row = quoted.state.interval - day.first_interval
    ahead = planned.start - quoted.state.interval
    window = slice(ahead, ahead + planned.width)
    parts = {}
    for name in ("buy_eur_per_kwh", "sell_eur_per_kwh"):
        price = getattr(day.signal, name)[row:].copy()
        price[window] -= SIGN[planned.request.direction] * adder
        parts[name] = np.clip(price, game.feed_in_eur_per_kwh, game.retail_eur_per_kwh)
    quoted.requote(Signal(**parts), case.policies.followers)
    return quoted


def _expected(case: Case, session: Session, planned: Planned, promised: Promise) -> float:
    """Return what is delivered in the window on forecasts, kW summed over its intervals."""
    row = planned.start - planned.call
    done = rehearsed(case, session).dispatched[row : row + planned.width]
    net = np.array([float(each.net_kw[0].sum()) for each in done])
    return float((SIGN[planned.request.direction] * (net - promised.declared_kw)).sum())
