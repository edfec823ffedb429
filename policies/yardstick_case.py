"""One environment's days as all yardsticks see them, and what a way through them costs.

The cost is the same for every yardstick and for what was played: what the prosumers together pay
to everybody outside (aggregator, retailer, fees, levies), plus the wear of batteries, less what
`cosim.scoring.metrics.open_positions_eur` says the stores hold and owe at the end. Money that
changes hands between prosumers cancels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from cosim.game import Game
from cosim.interval import surroundings
from cosim.prosumers.devices import advance, plug_in, ranges
from cosim.records import Exogenous, Fleet, Floats, Signal, State
from cosim.results import DayRecord, Dispatch
from cosim.scoring.metrics import open_positions_eur


@dataclass(frozen=True, slots=True)
class Span:
    """What is looked at: intervals and environment, and what wear costs there."""

    first: int  # interval of the run
    end: int  # first interval behind the span
    environment: int = 0  # which of the B
    wear_eur_per_kwh: float = 0.0  # per kWh through a battery at the meter, each way


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One environment and span. Its first interval counts as 0, its axis B has length 1."""

    fleet: Fleet  # (1, N)
    exogenous: Exogenous  # (T, 1, N)
    state: State  # (1, N), before interval 0
    buy_eur_per_kwh: Floats  # (T,) charged by the aggregator, all-in
    sell_eur_per_kwh: Floats  # (T,)
    local_fee_eur_per_kwh: float
    retail_eur_per_kwh: float
    feed_in_eur_per_kwh: float
    interval_h: float
    span: Span

    @property
    def length(self) -> int:
        """Number of intervals, T."""
        return len(self.buy_eur_per_kwh)

    @property
    def spread_eur_per_kwh(self) -> Floats:
        """What a kWh that stays local saves the community, (T,); below zero nobody trades."""
        return self.buy_eur_per_kwh - self.sell_eur_per_kwh - self.local_fee_eur_per_kwh

    @property
    def fixed_kwh(self) -> Floats:
        """Firm load less solar power, (T, N)."""
        return np.asarray(
            (self.exogenous.load_kw[:, 0] - self.exogenous.pv_kw[:, 0]) * self.interval_h
        )


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """What the devices do, each (T, N), kWh at the meter."""

    battery_kwh: Floats  # charging > 0
    vehicle_kwh: Floats
    heat_pump_kwh: Floats
    curtailed_kwh: Floats  # solar power given up


@dataclass(frozen=True, slots=True, eq=False)
class CarriedOut:
    """A schedule after the devices have had their say."""

    schedule: Schedule  # what they did
    net_kwh: Floats  # (T, N) at the meter
    end: State  # (1, N)
    prosumer_wear_eur: Floats  # (N,)
    prosumer_open_eur: Floats  # (N,) worth of open positions at the end
    cost_eur: float  # of the community


def case_of(game: Game, exogenous: Exogenous, signal: Signal, state: State, span: Span) -> Case:
    """Cut one environment and span out of a game.

    Args:
        game: rules and fleet.
        exogenous: `World.actual`, or `World.forecast` for plans that are not to know the future.
        signal: announced prices of the span, (end - first, B).
        state: before the first interval, (B, N).
        span: what to cut out.

    Raises:
        ValueError: where the span lies outside the inputs or the signal does not cover it.
    """
    first, end, environment = span.first, span.end, span.environment
    problems = []
    if not 0 <= first < end <= len(exogenous.load_kw):
        problems.append(f"span {first} to {end} must lie within 0 to {len(exogenous.load_kw)}")
    if len(signal.buy_eur_per_kwh) != end - first:
        problems.append(
            f"the signal has {len(signal.buy_eur_per_kwh)} intervals, the span {end - first}"
        )
    if not 0 <= environment < game.fleet.bus.shape[0]:
        problems.append(f"environment {environment} of {game.fleet.bus.shape[0]} does not exist")
    if problems:
        raise ValueError("; ".join(problems))
    pick = slice(environment, environment + 1)
    rows = {
        field.name: getattr(exogenous, field.name)[first:end, pick] for field in fields(Exogenous)
    }
    departure = rows["vehicle_departure"]
    rows["vehicle_departure"] = np.where(departure >= 0, departure - first, -1)
    return Case(
        fleet=Fleet(**{it.name: getattr(game.fleet, it.name)[pick] for it in fields(Fleet)}),
        exogenous=Exogenous(**rows),
        state=State(
            interval=0,
            battery_kwh=state.battery_kwh[pick],
            vehicle_missing_kwh=state.vehicle_missing_kwh[pick],
            indoor_celsius=state.indoor_celsius[pick],
        ),
        buy_eur_per_kwh=signal.buy_eur_per_kwh[:, environment],
        sell_eur_per_kwh=signal.sell_eur_per_kwh[:, environment],
        local_fee_eur_per_kwh=game.local_fee_eur_per_kwh,
        retail_eur_per_kwh=game.retail_eur_per_kwh,
        feed_in_eur_per_kwh=game.feed_in_eur_per_kwh,
        interval_h=game.interval_h,
        span=span,
    )


