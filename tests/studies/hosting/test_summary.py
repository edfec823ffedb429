"""First, all, quantiles, regions and uplift, against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.studies.hosting import summary

CAPACITIES = st.lists(st.floats(0.0, 1000.0), min_size=1, max_size=40).map(np.array)


@given(kw=CAPACITIES, share=st.floats(0.0, 1.0))
def test_a_quantile_is_the_largest_level_that_few_enough_violate(kw, share: float) -> None:  # type: ignore[no-untyped-def]
    level = summary.hosting_quantile(kw, share)
    assert summary.violating_share(kw, np.array([level]))[0] <= share + 1e-9
    higher = kw[kw > level]
    if len(higher):
        above = np.nextafter(level, np.inf)
        assert summary.violating_share(kw, np.array([above]))[0] > share - 1e-9


@given(kw=CAPACITIES)
def test_first_median_all_are_in_order(kw) -> None:  # type: ignore[no-untyped-def]
    shares = (0.0, 0.05, 0.5, 0.95, 1.0)
    found = [summary.hosting_quantile(kw, share) for share in shares]
    assert found == sorted(found)
    assert found[0] == kw.min()
    assert found[-1] == kw.max()


@given(kw=CAPACITIES)
def test_regions_follow_who_violates(kw) -> None:  # type: ignore[no-untyped-def]
    levels = summary.region_levels(kw)
    share = summary.violating_share(kw, levels)
    for region, part in zip(summary.regions(kw, levels), share, strict=True):
        assert region == ("A" if part == 0.0 else "C" if part == 1.0 else "B")


def test_the_interval_of_a_quantile_holds_it_as_often_as_it_says() -> None:
    generator = np.random.default_rng(5)
    inside = 0
    for _ in range(400):
        low, high = summary.quantile_interval(generator.random(200), 0.5)
        inside += low <= 0.5 <= high
    assert 0.92 <= inside / 400 <= 0.99


def test_running_quantiles_end_at_those_of_all() -> None:
    kw = np.random.default_rng(0).random(130) * 100.0
    rows = summary.running_rows("x", kw)
    assert [row["scenarios"] for row in rows if row["quantile"] == 0.5] == [10, 20, 50, 100, 130]
    last = next(row for row in rows if row["quantile"] == 0.5 and row["scenarios"] == 130)
    assert last["value_kw"] == summary.hosting_quantile(kw, 0.5)
    least = [row for row in rows if row["quantile"] == 0.0]
    assert [row["value_kw"] for row in least] == [kw[:n].min() for n in (10, 20, 50, 100, 130)]
    assert all(np.isnan([row["low_kw"], row["high_kw"]]).all() for row in least)
    others = [row for row in rows if row["quantile"] > 0.0]
    assert all(row["low_kw"] <= row["value_kw"] <= row["high_kw"] for row in others)


def test_uplift_is_paired() -> None:
    reference = np.random.default_rng(1).uniform(100.0, 1000.0, 300)
    found = summary.uplift(1.2 * reference, reference, 0)
    assert (found.value, found.low, found.high) == pytest.approx((20.0, 20.0, 20.0))
    noisy = summary.uplift(
        reference * np.random.default_rng(2).normal(1.1, 0.05, 300), reference, 0
    )
    assert noisy.low < noisy.value < noisy.high
    assert noisy.value == pytest.approx(10.0, abs=1.5)


def test_gains_step_by_step_add_up_to_the_uplift() -> None:
    random = np.random.default_rng(3)
    reference = random.uniform(100.0, 1000.0, 50)
    cut = reference * random.uniform(1.0, 1.3, 50)
    traded = cut * random.uniform(0.95, 1.1, 50)
    parts = [summary.gain(*each, reference, 0).value for each in ((cut, reference), (traded, cut))]
    whole = summary.uplift(traded, reference, 0)
    assert sum(parts) == pytest.approx(whole.value)
    assert whole.value == pytest.approx(np.mean(100.0 * (traded / reference - 1.0)))
    alone = summary.gain(traded[:1], cut[:1], reference[:1], 0)
    assert np.isfinite(alone.value)
    assert np.isnan([alone.low, alone.high]).all()


def test_the_interval_of_an_uplift_holds_it_as_often_as_it_says() -> None:
    random = np.random.default_rng(4)
    inside = 0
    for _ in range(100):
        found = summary.uplift(100.0 + random.normal(20.0, 10.0, 60), np.full(60, 100.0), 0)
        inside += found.low <= 20.0 <= found.high
    assert 88 <= inside <= 99


def test_uplift_on_nothing_is_not_a_number() -> None:
    found = summary.uplift(np.array([1.0, 2.0]), np.array([0.0, 1.0]), 0)
    assert np.isnan([found.value, found.low, found.high]).all()
