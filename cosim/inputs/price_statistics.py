"""Statistics of German electricity prices that the synthetic generator follows.

Averages and moments only, no prices. Credit: day-ahead statistics derived from Bundesnetzagentur |
SMARD.de, CC BY 4.0 (changed: averaged and fitted); imbalance spread: German single imbalance price
(netztransparenz.de) minus the day-ahead price.

Definitions: the residual is the price minus the mean of its season, day type and hour; the daily
residual is its mean over a day, the hourly residual what remains.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

Regime = Literal["calm", "volatile"]


@dataclass(frozen=True, slots=True)
class DayAheadStatistics:
    """Measured statistics of one regime and the generator's constants fitted to them.

    `calm` is 2019; `volatile` a recent year with much solar power and negative midday prices.
    """

    mean_eur_per_mwh: float
    deviation_eur_per_mwh: float
    daily_residual_deviation_eur_per_mwh: float
    daily_residual_lag_1: float
    hourly_residual_deviation_eur_per_mwh: float
    hourly_residual_lag_1: float
    residual_skew: float
    residual_excess_kurtosis: float
    daily_spread_eur_per_mwh: float  # mean of the daily maximum minus minimum
    negative_share: float
    daily_variance_share: float  # fitted: part of the latent variance that changes once a day
    daily_memory: float  # fitted: lag-1 coefficient of the daily AR(1)
    hourly_memory: float  # fitted: lag-1 coefficient of the hourly AR(1)
    skewness: float  # fitted: epsilon of the sinh-arcsinh map, > 0 long upper tail
    tail_weight: float  # fitted: delta of the sinh-arcsinh map, < 1 heavy tails
    scale_eur_per_mwh: float  # fitted: standard deviation of the residual
    profile_eur_per_mwh: list[list[list[float]]]  # season from winter on; weekday, weekend; hour


@dataclass(frozen=True, slots=True)
class SpreadStatistics:
    """Imbalance price minus day-ahead price, quarter-hourly; one fit serves both regimes."""

    degrees_of_freedom: float  # of the Student-t fitted to the spread clipped at the limit
    location_eur_per_mwh: float
    scale_eur_per_mwh: float
    limit_eur_per_mwh: float
    lag_1: float
    lag_4: float
    rank_lag_1: float
    rank_lag_4: float
    negative_share: float
    quantiles_eur_per_mwh: list[list[float]]  # pairs of probability and spread
    memory: list[float]  # fitted: coefficients of the latent normal AR(2)


@cache
def day_ahead_statistics(regime: Regime) -> DayAheadStatistics:
    """Return the statistics of a regime."""
    return DayAheadStatistics(**_content()[regime])


@cache
def spread_statistics() -> SpreadStatistics:
    """Return the statistics of the imbalance spread."""
    return SpreadStatistics(**_content()["imbalance_spread"])


@cache
def _content() -> dict[str, Any]:
    text = resources.files("cosim.inputs").joinpath("price_statistics.json").read_text("utf-8")
    content: dict[str, Any] = json.loads(text)
    return content
