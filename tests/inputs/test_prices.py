"""Prices of a run: from files, moved to other days, or synthetic; one path per environment."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from cosim.errors import PriceError
from cosim.inputs.prices import Needed, day_ahead_and_imbalance, price_problems
from cosim.scenario import Prices, Wholesale

BERLIN = "Europe/Berlin"


def check_prices(
    wholesale: Wholesale, start_utc: NDArray[np.datetime64], time_zone: str, first_day: date
) -> list[str]:
    """Return the problems of both series, as a scenario's are told."""
    needed = Needed(start_utc, time_zone, first_day)
    return [
        f"wholesale.{name}: {problem}"
        for name in ("day_ahead", "imbalance")
        for problem in price_problems(getattr(wholesale, name), needed)
    ]


def quarter_hours(first: str, days: int) -> NDArray[np.datetime64]:
    """Return the starts of all quarter hours of local days in Berlin, UTC."""
    start = pd.Timestamp(first, tz=BERLIN)
    end = pd.Timestamp(start.date() + pd.Timedelta(days=days), tz=BERLIN)
    index = pd.date_range(start, end, freq="15min", inclusive="left")
    return np.asarray(index.tz_convert(None).to_numpy().astype("datetime64[m]"))


def generators(count: int) -> list[np.random.Generator]:
    """Return independent generators, the same ones for the same place in the list."""
    return [np.random.default_rng([7, number]) for number in range(count)]


def file_settings(path: Path, **more: object) -> Prices:
    """Return settings of a two-column CSV in UTC and EUR/MWh."""
    plain = {"unit": "EUR/MWh", "time_zone": "UTC"} if path.suffix == ".csv" else {}
    return Prices.model_validate({"source": "file", "file": path, **plain, **more})


def hourly_file(folder: Path, first_utc: str, hours: int, gap: slice = slice(0)) -> Path:
    """Write hourly prices 10, 11, 12, ... EUR/MWh in UTC, with a gap where wanted."""
    stamps = np.datetime64(first_utc, "h") + np.arange(hours)
    rows = [f"{stamp}:00,{10 + i}" for i, stamp in enumerate(stamps)]
    del rows[gap]
    path = folder / "hourly.csv"
    path.write_text("\n".join(rows))
    return path


def test_hourly_file_is_repeated_on_quarter_hours_for_every_environment(tmp_path: Path) -> None:
    file = file_settings(hourly_file(tmp_path, "2016-06-12T22", 48))
    paths = day_ahead_and_imbalance(
        Wholesale(day_ahead=file, imbalance=file),
        quarter_hours("2016-06-13", 2),
        BERLIN,
        date(2016, 6, 13),
        generators(3),
    )
    expected = np.repeat(np.arange(10, 58), 4) / 1000.0
    for column in range(3):
        np.testing.assert_allclose(paths.day_ahead_eur_per_kwh[:, column], expected)
        np.testing.assert_allclose(paths.imbalance_eur_per_kwh[:, column], expected)
    assert paths.day_ahead_label == "hourly.csv, EUR/MWh"
    assert paths.day_ahead_provenance is not None
    assert paths.day_ahead_provenance.resolution_minutes == 60


def test_quarter_hourly_file_is_used_as_it_is(tmp_path: Path) -> None:
    stamps = quarter_hours("2016-06-13", 1)
    path = tmp_path / "quarters.csv"
    path.write_text("\n".join(f"{stamp},{5 + i}" for i, stamp in enumerate(stamps)))
    paths = day_ahead_and_imbalance(
        Wholesale(day_ahead=file_settings(path)), stamps, BERLIN, date(2016, 6, 13), generators(1)
    )
    np.testing.assert_allclose(paths.day_ahead_eur_per_kwh[:, 0] * 1000, 5 + np.arange(96))


def test_first_day_of_the_file_keeps_the_local_clock_across_seasons(tmp_path: Path) -> None:
    # Local midnight is 22:00 UTC in June and 23:00 UTC in January.
    file = file_settings(hourly_file(tmp_path, "2018-12-31T23", 48), first_day=date(2019, 1, 1))
    paths = day_ahead_and_imbalance(
        Wholesale(day_ahead=file),
        quarter_hours("2016-06-13", 2),
        BERLIN,
        date(2016, 6, 13),
        generators(1),
    )
    expected = np.repeat(np.arange(10, 58), 4) / 1000.0
    np.testing.assert_allclose(paths.day_ahead_eur_per_kwh[:, 0], expected)
    assert paths.day_ahead_label == "hourly.csv, EUR/MWh, from 2019-01-01"
    assert paths.imbalance_label == "hourly.csv, EUR/MWh, from 2019-01-01 + synthetic spread"


