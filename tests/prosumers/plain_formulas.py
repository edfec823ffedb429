"""Devices, their worth and order curves, formula by formula with whole arrays."""

import numpy as np

from cosim.prosumers.devices import Ranges, heat_response
from cosim.prosumers.orders import PREFER_OWN_EUR_PER_KWH, Worth
from cosim.records import (
    STEP_COUNT,
    Exogenous,
    Fleet,
    Floats,
    FollowerAction,
    Orders,
    Plan,
    State,
    Step,
)
from cosim.results import Dispatch

HOURS = 0.25


def plain_ranges(fleet: Fleet, state: State, exogenous: Exogenous) -> Ranges:
    """Return what devices can and must do."""
    interval = state.interval
    power = fleet.battery_kw * HOURS
    headroom = np.maximum(fleet.battery_kwh - state.battery_kwh, 0.0)
    departure = exogenous.vehicle_departure[interval]
    missing = np.where(departure >= 0, state.vehicle_missing_kwh / fleet.vehicle_efficiency, 0.0)
    later = np.maximum(departure - interval - 1, 0) * (fleet.vehicle_kw * HOURS)
    may = np.minimum(fleet.vehicle_kw * HOURS, missing)
    remaining, gain = heat_response(fleet, HOURS)
    reference = exogenous.heat_pump_reference_kw[interval] * HOURS
    target, most = fleet.comfort_target_celsius, fleet.heat_pump_kw * HOURS
    drifted = target + remaining * (state.indoor_celsius - target)
    must_heat = np.clip(reference + (fleet.comfort_min_celsius - drifted) / gain, 0.0, most)
    may_heat = np.clip(reference + (fleet.comfort_max_celsius - drifted) / gain, 0.0, most)
    return Ranges(
        battery_charge_kwh=np.minimum(power, headroom / fleet.battery_charge_efficiency),
        battery_discharge_kwh=np.minimum(
            power, state.battery_kwh * fleet.battery_discharge_efficiency
        ),
        vehicle_must_kwh=np.clip(missing - later, 0.0, may),
        vehicle_may_kwh=may,
        heat_must_kwh=must_heat,
        heat_may_kwh=np.maximum(may_heat, must_heat),
    )


def plain_value_at(table: Floats, level: Floats, full: Floats) -> Floats:
    """Return a table's values between its levels, by straight lines."""
    cells = table.shape[2] - 1
    position = np.divide(level * cells, full, out=np.zeros_like(level), where=full > 0.0)
    position = np.clip(position, 0.0, cells)
    lower = np.minimum(position.astype(np.int64), cells - 1)
    below = np.take_along_axis(table, lower[:, :, None], axis=2)[:, :, 0]
    above = np.take_along_axis(table, lower[:, :, None] + 1, axis=2)[:, :, 0]
    return np.asarray(below + (position - lower) * (above - below))


