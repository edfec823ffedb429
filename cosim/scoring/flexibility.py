"""How much less or more a fleet could draw, and for how long, against a named baseline.

Up is less drawn or more fed in, down is more drawn; both >= 0. The sustained flexibility of a
device over a window is the largest constant change of its baseline power that it can keep up from
the window's first interval to its last: inside its power range throughout, and with its store
inside its range (state of charge, comfort band, energy asked for by departure). Sums over devices
are sums of these constants; a fleet that passes the task around can do a little more. The grid has
no say in any of it.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeVar

import numpy as np

from cosim.records import Exogenous, Fleet, Floats, Integers, Intentions, State
from cosim.scoring.battery_kernel import TOLERANCE_KWH, constant_changes

WINDOWS: Final[dict[str, float]] = {"15min": 0.25, "1h": 1.0, "4h": 4.0}
"""Hours over which flexibility is told, by what they are called."""


Values = TypeVar("Values", Floats, Integers)


class Device(IntEnum):
    """Classes of devices that flexibility comes from."""

    BATTERY = 0
    VEHICLE = 1
    HEAT_PUMP = 2
    SOLAR = 3


DEVICE_COUNT: Final = len(Device)


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What devices do if nobody asks for anything, in the T intervals from `first_interval`.

    `state` is that before the first of them, arrivals of it not yet plugged in.
    """

    told: str  # its name, for people
    first_interval: int
    state: State
    devices: Intentions  # (T, B, N) each
    solar_kw: Floats  # (T, B, N) fed in or used, >= 0
    curtailed_kw: Floats  # (T, B, N) given up, >= 0


@dataclass(frozen=True, slots=True, eq=False)
class Sustained:
    """Largest constant change from the baseline over a window, kW >= 0."""

    window_h: float
    up_kw: Floats  # (T, B, N, DEVICE_COUNT) NaN where the window reaches beyond the baseline
    down_kw: Floats  # (T, B, N, DEVICE_COUNT)

    @property
    def up_kwh(self) -> Floats:
        """Energy of it, (T, B, N, DEVICE_COUNT)."""
        return self.up_kw * self.window_h

    @property
    def down_kwh(self) -> Floats:
        """Energy of it, (T, B, N, DEVICE_COUNT)."""
        return self.down_kw * self.window_h


def left_alone(
    fleet: Fleet, state: State, exogenous: Exogenous, length: int, *, interval_h: float
) -> Baseline:
    """Return what devices left to themselves do in the next `length` intervals.

    Batteries stand idle, heat pumps hold the target temperature, vehicles charge at once at full
    power, solar panels give all they can. What `exogenous` does not reach is left out.
    """
    first = state.interval
    window = slice(first, min(first + length, len(exogenous.pv_kw)))
    arrival, departure = exogenous.vehicle_arrival_kwh[window], exogenous.vehicle_departure[window]
    vehicle = np.zeros(arrival.shape)
    missing = state.vehicle_missing_kwh
    for row, (arriving, leaving) in enumerate(zip(arrival, departure, strict=True)):
        missing = np.where(arriving > 0.0, arriving, missing)
        wanted = np.minimum(fleet.vehicle_kw, missing / (fleet.vehicle_efficiency * interval_h))
        vehicle[row] = np.where(leaving >= 0, wanted, 0.0)
        missing = missing - vehicle[row] * interval_h * fleet.vehicle_efficiency
    heat = np.clip(exogenous.heat_pump_reference_kw[window], 0.0, fleet.heat_pump_kw)
    return Baseline(
        told="devices left to themselves",
        first_interval=first,
        state=state,
        devices=Intentions(
            battery_kw=np.zeros(arrival.shape), vehicle_kw=vehicle, heat_pump_kw=heat
        ),
        solar_kw=exogenous.pv_kw[window],
        curtailed_kw=np.zeros(arrival.shape),
    )


