"""What followers see, formula by formula with whole arrays, and nothing kept."""

import numpy as np

from cosim.envs.follower_encoding import FIELDS, OBSERVATIONS, WINDOWS_H, Singles
from cosim.means import mean_of
from cosim.prosumers.devices import plug_in, ranges
from cosim.prosumers.orders import battery_prices, heat_price, vehicle_values
from cosim.records import Exogenous, Floats
from cosim.views import FollowerView

_AHEAD = tuple(f"{low:g}_to_{high:g}_h" for low, high in WINDOWS_H)


def plainly_seen(view: FollowerView) -> Singles:
    """Return what every follower sees, (B, N, OBSERVATIONS), a field after the other."""
    fleet, now = view.fleet, view.state.interval
    state = plug_in(view.state, view.now)
    homes = np.maximum(fleet.homes, 1e-9)
    fields = {
        **_time(view),
        "homes": np.log(homes) / 4.0,
        "stored_share": _share(state.battery_kwh, fleet.battery_kwh),
        "battery_kwh": fleet.battery_kwh / homes / 10.0,
        "battery_kw": fleet.battery_kw / homes / 5.0,
        "charge_efficiency": (fleet.battery_charge_efficiency - 0.94) * 20.0,
        "discharge_efficiency": (fleet.battery_discharge_efficiency - 0.94) * 20.0,
        "pv_kwp": fleet.pv_kwp / homes / 8.0,
        "load": view.now.load_kw[now] / homes / 3.0,
        "solar": view.now.pv_kw[now] / homes / 5.0,
        "vehicle_kw": fleet.vehicle_kw / homes / 11.0,
        "vehicle_missing": state.vehicle_missing_kwh / homes / 20.0,
        "vehicle_left": np.maximum(view.now.vehicle_departure[now] - now, 0)
        * view.interval_h
        / 12.0,
        "heat_pump_kw": fleet.heat_pump_kw / homes / 4.0,
        "warmth": _share(
            state.indoor_celsius - fleet.comfort_target_celsius,
            0.5 * (fleet.comfort_max_celsius - fleet.comfort_min_celsius),
        ),
        "heat_reference": view.now.heat_pump_reference_kw[now] / homes / 2.0,
        **_net_ahead(view, homes),
        **_prices(view),
        **_values(view),
        "network_price": np.clip(
            view.network_eur_per_kwh / (view.retail_eur_per_kwh - view.feed_in_eur_per_kwh),
            -2.0,
            2.0,
        ),
        "headroom_up": np.clip(view.headroom_pu[:, :, 0] / 0.05, -2.0, 2.0),
        "headroom_down": np.clip(view.headroom_pu[:, :, 1] / 0.05, -2.0, 2.0),
        "refused": _refused(view) / homes / 2.0,
    }
    out = np.empty((*fleet.bus.shape, OBSERVATIONS), np.float32)
    for position, name in enumerate(FIELDS):
        out[:, :, position] = fields[name]
    return np.clip(out, -10.0, 10.0, out=out)


def _share(amount: Floats, whole: Floats) -> Floats:
    return np.divide(amount, whole, out=np.zeros_like(amount), where=whole > 0.0)


def _time(view: FollowerView) -> dict[str, float]:
    angle = 2.0 * np.pi * view.local_hour[view.row] / 24.0
    return {
        "hour_sin": float(np.sin(angle)),
        "hour_cos": float(np.cos(angle)),
        "day_left": 1.0 - view.row / view.day.length,
    }


def _windows(view: FollowerView) -> list[slice]:
    """Return the rows, counted from now, of every window."""
    per_hour = round(1.0 / view.interval_h)
    return [slice(int(low * per_hour), int(high * per_hour)) for low, high in WINDOWS_H]


def _ahead(values: Floats, view: FollowerView) -> list[Floats]:
    """Return the means of `values` (rows from now on, ...) over the windows, where any is left."""
    means = []
    for window in _windows(view):
        rows = values[window]
        means.append(mean_of(rows) if len(rows) else values[-1])
    return means


def _net_ahead(view: FollowerView, homes: Floats) -> dict[str, Floats]:
    now, total = view.state.interval, _net_so_far(view.forecast)
    out = {}
    for name, window in zip(_AHEAD, _windows(view), strict=True):
        end = min(now + window.stop, len(total) - 1)
        start = min(now + window.start, end - 1)
        out[f"net_{name}"] = (total[end] - total[start]) / ((end - start) * 3.0 * homes)
    return out


