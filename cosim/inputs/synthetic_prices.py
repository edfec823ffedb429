"""Seeded generator of synthetic day-ahead and imbalance prices.

The day-ahead price of an hour is ``mean[season, day type, hour] + scale * f(daily + hourly)``.
`daily` and `hourly` are normal AR(1) series that change once a day and once an hour; their sum
has variance one. `f` is the standardised sinh-arcsinh map (Jones and Pewsey, Biometrika 96, 2009,
761-780): it gives the heavy, skewed tails, low ones in the calm and high ones in the volatile
regime. The imbalance price is the day-ahead price plus a spread: a normal AR(2) in quarter hours,
mapped to a Student-t distribution.

The statistics it follows are those of German prices (Bundesnetzagentur | SMARD.de, CC BY 4.0).
They are descriptive: holidays, the weather and multi-day events beyond the AR(1) are not in it.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtr, stdtrit

from cosim.inputs.price_statistics import Regime, day_ahead_statistics, spread_statistics
from cosim.records import Floats, Integers

EUR_PER_MWH_LIMITS = (-500.0, 4000.0)
"""Harmonised price limits of the European day-ahead auction."""

QUARTER_HOUR = np.timedelta64(15, "m")
BURN_IN_DAYS = 30
HOURS_PER_DAY, QUARTERS_PER_DAY = 25, 100  # of the longest day: draws never depend on the season


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Standard normal draws of every environment, in the order of time, and who uses which."""

    daily: Floats  # (burn-in + days, B)
    hourly: Floats  # (burn-in + hours, B) days of 23 to 25 hours, one after the other
    quarterly: Floats  # (burn-in + quarter hours, B)
    day: Integers  # (T,) day of each interval, counted from the run's first
    quarter: Integers  # (T,) quarter hour of each interval, counted from the first local midnight


def draw(
    local: NDArray[np.datetime64],
    start_utc: NDArray[np.datetime64],
    generators: list[np.random.Generator],
) -> Draws:
    """Draw for quarter hours that start at `start_utc` (T,), at wall clock `local` (T,).

    A day takes the same number of draws whatever is done with them. So a path depends neither on
    the length of the run nor on other environments, nor on which of the two prices is from a file.
    """
    dates = local.astype("datetime64[D]")
    new_day = np.r_[False, dates[1:] != dates[:-1]]
    since_midnight = (local[0] - dates[0]) // QUARTER_HOUR
    quarter = ((start_utc - start_utc[0]) // QUARTER_HOUR + since_midnight).astype(np.int64)
    midnights = np.r_[0, quarter[new_day]]
    rows = BURN_IN_DAYS + len(midnights)
    shape = (rows, 1 + HOURS_PER_DAY + QUARTERS_PER_DAY)
    normal = np.stack([generator.standard_normal(shape) for generator in generators], axis=-1)
    lengths = np.diff(np.r_[midnights, midnights[-1] + QUARTERS_PER_DAY])
    lengths = np.r_[np.full(BURN_IN_DAYS, 96), lengths][:, None]
    hourly = normal[:, 1 : 1 + HOURS_PER_DAY]
    quarterly = normal[:, 1 + HOURS_PER_DAY :]
    return Draws(
        daily=normal[:, 0],
        hourly=hourly[np.arange(HOURS_PER_DAY) < lengths // 4],
        quarterly=quarterly[np.arange(QUARTERS_PER_DAY) < lengths],
        day=np.cumsum(new_day.astype(np.int64)),
        quarter=quarter,
    )


def day_ahead_eur_per_mwh(regime: Regime, local: NDArray[np.datetime64], draws: Draws) -> Floats:
    """Return synthetic day-ahead prices, (T, B) EUR/MWh, constant within each hour.

    `local` (T,) is the wall clock at the start of each quarter hour of the run.
    """
    statistics = day_ahead_statistics(regime)
    share = statistics.daily_variance_share
    daily = autoregression(draws.daily, [statistics.daily_memory])[BURN_IN_DAYS:]
    hourly = autoregression(draws.hourly, [statistics.hourly_memory])[24 * BURN_IN_DAYS :]
    latent = np.sqrt(share) * daily[draws.day] + np.sqrt(1.0 - share) * hourly[draws.quarter // 4]
    residual = standard_sinh_arcsinh(latent, statistics.skewness, statistics.tail_weight)
    price = mean_price(regime, local)[:, None] + statistics.scale_eur_per_mwh * residual
    return np.asarray(np.clip(price, *EUR_PER_MWH_LIMITS))


def imbalance_spread_eur_per_mwh(draws: Draws) -> Floats:
    """Return synthetic imbalance price minus day-ahead price, (T, B) EUR/MWh.

    Clipped at +-2000 EUR/MWh, as the spread was before its distribution was fitted.
    """
    statistics = spread_statistics()
    latent = autoregression(draws.quarterly, statistics.memory)[96 * BURN_IN_DAYS :]
    standard = stdtrit(statistics.degrees_of_freedom, ndtr(latent[draws.quarter]))
    spread = statistics.location_eur_per_mwh + statistics.scale_eur_per_mwh * standard
    limit = statistics.limit_eur_per_mwh
    return np.asarray(np.clip(spread, -limit, limit))


def mean_price(regime: Regime, local: NDArray[np.datetime64]) -> Floats:
    """Return the mean price of season, day type and hour at wall clock `local`, (T,) EUR/MWh."""
    profile = np.array(day_ahead_statistics(regime).profile_eur_per_mwh)
    days = local.astype("datetime64[D]")
    month = local.astype("datetime64[M]").astype(np.int64) % 12
    weekend = (days.astype(np.int64) + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    hour = (local - days) // np.timedelta64(60, "m")
    return np.asarray(profile[(month + 1) // 3 % 4, weekend.astype(np.int64), hour])


def autoregression(innovations: Floats, memory: list[float]) -> Floats:
    """Return the AR(1) or AR(2) series along the first axis, with variance one when settled."""
    if len(memory) == 1:
        variance = 1.0 - memory[0] ** 2
    else:
        first, second = memory
        variance = (1.0 + second) * ((1.0 - second) ** 2 - first**2) / (1.0 - second)
    denominator = np.r_[1.0, -np.array(memory)]
    return np.asarray(lfilter([np.sqrt(variance)], denominator, innovations, axis=0))


def standard_sinh_arcsinh(normal: Floats, skewness: float, tail_weight: float) -> Floats:
    """Map standard normal values to mean zero, variance one, with skewed heavy tails."""
    mean, deviation = _sinh_arcsinh_moments(skewness, tail_weight)
    return (_sinh_arcsinh(normal, skewness, tail_weight) - mean) / deviation


def _sinh_arcsinh(normal: Floats, skewness: float, tail_weight: float) -> Floats:
    return np.asarray(np.sinh((np.arcsinh(normal) + skewness) / tail_weight))


@cache
def _sinh_arcsinh_moments(skewness: float, tail_weight: float) -> tuple[float, float]:
    """Return mean and standard deviation by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    weights = weights / weights.sum()
    values = _sinh_arcsinh(nodes, skewness, tail_weight)
    mean = float(weights @ values)
    return mean, float(np.sqrt(weights @ (values - mean) ** 2))
