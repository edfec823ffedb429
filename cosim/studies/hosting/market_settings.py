"""Settings of the levers that play the market: which days, how many batteries, how finely."""

import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from cosim.settings import Positive, Settings, Share
from networks.simbench_profiles import YEAR


class MarketSettings(Settings):
    """How market levers are played."""

    days: tuple[datetime.date, ...] = Field((), examples=[["2016-05-24", "2016-01-13"]])
    """Days that are played; left out: those of the window, or the typical days where the window is
    a snapshot or a whole year. Successive days are played as one stretch."""
    battery_share: Share = 0.5
    """Share of the new solar homes that bring a battery, in levers that have any."""
    battery_kwh_per_kwp: Positive = 1.0
    """Usable capacity per installed solar power."""
    battery_kw_per_kwh: Positive = 0.5
    """Power per capacity."""
    resolution_share: Annotated[float, Field(ge=1e-4, le=0.1)] = 0.01
    """Bisection ends where the failing level is no more than this share above the passing one."""
    grid_levels: Annotated[int, Field(ge=0, le=200)] = 4
    """Levels looked at below the first failing one before bisection."""
    cases_at_once: Annotated[int, Field(ge=1, le=1000)] = 10
    """Cases that are played side by side: memory against speed."""

    @model_validator(mode="after")
    def days_in_the_year(self) -> Self:
        """Reject days that no profile covers, and days given twice."""
        outside = [f"{day}" for day in self.days if day.year != YEAR]
        twice = sorted({f"{day}" for day in self.days if self.days.count(day) > 1})
        problems = []
        if outside:
            problems.append(f"days {', '.join(outside)}: the profiles cover {YEAR} only")
        if twice:
            problems.append(f"days {', '.join(twice)}: given more than once")
        if problems:
            raise ValueError("; ".join(problems))
        return self
