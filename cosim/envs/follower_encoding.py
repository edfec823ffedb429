"""What a follower sees and does, as rows of numbers that any number of prosumers share.

Prosumers differ by what they own, never by a name, so that one policy plays any of them on any
feeder. Sizes are per home and prices are shares of the way from the feed-in to the retail price,
which keeps most numbers between -1 and 1 without statistics that drift.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cosim.envs.follower_encoding_kernel import HIGHEST, encode
from cosim.interval import Day
from cosim.means import mean_of
from cosim.prosumers.standing import standing
from cosim.records import Booleans, Exogenous, Fleet, Floats, FollowerAction, Integers
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

FIXED: Final = (
    "homes",
    "battery_kwh",
    "battery_kw",
    "charge_efficiency",
    "discharge_efficiency",
    "pv_kwp",
    "vehicle_kw",
    "heat_pump_kw",
)
"""Fields that hang on what a home owns alone."""

SHARED: Final = (
    "hour_sin",
    "hour_cos",
    "day_left",
    "surprise",
    "buy",
    "sell",
    "expected_price",
    "expected_trade",
    "shortage",
    *(f"{stem}_{name}" for stem in ("middle", "price", "shortage") for name in _AHEAD),
)
"""Fields that are the same for all homes of an environment."""

OWN: Final = (
    "stored_share",
    "load",
    "solar",
    "vehicle_missing",
    "vehicle_left",
    "warmth",
    "heat_reference",
    "battery_bid",
    "battery_ask",
    "vehicle_dear",
    "vehicle_spare",
    "heat_value",
    "network_price",
    "headroom_up",
    "headroom_down",
    "refused",
    *(f"net_{name}" for name in _AHEAD),
)
"""The others, in the order in which `encode` works them out."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What the day's prices and expectations tell in each of its intervals."""

    fields: Floats  # (T, B, fields of `SHARED` without the first four)
    price_eur_per_kwh: Floats  # (T, B) local price expected, or the middle of the quotes


def flexible(fleet: Fleet) -> Booleans:
    """Return who has something to decide: a battery, a vehicle or a heat pump, (B, N)."""
    return np.asarray(
        (fleet.battery_kwh > 0.0) | (fleet.vehicle_kw > 0.0) | (fleet.heat_pump_kw > 0.0)
    )


def observe(view: FollowerView, who: Booleans | None = None) -> Singles:
    """Return what every follower sees, (B, N, OBSERVATIONS), or `who` (B, N) alone, as rows."""
    fleet, now = view.fleet, view.state.interval
    homes = standing(fleet, view.state, view.now, view.day.plan, view.interval_h)
    state, worth = homes.state, homes.worth
    looking = np.arange(fleet.bus.size) if who is None else np.flatnonzero(who)
    told = _told(view.day, view.retail_eur_per_kwh, view.feed_in_eur_per_kwh, view.interval_h)
    last = view.last
    nothing = np.zeros(fleet.bus.shape)
    out: Singles = encode(
        looking,
        (_columns(FIXED), _fixed(fleet)),
        (_columns(SHARED), _shared(view, told)),
        (
            _columns(OWN),
            fleet.homes,
            state.battery_kwh,
            fleet.battery_kwh,
            state.vehicle_missing_kwh,
            state.indoor_celsius,
            fleet.comfort_target_celsius,
            fleet.comfort_min_celsius,
            fleet.comfort_max_celsius,
            fleet.heat_pump_kw,
            view.now.load_kw[now],
            view.now.pv_kw[now],
            view.now.heat_pump_reference_kw[now],
            view.now.vehicle_departure[now],
        ),
        (_net_so_far(view.forecast), *_spans(view)),
        (
            told.price_eur_per_kwh[view.row],
            worth.bid_eur_per_kwh,
            worth.ask_eur_per_kwh,
            worth.dear_eur_per_kwh,
            worth.spare_eur_per_kwh,
            worth.heat_eur_per_kwh,
        ),
        (
            view.network_eur_per_kwh,
            view.headroom_pu,
            nothing if last is None else last.clearing.net_kwh,
            nothing if last is None else last.validation.net_kwh,
        ),
        (now, view.interval_h, view.retail_eur_per_kwh - view.feed_in_eur_per_kwh),
    )
    return out.reshape(*fleet.bus.shape, OBSERVATIONS) if who is None else out


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


@cache
def _columns(names: tuple[str, ...]) -> Integers:
    """Return the positions of fields."""
    return np.array([list(FIELDS).index(name) for name in names])


