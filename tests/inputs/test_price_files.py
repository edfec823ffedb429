"""Price files: what is accepted, what is refused, and what the message says."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import PriceError
from cosim.inputs.price_cells import parse_numbers
from cosim.inputs.price_files import read_price_file
from cosim.scenario import Prices

BERLIN = ZoneInfo("Europe/Berlin")


def settings(path: Path, **more: str) -> Prices:
    """Return settings that read `path`."""
    return Prices.model_validate({"source": "file", "file": path, **more})


def plain(path: Path, **more: str) -> Prices:
    """Return settings of a two-column CSV in UTC and EUR/MWh, unless `more` says otherwise."""
    return settings(path, **{"unit": "EUR/MWh", "time_zone": "UTC", **more})


def local_hours(first: str, hours: int) -> list[str]:
    """Return wall-clock stamps of consecutive hours in Berlin."""
    start = datetime.fromisoformat(first).replace(tzinfo=BERLIN).astimezone(ZoneInfo("UTC"))
    return [
        (start + timedelta(hours=hour)).astimezone(BERLIN).strftime("%Y-%m-%d %H:%M")
        for hour in range(hours)
    ]


def write(folder: Path, text: str, name: str = "prices.csv", encoding: str = "utf-8") -> Path:
    """Write `text` and return where."""
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def smard(folder: Path, prices: list[float | None], step_ms: int = 3_600_000) -> Path:
    """Write a SMARD file that begins at 2018-12-31 23:00 UTC."""
    series = [[1_546_297_200_000 + step_ms * i, price] for i, price in enumerate(prices)]
    return write(folder, json.dumps({"series": series}), "smard.txt")


def problems_of(prices: Prices) -> str:
    """Return all problems of a file that must be refused, one per line."""
    with pytest.raises(PriceError) as caught:
        read_price_file(prices)
    assert all(str(prices.file) in problem for problem in caught.value.problems)
    return "\n".join(caught.value.problems)


def test_smard_is_read_and_its_trailing_nulls_are_left_out(tmp_path: Path) -> None:
    series = read_price_file(settings(smard(tmp_path, [28.32, -4.08, 10.0, None, None])))
    assert series.start_utc[0] == np.datetime64("2018-12-31T23:00")
    np.testing.assert_allclose(series.price_eur_per_kwh, [0.02832, -0.00408, 0.01])
    origin = series.provenance
    assert origin.kind == "SMARD JSON"
    assert origin.end_utc == np.datetime64("2019-01-01T02:00")
    assert "2 trailing null entries left out" in origin.conversions
    assert origin.label == "smard.txt, EUR/MWh"
    assert len(origin.sha256) == 64


def test_null_inside_a_smard_file_stays_missing(tmp_path: Path) -> None:
    series = read_price_file(settings(smard(tmp_path, [28.0, None, 10.0])))
    np.testing.assert_array_equal(np.isnan(series.price_eur_per_kwh), [False, True, False])
    assert series.provenance.missing_count == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{]", "not valid"),
        ('{"prices": []}', 'without a list "series"'),
        ('{"series": [[1546297200000, "28"], [1546300800000, 3]]}', "first: entry 1"),
        ('{"series": [[1546297200000, NaN], [1546300800000, 3]]}', "first: entry 1"),
        ('{"series": []}', "holds 0 prices"),
    ],
)
def test_broken_smard_files_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in problems_of(settings(write(tmp_path, text)))


def test_settings_that_contradict_the_format_are_refused_together(tmp_path: Path) -> None:
    path = smard(tmp_path, [28.0, 10.0])
    found = problems_of(
        settings(path, unit="EUR/kWh", time_zone="Europe/Berlin", column="x", price_area="DK1")
    )
    assert len(found.splitlines()) == 4


ENERGI = "HourUTC,HourDK,PriceArea,SpotPriceDKK,SpotPriceEUR"


def test_energi_data_service_with_byte_order_mark_newest_first(tmp_path: Path) -> None:
    text = (
        f"\ufeff{ENERGI}\r\n"
        "2022-03-20T02:00:00+00:00,2022-03-20T03:00:00,DK1,849.61,-1.06\r\n"
        "2022-03-20T01:00:00+00:00,2022-03-20T02:00:00,DK1,694.69,93.36\r\n"
        "2022-03-20T00:00:00+00:00,2022-03-20T01:00:00,DK1,819.06,110.07\r\n"
    )
    series = read_price_file(settings(write(tmp_path, text)))
    assert series.start_utc[0] == np.datetime64("2022-03-20T00:00")
    np.testing.assert_allclose(series.price_eur_per_kwh, [0.11007, 0.09336, -0.00106])
    assert series.provenance.label == "prices.csv, SpotPriceEUR, EUR/MWh"


def test_energi_data_service_with_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    text = (
        "TimeUTC;TimeDK;PriceArea;DayAheadPriceEUR;DayAheadPriceDKK\n"
        "2025-10-01 00:15;2025-10-01 02:15;DK1;1.093,36;8000,1\n"
        "2025-10-01 00:00;2025-10-01 02:00;DK1;110,07;819,06\n"
    )
    series = read_price_file(settings(write(tmp_path, text)))
    np.testing.assert_allclose(series.price_eur_per_kwh, [0.11007, 1.09336])
    assert series.provenance.resolution_minutes == 15
    assert {"decimal comma", "thousands point"} <= set(series.provenance.conversions)


def two_areas(folder: Path) -> Path:
    """Write a file with two price areas."""
    rows = [
        f"2022-03-20T0{hour}:00:00,,{area},1,{price + hour}"
        for hour in (1, 0)
        for area, price in (("DK1", 50), ("DK2", 70))
    ]
    return write(folder, "\n".join([ENERGI, *rows]))


def test_several_price_areas_need_a_choice(tmp_path: Path) -> None:
    path = two_areas(tmp_path)
    assert "price_area must be chosen; allowed: DK1, DK2" in problems_of(settings(path))
    wrong = problems_of(settings(path, price_area="SE3"))
    assert 'price_area = "SE3" cannot be used; allowed: DK1, DK2' in wrong
    series = read_price_file(settings(path, price_area="DK2"))
    np.testing.assert_allclose(series.price_eur_per_kwh, [0.070, 0.071])


def test_several_price_columns_need_a_choice_in_eur(tmp_path: Path) -> None:
    text = (
        "HourUTC,PriceArea,UpDKK,UpEUR,DownEUR\n"
        "2021-01-01T01:00,DK1,400,50,40\n2021-01-01T00:00,DK1,401,51,\n"
    )
    path = write(tmp_path, text)
    assert "column must be chosen; allowed: UpEUR, DownEUR" in problems_of(settings(path))
    wrong = problems_of(settings(path, column="UpDKK"))
    assert 'column = "UpDKK" cannot be used; allowed: UpEUR, DownEUR' in wrong
    series = read_price_file(settings(path, column="UpEUR"))
    np.testing.assert_allclose(series.price_eur_per_kwh, [0.051, 0.050])


def test_plain_file_needs_unit_and_time_zone(tmp_path: Path) -> None:
    path = write(tmp_path, "2019-01-01 00:00,28\n2019-01-01 01:00,10\n")
    found = problems_of(settings(path))
    assert "unit must be stated" in found
    assert "time_zone must be stated" in found
    assert '"Mars/Olympus" is unknown' in problems_of(plain(path, time_zone="Mars/Olympus"))


def test_plain_file_in_eur_per_kwh_is_taken_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, "time,EUR/kWh\n2019-01-01T00:00Z,0.28\n2019-01-01T02:00+01:00,-0.1\n")
    series = read_price_file(settings(path, unit="EUR/kWh"))
    np.testing.assert_allclose(series.price_eur_per_kwh, [0.28, -0.1])
    assert series.start_utc[1] == np.datetime64("2019-01-01T01:00")


def test_german_spreadsheet_with_points_commas_and_no_break_spaces(tmp_path: Path) -> None:
    text = "Zeit;Preis (€/MWh)\n01.01.2019 00:00;1.234,56\n01.01.2019 01:00;\u22121\u00a0000,5\n"
    series = read_price_file(
        plain(write(tmp_path, text, encoding="utf-8-sig"), time_zone="Europe/Berlin")
    )
    assert series.start_utc[0] == np.datetime64("2018-12-31T23:00")
    np.testing.assert_allclose(series.price_eur_per_kwh, [1.23456, -1.0005])


def test_windows_encoding_is_read(tmp_path: Path) -> None:
    text = "Zeit;Preis €/MWh\n01.01.2019 00:00;12,5\n01.01.2019 01:00;10\n"
    series = read_price_file(plain(write(tmp_path, text, encoding="cp1252")))
    np.testing.assert_allclose(series.price_eur_per_kwh, [0.0125, 0.010])


@pytest.mark.parametrize("newest_first", [False, True])
def test_long_autumn_day_is_read_in_order(tmp_path: Path, newest_first: bool) -> None:
    rows = [f"{stamp},{20 + i}" for i, stamp in enumerate(local_hours("2019-10-27 00:00", 25))]
    assert rows[2].startswith("2019-10-27 02:00")
    assert rows[3].startswith("2019-10-27 02:00")
    path = write(tmp_path, "\n".join(["time,price", *(rows[::-1] if newest_first else rows)]))
    series = read_price_file(plain(path, time_zone="Europe/Berlin"))
    assert series.start_utc[0] == np.datetime64("2019-10-26T22:00")
    np.testing.assert_allclose(series.price_eur_per_kwh * 1000, np.arange(20, 45))
    assert any("occurs twice" in note for note in series.provenance.conversions)


def test_long_autumn_day_in_quarter_hours(tmp_path: Path) -> None:
    stamps = [
        stamp[:-2] + f"{15 * quarter:02d}"
        for stamp in local_hours("2019-10-27 00:00", 25)
        for quarter in range(4)
    ]
    rows = [f"{stamp};{20 + i}" for i, stamp in enumerate(stamps)]
    series = read_price_file(plain(write(tmp_path, "\n".join(rows)), time_zone="Europe/Berlin"))
    assert series.provenance.resolution_minutes == 15
    np.testing.assert_allclose(series.price_eur_per_kwh * 1000, np.arange(20, 120))


def test_short_spring_day_is_regular_in_utc(tmp_path: Path) -> None:
    rows = [f"{stamp},{i}.5" for i, stamp in enumerate(local_hours("2019-03-31 00:00", 23))]
    series = read_price_file(plain(write(tmp_path, "\n".join(rows)), time_zone="Europe/Berlin"))
    assert len(series.start_utc) == 23
    assert series.provenance.missing_count == 0


def test_hour_that_never_happened_is_named_by_line(tmp_path: Path) -> None:
    rows = [f"2019-03-31 {hour:02d}:00,{hour}" for hour in range(24)]
    path = write(tmp_path, "\n".join(["time,price", *rows]))
    found = problems_of(plain(path, time_zone="Europe/Berlin"))
    assert "line 4: '2019-03-31 02:00'" in found
    assert "Etc/GMT-1" in found
    fixed = read_price_file(plain(path, time_zone="Etc/GMT-1"))
    assert fixed.start_utc[0] == np.datetime64("2019-03-30T23:00")


def test_leap_day_is_read_and_absent_elsewhere(tmp_path: Path) -> None:
    leap = write(tmp_path, "2016-02-28 23:00,5\n2016-02-29 00:00,6\n2016-02-29 01:00,7\n")
    assert len(read_price_file(plain(leap)).start_utc) == 3
    other = write(tmp_path, "2019-02-28 23:00,5\n2019-02-29 00:00,6\n")
    assert "line 2: '2019-02-29 00:00'" in problems_of(plain(other))


def test_stamps_at_the_end_of_periods_are_noticed(tmp_path: Path) -> None:
    stamps = [*local_hours("2019-01-01 01:00", 23), "2019-01-02 00:00"]
    rows = [f"{stamp},{i}" for i, stamp in enumerate(stamps)]
    found = problems_of(plain(write(tmp_path, "\n".join(rows)), time_zone="Europe/Berlin"))
    assert "must be the start, 60 min earlier" in found
    later = write(tmp_path, "2019-01-01 23:00,5\n2019-01-01 24:00,6\n")
    assert "line 2: '2019-01-01 24:00'" in problems_of(plain(later))


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ((28.3, 10.0, -4.0), "EUR/kWh", 'set unit = "EUR/MWh"'),
        ((0.283, 0.1, -0.04), "EUR/MWh", 'set unit = "EUR/kWh"'),
    ],
)
def test_wrong_unit_is_noticed_both_ways(
    tmp_path: Path, values: tuple[float, ...], unit: str, expected: str
) -> None:
    rows = [f"2019-01-01 0{hour}:00,{value}" for hour, value in enumerate(values)]
    assert expected in problems_of(plain(write(tmp_path, "\n".join(rows)), unit=unit))


def test_prices_of_zero_are_no_wrong_unit(tmp_path: Path) -> None:
    path = write(tmp_path, "2019-01-01 00:00,0\n2019-01-01 01:00,0\n")
    np.testing.assert_array_equal(read_price_file(plain(path)).price_eur_per_kwh, 0.0)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Preis [EUR/kWh]", 'names EUR/kWh, but unit = "EUR/MWh"'),
        ("Price (GBP/MWh)", "names GBP"),
        ("SpotPrice DKK", "names DKK"),
        ("ct/kWh", "names ct/kWh"),
    ],
)
def test_header_that_contradicts_the_unit_is_refused(
    tmp_path: Path, header: str, expected: str
) -> None:
    text = f"time,{header}\n2019-01-01 00:00,20\n2019-01-01 01:00,10\n"
    assert expected in problems_of(plain(write(tmp_path, text)))


def test_repeated_prices_must_agree(tmp_path: Path) -> None:
    agreeing = "2019-01-01 00:00,20\n2019-01-01 01:00,10\n2019-01-01 01:00,10\n"
    series = read_price_file(plain(write(tmp_path, agreeing)))
    assert len(series.start_utc) == 2
    assert "1 repeated prices left out" in series.provenance.conversions
    found = problems_of(plain(write(tmp_path, agreeing + "2019-01-01 00:00,21\n")))
    assert "2019-01-01 00:00 UTC: 20 and 21 (lines 1 and 4)" in found


def test_hourly_values_presented_as_quarter_hours_are_accepted(tmp_path: Path) -> None:
    rows = [f"2019-01-01 0{i // 4}:{15 * (i % 4):02d},{20 + i // 4}" for i in range(8)]
    series = read_price_file(plain(write(tmp_path, "\n".join(rows))))
    assert series.provenance.resolution_minutes == 15
    np.testing.assert_allclose(series.price_eur_per_kwh, np.repeat([0.020, 0.021], 4))


def test_gaps_stay_missing_and_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f"2019-01-01 0{h}:00,{h + 5}\n" for h in (0, 1, 4, 5, 6)))
    series = read_price_file(plain(path))
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(series.price_eur_per_kwh)), [2, 3])
    assert series.provenance.missing_count == 2


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        (["2019-01-01 00:00", "2019-01-01 00:30", "2019-01-01 01:00"], "30 minutes apart"),
        (["2019-01-01", "2019-01-02", "2019-01-03"], "1440 minutes apart"),
        (["2019-01-01 00:05", "2019-01-01 01:05"], "not on a quarter hour"),
        (
            ["2019-01-01 00:00", "2019-01-01 01:00", "2019-01-01 02:00", "2019-01-01 02:15"],
            "1 periods lie in between: 2019-01-01 02:15 UTC",
        ),
        (["2019-01-01 00:00", "2019-01-01 01:00", "2919-01-01 02:00"], "is a year mistyped?"),
        (["2019-01-01 00:00", "2019-01-01 01:00:30"], "line 2: '2019-01-01 01:00:30'"),
        (["01/02/2019 00:00", "01/02/2019 01:00"], "line 1: '01/02/2019 00:00'"),
        (["2019-01-01 00:00", "2019-01-01 01:00Z"], "line 2: stamps with and without"),
        (["2019-01-01 00:00"], "holds 1 prices"),
    ],
)
def test_other_grids_and_stamps_are_refused(
    tmp_path: Path, stamps: list[str], expected: str
) -> None:
    rows = [f"{stamp},{5 + i}" for i, stamp in enumerate(stamps)]
    assert expected in problems_of(plain(write(tmp_path, "\n".join(rows))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("time;price\n2019-01-01 00:00;1,234.5\n2019-01-01 01:00;3\n", "line 2: '1,234.5'"),
        ("time,price\n2019-01-01 00:00,12,5\n2019-01-01 01:00,3,5\n", "a decimal comma needs"),
        ("time,price\n2019-01-01 00:00,abc\nyesterday,3\n", "line 3: 'yesterday'"),
        ("time,price\n2019-01-01 00:00,abc\nyesterday,3\n", "line 2: 'abc'"),
        ("time,price\n", "no prices"),
        ("", "is empty"),
        ("\n\n", "is empty"),
        ('time,"price\n2019-01-01 00:00,3\n', "is not valid CSV"),
        ("a,b,c\n1,2,3\n", "none of the accepted formats"),
        ("a\0b", "not a text file"),
    ],
)
def test_unusable_text_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in problems_of(plain(write(tmp_path, text)))


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    assert "No such file" in problems_of(plain(tmp_path / "none.csv"))
    assert "cannot be read" in problems_of(plain(tmp_path))


@given(st.lists(st.integers(-50_000_000, 50_000_000), min_size=1, max_size=20))
def test_german_and_plain_numbers_mean_the_same(cents: list[int]) -> None:
    plain_cells = [f"{cent / 100:.2f}" for cent in cents]
    german_cells = [
        f"{cent / 100:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".") for cent in cents
    ]
    lines = range(len(cents))
    expected, _ = parse_numbers(plain_cells, lines, decimal_comma=False)
    found, _ = parse_numbers(german_cells, lines, decimal_comma=True)
    np.testing.assert_array_equal(found, expected)
