"""The limits that grid validation holds while market levers are played.

They are those of the criteria, a hair tighter, so that what validation leaves at a limit also
passes where criteria are judged. Rise and drop hang on the voltage without new plants and so move
with the day. A usual band, which criteria want for a share of the time, is held all the time.
"""

import copy
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats
from cosim.studies.hosting.criteria import Criteria
from cosim.studies.hosting.heads import bounds_of
from networks.feeder import Feeder

HAIR_PU: Final = 1e-8
HAIR_PERCENT: Final = 1e-6

LOWEST_PU, HIGHEST_PU, HIGHEST_PERCENT = 1e-3, 10.0, 1e6
"""Stand for no limit: validation takes finite ones only."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldLimits:
    """Limits of a stretch of days, interval by interval."""

    power_flow: PowerFlow
    voltage_min_pu: Floats  # (T, K)
    voltage_max_pu: Floats  # (T, K)
    moves: bool  # with the day

    def at(self, row: int) -> PowerFlow:
        """Return the feeder with the limits of an interval."""
        flow = self.power_flow
        voltages = {
            "voltage_min_pu": self.voltage_min_pu[row],
            "voltage_max_pu": self.voltage_max_pu[row],
        }
        return _with_feeder(flow, replace(flow.feeder, **voltages))


def held_limits(power_flow: PowerFlow, criteria: Criteria, without_pu: Floats) -> HeldLimits:
    """Return what validation holds where voltages are `without_pu` (T, K) without new plants.

    Changes against the head of a part of the feeder, and power fed into the network above, are
    beyond what validation knows: they are judged afterwards all the same.
    """
    feeder = power_flow.feeder
    bounds = bounds_of(feeder, criteria, is_series=False)  # both bands hold always
    highest = np.full(without_pu.shape, bounds.voltage_highest_pu)
    lowest = np.full(without_pu.shape, bounds.voltage_lowest_pu)
    if criteria.split is None:
        highest = np.fmin(highest, without_pu + bounds.rise_pu)
        lowest = np.fmax(lowest, without_pu - bounds.drop_pu)
    loading = np.minimum(bounds.loading_percent, HIGHEST_PERCENT) - HAIR_PERCENT
    return HeldLimits(
        power_flow=_with_feeder(power_flow, replace(feeder, loading_max_percent=loading)),
        voltage_min_pu=np.maximum(lowest, LOWEST_PU) + HAIR_PU,
        voltage_max_pu=np.minimum(highest, HIGHEST_PU) - HAIR_PU,
        moves=bool(np.isfinite(bounds.rise_pu).any() or np.isfinite(bounds.drop_pu).any()),
    )


def _with_feeder(power_flow: PowerFlow, feeder: Feeder) -> PowerFlow:
    """Return the same factorisation with other limits."""
    changed = copy.copy(power_flow)
    changed.feeder = feeder
    return changed
