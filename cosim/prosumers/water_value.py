"""What a stored kWh is worth: dynamic programme over the day and the look-ahead behind it.

Backward recursion on G levels of a store that faces the announced price pair alone:
``J_t(x) = min_a  buy max(net + a, 0) - sell max(-(net + a), 0) + J_{t+1}(x')``, with `net` the rest
of the home's forecast. The stage cost and J are convex and piecewise linear, so the minimum lies
at a level of the table or at a kink of the stage cost; only those are tried.
"""

import numpy as np

from cosim.means import mean_of
from cosim.prosumers.devices import heat_response
from cosim.prosumers.water_value_kernel import Store, recursion
from cosim.records import Exogenous, Fleet, Floats, Plan, Signal

LEVELS = 25
"""Levels of a cost-to-go table."""


def plan_day(
    fleet: Fleet,
    forecast: Exogenous,
    signal: Signal,
    *,
    span: tuple[int, int, int],
    interval_h: float,
) -> Plan:
    """Return what storage is worth in each interval of a day.

    `span` is (first interval of the day, its length, intervals to look ahead). Behind the day's
    end the announced prices are assumed to repeat; what is stored at the very end is worth the
    mean feed-in quote.
    """
    first_interval, day_length, lookahead = span
    end = min(first_interval + day_length + lookahead, forecast.load_kw.shape[0])
    window = slice(first_interval, end)
    length = end - first_interval
    repeat = np.arange(length) % day_length
    buy = np.ascontiguousarray(signal.buy_eur_per_kwh[repeat])
    sell = np.ascontiguousarray(signal.sell_eur_per_kwh[repeat])
    load = forecast.load_kw[window] - forecast.pv_kw[window]
    reference = forecast.heat_pump_reference_kw[window]
    net = (load + reference) * interval_h
    salvage = mean_of(sell)[:, None]

    power_kwh = fleet.battery_kw * interval_h
    battery = cost_to_go(
        Store(
            full=fleet.battery_kwh,
            remaining=np.ones_like(fleet.battery_kwh),
            drift=np.zeros((1, 1, 1)),
            gain=fleet.battery_charge_efficiency,
            give=fleet.battery_discharge_efficiency,
            charge_kwh=power_kwh,
            discharge_kwh=power_kwh,
            salvage_eur=salvage * fleet.battery_discharge_efficiency,
        ),
        net,
        buy,
        sell,
        day_length,
    )
    heat = cost_to_go(
        _room(fleet, reference * interval_h, salvage, interval_h),
        load * interval_h,
        buy,
        sell,
        day_length,
    )
    return Plan(
        first_interval=first_interval,
        battery_eur=battery,
        heat_eur=heat,
        surplus_kwh=np.maximum(-net, 0.0),
        buy_eur_per_kwh=buy,
        sell_eur_per_kwh=sell,
    )


def _room(fleet: Fleet, reference_kwh: Floats, salvage: Floats, interval_h: float) -> Store:
    """Return the rooms as stores, in kelvin above the comfort floor, drained by their reference."""
    remaining, gain = heat_response(fleet, interval_h)
    band = fleet.comfort_max_celsius - fleet.comfort_min_celsius
    rest = (1.0 - remaining) * (fleet.comfort_target_celsius - fleet.comfort_min_celsius)
    return Store(
        full=np.where(fleet.heat_pump_kw > 0.0, band, 0.0),
        remaining=remaining,
        drift=rest[None] - gain[None] * reference_kwh,
        gain=gain,
        give=np.ones_like(gain),
        charge_kwh=fleet.heat_pump_kw * interval_h,
        discharge_kwh=np.zeros_like(gain),
        salvage_eur=salvage / gain,
    )


def cost_to_go(
    store: Store,
    net_kwh: Floats,
    buy_eur_per_kwh: Floats,
    sell_eur_per_kwh: Floats,
    day_length: int,
) -> Floats:
    """Return J (day_length + 1, B, N, LEVELS) of `store` in homes that draw `net_kwh` (T, B, N).

    Prices are (T, B), T at least the length of the day. Stores of no size get zeros.
    """
    shape = net_kwh.shape
    out = np.zeros((day_length + 1, shape[1], shape[2], LEVELS))
    whole = store._replace(
        drift=np.ascontiguousarray(np.broadcast_to(store.drift, shape)),
        salvage_eur=np.ascontiguousarray(np.broadcast_to(store.salvage_eur, shape[1:])),
    )
    recursion(whole, np.ascontiguousarray(net_kwh), buy_eur_per_kwh, sell_eur_per_kwh, out)
    return out
