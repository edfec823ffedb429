"""Interquartile means, bootstrap intervals and paired differences against closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cosim.records import Floats
from cosim.studies.comparison_summary import verdict
from cosim.studies.statistics import (
    RESAMPLES,
    Difference,
    Estimate,
    Ratio,
    difference,
    estimate,
    interquartile_mean,
    resampled_seeds,
)

TABLES = arrays(np.float64, (5, 3), elements=st.floats(-100.0, 100.0))


def drawn(seeds: int, strata: int) -> np.ndarray:
    return resampled_seeds(seeds, strata, np.random.default_rng(3))


def means(table: Floats) -> Ratio:
    """Return a figure that is the plain mean of a row."""
    return Ratio(table, np.ones_like(table))


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([7.0], 7.0),
        ([1.0, 2.0, 6.0], 3.0),
        ([9.0, 1.0, 2.0, -50.0], 1.5),
        ([100.0, 1.0, 2.0, 3.0, -100.0], 2.0),
        ([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 4.5),
    ],
)
def test_a_quarter_of_the_seeds_is_left_out_at_each_end(values: list[float], mean: float) -> None:
    assert interquartile_mean(np.array(values)) == pytest.approx(mean)


@given(TABLES)
def test_an_estimate_lies_inside_its_interval_and_among_the_seeds(table: Floats) -> None:
    found = estimate(means(table), drawn(5, 3))
    seeds = table.mean(axis=1)
    assert seeds.min() - 1e-9 <= found.value <= seeds.max() + 1e-9
    assert table.min(axis=0).mean() - 1e-9 <= found.low <= found.high
    assert found.high <= table.max(axis=0).mean() + 1e-9


def test_three_seeds_of_one_stratum_give_the_quantiles_of_the_multinomial() -> None:
    # All three draws hit the third seed with probability 1/27 > 2.5 %, none with 8/27.
    found = estimate(means(np.array([[0.0], [0.0], [1.0]])), drawn(3, 1))
    assert found.value == pytest.approx(1.0 / 3.0)
    assert (found.low, found.high) == (0.0, 1.0)


def test_many_seeds_give_the_interval_of_a_normal_mean_over_independent_strata() -> None:
    seeds, strata = 3, 200  # three seeds are not trimmed
    table = np.random.default_rng(0).normal(0.0, 1.0, (seeds, strata))
    found = estimate(means(table), drawn(seeds, strata))
    error = math.sqrt(table.var(axis=0).sum() / seeds) / strata
    assert (found.high - found.low) / (2.0 * 1.96 * error) == pytest.approx(1.0, abs=0.06)


def test_a_ratio_is_that_of_the_sums_over_strata() -> None:
    ratio = Ratio(np.array([[1.0, 5.0], [2.0, 4.0]]), np.array([[1.0, 3.0], [1.0, 2.0]]))
    assert estimate(ratio, drawn(2, 2)).value == pytest.approx((6.0 / 4.0 + 6.0 / 3.0) / 2.0)


def test_without_anything_to_divide_by_there_is_no_figure() -> None:
    found = estimate(Ratio(np.ones((4, 2)), np.zeros((4, 2))), drawn(4, 2))
    assert all(math.isnan(each) for each in (found.value, found.low, found.high))


def test_one_seed_has_no_interval() -> None:
    found = estimate(means(np.array([[1.0, 3.0]])), drawn(1, 2))
    assert found.value == 2.0
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@given(TABLES, st.floats(-5.0, 5.0))
def test_a_constant_distance_has_no_spread_however_seeds_differ(
    table: Floats, shift: float
) -> None:
    found = difference(means(table + shift), means(table), drawn(5, 3))
    for each in (found.estimate.value, found.estimate.low, found.at_least, found.at_most):
        assert each == pytest.approx(shift, abs=1e-9)


def test_one_sided_bounds_hold_five_percent_each() -> None:
    table = np.random.default_rng(1).normal(1.0, 1.0, (3, 40))
    found = difference(means(table), means(np.zeros_like(table)), drawn(3, 40))
    spread = found.at_most - found.at_least
    two_sided = found.estimate.high - found.estimate.low
    assert spread / two_sided == pytest.approx(1.645 / 1.960, abs=0.04)


def test_the_same_seed_draws_the_same_resamples() -> None:
    assert np.array_equal(drawn(4, 3), drawn(4, 3))
    assert drawn(4, 3).shape == (RESAMPLES, 4, 3)


@pytest.mark.parametrize(
    ("bounds", "better", "said"),
    [
        ((0.0, 0.0), 1, "not worse"),
        ((0.1, 0.2), 1, "not worse"),
        ((-0.2, -0.1), 1, "worse"),
        ((-0.2, 0.1), 1, "open"),
        ((0.1, 0.2), -1, "worse"),
        ((-0.2, 0.0), -1, "not worse"),
        ((-0.1, 0.1), -1, "open"),
    ],
)
def test_verdicts_follow_the_one_sided_bounds(
    bounds: tuple[float, float], better: int, said: str
) -> None:
    found = Difference(Estimate(0.0, -1.0, 1.0), *bounds)
    assert verdict(found, better) == said
