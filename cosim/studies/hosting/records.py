"""What the parts of a hosting-capacity study hand to each other: frozen arrays, units, shapes.

Axes: `S` deployments, `M` plants of a deployment, `T` operating points (moments of a snapshot, or
intervals of a series), `n` cases solved side by side, `K` buses, `L` branches. Power is drawn > 0,
so that solar plants have negative power. A level is installed kW of new plants, summed over the
feeder.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cosim.records import Booleans, Floats, Integers

TECHNOLOGIES = ("pv", "ev", "heat_pump")


class Limiting(IntEnum):
    """What breaks first. Numbers are part of the stored format."""

    NONE = 0  # nothing up to the highest level looked at
    OVERVOLTAGE = 1
    UNDERVOLTAGE = 2
    RISE = 3  # against the same moment without new plants
    DROP = 4
    LINE = 5
    TRANSFORMER = 6
    REVERSE_FLOW = 7  # more fed into the network above than a stated limit
    NO_POWER_FLOW = 8  # no solution, counted as a violation
    CURTAILMENT = 9  # a lever held the limits by giving up more energy than the stated share
    BASE_CASE = 10  # the feeder violates before anything is added


@dataclass(frozen=True, slots=True, eq=False)
class Deployments:
    """Random orders in which plants come: deployment s at level l holds its first l kW of plants.

    Levels are nested, so more of a deployment never takes a plant away; the plant that a level
    cuts through counts in part.
    """

    technology: str  # one of TECHNOLOGIES
    bus: Integers  # (S, M) position in Feeder.bus_index
    home: Integers  # (S, M) whose plant it is, position among all homes of the feeder, or sites
    size_kw: Floats  # (S, M) installed, > 0
    share: Floats | None = None
    """(S, K) part of every level that stands at each bus, summing to 1, for layouts by rule (alike
    at every bus, or all at one) that no order of plants gives; M is then 0."""

    @property
    def count(self) -> int:
        """Number of deployments S."""
        return len(self.bus)

    @property
    def highest_kw(self) -> Floats:
        """Level at which every plant of a deployment stands, (S,); infinite for layouts by rule."""
        if self.share is not None:
            return np.full(self.count, np.inf)
        return np.asarray(self.size_kw.sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class OperatingPoints:
    """When the feeder is looked at, and what happens there without new plants."""

    label: str  # for people, e.g. "30 % of published loads, full sun"
    load_kw: Floats  # (T, K) drawn by everything that is there, generators deducted
    load_kvar: Floats  # (T, K)
    course: Floats  # (T, K) what a new plant at a bus draws per installed kW; solar in [-1, 0]
    kvar_per_kw: float  # of new plants without control, by their power factor; 0 for unity
    interval_h: float
    start_utc: NDArray[np.datetime64] | None  # (T,) None for a snapshot
    week: Integers  # (T,) over which criteria take their shares of time; all 0 for a snapshot

    @property
    def is_series(self) -> bool:
        """Whether points follow each other in time, so that shares of time mean something."""
        return self.start_utc is not None


@dataclass(frozen=True, slots=True, eq=False)
class Extremes:
    """The worst of every quantity, per case, over its operating points; (n,) each."""

    voltage_max_pu: Floats
    voltage_min_pu: Floats
    rise_max_pu: Floats
    drop_max_pu: Floats
    line_max_percent: Floats
    transformer_max_percent: Floats
    import_max_kw: Floats  # from the network above
    export_max_kw: Floats  # into it, >= 0
    loss_kwh: Floats  # over the operating points; of a snapshot, over a quarter hour
    offered_kwh: Floats  # what new plants could have fed in or wanted to draw, >= 0
    curtailed_kwh: Floats  # of it, given up


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What criteria say of n cases."""

    passes: Booleans  # (n,)
    limiting: Integers  # (n,) Limiting, NONE where it passes; else what is exceeded by most
    element: Integers  # (n,) position of bus or branch in the feeder, -1 where it is none of them
    value: Floats  # (n,) of the quantity at that element
    limit: Floats  # (n,) it is held to
    extremes: Extremes


@dataclass(frozen=True, slots=True, eq=False)
class Capacities:
    """Hosting capacity of S deployments under one lever."""

    lever: str
    hosting_kw: Floats  # (S,) largest level found that passes
    limiting: Integers  # (S,) Limiting: why the next level does not
    element: Integers  # (S,) position of bus or branch, -1 for none
    value: Floats  # (S,)
    limit: Floats  # (S,)
    plants: Integers  # (S,) begun at that level
    curtailed_share: Floats  # (S,) of the new plants' energy at that level
    monotone: Booleans  # (S,) no level looked at passes above one that fails
