"""The synthetic generator against the statistics it follows, over many simulated years."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from cosim.inputs.price_statistics import Regime, day_ahead_statistics, spread_statistics
from cosim.inputs.synthetic_prices import (
    EUR_PER_MWH_LIMITS,
    autoregression,
    day_ahead_eur_per_mwh,
    draw,
    imbalance_spread_eur_per_mwh,
    mean_price,
    standard_sinh_arcsinh,
)
from cosim.records import Floats

YEARS = 40
REGIMES: tuple[Regime, ...] = ("calm", "volatile")


@cache
def year() -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Return wall clock and UTC of the quarter hours of 2016 in Berlin."""
    index = pd.date_range("2016-01-01", "2017-01-01", freq="15min", tz="Europe/Berlin")[:-1]
    utc = index.tz_convert(None).to_numpy().astype("datetime64[m]")
    return index.tz_localize(None).to_numpy().astype("datetime64[m]"), utc


@cache
def day_ahead(regime: Regime) -> Floats:
    """Return hourly prices of many independent years, (8784, YEARS) EUR/MWh."""
    generators = [np.random.default_rng([1, number]) for number in range(YEARS)]
    return day_ahead_eur_per_mwh(regime, year()[0], draw(*year(), generators))[::4]


@cache
def spread() -> Floats:
    """Return quarter-hourly spreads of independent years, (35136, 10) EUR/MWh."""
    generators = [np.random.default_rng([2, number]) for number in range(10)]
    return imbalance_spread_eur_per_mwh(draw(*year(), generators))


@cache
def residuals(regime: Regime) -> tuple[Floats, Floats, Floats]:
    """Return residuals (8784, YEARS), their daily means (366, YEARS) and what remains."""
    local = year()[0][::4]
    residual = day_ahead(regime) - mean_price(regime, local)[:, None]
    frame = pd.DataFrame(residual).groupby(local.astype("datetime64[D]"))
    daily = frame.mean().to_numpy()
    return residual, daily, residual - frame.transform("mean").to_numpy()


def correlation(series: Floats, lag: int) -> float:
    """Return the mean over years of the autocorrelation at `lag`."""
    centred = series - series.mean(axis=0)
    covariance = np.mean(centred[lag:] * centred[:-lag], axis=0)
    return float(np.mean(covariance / np.mean(centred**2, axis=0)))


@pytest.mark.parametrize("regime", REGIMES)
def test_mean_deviation_and_spread(regime: Regime) -> None:
    target, price = day_ahead_statistics(regime), day_ahead(regime)
    days = pd.DataFrame(price).groupby(year()[0][::4].astype("datetime64[D]"))
    daily_spread = (days.max() - days.min()).to_numpy().mean()
    assert price.mean() == pytest.approx(target.mean_eur_per_mwh, rel=0.03)
    assert price.std() == pytest.approx(target.deviation_eur_per_mwh, rel=0.06)
    assert daily_spread == pytest.approx(target.daily_spread_eur_per_mwh, rel=0.10)


@pytest.mark.parametrize("regime", REGIMES)
def test_residuals_vary_and_remember(regime: Regime) -> None:
    target = day_ahead_statistics(regime)
    _, daily, hourly = residuals(regime)
    assert daily.std() == pytest.approx(target.daily_residual_deviation_eur_per_mwh, rel=0.10)
    assert hourly.std() == pytest.approx(target.hourly_residual_deviation_eur_per_mwh, rel=0.10)
    # A year's own mean takes some of the memory of days away, in reality as here.
    assert correlation(daily, 1) == pytest.approx(target.daily_residual_lag_1, abs=0.15)
    assert correlation(hourly, 1) == pytest.approx(target.hourly_residual_lag_1, abs=0.06)


@pytest.mark.parametrize("regime", REGIMES)
def test_tails_are_heavy_and_on_the_right_side(regime: Regime) -> None:
    target = day_ahead_statistics(regime)
    residual = residuals(regime)[0].ravel()
    assert stats.skew(residual) == pytest.approx(target.residual_skew, rel=0.35)
    assert stats.kurtosis(residual) == pytest.approx(target.residual_excess_kurtosis, rel=0.60)


