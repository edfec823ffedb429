"""Real price files, read-only and never part of the project; skipped where absent."""

from pathlib import Path

import numpy as np
import pytest

from cosim.errors import PriceError
from cosim.inputs.price_files import PriceSeries, read_price_file
from cosim.scenario import Prices


def read(path: Path, column: str | None = None) -> PriceSeries:
    """Read a file whose format fixes its unit and time zone."""
    return read_price_file(Prices(source="file", file=path, column=column))


@pytest.mark.parametrize(
    ("year", "minimum", "mean", "maximum"),
    [(2019, -90, 37.7, 121), (2020, -84, 30.5, 200), (2021, -69, 96.9, 620)],
)
def test_real_smard_years(
    real_data: Path, year: int, minimum: float, mean: float, maximum: float
) -> None:
    path = real_data / "prices-de" / f"smard_da_hourly_DE_{year}.json"
    series = read(path)
    price = series.price_eur_per_kwh * 1000.0
    assert len(price) == (8784 if year == 2020 else 8760)
    assert series.provenance.missing_count == 0
    assert price.min() == pytest.approx(minimum, abs=0.5)
    assert price.mean() == pytest.approx(mean, abs=0.06)
    assert price.max() == pytest.approx(maximum, abs=0.5)


def test_real_danish_day_ahead_prices(real_data: Path) -> None:
    series = read(real_data / "prices-dk1" / "Elspot_DK1.csv")
    price = series.price_eur_per_kwh * 1000.0
    assert series.start_utc[0] == np.datetime64("2018-01-01T00:00")
    assert series.provenance.end_utc == np.datetime64("2022-03-21T00:00")
    assert series.provenance.missing_count == 0
    assert price.min() == pytest.approx(-58.8, abs=0.05)
    assert price.mean() == pytest.approx(54.1, abs=0.05)
    assert price.max() == pytest.approx(700, abs=0.5)


def test_real_danish_balancing_prices_lack_one_hour(real_data: Path) -> None:
    path = real_data / "prices-dk1" / "realtimeDK1_2021.csv"
    with pytest.raises(PriceError, match=r"column must be chosen.*BalancingPowerPriceUpEUR"):
        read(path)
    series = read(path, "BalancingPowerPriceUpEUR")
    assert series.provenance.missing_count == 1
    missing = series.start_utc[np.isnan(series.price_eur_per_kwh)]
    assert missing.astype("datetime64[Y]") == np.datetime64("2021")
