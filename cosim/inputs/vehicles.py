"""Electric vehicles: when they come home, when they leave and what they need by then.

A vehicle comes home on most evenings and leaves the next morning. Times are local, drawn from
normal distributions and cut so that a stay lies between noon and the next noon: two stays of a
vehicle can never overlap, and never touch the hour in which clocks change.
"""

import datetime
from dataclasses import dataclass

import numpy as np

from cosim.records import Booleans, Calendar, Floats, Integers
from networks.placement import PASSIVE, Placement
from networks.simbench_profiles import INTERVAL_H

ENERGY_VARIATION = 0.6
"""Standard deviation of a stay's energy over its mean (assumed)."""

FEASIBLE_SHARE = 0.9
"""Most of what full power could charge during a stay that a vehicle asks for."""

EARLIEST_ARRIVAL_H, LATEST_ARRIVAL_H = 12.0, 23.75
EARLIEST_DEPARTURE_H, LATEST_DEPARTURE_H = 4.0, 11.75


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
    """At most one stay of every prosumer's vehicle on each of `D + 2` evenings.

    The first evening is that before the run, the last that of the day behind it.
    """

    arrival: Integers  # (D + 2, N) interval of the run, < 0 before it, `departure` if none
    departure: Integers  # (D + 2, N) first interval after the stay
    energy_kwh: Floats  # (D + 2, N) into the vehicle, feasible


def evenings(start: datetime.date, calendar: Calendar) -> tuple[list[datetime.date], Integers]:
    """Return the evenings on which stays may begin and the first interval of the day after each.

    The day behind the run is taken to have 96 intervals, as many as planning looks ahead.
    """
    days = len(calendar.day_start) - 1
    dates = [start + datetime.timedelta(days=day) for day in range(-1, days + 1)]
    next_midnight = np.append(calendar.day_start, calendar.day_start[-1] + 96)
    return dates, next_midnight


def draw_stays(
    placed: Placement,
    calendar: Calendar,
    *,
    start: datetime.date,
    mean_kwh: Floats,
    efficiency: float,
    generator: np.random.Generator,
) -> Stays:
    """Draw the stays of one environment; `mean_kwh` (H,) is asked for at the meter.

    Every home of the placement gets its draws, whether or not it owns a vehicle, and evenings
    come one after the other: neither the share of vehicles nor the length of the run changes
    when a certain vehicle comes home. Where several homes form one prosumer, their vehicles
    come and leave at their mean times and ask for the sum of their energies.
    """
    dates, next_midnight = evenings(start, calendar)
    homes = placed.homes
    mine = (placed.prosumer != PASSIVE) & (homes.vehicle_kw > 0.0)
    sigma = np.sqrt(np.log1p(ENERGY_VARIATION**2))
    rows = []
    for date, midnight in zip(dates, next_midnight, strict=True):
        uniform = generator.random(len(homes))[mine]
        normal = generator.standard_normal((3, len(homes)))[:, mine]
        today = habit(date)
        tomorrow = habit(date + datetime.timedelta(days=1))
        arrival_h = np.clip(
            hour(today.arrival_h, normal[0]), EARLIEST_ARRIVAL_H, LATEST_ARRIVAL_H
        )
        departure_h = np.clip(
            hour(tomorrow.departure_h, normal[1]), EARLIEST_DEPARTURE_H, LATEST_DEPARTURE_H
        )
        energy = mean_kwh[mine] * efficiency * np.exp(sigma * normal[2] - 0.5 * sigma**2)
        home = uniform < today.home_probability
        who = placed.prosumer[mine]
        day_end = end_of_morning(midnight, calendar)
        rows.append(
            together(who, home, arrival_h, departure_h, energy, placed.prosumer_count)
        )
    return rows


def habit(date: datetime.date) -> Habit:
    """Return the habit of a date: Saturdays and Sundays are the weekend."""
    return WEEKEND if date.weekday() >= 5 else WEEKDAY


def hour(distribution: tuple[float, float], normal: Floats) -> Floats:
    """Return local hours from standard normal draws."""
    mean, deviation = distribution
    return mean + deviation * normal