def plain_worth(
    fleet: Fleet, state: State, limits: Ranges, exogenous: Exogenous, plan: Plan
) -> Worth:
    """Return what moves are worth by the plan."""
    row = state.interval - plan.first_interval + 1
    table, stored, full = plan.battery_eur[row], state.battery_kwh, fleet.battery_kwh
    up = limits.battery_charge_kwh * fleet.battery_charge_efficiency
    down = limits.battery_discharge_kwh / fleet.battery_discharge_efficiency
    here = plain_value_at(table, stored, full)
    gained = here - plain_value_at(table, stored + up, full)
    lost = plain_value_at(table, stored - down, full) - here
    bid = np.divide(gained, up, out=np.zeros_like(up), where=up > 1e-9)
    ask = np.divide(lost, down, out=np.zeros_like(down), where=down > 1e-9)

    remaining, gain = heat_response(fleet, HOURS)
    target, floor = fleet.comfort_target_celsius, fleet.comfort_min_celsius
    drifted = target + remaining * (state.indoor_celsius - target)
    reference = exogenous.heat_pump_reference_kw[state.interval] * HOURS
    low, high = (
        plain_value_at(
            plan.heat_eur[row],
            drifted + gain * (energy - reference) - floor,
            fleet.comfort_max_celsius - floor,
        )
        for energy in (limits.heat_must_kwh, limits.heat_may_kwh)
    )
    energy = limits.heat_may_kwh - limits.heat_must_kwh
    vehicles = [
        [
            plain_vehicle_price(
                state.vehicle_missing_kwh[b, n] / fleet.vehicle_efficiency[b, n]
                - limits.vehicle_must_kwh[b, n],
                fleet.vehicle_kw[b, n] * HOURS,
                int(exogenous.vehicle_departure[state.interval, b, n]) - plan.first_interval,
                (b, n, row),
                plan,
            )
            for n in range(fleet.bus.shape[1])
        ]
        for b in range(fleet.bus.shape[0])
    ]
    dear, dear_kwh, spare = np.moveaxis(np.array(vehicles), 2, 0)
    return Worth(
        bid_eur_per_kwh=bid * fleet.battery_charge_efficiency,
        ask_eur_per_kwh=ask / fleet.battery_discharge_efficiency,
        dear_eur_per_kwh=dear,
        dear_kwh=dear_kwh,
        spare_eur_per_kwh=spare,
        heat_eur_per_kwh=np.divide(
            low - high, energy, out=np.zeros_like(energy), where=energy > 1e-9
        ),
    )


def plain_vehicle_price(
    missing: float, power: float, leaves: int, place: tuple[int, int, int], plan: Plan
) -> tuple[float, float, float]:
    """Return (dearest later offer taken, energy it holds for, next cheaper) of one vehicle.

    It leaves in row `leaves` of the plan; `place` is its environment, number and next row.
    """
    b, n, following = place
    rows = plan.surplus_kwh.shape[0]
    stays = plan.missing_eur_per_kwh > 0.0 and leaves > rows
    later = range(following, min(leaves, rows))
    if leaves + plan.first_interval < 0 or missing <= 1e-9 or power <= 0.0:
        return 0.0, 0.0, 0.0
    if not later and not stays:
        return 0.0, 0.0, 0.0
    sun = [min(plan.surplus_kwh[t, b, n], power) for t in later]
    offers = [(plan.sell_eur_per_kwh[t, b], own) for t, own in zip(later, sun, strict=True)]
    offers += [(plan.buy_eur_per_kwh[t, b], power - own) for t, own in zip(later, sun, strict=True)]
    offers += [(plan.missing_eur_per_kwh, missing)] if stays else []
    dear = spare = gathered = cheaper = 0.0
    for price, energy in sorted(offers, key=lambda offer: offer[0]):
        if energy <= 0.0:
            continue
        if price > dear:
            cheaper, spare, dear = gathered, dear, price
        gathered += energy
        if gathered >= missing - 1e-9:
            break
    return dear, max(missing - cheaper, 0.0), spare


