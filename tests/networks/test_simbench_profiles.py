import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from networks import simbench_profiles
from networks.errors import NetworkError
from networks.shifts import OFFSETS, SHIFT_COUNT, UNSHIFTED, all_copies, shifted_rows
from networks.simbench_profiles import (
    BLOCKS,
    HOUSEHOLDS,
    QUARTER_HOURS,
    YearProfiles,
    cache_file,
    regular_axis,
    year_profiles,
)


@pytest.fixture(scope="module")
def year() -> YearProfiles:
    return year_profiles()


def test_the_axis_is_regular_and_covers_local_2016(year: YearProfiles) -> None:
    assert len(year.start_utc) == QUARTER_HOURS
    assert (np.diff(year.start_utc) == np.timedelta64(15, "m")).all()
    assert year.start_utc[0] == np.datetime64("2015-12-31T23:00")
    assert year.start_utc[-1] == np.datetime64("2016-12-31T22:45")


def test_clocks_skip_an_hour_in_march_and_repeat_one_in_october(year: YearProfiles) -> None:
    steps = np.diff(year.wall_quarter)
    jumps = {str(year.start_utc[i + 1]): int(steps[i]) for i in np.flatnonzero(steps != 1)}
    assert jumps == {"2016-03-27T01:00": 5, "2016-10-30T01:00": -3}


def test_the_sun_does_not_keep_summer_time(year: YearProfiles) -> None:
    def middle_of_day(first: str, days: int) -> float:
        begin = int(np.searchsorted(year.start_utc, np.datetime64(first)))
        solar = year.solar_pu[0, begin : begin + 96 * days].reshape(days, 96).sum(axis=0)
        return float((solar * np.arange(96)).sum() / solar.sum() / 4.0)

    # Read as if the stamps were UTC or standard time, the two weeks would differ by an hour.
    before, after = middle_of_day("2016-03-20", 7), middle_of_day("2016-03-28", 7)
    assert after == pytest.approx(before, abs=0.4)


def test_profiles_are_per_peak_and_never_negative(year: YearProfiles) -> None:
    for values in (year.household_pu, year.block_pu, year.heat_pump_pu):
        assert values.min() >= 0.0
        assert values.max(axis=1) == pytest.approx(1.0, abs=1e-6)
    assert year.solar_pu.min() == 0.0
    assert (year.solar_kwh_per_kwp > 570).all()
    assert (year.solar_kwh_per_kwp < 700).all()
    assert len(year.block_pu) == len(BLOCKS)


def test_households_have_the_published_full_load_hours(year: YearProfiles) -> None:
    hours = year.household_pu.sum(axis=1, dtype=np.float64) / 4.0
    assert hours == pytest.approx([1222, 776, 1031, 611, 496], abs=1.0)


def test_nominal_powers_are_simbenchs_own(year: YearProfiles) -> None:
    assert len(year.nominal_kw) == len(HOUSEHOLDS)
    for active, reactive in zip(year.nominal_kw, year.nominal_kvar, strict=True):
        assert 1.0 <= active.min() <= active.max() <= 12.0
        assert 2.7 <= active.mean() <= 3.3
        assert (reactive / active) == pytest.approx(0.4, abs=0.11)


def test_shifted_copies_keep_hour_and_weekday_across_the_change_of_clocks(
    year: YearProfiles,
) -> None:
    rows = np.arange(30 * 96 * 2, 30 * 96 * 4)
    copies = shifted_rows(year, np.arange(SHIFT_COUNT), rows)
    moved = (year.wall_quarter[rows] - year.wall_quarter[copies]) % QUARTER_HOURS
    expected = (OFFSETS % QUARTER_HOURS)[:, None]
    skipped = (moved - expected) % QUARTER_HOURS
    assert set(np.unique(skipped)) <= {0, 4}  # four where the copy falls into the skipped hour
    assert (skipped == 4).sum() <= SHIFT_COUNT * 4


