"""Statistics of German electricity prices that the synthetic generator follows.

Averages and moments only, no prices. EUR/MWh, local time of Europe/Berlin. Credit: day-ahead
statistics derived from Bundesnetzagentur | SMARD.de, CC BY 4.0 (changed: averaged and fitted);
imbalance spread: German single imbalance price (netztransparenz.de) minus the day-ahead price.

Definitions: the residual is the price minus the mean of its season, day type and hour; the daily
residual is its mean over a day, the hourly residual what remains.
"""

from dataclasses import dataclass
from typing import Literal

CREDIT = "Bundesnetzagentur | SMARD.de, CC BY 4.0 (averaged and fitted)"

Regime = Literal["calm", "volatile"]


@dataclass(frozen=True, slots=True)
class DayAheadStatistics:
    """Measured statistics of one regime and the generator's constants fitted to them.

    Seasons are winter (December to February), spring, summer, autumn.
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
    profile_eur_per_mwh: tuple[tuple[tuple[float, ...], ...], ...]  # season, day type, hour


@dataclass(frozen=True, slots=True)
class SpreadStatistics:
    """Imbalance price minus day-ahead price, quarter-hourly, and the fitted AR(2)."""

    degrees_of_freedom: float  # Student-t fitted to the spread clipped at the limit
    location_eur_per_mwh: float
    scale_eur_per_mwh: float
    limit_eur_per_mwh: float
    lag_1: float
    lag_4: float
    rank_lag_1: float
    rank_lag_4: float
    negative_share: float
    quantiles_eur_per_mwh: tuple[tuple[float, float], ...]  # probability, spread
    memory: tuple[float, float]  # fitted: coefficients of the latent normal AR(2)


CALM = DayAheadStatistics(
    mean_eur_per_mwh=37.67,
    deviation_eur_per_mwh=15.52,
    daily_residual_deviation_eur_per_mwh=10.51,
    daily_residual_lag_1=0.513,
    hourly_residual_deviation_eur_per_mwh=6.83,
    hourly_residual_lag_1=0.831,
    residual_skew=-2.07,
    residual_excess_kurtosis=12.3,
    daily_spread_eur_per_mwh=30.1,
    negative_share=0.0241,
    daily_variance_share=0.1355,
    daily_memory=0.8129,
    hourly_memory=0.9591,
    skewness=-0.14,
    tail_weight=0.41,
    scale_eur_per_mwh=12.4,
    profile_eur_per_mwh=(
        (
            (  # winter, weekday
                32.9, 31.2, 29.6, 28.6, 30.1, 33.3, 42.8, 52.1, 55.3, 53.6, 51.1, 49.5,
                47.7, 47.3, 48.1, 49.3, 51.0, 55.2, 54.7, 51.6, 47.1, 43.0, 41.4, 36.4,
            ),
            (  # winter, weekend
                30.9, 27.9, 27.2, 25.7, 23.8, 24.1, 23.9, 28.3, 32.0, 34.3, 35.2, 36.8,
                36.2, 34.5, 34.1, 34.9, 38.2, 44.4, 47.4, 45.0, 40.3, 35.4, 36.9, 31.2,
            ),
        ),
        (
            (  # spring, weekday
                31.6, 29.5, 28.5, 27.8, 28.4, 32.6, 41.2, 47.3, 48.6, 43.7, 39.7, 36.9,
                34.5, 32.1, 31.5, 32.2, 33.6, 38.9, 44.2, 47.8, 45.9, 42.1, 40.0, 35.1,
            ),
            (  # spring, weekend
                31.7, 28.9, 26.6, 26.0, 26.4, 26.2, 27.1, 29.6, 32.4, 32.2, 29.6, 29.3,
                27.3, 23.0, 19.5, 19.8, 23.8, 30.2, 37.6, 41.2, 39.6, 36.5, 36.7, 32.6,
            ),
        ),
        (
            (  # summer, weekday
                34.3, 32.5, 31.6, 31.3, 31.5, 33.0, 41.2, 49.5, 49.8, 45.2, 41.9, 40.5,
                37.8, 36.4, 35.8, 36.0, 37.1, 42.1, 48.0, 54.5, 54.3, 49.1, 44.1, 38.1,
            ),
            (  # summer, weekend
                32.0, 28.5, 26.2, 25.1, 24.2, 23.0, 23.5, 24.4, 26.2, 25.5, 22.6, 21.3,
                19.0, 13.8, 11.2, 14.0, 18.5, 25.8, 31.6, 38.7, 39.8, 39.0, 38.8, 34.6,
            ),
        ),
        (
            (  # autumn, weekday
                31.0, 29.8, 28.1, 27.3, 28.4, 31.6, 41.1, 49.0, 51.2, 48.5, 45.7, 44.2,
                41.6, 41.2, 41.0, 42.2, 44.0, 49.2, 51.0, 52.0, 47.2, 41.4, 38.0, 33.3,
            ),
            (  # autumn, weekend
                26.7, 23.8, 22.0, 23.7, 23.7, 25.0, 27.2, 30.3, 32.5, 33.9, 32.3, 31.3,
                29.2, 26.2, 25.7, 28.3, 32.8, 38.1, 42.3, 43.4, 40.2, 35.3, 34.3, 30.0,
            ),
        ),
    ),
)
"""German day-ahead prices of 2019, a year of moderate prices."""

VOLATILE = DayAheadStatistics(
    mean_eur_per_mwh=78.51,
    deviation_eur_per_mwh=52.73,
    daily_residual_deviation_eur_per_mwh=32.27,
    daily_residual_lag_1=0.619,
    hourly_residual_deviation_eur_per_mwh=26.53,
    hourly_residual_lag_1=0.789,
    residual_skew=5.03,
    residual_excess_kurtosis=67.8,
    daily_spread_eur_per_mwh=111.2,
    negative_share=0.052,
    daily_variance_share=0.4,
    daily_memory=0.9,
    hourly_memory=0.925,
    skewness=0.11,
    tail_weight=0.302,
    scale_eur_per_mwh=43.5,
    profile_eur_per_mwh=(
        (
            (  # winter, weekday
                61.7, 57.2, 55.0, 52.8, 53.9, 60.6, 75.4, 101.4, 113.7, 109.1, 100.7, 95.4,
                90.6, 90.5, 94.9, 105.2, 115.0, 126.0, 119.9, 110.2, 94.0, 83.9, 80.1, 70.3,
            ),
            (  # winter, weekend
                70.0, 64.0, 61.6, 58.9, 57.5, 57.9, 58.4, 62.9, 68.9, 70.7, 67.5, 65.9,
                64.3, 61.7, 64.7, 71.5, 77.4, 85.3, 85.7, 80.2, 72.6, 67.2, 65.9, 58.2,
            ),
        ),
        (
            (  # spring, weekday
                67.7, 63.6, 61.9, 61.5, 63.2, 69.8, 88.0, 100.9, 91.6, 72.2, 59.6, 51.6,
                44.2, 40.5, 41.6, 48.2, 57.6, 77.6, 97.7, 116.3, 114.5, 94.0, 81.9, 72.0,
            ),
            (  # spring, weekend
                65.0, 59.5, 56.0, 55.5, 55.4, 56.3, 54.3, 51.4, 43.2, 32.5, 20.4, 8.9,
                -0.5, -10.0, -10.0, 1.6, 19.8, 47.1, 76.0, 91.1, 92.4, 83.7, 74.7, 66.1,
            ),
        ),
        (
            (  # summer, weekday
                89.8, 81.7, 78.0, 77.0, 77.2, 85.8, 111.7, 122.4, 106.6, 83.6, 63.0, 49.1,
                39.3, 32.6, 31.2, 38.8, 54.8, 74.7, 96.2, 135.4, 169.8, 138.0, 110.7, 93.8,
            ),
            (  # summer, weekend
                80.6, 74.2, 68.1, 64.1, 63.1, 61.7, 60.6, 52.6, 40.6, 23.8, 11.0, 2.5,
                -5.0, -15.0, -18.0, -9.4, 5.2, 28.4, 67.4, 96.0, 111.0, 107.2, 99.7, 85.6,
            ),
        ),
        (
            (  # autumn, weekday
                78.0, 74.0, 71.6, 69.9, 71.5, 79.6, 101.5, 131.1, 134.0, 113.2, 97.2, 84.7,
                75.9, 74.3, 78.4, 92.1, 115.0, 146.3, 165.3, 165.8, 127.7, 103.1, 95.8, 85.7,
            ),
            (  # autumn, weekend
                78.5, 72.9, 71.3, 69.4, 69.8, 71.5, 74.1, 80.9, 80.4, 68.6, 50.1, 40.5,
                35.6, 32.9, 37.1, 48.7, 68.8, 97.8, 112.5, 112.9, 96.7, 85.1, 80.2, 71.1,
            ),
        ),
    ),
)
"""German day-ahead prices of a recent year with much solar power and negative midday prices."""

IMBALANCE_SPREAD = SpreadStatistics(
    degrees_of_freedom=3.92,
    location_eur_per_mwh=-1.55,
    scale_eur_per_mwh=73.28,
    limit_eur_per_mwh=2000.0,
    lag_1=0.652,
    lag_4=0.393,
    rank_lag_1=0.562,
    rank_lag_4=0.218,
    negative_share=0.489,
    quantiles_eur_per_mwh=(
        (0.001, -701.6),
        (0.01, -220.2),
        (0.05, -148.1),
        (0.25, -61.6),
        (0.5, 5.0),
        (0.75, 55.1),
        (0.95, 133.2),
        (0.99, 324.1),
        (0.999, 3019.6),
    ),
    memory=(0.51, 0.17),
)
"""German single imbalance price; one fit serves both regimes."""

DAY_AHEAD: dict[Regime, DayAheadStatistics] = {"calm": CALM, "volatile": VOLATILE}
