"""What the leader sees and does: a handful of numbers a day, whatever the length of the day.

A leader that set every interval's price anew would have to learn a hundred numbers from one
profit. It sets the coefficients of a few shapes instead (price basis) and the day's prices follow,
kept inside the tariff set: between feed-in and retail price, near the wholesale price, and on
average over the day no further from it than the cap on the margin.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cosim.market.tariff import within_tariff
from cosim.means import mean_of
from cosim.prospect import Prospect
from cosim.records import Floats, Signal
from cosim.scoring.flexibility import WINDOWS
from cosim.views import LeaderView

Singles = NDArray[np.float32]

BLOCKS = 12
"""Parts of what is left of the day over which forecasts are averaged for the leader."""

COEFFICIENTS: Final[dict[str, tuple[float, float]]] = {
    "level": (0.0, 0.03),
    "on_wholesale": (0.0, 0.03),
    "on_net_load": (0.0, 0.03),
    "lead": (0.0, 0.02),
    "lag": (0.0, 0.02),
    "spread": (0.02, 0.02),
}
"""Middle and reach of each coefficient, EUR/kWh; an action of -1 to 1 spans middle -+ reach."""

ACTIONS: Final = tuple(COEFFICIENTS)

SHIFT_H = 2.0
"""Hours by which the shapes `lead` and `lag` are moved."""

LAYOUT = 2

_PARTS: Final = tuple(f"part_{number}" for number in range(1, BLOCKS + 1))

FIELDS: Final[dict[str, str]] = {
    **{
        f"wholesale_{p}": f"forecast wholesale price, {p} of {BLOCKS} of the day, / 0.1 EUR/kWh"
        for p in _PARTS
    },
    **{
        f"net_{p}": f"forecast net load of all prosumers, {p}, as a share of fleet power"
        for p in _PARTS
    },
    **{f"solar_{p}": f"forecast solar power, {p}, as a share of what is installed" for p in _PARTS},
    "stored_share": "energy in all batteries / their capacity",
    "battery_hours": "capacity of all batteries / their power, / 4 h",
    "battery_power": "power of all batteries as a share of fleet power",
    "vehicle_power": "charging power of all vehicles as a share of fleet power",
    "heat_power": "power of all heat pumps as a share of fleet power",
    "passive": "mean forecast load of all others as a share of fleet power",
    "day_left": "share of the day that can still be priced",
    **{
        f"{direction}_{name}": f"power by which the fleet could {way} for {hours:g} h from now "
        "on, devices else left to themselves, as a share of fleet power"
        for direction, way in (("up", "draw less"), ("down", "draw more"))
        for name, hours in WINDOWS.items()
    },
    "headroom_up": "least distance of a voltage to its upper limit that is forecast with devices "
    "left to themselves, / 0.1 p.u.; < 0 beyond",
    "headroom_down": "the same to its lower limit",
    "headroom_loading": "the same of a branch to its limit, / 100 %",
    "insecure": "share of the intervals that would break a limit",
}
"""Every number the leader sees; fleet power is that of all devices together."""

OBSERVATIONS = len(FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffSet:
    """Which prices a leader may announce besides those the retailer bounds."""

    margin_max_eur_per_kwh: float = 0.06
    """Largest distance of a single quote above or below the forecast wholesale price."""
    mean_margin_max_eur_per_kwh: float = 0.02
    """Largest mean margin of the day on each side, fees and levies left out."""


def observe(view: LeaderView) -> Singles:
    """Return what the leader of every environment sees, (B, OBSERVATIONS)."""
    fleet = view.fleet
    battery, vehicle, heat = (
        values.sum(axis=1) for values in (fleet.battery_kw, fleet.vehicle_kw, fleet.heat_pump_kw)
    )
    power = np.maximum(battery + vehicle + heat + fleet.pv_kwp.sum(axis=1), 1e-9)
    capacity = fleet.battery_kwh.sum(axis=1)
    stored = view.state.battery_kwh.sum(axis=1)
    fields: dict[str, Floats | float] = {
        **_parts("wholesale", view.day_ahead_eur_per_kwh / 0.1),
        **_parts("net", view.net_load_kw / power),
        **_parts("solar", view.solar_kw / np.maximum(fleet.pv_kwp.sum(axis=1), 1e-9)),
        "stored_share": stored / np.maximum(capacity, 1e-9),
        "battery_hours": capacity / np.maximum(battery, 1e-9) / 4.0,
        "battery_power": battery / power,
        "vehicle_power": vehicle / power,
        "heat_power": heat / power,
        "passive": mean_of(view.passive_kw) / power,
        "day_left": 1.0 - view.start / view.length,
        **_flexibility(view.prospect, power),
        "headroom_up": view.prospect.headroom_up_pu / 0.1,
        "headroom_down": view.prospect.headroom_down_pu / 0.1,
        "headroom_loading": view.prospect.headroom_loading_percent / 100.0,
        "insecure": view.prospect.insecure_share,
    }
    out = np.empty((len(power), OBSERVATIONS), np.float32)
    for position, name in enumerate(FIELDS):
        out[:, position] = fields[name]
    return np.clip(out, -10.0, 10.0, out=out)


def announced(view: LeaderView, raw: Singles | Floats, tariff: TariffSet) -> Signal:
    """Return the prices (T, B) of actions `raw` (B, 6), cut to [-1, 1].

    The middle of both quotes is the forecast wholesale price plus level and shapes, each shape of
    mean zero and spread one over the day; fees and levies come on top of what is charged.
    """
    bounded = np.clip(np.asarray(raw, np.float64), -1.0, 1.0)
    middle, reach = (np.array(column) for column in zip(*COEFFICIENTS.values(), strict=True))
    level, wholesale, net, lead, lag, spread = (middle + reach * bounded).T
    price = view.day_ahead_eur_per_kwh
    steps = round(SHIFT_H * view.length / 24.0)
    shape = _standard(price)
    moved = (
        level
        + wholesale * shape
        + net * _standard(view.net_load_kw)
        + lead * np.roll(shape, -steps, axis=0)
        + lag * np.roll(shape, steps, axis=0)
    )
    above = capped(moved + spread, tariff)
    below = capped(spread - moved, tariff)
    # The sum of both margins is twice the spread, but a cap on one of them can eat it up. The other
    # one then gives way: its mean is far below the cap.
    capped_below = mean_of(below) > mean_of(above)
    above, below = (
        np.where(capped_below, np.maximum(above, -below), above),
        np.where(capped_below, below, np.maximum(below, -above)),
    )
    return within_tariff(
        price + view.passed_on_eur_per_kwh + above,
        price - below,
        retail=view.retail_eur_per_kwh,
        feed_in=view.feed_in_eur_per_kwh,
    )


def capped(margin: Floats, tariff: TariffSet) -> Floats:
    """Return margins (T, B) within the largest one, lowered until the day's mean keeps its cap."""
    most, mean_most = tariff.margin_max_eur_per_kwh, tariff.mean_margin_max_eur_per_kwh
    low = np.zeros(margin.shape[1])
    high = np.maximum(margin.max(axis=0) + most, 0.0)
    inside = np.clip(margin, -most, most)
    for _ in range(40):
        halfway = 0.5 * (low + high)
        over = mean_of(np.clip(margin - halfway, -most, most)) > mean_most
        low, high = np.where(over, halfway, low), np.where(over, high, halfway)
    lowered = np.clip(margin - high, -most, most)
    return np.where(mean_of(inside) > mean_most, lowered, inside)


def _flexibility(prospect: Prospect, power: Floats) -> dict[str, Floats]:
    return {
        f"{direction}_{name}": kw / power
        for direction, rows in (("up", prospect.up_kw), ("down", prospect.down_kw))
        for name, kw in zip(WINDOWS, rows, strict=True)
    }


def _parts(stem: str, values: Floats) -> dict[str, Floats]:
    """Return the means of `values` (T, B) over the parts of what is left of the day."""
    few = np.arange(BLOCKS) * len(values) // BLOCKS
    parts = np.array_split(values if len(values) >= BLOCKS else values[few], BLOCKS)
    return {f"{stem}_{name}": mean_of(part) for name, part in zip(_PARTS, parts, strict=True)}


def _standard(values: Floats) -> Floats:
    """Return `values` (T, B) with mean zero and spread one over the day; zeros where constant."""
    apart = values - mean_of(values)
    spread = np.sqrt(mean_of(apart**2))
    return np.asarray(np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 1e-9))
