"""Small worlds for tests: a few prosumers with made-up days on the three-bus feeder."""

from dataclasses import replace

import numpy as np

from cosim.game import Game, draw_tie_ranks
from cosim.grid.power_flow import PowerFlow
from cosim.market.auction import MECHANISMS
from cosim.market.settlement import PriceParts
from cosim.records import Calendar, Exogenous, Fleet, World
from networks.feeder import Feeder
from tests.three_bus import three_bus_feeder

INTERVALS, LOOKAHEAD = 96, 96


def small_fleet(seed: int, environments: int, prosumers: int, scale: float) -> Fleet:
    """Return prosumers with random devices at buses 1 and 2; `scale` sizes them."""
    generator = np.random.default_rng(seed)
    shape = (environments, prosumers)

    def some(share: float, low: float, high: float) -> np.ndarray:
        owned = generator.random(shape) < share
        return np.where(owned, scale * generator.uniform(low, high, shape), 0.0)

    battery = some(0.6, 4.0, 10.0)
    return Fleet(
        bus=generator.integers(1, 3, shape),
        homes=np.ones(shape),
        pv_kwp=some(0.7, 3.0, 10.0),
        battery_kwh=battery,
        battery_kw=battery / 2.0,
        battery_charge_efficiency=generator.uniform(0.85, 1.0, shape),
        battery_discharge_efficiency=generator.uniform(0.85, 1.0, shape),
        battery_start_kwh=battery * generator.uniform(0.0, 1.0, shape),
        vehicle_kw=some(0.5, 3.7, 11.0),
        vehicle_efficiency=np.full(shape, 0.9),
        heat_pump_kw=some(0.5, 3.0, 5.0),
        heat_pump_cop=np.full(shape, 3.0),
        building_kwh_per_kelvin=np.full(shape, 5.0 * scale),
        building_time_constant_h=np.full(shape, 40.0),
        comfort_min_celsius=np.full(shape, 20.0),
        comfort_max_celsius=np.full(shape, 22.0),
        comfort_target_celsius=np.full(shape, 21.0),
    )


def small_days(fleet: Fleet, seed: int, buses: int) -> Exogenous:
    """Return a made-up day and the look-ahead behind it."""
    generator = np.random.default_rng(seed + 1)
    environments, prosumers = fleet.bus.shape
    length = INTERVALS + LOOKAHEAD
    shape = (length, environments, prosumers)
    hour = (np.arange(length) % 96) / 4.0
    sun = np.maximum(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0)[:, None, None]
    arrival = np.zeros(shape)
    departure = np.full(shape, -1, np.int64)
    for b, n in zip(*np.nonzero(fleet.vehicle_kw), strict=True):
        for day in range(2):
            start = 96 * day + int(generator.integers(60, 76))
            end = start + int(generator.integers(8, 56))
            most = fleet.vehicle_kw[b, n] * 0.25 * 0.9 * (end - start)
            if start >= length:
                continue
            arrival[start, b, n] = 0.9 * min(generator.uniform(3.0, 20.0), most)
            departure[start:end, b, n] = end
    price = 0.04 + 0.03 * generator.standard_normal((length, environments))
    return Exogenous(
        load_kw=generator.uniform(0.2, 2.0, shape),
        load_kvar=generator.uniform(0.0, 0.3, shape),
        pv_kw=fleet.pv_kwp * 0.8 * sun * generator.uniform(0.5, 1.0, shape),
        vehicle_arrival_kwh=arrival,
        vehicle_departure=departure,
        heat_pump_reference_kw=fleet.heat_pump_kw * generator.uniform(0.1, 0.9, shape),
        passive_kw=np.zeros((length, environments, buses)),
        passive_kvar=np.zeros((length, environments, buses)),
        day_ahead_eur_per_kwh=price,
        imbalance_eur_per_kwh=price + 0.05 * generator.standard_normal(price.shape),
    )


def small_world(
    *, seed: int = 0, environments: int = 1, prosumers: int = 8, scale: float = 1.0
) -> tuple[World, Feeder]:
    """Return a day on the three-bus feeder."""
    feeder = three_bus_feeder()
    fleet = small_fleet(seed, environments, prosumers, scale)
    actual = small_days(fleet, seed, feeder.bus_count)
    error = np.random.default_rng(seed + 2).normal(1.0, 0.1, actual.load_kw.shape)
    hours = (np.arange(INTERVALS + LOOKAHEAD) % 96) / 4.0
    start = np.datetime64("2016-06-13T00:00", "m") + 15 * np.arange(INTERVALS + LOOKAHEAD)
    world = World(
        fleet=fleet,
        actual=actual,
        forecast=replace(actual, load_kw=actual.load_kw * np.maximum(error, 0.1)),
        calendar=Calendar(
            start_utc=start,
            local_hour=hours,
            day_start=np.array([0, INTERVALS]),
            interval_h=0.25,
            time_zone="UTC",
        ),
        day_ahead_label="synthetic (made up)",
        imbalance_label="synthetic (made up)",
    )
    return world, feeder


def small_game(world: World, feeder: Feeder, *, rule: str = "optimal", seed: int = 0) -> Game:
    """Return the rules for `world`."""
    return Game(
        power_flow=PowerFlow(feeder),
        fleet=world.fleet,
        interval_h=0.25,
        mechanism=MECHANISMS["uniform"],
        rule=rule,
        envelopes="none",
        charges=True,
        two_price=False,
        parts=PriceParts(0.12, 0.08, 0.10, 0.04, 0.05),
        retail_eur_per_kwh=0.30,
        feed_in_eur_per_kwh=0.03,
        tie_rank=draw_tie_ranks(seed, world.fleet.bus.shape),
    )
