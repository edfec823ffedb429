"""The three-bus net of the worked example, for tests."""

from functools import cache

from networks.catalog import load_feeder
from networks.feeder import Feeder
from networks.worked_example import three_bus_net

__all__ = ["three_bus_feeder", "three_bus_net"]


@cache
def three_bus_feeder() -> Feeder:
    """Return the net compiled, limits 0.9 to 1.05 p.u. and 100 %."""
    return load_feeder("three_bus")