@pytest.mark.parametrize(
    ("run_day", "file_day", "hours_of_first_day", "next_day_starts_at"),
    [
        (date(2016, 3, 27), date(2019, 6, 3), 23, 24),  # a short day from an ordinary one
        (date(2016, 10, 30), date(2019, 6, 3), 25, 24),  # a long day from an ordinary one
        (date(2016, 6, 13), date(2019, 3, 31), 24, 23),  # an ordinary day from a short one
        (date(2016, 6, 13), date(2019, 10, 27), 24, 25),  # an ordinary day from a long one
        (date(2016, 3, 27), date(2019, 3, 31), 23, 23),
    ],
)
def test_days_of_other_length_start_at_midnight_again(
    tmp_path: Path, run_day: date, file_day: date, hours_of_first_day: int, next_day_starts_at: int
) -> None:
    begin = pd.Timestamp(file_day, tz=BERLIN).tz_convert(None).strftime("%Y-%m-%dT%H")
    file = file_settings(hourly_file(tmp_path, begin, 72), first_day=file_day)
    paths = day_ahead_and_imbalance(
        Wholesale(day_ahead=file),
        quarter_hours(str(run_day), 2),
        BERLIN,
        run_day,
        generators(1),
    )
    hour = np.rint(paths.day_ahead_eur_per_kwh[::4, 0] * 1000 - 10)
    np.testing.assert_array_equal(hour[:hours_of_first_day], np.arange(hours_of_first_day))
    np.testing.assert_array_equal(hour[hours_of_first_day:], next_day_starts_at + np.arange(24))


def test_range_that_does_not_cover_the_run_names_both_and_the_way_out(tmp_path: Path) -> None:
    path = hourly_file(tmp_path, "2018-12-31T23", 24 * 10)
    stamps = quarter_hours("2016-06-13", 2)
    found = check_prices(
        Wholesale(day_ahead=file_settings(path)), stamps, BERLIN, date(2016, 6, 13)
    )
    assert len(found) == 1
    assert "wholesale.day_ahead" in found[0]
    assert "covers 2018-12-31 23:00 UTC to 2019-01-10 23:00 UTC" in found[0]
    assert "needs 2016-06-12 22:00 UTC to 2016-06-14 22:00 UTC" in found[0]
    assert "first_day to a day from 2019-01-01 to 2019-01-09" in found[0]
    for day in (date(2019, 1, 1), date(2019, 1, 9)):
        wholesale = Wholesale(day_ahead=file_settings(path, first_day=day))
        assert check_prices(wholesale, stamps, BERLIN, date(2016, 6, 13)) == []
    late = Wholesale(day_ahead=file_settings(path, first_day=date(2019, 1, 10)))
    assert "but the run needs" in check_prices(late, stamps, BERLIN, date(2016, 6, 13))[0]
    week = quarter_hours("2016-06-13", 11)
    short = Wholesale(day_ahead=file_settings(path, first_day=date(2019, 1, 1)))
    assert "too short" in check_prices(short, week, BERLIN, date(2016, 6, 13))[0]


def test_missing_hours_matter_only_where_the_run_needs_them(tmp_path: Path) -> None:
    path = hourly_file(tmp_path, "2016-06-12T22", 96, gap=slice(30, 35))
    wholesale = Wholesale(day_ahead=file_settings(path))
    first = quarter_hours("2016-06-13", 1)
    assert check_prices(wholesale, first, BERLIN, date(2016, 6, 13)) == []
    found = check_prices(wholesale, quarter_hours("2016-06-13", 2), BERLIN, date(2016, 6, 13))
    assert len(found) == 1
    assert "5 hours that the run needs have no price: 2016-06-14 04:00 UTC" in found[0]


def test_null_hours_of_a_json_file_are_named(tmp_path: Path) -> None:
    begin = int(np.datetime64("2016-06-12T22", "h").astype(int))
    series: list[list[float | None]] = [[(begin + h) * 3_600_000, 20.0 + h] for h in range(24)]
    series[3][1] = None
    path = tmp_path / "smard.json"
    path.write_text(json.dumps({"series": series}))
    found = check_prices(
        Wholesale(day_ahead=file_settings(path)),
        quarter_hours("2016-06-13", 1),
        BERLIN,
        date(2016, 6, 13),
    )
    assert "1 hour that the run needs has no price: 2016-06-13 01:00 UTC" in found[0]


