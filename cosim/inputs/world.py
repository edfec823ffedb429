"""The world a run is played on: people, profiles, prices and forecasts, drawn before it begins.

Randomness. Every draw has its own stream, named by (seed, environment, purpose). Environment 3
is therefore the same whether 4 or 4096 are played, and the share of one device changes neither
who owns the other devices nor any other draw. Who lives where is drawn once and holds for all
environments, because their number of prosumers has to be one; environments differ in the weeks
their homes live through, in vehicles, prices and forecast errors. Environment 0 plays the
homes exactly as placed, whose yearly peak was matched to the feeder's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TypedDict

import numpy as np

from cosim.errors import ProfileError, ScenarioError
from cosim.inputs.fleet import device_mix, fleet_of, sites_of
from cosim.inputs.forecasts import forecast_powers, forecast_price
from cosim.inputs.prices import PricePaths, day_ahead_and_imbalance
from cosim.inputs.profiles import (
    Powers,
    Shapes,
    date_problems,
    existing_generation,
    powers_of,
    run_calendar,
    shapes_of,
)
from cosim.inputs.vehicles import Asked, draw_stays, fill_stays
from cosim.records import Calendar, Exogenous, Floats, Integers, World
from cosim.scenario import Scenario
from networks.errors import NetworkError
from networks.feeder import Feeder
from networks.placement import PASSIVE, Placement, place, redraw_shifts
from networks.placement_from_net import place_from_net
from networks.simbench_profiles import YearProfiles, year_profiles

EVERY_ENVIRONMENT = -1


class Purpose(IntEnum):
    """What a stream of random numbers is for. Numbers are part of what a seed means."""

    PLACEMENT = 0
    SHIFTS = 1
    VEHICLES = 2
    PRICES = 3
    LOAD_FORECAST = 4
    SOLAR_FORECAST = 5
    PASSIVE_FORECAST = 6
    PRICE_FORECAST = 7


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """One environment's powers and vehicles, actual and as forecast."""

    actual: Powers
    forecast: Powers
    arrival_kwh: Floats  # (R, N)
    departure: Integers  # (R, N)


class Shared(TypedDict):
    """Fields that differ between what happens and what is forecast; as in `Exogenous`."""

    load_kw: Floats
    load_kvar: Floats
    pv_kw: Floats
    passive_kw: Floats
    passive_kvar: Floats


def stream(seed: int, environment: int, purpose: Purpose, *further: int) -> np.random.Generator:
    """Return the stream of a purpose; child streams as `SeedSequence.spawn` would make them."""
    key = (environment + 1, int(purpose), *further)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def build_world(scenario: Scenario, feeder: Feeder, *, environments: int = 1) -> World:
    """Return everything `scenario` is played on, for `environments` days side by side.

    Arrays of `actual`, `forecast` and the calendar reach `profiles.LOOKAHEAD` intervals beyond
    the run, which ends at ``calendar.day_start[-1]``.

    Raises:
        ProfileError: the profiles do not cover the dates, or cannot be read.
        ScenarioError: a prosumer sits at a bus that does not exist or has no supply; with it
            all other problems of placement and dates.
        PriceError: prices are missing or unusable.
    """
    try:
        profiles = year_profiles()
    except NetworkError as error:
        raise ProfileError(error.problems) from error
    placed = place_community(scenario, feeder, profiles)
    calendar, rows = run_calendar(scenario.run, profiles)
    shapes = shapes_of(profiles, rows, pv_kwh_per_kwp=scenario.community.pv_kwh_per_kwp)
    numbers = range(environments)
    generation = existing_generation(feeder, shapes, scenario.feeder.existing_generation)
    draws = [draw(scenario, placed, shapes, generation, number) for number in numbers]
    prices = day_ahead_and_imbalance(
        scenario.wholesale,
        calendar.start_utc,
        calendar.time_zone,
        scenario.run.start,
        [stream(scenario.run.seed, number, Purpose.PRICES) for number in numbers],
    )
    return assemble(scenario, placed, calendar, draws, prices)


def place_community(scenario: Scenario, feeder: Feeder, profiles: YearProfiles) -> Placement:
    """Return who lives where; raise with the problems of places and dates together."""
    late = date_problems(scenario.run)
    generator = stream(scenario.run.seed, EVERY_ENVIRONMENT, Purpose.PLACEMENT)
    mix = device_mix(scenario.community)
    try:
        if scenario.takes_devices:
            placed = place_from_net(feeder, profiles, mix, generator=generator)
        else:
            placed = place(feeder, profiles, mix, generator=generator, sites=sites_of(scenario))
    except NetworkError as error:
        raise ScenarioError([*error.problems, *late]) from error
    if late:
        raise ProfileError(late)
    return placed


