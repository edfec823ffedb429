from dataclasses import fields

import numpy as np
import pytest

from cosim.inputs.forecasts import (
    autoregressive,
    error_of_many,
    forecast_powers,
    forecast_price,
    persistence,
    unbiased_factor,
)
from cosim.inputs.profiles import Powers
from cosim.scenario import Forecasts


def generators(seed: int, count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(it) for it in np.random.SeedSequence(seed).spawn(count)]


def powers(rows: int = 4000, prosumers: int = 30, buses: int = 8) -> Powers:
    solar = np.maximum(np.sin(np.arange(rows) / 96 * 2 * np.pi), 0.0)
    return Powers(
        load_kw=np.full((rows, prosumers), 2.0),
        load_kvar=np.full((rows, prosumers), -0.5),
        pv_kw=np.tile(solar[:, None], prosumers),
        heat_pump_kw=np.ones((rows, prosumers)),
        passive_kw=np.full((rows, buses), 20.0),
        passive_kvar=np.full((rows, buses), 5.0),
        generation_kw=np.tile(solar[:, None], buses),
        generation_kvar=np.zeros((rows, buses)),
    )


def forecast(actual: Powers, settings: Forecasts, homes: float = 1.0) -> Powers:
    count, buses = actual.load_kw.shape[1], actual.passive_kw.shape[1]
    return forecast_powers(
        actual,
        settings,
        prosumer_homes=np.full(count, homes),
        passive_homes=np.full(buses, 16.0),
        streams=(
            generators(1, count),
            np.random.default_rng(2),
            np.random.default_rng(3),
        ),
    )


def test_errors_have_the_stated_mean_spread_and_memory() -> None:
    settings = Forecasts(load_error=0.2, hours_of_memory=4.0)
    actual = powers()
    ratio = forecast(actual, settings).load_kw / actual.load_kw
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    assert ratio.std() == pytest.approx(0.2, rel=0.04)
    error = ratio - 1.0
    for lag_h in (0.25, 4.0):
        lag = int(lag_h * 4)
        correlation = (error[lag:] * error[:-lag]).mean() / error.var()
        assert correlation == pytest.approx(np.exp(-lag_h / 4.0), abs=0.05)


def test_reactive_power_errs_with_active_power() -> None:
    actual = powers(rows=200)
    guess = forecast(actual, Forecasts())
    assert guess.load_kvar / actual.load_kvar == pytest.approx(guess.load_kw / actual.load_kw)
    assert guess.passive_kvar * 4.0 == pytest.approx(guess.passive_kw)


def test_solar_errors_are_common_and_nights_stay_dark() -> None:
    actual = powers()
    guess = forecast(actual, Forecasts(pv_error=0.15))
    dark = actual.pv_kw == 0.0
    assert (guess.pv_kw[dark] == 0.0).all()
    assert (guess.pv_kw[:, 0] == guess.pv_kw[:, -1]).all()
    assert (guess.pv_kw[~dark] != actual.pv_kw[~dark]).all()


def test_the_errors_of_many_homes_average_out() -> None:
    actual = powers()
    guess = forecast(actual, Forecasts(load_error=0.2), homes=4.0)
    assert (guess.load_kw / actual.load_kw).std() == pytest.approx(0.1, rel=0.05)
    assert (guess.passive_kw / actual.passive_kw).std() == pytest.approx(0.05, rel=0.08)
    assert error_of_many(0.2, np.array([0.5, 1.0, 100.0])) == pytest.approx([0.2, 0.2, 0.03])
    assert error_of_many(0.01, np.array([1.0, 100.0])) == pytest.approx(0.01)


def test_without_errors_the_forecast_is_what_happens() -> None:
    actual = powers(rows=100)
    guess = forecast(actual, Forecasts(load_error=0.0, pv_error=0.0))
    for field in fields(Powers):
        assert getattr(guess, field.name) == pytest.approx(getattr(actual, field.name))


@pytest.mark.parametrize("error", [0.0, 0.2, 1.0])
def test_factors_are_positive_and_unbiased_even_for_large_errors(error: float) -> None:
    factor = unbiased_factor(np.random.default_rng(0).standard_normal(400_000), error)
    assert (factor > 0.0).all()
    assert factor.mean() == pytest.approx(1.0, abs=0.01)
    assert factor.std() == pytest.approx(error, rel=0.03)


def test_price_errors_add_up_and_prices_may_be_negative() -> None:
    price = np.full(200_000, -0.001)
    settings = Forecasts(price_error_eur_per_kwh=0.005)
    guess = forecast_price(price, settings, np.random.default_rng(0))
    assert (guess - price).mean() == pytest.approx(0.0, abs=2e-4)
    assert (guess - price).std() == pytest.approx(0.005, rel=0.03)
    assert guess.min() < 0.0


def test_the_process_is_stationary_from_its_first_value() -> None:
    correlation = persistence(Forecasts(hours_of_memory=4.0))
    process = autoregressive(np.random.default_rng(0).standard_normal((3, 200_000)), correlation)
    assert process.std(axis=1) == pytest.approx(1.0, abs=0.01)


def test_no_prosumers_have_a_forecast_too() -> None:
    assert forecast(powers(rows=10, prosumers=0), Forecasts()).load_kw.shape == (10, 0)
