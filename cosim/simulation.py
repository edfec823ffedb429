"""Policies and the loop that plays days with them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from cosim.game import Game
from cosim.records import FollowerAction, Signal, World
from cosim.results import DayRecord
from cosim.session import Session
from cosim.views import FollowerView, LeaderView


class Leader(Protocol):
    """Announces a day's prices."""

    def __call__(self, view: LeaderView) -> Signal:
        """Return price pairs (T, B) inside what the retailer offers."""


class Followers(Protocol):
    """Choose reservation prices for an interval."""

    def __call__(self, view: FollowerView) -> FollowerAction:
        """Return the offsets (B, N, 3) and half-spreads (B, N)."""


@dataclass(frozen=True, slots=True)
class Policies:
    """How the two sides act."""

    leader: Leader
    followers: Followers
    passes: int = 0
    """How often followers plan anew before a day, expecting what the day on forecasts gave."""
    requote_every_h: float = 24.0
    """Hours after which the leader quotes the rest of a day anew; 24: prices hold for the day."""


def play_days(game: Game, world: World, policies: Policies) -> Iterator[DayRecord]:
    """Play all days of `world`, one record a day."""
    session = Session(game, world, passes=policies.passes)
    while not session.run_over:
        yield play_day(session, policies)


def play_day(session: Session, policies: Policies) -> DayRecord:
    """Play the next day of `session`: the leader announces and bids, then the followers trade."""
    lead(session, policies)
    while not session.day_over:
        session.trade(policies.followers(session.follower_view()))
        lead_again(session, policies)
    return session.played()


def lead(session: Session, policies: Policies) -> None:
    """Let the leader announce the next day."""
    session.announce(policies.leader(session.leader_view()), policies.followers)


def lead_again(session: Session, policies: Policies) -> None:
    """Let the leader quote the rest of the day anew where it is time to."""
    every = round(policies.requote_every_h / session.game.interval_h)
    if session.day is not None:
        row = session.state.interval - session.day.first_interval
        if every and row and row % every == 0 and row < session.day.length:
            session.requote(policies.leader(session.leader_view()), policies.followers)