def draw(
    scenario: Scenario,
    placed: Placement,
    shapes: Shapes,
    generation: tuple[Floats, Floats],
    environment: int,
) -> Draws:
    """Draw one environment."""
    seed = scenario.run.seed
    shift = placed.homes.shift
    if environment > 0:
        shift = redraw_shifts(placed, stream(seed, environment, Purpose.SHIFTS))
    actual = powers_of(placed, shapes, shift=shift, generation=generation)
    # A prosumer's error hangs on its first home, not on how many prosumers come before it.
    takes_part = np.flatnonzero(placed.prosumer != PASSIVE)
    _, first = np.unique(placed.prosumer[takes_part], return_index=True)
    forecast = forecast_powers(
        actual,
        scenario.forecasts,
        prosumer_homes=placed.prosumer_homes,
        passive_homes=placed.passive_homes,
        streams=(
            [
                stream(seed, environment, Purpose.LOAD_FORECAST, int(home))
                for home in takes_part[first]
            ],
            stream(seed, environment, Purpose.SOLAR_FORECAST),
            stream(seed, environment, Purpose.PASSIVE_FORECAST),
        ),
    )
    stays = draw_stays(
        placed,
        Asked(vehicle_energy(scenario, placed), scenario.community.vehicle_efficiency),
        start=scenario.run.start,
        days=scenario.run.days,
        generator=stream(seed, environment, Purpose.VEHICLES),
    )
    arrival_kwh, departure = fill_stays(stays, len(actual.pv_kw))
    return Draws(actual, forecast, arrival_kwh, departure)


def vehicle_energy(scenario: Scenario, placed: Placement) -> Floats:
    """Return the mean energy a vehicle asks for at the meter, by home, (H,)."""
    mean = np.full(len(placed.homes), scenario.community.vehicle_kwh_per_day)
    if scenario.prosumers:
        given = np.array([each.vehicle_kwh_per_day for each in scenario.prosumers])
        takes_part = placed.prosumer != PASSIVE
        mean[takes_part] = given[placed.prosumer[takes_part]]
    return mean


def assemble(
    scenario: Scenario,
    placed: Placement,
    calendar: Calendar,
    draws: Sequence[Draws],
    prices: PricePaths,
) -> World:
    """Return the world made of its parts."""
    actual_price = prices.day_ahead_eur_per_kwh
    forecast = np.stack(
        [
            forecast_price(
                actual_price[:, number],
                scenario.forecasts,
                stream(scenario.run.seed, number, Purpose.PRICE_FORECAST),
            )
            for number in range(len(draws))
        ],
        axis=1,
    )
    actual = Exogenous(
        **side_by_side([each.actual for each in draws]),
        vehicle_arrival_kwh=np.stack([each.arrival_kwh for each in draws], axis=1),
        vehicle_departure=np.stack([each.departure for each in draws], axis=1),
        heat_pump_reference_kw=np.stack([each.actual.heat_pump_kw for each in draws], axis=1),
        day_ahead_eur_per_kwh=actual_price,
        imbalance_eur_per_kwh=prices.imbalance_eur_per_kwh,
    )
    return World(
        fleet=fleet_of(scenario, placed, actual.heat_pump_reference_kw.max(axis=0)),
        actual=actual,
        # Stays and heat pumps are known to their owners. Nobody knows which way the system will
        # be short: the best guess of the imbalance price is the day-ahead price.
        forecast=replace(
            actual,
            **side_by_side([each.forecast for each in draws]),
            day_ahead_eur_per_kwh=forecast,
            imbalance_eur_per_kwh=forecast,
        ),
        calendar=calendar,
        day_ahead_label=prices.day_ahead_label,
        imbalance_label=prices.imbalance_label,
        day_ahead_provenance=prices.day_ahead_provenance,
        imbalance_provenance=prices.imbalance_provenance,
    )


def side_by_side(powers: Sequence[Powers]) -> Shared:
    """Return the fields that `Powers` and `Exogenous` share, environments along axis 1."""
    return Shared(
        load_kw=np.stack([each.load_kw for each in powers], axis=1),
        load_kvar=np.stack([each.load_kvar for each in powers], axis=1),
        pv_kw=np.stack([each.pv_kw for each in powers], axis=1),
        passive_kw=np.stack([each.passive_kw - each.generation_kw for each in powers], axis=1),
        passive_kvar=np.stack(
            [each.passive_kvar - each.generation_kvar for each in powers], axis=1
        ),
    )
