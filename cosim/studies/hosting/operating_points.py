"""When a feeder is looked at: one moment, days that stand for the year, or all of it.

A series shows what the homes of the feeder draw without any devices (`cosim.inputs`), and for
each bus what a new plant there does per installed kW: the solar profiles of the bus's homes, the
heat demand of its heat pumps, or uncontrolled charging, which begins when a vehicle comes home and
goes on at full power until it is full. A week of a series is seven successive days from its first;
what is left of a stretch of days is a shorter week with the same share of time.
"""

import datetime
from dataclasses import dataclass

import numpy as np

from cosim.inputs.profiles import Shapes, existing_generation, powers_of, run_calendar, shapes_of
from cosim.inputs.vehicles import FEASIBLE_SHARE, Asked, draw_evening
from cosim.inputs.world import Purpose, stream
from cosim.records import Floats, Integers
from cosim.scenario import Run
from cosim.scenario_community import VEHICLE_KWH_PER_DAY, Community
from cosim.studies.hosting.records import OperatingPoints
from cosim.studies.hosting.settings import COINCIDENCE, LOAD_SHARE, HostingSettings
from networks.feeder import Feeder
from networks.placement import Placement
from networks.shifts import SHIFT_COUNT
from networks.simbench_profiles import INTERVAL_H, YEAR, YearProfiles

DAYS_OF_A_WEEK = 7
FIRST_DAY, LAST_DAY = datetime.date(YEAR, 1, 1), datetime.date(YEAR, 12, 31)
FULL_SUN = {"pv": ", full sun", "ev": "", "heat_pump": ""}


def operating_points(
    settings: HostingSettings, feeder: Feeder, placed: Placement, profiles: YearProfiles
) -> OperatingPoints:
    """Return the moments of a study.

    Args:
        settings: of the study.
        feeder: where.
        placed: who lives there, without devices.
        profiles: the year they live through; not read for a snapshot.
    """
    if not settings.window.is_series:
        return snapshot(settings, feeder)
    return series(settings, feeder, placed, profiles, window_days(settings, profiles))


def snapshot(settings: HostingSettings, feeder: Feeder) -> OperatingPoints:
    """Return one moment: a share of the published loads, and all new plants at once."""
    window, kind = settings.window, settings.technology
    share = LOAD_SHARE[kind] if window.load_share is None else window.load_share
    together = window.coincidence or COINCIDENCE[kind]
    exists = window.existing_generation or ("nominal" if kind == "pv" else "none")
    generation = 0.0 if exists == "none" else 1.0
    sign = -1.0 if kind == "pv" else 1.0
    words = "none of the existing generators" if generation == 0.0 else "existing generators full"
    label = (
        f"{100 * share:g} % of the published loads{FULL_SUN[kind]}, new plants at "
        f"{100 * together:g} % of their power"
    )
    if feeder.nominal_generation_kw.any():
        label += f", {words}"
    return OperatingPoints(
        label=label,
        load_kw=(share * feeder.nominal_load_kw - generation * feeder.nominal_generation_kw)[None],
        load_kvar=(share * feeder.nominal_load_kvar - generation * feeder.nominal_generation_kvar)[
            None
        ],
        course=np.full((1, feeder.bus_count), sign * together),
        kvar_per_kw=kvar_per_kw(settings),
        interval_h=INTERVAL_H,
        start_utc=None,
        week=np.zeros(1, np.int64),
    )


def kvar_per_kw(settings: HostingSettings) -> float:
    """Return what plants without control draw in kvar per kW drawn, by their power factor."""
    factor = settings.deployment.power_factor
    size = float(np.sqrt(1.0 - factor**2) / factor)
    absorbs = settings.deployment.reactive == "absorb"
    # A solar plant feeds in: negative kW times a negative ratio is kvar drawn.
    return size if absorbs == (settings.technology != "pv") else -size


def window_days(settings: HostingSettings, profiles: YearProfiles) -> tuple[datetime.date, ...]:
    """Return the days of a series, in order."""
    if settings.window.days:
        return tuple(sorted(settings.window.days))
    if settings.window.kind == "year":
        every = (LAST_DAY - FIRST_DAY).days + 1
        return tuple(FIRST_DAY + datetime.timedelta(days=day) for day in range(every))
    return typical_days(profiles)


