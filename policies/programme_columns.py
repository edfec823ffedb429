"""What devices can do in a span, as one flat list of columns."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.records import Booleans, Floats, Integers
from policies.vehicle_stays import ROUNDING_KWH, stays_of
from policies.yardstick_case import Case

CHARGE: Final = 0
DISCHARGE: Final = 1
VEHICLE: Final = 2
HEAT: Final = 3
CURTAIL: Final = 4
KINDS: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Columns of the devices, D of them, in energy at the meter, each >= 0."""

    kind: Integers  # (D,)
    interval: Integers  # (D,)
    prosumer: Integers  # (D,)
    most_kwh: Floats  # (D,)
    position: Integers  # (KINDS, T, N) column, -1 for none
    by_interval: Integers  # (D,) columns in the order of their intervals

    @property
    def sign(self) -> Floats:
        """What a kWh of each adds to its meter, (D,)."""
        return np.where(self.kind == DISCHARGE, -1.0, 1.0)

    @property
    def interval_sorted(self) -> Integers:
        """Intervals of `by_interval`, (D,)."""
        return self.interval[self.by_interval]

    def table(self, kind: int) -> Integers:
        """Return the columns of a kind, (T, N), -1 for none."""
        return np.asarray(self.position[kind])

    def one_way(self, fixed_kwh: Floats) -> tuple[Booleans, Booleans]:
        """Return where meters can only draw and where they can only feed in, (T, N) each."""
        low, high = fixed_kwh.copy(), fixed_kwh.copy()
        at = self.interval, self.prosumer
        down = self.kind == DISCHARGE
        np.add.at(low, (at[0][down], at[1][down]), -self.most_kwh[down])
        np.add.at(high, (at[0][~down], at[1][~down]), self.most_kwh[~down])
        draws = low >= 0.0
        return draws, (high <= 0.0) & ~draws


def moves_of(case: Case, curtailable: Booleans) -> Moves:
    """Return the columns of a case's devices; solar power is given up in `curtailable` (T,) only.

    A vehicle that needs nothing has none, nor has one that is away.
    """
    fleet, hours = case.fleet, case.interval_h
    shape = case.fixed_kwh.shape
    most = np.zeros((KINDS, *shape))
    battery = np.where(fleet.battery_kwh[0] > 0.0, fleet.battery_kw[0] * hours, 0.0)
    most[CHARGE] = most[DISCHARGE] = battery
    stays = stays_of(case)
    for prosumer, first, end, most_kwh in zip(
        stays.prosumer, stays.first, stays.end, stays.most_kwh, strict=True
    ):
        power_kwh = fleet.vehicle_kw[0, prosumer] * hours
        most[VEHICLE, first:end, prosumer] = min(power_kwh, most_kwh)
    most[HEAT] = fleet.heat_pump_kw[0] * hours
    most[CURTAIL, curtailable] = case.exogenous.pv_kw[curtailable, 0] * hours
    kind, interval, prosumer = np.nonzero(most > ROUNDING_KWH)
    position = np.full(most.shape, -1)
    position[kind, interval, prosumer] = np.arange(len(kind))
    return Moves(
        kind=kind,
        interval=interval,
        prosumer=prosumer,
        most_kwh=most[kind, interval, prosumer],
        position=position,
        by_interval=np.argsort(interval, kind="stable"),
    )
