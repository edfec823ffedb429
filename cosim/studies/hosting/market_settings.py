"""Settings of the levers that play the market: how many batteries, how finely."""

from typing import Annotated

from pydantic import Field

from cosim.settings import Positive, Settings, Share


class MarketSettings(Settings):
    """How market levers are played, on the days of the window."""

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
    policies: str | None = Field(None, examples=["trained"])
    """Folder of a training that plays `p2p_learned`; left out: the policies that come with the
    toolkit."""
    cases_at_once: Annotated[int, Field(ge=1, le=1000)] = 10
    """Cases that are played side by side: memory against speed."""