@pytest.mark.parametrize(("regime", "tolerance"), [("calm", 0.008), ("volatile", 0.016)])
def test_share_of_negative_hours(regime: Regime, tolerance: float) -> None:
    share = np.mean(day_ahead(regime) < 0.0)
    assert share == pytest.approx(day_ahead_statistics(regime).negative_share, abs=tolerance)


@pytest.mark.parametrize("regime", REGIMES)
def test_midnight_is_no_cliff(regime: Regime) -> None:
    step = np.diff(residuals(regime)[0], axis=0)
    at_midnight = (year()[0][::4][1:].astype("datetime64[h]").astype(int) % 24) == 0
    assert step[at_midnight].std() < 1.7 * step[~at_midnight].std()


def test_spread_follows_the_fitted_distribution() -> None:
    target = spread_statistics()
    for probability, quantile in target.quantiles_eur_per_mwh:
        fitted = target.location_eur_per_mwh + target.scale_eur_per_mwh * stats.t.ppf(
            probability, target.degrees_of_freedom
        )
        found = np.quantile(spread(), probability)
        assert found == pytest.approx(fitted, rel=0.10, abs=3.0)
        if 0.05 <= probability <= 0.95:
            assert found == pytest.approx(quantile, abs=25.0)
    assert np.mean(spread() < 0.0) == pytest.approx(target.negative_share, abs=0.03)
    assert np.abs(spread()).max() <= target.limit_eur_per_mwh


def test_spread_remembers_for_an_hour() -> None:
    # The real spread has heavier persistent extremes than ranks: no AR process has both.
    target = spread_statistics()
    ranks = stats.rankdata(spread(), axis=0)
    for lag, plain, ranked in (
        (1, target.lag_1, target.rank_lag_1),
        (4, target.lag_4, target.rank_lag_4),
    ):
        assert correlation(spread(), lag) == pytest.approx(plain, abs=0.17)
        assert correlation(ranks, lag) == pytest.approx(ranked, abs=0.06)


def test_mean_price_is_the_published_profile() -> None:
    stamps = ["2016-01-04T17:45", "2016-07-10T13:00", "2016-12-31T00:00", "2016-03-01T23:15"]
    local = np.array(stamps, dtype="datetime64[m]")
    profile = day_ahead_statistics("volatile").profile_eur_per_mwh
    expected = [profile[0][0][17], profile[2][1][13], profile[0][1][0], profile[1][0][23]]
    np.testing.assert_array_equal(mean_price("volatile", local), expected)
    assert mean_price("volatile", local)[0] == 126.0
    assert mean_price("volatile", local)[1] == -15.0


@pytest.mark.parametrize("memory", [[0.9], [0.51, 0.17]])
def test_autoregression_settles_at_variance_one(memory: list[float]) -> None:
    impulse = np.zeros((2000, 1))
    impulse[0] = 1.0
    response = autoregression(impulse, memory)[:, 0]
    assert np.sum(response**2) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("regime", REGIMES)
def test_sinh_arcsinh_is_standardised_and_increasing(regime: Regime) -> None:
    target = day_ahead_statistics(regime)
    probability = (np.arange(2_000_000) + 0.5) / 2_000_000
    mapped = standard_sinh_arcsinh(stats.norm.ppf(probability), target.skewness, target.tail_weight)
    assert mapped.mean() == pytest.approx(0.0, abs=1e-3)
    assert mapped.std() == pytest.approx(1.0, abs=5e-3)
    assert np.all(np.diff(mapped) > 0.0)


def test_prices_stay_within_the_auction_limits() -> None:
    low, high = EUR_PER_MWH_LIMITS
    for regime in REGIMES:
        assert day_ahead(regime).min() >= low
        assert day_ahead(regime).max() <= high
