"""What a stored kWh is worth: dynamic programme over the day and the look-ahead behind it.

Backward recursion on G levels of a store that faces the announced price pair alone:
``J_t(x) = min_a  buy max(net + a, 0) - sell max(-(net + a), 0) + J_{t+1}(x')``, with `net` the rest
of the home's forecast. The stage cost and J are convex and piecewise linear, so the minimum lies
at a level of the table or at a kink of the stage cost; only those are tried.
"""

import numpy as np
from numba import njit

from cosim.prosumers.devices import heat_response
from cosim.records import Exogenous, Fleet, Floats, Plan, Signal

LEVELS = 25
"""Levels of a cost-to-go table."""


def plan_day(
    fleet: Fleet,
    forecast: Exogenous,
    signal: Signal,
    *,
    first_interval: int,
    day_length: int,
    lookahead: int,
    interval_h: float,
) -> Plan:
    """Return what storage is worth in each interval of the day that starts at `first_interval`.

    Behind the day's end the announced prices are assumed to repeat for `lookahead` intervals;
    what is stored at the very end is worth the mean feed-in quote.
    """
    end = min(first_interval + day_length + lookahead, forecast.load_kw.shape[0])
    window = slice(first_interval, end)
    length = end - first_interval
    repeat = np.arange(length) % day_length
    buy = np.ascontiguousarray(signal.buy_eur_per_kwh[repeat])
    sell = np.ascontiguousarray(signal.sell_eur_per_kwh[repeat])
    load = forecast.load_kw[window] - forecast.pv_kw[window]
    reference = forecast.heat_pump_reference_kw[window]
    net = (load + reference) * interval_h
    salvage = sell.mean(axis=0)[:, None]

    battery = cost_to_go(
        fleet.battery_kwh,
        np.ones_like(fleet.battery_kwh),
        np.zeros((1, 1, 1)),
        fleet.battery_charge_efficiency,
        fleet.battery_discharge_efficiency,
        fleet.battery_kw * interval_h,
        fleet.battery_kw * interval_h,
        net,
        buy,
        sell,
        salvage * fleet.battery_discharge_efficiency,
        day_length,
    )
    # The room is a store of electric energy above the comfort floor, drained by its reference.
    remaining, gain = heat_response(fleet, interval_h)
    band = np.where(
        fleet.heat_pump_kw > 0.0, fleet.comfort_max_celsius - fleet.comfort_min_celsius, 0.0
    )
    rest = (1.0 - remaining) * (fleet.comfort_target_celsius - fleet.comfort_min_celsius)
    heat = cost_to_go(
        band,
        remaining,
        rest[None] - gain[None] * reference * interval_h,
        gain,
        np.ones_like(gain),
        fleet.heat_pump_kw * interval_h,
        np.zeros_like(gain),
        load * interval_h,
        buy,
        sell,
        salvage / gain,
        day_length,
    )
    surplus = net < 0.0
    energy = np.where(surplus, sell[:, :, None], buy[:, :, None])
    return Plan(
        first_interval=first_interval, battery_eur=battery, heat_eur=heat, energy_eur_per_kwh=energy
    )


def cost_to_go(  # noqa: PLR0913 # one entry per term of the recursion
    full: Floats,
    remaining: Floats,
    drift: Floats,
    charge_gain: Floats,
    discharge_efficiency: Floats,
    charge_kwh: Floats,
    discharge_kwh: Floats,
    net_kwh: Floats,
    buy_eur_per_kwh: Floats,
    sell_eur_per_kwh: Floats,
    salvage_eur: Floats,
    day_length: int,
) -> Floats:
    """Return J (day_length + 1, B, N, LEVELS) of stores `x' = remaining x + drift + gain a`.

    `full`, `remaining`, gains, powers and salvage are (B, N); `drift` and `net_kwh` (T, B, N) or
    broadcastable; prices (T, B). Stores with ``full == 0`` get zeros.
    """
    shape = net_kwh.shape
    out = np.zeros((day_length + 1, shape[1], shape[2], LEVELS))
    _recursion(
        full,
        remaining,
        np.broadcast_to(drift, shape),
        charge_gain,
        discharge_efficiency,
        charge_kwh,
        discharge_kwh,
        np.ascontiguousarray(net_kwh),
        buy_eur_per_kwh,
        sell_eur_per_kwh,
        np.broadcast_to(salvage_eur, full.shape),
        out,
    )
    return out


@njit(cache=True)  # type: ignore[untyped-decorator] # numba has no types
def _recursion(  # type: ignore[no-untyped-def] # noqa: PLR0913, PLR0915
    full,
    remaining,
    drift,
    charge_gain,
    discharge_efficiency,
    charge_kwh,
    discharge_kwh,
    net_kwh,
    buy,
    sell,
    salvage,
    out,
):
    length, environments, prosumers = net_kwh.shape
    levels = out.shape[3]
    kept = out.shape[0]
    following = np.empty(levels)
    current = np.empty(levels)
    for b in range(environments):
        for n in range(prosumers):
            if full[b, n] <= 0.0:
                continue
            width = full[b, n] / (levels - 1)
            gain = charge_gain[b, n]
            give = discharge_efficiency[b, n]
            for g in range(levels):
                following[g] = -salvage[b, n] * g * width
            if length < kept:
                out[length, b, n, :] = following
            for t in range(length - 1, -1, -1):
                net = net_kwh[t, b, n]
                for g in range(levels):
                    start = remaining[b, n] * g * width + drift[t, b, n]
                    lowest = max(start - discharge_kwh[b, n] / give, 0.0)
                    highest = min(start + charge_kwh[b, n] * gain, full[b, n])
                    lowest = min(lowest, full[b, n])
                    highest = max(highest, lowest)
                    if net < 0.0:
                        kink = start - net * gain
                    else:
                        kink = start - net / give
                    first = int(np.ceil(lowest / width))
                    last = int(highest / width)
                    best = np.inf
                    for candidate in range(first - 4, last + 1):
                        if candidate >= first:
                            level = candidate * width
                        elif candidate == first - 4:
                            level = lowest
                        elif candidate == first - 3:
                            level = highest
                        elif candidate == first - 2:
                            level = min(max(start, lowest), highest)
                        else:
                            level = min(max(kink, lowest), highest)
                        move = level - start
                        energy = move / gain if move > 0.0 else move * give
                        meter = net + energy
                        cost = meter * buy[t, b] if meter > 0.0 else meter * sell[t, b]
                        position = level / width
                        cell = min(int(position), levels - 2)
                        share = position - cell
                        cost += following[cell] + share * (following[cell + 1] - following[cell])
                        best = min(best, cost)
                    current[g] = best
                for g in range(levels):
                    following[g] = current[g]
                if t < kept:
                    out[t, b, n, :] = current
