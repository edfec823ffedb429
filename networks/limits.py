"""What feeders are judged by: voltage and loading limits, and presets after common practice.

A preset is a default with a name, not a claim of compliance: standards speak of percentiles over a
week, of single phases and of ten-minute means, none of which is judged here.
"""

from dataclasses import dataclass

import numpy as np

from networks.errors import NetworkError


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


@dataclass(frozen=True, slots=True)
class Preset:
    """Limits with a name."""

    name: str
    limits: Limits
    told: str  # what they are after, and what of it is left out


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "en50160",
            Limits(0.90, 1.10),
            "after EN 50160: 10 % around nominal voltage (the standard: 95 % of a week's "
            "ten-minute means, all within -15 %)",
        ),
        Preset(
            "vde_ar_n_4105",
            Limits(0.90, 1.10),
            "after EN 50160; VDE-AR-N 4105's rise of 3 % by generation in low voltage is judged by "
            "hosting-capacity studies, not here",
        ),
        Preset(
            "vde_ar_n_4110",
            Limits(0.90, 1.10),
            "after EN 50160; VDE-AR-N 4110's rise of 2 % by generation in medium voltage is judged "
            "by hosting-capacity studies, not here",
        ),
        Preset("ansi_a", Limits(0.95, 1.05), "after ANSI C84.1, service voltage, range A"),
        Preset("ansi_b", Limits(0.917, 1.058), "after ANSI C84.1, service voltage, range B"),
        Preset(
            "australia",
            Limits(0.94, 1.10),
            "after AS 60038: 230 V +10/-6 % at the point of supply",
        ),
    )
}
"""By name. Loading is limited to 100 % in all."""


def preset(name: str) -> Preset:
    """Return a preset by name; raise NetworkError where there is none of it."""
    if name not in PRESETS:
        raise NetworkError(f"unknown limits {name!r}; allowed are {', '.join(PRESETS)}")
    return PRESETS[name]