def _net_so_far(forecast: Exogenous) -> Floats:
    net = forecast.load_kw + forecast.heat_pump_reference_kw - forecast.pv_kw
    return np.concatenate([np.zeros((1, *net.shape[1:])), np.cumsum(net, axis=0)])


def _prices(view: FollowerView) -> dict[str, Floats]:
    """Return prices and the shortage, each (B, 1)."""
    row, day = view.row, view.day
    low, span = view.feed_in_eur_per_kwh, view.retail_eur_per_kwh - view.feed_in_eur_per_kwh
    buy = (day.signal.buy_eur_per_kwh[row:] - low) / span
    sell = (day.signal.sell_eur_per_kwh[row:] - low) / span
    middle = 0.5 * (buy + sell)
    price, trades, shortage = _expected(view, middle)
    out = {
        "buy": buy[0],
        "sell": sell[0],
        "expected_price": price[0],
        "expected_trade": trades[0],
        "shortage": shortage[0],
        "surprise": _surprise(view) / span,
    }
    for stem, values, now in (
        ("middle", middle, middle[0]),
        ("price", price, price[0]),
        ("shortage", shortage, 0.0),
    ):
        for name, mean in zip(_AHEAD, _ahead(values, view), strict=True):
            out[f"{stem}_{name}"] = mean - now
    return {name: values[:, None] for name, values in out.items()}


def _expected(view: FollowerView, middle: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the expected local price, whether one is, and the shortage, (rows left, B)."""
    expected = view.day.expected
    if expected is None:
        return middle, np.zeros_like(middle), np.zeros_like(middle)
    row = view.row
    low, span = view.feed_in_eur_per_kwh, view.retail_eur_per_kwh - view.feed_in_eur_per_kwh
    price = (expected.price_eur_per_kwh[row:] - low) / span
    known = ~np.isnan(price)
    bought, sold = expected.bought_kwh[row:], expected.sold_kwh[row:]
    shortage = np.divide(
        bought - sold, bought + sold, out=np.zeros_like(bought), where=bought + sold > 1e-9
    )
    return np.where(known, price, middle), known.astype(np.float64), shortage


def _surprise(view: FollowerView) -> Floats:
    """Return the last local price less the one expected, (B,), EUR/kWh; 0 where one is missing."""
    expected, last = view.day.expected, view.last
    none = np.zeros(view.fleet.bus.shape[0])
    if expected is None or last is None or last.interval < view.day.first_interval:
        return none
    row = last.interval - view.day.first_interval
    return np.asarray(
        np.nan_to_num(last.clearing.price_eur_per_kwh - expected.price_eur_per_kwh[row])
    )


def _values(view: FollowerView) -> dict[str, Floats]:
    """Return what the plan pays and asks, less the price expected now, each (B, N)."""
    fleet, plan, now = view.fleet, view.day.plan, view.state.interval
    span = view.retail_eur_per_kwh - view.feed_in_eur_per_kwh
    state = plug_in(view.state, view.now)
    limits = ranges(fleet, state, view.now, interval=now, interval_h=view.interval_h)
    bid, ask = battery_prices(fleet, state, limits, plan)
    dear, _, spare = vehicle_values(
        fleet, state, limits, view.now, plan=plan, interval_h=view.interval_h
    )
    heat = heat_price(fleet, state, limits, view.now, plan=plan, interval_h=view.interval_h)
    signal = view.day.signal
    middle = 0.5 * (signal.buy_eur_per_kwh[view.row :] + signal.sell_eur_per_kwh[view.row :])
    low = view.feed_in_eur_per_kwh
    price = _expected(view, (middle - low) / span)[0][0][:, None] * span + low
    owned = {
        "battery_bid": (bid, fleet.battery_kwh),
        "battery_ask": (ask, fleet.battery_kwh),
        "vehicle_dear": (dear, state.vehicle_missing_kwh),
        "vehicle_spare": (spare, state.vehicle_missing_kwh),
        "heat_value": (heat, fleet.heat_pump_kw),
    }
    return {
        name: np.where(has > 0.0, np.clip((value - price) / span, -2.0, 2.0), 0.0)
        for name, (value, has) in owned.items()
    }


def _refused(view: FollowerView) -> Floats:
    """Return what the grid refused in the interval before, (B, N), kWh."""
    if view.last is None:
        return np.zeros(view.fleet.bus.shape)
    return np.asarray(view.last.clearing.net_kwh - view.last.validation.net_kwh)
