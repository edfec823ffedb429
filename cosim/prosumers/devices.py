"""Physics of the devices: what each can do in an interval, and where it stands afterwards.

Energies of an interval are at the meter in kWh; `interval_h` is its length. All arrays (B, N).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cosim.prosumers.device_kernels import able, moved
from cosim.records import Exogenous, Fleet, Floats, State
from cosim.results import Dispatch


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """What the devices can and must do in this interval, kWh at the meter, each (B, N)."""

    battery_charge_kwh: Floats  # most that can be charged
    battery_discharge_kwh: Floats  # most that can be discharged
    vehicle_must_kwh: Floats  # least that keeps the departure energy in reach
    vehicle_may_kwh: Floats  # most that can be charged
    heat_must_kwh: Floats  # least that keeps the room above the comfort band's floor
    heat_may_kwh: Floats  # most that keeps it below the ceiling


@lru_cache(maxsize=4)
def heat_response(fleet: Fleet, interval_h: float) -> tuple[Floats, Floats]:
    """Return (share of a temperature difference that remains, kelvin per electric kWh).

    Exact step response of the one-capacity building model written as distance from the
    reference: ``C d(T - T*)/dt = COP (P - P*) - (C / tau) (T - T*)``. Worked out once a fleet.
    """
    time_constant = np.where(fleet.heat_pump_kw > 0.0, fleet.building_time_constant_h, 1.0)
    capacity = np.where(fleet.heat_pump_kw > 0.0, fleet.building_kwh_per_kelvin, 1.0)
    remaining = np.exp(-interval_h / time_constant)
    gain = fleet.heat_pump_cop / capacity * time_constant * (1.0 - remaining) / interval_h
    return remaining, gain


def ranges(
    fleet: Fleet, state: State, exogenous: Exogenous, *, interval: int, interval_h: float
) -> Ranges:
    """Return what every device can and must do in `interval` of `exogenous`."""
    return Ranges(
        *able(
            (
                state.battery_kwh,
                fleet.battery_kwh,
                fleet.battery_kw,
                fleet.battery_charge_efficiency,
                fleet.battery_discharge_efficiency,
            ),
            (
                state.vehicle_missing_kwh,
                fleet.vehicle_kw,
                fleet.vehicle_efficiency,
                exogenous.vehicle_departure[interval],
            ),
            (
                state.indoor_celsius,
                fleet.comfort_target_celsius,
                fleet.comfort_min_celsius,
                fleet.comfort_max_celsius,
                fleet.heat_pump_kw,
                exogenous.heat_pump_reference_kw[interval],
                *heat_response(fleet, interval_h),
            ),
            interval,
            interval_h,
        )
    )


def plug_in(state: State, exogenous: Exogenous) -> State:
    """Return `state` with the requests of the vehicles that arrive at its interval."""
    arriving = exogenous.vehicle_arrival_kwh[state.interval]
    missing = np.where(arriving > 0.0, arriving, state.vehicle_missing_kwh)
    return State(
        interval=state.interval,
        battery_kwh=state.battery_kwh,
        vehicle_missing_kwh=missing,
        indoor_celsius=state.indoor_celsius,
    )


def advance(
    fleet: Fleet, state: State, exogenous: Exogenous, dispatch: Dispatch, *, interval_h: float
) -> State:
    """Return the state at the end of the interval in which `dispatch` was carried out.

    Rounding errors of the order of 1e-12 kWh are clipped; anything larger shows in the tests.
    """
    battery, missing, indoor = moved(
        (
            state.battery_kwh,
            fleet.battery_kwh,
            fleet.battery_charge_efficiency,
            fleet.battery_discharge_efficiency,
            dispatch.battery_kw,
        ),
        (state.vehicle_missing_kwh, fleet.vehicle_efficiency, dispatch.vehicle_kw),
        (
            state.indoor_celsius,
            fleet.comfort_target_celsius,
            fleet.heat_pump_kw,
            exogenous.heat_pump_reference_kw[state.interval],
            *heat_response(fleet, interval_h),
            dispatch.heat_pump_kw,
        ),
        interval_h,
    )
    return State(
        interval=state.interval + 1,
        battery_kwh=battery,
        vehicle_missing_kwh=missing,
        indoor_celsius=indoor,
    )


def initial_state(fleet: Fleet) -> State:
    """Return the state before the first interval: nothing plugged in, rooms at target."""
    return State(
        interval=0,
        battery_kwh=fleet.battery_start_kwh.copy(),
        vehicle_missing_kwh=np.zeros_like(fleet.battery_start_kwh),
        indoor_celsius=fleet.comfort_target_celsius.copy(),
    )
