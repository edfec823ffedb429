"""The best that one device can do where every amount has its own price.

A dynamic programme over interval and level of the device. Amounts between those that were priced
cost what lies between, which guides the way only: whoever asks for a way prices it again.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from cosim.records import Exogenous, Fleet, Floats, Integers

LEVELS: Final = 97
"""Levels of a device between which its value is interpolated."""

STEPS: Final = 8
"""Amounts in each direction, equally spaced, up to the device's full power."""


TRIED: Final = 65
"""Amounts tried at each level, beside those that were priced."""


class Device(Protocol):
    """A store of one prosumer, whose level moves by what its meter shows."""

    @property
    def full(self) -> float:
        """Highest level, kWh."""

    @property
    def start(self) -> float:
        """Level before the first interval, kWh."""

    @property
    def amounts_kwh(self) -> Floats:
        """Amounts at the meter worth trying in any interval, ascending."""

    def entered(self, row: int, level: Floats) -> Floats:
        """Return the level with which interval `row` begins where the one before ended at it."""

    def bounds(self, row: int, level: Floats) -> tuple[Floats, Floats]:
        """Return (least, most) at the meter in interval `row`, kWh."""

    def after(self, level: Floats, amount_kwh: Floats) -> Floats:
        """Return the level that an amount at the meter leads to."""

    def final_eur(self, level: Floats) -> Floats:
        """Return what it costs to end at a level."""


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery; levels are what it holds."""

    full: float
    start: float
    power_kwh: float  # in an interval, at the meter
    gain: float  # stored per drawn energy
    give: float  # delivered per taken energy
    worth_eur_per_kwh: float  # of what it delivers behind the end

    @classmethod
    def of(
        cls, fleet: Fleet, held_kwh: Floats, who: tuple[int, int], interval_h: float, worth: float
    ) -> "Battery":
        """Return the battery of a prosumer."""
        return cls(
            full=float(fleet.battery_kwh[who]),
            start=float(held_kwh[who]),
            power_kwh=float(fleet.battery_kw[who]) * interval_h,
            gain=float(fleet.battery_charge_efficiency[who]),
            give=float(fleet.battery_discharge_efficiency[who]),
            worth_eur_per_kwh=worth,
        )

    @property
    def amounts_kwh(self) -> Floats:
        """Amounts from full discharge to full charge."""
        return np.linspace(-self.power_kwh, self.power_kwh, 2 * STEPS + 1)

    def entered(self, row: int, level: Floats) -> Floats:
        """Return the level: a battery is always there."""
        return level

    def bounds(self, row: int, level: Floats) -> tuple[Floats, Floats]:
        """Return how much can be discharged (<= 0) and charged."""
        least = -np.minimum(self.power_kwh, level * self.give)
        most = np.minimum(self.power_kwh, np.maximum(self.full - level, 0.0) / self.gain)
        return least, most

    def after(self, level: Floats, amount_kwh: Floats) -> Floats:
        """Return the level with losses counted."""
        moved = np.where(amount_kwh > 0.0, amount_kwh * self.gain, amount_kwh / self.give)
        return np.asarray(np.clip(level + moved, 0.0, self.full))

    def final_eur(self, level: Floats) -> Floats:
        """Return what is still stored as a negative cost."""
        return -self.worth_eur_per_kwh * self.give * level


@dataclass(frozen=True, slots=True, eq=False)
class Vehicle:
    """A vehicle; levels are what is still missing in it."""

    full: float  # most that any stay asks for
    start: float
    arrival_kwh: Floats  # (T,)
    departure: Integers  # (T,) counted from the first interval, -1 while away
    power_kwh: float
    efficiency: float
    missing_eur_per_kwh: float  # at the meter, for what is missing at the end

    @classmethod
    def of(  # noqa: PLR0913 # what a vehicle is made of
        cls,
        fleet: Fleet,
        exogenous: Exogenous,
        missing_kwh: Floats,
        who: tuple[int, int],
        span: tuple[int, int],
        interval_h: float,
        retail: float,
    ) -> "Vehicle":
        """Return the vehicle of a prosumer over the intervals of `span`, (first, end)."""
        first, end = span
        arrival = exogenous.vehicle_arrival_kwh[first:end, who[0], who[1]]
        departure = exogenous.vehicle_departure[first:end, who[0], who[1]]
        start = float(missing_kwh[who])
        return cls(
            full=max(float(arrival.max()), start),
            start=start,
            arrival_kwh=arrival,
            departure=np.where(departure >= 0, departure - first, -1),
            power_kwh=float(fleet.vehicle_kw[who]) * interval_h,
            efficiency=float(fleet.vehicle_efficiency[who]),
            missing_eur_per_kwh=retail,
        )

    @property
    def amounts_kwh(self) -> Floats:
        """Amounts from none to full power."""
        return np.linspace(0.0, self.power_kwh, STEPS + 1)

    def entered(self, row: int, level: Floats) -> Floats:
        """Return what a stay that begins asks for."""
        arriving = self.arrival_kwh[row]
        return np.full_like(level, arriving) if arriving > 0.0 else level

    def bounds(self, row: int, level: Floats) -> tuple[Floats, Floats]:
        """Return what keeps the departure in reach, and what is missing."""
        departure = int(self.departure[row])
        if departure < 0:
            nothing = np.zeros_like(level)
            return nothing, nothing
        missing = level / self.efficiency
        most = np.minimum(self.power_kwh, missing)
        later = max(departure - row - 1, 0) * self.power_kwh
        return np.clip(missing - later, 0.0, most), most

    def after(self, level: Floats, amount_kwh: Floats) -> Floats:
        """Return what is missing then."""
        return np.asarray(np.maximum(level - amount_kwh * self.efficiency, 0.0))

    def final_eur(self, level: Floats) -> Floats:
        """Return what is owed."""
        return self.missing_eur_per_kwh / self.efficiency * level


def best_amounts(device: Device, amounts_kwh: Floats, costs_eur: Floats) -> Floats:
    """Return the device's best amounts at the meter, (T,) kWh.

    Args:
        device: what moves.
        amounts_kwh: amounts that were priced, (T, Y), ascending in each interval.
        costs_eur: what each of them costs in its interval, (T, Y).
    """
    length = len(amounts_kwh)
    levels = np.linspace(0.0, device.full, LEVELS)
    following = np.empty((length + 1, LEVELS))
    following[length] = device.final_eur(levels)
    for row in range(length - 1, -1, -1):
        _, total = _tried(device, row, levels, amounts_kwh[row], costs_eur[row], following[row + 1])
        following[row] = total.min(axis=1)
    level = np.array([device.start])
    path = np.empty(length)
    for row in range(length):
        asked, total = _tried(
            device, row, level, amounts_kwh[row], costs_eur[row], following[row + 1]
        )
        path[row] = asked[0, total[0].argmin()]
        level = device.after(device.entered(row, level), path[row : row + 1])
    return path


def level_at_end(device: Device, path_kwh: Floats) -> float:
    """Return the level that amounts (T,) at the meter lead to."""
    level = np.array([device.start])
    for row in range(len(path_kwh)):
        level = device.after(device.entered(row, level), path_kwh[row : row + 1])
    return float(level[0])


def _tried(
    device: Device,
    row: int,
    level: Floats,
    amounts_kwh: Floats,
    costs_eur: Floats,
    following: Floats,
) -> tuple[Floats, Floats]:
    """Return (amounts (G, Y) that each level allows, their cost with all that follows)."""
    begin = device.entered(row, level)
    least, most = device.bounds(row, begin)
    between = np.linspace(amounts_kwh[0], amounts_kwh[-1], TRIED)
    tried = np.concatenate([amounts_kwh, between])
    asked = np.clip(tried[None], least[:, None], most[:, None])
    cost = np.interp(asked, amounts_kwh, costs_eur)
    end = device.after(begin[:, None], asked)
    levels = np.linspace(0.0, device.full, len(following))
    return asked, cost + np.interp(end, levels, following)
