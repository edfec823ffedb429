"""What a follower sees and does, as rows of numbers that any number of prosumers share.

Prosumers differ by what they own, never by a name, so that one policy plays any of them on any
feeder. Sizes are per home and prices are shares of the way from the feed-in to the retail price,
which keeps most numbers between -1 and 1 without statistics that drift.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cosim.means import mean_of
from cosim.prosumers.devices import plug_in, ranges
from cosim.prosumers.orders import battery_prices, heat_price, vehicle_values
from cosim.records import Booleans, Exogenous, Fleet, Floats, FollowerAction
from cosim.views import FollowerView

Singles = NDArray[np.float32]

WINDOWS_H: Final = ((0.0, 1.0), (1.0, 3.0), (3.0, 6.0), (6.0, 12.0))
"""Hours ahead over which what is to come is averaged."""

OFFSET_SHARE = 0.10
"""Largest distance from the plan's value, as a share of retail less feed-in price."""

ACTIONS: Final = ("battery_value", "vehicle_value", "heat_value", "half_spread")
"""Each in [-1, 1]: three offsets from the plan's values, and the half-spread, doubled at 1."""

LAYOUT = 1
"""Number of this layout; policies trained on another are refused."""

_AHEAD: Final = tuple(f"{low:g}_to_{high:g}_h" for low, high in WINDOWS_H)

FIELDS: Final[dict[str, str]] = {
    "hour_sin": "sine of the local hour of day",
    "hour_cos": "its cosine",
    "day_left": "share of the day that is left",
    "homes": "logarithm of the homes a prosumer stands for, / 4",
    "stored_share": "energy stored / capacity",
    "battery_kwh": "capacity per home / 10 kWh",
    "battery_kw": "power per home / 5 kW",
    "charge_efficiency": "(charging efficiency - 0.94) x 20",
    "discharge_efficiency": "(discharging efficiency - 0.94) x 20",
    "pv_kwp": "installed solar power per home / 8 kWp",
    "load": "firm load now, kW per home / 3",
    "solar": "available solar power now, kW per home / 5",
    "vehicle_kw": "charging power per home / 11 kW",
    "vehicle_missing": "energy still to be in the vehicle, kWh per home / 20",
    "vehicle_left": "hours until it leaves / 12; 0 while not plugged in",
    "heat_pump_kw": "largest electric power per home / 4 kW",
    "warmth": "distance of the room from its target, as a share of half the comfort band",
    "heat_reference": "power that holds the target, kW per home / 2",
    **{
        f"net_{name}": f"expected net load without shifting, {name}, kW per home / 3"
        for name in _AHEAD
    },
    "buy": "the aggregator's charge now, all-in",
    "sell": "what it pays now",
    **{f"middle_{name}": f"middle of its prices, {name}, less that of now" for name in _AHEAD},
    "expected_price": "local price expected now (middle of the quotes where nobody trades)",
    "expected_trade": "1 where local trade is expected, else 0",
    **{f"price_{name}": f"expected local price, {name}, less that of now" for name in _AHEAD},
    "shortage": "(bought - sold) / (bought + sold) of all prosumers as expected now",
    **{f"shortage_{name}": f"the same, {name}" for name in _AHEAD},
    "surprise": "last local price less what was expected for it",
    "battery_bid": "what the plan pays for charging less the expected price",
    "battery_ask": "what the plan asks for discharging less the expected price",
    "vehicle_dear": "what charging the vehicle saves, less the expected price",
    "vehicle_spare": "what charging more of it saves, less the expected price",
    "heat_value": "what heating saves, less the expected price",
    "network_price": "last network price at the own bus, energy left out",
    "headroom_up": "last distance to the upper voltage limit / 0.05 p.u.",
    "headroom_down": "last distance to the lower voltage limit / 0.05 p.u.",
    "refused": "energy the grid refused last, kWh per home / 2; bought > 0",
}
"""Every number a follower sees, in order, with its meaning and scale."""

OBSERVATIONS = len(FIELDS)


def flexible(fleet: Fleet) -> Booleans:
    """Return who has something to decide: a battery, a vehicle or a heat pump, (B, N)."""
    return np.asarray(
        (fleet.battery_kwh > 0.0) | (fleet.vehicle_kw > 0.0) | (fleet.heat_pump_kw > 0.0)
    )


def observe(view: FollowerView) -> Singles:
    """Return what every follower sees, (B, N, OBSERVATIONS)."""
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


def follower_action(
    raw: Singles | Floats, *, retail: float, feed_in: float, half_spread: float
) -> FollowerAction:
    """Return the reservation prices of actions `raw` (B, N, 4), cut to [-1, 1].

    Zeros are what the plan says, with `half_spread`.
    """
    bounded = np.clip(np.asarray(raw, np.float64), -1.0, 1.0)
    return FollowerAction(
        value_offset_eur_per_kwh=OFFSET_SHARE * (retail - feed_in) * bounded[:, :, :3],
        half_spread_eur_per_kwh=half_spread * (1.0 + bounded[:, :, 3]),
    )


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


@lru_cache(maxsize=2)
def _net_so_far(forecast: Exogenous) -> Floats:
    """Return the sum of expected net loads before each interval, (T + 1, B, N), kW.

    Differences of it are sums over any window; a day asks for some of them in every interval.
    """
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
