"""Stays of vehicles as totals: what must and may be charged between arrival and departure."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.records import Floats, Integers
from policies.yardstick_case import Case

ROUNDING_KWH: Final = 1e-9
"""Energies below this are rounding: nothing is there to be charged."""


@dataclass(frozen=True, slots=True, eq=False)
class Stays:
    """All stays in a span, V of them, energies at the meter.

    Order within a stay is free: an interval's charging is bound by its power alone, so what devices
    must do on the way (`cosim.prosumers.devices.ranges`) is the same as what is charged in total.
    """

    prosumer: Integers  # (V,)
    first: Integers  # (V,) interval
    end: Integers  # (V,) first interval after the stay, or the end of the span
    least_kwh: Floats  # (V,) in total: keeps the departure energy in reach
    most_kwh: Floats  # (V,) in total
    owed_kwh: Floats  # (N,) owed at the span's end if the last stay charges nothing
    last: Integers  # (V,) 1 where nobody arrives later: what it charges is owed no more


def stays_of(case: Case) -> Stays:
    """Return the stays of a case's vehicles."""
    prosumers = case.fleet.bus.shape[1]
    owed = np.zeros(prosumers)
    rows: list[tuple[int, int, int, float, float, int]] = []
    for prosumer in range(prosumers):
        found, owed[prosumer] = _of_one(case, prosumer)
        rows += found
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    return Stays(
        prosumer=np.array(columns[0], np.int64),
        first=np.array(columns[1], np.int64),
        end=np.array(columns[2], np.int64),
        least_kwh=np.array(columns[3], np.float64),
        most_kwh=np.array(columns[4], np.float64),
        owed_kwh=owed,
        last=np.array(columns[5], np.int64),
    )


def _of_one(
    case: Case, prosumer: int
) -> tuple[list[tuple[int, int, int, float, float, int]], float]:
    """Return the stays of one vehicle and what it owes at the end if the last charges nothing."""
    fleet, length = case.fleet, case.length
    arrival = case.exogenous.vehicle_arrival_kwh[:, 0, prosumer]
    departure = case.exogenous.vehicle_departure[:, 0, prosumer]
    efficiency = float(fleet.vehicle_efficiency[0, prosumer])
    power_kwh = float(fleet.vehicle_kw[0, prosumer]) * case.interval_h
    missing = owed = float(case.state.vehicle_missing_kwh[0, prosumer]) / efficiency
    new = np.append(True, (departure[1:] != departure[:-1]) | (arrival[1:] > 0.0))
    starts = np.flatnonzero(new)
    rows = []
    for first, end in zip(starts, np.append(starts[1:], length), strict=True):
        if arrival[first] > 0.0:
            missing = owed = float(arrival[first]) / efficiency
        if departure[first] < 0:
            continue
        later = max(int(departure[first]) - int(end), 0) * power_kwh
        most = min(missing, power_kwh * float(end - first))
        least = min(max(missing - later, 0.0), most)
        # A later arrival asks anew, and nothing is owed for this stay then.
        last = int(not np.any(arrival[end:] > 0.0))
        if most > ROUNDING_KWH:
            rows.append((prosumer, int(first), int(end), least, most, last))
        missing -= most
    return rows, owed
