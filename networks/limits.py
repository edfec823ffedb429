"""What feeders are judged by: voltage and loading limits, and presets after common practice.

A preset is a default with a name, not a claim of compliance: standards speak of percentiles over a
week, of single phases and of ten-minute means, none of which is judged here.
"""

from dataclasses import dataclass

import numpy as np

from networks.errors import NetworkError
from networks.names import preset_name


@dataclass(frozen=True, slots=True)
class Limits:
    """What the feeder is judged by."""

    voltage_min_pu: float = 0.9
    voltage_max_pu: float = 1.1
    loading_max_percent: float = 100.0

    def problems(self) -> list[str]:
        """Return one sentence for each limit that makes no sense."""
        low, high, loading = self.voltage_min_pu, self.voltage_max_pu, self.loading_max_percent
        found = []
        if not (np.isfinite([low, high]).all() and 0.0 < low < high):
            found.append(
                f"voltage limits {low} to {high} p.u.: the lower one must be above 0 and below "
                "the upper one"
            )
        if not (np.isfinite(loading) and loading > 0.0):
            found.append(f"loading limit {loading} %: must be above 0")
        return found


PRESETS: dict[str, Limits] = {
    "en50160": Limits(0.90, 1.10),
    "vde_ar_n_4105": Limits(0.90, 1.10),
    "vde_ar_n_4110": Limits(0.90, 1.10),
    "ansi_a": Limits(0.95, 1.05),
    "ansi_b": Limits(0.917, 1.058),
    "australia": Limits(0.94, 1.10),
}
"""By name; docs/limits.md says what each is after and what of it is not judged."""


def presets_like(limits: Limits) -> tuple[str, ...]:
    """Return the names of the presets with the same numbers, none where there is no such."""
    return tuple(name for name, known in PRESETS.items() if known == limits)


def preset(name: str) -> Limits:
    """Return a preset by name; raise NetworkError where there is none of it."""
    known = preset_name(name)
    if known not in PRESETS:
        raise NetworkError(f"unknown limits {name!r}; allowed are {', '.join(PRESETS)}")
    return PRESETS[known]
