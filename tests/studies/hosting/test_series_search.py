"""The shortcut through a series finds what the whole series says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cosim.studies.hosting import series_search
from cosim.studies.hosting.bisection import bisect
from cosim.studies.hosting.criteria import PRESETS
from cosim.studies.hosting.judge import Lever
from cosim.studies.hosting.series_search import bisect_series
from cosim.studies.hosting.study_parts import deployments_of
from tests.studies.hosting.hosting_cases import prepared_for

BANDS = replace(
    PRESETS["en50160"],
    voltage_min_pu=0.985,
    voltage_max_pu=1.02,
    share_of_time=0.9,
    voltage_lowest_pu=0.9,
    voltage_highest_pu=1.1,
    line_max_percent=np.inf,
    transformer_max_percent=np.inf,
)
CASES = {"always": PRESETS["ansi_a"], "rise": PRESETS["de_lv"], "share of time": BANDS}
DAYS = [f"2016-06-{day}" for day in range(11, 20)]


@pytest.mark.parametrize("technology", ["pv", "ev", "heat_pump"])
@pytest.mark.parametrize("case", list(CASES))
def test_both_ways_find_the_same(
    technology: str, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Few first points, so that the search has to learn of others.
    monkeypatch.setattr(series_search, "FIRST_POINTS", 2)
    prepared = prepared_for(technology=technology, window={"days": DAYS})
    drawn = deployments_of(prepared, range(3), 2000.0)
    lever = Lever(prepared.grid, CASES[case], drawn)
    search = prepared.search(grid_levels=0)
    whole = bisect(lever, drawn, search, lever="x")
    short = bisect_series(lever, search, name="x", scale_kw=prepared.scale_kw)
    for name in ("hosting_kw", "limiting", "element", "value", "limit", "plants", "monotone"):
        assert np.array_equal(getattr(whole, name), getattr(short, name), equal_nan=True), name
    assert np.all(whole.hosting_kw > 0.0)


def test_weeks_are_seven_days_and_the_rest() -> None:
    points = prepared_for(window={"days": DAYS}).grid.points
    assert np.bincount(points.week).tolist() == [7 * 96, 2 * 96]
    apart = prepared_for(window={"days": ["2016-01-01", "2016-06-13", "2016-06-14"]}).grid.points
    assert np.bincount(apart.week).tolist() == [96, 2 * 96]
    assert apart.start_utc is not None
    assert str(apart.start_utc[96]) == "2016-06-12T22:00"


@pytest.mark.parametrize(
    ("technology", "low", "high"), [("pv", -1.0, 0.0), ("ev", 0.0, 1.0), ("heat_pump", 0.0, 1.0)]
)
def test_courses_are_of_one_installed_kw(technology: str, low: float, high: float) -> None:
    points = prepared_for(technology=technology, window={"days": DAYS}).grid.points
    assert points.course.min() >= low
    assert points.course.max() <= high
    assert np.abs(points.course).max() > 0.05


@pytest.mark.slow
def test_vehicles_charge_what_their_homes_ask_for() -> None:
    """8 kWh on most evenings, over all homes and the whole year."""
    prepared = prepared_for(technology="ev", window={"kind": "year"})
    points = prepared.grid.points
    per_day = points.course[:, prepared.placed.homes.bus[0]].sum() * 0.25 * 11.0 / 366
    assert 8.0 * 0.70 <= per_day <= 8.0 * 0.85


@pytest.mark.slow
def test_the_sun_of_a_year_yields_what_it_should() -> None:
    points = prepared_for(window={"kind": "year"}).grid.points
    assert -points.course[:, 1].sum() * 0.25 == pytest.approx(950.0, rel=1e-6)


def test_typical_days_are_six_at_most() -> None:
    points: Any = prepared_for(window={"kind": "typical"}).grid.points
    assert 4 * 96 <= len(points.week) <= 6 * 96
