"""Electric vehicles: when they come home, when they leave and what they need by then.

A vehicle comes home on most evenings and leaves the next morning. Times are local, drawn from
normal distributions and cut so that vehicles arrive after noon and leave before it: two stays
of a vehicle never overlap, and none begins or ends in the hour in which clocks change.
"""

import datetime
from dataclasses import dataclass

import numpy as np

from cosim.inputs.profiles import local_midnight
from cosim.records import Booleans, Floats, Integers
from networks.placement import PASSIVE, Placement
from networks.simbench_profiles import INTERVAL_H

ENERGY_VARIATION = 0.6
"""Standard deviation of a stay's energy over its mean (assumed)."""

FEASIBLE_SHARE = 0.9
"""Of the energy that full power could charge during a stay: most that is asked for."""

ARRIVAL_RANGE_H = (12.0, 23.75)
DEPARTURE_RANGE_H = (4.0, 11.75)


@dataclass(frozen=True, slots=True)
class Habit:
    """How vehicles are used on a kind of day: mean and standard deviation of local hours."""

    home_probability: float
    arrival_h: tuple[float, float]
    departure_h: tuple[float, float]


WEEKDAY = Habit(home_probability=0.85, arrival_h=(18.0, 1.5), departure_h=(7.5, 1.0))
WEEKEND = Habit(home_probability=0.70, arrival_h=(17.0, 2.5), departure_h=(9.5, 1.5))


@dataclass(frozen=True, slots=True, eq=False)
class Stays:
    """At most one stay of each prosumer's vehicle on each of `D + 2` evenings.

    The first evening is the one before the run, the last that of the day behind it. Where
    nobody comes home, arrival and departure are equal and the energy is zero.
    """

    arrival: Integers  # (D + 2, N) interval of the run, negative on the evening before it
    departure: Integers  # (D + 2, N) first interval after the stay
    energy_kwh: Floats  # (D + 2, N) into the vehicle, feasible