def one_prosumer(case: Case, prosumer: int) -> Case:
    """Return the case of one prosumer alone, N = 1. What stands at the buses stays the same."""
    pick = slice(prosumer, prosumer + 1)
    shared = ("passive_kw", "passive_kvar", "day_ahead_eur_per_kwh", "imbalance_eur_per_kwh")
    return replace(
        case,
        fleet=Fleet(**{it.name: getattr(case.fleet, it.name)[:, pick] for it in fields(Fleet)}),
        exogenous=replace(
            case.exogenous,
            **{
                it.name: getattr(case.exogenous, it.name)[:, :, pick]
                for it in fields(Exogenous)
                if it.name not in shared
            },
        ),
        state=State(
            interval=0,
            battery_kwh=case.state.battery_kwh[:, pick],
            vehicle_missing_kwh=case.state.vehicle_missing_kwh[:, pick],
            indoor_celsius=case.state.indoor_celsius[:, pick],
        ),
    )


def carry_out(case: Case, wanted: Schedule) -> CarriedOut:
    """Let the devices of a case do what a schedule wants of them, as far as they can and must."""
    state, hours = case.state, case.interval_h
    done = np.empty((4, *wanted.battery_kwh.shape))
    for now in range(case.length):
        state = plug_in(state, case.exogenous)
        limits = ranges(case.fleet, state, case.exogenous, interval=now, interval_h=hours)
        low = (-limits.battery_discharge_kwh, limits.vehicle_must_kwh, limits.heat_must_kwh)
        high = (limits.battery_charge_kwh, limits.vehicle_may_kwh, limits.heat_may_kwh)
        asked = (wanted.battery_kwh, wanted.vehicle_kwh, wanted.heat_pump_kwh)
        for k in range(3):
            done[k, now] = np.clip(asked[k][now], low[k][0], high[k][0])
        pv_kwh = case.exogenous.pv_kw[now, 0] * hours
        done[3, now] = np.clip(wanted.curtailed_kwh[now], 0.0, pv_kwh)
        power = done[:, now, None] / hours
        set_points = Dispatch(
            battery_kw=power[0],
            vehicle_kw=power[1],
            heat_pump_kw=power[2],
            pv_kw=pv_kwh / hours - power[3],
            curtailed_kw=power[3],
            net_kw=power.sum(axis=0),
        )
        state = advance(case.fleet, state, case.exogenous, set_points, interval_h=hours)
    net_kwh = case.fixed_kwh + done.sum(axis=0)
    wear = case.span.wear_eur_per_kwh * np.abs(done[0]).sum(axis=0)
    open_eur = worth_at_end(case, state)
    return CarriedOut(
        schedule=Schedule(*done),
        net_kwh=net_kwh,
        end=state,
        prosumer_wear_eur=wear,
        prosumer_open_eur=open_eur,
        cost_eur=paid_outside_eur(case, net_kwh) + float(wear.sum() - open_eur.sum()),
    )


def worth_at_end(case: Case, end: State) -> Floats:
    """Return what the stores hold and owe at the end, (N,), EUR."""
    (worth,) = open_positions_eur(
        case.fleet, end, retail=case.retail_eur_per_kwh, feed_in=case.feed_in_eur_per_kwh
    )
    return np.asarray(worth)


def paid_outside_eur(case: Case, net_kwh: Floats) -> float:
    """Return what prosumers with the meters `net_kwh` (T, N) together pay to outside.

    All that can be matched locally is, where that saves anything: the local fee is then paid
    instead of the difference between the aggregator's quotes.
    """
    bought = np.maximum(net_kwh, 0.0).sum(axis=1)
    sold = np.maximum(-net_kwh, 0.0).sum(axis=1)
    saved = np.minimum(bought, sold) * np.maximum(case.spread_eur_per_kwh, 0.0)
    return float((bought * case.buy_eur_per_kwh - sold * case.sell_eur_per_kwh - saved).sum())


def powers_around(game: Game, exogenous: Exogenous, span: Span) -> tuple[Floats, Floats]:
    """Return what is drawn at each bus besides active power of prosumers, kW and kvar, (T, K).

    `exogenous` is the game's own, all environments.
    """
    kw, kvar = [], []
    for now in range(span.first, span.end):
        around = surroundings(game, exogenous, now)
        kw.append(around.kw[span.environment])
        kvar.append(around.kvar[span.environment])
    return np.stack(kw), np.stack(kvar)


def signal_of(days: Sequence[DayRecord]) -> Signal:
    """Return what was announced on all days, (T, B)."""
    return Signal(
        buy_eur_per_kwh=np.concatenate([day.signal.buy_eur_per_kwh for day in days]),
        sell_eur_per_kwh=np.concatenate([day.signal.sell_eur_per_kwh for day in days]),
    )


def played_costs_eur(
    game: Game, days: Sequence[DayRecord], *, environment: int = 0, wear_eur_per_kwh: float = 0.0
) -> Floats:
    """Return what played days cost each prosumer, (N,), by the rules of all yardsticks.

    Payments from the ledger, plus wear, less open positions.
    """
    records = [record for day in days for record in day.intervals]
    money = np.sum([it.settlement.prosumer_eur[environment].sum(axis=1) for it in records], axis=0)
    through = np.sum([np.abs(it.dispatch.battery_kw[environment]) for it in records], axis=0)
    open_eur = open_positions_eur(
        game.fleet,
        records[-1].state,
        retail=game.retail_eur_per_kwh,
        feed_in=game.feed_in_eur_per_kwh,
    )[environment]
    return np.asarray(wear_eur_per_kwh * through * game.interval_h - money - open_eur)