def typical_days(profiles: YearProfiles) -> tuple[datetime.date, ...]:
    """Return days that stand for the year.

    The sunniest and the darkest, those on which households draw most and least, and the middle
    ones by sun of the summer and of the winter half-year.
    """
    day = profiles.wall_quarter // 96
    count = int(day.max()) + 1
    sun = np.bincount(day, profiles.solar_pu.mean(axis=0), count)
    drawn = np.bincount(day, profiles.household_pu.mean(axis=0), count)
    numbers = np.arange(count)
    summer = (numbers >= 90) & (numbers < 273)
    chosen = {int(np.argmax(sun)), int(np.argmin(sun)), int(np.argmax(drawn)), int(drawn.argmin())}
    for half in (numbers[summer], numbers[~summer]):
        chosen.add(int(half[np.argsort(sun[half], kind="stable")[len(half) // 2]]))
    return tuple(FIRST_DAY + datetime.timedelta(days=number) for number in sorted(chosen))


@dataclass(frozen=True, slots=True, eq=False)
class _Axis:
    """The quarter hours of a series."""

    start_utc: np.ndarray
    rows: Integers  # (T,) of the profile year
    week: Integers  # (T,)
    local_hour: Floats  # (T,)


def _axis(days: tuple[datetime.date, ...], profiles: YearProfiles) -> _Axis:
    starts, rows, weeks, hours = [], [], [], []
    week = 0
    for first, count in _stretches(days):
        calendar, of_run = run_calendar(Run(start=first, days=count), profiles)
        length = int(calendar.day_start[-1])
        day = np.searchsorted(calendar.day_start, np.arange(length), side="right") - 1
        starts.append(calendar.start_utc[:length])
        rows.append(of_run[:length])
        hours.append(calendar.local_hour[:length])
        weeks.append(week + day // DAYS_OF_A_WEEK)
        week = int(weeks[-1][-1]) + 1
    return _Axis(
        np.concatenate(starts), np.concatenate(rows), np.concatenate(weeks), np.concatenate(hours)
    )


def local_hours(days: tuple[datetime.date, ...], profiles: YearProfiles) -> Floats:
    """Return what clocks show at the quarter hours of days, hours with their fraction, (T,)."""
    return _axis(days, profiles).local_hour


def _stretches(days: tuple[datetime.date, ...]) -> list[tuple[datetime.date, int]]:
    """Return first day and length of every run of successive days."""
    found: list[tuple[datetime.date, int]] = []
    for day in days:
        if found and (day - found[-1][0]).days == found[-1][1]:
            found[-1] = found[-1][0], found[-1][1] + 1
        else:
            found.append((day, 1))
    return found


def series(
    settings: HostingSettings,
    feeder: Feeder,
    placed: Placement,
    profiles: YearProfiles,
    days: tuple[datetime.date, ...],
) -> OperatingPoints:
    """Return the quarter hours of days."""
    axis = _axis(days, profiles)
    shapes = shapes_of(profiles, axis.rows, pv_kwh_per_kwp=Community().pv_kwh_per_kwp)
    exists = settings.window.existing_generation or "solar"
    powers = powers_of(
        placed,
        shapes,
        shift=placed.homes.shift,
        generation=existing_generation(feeder, shapes, exists),
    )
    return OperatingPoints(
        label=f"{len(days)} day{'s' if len(days) > 1 else ''} of {YEAR}, quarter hour by quarter "
        "hour",
        load_kw=powers.passive_kw - powers.generation_kw,
        load_kvar=powers.passive_kvar - powers.generation_kvar,
        course=course(settings, feeder, placed, shapes, axis.rows),
        kvar_per_kw=kvar_per_kw(settings),
        interval_h=INTERVAL_H,
        start_utc=axis.start_utc,
        week=axis.week,
    )


def course(
    settings: HostingSettings,
    feeder: Feeder,
    placed: Placement,
    shapes: Shapes,
    rows: Integers,
) -> Floats:
    """Return what a new plant at a bus draws per installed kW, (T, K).

    It is the mean over the homes of the bus; a bus without homes has the mean of the feeder.
    """
    homes, buses = placed.homes, feeder.bus_count
    count = np.bincount(homes.bus, minlength=buses)
    if settings.technology == "ev":
        return charging(settings, placed, buses, count)[rows]
    if settings.technology == "pv":
        table, line = -shapes.solar, np.arange(len(homes)) % len(shapes.solar)
    else:
        table, line = shapes.heat_pump, homes.heat_pump * SHIFT_COUNT + homes.shift
    weight = np.zeros((buses, len(table)))
    np.add.at(weight, (homes.bus, line), 1.0)
    if not len(homes):
        weight += 1.0
    return _mean_course(weight, table)


def _mean_course(weight: Floats, table: Floats) -> Floats:
    """Return the weighted mean of lines (W, T) at each bus, (T, K), of all where it has none."""
    has_homes = np.asarray(weight.sum(axis=1) > 0.0)
    weight = np.where(has_homes[:, None], weight, weight.sum(axis=0))
    return np.ascontiguousarray((weight / weight.sum(axis=1, keepdims=True) @ table).T)


def charging(settings: HostingSettings, placed: Placement, buses: int, count: Integers) -> Floats:
    """Return uncontrolled charging of the year at each bus per installed kW, (Y, K).

    Every home has one vehicle of the mean size; stays as in `cosim.inputs.vehicles`.
    """
    homes = len(placed.homes)
    community = Community()
    kw, efficiency = settings.mean_plant_kw, community.vehicle_efficiency
    days = (LAST_DAY - FIRST_DAY).days + 1
    quarters = days * 96
    total = np.zeros((quarters, buses))
    asked = Asked(np.full(homes, VEHICLE_KWH_PER_DAY), efficiency)
    generator = stream(settings.seed, 0, Purpose.VEHICLES)
    everyone = np.arange(homes)
    for day in range(-1, days):
        evening = draw_evening(asked, everyone, start=FIRST_DAY, day=day, generator=generator)
        stay = evening.departure - evening.arrival
        full = evening.energy_kwh / (kw * efficiency * INTERVAL_H)
        length = np.where(evening.home, np.minimum(full, FEASIBLE_SHARE * stay), 0.0)
        begin, end = evening.arrival, evening.arrival + length
        for step in range(int(np.ceil(length.max(initial=0.0))) + 1):
            quarter = np.floor(begin).astype(np.int64) + step
            overlap = np.minimum(end, quarter + 1) - np.maximum(begin, quarter)
            here = (overlap > 0.0) & (quarter >= 0) & (quarter < quarters)
            np.add.at(total, (quarter[here], placed.homes.bus[here]), overlap[here])
    everywhere = total.sum(axis=1, keepdims=True) / max(homes, 1)
    return np.where(count > 0, total / np.maximum(count, 1), everywhere)