def sustained(
    fleet: Fleet,
    baseline: Baseline,
    exogenous: Exogenous,
    *,
    window_h: float,
    interval_h: float,
    starts: int | None = None,
) -> Sustained:
    """Return the flexibility over `window_h` from each of the first `starts` intervals.

    Args:
        fleet: who owns what.
        baseline: what is done otherwise.
        exogenous: stays of vehicles and heat demand.
        window_h: length of the window, hours; a multiple of the interval.
        interval_h: length of an interval, hours.
        starts: number of windows; all intervals of the baseline if None.

    Raises:
        ValueError: the window is no whole number of intervals.
    """
    width = round(window_h / interval_h)
    if width < 1 or abs(width * interval_h - window_h) > TOLERANCE_KWH:
        raise ValueError(
            f"a window of {window_h:g} h is no whole number of intervals of {interval_h:g} h"
        )
    known = len(baseline.solar_kw)
    wanted = known if starts is None else min(starts, known)
    whole = min(max(known - width + 1, 0), wanted)
    shape = (wanted, *fleet.bus.shape, DEVICE_COUNT)
    up, down = np.full(shape, np.nan), np.full(shape, np.nan)
    if whole:
        stores = _stores(fleet, baseline, exogenous, whole, interval_h)
        window = _Window(whole, width, interval_h)
        for device, changes in (
            (Device.BATTERY, _battery(fleet, baseline, stores.stored_kwh, window)),
            (Device.VEHICLE, _vehicle(fleet, baseline, exogenous, stores.missing_kwh, window)),
            (Device.HEAT_PUMP, _heat(fleet, baseline, exogenous, stores.indoor_celsius, window)),
            (Device.SOLAR, _solar(baseline, window)),
        ):
            up[:whole, :, :, device] = np.maximum(changes[0], 0.0)
            down[:whole, :, :, device] = np.maximum(changes[1], 0.0)
    return Sustained(window_h=window_h, up_kw=up, down_kw=down)


@dataclass(frozen=True, slots=True)
class _Window:
    """How many windows are looked at, and how long each is."""

    starts: int
    width: int  # intervals
    interval_h: float

    def moved(self, values: Values, by: int) -> Values:
        """Return `values` (T, ...) as each window sees them in its interval number `by`."""
        return values[by : by + self.starts]


@dataclass(frozen=True, slots=True, eq=False)
class _Stores:
    """Where stores stand before each interval under the baseline, (starts, B, N)."""

    stored_kwh: Floats
    missing_kwh: Floats  # of vehicles, arrivals of the interval included
    indoor_celsius: Floats


def _stores(
    fleet: Fleet, baseline: Baseline, exogenous: Exogenous, starts: int, interval_h: float
) -> _Stores:
    first, state, devices = baseline.first_interval, baseline.state, baseline.devices
    remaining, gain = _heat_response(fleet, interval_h)
    target = fleet.comfort_target_celsius
    shape = (starts, *fleet.bus.shape)
    stored, missing, indoor = np.empty(shape), np.empty(shape), np.empty(shape)
    kwh, owed, celsius = state.battery_kwh, state.vehicle_missing_kwh, state.indoor_celsius
    for t in range(starts):
        arriving = exogenous.vehicle_arrival_kwh[first + t]
        owed = np.where(arriving > 0.0, arriving, owed)
        stored[t], missing[t], indoor[t] = kwh, owed, celsius
        battery_kwh = devices.battery_kw[t] * interval_h
        kwh = (
            kwh
            + np.maximum(battery_kwh, 0.0) * fleet.battery_charge_efficiency
            + np.minimum(battery_kwh, 0.0) / fleet.battery_discharge_efficiency
        )
        owed = owed - devices.vehicle_kw[t] * interval_h * fleet.vehicle_efficiency
        surplus_kw = devices.heat_pump_kw[t] - exogenous.heat_pump_reference_kw[first + t]
        celsius = target + remaining * (celsius - target) + gain * surplus_kw * interval_h
    return _Stores(stored, missing, indoor)


