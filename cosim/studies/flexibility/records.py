"""What the parts of a flexibility study hand to each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cosim.game import Game
from cosim.market.activation import DOWN, UP
from cosim.records import Floats, Signal, State, World
from cosim.results import IntervalRecord
from cosim.scenario import Scenario
from cosim.simulation import Policies
from cosim.studies.sweep_columns import Columns

BIDS, PRICES = "bids", "prices"
WAYS: Final = (BIDS, PRICES)
"""Ways to hand an accepted request on to prosumers."""

SIGN: Final = {"up": UP, "down": DOWN}
"""Change of drawn power that a direction means."""

PolicyBuilder = Callable[[Scenario], Policies]
"""Makes policies for a scenario; can be pickled."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A way for both sides to act that is compared under its name."""

    name: str
    build: PolicyBuilder
    identity: str = ""  # changes with whatever changes what it does, such as a folder's contents


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asks of the aggregator."""

    start: datetime  # local time, without a zone
    direction: str  # up or down
    power_kw: float | None  # None: `share` of what is network-feasible when it is called
    duration_h: float
    lead_h: float  # between the call and the start
    share: float = 0.5


@dataclass(frozen=True, slots=True)
class Planned:
    """A request that can be tested, placed in the run."""

    number: int
    request: Request
    day: int
    call: int  # interval at whose beginning it is called
    start: int  # first interval of its window
    width: int  # intervals of its window


@dataclass(frozen=True, slots=True)
class StudySettings:
    """What a study asks for besides its scenario."""

    way: str = BIDS
    gate_closure_h: float = 0.5  # least lead time
    region_every_h: float = 1.0  # between intervals with a region and supply curves
    least_power_factor: float = 0.95  # of inverters, sets the reactive power they can move
    rebound_h: float = 24.0  # how far behind a window is looked for rebound
    directions: int = 24  # the region's sweep begins with


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One way to play: policies under a rule of validation."""

    policy: str
    rule: str
    game: Game
    world: World
    policies: Policies

    @property
    def columns(self) -> dict[str, str]:
        """The columns that every table begins with."""
        return {"policy": self.policy, "rule": self.rule}


@dataclass(frozen=True, slots=True, eq=False)
class PlayedDay:
    """A day as played, without any activation."""

    number: int
    first: int  # interval
    start: State  # before the first interval
    signal: Signal  # (T, B) announced, quoted anew included
    records: tuple[IntervalRecord, ...]
    sold_kwh: Floats  # (T,) validated day-ahead schedule

    @property
    def length(self) -> int:
        """Number of intervals."""
        return len(self.records)

    def state_before(self, row: int) -> State:
        """Return the state before the day's interval `row`."""
        return self.records[row - 1].state if row else self.start


@dataclass(frozen=True, slots=True, eq=False)
class FlexibilityContent:
    """All that came out of a study, for its folder and its report."""

    tables: Mapping[str, Columns]  # by cosim.studies.flexibility.tables.TABLES
    metrics: Mapping[str, Mapping[str, Mapping[str, float]]]  # policy, rule, metric
    facts: Mapping[str, Any]
    scenario: Scenario
    answers: tuple[str, ...] = field(default=())  # to requests that are not accepted as asked
