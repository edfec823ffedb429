"""What market levers of a study stand on: days, limits, and the operating points they make up."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.errors import HostingError
from cosim.records import Integers
from cosim.scenario import FeederSettings, Run, Scenario
from cosim.studies.hosting.criteria import Criteria
from cosim.studies.hosting.judge import Grid
from cosim.studies.hosting.market_days import (
    MarketDay,
    home_owners,
    market_day,
    set_stage,
    site_owners,
)
from cosim.studies.hosting.market_limits import HeldLimits, held_limits
from cosim.studies.hosting.market_settings import MarketSettings
from cosim.studies.hosting.operating_points import (
    DAYS_OF_A_WEEK,
    LAST_DAY,
    kvar_per_kw,
    window_days,
)
from cosim.studies.hosting.records import OperatingPoints
from cosim.studies.hosting.settings import HostingSettings
from cosim.studies.hosting.study_parts import Prepared
from networks.simbench_profiles import INTERVAL_H, YearProfiles

ONE_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True, eq=False)
class MarketStage:
    """All that market levers of a study share."""

    settings: HostingSettings
    market: MarketSettings
    scenario: Scenario
    criteria: Criteria
    grid: Grid  # of the intervals that are played, one stretch after the other
    days: tuple[MarketDay, ...]  # one a stretch of successive days
    limits: tuple[HeldLimits, ...]  # likewise

    @property
    def owners(self) -> int:
        """Number of those who may get a plant."""
        return len(self.days[0].owner_bus)


def market_scenario(settings: HostingSettings, market: MarketSettings) -> Scenario:
    """Return tariff, prices, forecasts and sizes that market levers are played with."""
    scenario = Scenario()
    sizes = {
        "battery_kwh_per_kwp": market.battery_kwh_per_kwp,
        "battery_kw_per_kwh": market.battery_kw_per_kwh,
    }
    return scenario.model_copy(
        update={
            "run": Run(seed=settings.seed),
            "feeder": FeederSettings(name=settings.feeder),
            "community": scenario.community.model_copy(update=sizes),
        }
    )


def market_stage(prepared: Prepared, scenario: Scenario | None = None) -> MarketStage:
    """Return the days of a study as market levers play them.

    `scenario` has tariff, prices, forecasts, sizes and rules of the market; left out: the default
    ones. Who lives on the feeder, its loads and the seed are those of the study.

    Raises:
        HostingError: the window is no choice of days, or plants have a power factor below one.
        ProfileError: the profiles do not cover the dates.
        PriceError: prices are missing or unusable.
    """
    settings, feeder = prepared.settings, prepared.feeder
    problems = stage_problems(settings)
    if problems:
        raise HostingError(problems)
    market = settings.market
    played = scenario or market_scenario(settings, market)
    owners = (
        home_owners(prepared.placed)
        if prepared.sites.are_homes
        else site_owners(prepared.placed, prepared.sites.bus)
    )
    stage = set_stage(settings, played, feeder, prepared.profiles, owners)
    days = tuple(
        market_day(stage, first, count)
        for first, count in stretches(market_dates(settings, prepared.profiles))
    )
    grid = Grid(prepared.grid.power_flow, points_of(settings, days))
    ends = np.cumsum([day.intervals for day in days])
    limits = tuple(
        held_limits(
            grid.power_flow, prepared.criteria, grid.without_pu(int(end) - day.intervals, int(end))
        )
        for day, end in zip(days, ends, strict=True)
    )
    return MarketStage(settings, market, played, prepared.criteria, grid, days, limits)


def market_dates(settings: HostingSettings, profiles: YearProfiles) -> tuple[datetime.date, ...]:
    """Return the days that are played, in order.

    What vehicles leave for the night is part of the play: their days bring the next one along.
    """
    chosen = set(window_days(settings, profiles))
    if settings.technology == "ev":
        chosen |= {min(day + ONE_DAY, LAST_DAY) for day in chosen}
    return tuple(sorted(chosen))


def stage_problems(settings: HostingSettings) -> list[str]:
    """Return why market levers cannot be played in a study; an empty list if they can."""
    window, problems = settings.window, []
    if not window.days and window.kind != "typical":
        problems.append(
            f"window.kind = {window.kind}: market levers play a few whole days, and are compared "
            'with the same days without them; set it to "typical", or name window.days'
        )
    if kvar_per_kw(settings) != 0.0:
        problems.append(
            f"deployment.power_factor = {settings.deployment.power_factor:g}: market levers play "
            "plants without reactive power; set it to 1"
        )
    return problems


def stretches(dates: Sequence[datetime.date]) -> list[tuple[datetime.date, int]]:
    """Return first day and length of every run of successive days, no longer than a week."""
    found: list[tuple[datetime.date, int]] = []
    for day in dates:
        first, count = found[-1] if found else (day, 0)
        if count and (day - first).days == count and count < DAYS_OF_A_WEEK:
            found[-1] = first, count + 1
        else:
            found.append((day, 1))
    return found


def points_of(settings: HostingSettings, days: Sequence[MarketDay]) -> OperatingPoints:
    """Return the intervals that are played, without plants."""
    count: Integers = np.array([day.intervals for day in days])
    words = f"{len(days)} stretch{'es' if len(days) > 1 else ''} of days as the market plays them"
    rows = [slice(0, int(each)) for each in count]
    return OperatingPoints(
        label=words,
        load_kw=np.concatenate([day.total_kw[row] for day, row in zip(days, rows, strict=True)]),
        load_kvar=np.concatenate(
            [day.total_kvar[row] for day, row in zip(days, rows, strict=True)]
        ),
        course=np.concatenate([day.bus_course[row] for day, row in zip(days, rows, strict=True)]),
        kvar_per_kw=kvar_per_kw(settings),
        interval_h=INTERVAL_H,
        start_utc=np.concatenate(
            [day.calendar.start_utc[row] for day, row in zip(days, rows, strict=True)]
        ),
        week=np.repeat(np.arange(len(days)), count),
    )
