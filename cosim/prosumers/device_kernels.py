"""The compiled parts of the device physics: one pass over all homes each."""

# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call"
# numba functions have no types.

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def cut(value, low, high):
    """Return `value` within [low, high], as `numpy.clip` does."""
    if value <= low:
        value = low
    if value >= high:
        value = high
    return value


@njit(cache=True, error_model="numpy")
def able(battery, vehicle, heat, interval, interval_h):
    """Return the six columns of `Ranges`, (6, B, N), kWh.

    Args:
        battery: stored, capacity, power, charging and discharging efficiency, each (B, N).
        vehicle: missing, power, efficiency, departure, each (B, N).
        heat: indoor, target, lowest and highest temperature, largest power, reference power,
            share of a difference that remains, kelvin per kWh, each (B, N).
        interval: position in the run.
        interval_h: its length.
    """
    stored, capacity, battery_kw, charge_efficiency, discharge_efficiency = battery
    missing_kwh, vehicle_kw, vehicle_efficiency, departure = vehicle
    indoor, target, lowest, highest, heat_pump_kw, reference_kw, remaining, gain = heat
    environments, prosumers = stored.shape
    out = np.empty((6, environments, prosumers))
    for b in range(environments):
        for n in range(prosumers):
            power = battery_kw[b, n] * interval_h
            headroom = max(capacity[b, n] - stored[b, n], 0.0)
            out[0, b, n] = min(power, headroom / charge_efficiency[b, n])
            out[1, b, n] = min(power, stored[b, n] * discharge_efficiency[b, n])

            power = vehicle_kw[b, n] * interval_h
            missing = 0.0
            if departure[b, n] >= 0:
                missing = missing_kwh[b, n] / vehicle_efficiency[b, n]
            later = max(departure[b, n] - interval - 1, 0) * power
            may = min(power, missing)
            out[2, b, n] = cut(missing - later, 0.0, may)
            out[3, b, n] = may

            most = heat_pump_kw[b, n] * interval_h
            reference = reference_kw[b, n] * interval_h
            drifted = target[b, n] + remaining[b, n] * (indoor[b, n] - target[b, n])
            must = cut(reference + (lowest[b, n] - drifted) / gain[b, n], 0.0, most)
            may = cut(reference + (highest[b, n] - drifted) / gain[b, n], 0.0, most)
            out[4, b, n] = must
            out[5, b, n] = max(may, must)
    return out


@njit(cache=True, error_model="numpy")
def moved(battery, vehicle, heat, interval_h):
    """Return energy stored, missing in vehicles and indoor temperature afterwards, (3, B, N).

    Args:
        battery: stored, capacity, charging and discharging efficiency, set-point, each (B, N).
        vehicle: missing, efficiency, set-point, each (B, N).
        heat: indoor, target, largest power, reference power, share of a difference that remains,
            kelvin per kWh, set-point, each (B, N).
        interval_h: length of the interval.
    """
    stored, capacity, charge_efficiency, discharge_efficiency, battery_kw = battery
    missing_kwh, vehicle_efficiency, vehicle_kw = vehicle
    indoor, target, largest_kw, reference_kw, remaining, gain, heat_pump_kw = heat
    environments, prosumers = stored.shape
    out = np.empty((3, environments, prosumers))
    for b in range(environments):
        for n in range(prosumers):
            charged = max(battery_kw[b, n], 0.0) * interval_h
            discharged = max(-battery_kw[b, n], 0.0) * interval_h
            level = (
                stored[b, n]
                + charged * charge_efficiency[b, n]
                - discharged / discharge_efficiency[b, n]
            )
            out[0, b, n] = cut(level, 0.0, capacity[b, n])
            missing = missing_kwh[b, n] - vehicle_kw[b, n] * interval_h * vehicle_efficiency[b, n]
            out[1, b, n] = 0.0 if missing < 1e-9 else missing
            out[2, b, n] = target[b, n]
            if largest_kw[b, n] > 0.0:
                surplus = (heat_pump_kw[b, n] - reference_kw[b, n]) * interval_h
                out[2, b, n] = (
                    target[b, n]
                    + remaining[b, n] * (indoor[b, n] - target[b, n])
                    + gain[b, n] * surplus
                )
    return out


@njit(cache=True, error_model="numpy")
def points(minimum_kwh, step_eur_per_kwh, step_kwh, net_kwh, firm, slots, interval_h):  # noqa: PLR0913
    """Return battery, vehicle, heat pump, solar, curtailed and net power, (6, B, N), kW.

    Args:
        minimum_kwh: least of every curve, (B, N).
        step_eur_per_kwh: prices of its steps, (B, N, S).
        step_kwh: energies of its steps, (B, N, S).
        net_kwh: what the meters have to show, (B, N).
        firm: charging and heating that must be, kWh, and available solar power, kW, each (B, N).
        slots: positions of the steps in the order of `Step`.
        interval_h: length of the interval.
    """
    vehicle_must, heat_must, pv_kw = firm
    hold, charge, vehicle, heat_pump, curtail, spare = slots
    environments, prosumers, steps = step_kwh.shape
    taken = np.empty(steps)
    order = np.empty(steps, np.int64)
    out = np.empty((6, environments, prosumers))
    for b in range(environments):
        for n in range(prosumers):
            take(minimum_kwh[b, n], step_eur_per_kwh[b, n], step_kwh[b, n], net_kwh[b, n],
                 order, taken)  # fmt: skip
            kept = step_kwh[b, n, hold] - taken[hold]
            charged = taken[vehicle] + taken[spare]
            out[0, b, n] = (taken[charge] - kept) / interval_h
            out[1, b, n] = (vehicle_must[b, n] + charged) / interval_h
            out[2, b, n] = (heat_must[b, n] + taken[heat_pump]) / interval_h
            out[3, b, n] = (pv_kw[b, n] * interval_h - taken[curtail]) / interval_h
            out[4, b, n] = taken[curtail] / interval_h
            out[5, b, n] = net_kwh[b, n] / interval_h
    return out


@njit(cache=True, error_model="numpy")
def take(minimum, price, energy, net, order, taken):
    """Fill `taken` (S,) with how much of each step is taken, dearest first, so that `net` is met.

    `order` (S,) is working space.
    """
    for s in range(len(energy)):  # insertion sort, dearest first
        position = s
        while position > 0 and price[order[position - 1]] < price[s]:
            order[position] = order[position - 1]
            position -= 1
        order[position] = s
    left = net - minimum
    for s in order:
        taken[s] = min(max(left, 0.0), energy[s])
        left -= taken[s]
