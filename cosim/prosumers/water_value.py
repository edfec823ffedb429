"""What a stored kWh is worth: dynamic programme over the day and the look-ahead behind it.

Backward recursion on G levels of a store that faces the announced price pair alone:
``J_t(x) = min_a  buy max(net + a, 0) - sell max(-(net + a), 0) + wear |a| + KEEP J_{t+1}(x')``,
with `net` the rest of the home's forecast. The stage cost and J are convex and piecewise linear, so
the minimum lies at a level of the table or at a kink of the stage cost; only those are tried.

A plan has to count the wear that bids ask for. Where it does not, a battery waits for its price
and the wear on top, and who plans with the prices that come out expects more from day to day.
"""

import numpy as np

from cosim.means import mean_of
from cosim.prosumers.devices import heat_response
from cosim.prosumers.water_value_kernel import Store, recursion
from cosim.records import Closing, Exogenous, Fleet, Floats, Outlook, Plan, Signal

LEVELS = 25
"""Levels of a cost-to-go table."""

KEEP = 1.0 - 1e-4
"""Share of what comes later that an interval counts: among equally good ones the next is taken.
Where prices are the same for hours, plans that do not mind waiting would wait until the last."""

NOTHING_KNOWN = Outlook()


def plan_day(  # noqa: PLR0913 # what a plan is made from
    fleet: Fleet,
    forecast: Exogenous,
    signal: Signal,
    *,
    span: tuple[int, int, int],
    interval_h: float,
    wear_eur_per_kwh: float,
    outlook: Outlook = NOTHING_KNOWN,
) -> Plan:
    """Return what storage is worth in each interval of a day.

    `wear_eur_per_kwh` is that of a battery, per kWh at its meter. `span` is (first interval of the
    day, its length, intervals to look ahead). Behind the day's end the prices are assumed to
    repeat; what is stored at the very end is worth the mean feed-in quote. Where the `outlook`
    tells that the run ends within the look-ahead, plans end there too, with what stores then hold
    and owe at its prices. Each device plans around what the outlook says of the own others.
    """
    first_interval, day_length, lookahead = span
    intended, closing = outlook.intended, outlook.closing
    end = min(first_interval + day_length + lookahead, forecast.load_kw.shape[0])
    if closing is not None:
        end = min(end, closing.interval)
    window = slice(first_interval, end)
    length = end - first_interval
    repeat = np.arange(length) % day_length
    buy = np.ascontiguousarray(signal.buy_eur_per_kwh[repeat])
    sell = np.ascontiguousarray(signal.sell_eur_per_kwh[repeat])
    load = forecast.load_kw[window] - forecast.pv_kw[window]
    reference = forecast.heat_pump_reference_kw[window]
    heating, charging = reference, np.zeros((1, 1, 1))
    if intended is not None:
        heating = reference.copy()
        heating[:day_length] = intended.heat_pump_kw
        charging = np.zeros_like(reference)
        charging[:day_length] = intended.vehicle_kw
    surplus = np.maximum(-(load + heating) * interval_h, 0.0)
    net = (load + heating + charging) * interval_h
    closed = closing is not None and end == closing.interval
    ending = closing if closed else None

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
            wear_eur_per_kwh=wear_eur_per_kwh,
            keep=KEEP,
            final_eur=_battery_at_end(fleet, sell, ending),
        ),
        net,
        buy,
        sell,
        day_length,
    )
    heat = cost_to_go(
        _room(
            fleet, reference * interval_h, _heat_at_end(fleet, sell, ending, interval_h), interval_h
        ),
        (load + charging) * interval_h,
        buy,
        sell,
        day_length,
    )
    return Plan(
        first_interval=first_interval,
        battery_eur=battery,
        heat_eur=heat,
        surplus_kwh=surplus,
        buy_eur_per_kwh=buy,
        sell_eur_per_kwh=sell,
        missing_eur_per_kwh=0.0 if ending is None else ending.retail_eur_per_kwh,
    )


def _battery_at_end(fleet: Fleet, sell: Floats, closing: Closing | None) -> Floats:
    """Return what it costs to end with a battery at each level, (B, N, G)."""
    price = mean_of(sell)[:, None] if closing is None else closing.feed_in_eur_per_kwh
    levels = np.linspace(0.0, 1.0, LEVELS)
    worth = price * fleet.battery_discharge_efficiency * fleet.battery_kwh
    return np.asarray(-worth[:, :, None] * levels)


def _heat_at_end(fleet: Fleet, sell: Floats, closing: Closing | None, interval_h: float) -> Floats:
    """Return what it costs to end with a room at each level of its comfort band, (B, N, G)."""
    band = fleet.comfort_max_celsius - fleet.comfort_min_celsius
    levels = np.linspace(0.0, 1.0, LEVELS) * band[:, :, None]
    if closing is None:
        _, gain = heat_response(fleet, interval_h)
        return np.asarray(-(mean_of(sell)[:, None] / gain)[:, :, None] * levels)
    target = (fleet.comfort_target_celsius - fleet.comfort_min_celsius)[:, :, None]
    per_kelvin = (fleet.building_kwh_per_kelvin / np.maximum(fleet.heat_pump_cop, 1e-9))[:, :, None]
    above, below = np.maximum(levels - target, 0.0), np.maximum(target - levels, 0.0)
    cost = below * closing.retail_eur_per_kwh - above * closing.feed_in_eur_per_kwh
    return np.asarray(cost * per_kelvin)


def _room(fleet: Fleet, reference_kwh: Floats, final_eur: Floats, interval_h: float) -> Store:
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
        wear_eur_per_kwh=0.0,
        keep=KEEP,
        final_eur=final_eur,
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
        final_eur=np.ascontiguousarray(np.broadcast_to(store.final_eur, (*shape[1:], LEVELS))),
    )
    recursion(whole, np.ascontiguousarray(net_kwh), buy_eur_per_kwh, sell_eur_per_kwh, out)
    return out
