"""Statistics of few seeds: interquartile means, bootstrap intervals, paired differences.

A figure is a ratio of two sums over strata, e.g. EUR over days, or what was saved over what could
have been. Its unit is the seed: one ratio for each, of which the interquartile mean is shown. The
bootstrap draws seeds anew within every stratum, which is right where what is drawn by a seed has
nothing in common between strata. Of held-out days that holds but for the household profiles of the
first seed, which are the same on all days (`cosim.inputs.world`).

Source: Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice"
(arXiv 2108.13264); percentile intervals after Efron and Tibshirani (1993), section 13.3.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.records import Floats, Integers

RESAMPLES: Final = 2000
TRIMMED: Final = 0.25
"""Share of the seeds left out at each end, rounded down to whole ones."""

LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """What a figure is made of, for every seed and stratum, each (seeds, strata)."""

    numerator: Floats
    denominator: Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """An interquartile mean and its two-sided interval; NaN where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one figure lies above another on the same seeds."""

    estimate: Estimate
    at_least: float  # one-sided lower bound
    at_most: float  # one-sided upper bound


def interquartile_mean(values: Floats) -> Floats:
    """Return the mean over the last axis, a quarter (rounded down) left out at each end."""
    count = values.shape[-1]
    out = int(TRIMMED * count)
    return np.asarray(np.sort(values, axis=-1)[..., out : count - out].mean(axis=-1))


def resampled_seeds(seeds: int, strata: int, generator: np.random.Generator) -> Integers:
    """Return which seed stands in for which, (RESAMPLES, seeds, strata)."""
    return generator.integers(0, seeds, (RESAMPLES, seeds, strata))


def estimate(ratio: Ratio, drawn: Integers) -> Estimate:
    """Return the interquartile mean over seeds, with the interval that `drawn` gives.

    A single seed has no interval.
    """
    return _summary(_of_seeds(ratio), _of_drawn(ratio, drawn))


def difference(ratio: Ratio, reference: Ratio, drawn: Integers) -> Difference:
    """Return how far `ratio` lies above `reference`, seed by seed.

    The bounds hold with 95 % each: "not below" is shown where `at_least` is 0 or more.
    """
    drawn_apart = _of_drawn(ratio, drawn) - _of_drawn(reference, drawn)
    found = _summary(_of_seeds(ratio) - _of_seeds(reference), drawn_apart)
    bounds = _quantiles(drawn_apart, (1.0 - LEVEL, LEVEL))
    return Difference(found, *bounds)


def _summary(of_seeds: Floats, of_drawn: Floats) -> Estimate:
    tail = (1.0 - LEVEL) / 2.0
    bounds = _quantiles(of_drawn, (tail, 1.0 - tail))
    return Estimate(float(interquartile_mean(of_seeds)), *bounds)


def _quantiles(of_drawn: Floats, shares: tuple[float, float]) -> tuple[float, float]:
    means = interquartile_mean(of_drawn)
    if of_drawn.shape[-1] < 2 or np.isnan(means).any():
        return float("nan"), float("nan")
    low, high = np.quantile(means, shares)
    return float(low), float(high)


def _of_seeds(ratio: Ratio) -> Floats:
    """Return the figure of each seed, (seeds,)."""
    return _divided(ratio.numerator.sum(axis=1), ratio.denominator.sum(axis=1))


def _of_drawn(ratio: Ratio, drawn: Integers) -> Floats:
    """Return the figure of each seed of each resample, (RESAMPLES, seeds)."""
    strata = np.arange(drawn.shape[2])
    return _divided(
        ratio.numerator[drawn, strata].sum(axis=2), ratio.denominator[drawn, strata].sum(axis=2)
    )


def _divided(numerator: Floats, denominator: Floats) -> Floats:
    """Return the quotient, NaN where there is nothing to divide by."""
    out = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0.0)
    return out