def plain_orders(
    fleet: Fleet,
    limits: Ranges,
    worth: Worth,
    action: FollowerAction,
    powers_kw: tuple[Floats, Floats],
    retail: float,
) -> Orders:
    """Return order curves of homes with `powers_kw` of load and sun."""
    load_kwh, pv_kwh = powers_kw[0] * HOURS, powers_kw[1] * HOURS
    offsets, half_spread = action.value_offset_eur_per_kwh, action.half_spread_eur_per_kwh
    battery, vehicle, heat = offsets[:, :, 0], offsets[:, :, 1], offsets[:, :, 2]
    bid = worth.bid_eur_per_kwh + fleet.battery_charge_efficiency * battery - half_spread
    ask = worth.ask_eur_per_kwh + battery / fleet.battery_discharge_efficiency + half_spread
    discharge = np.where(ask <= retail, limits.battery_discharge_kwh, 0.0)
    chargeable = limits.vehicle_may_kwh - limits.vehicle_must_kwh
    dear_kwh = np.minimum(worth.dear_kwh, chargeable)
    steps = {
        Step.BATTERY_HOLD: (np.maximum(ask, bid), discharge),
        Step.BATTERY_CHARGE: (bid, limits.battery_charge_kwh),
        Step.VEHICLE: (worth.dear_eur_per_kwh + vehicle, dear_kwh),
        Step.VEHICLE_SPARE: (
            worth.spare_eur_per_kwh + vehicle + PREFER_OWN_EUR_PER_KWH,
            chargeable - dear_kwh,
        ),
        Step.HEAT_PUMP: (worth.heat_eur_per_kwh + heat, limits.heat_may_kwh - limits.heat_must_kwh),
        Step.PV_CURTAIL: (np.zeros_like(pv_kwh), pv_kwh),
    }
    price, energy = np.empty((2, *pv_kwh.shape, STEP_COUNT))
    for step, (eur_per_kwh, kwh) in steps.items():
        price[:, :, step], energy[:, :, step] = np.minimum(eur_per_kwh, retail), kwh
    firm = load_kwh + limits.vehicle_must_kwh + limits.heat_must_kwh
    return Orders(minimum_kwh=firm - pv_kwh - discharge, step_eur_per_kwh=price, step_kwh=energy)


def plain_dispatch(orders: Orders, limits: Ranges, net_kwh: Floats, pv_kw: Floats) -> Dispatch:
    """Return set-points: steps are taken from the dearest on until the meter shows `net_kwh`."""
    order = np.argsort(-orders.step_eur_per_kwh, axis=2, kind="stable")
    taken = np.zeros_like(orders.step_kwh)
    left = net_kwh - orders.minimum_kwh
    for place in range(order.shape[2]):
        slot = order[:, :, place, None]
        step = np.take_along_axis(orders.step_kwh, slot, axis=2)[:, :, 0]
        amount = np.minimum(np.maximum(left, 0.0), step)
        np.put_along_axis(taken, slot, amount[:, :, None], axis=2)
        left = left - amount
    kept = orders.step_kwh[:, :, Step.BATTERY_HOLD] - taken[:, :, Step.BATTERY_HOLD]
    vehicle = taken[:, :, Step.VEHICLE] + taken[:, :, Step.VEHICLE_SPARE]
    curtailed = taken[:, :, Step.PV_CURTAIL]
    return Dispatch(
        battery_kw=(taken[:, :, Step.BATTERY_CHARGE] - kept) / HOURS,
        vehicle_kw=(limits.vehicle_must_kwh + vehicle) / HOURS,
        heat_pump_kw=(limits.heat_must_kwh + taken[:, :, Step.HEAT_PUMP]) / HOURS,
        pv_kw=(pv_kw * HOURS - curtailed) / HOURS,
        curtailed_kw=curtailed / HOURS,
        net_kw=net_kwh / HOURS,
    )


def plain_advance(fleet: Fleet, state: State, exogenous: Exogenous, done: Dispatch) -> State:
    """Return the state at the end of the interval."""
    battery = (
        state.battery_kwh
        + np.maximum(done.battery_kw, 0.0) * HOURS * fleet.battery_charge_efficiency
        - np.maximum(-done.battery_kw, 0.0) * HOURS / fleet.battery_discharge_efficiency
    )
    missing = state.vehicle_missing_kwh - done.vehicle_kw * HOURS * fleet.vehicle_efficiency
    remaining, gain = heat_response(fleet, HOURS)
    surplus = (done.heat_pump_kw - exogenous.heat_pump_reference_kw[state.interval]) * HOURS
    target = fleet.comfort_target_celsius
    indoor = target + remaining * (state.indoor_celsius - target) + gain * surplus
    return State(
        interval=state.interval + 1,
        battery_kwh=np.clip(battery, 0.0, fleet.battery_kwh),
        vehicle_missing_kwh=np.where(missing < 1e-9, 0.0, missing),
        indoor_celsius=np.where(fleet.heat_pump_kw > 0.0, indoor, target),
    )
