"""What a search of set-points wants, and what it thinks of a point that was solved."""

from dataclasses import dataclass
from typing import Final

from cosim.records import Floats

SETTLED: Final = 2e-4
"""A round that promises less than this share of what all columns can do is the last."""


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Slack power has to stay on a line: abs(normal @ (kW, kvar) - middle) <= half_width."""

    normal: Floats  # (2,) of length one
    middle: float
    half_width: float

    def off(self, slack: Floats) -> float:
        """Return how far outside slack power (2,) lies, 0 inside."""
        return max(0.0, abs(float(self.normal @ slack) - self.middle) - self.half_width)


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """What a search makes as large as possible: weight @ (slack kW, slack kvar) + gain @ x."""

    interval: int
    weight: Floats  # (2,)
    gain: Floats | None = None  # (M,)
    bands: tuple[Band, ...] = ()
    settled: float = SETTLED  # promise, in widths, that is no longer worth a round


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A solved set-point."""

    x: Floats  # (M,)
    slack: Floats  # (2,) kW, kvar
    excess: Floats  # (E,)
    worth: float  # of the wish, in widths of the region
    over: float  # excess beyond what is allowed, and what lies outside of the bands; 0 if none
    burden: float  # the same, as it is priced
