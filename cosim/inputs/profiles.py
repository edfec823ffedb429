"""Profiles of a run: its calendar, and what homes, blocks, roofs and heat pumps draw or give.

Axes as in `cosim.records`; `H` homes of a placement, `R` rows of the profile year that a run
reads: its T intervals and LOOKAHEAD behind them.
"""

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from scipy import sparse

from cosim.errors import ProfileError
from cosim.records import Booleans, Calendar, Floats, Integers
from cosim.scenario import Run
from networks.feeder import Feeder
from networks.placement import PASSIVE, Placement
from networks.shifts import SHIFT_COUNT, all_copies
from networks.simbench_profiles import INTERVAL_H, TIME_ZONE, YEAR, Singles, YearProfiles

LOOKAHEAD = 96
"""Intervals behind a run's last that forecasts and plans may look into: one day."""

FIRST_DAY, LAST_DAY = datetime.date(YEAR, 1, 1), datetime.date(YEAR, 12, 31)

HEAT_AVERAGE = 24
"""Intervals over which a heat-pump profile is averaged to the heat demand behind it: six hours."""


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Profiles over the rows of a run; copies as in `networks.shifts.all_copies`."""

    household: Floats  # (household copies, R) per nominal kW
    household_reactive: Floats  # (household copies, R) per nominal kvar
    heat_pump: Floats  # (heat-pump copies, R) heat demand, electric, per nominal kW
    solar: Floats  # (solar, R) kW per kWp, scaled to the wanted yearly yield
    block: Floats  # (blocks, R) per yearly peak


@dataclass(frozen=True, slots=True, eq=False)
class Powers:
    """What one environment's people draw and could feed in."""

    load_kw: Floats  # (R, N)
    load_kvar: Floats  # (R, N)
    pv_kw: Floats  # (R, N)
    heat_pump_kw: Floats  # (R, N)
    passive_kw: Floats  # (R, K)
    passive_kvar: Floats  # (R, K)
    generation_kw: Floats  # (R, K) fed in by generators that the feeder already has
    generation_kvar: Floats  # (R, K)


def date_problems(run: Run) -> list[str]:
    """Return why the profiles do not cover a run; an empty list if they do."""
    # Compared by ordinal: the last day may lie beyond what a date can say.
    end = run.start.toordinal() + run.days - 1
    if run.start >= FIRST_DAY and end <= LAST_DAY.toordinal():
        return []
    days = "1 day" if run.days == 1 else f"{run.days} days"
    return [
        f"run: {days} from {run.start} asked for; the profiles cover {FIRST_DAY} to {LAST_DAY}, so "
        "a run must begin and end there"
    ]


def start_problems(start: datetime.date) -> list[str]:
    """Return why no run can begin on a day; an empty list if one can."""
    if FIRST_DAY <= start <= LAST_DAY:
        return []
    return [
        f"run.start: {start} asked for; the profiles cover {FIRST_DAY} to {LAST_DAY}, so a run "
        "must begin and end there"
    ]


