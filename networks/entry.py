"""What the catalogue keeps of a feeder."""

from collections.abc import Callable
from dataclasses import dataclass

import pandapower as pp

from networks.compile import Description, Limits

PRESET = Limits(voltage_min_pu=0.9, voltage_max_pu=1.1, loading_max_percent=100.0)


@dataclass(frozen=True, slots=True)
class Entry:
    """How a feeder is made and what is told about it."""

    description: Description
    build: Callable[[], pp.pandapowerNet]  # as published
    limits: Limits | Callable[[pp.pandapowerNet], Limits] = PRESET
    load_scaling: float = 1.0  # applied to the published loads
    load_scaling_reason: str = ""
    assume_ratings: Callable[[pp.pandapowerNet], None] | None = None  # patches the net in place
    zones: Callable[[pp.pandapowerNet], dict[int, str]] | None = None  # by bus number
