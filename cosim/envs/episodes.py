"""Episodes on the batched core, without any library of environments: every door drives these.

An episode is one day or several in a row. Days of a world follow one another: stores are left as
they were when an episode ended well, and the next one goes on from there. A seed, a world that is
used up and an episode broken off lead to a new world.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cosim.envs.follower_encoding import follower_action
from cosim.envs.leader_encoding import ACTIONS as LEADER_ACTIONS
from cosim.envs.leader_encoding import TariffSet, announced
from cosim.envs.worlds import Worlds
from cosim.errors import PolicyError
from cosim.records import Floats, FollowerAction, Signal
from cosim.session import Session
from cosim.studies.held_out import HELD_OUT_SEEDS
from cosim.views import FollowerView, LeaderView

Singles = NDArray[np.float32]

FIRST_SEED: Final = 0
"""Of the world by which the numbers of environments and prosumers are known."""

SEEDS: Final = HELD_OUT_SEEDS
"""Seeds of worlds that follow the first are drawn below those kept for judging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBids:
    """Followers that bid what their plan says: the action of zeros."""

    half_spread_eur_per_kwh: float = 0.005

    def __call__(self, view: FollowerView) -> FollowerAction:
        """Return no offset and the set half-spread."""
        return follower_action(
            np.zeros((*view.fleet.bus.shape, 4)),
            retail=view.retail_eur_per_kwh,
            feed_in=view.feed_in_eur_per_kwh,
            half_spread=self.half_spread_eur_per_kwh,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MiddlePrices:
    """A leader that announces the forecast wholesale price with a margin: the action of zeros."""

    tariff: TariffSet = field(default_factory=TariffSet)

    def __call__(self, view: LeaderView) -> Signal:
        """Return the day's price pairs (T, B)."""
        zeros = np.zeros((view.day_ahead_eur_per_kwh.shape[1], len(LEADER_ACTIONS)))
        return announced(view, zeros, self.tariff)


class Episodes:
    """Where an episode begins and ends."""

    def __init__(
        self,
        worlds: Worlds,
        *,
        days: int,
        passes: int,
        bidding: bool = True,
        ending: bool = False,
    ) -> None:
        """Draw a first world, by which the shapes are known.

        With `ending` plans know that an episode ends, and how stores then count: what goes with
        rewards that count them.

        Raises:
            PolicyError: the worlds have fewer days than an episode, or an episode has none.
        """
        self.worlds, self.days, self.passes, self.bidding = worlds, days, passes, bidding
        self.ending = ending
        self._seed: int | None = None
        self._draw(FIRST_SEED)
        self._first_day = 0
        self.over = False
        """Whether the episode has ended well."""

    @property
    def environments(self) -> int:
        """Number of environments played side by side."""
        return int(self.session.game.fleet.bus.shape[0])

    @property
    def prosumers(self) -> int:
        """Number of prosumers of each."""
        return int(self.session.game.fleet.bus.shape[1])

    @property
    def facts(self) -> dict[str, int]:
        """Which world is played, and the day the episode begins with."""
        assert self._seed is not None
        return {"world_seed": self._seed, "day": self._first_day}

    def start(
        self,
        generator: np.random.Generator,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        """Stand before the first day of an episode.

        Args:
            generator: draws the seed of a new world where one is needed and none is given.
            seed: plays the world of this seed from its first day.
            options: `day` begins at that day of the world, stores as a run begins.

        Raises:
            PolicyError: the day does not exist or too few follow it.
        """
        day = (options or {}).get("day")
        goes_on = self.over and seed is None and day is None and self._days_left >= self.days
        if not goes_on:
            if seed is not None:
                self._draw(seed)
            elif day is None:
                self._draw(int(generator.integers(SEEDS)))
            self.session.reset(day_number=self._existing(0 if day is None else day))
        self._first_day = self.session.day_number
        if self.ending:
            self.session.end_with(self._first_day + self.days - 1)
        self.over = False

    @property
    def days_behind(self) -> bool:
        """Whether all days of the episode have been played."""
        return self.session.day_number - self._first_day >= self.days

    @property
    def _days_left(self) -> int:
        return len(self.session.world.calendar.day_start) - 1 - self.session.day_number

    def _existing(self, day: int) -> int:
        days = len(self.session.world.calendar.day_start) - 1
        if not 0 <= day <= days - self.days:
            raise PolicyError(
                f"reset: day {day} cannot begin an episode of {self.days} days; the world has "
                f"days 0 to {days - 1}"
            )
        return day

    def _draw(self, seed: int) -> None:
        """Play the world of `seed` from now on; draw it unless it is the present one."""
        if seed == self._seed:
            return
        game, world = self.worlds(seed)
        days, shape = len(world.calendar.day_start) - 1, world.fleet.bus.shape
        if not 1 <= self.days <= days:
            raise PolicyError(
                f"episodes of {self.days} days given; the world of seed {seed} has {days}, "
                f"allowed are 1 to {days}"
            )
        if self._seed is not None and shape != (self.environments, self.prosumers):
            raise PolicyError(
                f"the world of seed {seed} has {shape[0]} environments of {shape[1]} prosumers, "
                f"the one before {self.environments} of {self.prosumers}: all worlds of an "
                "environment need the same numbers"
            )
        self._seed = seed
        self.session = Session(game, world, passes=self.passes, bidding=self.bidding)


def checked(actions: Any, shape: tuple[int, ...], names: tuple[str, ...]) -> Floats:
    """Return actions as numbers of `shape`.

    Raises:
        PolicyError: another shape, or an entry that is no finite number.
    """
    array = np.asarray(actions, np.float64)
    if array.shape != shape:
        raise PolicyError(
            f"action of shape {array.shape} given; {shape} is needed, the last axis being "
            f"{', '.join(names)}"
        )
    if not np.isfinite(array).all():
        where = ", ".join(str(int(i)) for i in np.argwhere(~np.isfinite(array))[0])
        raise PolicyError(
            f"action: {int((~np.isfinite(array)).sum())} entries are no finite number, the first "
            f"at ({where}); allowed is -1 to 1"
        )
    return array