def run_calendar(run: Run, profiles: YearProfiles) -> tuple[Calendar, Integers]:
    """Return a run's calendar and the rows of the profile year it reads, (R,).

    `start_utc` and `local_hour` reach LOOKAHEAD intervals beyond the run; `day_start[-1]` is
    its end. Days have 92, 96 or 100 intervals. At the end of the year the rows behind the last
    day are those of its beginning: no other year is measured.

    Raises:
        ProfileError: the run begins or ends outside the profile year.
    """
    problems = date_problems(run)
    if problems:
        raise ProfileError(problems)
    midnights = [local_midnight(run.start, day) for day in range(run.days + 1)]
    first = (midnights[0] - profiles.start_utc[0]) // np.timedelta64(15, "m")
    day_start = np.array([(it - midnights[0]) // np.timedelta64(15, "m") for it in midnights])
    steps = np.arange(day_start[-1] + LOOKAHEAD)
    rows = (first + steps) % len(profiles.start_utc)
    calendar = Calendar(
        start_utc=midnights[0] + steps * np.timedelta64(15, "m"),
        local_hour=(profiles.wall_quarter[rows] % 96) / 4.0,
        day_start=day_start.astype(np.int64),
        interval_h=INTERVAL_H,
        time_zone=TIME_ZONE,
    )
    return calendar, rows


def local_midnight(start: datetime.date, day: int) -> np.datetime64:
    """Return the UTC time at which local day number `day` from `start` begins, in minutes."""
    date = start + datetime.timedelta(days=day)
    local = datetime.datetime.combine(date, datetime.time(), ZoneInfo(TIME_ZONE))
    return np.datetime64(local.astimezone(datetime.UTC).replace(tzinfo=None), "m")


def shapes_of(profiles: YearProfiles, rows: Integers, *, pv_kwh_per_kwp: float) -> Shapes:
    """Return all profiles at `rows`; each solar one yields `pv_kwh_per_kwp` in its year."""
    scale = pv_kwh_per_kwp / profiles.solar_kwh_per_kwp
    return Shapes(
        household=all_copies(profiles, profiles.household_pu, rows),
        household_reactive=all_copies(profiles, profiles.household_reactive_pu, rows),
        heat_pump=all_copies(profiles, heat_demand(profiles.heat_pump_pu), rows),
        solar=profiles.solar_pu[:, rows] * scale[:, None],
        block=profiles.block_pu[:, rows].astype(np.float64),
    )


def heat_demand(heat_pump_pu: Singles) -> Singles:
    """Return the steady power behind heat-pump profiles that switch on and off, (P, Y).

    The measured trace is a device's: on and off within the hour. Here the device is the market's to
    move, and what nobody decides is the heat a building loses, which is smooth. So each profile
    becomes its centred average over six hours, the year taken as a circle; its energy stays.
    """
    half = HEAT_AVERAGE // 2
    # An even number of intervals is centred by halves of the first and the last.
    weight = np.r_[0.5, np.ones(HEAT_AVERAGE - 1), 0.5] / HEAT_AVERAGE
    steps = range(-half, half + 1)
    parts = (w * np.roll(heat_pump_pu, step, axis=1) for w, step in zip(weight, steps, strict=True))
    return np.asarray(sum(parts), np.float32)


def existing_generation(feeder: Feeder, shapes: Shapes, follows: str) -> tuple[Floats, Floats]:
    """Return kW and kvar (R, K) of the generators that a feeder already has.

    `follows` is "solar" for the mean of all solar profiles per installed kW, "nominal" for the
    published power all the time, "none" for nothing.
    """
    rows = shapes.solar.shape[1]
    course = {
        "solar": shapes.solar.mean(axis=0),
        "nominal": np.ones(rows),
        "none": np.zeros(rows),
    }[follows]
    return (
        np.multiply.outer(course, feeder.nominal_generation_kw),
        np.multiply.outer(course, feeder.nominal_generation_kvar),
    )


def powers_of(
    placed: Placement, shapes: Shapes, *, shift: Integers, generation: tuple[Floats, Floats]
) -> Powers:
    """Return the power of all prosumers and passive load; `shift` (H,) as in `Homes.shift`.

    `generation` is that of `existing_generation`.
    """
    bus_count = generation[0].shape[1]
    homes = placed.homes
    takes_part = placed.prosumer != PASSIVE
    passive = ~takes_part & placed.counted
    count = placed.prosumer_count
    household = homes.household * SHIFT_COUNT + shift

    blocks, nobody = placed.blocks, placed.blocks.prosumer == PASSIVE

    def active(values: Floats, line: Integers, shape: Floats) -> Floats:
        who = placed.prosumer[takes_part]
        return weighted(values[takes_part], who, line[takes_part], shape=shape, count=count)

    def of_blocks(block_peak: Floats, who: Integers, which: Booleans, number: int) -> Floats:
        line = blocks.shape[which]
        return weighted(block_peak[which], who[which], line, shape=shapes.block, count=number)

    def firm(values: Floats, shape: Floats, block_peak: Floats) -> Floats:
        mine = of_blocks(block_peak, blocks.prosumer, ~nobody, count)
        return active(values, household, shape) + mine

    def at_bus(values: Floats, shape: Floats, block_peak: Floats) -> Floats:
        where = homes.bus[passive]
        of_homes = weighted(
            values[passive], where, household[passive], shape=shape, count=bus_count
        )
        return of_homes + of_blocks(block_peak, blocks.bus, nobody, bus_count)

    heat_pump = homes.heat_pump * SHIFT_COUNT + shift
    return Powers(
        load_kw=firm(homes.nominal_kw, shapes.household, blocks.peak_kw),
        load_kvar=firm(homes.nominal_kvar, shapes.household_reactive, blocks.peak_kvar),
        pv_kw=active(homes.pv_kwp, homes.solar, shapes.solar),
        heat_pump_kw=active(homes.heat_pump_kw, heat_pump, shapes.heat_pump),
        passive_kw=at_bus(homes.nominal_kw, shapes.household, blocks.peak_kw),
        passive_kvar=at_bus(homes.nominal_kvar, shapes.household_reactive, blocks.peak_kvar),
        generation_kw=generation[0],
        generation_kvar=generation[1],
    )


def weighted(values: Floats, who: Integers, line: Integers, *, shape: Floats, count: int) -> Floats:
    """Return the sum of ``values * shape[line]`` by `who`, (R, count).

    Sparse, because each of a few hundred homes follows one of 175 copies.
    """
    weights = sparse.csr_array((values, (who, line)), shape=(count, len(shape)))
    return np.asarray((weights @ shape).T)
