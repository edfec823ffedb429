"""Days that market levers play: people, weather, prices and errors that all cases share.

Only new plants differ between the cases of a day. A day follows from the seed and its date alone,
whatever other days are played beside it, and what a home draws does not hang on who has a plant.
Loads, sun and heat are those of `operating_points`; vehicles come and leave as there, each home's
own instead of the mean of a bus.
"""

import datetime
from dataclasses import dataclass, replace

import numpy as np

from cosim.inputs.forecasts import (
    autoregressive,
    error_of_many,
    forecast_price,
    persistence,
    unbiased_factor,
)
from cosim.inputs.prices import day_ahead_and_imbalance
from cosim.inputs.profiles import existing_generation, powers_of, run_calendar, shapes_of
from cosim.inputs.vehicles import Asked, Stays, draw_stays, fill_stays
from cosim.inputs.world import Purpose, stream
from cosim.records import Calendar, Floats, Integers
from cosim.scenario import Scenario
from cosim.scenario_community import VEHICLE_KWH_PER_DAY
from cosim.scenario_moves import scenario_at
from cosim.studies.hosting.operating_points import FIRST_DAY, LAST_DAY, course
from cosim.studies.hosting.settings import HostingSettings
from networks.feeder import Feeder
from networks.homes import Homes, plain_homes
from networks.placement import Blocks, Placement
from networks.simbench_profiles import YearProfiles

ENVIRONMENT = 0
"""All cases live through the same one."""


