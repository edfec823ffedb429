"""Episodes of the followers: the leader has announced, they bid interval by interval."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cosim.envs.episodes import Episodes, MiddlePrices, PlannedBids, Singles, checked
from cosim.envs.follower_encoding import ACTIONS, FIELDS, flexible, follower_action, observe
from cosim.envs.infos import Infos, bid_infos, grid_infos, prosumer_infos
from cosim.envs.worlds import Worlds
from cosim.errors import PolicyError
from cosim.game import Game
from cosim.records import Booleans, Exogenous, Floats
from cosim.results import IntervalRecord, WholesaleBid
from cosim.scoring.metrics import open_positions_eur
from cosim.scoring.rewards import network_penalties, prosumer_rewards
from cosim.simulation import Followers, Leader
from cosim.views import FollowerView

DAY_LEFT = list(FIELDS).index("day_left")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProsumerSettings:
    """How the game is put before prosumers."""

    days: int = 1
    """Days of an episode; prosumers decide in every interval."""
    passes: int = 0
    """How often plans are made anew before a day, expecting what the day on forecasts gave."""
    bidding: bool = True
    """Whether the aggregator bids day-ahead. Without, days begin sooner; nothing that prosumers see
    or get changes, and infos have no numbers of a bid."""
    half_spread_eur_per_kwh: float = 0.005
    """Half-spread of an action of zeros."""
    network_weight: float = 0.0
    """How much of its share in what binding limits cost is taken from a prosumer's reward; for
    markets that do not charge for the network themselves."""


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """The interval played last."""

    game: Game
    record: IntervalRecord
    forecast: Exogenous
    bid: WholesaleBid | None  # None where the aggregator does not bid
    row: int  # of the day
    open_positions_eur: Floats  # (B, N) that were part of the reward


class FollowerEpisodes(Episodes):
    """Intervals of all environments side by side, one decision of every prosumer each."""

    def __init__(
        self,
        worlds: Worlds,
        *,
        leader: Leader | None = None,
        stand_in: Followers | None = None,
        settings: ProsumerSettings | None = None,
    ) -> None:
        """Take both callables of the game that are not the learner.

        Args:
            worlds: what is played on.
            leader: announces prices; near the forecast wholesale price if None.
            stand_in: answers for the prosumers where a day is played on forecasts before it
                begins; bids as planned if None.
            settings: how the game is put.
        """
        self.settings = settings or ProsumerSettings()
        self.leader: Leader = leader or MiddlePrices()
        self.stand_in: Followers = stand_in or PlannedBids(
            half_spread_eur_per_kwh=self.settings.half_spread_eur_per_kwh
        )
        super().__init__(
            worlds,
            days=self.settings.days,
            passes=self.settings.passes,
            bidding=self.settings.bidding,
            ending=True,
        )
        self._view: FollowerView | None = None
        self._played: Played | None = None

    @property
    def flexible(self) -> Booleans:
        """Who has something to decide, (B, N)."""
        return flexible(self.session.game.fleet)

    def begin(
        self,
        generator: np.random.Generator,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> Singles:
        """Begin an episode as `start` does; return what prosumers see, (B, N, OBSERVATIONS)."""
        self.start(generator, seed=seed, options=options)
        return observe(self._next_view())

    def step(self, actions: Any) -> tuple[Singles, Floats]:
        """Play an interval; return what prosumers see of the next and rewards (B, N), EUR.

        Where the episode is over, `over` is true and the observation is that of its end: the last
        interval's, with the stores as they are now, what the grid said of it, and nothing left of
        the day. What stores hold and owe is then part of the reward.

        Raises:
            PolicyError: no episode has begun, or actions (B, N, 4) are of another shape or not
                finite.
        """
        view, session = self._view, self.session
        if view is None:
            raise PolicyError("step: no episode has begun or it is over, call reset first")
        bid, game = session.bid, session.game
        chosen = checked(actions, (self.environments, self.prosumers, len(ACTIONS)), ACTIONS)
        record = session.trade(
            follower_action(
                chosen,
                retail=view.retail_eur_per_kwh,
                feed_in=view.feed_in_eur_per_kwh,
                half_spread=self.settings.half_spread_eur_per_kwh,
            )
        )
        self.over = session.day_over and self.days_behind
        left = self._open_positions() if self.over else np.zeros(game.fleet.bus.shape)
        self._played = Played(game, record, session.world.forecast, bid, view.row, left)
        reward = prosumer_rewards(
            record, wear_eur_per_kwh=game.wear_eur_per_kwh, interval_h=game.interval_h
        )
        if self.settings.network_weight:
            penalties = network_penalties(record, game.fleet.bus)
            reward = reward - self.settings.network_weight * penalties
        if not self.over:
            return observe(self._next_view()), reward
        self._view = None
        return self._end_of(view, record), reward + left

    @property
    def played(self) -> Played:
        """The interval played last.

        Raises:
            PolicyError: nothing has been played yet.
        """
        if self._played is None:
            raise PolicyError("infos: nothing has been played yet")
        return self._played

    def infos(self) -> Infos:
        """Return the numbers of `PROSUMER_INFOS` for the interval played last, (B, N) each."""
        last = self.played
        return prosumer_infos(last.game, last.record) | {
            "open_positions_eur": last.open_positions_eur,
            "flexible": flexible(last.game.fleet).astype(np.float64),
        }

    def grid_infos(self) -> Infos:
        """Return those of `GRID_INFOS` and `BID_INFOS` for the interval played last, (B,) each."""
        last = self.played
        grid = grid_infos(last.game, last.record, last.forecast)
        if last.bid is None:
            return grid
        return grid | bid_infos(last.bid, slice(last.row, last.row + 1))

    def _next_view(self) -> FollowerView:
        """Return what prosumers know of the next interval; let the leader announce if it is due."""
        session = self.session
        if session.day_over:
            session.announce(self.leader(session.leader_view()), self.stand_in)
        self._view = session.follower_view()
        return self._view

    def _end_of(self, view: FollowerView, record: IntervalRecord) -> Singles:
        """Return what prosumers see at the end of the interval of `view`."""
        # Who arrived in the interval is in the state already.
        nobody = np.broadcast_to(0.0, view.now.vehicle_arrival_kwh.shape)
        out = observe(
            replace(
                self.session.with_news(view),
                now=replace(view.now, vehicle_arrival_kwh=nobody),
                state=replace(record.state, interval=record.interval),
            )
        )
        out[:, :, DAY_LEFT] = 0.0
        return out

    def _open_positions(self) -> Floats:
        game = self.session.game
        return open_positions_eur(
            game.fleet,
            self.session.state,
            retail=game.retail_eur_per_kwh,
            feed_in=game.feed_in_eur_per_kwh,
        )