def _battery(
    fleet: Fleet, baseline: Baseline, stored_kwh: Floats, window: _Window
) -> tuple[Floats, Floats]:
    owned = (
        fleet.battery_kw,
        fleet.battery_kwh,
        fleet.battery_charge_efficiency,
        fleet.battery_discharge_efficiency,
    )
    base = np.ascontiguousarray(baseline.devices.battery_kw)
    size = window.width, window.interval_h
    return (
        constant_changes(-1.0, owned, stored_kwh, base, size),
        constant_changes(1.0, owned, stored_kwh, base, size),
    )


def _vehicle(
    fleet: Fleet,
    baseline: Baseline,
    exogenous: Exogenous,
    missing_kwh: Floats,
    window: _Window,
) -> tuple[Floats, Floats]:
    """Return (up, down) of vehicles that stay for the whole window."""
    first, base, hours = baseline.first_interval, baseline.devices.vehicle_kw, window.interval_h
    departure = exogenous.vehicle_departure[first:]
    leaving = window.moved(departure, 0)
    stays = leaving >= 0
    up = np.full(leaving.shape, np.inf)
    down = np.full(leaving.shape, np.inf)
    charged_kwh = np.zeros(leaving.shape)
    for k in range(window.width):
        here = window.moved(base, k)
        stays &= window.moved(departure, k) == leaving
        up = np.minimum(up, here)
        down = np.minimum(down, fleet.vehicle_kw - here)
        charged_kwh += here * hours
    end = first + np.arange(window.starts)[:, None, None] + window.width
    later_kwh = np.maximum(leaving - end, 0) * fleet.vehicle_kw * hours
    owned = fleet.vehicle_kw > 0.0
    left_kwh = missing_kwh / np.where(owned, fleet.vehicle_efficiency, 1.0) - charged_kwh
    window_h = window.width * hours
    return (
        np.where(stays & owned, np.minimum(up, (later_kwh - left_kwh) / window_h), 0.0),
        np.where(stays & owned, np.minimum(down, left_kwh / window_h), 0.0),
    )


def _heat(
    fleet: Fleet,
    baseline: Baseline,
    exogenous: Exogenous,
    indoor_celsius: Floats,
    window: _Window,
) -> tuple[Floats, Floats]:
    remaining, gain = _heat_response(fleet, window.interval_h)
    reference = exogenous.heat_pump_reference_kw[baseline.first_interval :]
    target, celsius = fleet.comfort_target_celsius, indoor_celsius
    up = np.full(celsius.shape, np.inf)
    down = np.full(celsius.shape, np.inf)
    moved = np.zeros(fleet.bus.shape)  # kelvin per kW of constant change since the window began
    for k in range(window.width):
        here = window.moved(baseline.devices.heat_pump_kw, k)
        surplus_kwh = (here - window.moved(reference, k)) * window.interval_h
        celsius = target + remaining * (celsius - target) + gain * surplus_kwh
        moved = remaining * moved + gain * window.interval_h
        up = np.minimum(up, np.minimum(here, (celsius - fleet.comfort_min_celsius) / moved))
        room = (fleet.comfort_max_celsius - celsius) / moved
        down = np.minimum(down, np.minimum(fleet.heat_pump_kw - here, room))
    owned = fleet.heat_pump_kw > 0.0
    return np.where(owned, up, 0.0), np.where(owned, down, 0.0)


def _solar(baseline: Baseline, window: _Window) -> tuple[Floats, Floats]:
    steps = range(window.width)
    return (
        np.min([window.moved(baseline.curtailed_kw, k) for k in steps], axis=0),
        np.min([window.moved(baseline.solar_kw, k) for k in steps], axis=0),
    )


def _heat_response(fleet: Fleet, interval_h: float) -> tuple[Floats, Floats]:
    """Return (share of a temperature difference that remains, kelvin per electric kWh).

    As `cosim.prosumers.devices.heat_response`; a test holds the two together.
    """
    heated = fleet.heat_pump_kw > 0.0
    time_constant = np.where(heated, fleet.building_time_constant_h, 1.0)
    capacity = np.where(heated, fleet.building_kwh_per_kelvin, 1.0)
    remaining = np.exp(-interval_h / time_constant)
    gain = fleet.heat_pump_cop / capacity * time_constant * (1.0 - remaining) / interval_h
    return remaining, gain