@dataclass(frozen=True, slots=True, eq=False)
class Evening:
    """What the vehicles that come home on one evening do, each (V,)."""

    home: Booleans
    arrival: Floats  # interval of the run, with its fraction
    departure: Floats
    energy_kwh: Floats  # into the vehicle


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What vehicles are like."""

    mean_kwh: Floats  # (H,) at the meter, of a vehicle that comes home
    efficiency: float  # energy in the vehicle per drawn energy


def draw_stays(
    placed: Placement,
    asked: Asked,
    *,
    start: datetime.date,
    days: int,
    generator: np.random.Generator,
) -> Stays:
    """Draw the stays of one environment for `days` days from `start`.

    Every home of the placement gets its draws, whether or not it owns a vehicle, and evenings
    are drawn one after the other: neither the share of vehicles nor the length of the run
    changes when a certain vehicle comes home. Where several homes form one prosumer, their
    vehicles come and leave at their mean times and ask for the sum of their energies.
    """
    mine = np.flatnonzero((placed.prosumer != PASSIVE) & (placed.homes.vehicle_kw > 0.0))
    joined = [
        join_vehicles(
            placed,
            mine,
            draw_evening(asked, mine, start=start, day=day, generator=generator),
            efficiency=asked.efficiency,
        )
        for day in range(-1, days + 1)
    ]
    arrival, departure, energy = (np.array(part) for part in zip(*joined, strict=True))
    return Stays(arrival=arrival, departure=departure, energy_kwh=energy)


def draw_evening(
    asked: Asked,
    mine: Integers,
    *,
    start: datetime.date,
    day: int,
    generator: np.random.Generator,
) -> Evening:
    """Draw the stays that begin on local day number `day` of the run, of the homes `mine`."""
    homes = len(asked.mean_kwh)
    uniform = generator.random(homes)[mine]
    normal = generator.standard_normal((3, homes))[:, mine]
    today = habit(start + datetime.timedelta(days=day))
    tomorrow = habit(start + datetime.timedelta(days=day + 1))
    arrival_h = hours(today.arrival_h, normal[0], ARRIVAL_RANGE_H)
    departure_h = hours(tomorrow.departure_h, normal[1], DEPARTURE_RANGE_H)
    # Mean one, whatever the variation.
    sigma = np.sqrt(np.log1p(ENERGY_VARIATION**2))
    size = np.exp(sigma * normal[2] - 0.5 * sigma**2)
    return Evening(
        home=uniform < today.home_probability,
        arrival=interval_of(start, day, arrival_h),
        departure=interval_of(start, day + 1, departure_h),
        energy_kwh=asked.mean_kwh[mine] * asked.efficiency * size,
    )


def habit(date: datetime.date) -> Habit:
    """Return the habit of a date: Saturdays and Sundays are the weekend."""
    return WEEKEND if date.weekday() >= 5 else WEEKDAY


def hours(
    distribution: tuple[float, float], normal: Floats, allowed: tuple[float, float]
) -> Floats:
    """Return local hours from standard normal draws, cut to the allowed range."""
    mean, deviation = distribution
    return np.clip(mean + deviation * normal, *allowed)


def interval_of(start: datetime.date, day: int, hour: Floats) -> Floats:
    """Return the interval, with its fraction, at which clocks show `hour` on a day of the run.

    Counted back from the next midnight, which is right on all days for hours after the change
    of clocks.
    """
    midnight = local_midnight(start, day + 1) - local_midnight(start, 0)
    return np.asarray(midnight / np.timedelta64(15, "m") - (24.0 - hour) / INTERVAL_H)


def join_vehicles(
    placed: Placement, mine: Integers, evening: Evening, *, efficiency: float
) -> tuple[Integers, Integers, Floats]:
    """Return (arrival, departure, energy) of every prosumer's joint vehicle, each (N,)."""
    who, count = placed.prosumer[mine], placed.prosumer_count

    def total(values: Floats) -> Floats:
        weights = np.where(evening.home, values, 0.0)
        return np.asarray(np.bincount(who, weights=weights, minlength=count))

    number = total(np.ones(len(mine)))
    some = np.maximum(number, 1.0)
    arrival = np.floor(total(evening.arrival) / some).astype(np.int64)
    departure = np.floor(total(evening.departure) / some).astype(np.int64)
    power_kw = total(placed.homes.vehicle_kw[mine])
    stay_h = (departure - arrival) * INTERVAL_H
    most = FEASIBLE_SHARE * power_kw * efficiency * stay_h
    return arrival, departure, np.minimum(total(evening.energy_kwh), most)


def fill_stays(stays: Stays, intervals: int) -> tuple[Floats, Integers]:
    """Return (arrival_kwh, departure) as in `Exogenous`, each (intervals, N).

    A stay that began before the run is under way at interval 0: the vehicle then asks for the
    part of its energy that matches the rest of the stay, as if it had charged evenly so far.
    A stay may end behind the arrays: its departure is then an index beyond their end.
    """
    evening_count, count = stays.arrival.shape
    arrival_kwh = np.zeros((intervals, count))
    departure = np.full((intervals, count), -1)
    vehicles = np.arange(count)
    for evening in range(evening_count):
        begin, end = np.maximum(stays.arrival[evening], 0), stays.departure[evening]
        here = (begin < np.minimum(end, intervals)) & (stays.energy_kwh[evening] > 0.0)
        whole = np.maximum(end - stays.arrival[evening], 1)
        left = stays.energy_kwh[evening] * (end - begin) / whole
        arrival_kwh[begin[here], vehicles[here]] = left[here]
        if here.any():
            window = np.arange(begin[here].min(), min(int(end[here].max()), intervals))[:, None]
            plugged = here & (window >= begin) & (window < end)
            departure[window[:, 0]] = np.where(plugged, end, departure[window[:, 0]])
    return arrival_kwh, departure
