"""What capacities of many deployments say: first, all, quantiles, regions, uplift.

The capacity of scenario s is the level above which it fails, so at level l the scenarios with a
capacity below l violate. HC_first is the largest level at which none does, HC_all the largest at
which some scenario still passes, HC_q the largest at which no more than a share q violates: an
order statistic, not an interpolation. Intervals of quantiles are those of order statistics
(Conover, "Practical nonparametric statistics", 3.2); the least value has none. Uplift is paired by
scenario.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.stats import binom

from cosim.records import Floats
from cosim.studies.hosting.records import Limiting
from cosim.studies.statistics import LEVEL, Estimate, resampled_seeds

QUANTILES: Final = (0.0, 0.05, 0.5, 0.95)
PAIRED_MOST: Final = 2000
"""Scenarios that the bootstrap of uplift takes, the first of all."""

REGION_LEVELS: Final = 201
RUNNING: Final = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)


def hosting_quantile(hosting_kw: Floats, share: float) -> float:
    """Return the largest level at which no more than a share of the scenarios violates."""
    ordered = np.sort(hosting_kw)
    may_fail = min(int(np.floor(share * len(ordered) + 1e-9)), len(ordered) - 1)
    return float(ordered[may_fail])


def violating_share(hosting_kw: Floats, level_kw: Floats) -> Floats:
    """Return the share of scenarios that violate at levels (J,)."""
    ordered = np.sort(hosting_kw)
    return np.asarray(np.searchsorted(ordered, level_kw, side="left") / len(ordered))


def regions(hosting_kw: Floats, level_kw: Floats) -> list[str]:
    """Return "A" where no scenario violates, "C" where all do, "B" between, for levels (J,)."""
    first, last = float(hosting_kw.min()), float(hosting_kw.max())
    return ["A" if level <= first else "C" if level > last else "B" for level in level_kw]


def region_levels(hosting_kw: Floats) -> Floats:
    """Return levels from none to beyond the last that passes."""
    return np.linspace(0.0, 1.2 * max(float(hosting_kw.max()), 1e-9), REGION_LEVELS)


def quantile_interval(hosting_kw: Floats, share: float) -> tuple[float, float]:
    """Return an interval that holds the quantile of all scenarios there could be, 95 %.

    NaN for the least value: nobody knows how much less further scenarios would bear.
    """
    if share <= 0.0:
        return np.nan, np.nan
    ordered = np.sort(hosting_kw)
    count, tail = len(ordered), (1.0 - LEVEL) / 2.0
    low = int(binom.ppf(tail, count, share)) - 1
    high = int(binom.ppf(1.0 - tail, count, share))
    return float(ordered[max(low, 0)]), float(ordered[min(high, count - 1)])


def running_rows(lever: str, hosting_kw: Floats) -> list[dict[str, Any]]:
    """Return quantiles over the first 10, 20, 50 ... scenarios, and over all."""
    counts = sorted({count for count in RUNNING if count < len(hosting_kw)} | {len(hosting_kw)})
    rows = []
    for share in QUANTILES:
        for count in counts:
            some = hosting_kw[:count]
            low, high = quantile_interval(some, share)
            rows.append(
                {
                    "lever": lever,
                    "quantile": share,
                    "scenarios": count,
                    "value_kw": hosting_quantile(some, share),
                    "low_kw": low,
                    "high_kw": high,
                }
            )
    return rows


def uplift(hosting_kw: Floats, reference_kw: Floats, seed: int) -> Estimate:
    """Return by what percentage capacities lie above the reference, see `gain`."""
    return gain(hosting_kw, reference_kw, reference_kw, seed)


def gain(hosting_kw: Floats, below_kw: Floats, reference_kw: Floats, seed: int) -> Estimate:
    """Return how far capacities lie above others, in percent of the reference, by scenario.

    The mean over scenarios, so that gains step by step add up to the uplift, and its bootstrap
    interval over the same scenarios; a single one has none. NaN where a reference is zero: nothing
    can be said in percent then.
    """
    some = slice(0, min(len(hosting_kw), PAIRED_MOST))
    if not (reference_kw[some] > 0.0).all():
        return Estimate(np.nan, np.nan, np.nan)
    gained = 100.0 * ((hosting_kw - below_kw) / reference_kw)[some]
    if len(gained) == 1:
        return Estimate(float(gained[0]), np.nan, np.nan)
    drawn = resampled_seeds(len(gained), 1, np.random.default_rng(seed))[..., 0]
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(gained[drawn].mean(axis=1), (tail, 1.0 - tail))
    return Estimate(float(gained.mean()), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Sizes:
    """What levels are put in relation to."""

    peak_kw: float
    homes: int  # 0 without homes
    mean_plant_kw: float


def summary_row(
    found: Mapping[str, Any], sizes: Sizes, *, raised: Estimate, reference: str
) -> dict[str, Any]:
    """Return one row of the summary for the capacities of all scenarios under a lever.

    Args:
        found: columns kw, limiting, monotone, curtailed_share, lever and criterion of them.
        sizes: of the feeder.
        raised: uplift against the reference.
        reference: its name.
    """
    kw = found["kw"]
    kinds, counts = np.unique(found["limiting"], return_counts=True)
    most = int(np.argmax(counts))
    first, median, last = float(kw.min()), hosting_quantile(kw, 0.5), float(kw.max())
    per_peak = 100.0 / sizes.peak_kw if sizes.peak_kw > 0.0 else float("nan")
    full = sizes.homes * sizes.mean_plant_kw
    return {
        "lever": str(found["lever"][0]),
        "criterion": str(found["criterion"][0]),
        "scenarios": len(kw),
        "first_kw": first,
        "q05_kw": hosting_quantile(kw, 0.05),
        "median_kw": median,
        "q95_kw": hosting_quantile(kw, 0.95),
        "all_kw": last,
        "mean_kw": float(kw.mean()),
        "first_percent_of_peak": first * per_peak,
        "median_percent_of_peak": median * per_peak,
        "all_percent_of_peak": last * per_peak,
        "median_homes_share": median / full if full > 0.0 else float("nan"),
        "limiting": limiting_name(int(kinds[most])),
        "limiting_share": float(counts[most] / len(kw)),
        "not_monotone": int((~found["monotone"]).sum()),
        "curtailed_share": float(np.mean(found["curtailed_share"])),
        "reference": reference,
        "uplift_percent": raised.value,
        "uplift_low": raised.low,
        "uplift_high": raised.high,
    }


def limiting_rows(lever: str, limiting: Sequence[int]) -> list[dict[str, Any]]:
    """Return how many scenarios each constraint limits."""
    kinds, counts = np.unique(np.asarray(limiting), return_counts=True)
    return [
        {
            "lever": lever,
            "limiting": limiting_name(int(kind)),
            "scenarios": int(count),
            "share": float(count / len(limiting)),
        }
        for kind, count in zip(kinds, counts, strict=True)
    ]


def limiting_name(kind: int) -> str:
    """Return a constraint as tables have it."""
    return Limiting(kind).name.lower()
