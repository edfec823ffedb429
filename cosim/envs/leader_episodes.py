"""Episodes of the leader: it decides, the game is played to its next decision, it is paid."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cosim.envs.episodes import Episodes, PlannedBids, Singles, checked
from cosim.envs.infos import Infos, bid_infos, intervals_infos, refused_kwh
from cosim.envs.leader_encoding import ACTIONS, TariffSet, announced, observe
from cosim.envs.worlds import Worlds
from cosim.errors import PolicyError
from cosim.game import Game
from cosim.records import Exogenous, Floats
from cosim.results import IntervalRecord, WholesaleBid
from cosim.scoring.rewards import leader_reward
from cosim.session import Session
from cosim.simulation import Followers
from cosim.views import LeaderView


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderSettings:
    """How the game is put before a leader."""

    days: int = 1
    """Days of an episode."""
    requote_every_h: float = 24.0
    """Hours between two decisions; with 24 the leader decides once a day, with less it quotes the
    rest of the day anew, knowing where the stores are. The day-ahead bid stays that of the day's
    first decision."""
    passes: int = 0
    """How often followers plan anew before a day, expecting what the day on forecasts gave."""
    refused_penalty_eur_per_kwh: float = 0.0
    """Taken from the reward for every kWh of the day-ahead schedule that the grid refuses."""
    tariff: TariffSet = field(default_factory=TariffSet)
    """Which prices may be announced."""


class LeaderEpisodes(Episodes):
    """Days of all environments side by side, one decision of the leader a day."""

    def __init__(
        self,
        worlds: Worlds,
        *,
        followers: Followers | None = None,
        settings: LeaderSettings | None = None,
    ) -> None:
        """Take the followers that answer the leader, those that bid as planned if None."""
        self.settings = settings or LeaderSettings()
        self.followers: Followers = followers or PlannedBids()
        super().__init__(worlds, days=self.settings.days, passes=self.settings.passes)
        self._view: LeaderView | None = None
        self._played: tuple[Game, Exogenous, WholesaleBid, tuple[IntervalRecord, ...]] | None = None

    def begin(
        self,
        generator: np.random.Generator,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> Singles:
        """Begin an episode as `start` does; return what leaders see, (B, OBSERVATIONS)."""
        self.start(generator, seed=seed, options=options)
        self._view = self.session.leader_view()
        return observe(self._view)

    def step(self, actions: Any) -> tuple[Singles, Floats]:
        """Play until the next decision; return what leaders then see and the reward (B,), EUR.

        Where the episode is over, `over` is true and the observation is that of its end: the
        forecasts of the day that was, the stores as they are now, and nothing left to be priced.

        Raises:
            PolicyError: no episode has begun, or actions (B, 6) are of another shape or not finite.
        """
        if self._view is None:
            raise PolicyError("step: no episode has begun or it is over, call reset first")
        view, session = self._view, self.session
        chosen = checked(actions, (self.environments, len(ACTIONS)), ACTIONS)
        prices = announced(view, chosen, self.settings.tariff)
        reward = np.zeros(self.environments)
        begins = session.day_over
        if begins:
            session.announce(prices, self.followers)
        else:
            session.requote(prices, self.followers)
        records = tuple(self._until_next_decision())
        for record in records:
            reward += leader_reward(record)
        if begins:
            refused = refused_kwh(bid_made(session))
            reward -= self.settings.refused_penalty_eur_per_kwh * refused
        self._played = session.game, session.world.forecast, bid_made(session), records
        self.over = self.days_behind
        if self.over:
            self._view = None
            ended = replace(view, state=session.state, start=view.length)
            return observe(ended), reward
        self._view = session.leader_view()
        return observe(self._view), reward

    def infos(self) -> Infos:
        """Return the numbers of `GRID_INFOS` and `BID_INFOS`, (B,) each.

        Those of the grid are of the intervals since the last decision, those of the bid of its day.
        """
        if self._played is None:
            raise PolicyError("infos: nothing has been played yet")
        game, forecast, bid, records = self._played
        return intervals_infos(game, records, forecast) | bid_infos(bid)

    def _until_next_decision(self) -> Iterator[IntervalRecord]:
        """Play the intervals that the last decision holds for."""
        left = max(round(self.settings.requote_every_h / self.session.game.interval_h), 1)
        while not self.session.day_over and left:
            yield self.session.trade(self.followers(self.session.follower_view()))
            left -= 1


def bid_made(session: Session) -> WholesaleBid:
    """Return the bid of the day that is or was played last."""
    if session.bid is None:
        raise PolicyError("no bid was made for the day: the session stays away from the market")
    return session.bid
