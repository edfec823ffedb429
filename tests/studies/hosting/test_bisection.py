"""Bisection in lock step: what it finds, and that deployments do not know of each other."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.records import Floats, Integers
from cosim.studies.hosting.bisection import bisect, search_levels
from cosim.studies.hosting.deployments import by_share
from cosim.studies.hosting.records import Judged, Limiting
from tests.studies.hosting.hosting_cases import SEARCH, Below, verdicts

LIMITS = st.lists(st.floats(0.0, 1500.0), min_size=1, max_size=12)


def layouts(count: int):  # type: ignore[no-untyped-def]
    return by_share("pv", np.ones((count, 1)))


@given(limits=LIMITS)
def test_the_level_found_is_within_the_resolution_below_the_limit(limits: list[float]) -> None:
    limit = np.array(limits)
    found = bisect(Below(limit), layouts(len(limit)), SEARCH, lever="x")
    free = limit >= SEARCH.highest_kw
    assert np.all(found.hosting_kw[free] == SEARCH.highest_kw)
    assert np.all(found.limiting[free] == Limiting.NONE)
    assert np.all(found.hosting_kw <= limit)
    assert np.all(limit[~free] - found.hosting_kw[~free] <= SEARCH.resolution_kw)
    assert np.all(found.limiting[~free] == Limiting.OVERVOLTAGE)
    assert found.monotone.all()


@given(limits=LIMITS, data=st.data())
def test_a_deployment_is_asked_the_same_whoever_stands_beside_it(
    limits: list[float], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(limits) - 1))
    together, alone = Below(np.array(limits)), Below(np.array(limits[number : number + 1]))
    both = bisect(together, layouts(len(limits)), SEARCH, lever="x")
    one = bisect(alone, layouts(1), SEARCH, lever="x")
    assert together.seen[number] == alone.seen[0]
    assert both.hosting_kw[number] == one.hosting_kw[0]


def test_all_deployments_share_the_batches() -> None:
    calls = []
    judge = Below(np.array([3.0, 30.0, 300.0]))

    def counted(level_kw: Floats, which: Integers) -> Judged:
        calls.append(len(which))
        return judge(level_kw, which)

    bisect(counted, layouts(3), SEARCH, lever="x")
    asked = [len(seen) for seen in judge.seen.values()]
    assert sum(calls) == sum(asked)
    assert calls[0] == 3
    assert len(calls) < 1.5 * max(asked)  # each for itself it would be the sum


def test_the_resolution_may_be_a_share_of_the_level() -> None:
    search = replace(SEARCH, resolution_kw=0.001, resolution_share=0.01)
    found = bisect(Below(np.array([503.3])), layouts(1), search, lever="x")
    assert 0.001 < 503.3 - found.hosting_kw[0] <= 5.0


def test_a_base_case_that_fails_hosts_nothing_and_is_told() -> None:
    found = bisect(lambda level, _: verdicts(level < 0.0), layouts(2), SEARCH, lever="x")
    assert np.all(found.hosting_kw == 0.0)
    assert np.all(found.limiting == Limiting.BASE_CASE)
    assert np.all(found.element == 7)
    assert np.all(found.limit == 1.1)


@given(first=st.floats(1.0, 300.0), gap=st.floats(5.0, 100.0), last=st.floats(0.0, 400.0))
def test_what_passes_above_a_failing_level_never_counts(
    first: float, gap: float, last: float
) -> None:
    """Passes up to `first`, fails for `gap` kW, passes again for `last` kW."""

    def judge(level_kw: Floats, which: Integers) -> Judged:
        inside = (level_kw > first) & (level_kw < first + gap)
        return verdicts(~inside & (level_kw <= first + gap + last))

    search = replace(SEARCH, grid_levels=200)
    at = search_levels(judge, np.array([1000.0]), search)
    # The grid is finer than the gap wherever the search can end.
    assert at.high[0] / 201 < gap
    assert at.low[0] <= first
    assert first - at.low[0] <= SEARCH.resolution_kw


def test_it_is_told_when_a_level_passes_again() -> None:
    def judge(level_kw: Floats, which: Integers) -> Judged:
        inside = (level_kw > 33.0) & (level_kw < 50.0)
        return verdicts(~inside & (level_kw < 200.0))

    search = replace(SEARCH, grid_levels=20)
    found = bisect(judge, layouts(1), search, lever="x")
    assert not found.monotone[0]
    assert found.hosting_kw[0] == pytest.approx(33.0, abs=0.1)
    honest = bisect(Below(np.array([33.0])), layouts(1), search, lever="x")
    assert honest.monotone[0]


def test_the_constraint_told_is_the_one_that_breaks_next() -> None:
    """Rise breaks at 40 kW, lines at 60 kW by far more."""

    def judge(level_kw: Floats, which: Integers) -> Judged:
        rise = verdicts(level_kw <= 40.0, Limiting.RISE)
        return replace(rise, limiting=np.where(level_kw > 60.0, int(Limiting.LINE), rise.limiting))

    found = bisect(judge, layouts(1), SEARCH, lever="x")
    assert found.limiting[0] == Limiting.RISE
