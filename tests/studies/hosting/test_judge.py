"""Judging: against a plain reading of the criteria, and whatever the batch."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.records import Floats
from cosim.studies.hosting import judge as judging
from cosim.studies.hosting.criteria import PRESETS, Criteria
from cosim.studies.hosting.deployments import by_share
from cosim.studies.hosting.judge import Grid, Lever, judge_installed, within_curtailment
from cosim.studies.hosting.records import Extremes, Limiting, OperatingPoints
from cosim.studies.hosting.study_parts import deployments_of
from networks.feeder import LINE
from tests.studies.hosting.hosting_cases import prepared_for


def made_up_series(seed: int, points: int, weeks: int) -> Grid:
    """Return three buses with random loads and sun."""
    power_flow = prepared_for().grid.power_flow
    random = np.random.default_rng(seed)
    shape = (points, 3)
    load = random.uniform(0.0, 12.0, shape) * np.array([0.0, 1.0, 1.0])
    return Grid(
        power_flow,
        OperatingPoints(
            label="",
            load_kw=load,
            load_kvar=0.3 * load,
            course=-random.uniform(0.0, 1.0, shape),
            kvar_per_kw=0.0,
            interval_h=0.25,
            start_utc=np.datetime64("2016-01-01T00:00", "m") + np.arange(points) * 15,
            week=np.sort(random.integers(0, weeks, points)),
        ),
    )


def plainly(grid: Grid, criteria: Criteria, installed: Floats) -> dict[Limiting, float]:
    """Return by how much every kind of limit is exceeded, read off all states at once."""
    points, feeder = grid.points, grid.power_flow.feeder
    plant = installed * points.course
    state = grid.power_flow.solve(points.load_kw + plant, points.load_kvar)
    without = grid.power_flow.solve(points.load_kw, points.load_kvar)
    voltage = state.voltage_pu
    change = voltage - without.voltage_pu
    line = feeder.branch_kind == LINE
    found = {
        Limiting.OVERVOLTAGE: (voltage - criteria.voltage_highest_pu).max(),
        Limiting.UNDERVOLTAGE: (criteria.voltage_lowest_pu - voltage).max(),
        Limiting.RISE: (change - criteria.rise_max_pu).max(),
        Limiting.DROP: (-change - criteria.drop_max_pu).max(),
        Limiting.LINE: (state.loading_percent[:, line].max() - criteria.line_max_percent) / 100.0,
    }
    for week in np.unique(points.week):
        of_week = voltage[points.week == week]
        beyond = np.maximum(of_week - criteria.voltage_max_pu, criteria.voltage_min_pu - of_week)
        share = criteria.share_of_time
        for bus in range(3):
            ordered = np.sort(beyond[:, bus])[::-1]
            place = int(np.floor((1.0 - share) * len(ordered) + 1e-9))
            worst = float(ordered[place])
            at = of_week[np.argsort(-beyond[:, bus], kind="stable")[place], bus]
            kind = Limiting.UNDERVOLTAGE
            if at > criteria.voltage_max_pu:
                kind = Limiting.OVERVOLTAGE
            if worst > 0.0:
                found[kind] = max(found[kind], worst)
    return found


CRITERIA = st.builds(
    lambda low, high, wider, share, rise, line: replace(
        PRESETS["en50160"],
        voltage_min_pu=low,
        voltage_max_pu=high,
        voltage_lowest_pu=low - wider,
        voltage_highest_pu=high + wider,
        share_of_time=share,
        rise_max_pu=rise,
        line_max_percent=line,
    ),
    st.floats(0.90, 0.99),
    st.floats(1.01, 1.10),
    st.floats(0.0, 0.05),
    st.floats(0.5, 1.0),
    st.floats(0.01, 0.2),
    st.floats(20.0, 200.0),
)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 50),
    points=st.integers(1, 60),
    weeks=st.integers(1, 3),
    criteria=CRITERIA,
    size=st.floats(0.0, 120.0),
)
def test_verdicts_are_those_of_a_plain_reading(
    seed: int, points: int, weeks: int, criteria: Criteria, size: float
) -> None:
    grid = made_up_series(seed, points, weeks)
    installed = np.array([[0.0, 0.3, 0.7]]) * size
    found = judge_installed(grid, criteria, installed)
    expected = plainly(grid, criteria, installed)
    worst = max(expected, key=lambda kind: expected[kind])
    assert found.passes[0] == (expected[worst] <= judging.TOLERANCE)
    if not found.passes[0]:
        kind = Limiting(int(found.limiting[0]))
        assert expected[kind] == pytest.approx(expected[worst], abs=1e-12)
        over = found.value[0] - found.limit[0]
        scale = 0.01 if kind == Limiting.LINE else -1.0 if kind == Limiting.UNDERVOLTAGE else 1.0
        assert over * scale == pytest.approx(expected[worst], abs=1e-12)


@pytest.mark.parametrize("at_once", [1, 4000, 10**9])
def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    grid = made_up_series(3, 90, 3)
    sizes = np.linspace(0.0, 200.0, 9)
    installed = sizes[:, None] * np.array([[0.0, 0.4, 0.6]])
    whole = judge_installed(grid, PRESETS["de_lv"], installed)
    monkeypatch.setattr(judging, "NUMBERS_AT_ONCE", at_once)
    monkeypatch.setattr(judging, "KEPT_WITHOUT", at_once)
    again = Grid(grid.power_flow, grid.points)
    parts = judge_installed(again, PRESETS["de_lv"], installed)
    single = judge_installed(grid, PRESETS["de_lv"], installed[5:6])
    for name in ("passes", "limiting", "element", "value", "limit"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name), equal_nan=True)
        assert np.array_equal(getattr(whole, name)[5:6], getattr(single, name), equal_nan=True)
    for name in Extremes.__slots__:
        of_parts = getattr(parts.extremes, name)
        assert np.array_equal(getattr(whole.extremes, name), of_parts, equal_nan=True)


def test_no_power_flow_is_a_violation() -> None:
    grid = prepared_for().grid
    found = judge_installed(grid, PRESETS["en50160"], np.array([[0.0, 0.0, 1e6]]))
    assert not found.passes[0]
    assert found.limiting[0] == Limiting.NO_POWER_FLOW


LOOSER: dict[str, Any] = {
    "voltage_max_pu": 0.02,
    "voltage_highest_pu": 0.02,
    "rise_max_pu": 0.02,
    "line_max_percent": 30.0,
    "transformer_max_percent": 30.0,
    "reverse_flow_max_kw": 20.0,
}


@settings(max_examples=25, deadline=None)
@given(
    number=st.integers(0, 19),
    rise=st.floats(0.02, 0.1),
    high=st.floats(1.02, 1.1),
    line=st.floats(30.0, 100.0),
    reverse=st.floats(10.0, 100.0),
    loosened=st.sampled_from(list(LOOSER)),
)
def test_a_looser_limit_never_lowers_a_capacity(
    number: int, rise: float, high: float, line: float, reverse: float, loosened: str
) -> None:
    from cosim.studies.hosting.bisection import bisect

    prepared = prepared_for()
    tight = replace(
        PRESETS["en50160"],
        voltage_max_pu=high,
        voltage_highest_pu=high,
        rise_max_pu=rise,
        line_max_percent=line,
        reverse_flow_max_kw=reverse,
    )
    loose = replace(tight, **{loosened: getattr(tight, loosened) + LOOSER[loosened]})
    drawn = deployments_of(prepared, [number], 2000.0)
    search = prepared.search(grid_levels=0)
    before, after = (
        bisect(Lever(prepared.grid, each, drawn), drawn, search, lever="x").hosting_kw[0]
        for each in (tight, loose)
    )
    assert after >= before - search.resolution_kw


def test_giving_up_too_much_is_a_violation() -> None:
    found = judge_installed(prepared_for().grid, PRESETS["en50160"], np.zeros((2, 3)))
    given_up = replace(
        found.extremes,
        offered_kwh=np.array([10.0, 10.0]),
        curtailed_kwh=np.array([0.4, 0.6]),
    )
    held = within_curtailment(replace(found, extremes=given_up), 0.05)
    assert held.passes.tolist() == [True, False]
    assert held.limiting[1] == Limiting.CURTAILMENT
    assert held.value[1] == pytest.approx(0.06)


def test_nothing_installed_changes_nothing() -> None:
    prepared = prepared_for()
    lever = Lever(prepared.grid, prepared.criteria, by_share("pv", np.ones((1, 3)) / 3.0))
    found = lever(np.zeros(1), np.zeros(1, np.int64))
    assert found.extremes.rise_max_pu[0] == 0.0
    assert found.extremes.offered_kwh[0] == 0.0
