"""Episodes of the leader: it decides, the day is played to its end, it is paid."""

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
from cosim.records import Floats
from cosim.results import DayRecord, IntervalRecord
from cosim.scoring.rewards import leader_reward
from cosim.simulation import Followers
from cosim.views import LeaderView


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderSettings:
    """How the game is put before a leader."""

    days: int = 1
    """Days of an episode; the leader decides once a day."""
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
        self._played: tuple[Game, DayRecord] | None = None

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
        session.announce(announced(view, chosen, self.settings.tariff), self.followers)
        reward = np.zeros(self.environments)
        for record in self._until_next_decision():
            reward += leader_reward(record)
        day = session.played()
        self._played = session.game, day
        reward -= self.settings.refused_penalty_eur_per_kwh * refused_kwh(day.bid)
        self.over = self.days_behind
        if self.over:
            self._view = None
            ended = replace(view, state=session.state, start=len(view.local_hour))
            return observe(ended), reward
        self._view = session.leader_view()
        return observe(self._view), reward

    def infos(self) -> Infos:
        """Return the numbers of `GRID_INFOS` and `BID_INFOS` for the day played last, (B,) each."""
        if self._played is None:
            raise PolicyError("infos: nothing has been played yet")
        game, day = self._played
        return intervals_infos(game, day.intervals) | bid_infos(day.bid)

    def _until_next_decision(self) -> Iterator[IntervalRecord]:
        """Play the intervals the last announcement holds for: all that are left of the day."""
        while not self.session.day_over:
            yield self.session.trade(self.followers(self.session.follower_view()))
