"""What devices can do in a span, as one flat list of columns."""

from dataclasses import dataclass, replace
from typing import Final, Self

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
    column: Integers  # (D,) in the programme
    by_interval: Integers  # (D,) positions here in the order of their intervals

    @property
    def sign(self) -> Floats:
        """What a kWh of each adds to its meter, (D,)."""
        return np.where(self.kind == DISCHARGE, -1.0, 1.0)

    @property
    def interval_sorted(self) -> Integers:
        """Intervals of `by_interval`, (D,)."""
        return self.interval[self.by_interval]

    def with_curtailing(
        self, interval: int, prosumer: Integers, most_kwh: Floats, column: Integers
    ) -> Self:
        """Return these and columns for solar power given up in one interval, (P,) each."""
        count = len(prosumer)
        intervals = np.append(self.interval, np.full(count, interval))
        return replace(
            self,
            kind=np.append(self.kind, np.full(count, CURTAIL)),
            interval=intervals,
            prosumer=np.append(self.prosumer, prosumer),
            most_kwh=np.append(self.most_kwh, most_kwh),
            column=np.append(self.column, column),
            by_interval=np.argsort(intervals, kind="stable"),
        )

    def table(self, kind: int) -> Integers:
        """Return the columns of a kind, (T, N), -1 for none."""
        return np.asarray(self.position[kind])

    def one_way(self, fixed_kwh: Floats) -> tuple[Booleans, Booleans]:
        """Return where meters can only draw and where they can only feed in, (T, N) each.

        A meter that feeds in and has a device in use counts as either way: with limits on the grid
        it may have to give up solar power instead.
        """
        low = fixed_kwh.copy()
        used = np.zeros(fixed_kwh.shape, np.bool_)
        down = self.kind == DISCHARGE
        np.add.at(low, (self.interval[down], self.prosumer[down]), -self.most_kwh[down])
        used[self.interval, self.prosumer] = True
        draws = low >= 0.0
        return draws, ~draws & ~used


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
        column=np.arange(len(kind)),
        by_interval=np.argsort(interval, kind="stable"),
    )


def reachable_band(
    start: Floats,
    band: tuple[Floats, Floats],
    remaining: Floats,
    gain: Floats,
    power: tuple[Floats, Floats],
) -> tuple[Floats, Floats]:
    """Return bounds (T, N) of the distance from the target: the comfort band, where it can be held.

    Where full power cannot hold the floor, or none the ceiling, the bound is where the devices'
    own rules end up.
    """
    reference, most = power
    lows, highs = [], []
    lowest = highest = start
    for needed in reference:
        coldest, warmest = (gain * (amount - needed) for amount in (0.0, most))
        lowest = np.clip(band[0], remaining * lowest + coldest, remaining * lowest + warmest)
        highest = np.clip(band[1], remaining * highest + coldest, remaining * highest + warmest)
        lows.append(np.minimum(band[0], lowest))
        highs.append(np.maximum(band[1], highest))
    return np.stack(lows), np.stack(highs)
