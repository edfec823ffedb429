"""What days give together: who provides what, bus by hour, and the metrics of a case."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from cosim.records import Fleet, Floats
from cosim.scoring.flexibility import WINDOWS
from cosim.scoring.flexibility_metrics import (
    GRID_METRICS,
    METRICS,
    SHORTEST,
    Course,
    flexibility_metrics,
)
from cosim.studies.flexibility import tables
from cosim.studies.flexibility.day_tables import Tables
from cosim.studies.sweep_columns import Columns
from networks.feeder import Feeder

ACTIVATION_METRICS: Final[dict[str, tuple[str, str]]] = {
    "requests": ("1", "requests that were tested"),
    "requests_accepted": ("1", "accepted as asked"),
    "requests_partly": ("1", "accepted in part"),
    "requests_refused": ("1", "not accepted at all"),
    "accuracy_declared": (
        "1",
        "delivery accuracy of what was accepted, by energy, declared baseline",
    ),
    "accuracy_twin": ("1", "the same against the twin: these days without the activation"),
    "delivery_ratio": ("1", "energy delivered against the twin over energy accepted"),
    "rebound": ("1", "energy the other way after the windows over energy activated"),
    "activation_payment_eur": ("EUR", "received by the aggregator for what was delivered"),
    "activation_penalty_eur": ("EUR", "paid by it for what was not"),
    "activation_violations": ("1", "intervals of windows that break a limit the twin keeps"),
    "outside_band_intervals": ("1", "intervals of windows outside of the network-feasible band"),
}

ALL_METRICS: Final = {**METRICS, **GRID_METRICS, **ACTIVATION_METRICS}
"""Unit and meaning of every metric of a case."""

NAN: Final = float("nan")


def case_metrics(days: Sequence[Tables], *, interval_h: float) -> dict[str, float]:
    """Return the metrics of a case from the tables of its days."""
    courses = [
        Course(
            {name: np.asarray(values) for name, values in day["course"].items()},
            day["shares"]["cleared_kwh"],
            day["shares"]["accepted_kwh"],
        )
        for day in days
    ]
    found = flexibility_metrics(courses, interval_h=interval_h)
    margins = tables.joined("margins", [day["margins"] for day in days])
    slack = tables.joined("intervals", [day["intervals"] for day in days])["slack_kw"]
    peak = _largest(slack)
    for direction in tables.DIRECTIONS:
        for window in WINDOWS:
            here = (margins["direction"] == direction) & (margins["window"] == window)
            offered, feasible = margins["offered_kw"][here], margins["feasible_kw"][here]
            suffix = "" if window == SHORTEST else f"_{window}"
            name = f"deliverability_{direction}{suffix}"
            found[name] = _ratio(float(np.nansum(feasible)), float(np.nansum(offered)))
            found[f"feasible_{direction}{suffix}_kw"] = _mean(feasible)
            if direction == "down":
                found[f"feasible_down_solar{suffix}_kw"] = _mean(margins["solar_kw"][here])
            if window == SHORTEST:
                at_peak = (NAN, NAN) if peak is None else (offered[peak], feasible[peak])
                found[f"offered_{direction}_at_peak_kw"] = float(at_peak[0])
                found[f"feasible_{direction}_at_peak_kw"] = float(at_peak[1])
    requests = tables.joined("requests", [day["requests"] for day in days])
    found |= _activation_metrics(requests)
    return {name: found[name] for name in ALL_METRICS}


def peak_interval(intervals: Columns, policy: str, rule: str) -> int | None:
    """Return the interval in which a case draws most from the grid above, None if none is known.

    In interval 0 all devices act at once for what began before the run, so it is often this one.
    """
    mine = (intervals["policy"] == policy) & (intervals["rule"] == rule)
    at = _largest(intervals["slack_kw"][mine])
    return None if at is None else int(intervals["interval"][mine][at])


def _largest(values: Floats) -> int | None:
    return int(np.nanargmax(values)) if np.isfinite(values).any() else None


def _activation_metrics(requests: Columns) -> dict[str, float]:
    verdict = requests["verdict"]
    accepted = requests["accepted_kw"] * requests["duration_h"]
    delivered = requests["delivery_ratio"] * accepted
    activated = np.maximum(requests["activated_kwh"], 0.0)
    return {
        "requests": float(len(verdict)),
        "requests_accepted": float((verdict == "accepted").sum()),
        "requests_partly": float((verdict == "partly accepted").sum()),
        "requests_refused": float((verdict == "refused").sum()),
        "accuracy_declared": weighted(requests["accuracy_declared"], accepted),
        "accuracy_twin": weighted(requests["accuracy_twin"], accepted),
        "delivery_ratio": _ratio(float(np.nansum(delivered)), float(accepted.sum())),
        "rebound": _ratio(float(requests["rebound_kwh"].sum()), float(activated.sum())),
        "activation_payment_eur": float(requests["payment_eur"].sum()),
        "activation_penalty_eur": float(requests["penalty_eur"].sum()),
        "activation_violations": float(requests["violations"].sum()),
        "outside_band_intervals": float(requests["outside_band"].sum()),
    }


def prosumers_table(
    case: Mapping[str, str], days: Sequence[Tables], feeder: Feeder, fleet: Fleet
) -> Columns:
    """Return who provides what over all days."""
    parts = [day["prosumer_sums"] for day in days]
    total = {
        name: np.sum([part[name] for part in parts], axis=0)
        for name in parts[0]
        if name not in ("prosumer", "device")
    }
    prosumer = parts[0]["prosumer"]
    columns: dict[str, object] = {
        **case,
        "prosumer": prosumer,
        "bus": feeder.bus_index[fleet.bus[0]][prosumer],
        "device": parts[0]["device"],
    }
    for direction in tables.DIRECTIONS:
        for window, hours in WINDOWS.items():
            sums, count = total[f"{direction}_{window}_kw"], total[f"{direction}_{window}_count"]
            columns[f"{direction}_{window}_kwh"] = _over(sums, count) * hours
        columns[f"feasible_{direction}_kw"] = _over(
            total[f"feasible_{direction}_kw"], total[f"{direction}_{SHORTEST}_count"]
        )
        columns[f"delivered_{direction}_kwh"] = total[f"delivered_{direction}_kwh"]
    return tables.table("prosumers", columns)


def buses_hours_table(
    case: Mapping[str, str], days: Sequence[Tables], feeder: Feeder, fleet: Fleet
) -> Columns:
    """Return mean flexibility by bus and local hour over all days."""
    names = [f"{part}{way}_kw" for part in ("", "feasible_") for way in tables.DIRECTIONS]
    buses = np.unique(fleet.bus[0])
    sums = np.zeros((len(names), len(buses), 24))
    count = np.zeros(24)
    for day in days:
        rows = day["hour_sums"]
        place = np.searchsorted(buses, fleet.bus[0][rows["prosumer"]])
        for number, name in enumerate(names):
            np.add.at(sums[number], (place, rows["hour"]), rows[name])
        first = rows["prosumer"] == 0
        np.add.at(count, rows["hour"][first], rows["count"][first])
    mean = _over(sums, np.broadcast_to(count, sums.shape))
    return tables.table(
        "buses_hours",
        {
            **case,
            "bus": np.repeat(feeder.bus_index[buses], 24),
            "hour": np.tile(np.arange(24), len(buses)),
            **{name: mean[number].ravel() for number, name in enumerate(names)},
        },
    )


def metrics_table(case: Mapping[str, str], metrics: Mapping[str, float]) -> Columns:
    """Return the metrics of a case as a table."""
    return tables.table(
        "metrics",
        {
            **case,
            "metric": list(metrics),
            "value": list(metrics.values()),
            "unit": [ALL_METRICS[name][0] for name in metrics],
        },
    )


def weighted(shares: Floats, weights: Floats) -> float:
    """Return the mean of the known shares by weight, NaN where none has any."""
    known = np.isfinite(shares) & np.isfinite(weights) & (weights > 0.0)
    return float(np.average(shares[known], weights=weights[known])) if known.any() else NAN


def _over(sums: Floats, count: Floats) -> Floats:
    return np.asarray(
        np.divide(sums, count, out=np.full(np.shape(sums), np.nan), where=count > 0), np.float64
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else NAN


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else NAN