def test_problems_of_both_sources_come_at_once(tmp_path: Path) -> None:
    wholesale = Wholesale(
        day_ahead=Prices(source="file", file=tmp_path / "a.csv"),
        imbalance=Prices(file=tmp_path / "b.csv"),
    )
    stamps = quarter_hours("2016-06-13", 1)
    found = check_prices(wholesale, stamps, BERLIN, date(2016, 6, 13))
    assert len(found) == 2
    assert "wholesale.day_ahead" in found[0]
    assert "a.csv: cannot be read" in found[0]
    assert 'wholesale.imbalance: file = "' in found[1]
    assert 'source = "synthetic"' in found[1]
    with pytest.raises(PriceError) as caught:
        day_ahead_and_imbalance(wholesale, stamps, BERLIN, date(2016, 6, 13), generators(1))
    assert list(caught.value.problems) == found


@pytest.mark.parametrize("regime", ["calm", "volatile"])
def test_synthetic_prices_are_labelled_and_hourly(regime: str) -> None:
    wholesale = Wholesale(day_ahead=Prices.model_validate({"regime": regime}))
    stamps = quarter_hours("2016-06-13", 2)
    paths = day_ahead_and_imbalance(wholesale, stamps, BERLIN, date(2016, 6, 13), generators(4))
    assert paths.day_ahead_label == f"synthetic ({regime})"
    assert paths.imbalance_label == f"synthetic ({regime}) + synthetic spread"
    assert paths.day_ahead_provenance is None
    hours = paths.day_ahead_eur_per_kwh.reshape(48, 4, 4)
    np.testing.assert_array_equal(hours, np.repeat(hours[:, :1], 4, axis=1))
    assert np.all(np.ptp(paths.day_ahead_eur_per_kwh, axis=1) > 0.0)
    assert np.all(np.std(paths.imbalance_eur_per_kwh.reshape(48, 4, 4), axis=1) > 0.0)


@pytest.mark.parametrize("first", ["2016-06-13", "2016-03-26", "2016-10-29"])
def test_a_synthetic_path_knows_neither_the_run_length_nor_the_others(first: str) -> None:
    day = date.fromisoformat(first)
    long, short = quarter_hours(first, 5), quarter_hours(first, 2)[:-7]
    many = day_ahead_and_imbalance(Wholesale(), long, BERLIN, day, generators(3))
    one = day_ahead_and_imbalance(Wholesale(), short, BERLIN, day, generators(3)[2:])
    for name in ("day_ahead_eur_per_kwh", "imbalance_eur_per_kwh"):
        np.testing.assert_array_equal(
            getattr(one, name)[:, 0], getattr(many, name)[: len(short), 2]
        )


def test_the_synthetic_spread_is_the_same_on_day_ahead_prices_of_a_file(tmp_path: Path) -> None:
    stamps = quarter_hours("2016-06-13", 1)
    path = hourly_file(tmp_path, "2016-06-12T22", 24)
    arguments = (stamps, BERLIN, date(2016, 6, 13))
    drawn = day_ahead_and_imbalance(Wholesale(), *arguments, generators(2))
    read = day_ahead_and_imbalance(
        Wholesale(day_ahead=file_settings(path)), *arguments, generators(2)
    )
    np.testing.assert_allclose(
        read.imbalance_eur_per_kwh - read.day_ahead_eur_per_kwh,
        drawn.imbalance_eur_per_kwh - drawn.day_ahead_eur_per_kwh,
        atol=1e-12,
    )


def test_real_smard_year_serves_a_run_of_2016(real_data: Path) -> None:
    path = real_data / "prices-de" / "smard_da_hourly_DE_2019.json"
    wholesale = Wholesale(day_ahead=file_settings(path, first_day=date(2019, 6, 10)))
    paths = day_ahead_and_imbalance(
        wholesale, quarter_hours("2016-06-13", 7), BERLIN, date(2016, 6, 13), generators(2)
    )
    content = dict(json.loads(path.read_text())["series"])
    first = int(np.datetime64("2019-06-09T22:00", "ms").astype(int))
    expected = [content[first + 3_600_000 * hour] / 1000 for hour in range(168)]
    np.testing.assert_allclose(paths.day_ahead_eur_per_kwh[::4, 0], expected)


def test_real_balancing_prices_fail_only_on_the_missing_hour(real_data: Path) -> None:
    path = real_data / "prices-dk1" / "realtimeDK1_2021.csv"
    imbalance = file_settings(path, column="BalancingPowerPriceUpEUR")
    wholesale = Wholesale(imbalance=imbalance.model_copy(update={"unit": None, "time_zone": None}))
    june = quarter_hours("2021-06-14", 7)
    assert check_prices(wholesale, june, BERLIN, date(2021, 6, 14)) == []
    year = quarter_hours("2021-01-02", 360)
    found = check_prices(wholesale, year, BERLIN, date(2021, 1, 2))
    assert len(found) == 1
    assert "1 hour that the run needs has no price: 2021-" in found[0]
