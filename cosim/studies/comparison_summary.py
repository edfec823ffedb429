"""What a comparison says: one figure for each player and metric, with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cosim.records import Floats, Integers
from cosim.studies.comparison import Comparison, Computed, LineUp, Span
from cosim.studies.incentives import EXPLOITABILITY, GAIN, REGRET, incentive_ratios
from cosim.studies.statistics import (
    Difference,
    Estimate,
    Ratio,
    difference,
    estimate,
    resampled_seeds,
)

RESAMPLING_STREAM: Final = 9_201
"""Keeps the draws of the bootstrap apart from all others."""

FEW_SEEDS: Final = 5
"""Below this number of seeds intervals say little."""

CAPTURE: Final = "value_capture_percent"


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of the table; its name ends in its unit."""

    name: str
    title: str
    unit: str
    decimals: int
    better: int  # +1: more is better, -1: less is better, 0: neither


METRICS: Final = (
    Metric("cost_eur_per_day", "cost", "EUR/day", 2, -1),
    Metric(CAPTURE, "value capture", "%", 1, 1),
    Metric("leader_eur_per_day", "leader profit", "EUR/day", 2, 1),
    Metric("surplus_eur_per_day", "prosumer surplus", "EUR/day", 2, 1),
    Metric("worse_off_percent", "prosumers worse off", "%", 1, -1),
    Metric("violation_intervals_per_day", "AC violations", "intervals/day", 2, -1),
    Metric("curtailed_percent", "curtailment", "% of solar", 2, -1),
    Metric("local_percent", "peer-to-peer share", "% of trades", 1, 1),
    Metric("peak_import_kw", "peak import", "kW, mean of days", 1, -1),
    Metric("peak_export_kw", "peak export", "kW, mean of days", 1, -1),
    Metric("jain_saving", "fairness", "Jain of savings", 3, 1),
    Metric(EXPLOITABILITY, "forecast exploitability", "% of saving", 1, -1),
    Metric(GAIN, "gain of one deviator", "EUR/day", 3, -1),
    Metric(REGRET, "hindsight regret", "% of best saving", 1, -1),
)


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """Everything that tables and report show, in the order of the line-up."""

    estimates: Mapping[str, Mapping[str, Estimate]]  # player or yardstick -> metric
    differences: Mapping[str, Mapping[str, Difference]]  # player -> metric, above the reference
    reference: str
    seeds: int


def summarise(found: Comparison, line_up: LineUp, reference: str, seed: int) -> Summary:
    """Return the summary of a comparison; `seed` draws the bootstrap."""
    ratios = {
        player.name: ratios_of([span for span in found.spans if span.player == player.name])
        for player in line_up.players
    }
    computed = {
        each.name: ratios_of_computed([it for it in found.computed if it.yardstick == each.name])
        for each in line_up.yardsticks
    }
    seeds, strata = next(iter(ratios.values()))["cost_eur_per_day"].numerator.shape
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(RESAMPLING_STREAM,)))
    drawn = resampled_seeds(seeds, strata, generator)
    return Summary(
        estimates={
            name: {metric: estimate(ratio, drawn) for metric, ratio in those.items()}
            for name, those in (ratios | computed).items()
        },
        differences={
            name: _differences(those, ratios[reference], drawn)
            for name, those in ratios.items()
            if name != reference
        },
        reference=reference,
        seeds=seeds,
    )


def summary_of(facts: Mapping[str, Any]) -> Summary:
    """Return the summary that the facts of a comparison hold, as its JSON file has them.

    Raises KeyError, TypeError, ValueError or AttributeError if they hold none.
    """
    return Summary(
        estimates={
            name: {metric: _estimate_of(values) for metric, values in found.items()}
            for name, found in facts["estimates"].items()
        },
        differences={
            name: {
                metric: Difference(
                    _estimate_of(values["estimate"]),
                    at_least=_number_of(values["at_least"]),
                    at_most=_number_of(values["at_most"]),
                )
                for metric, values in found.items()
            }
            for name, found in facts["differences_to_reference"].items()
        },
        reference=str(facts["reference"]),
        seeds=int(facts["seeds"]),
    )


def _estimate_of(values: Mapping[str, Any]) -> Estimate:
    return Estimate(*(_number_of(values[name]) for name in ("value", "low", "high")))


def _number_of(value: float | None) -> float:
    """Return a number of a JSON file, where null stands for none."""
    return float("nan") if value is None else float(value)


def _differences(
    those: Mapping[str, Ratio], reference: Mapping[str, Ratio], drawn: Integers
) -> dict[str, Difference]:
    return {
        metric: difference(ratio, reference[metric], drawn)
        for metric, ratio in those.items()
        if metric in reference
    }


def ratios_of(spans: Sequence[Span]) -> dict[str, Ratio]:
    """Return what every metric of one player is made of, (seeds, strata)."""

    def added(name: str) -> Floats:
        return np.stack([span.figures[name].sum(axis=0) for span in spans], axis=1)

    def each(name: str) -> Floats:
        return np.stack([getattr(span, name) for span in spans], axis=1)

    cost = each("cost_eur")
    days = np.tile([float(len(span.dates)) for span in spans], (len(cost), 1))
    once = np.ones_like(days)
    return {
        "cost_eur_per_day": Ratio(cost, days),
        CAPTURE: _capture(cost, each("baseline_cost_eur"), each("optimum_cost_eur")),
        "leader_eur_per_day": Ratio(added("leader_eur"), days),
        "surplus_eur_per_day": Ratio(added("surplus_eur"), days),
        "worse_off_percent": Ratio(100.0 * each("worse_off"), once),
        "violation_intervals_per_day": Ratio(added("violation_intervals"), days),
        "curtailed_percent": Ratio(100.0 * added("curtailed_kwh"), added("solar_available_kwh")),
        "local_percent": Ratio(100.0 * added("local_kwh"), added("accepted_kwh")),
        "peak_import_kw": Ratio(added("peak_import_kw"), days),
        "peak_export_kw": Ratio(added("peak_export_kw"), days),
        "jain_saving": Ratio(each("jain_saving"), once),
        **incentive_ratios([span.incentives for span in spans], days),
    }


def ratios_of_computed(spans: Sequence[Computed]) -> dict[str, Ratio]:
    """Return what the metrics of a yardstick are made of: cost and capture alone."""
    cost = np.stack([span.cost_eur for span in spans], axis=1)
    baseline = np.stack([span.baseline_cost_eur for span in spans], axis=1)
    optimum = np.stack([span.optimum_cost_eur for span in spans], axis=1)
    days = np.tile([float(span.days) for span in spans], (len(cost), 1))
    return {
        "cost_eur_per_day": Ratio(cost, days),
        CAPTURE: _capture(cost, baseline, optimum),
    }


def _capture(cost: Floats, baseline: Floats, optimum: Floats) -> Ratio:
    """Return the share of what could have been saved, in percent."""
    return Ratio(100.0 * (baseline - cost), baseline - optimum)


def verdict(found: Difference, better: int) -> str:
    """Return what is shown of a difference to the reference: "not worse", "worse" or "open"."""
    least, most = (
        (found.at_least, found.at_most) if better > 0 else (-found.at_most, -found.at_least)
    )
    if least >= 0.0:
        return "not worse"
    return "worse" if most < 0.0 else "open"
