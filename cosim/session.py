"""The batched core of every way to play: days of `B` environments in two calls, no autoreset.

`announce` begins a day with the leader's prices, `trade` plays one interval with the followers'
answer. A loop over days, an environment for a leader and one for followers all drive a session;
each owns its rule of when to begin anew.
"""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cosim.errors import PolicyError
from cosim.expectation import expectation, settle_expectations
from cosim.game import Game
from cosim.interval import Day, Passage, bid_of, day_passage, plan, trade
from cosim.prospect import prospect_of
from cosim.prosumers.devices import initial_state
from cosim.records import (
    Closing,
    Exogenous,
    Floats,
    FollowerAction,
    Outlook,
    Signal,
    State,
    World,
)
from cosim.results import DayRecord, IntervalRecord, WholesaleBid
from cosim.views import FollowerView, LeaderView

Follow = Callable[[FollowerView], FollowerAction]


class Session:
    """A run of days being played; `day_number` of them are behind."""

    def __init__(
        self,
        game: Game,
        world: World,
        *,
        passes: int = 0,
        bidding: bool = True,
        ending: bool = False,
    ) -> None:
        """Begin before the first day; plans are made anew `passes` times from a day's forecasts.

        Without `bidding` the aggregator stays away from the day-ahead market. That changes its
        money only: where followers alone are trained, nothing they see or get depends on it.
        With `ending` all plans know that the run ends with its last day, and at which prices
        stores are then valued: what comparisons with an optimum of the same days need. Without,
        plans look a day beyond, as in a life that goes on.
        """
        self.game, self.world, self.passes, self.bidding = game, world, passes, bidding
        self.closing: Closing | None = None
        if ending:
            self.end_with(len(world.calendar.day_start) - 2)
        self.reset()

    def end_with(self, day_number: int) -> None:
        """Let all plans know that the run ends with day `day_number`, and how stores then count."""
        self.closing = Closing(
            interval=int(self.world.calendar.day_start[day_number + 1]),
            retail_eur_per_kwh=self.game.retail_eur_per_kwh,
            feed_in_eur_per_kwh=self.game.feed_in_eur_per_kwh,
        )

    def reset(self, *, day_number: int = 0, state: State | None = None) -> None:
        """Stand before day `day_number`, with `state` or as a run begins."""
        self.day_number = day_number
        first = int(self.world.calendar.day_start[day_number])
        start = initial_state(self.game.fleet) if state is None else state
        self.state = replace(start, interval=first)
        self.day: Day | None = None
        self.bid: WholesaleBid | None = None
        self._records: list[IntervalRecord] = []
        self._behind: tuple[Day, WholesaleBid | None, tuple[IntervalRecord, ...]] | None = None
        self._network: Floats = np.zeros(self.game.fleet.bus.shape)
        self._headroom: Floats = self._distances(np.ones_like(self._network))
        self._last: IntervalRecord | None = None

    def fork(self) -> "Session":
        """Return a session that goes on from here by itself; this one stays as it is."""
        other = copy.copy(self)
        other._records = list(self._records)
        return other

    @property
    def run_over(self) -> bool:
        """Whether every day of the world is behind."""
        return self.day_number >= len(self.world.calendar.day_start) - 1

    @property
    def day_over(self) -> bool:
        """Whether the next call is `announce`: no day has begun, or it has been played."""
        return self.day is None

    def leader_view(self) -> LeaderView:
        """Return what the leader knows before it announces a day or quotes the rest of one anew."""
        first, end = self._span()
        forecast, game = self.world.forecast, self.game
        window = slice(self.state.interval, end)
        drawn = forecast.load_kw[window] + forecast.heat_pump_reference_kw[window]
        solar = forecast.pv_kw[window]
        return LeaderView(
            day_ahead_eur_per_kwh=forecast.day_ahead_eur_per_kwh[window],
            local_hour=self.world.calendar.local_hour[window],
            passed_on_eur_per_kwh=game.passed_on_eur_per_kwh,
            retail_eur_per_kwh=game.retail_eur_per_kwh,
            feed_in_eur_per_kwh=game.feed_in_eur_per_kwh,
            net_load_kw=(drawn - solar).sum(axis=2),
            passive_kw=forecast.passive_kw[window].sum(axis=2),
            solar_kw=solar.sum(axis=2),
            fleet=game.fleet,
            state=self.state,
            start=self.state.interval - first,
            length=end - first,
            prospect=prospect_of(game, self.state, forecast, end - self.state.interval),
        )

    def announce(self, signal: Signal, follow: Follow) -> WholesaleBid | None:
        """Begin the day with the leader's prices; return the bid that goes to the market, if any.

        The bid comes from the day played on forecasts, where `follow` answers for the followers.

        Raises:
            PolicyError: a day is being played, all are behind, or prices lie outside the tariff.
        """
        if not self.day_over or self.run_over:
            raise PolicyError(
                "announce: the day has begun already"
                if not self.day_over
                else "announce: all days are behind, begin anew first"
            )
        first, end = self._span()
        self._refuse_outside_tariff(signal, end - first)
        self.day, passage = self._prepared(signal, follow, bidding=self.bidding)
        self.bid = None if passage is None else bid_of(self.game, passage)
        self._records = []
        return self.bid

    def requote(self, signal: Signal, follow: Follow) -> None:
        """Replace the prices of what is left of the day, (T, B) for the T intervals left.

        Followers plan anew from where their stores are. What was sold day-ahead stays sold.

        Raises:
            PolicyError: no day is being played, or prices lie outside the tariff.
        """
        if self.day is None:
            raise PolicyError("requote: no day has begun, announce its prices first")
        row = self.state.interval - self.day.first_interval
        self._refuse_outside_tariff(signal, self.day.length - row)
        held = self.day.signal
        whole = Signal(
            buy_eur_per_kwh=np.concatenate([held.buy_eur_per_kwh[:row], signal.buy_eur_per_kwh]),
            sell_eur_per_kwh=np.concatenate([held.sell_eur_per_kwh[:row], signal.sell_eur_per_kwh]),
        )
        self.day, _ = self._prepared(whole, follow, bidding=False)

    def _prepared(
        self, signal: Signal, follow: Follow, *, bidding: bool
    ) -> tuple[Day, Passage | None]:
        """Return the day under `signal` as followers expect it.

        Where a bid is to be made of it, also the day as `follow` plays it on forecasts.
        """
        first, end = self._span()
        forecast = self.world.forecast
        outlook = Outlook(closing=self.closing)
        day = plan(self.game, forecast, signal, (first, end - first), outlook=outlook)
        if self.passes:
            day = settle_expectations(
                self.game, self.state, forecast, day, passes=self.passes, outlook=outlook
            )
            if not bidding:
                return day, None

        passage = day_passage(
            self.game, self.state, forecast, day, lambda at: follow(self._view(at, day, forecast))
        )
        if day.expected is None:
            day = replace(day, expected=expectation(passage, day.length))
        return day, passage if bidding else None

    def follower_view(self) -> FollowerView:
        """Return what followers know of the next interval.

        Raises:
            PolicyError: no day has begun.
        """
        if self.day is None:
            raise PolicyError("trade: no day has begun, announce its prices first")
        return self._view(self.state, self.day, self.world.actual)

    def with_news(self, view: FollowerView) -> FollowerView:
        """Return `view` with what the interval played last told of market and grid."""
        return replace(
            view,
            network_eur_per_kwh=self._network,
            headroom_pu=self._headroom,
            last=self._last,
        )

    def trade(self, action: FollowerAction) -> IntervalRecord:
        """Play one interval.

        Raises:
            PolicyError: no day has begun.
        """
        if self.day is None:
            raise PolicyError("trade: no day has begun, announce its prices first")
        row = self.state.interval - self.day.first_interval
        nothing = np.zeros(self.game.fleet.bus.shape[0])
        record = trade(
            self.game,
            self.state,
            self.world.actual,
            self.day,
            action=action,
            sold_kwh=nothing if self.bid is None else self.bid.validated_kwh[row],
        )
        self._records.append(record)
        self.state, self._last = record.state, record
        bus = self.game.fleet.bus
        self._network = np.take_along_axis(record.charges.prices.network_eur_per_kwh, bus, axis=1)
        voltage = np.take_along_axis(record.validation.state.voltage_pu, bus, axis=1)
        self._headroom = self._distances(np.nan_to_num(voltage, nan=1.0))
        if row + 1 == self.day.length:
            self._behind = (self.day, self.bid, tuple(self._records))
            self.day, self.day_number = None, self.day_number + 1
        return record

    def played(self) -> DayRecord:
        """Return the last day that was played to its end.

        Raises:
            PolicyError: there is none, or no bid was made for it.
        """
        day, bid, records = self._behind or (None, None, ())
        if day is None or bid is None:
            raise PolicyError("no day with a bid has been played to its end")
        return DayRecord(
            first_interval=day.first_interval, signal=day.signal, bid=bid, intervals=records
        )

    def _span(self) -> tuple[int, int]:
        starts = self.world.calendar.day_start
        if self.run_over:
            raise PolicyError("all days are behind, begin anew first")
        return int(starts[self.day_number]), int(starts[self.day_number + 1])

    def _view(self, state: State, day: Day, now: Exogenous) -> FollowerView:
        window = slice(day.first_interval, day.first_interval + day.length)
        game = self.game
        return FollowerView(
            state=state,
            fleet=game.fleet,
            day=day,
            now=now,
            forecast=self.world.forecast,
            local_hour=self.world.calendar.local_hour[window],
            retail_eur_per_kwh=game.retail_eur_per_kwh,
            feed_in_eur_per_kwh=game.feed_in_eur_per_kwh,
            local_fee_eur_per_kwh=game.local_fee_eur_per_kwh,
            interval_h=game.interval_h,
            network_eur_per_kwh=self._network,
            headroom_pu=self._headroom,
            last=self._last,
        )

    def _distances(self, voltage_pu: Floats) -> Floats:
        """Return how far voltages (B, N) lie below their upper and above their lower limit."""
        feeder, bus = self.game.power_flow.feeder, self.game.fleet.bus
        highest, lowest = feeder.voltage_max_pu[bus], feeder.voltage_min_pu[bus]
        return np.stack([highest - voltage_pu, voltage_pu - lowest], axis=2)

    def _refuse_outside_tariff(self, signal: Signal, length: int) -> None:
        """Raise with everything that is wrong with announced prices."""
        shape = (length, self.game.fleet.bus.shape[0])
        buy, sell = signal.buy_eur_per_kwh, signal.sell_eur_per_kwh
        if buy.shape != shape or sell.shape != shape:
            raise PolicyError(
                f"announce: prices of shape {buy.shape} and {sell.shape} given; the day needs "
                f"{shape}: intervals by environments"
            )
        lowest, highest = self.game.feed_in_eur_per_kwh, self.game.retail_eur_per_kwh
        bad = ~((sell >= lowest - 1e-12) & (buy >= sell - 1e-12) & (buy <= highest + 1e-12))
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            raise PolicyError(
                f"announce: {int(bad.sum())} price pairs lie outside the tariff, the first in "
                f"interval {row} of environment {column}: pays {sell[row, column]:g}, charges "
                f"{buy[row, column]:g}; allowed is {lowest:g} <= pays <= charges <= {highest:g} "
                "EUR/kWh"
            )
