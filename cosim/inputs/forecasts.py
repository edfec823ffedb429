"""Forecasts: what happens, seen through errors that are stated and remember themselves.

Every error is a first-order autoregressive process in its stationary state. Powers are
multiplied by ``exp(s z - s**2 / 2)`` with ``s**2 = log(1 + error**2)`` and standard normal z: mean
one, standard deviation `error`, never negative, and zero where the actual value is zero.
"""

import numpy as np
from scipy.signal import lfilter

from cosim.inputs.profiles import Powers
from cosim.records import Floats
from cosim.scenario import Forecasts
from networks.simbench_profiles import INTERVAL_H

SMALLEST_ERROR = 0.03
"""Relative error that even a large number of homes does not average out."""


def persistence(settings: Forecasts) -> float:
    """Return the correlation of an error with that of the interval before."""
    return float(np.exp(-INTERVAL_H / settings.hours_of_memory))


def autoregressive(normal: Floats, correlation: float) -> Floats:
    """Turn standard normal draws (R, ...) into a stationary process of variance one."""
    fresh = np.sqrt(1.0 - correlation**2) * normal
    fresh[0] = normal[0]
    return np.asarray(lfilter([1.0], [1.0, -correlation], fresh, axis=0))


def unbiased_factor(process: Floats, error: Floats | float) -> Floats:
    """Return positive factors of mean one and standard deviation `error`."""
    variance = np.log1p(np.square(error))
    return np.asarray(np.exp(np.sqrt(variance) * process - 0.5 * variance))


def error_of_many(error: float, homes: Floats) -> Floats:
    """Return the relative error of the load of `homes` homes whose own errors are independent.

    It falls with the square root of their number, but not below SMALLEST_ERROR.
    """
    return np.asarray(
        np.maximum(error / np.sqrt(np.maximum(homes, 1.0)), min(error, SMALLEST_ERROR))
    )


def forecast_powers(
    actual: Powers,
    settings: Forecasts,
    *,
    prosumer_homes: Floats,
    passive_homes: Floats,
    streams: tuple[list[np.random.Generator], np.random.Generator, np.random.Generator],
) -> Powers:
    """Return the powers of one environment as forecast.

    `streams` draw the errors of each prosumer's load (N of them), of solar power, which is
    common to all, and of the passive load. `prosumer_homes` (N,) and `passive_homes` (K,) say
    over how many homes errors average out. Heat pumps are as they will be: their owners know
    the weather and their house.
    """
    of_prosumers, of_solar, of_passive = streams
    memory = persistence(settings)
    rows = len(actual.pv_kw)
    drawn = [stream.standard_normal(rows) for stream in of_prosumers]
    normal = np.stack(drawn, axis=1) if drawn else np.zeros((rows, 0))
    load = unbiased_factor(
        autoregressive(normal, memory), error_of_many(settings.load_error, prosumer_homes)
    )
    solar = unbiased_factor(
        autoregressive(of_solar.standard_normal((rows, 1)), memory), settings.pv_error
    )
    passive = unbiased_factor(
        autoregressive(of_passive.standard_normal(actual.passive_kw.shape), memory),
        error_of_many(settings.load_error, passive_homes),
    )
    return Powers(
        load_kw=actual.load_kw * load,
        load_kvar=actual.load_kvar * load,
        pv_kw=actual.pv_kw * solar,
        heat_pump_kw=actual.heat_pump_kw,
        passive_kw=actual.passive_kw * passive,
        passive_kvar=actual.passive_kvar * passive,
        generation_kw=actual.generation_kw * solar,
        generation_kvar=actual.generation_kvar * solar,
    )


def forecast_price(
    day_ahead_eur_per_kwh: Floats, settings: Forecasts, generator: np.random.Generator
) -> Floats:
    """Return the day-ahead price (R,) as forecast: with an additive error, free to be negative."""
    process = autoregressive(
        generator.standard_normal(len(day_ahead_eur_per_kwh)), persistence(settings)
    )
    return day_ahead_eur_per_kwh + settings.price_error_eur_per_kwh * process