@lru_cache(maxsize=2)
def _fixed(fleet: Fleet) -> Singles:
    """Return the fields that never change, (B, N, fields of `FIXED`)."""
    homes = np.maximum(fleet.homes, 1e-9)
    fields = (
        np.log(homes) / 4.0,
        fleet.battery_kwh / homes / 10.0,
        fleet.battery_kw / homes / 5.0,
        (fleet.battery_charge_efficiency - 0.94) * 20.0,
        (fleet.battery_discharge_efficiency - 0.94) * 20.0,
        fleet.pv_kwp / homes / 8.0,
        fleet.vehicle_kw / homes / 11.0,
        fleet.heat_pump_kw / homes / 4.0,
    )
    return np.clip(np.stack(fields, axis=2), -HIGHEST, HIGHEST).astype(np.float32)


def _shared(view: FollowerView, told: Told) -> Singles:
    """Return what all homes of an environment see, (B, fields of `SHARED`)."""
    angle = 2.0 * np.pi * view.local_hour[view.row] / 24.0
    out = np.empty((view.fleet.bus.shape[0], len(SHARED)))
    out[:, 0] = np.sin(angle)
    out[:, 1] = np.cos(angle)
    out[:, 2] = 1.0 - view.row / view.day.length
    out[:, 3] = _surprise(view) / (view.retail_eur_per_kwh - view.feed_in_eur_per_kwh)
    out[:, 4:] = told.fields[view.row]
    return np.clip(out, -HIGHEST, HIGHEST).astype(np.float32)


def _windows(interval_h: float) -> list[slice]:
    """Return the rows, counted from now, of every window."""
    per_hour = round(1.0 / interval_h)
    return [slice(int(low * per_hour), int(high * per_hour)) for low, high in WINDOWS_H]


def _spans(view: FollowerView) -> tuple[Integers, Integers]:
    """Return the first interval of every window and the first one behind it, where known."""
    now, windows = view.state.interval, _windows(view.interval_h)
    known = view.forecast.load_kw.shape[0]
    last = [min(now + window.stop, known) for window in windows]
    first = [min(now + each.start, end - 1) for each, end in zip(windows, last, strict=True)]
    return np.array(first), np.array(last)


@lru_cache(maxsize=2)
def _net_so_far(forecast: Exogenous) -> Floats:
    """Return the sum of expected net loads before each interval, (T + 1, B, N), kW.

    Differences of it are sums over any window; a day asks for some of them in every interval.
    """
    net = forecast.load_kw + forecast.heat_pump_reference_kw - forecast.pv_kw
    return np.concatenate([np.zeros((1, *net.shape[1:])), np.cumsum(net, axis=0)])


@lru_cache(maxsize=2)
def _told(day: Day, retail: float, feed_in: float, interval_h: float) -> Told:
    """Return prices and shortages as they look from every interval; a day has one answer."""
    low, span = feed_in, retail - feed_in
    buy = (day.signal.buy_eur_per_kwh - low) / span
    sell = (day.signal.sell_eur_per_kwh - low) / span
    middle = 0.5 * (buy + sell)
    price, trades, shortage = _expected(day, middle, low, span)
    quoted = 0.5 * (day.signal.buy_eur_per_kwh + day.signal.sell_eur_per_kwh)
    fields = [buy, sell, price, trades, shortage]
    for values, now in ((middle, middle), (price, price), (shortage, 0.0)):
        fields += [ahead - now for ahead in _ahead(values, interval_h)]
    return Told(
        fields=np.stack(fields, axis=2),
        price_eur_per_kwh=_expected(day, (quoted - low) / span, low, span)[0] * span + low,
    )


def _ahead(values: Floats, interval_h: float) -> list[Floats]:
    """Return the means of `values` (T, B) over the windows, as seen from every interval.

    Windows end with the day; of those behind it the last value is left.
    """
    rows = np.arange(len(values))
    return [
        _means(values, window.stop - window.start)[np.minimum(rows + window.start, len(values))]
        for window in _windows(interval_h)
    ]


def _means(values: Floats, width: int) -> Floats:
    """Return the means of `width` rows of `values` (T, B) from each on, (T + 1, B)."""
    whole = sliding_window_view(values, min(width, len(values)), axis=0)
    found = [np.ascontiguousarray(whole).sum(axis=-1) / whole.shape[-1]]
    cut_off = [mean_of(values[start:]) for start in range(len(whole), len(values))]
    return np.concatenate([*found, np.reshape(cut_off, (-1, values.shape[1])), values[-1:]])


def _expected(
    day: Day, otherwise: Floats, low: float, span: float
) -> tuple[Floats, Floats, Floats]:
    """Return the expected local price, whether one is, and the shortage, (T, B)."""
    expected = day.expected
    if expected is None:
        return otherwise, np.zeros_like(otherwise), np.zeros_like(otherwise)
    price = (expected.price_eur_per_kwh - low) / span
    known = ~np.isnan(price)
    bought, sold = expected.bought_kwh, expected.sold_kwh
    shortage = np.divide(
        bought - sold, bought + sold, out=np.zeros_like(bought), where=bought + sold > 1e-9
    )
    return np.where(known, price, otherwise), known.astype(np.float64), shortage


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