def test_an_unshifted_copy_is_the_profile_itself(year: YearProfiles) -> None:
    rows = np.arange(1000, 2000)
    copies = all_copies(year, year.household_pu, rows)
    assert copies.shape == (len(HOUSEHOLDS) * SHIFT_COUNT, 1000)
    assert (copies[2 * SHIFT_COUNT + UNSHIFTED] == year.household_pu[2, rows]).all()


def test_shifts_wrap_at_the_years_ends(year: YearProfiles) -> None:
    latest = int(np.argmax(OFFSETS))
    row = shifted_rows(year, np.array([latest]), np.array([0]))[0, 0]
    assert year.wall_quarter[row] == QUARTER_HOURS - OFFSETS[latest]


def test_a_cache_is_written_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIM_CACHE", str(tmp_path / "new"))
    first = year_profiles()
    assert [path.name for path in (tmp_path / "new").iterdir()] == [cache_file().name]

    def unreachable(folder: Path) -> None:
        pytest.fail(f"{folder} was read although there is a cache")

    monkeypatch.setattr(simbench_profiles, "read_tables", unreachable)
    second = year_profiles()
    assert (first.household_pu == second.household_pu).all()
    assert (first.start_utc == second.start_utc).all()


@pytest.mark.parametrize("keep", [0, 100, 4_000_000])
def test_a_damaged_cache_is_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: YearProfiles, keep: int
) -> None:
    monkeypatch.setenv("COSIM_CACHE", str(tmp_path))
    with cache_file().open("wb") as file:
        np.savez(file, start_minutes=np.zeros(3))
    content = cache_file().read_bytes() * 10_000
    cache_file().write_bytes(content[:keep])
    assert (year_profiles().solar_pu == year.solar_pu).all()
    with np.load(cache_file()) as archive:
        assert archive["solar_pu"].shape == year.solar_pu.shape


def test_a_cache_of_other_shape_is_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: YearProfiles
) -> None:
    monkeypatch.setenv("COSIM_CACHE", str(tmp_path))
    with cache_file().open("wb") as file:
        np.savez(file, start_minutes=np.zeros(3))
    assert (year_profiles().start_utc == year.start_utc).all()


def test_a_cache_folder_that_cannot_be_made_only_costs_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: YearProfiles
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("COSIM_CACHE", str(blocked))
    assert (year_profiles().block_pu == year.block_pu).all()
    assert blocked.read_text() == "not a folder"


def test_a_missing_simbench_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NetworkError, match="pip install simbench"):
        year_profiles()


def test_missing_files_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simbench_profiles, "DATASET", "nowhere")
    with pytest.raises(NetworkError) as caught:
        simbench_profiles.simbench_folder()
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("change", "row", "message"),
    [
        (1, "01.01.2016 00:30", "row 2 is stamped '01.01.2016 00:30', expected is"),
        (8264, "27.03.2016 02:00", "row 8265 is stamped '27.03.2016 02:00', expected is"),
    ],
)
def test_stamps_that_are_not_local_quarter_hours_are_refused(
    year: YearProfiles, change: int, row: str, message: str
) -> None:
    local = pd.DatetimeIndex(year.start_utc).tz_localize("UTC").tz_convert("Europe/Berlin")
    stamps = pd.Series(local.strftime("%d.%m.%Y %H:%M"))
    assert (regular_axis(stamps, Path("LoadProfile.csv")) == year.start_utc.astype(int)).all()
    stamps.iloc[change] = row
    with pytest.raises(NetworkError, match=message):
        regular_axis(stamps, Path("LoadProfile.csv"))


def test_missing_values_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "LoadProfile.csv"
    path.write_text("time;H0-A_pload\n01.01.2016 00:00;0.1\n01.01.2016 00:15;\n")
    with pytest.raises(NetworkError, match="2 rows with 1 missing values"):
        simbench_profiles.read_columns(path, ["time", "H0-A_pload"])


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "LoadProfile.csv"
    path.write_text("time;H0-A_pload\n")
    with pytest.raises(NetworkError, match="H0-B_pload"):
        simbench_profiles.read_columns(path, ["time", "H0-B_pload"])
