"""Small cases for yardsticks: by hand, and cut out of played days."""

import functools
from dataclasses import fields, replace
from typing import Any

import numpy as np

from cosim.game import Game
from cosim.prosumers.devices import initial_state
from cosim.records import Exogenous, Fleet, Signal, State, World
from cosim.results import DayRecord
from cosim.simulation import Policies, play_days
from policies.baselines import TimeOfUse, WaterValue
from policies.yardstick_case import Case, Schedule, Span, signal_of
from tests.worlds import small_game, small_world

POLICIES = Policies(leader=TimeOfUse((0, 6, 10, 16, 21), 0.02), followers=WaterValue(0.005))
WEAR = 0.01


def hand_case(
    fixed_kwh: list[list[float]], buy: list[float], sell: list[float], **fleet: list[float]
) -> Case:
    """Return hours of prosumers that draw `fixed_kwh` (T, N), with devices as named in `Fleet`."""
    fixed = np.array(fixed_kwh, np.float64)
    shape = (fixed.shape[0], 1, fixed.shape[1])
    each: dict[str, Any] = {
        it.name: np.array([fleet[it.name]], np.float64) if it.name in fleet else np.zeros(shape[1:])
        for it in fields(Fleet)
    }
    for name in ("battery_charge_efficiency", "battery_discharge_efficiency", "vehicle_efficiency"):
        each[name] = np.array([fleet.get(name, [1.0] * shape[2])])
    one = np.ones(shape[1:])
    each |= {
        "bus": np.zeros(shape[1:], np.int64),
        "heat_pump_cop": 3.0 * one,
        "building_kwh_per_kelvin": 5.0 * one,
        "building_time_constant_h": 40.0 * one,
        "comfort_min_celsius": 20.0 * one,
        "comfort_max_celsius": 22.0 * one,
        "comfort_target_celsius": 21.0 * one,
    }
    nothing = np.zeros(shape)
    return Case(
        fleet=Fleet(**each),
        exogenous=Exogenous(
            load_kw=np.maximum(fixed, 0.0)[:, None],
            load_kvar=nothing,
            pv_kw=np.maximum(-fixed, 0.0)[:, None],
            vehicle_arrival_kwh=nothing,
            vehicle_departure=np.full(shape, -1),
            heat_pump_reference_kw=nothing,
            passive_kw=nothing,
            passive_kvar=nothing,
            day_ahead_eur_per_kwh=nothing[:, :, 0],
            imbalance_eur_per_kwh=nothing[:, :, 0],
        ),
        state=initial_state(Fleet(**each)),
        buy_eur_per_kwh=np.array(buy),
        sell_eur_per_kwh=np.array(sell),
        local_fee_eur_per_kwh=0.09,
        retail_eur_per_kwh=0.50,
        feed_in_eur_per_kwh=0.03,
        interval_h=1.0,
        span=Span(0, len(buy), wear_eur_per_kwh=WEAR),
    )


def with_stay(case: Case, first: int, departure: int, energy_kwh: float) -> Case:
    """Return the case with the vehicle of prosumer 0 at home from `first` to `departure`."""
    arrival = case.exogenous.vehicle_arrival_kwh.copy()
    leaves = case.exogenous.vehicle_departure.copy()
    arrival[first, 0, 0] = energy_kwh
    leaves[first:departure, 0, 0] = departure
    exogenous = replace(case.exogenous, vehicle_arrival_kwh=arrival, vehicle_departure=leaves)
    return replace(case, exogenous=exogenous)


@functools.cache
def played(
    seed: int, *, scale: float = 1.0, rule: str = "none", environments: int = 1
) -> tuple[Game, World, DayRecord]:
    """Return a small day as water-value bidders play it, without locational charges."""
    world, feeder = small_world(seed=seed, scale=scale, environments=environments, prosumers=5)
    game = replace(small_game(world, feeder, rule=rule), charges=False)
    (day,) = play_days(game, world, POLICIES)
    return game, world, day


def start_of(game: Game, day: DayRecord, first: int) -> tuple[Signal, State]:
    """Return the prices from interval `first` on, and the state before it."""
    signal = signal_of([day])
    rest = Signal(signal.buy_eur_per_kwh[first:], signal.sell_eur_per_kwh[first:])
    return rest, day.intervals[first - 1].state if first else initial_state(game.fleet)


def schedule_of(day: DayRecord, first: int, environment: int = 0) -> Schedule:
    """Return what devices did from interval `first` on."""
    names = ("battery_kw", "vehicle_kw", "heat_pump_kw", "curtailed_kw")
    return Schedule(
        *(
            np.stack([getattr(it.dispatch, name)[environment] for it in day.intervals[first:]])
            * 0.25
            for name in names
        )
    )
