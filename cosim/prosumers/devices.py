"""Physics of the devices: what each can do in an interval, and where it stands afterwards.

Energies of an interval are at the meter in kWh; `interval_h` is its length. All arrays (B, N).
"""

from dataclasses import dataclass

import numpy as np

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


def heat_response(fleet: Fleet, interval_h: float) -> tuple[Floats, Floats]:
    """Return (share of a temperature difference that remains, kelvin per electric kWh).

    Exact step response of the one-capacity building model written as distance from the
    reference: ``C d(T - T*)/dt = COP (P - P*) - (C / tau) (T - T*)``.
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
    power_kwh = fleet.battery_kw * interval_h
    headroom = np.maximum(fleet.battery_kwh - state.battery_kwh, 0.0)
    charge = np.minimum(power_kwh, headroom / fleet.battery_charge_efficiency)
    discharge = np.minimum(power_kwh, state.battery_kwh * fleet.battery_discharge_efficiency)

    departure = exogenous.vehicle_departure[interval]
    plugged = departure >= 0
    vehicle_kwh = fleet.vehicle_kw * interval_h
    missing = np.where(plugged, state.vehicle_missing_kwh / fleet.vehicle_efficiency, 0.0)
    later = np.maximum(departure - interval - 1, 0) * vehicle_kwh
    vehicle_may = np.minimum(vehicle_kwh, missing)
    vehicle_must = np.clip(missing - later, 0.0, vehicle_may)

    remaining, gain = heat_response(fleet, interval_h)
    reference = exogenous.heat_pump_reference_kw[interval] * interval_h
    drifted = fleet.comfort_target_celsius + remaining * (
        state.indoor_celsius - fleet.comfort_target_celsius
    )
    most = fleet.heat_pump_kw * interval_h
    heat_must = np.clip(reference + (fleet.comfort_min_celsius - drifted) / gain, 0.0, most)
    heat_may = np.clip(reference + (fleet.comfort_max_celsius - drifted) / gain, 0.0, most)
    return Ranges(
        battery_charge_kwh=charge,
        battery_discharge_kwh=discharge,
        vehicle_must_kwh=vehicle_must,
        vehicle_may_kwh=vehicle_may,
        heat_must_kwh=heat_must,
        heat_may_kwh=np.maximum(heat_may, heat_must),
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
    interval = state.interval
    charged = np.maximum(dispatch.battery_kw, 0.0) * interval_h
    discharged = np.maximum(-dispatch.battery_kw, 0.0) * interval_h
    battery = (
        state.battery_kwh
        + charged * fleet.battery_charge_efficiency
        - discharged / fleet.battery_discharge_efficiency
    )
    missing = state.vehicle_missing_kwh - (
        dispatch.vehicle_kw * interval_h * fleet.vehicle_efficiency
    )
    remaining, gain = heat_response(fleet, interval_h)
    surplus_heat = (dispatch.heat_pump_kw - exogenous.heat_pump_reference_kw[interval]) * interval_h
    indoor = (
        fleet.comfort_target_celsius
        + remaining * (state.indoor_celsius - fleet.comfort_target_celsius)
        + gain * surplus_heat
    )
    return State(
        interval=interval + 1,
        battery_kwh=np.clip(battery, 0.0, fleet.battery_kwh),
        vehicle_missing_kwh=np.where(missing < 1e-9, 0.0, missing),
        indoor_celsius=np.where(fleet.heat_pump_kw > 0.0, indoor, fleet.comfort_target_celsius),
    )


def initial_state(fleet: Fleet) -> State:
    """Return the state before the first interval: nothing plugged in, rooms at target."""
    return State(
        interval=0,
        battery_kwh=fleet.battery_start_kwh.copy(),
        vehicle_missing_kwh=np.zeros_like(fleet.battery_start_kwh),
        indoor_celsius=fleet.comfort_target_celsius.copy(),
    )
