"""What each side knows when it acts."""

from dataclasses import dataclass

from cosim.interval import Day
from cosim.prospect import Prospect
from cosim.records import Exogenous, Fleet, Floats, State
from cosim.results import IntervalRecord


@dataclass(frozen=True, slots=True, eq=False)
class LeaderView:
    """What the leader knows when it sets prices: forecasts, nothing of what happens.

    `T` are the intervals that can still be priced: those of the day, or what is left of it.
    """

    day_ahead_eur_per_kwh: Floats  # (T, B) forecast
    local_hour: Floats  # (T,) local hour of day
    passed_on_eur_per_kwh: float
    retail_eur_per_kwh: float
    feed_in_eur_per_kwh: float
    net_load_kw: Floats  # (T, B) forecast of what prosumers draw if they shift nothing
    passive_kw: Floats  # (T, B) forecast of what all others draw
    solar_kw: Floats  # (T, B) forecast of what prosumers' panels can give
    fleet: Fleet
    state: State  # at the start of the day
    start: int  # first interval of the day that can still be priced; above 0 when re-quoting
    length: int  # intervals of the whole day
    prospect: Prospect  # of the intervals that can still be priced, devices left to themselves


@dataclass(frozen=True, slots=True, eq=False)
class FollowerView:
    """What followers know when they bid: their own state, the prices, their plan, the market.

    Rows of `now` behind the present one are what will happen: nobody may look at them who is to
    be compared with others.
    """

    state: State
    fleet: Fleet
    day: Day  # prices, plan, what the market is expected to do
    now: Exogenous  # its row `state.interval` is what a follower sees of the interval itself
    forecast: Exogenous
    local_hour: Floats  # (T,) of the intervals of the day
    retail_eur_per_kwh: float
    feed_in_eur_per_kwh: float
    local_fee_eur_per_kwh: float
    interval_h: float
    network_eur_per_kwh: Floats  # (B, N) last known network price at the own bus, energy left out
    headroom_pu: Floats  # (B, N, 2) last known distance of the own bus to its voltage limits
    last: IntervalRecord | None  # the interval before, None where nothing was played yet

    @property
    def row(self) -> int:
        """Interval of the day."""
        return self.state.interval - self.day.first_interval
