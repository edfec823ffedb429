"""Characteristics of inverters: piecewise-linear curves, some of them named after common practice.

The points are configurable defaults. They are named after the practice they follow and claim no
compliance with any standard; docs/inverter-control.md says where each number was found.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from cosim.records import Floats


@dataclass(frozen=True, slots=True)
class Curve:
    """A piecewise-linear curve, constant left of its first and right of its last point.

    Attributes:
        name: e.g. "after IEEE 1547-2018 category B default".
        at: (P,) where the points stand, rising: p.u. of nominal voltage for curves of voltage,
            share of the installed power for a power factor curve.
        value: (P,) what the curve says there: reactive power fed in (> 0: raises the voltage) as
            a share of the apparent power for volt-var, the most active power fed in as a share of
            the installed power for volt-watt, the power factor for a power factor curve.
    """

    name: str
    at: tuple[float, ...]
    value: tuple[float, ...]

    def points(self) -> tuple[Floats, Floats]:
        """Return the points as arrays, (P,) each."""
        return np.array(self.at), np.array(self.value)

    def problems(self, what: str, low: float, high: float) -> list[str]:
        """Return what is wrong with a curve whose values must fall from at most high to low."""
        named = f"{what} curve {self.name!r}"
        if len(self.at) != len(self.value) or len(self.at) < 1:
            return [f"{named}: {len(self.at)} places and {len(self.value)} values; as many of each"]
        found = []
        if not all(np.isfinite(self.at)) or any(b <= a for a, b in pairwise(self.at)):
            found.append(f"{named}: places {self.at} must be numbers that rise strictly")
        if not all(low <= value <= high for value in self.value):
            found.append(f"{named}: values {self.value} must lie in [{low:g}, {high:g}]")
        if any(b > a for a, b in pairwise(self.value)):
            found.append(f"{named}: values {self.value} must not rise")
        return found


IEEE_B_VOLT_VAR: Final = Curve(
    "after IEEE 1547-2018 category B default",
    at=(0.92, 0.98, 1.02, 1.08),
    value=(0.44, 0.0, 0.0, -0.44),
)
IEEE_B_VOLT_WATT: Final = Curve(
    "after IEEE 1547-2018 category B default, down to 20 %", at=(1.06, 1.10), value=(1.0, 0.2)
)
IEEE_B_VOLT_WATT_TO_ZERO: Final = Curve(
    "after IEEE 1547-2018 category B default, down to nothing", at=(1.06, 1.10), value=(1.0, 0.0)
)
VDE_LV_VOLT_VAR: Final = Curve(
    "after VDE-AR-N 4105, power factor 0.90",
    at=(0.93, 0.97, 1.03, 1.07),
    value=(0.436, 0.0, 0.0, -0.436),
)
VDE_LV_VOLT_VAR_SMALL: Final = Curve(
    "after VDE-AR-N 4105, power factor 0.95",
    at=(0.93, 0.97, 1.03, 1.07),
    value=(0.312, 0.0, 0.0, -0.312),
)
VDE_LV_POWER_FACTOR: Final = Curve(
    "after VDE-AR-N 4105, down to 0.90", at=(0.5, 1.0), value=(1.0, 0.90)
)
VDE_LV_POWER_FACTOR_SMALL: Final = Curve(
    "after VDE-AR-N 4105, down to 0.95", at=(0.5, 1.0), value=(1.0, 0.95)
)