@dataclass(frozen=True, slots=True, eq=False)
class MarketDay:
    """A day, or a few that follow each other, and the look-ahead behind it; without new plants.

    Axes: `R` intervals with the look-ahead, `H` owners, `K` buses. Plants are per installed kW.
    """

    calendar: Calendar
    owner_bus: Integers  # (H,) position in Feeder.bus_index
    load_kw: Floats  # (R, H) of each owner's home, part of the total at its bus
    load_kvar: Floats  # (R, H)
    total_kw: Floats  # (R, K) drawn at every bus, generators deducted
    total_kvar: Floats  # (R, K)
    course: Floats  # (R, H) drawn by a new plant that nobody steers; solar in [-1, 0]
    bus_course: Floats  # (R, K) the same, on average at a bus
    asked_kwh: Floats  # (R, H) by a vehicle that plugs in, at the meter
    departure: Integers  # (R, H) first interval after the stay, -1 while not plugged in
    load_error: Floats  # (R, H) forecast over actual
    total_error: Floats  # (R, K)
    course_error: Floats  # (R, 1)
    day_ahead_eur_per_kwh: Floats  # (R,)
    imbalance_eur_per_kwh: Floats  # (R,)
    day_ahead_forecast_eur_per_kwh: Floats  # (R,)

    @property
    def intervals(self) -> int:
        """Number of intervals that are played, without the look-ahead."""
        return int(self.calendar.day_start[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Owners:
    """Who may get a plant, `H` of them, and what stands on the feeder without new plants."""

    homes: Homes  # (H,) of the feeder, or sites that draw nothing by themselves
    placed: Placement  # everything that is there

    @property
    def count(self) -> int:
        """Number of owners H."""
        return len(self.homes)


def home_owners(placed: Placement) -> Owners:
    """Return the homes of a feeder as owners, in their order."""
    return Owners(placed.homes, placed)


def site_owners(placed: Placement, bus: Integers) -> Owners:
    """Return sites at `bus` (H,) as owners, whose load is nobody's own."""
    nothing, first = np.zeros(len(bus)), np.zeros(len(bus), np.int64)
    return Owners(plain_homes(bus, first, kw=nothing, kvar=nothing, shift=first), placed)


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """What all days of a study share."""

    settings: HostingSettings
    scenario: Scenario  # tariff, prices, forecasts, sizes of batteries
    feeder: Feeder
    profiles: YearProfiles
    owners: Owners
    stays: Stays  # (days of the year + 2, H), intervals counted from the year's first


def set_stage(
    settings: HostingSettings,
    scenario: Scenario,
    feeder: Feeder,
    profiles: YearProfiles,
    owners: Owners,
) -> Stage:
    """Return what all days share; vehicles live through the whole year once."""
    efficiency = scenario.community.vehicle_efficiency
    stays = draw_stays(
        _each_alone(owners.homes, settings.mean_plant_kw, feeder.bus_count),
        Asked(np.full(owners.count, VEHICLE_KWH_PER_DAY), efficiency),
        start=FIRST_DAY,
        days=(LAST_DAY - FIRST_DAY).days + 1,
        generator=stream(settings.seed, ENVIRONMENT, Purpose.VEHICLES),
    )
    return Stage(settings, scenario, feeder, profiles, owners, stays)


def market_day(stage: Stage, start: datetime.date, days: int = 1) -> MarketDay:
    """Return `days` days from `start`.

    Raises:
        ProfileError: the profiles do not cover the dates.
        PriceError: prices are missing or unusable.
    """
    settings, scenario, feeder = stage.settings, stage.scenario, stage.feeder
    placed, owners = stage.owners.placed, stage.owners
    moved = scenario_at(scenario, start, days)
    calendar, rows = run_calendar(moved.run, stage.profiles)
    shapes = shapes_of(stage.profiles, rows, pv_kwh_per_kwp=scenario.community.pv_kwh_per_kwp)
    exists = settings.window.existing_generation or "solar"
    generation = existing_generation(feeder, shapes, exists)
    there = powers_of(placed, shapes, shift=placed.homes.shift, generation=generation)
    alone = _each_alone(owners.homes, settings.mean_plant_kw, feeder.bus_count)
    own = powers_of(alone, shapes, shift=alone.homes.shift, generation=generation)
    bus_course = course(settings, feeder, placed, shapes, rows)
    arrival_kwh, departure = _stays(stage, int(rows[0]), len(rows))
    asked_kwh = arrival_kwh / scenario.community.vehicle_efficiency
    if settings.technology == "ev":
        plants = charged_at_once(asked_kwh, calendar.interval_h)
    else:
        plants = bus_course[:, owners.homes.bus]
    errors = _Errors(scenario, start)
    prices = day_ahead_and_imbalance(
        moved.wholesale,
        calendar.start_utc,
        calendar.time_zone,
        moved.run.start,
        [errors.stream(Purpose.PRICES)],
    )
    day_ahead = prices.day_ahead_eur_per_kwh[:, 0]
    sunny = settings.technology == "pv"
    return MarketDay(
        calendar=calendar,
        owner_bus=owners.homes.bus,
        load_kw=own.load_kw,
        load_kvar=own.load_kvar,
        total_kw=there.passive_kw - there.generation_kw,
        total_kvar=there.passive_kvar - there.generation_kvar,
        course=plants,
        bus_course=bus_course,
        asked_kwh=asked_kwh,
        departure=departure,
        load_error=errors.of_loads(len(rows), owners.count),
        total_error=errors.of_total(len(rows), placed.passive_homes),
        course_error=errors.of_solar(len(rows)) if sunny else np.ones((len(rows), 1)),
        day_ahead_eur_per_kwh=day_ahead,
        imbalance_eur_per_kwh=prices.imbalance_eur_per_kwh[:, 0],
        day_ahead_forecast_eur_per_kwh=forecast_price(
            day_ahead, scenario.forecasts, errors.stream(Purpose.PRICE_FORECAST)
        ),
    )


def charged_at_once(asked_kwh: Floats, interval_h: float) -> Floats:
    """Return the power (R, H) of vehicles of 1 kW that charge as soon as they are plugged in.

    `asked_kwh` (R, H) is what each wants at the meter from where it plugs in.
    """
    power = np.zeros_like(asked_kwh)
    missing = np.zeros(asked_kwh.shape[1])
    for now, asked in enumerate(asked_kwh):
        missing = np.where(asked > 0.0, asked, missing)
        power[now] = np.minimum(missing / interval_h, 1.0)
        missing = missing - power[now] * interval_h
    return power


@dataclass(frozen=True, slots=True)
class _Errors:
    """Forecast errors of a day, each from a stream of its own."""

    scenario: Scenario
    start: datetime.date

    def stream(self, purpose: Purpose, *further: int) -> np.random.Generator:
        """Return the stream of a purpose on this day."""
        seed, day = self.scenario.run.seed, self.start.toordinal()
        return stream(seed, ENVIRONMENT, purpose, day, *further)

    def of_loads(self, rows: int, count: int) -> Floats:
        """Return factors (R, H) of the loads of homes, one stream a home."""
        drawn = [
            self.stream(Purpose.LOAD_FORECAST, home).standard_normal(rows) for home in range(count)
        ]
        return self._factor(np.stack(drawn, axis=1), self.scenario.forecasts.load_error)

    def of_total(self, rows: int, homes: Floats) -> Floats:
        """Return factors (R, K) of what is drawn at buses where so many `homes` (K,) live."""
        drawn = self.stream(Purpose.PASSIVE_FORECAST).standard_normal((rows, len(homes)))
        return self._factor(drawn, error_of_many(self.scenario.forecasts.load_error, homes))

    def of_solar(self, rows: int) -> Floats:
        """Return factors (R, 1) of solar power, common to the feeder."""
        drawn = self.stream(Purpose.SOLAR_FORECAST).standard_normal((rows, 1))
        return self._factor(drawn, self.scenario.forecasts.pv_error)

    def _factor(self, drawn: Floats, error: Floats | float) -> Floats:
        process = autoregressive(drawn, persistence(self.scenario.forecasts))
        return unbiased_factor(process, error)


def _each_alone(homes: Homes, vehicle_kw: float, buses: int) -> Placement:
    """Return the owners as prosumers of their own, all with a vehicle."""
    count = len(homes)
    one, nobody = np.ones(count), np.zeros(0, np.int64)
    return Placement(
        homes=replace(homes, vehicle_kw=np.full(count, vehicle_kw)),
        prosumer=np.arange(count),
        counted=np.ones(count, np.bool_),
        prosumer_bus=homes.bus,
        prosumer_homes=one,
        blocks=Blocks(nobody, nobody, np.zeros(0), np.zeros(0), nobody),
        passive_homes=np.zeros(buses),
    )


def _stays(stage: Stage, first_row: int, rows: int) -> tuple[Floats, Integers]:
    """Return what vehicles ask for per installed kW and when they leave, (rows, H) each.

    `first_row` is that of the first day in the profile year. Who came home the evening before
    has charged at once and asks for nothing any more.
    """
    stays = stage.stays
    arrival, departure = stays.arrival - first_row, stays.departure - first_row
    energy_kwh = np.where(arrival < 0, 0.0, stays.energy_kwh)
    seen = ((arrival >= 0) & (arrival < rows)).any(axis=1)
    near = Stays(arrival=arrival[seen], departure=departure[seen], energy_kwh=energy_kwh[seen])
    arrival_kwh, until = fill_stays(near, rows)
    return arrival_kwh / stage.settings.mean_plant_kw, until
