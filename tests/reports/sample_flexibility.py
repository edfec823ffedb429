"""A flexibility study in closed form: devices follow the sun, the network lets through a cap."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cosim.reports.flexibility_data import FlexibilityFacts, FlexibilityReportData
from cosim.scoring.flexibility import WINDOWS
from cosim.studies.flexibility.tables import DIRECTIONS, TABLES
from networks.feeder import Feeder
from tests.reports.sample_activations import activations, requests
from tests.reports.sample_feeder import sample_feeder
from tests.reports.sample_flexibility_world import (
    DEVICES,
    INTERVAL_H,
    Kind,
    base_kw,
    offered_kw,
    table,
    total_kw,
)

SCHEDULE = "schedule as played: the same days without any activation"


def sample_flexibility(kind: Kind | None = None) -> FlexibilityReportData:
    """Return a study as its report reads it."""
    kind = kind or Kind()
    feeder = sample_feeder(kind.options)
    parts = [_case(kind, feeder, number) for number in range(len(kind.cases))]
    tables = {
        name: pd.concat([part[name] for part in parts], ignore_index=True)
        for name in TABLES
        if name in parts[0]
    }
    start = np.datetime64("2016-06-12T22:00")
    facts = FlexibilityFacts(
        start_utc=start + np.arange(kind.intervals) * np.timedelta64(15, "m"),
        interval_h=INTERVAL_H,
        time_zone="Europe/Berlin",
        baseline=SCHEDULE,
        prosumers=kind.prosumers,
        seed=7,
        prices="synthetic, seed 7",
        settings={"feeder": feeder.name, "days": kind.days, "gate_closure_h": 0.5},
        manifest={"versions": {"python": "3"}, "net_sha256": feeder.net_sha256},
        meanings={"feasible_up_kw": ("kW", "part of up_15min_kw that breaks no limit, mean")},
        method=("Requests are split through bids.",),
        assumptions=("Everybody takes part.",),
    )
    return FlexibilityReportData(feeder, tables, facts)


def without(data: FlexibilityReportData, *names: str) -> FlexibilityReportData:
    """Return the study without some of its tables."""
    kept = {name: each for name, each in data.tables.items() if name not in names}
    return replace(data, tables=kept)


def _case(kind: Kind, feeder: Feeder, number: int) -> dict[str, pd.DataFrame]:
    case = dict(zip(("policy", "rule"), kind.cases[number], strict=True))
    share = 1.0 - 0.1 * number
    built = {
        "flexibility": _flexibility(kind, case, share),
        "margins": _margins(kind, case, share),
        "prosumers": _prosumers(kind, case, feeder),
        "offers": _offers(kind, case),
        "regions": _regions(kind, case),
        "region_facts": _region_facts(kind, case),
        "buses_hours": _buses_hours(case, feeder),
        "metrics": _metrics(kind, case, share),
    }
    if kind.requests:
        built["requests"] = requests(kind, case, number)
        built["activations"] = activations(kind, case)
    return built


def _flexibility(kind: Kind, case: dict[str, Any], share: float) -> pd.DataFrame:
    parts = []
    for direction in DIRECTIONS:
        for window in WINDOWS:
            total = total_kw(kind, direction, window)
            kept = np.minimum(total, kind.cap_kw * share) / np.where(total > 0.0, total, 1.0)
            for device in (*DEVICES, "all"):
                values = total if device == "all" else offered_kw(kind, direction, window, device)
                delivered = np.zeros(kind.intervals)
                if device == "all" and direction == "up" and kind.requests:
                    delivered[72:76] = 20.0
                parts.append(
                    table(
                        "flexibility",
                        {
                            **case,
                            "interval": np.arange(kind.intervals),
                            "direction": direction,
                            "window": window,
                            "device": device,
                            "offered_kw": values,
                            "feasible_kw": values * kept,
                            "delivered_kw": delivered if window == "15min" else np.nan,
                        },
                    )
                )
    return pd.concat(parts, ignore_index=True)


def _margins(kind: Kind, case: dict[str, Any], share: float) -> pd.DataFrame:
    parts = []
    for direction in DIRECTIONS:
        for window in WINDOWS:
            total = total_kw(kind, direction, window)
            cut = total > kind.cap_kw * share
            reason = "transformer_overload" if direction == "up" else "undervoltage"
            element = "trafo 0" if direction == "up" else "bus 7"
            parts.append(
                table(
                    "margins",
                    {
                        **case,
                        "interval": np.arange(kind.intervals),
                        "direction": direction,
                        "window": window,
                        "offered_kw": total,
                        "feasible_kw": np.minimum(total, kind.cap_kw * share),
                        "solar_kw": 0.0,
                        "reason": np.where(cut, reason, "none"),
                        "element": np.where(cut, element, ""),
                    },
                )
            )
    return pd.concat(parts, ignore_index=True)


def _prosumers(kind: Kind, case: dict[str, Any], feeder: Feeder) -> pd.DataFrame:
    random = np.random.default_rng(kind.options.seed)
    parts = []
    for device in DEVICES:
        size = random.uniform(0.2, 3.0, kind.prosumers)
        columns: dict[str, Any] = {
            **case,
            "prosumer": np.arange(kind.prosumers),
            "bus": feeder.bus_index[2 + np.arange(kind.prosumers) % (feeder.bus_count - 2)],
            "device": device,
            "feasible_up_kw": size,
            "feasible_down_kw": size,
            "delivered_up_kwh": 0.2 * size,
            "delivered_down_kwh": 0.0,
        }
        for window, hours in WINDOWS.items():
            columns[f"up_{window}_kwh"] = 0.0 * size if device == "solar" else size * hours
            columns[f"down_{window}_kwh"] = 1.3 * size * hours
        parts.append(table("prosumers", columns))
    return pd.concat(parts, ignore_index=True)


def _offers(kind: Kind, case: dict[str, Any]) -> pd.DataFrame:
    parts = []
    random = np.random.default_rng(kind.options.seed)
    for interval in range(0, kind.intervals, 4):
        for direction in DIRECTIONS:
            total = float(total_kw(kind, direction, "15min")[interval])
            split = random.dirichlet(np.ones(12)) * total
            called = np.minimum(np.cumsum(split), kind.cap_kw)
            parts.append(
                table(
                    "offers",
                    {
                        **case,
                        "interval": interval,
                        "direction": direction,
                        "step": np.arange(12),
                        "prosumer": np.arange(12),
                        "bus": 4,
                        "device": "battery",
                        "price_eur_per_kwh": 0.02 + 0.015 * np.arange(12),
                        "offered_kw": split,
                        "feasible_kw": np.diff(called, prepend=0.0),
                    },
                )
            )
    return pd.concat(parts, ignore_index=True)


def _regions(kind: Kind, case: dict[str, Any]) -> pd.DataFrame:
    angle = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    base = base_kw(kind)
    parts = []
    for interval in range(0, kind.intervals, 4):
        for committed, size in ((False, 1.0), (True, 0.6)):
            right = base[interval] + size * 60.0 * np.cos(angle)
            cut = right > 55.0
            low = np.sin(angle) < -0.8
            parts.append(
                table(
                    "regions",
                    {
                        **case,
                        "interval": interval,
                        "committed": committed,
                        "vertex": np.arange(24),
                        "p_kw": np.minimum(right, 55.0),
                        "q_kvar": 5.0 + size * 35.0 * np.sin(angle),
                        "limit": np.where(
                            cut,
                            "transformer_overload",
                            np.where(low, "overvoltage", "none"),
                        ),
                        "element": np.where(cut, "trafo 0", np.where(low, "bus 7", "")),
                    },
                )
            )
    return pd.concat(parts, ignore_index=True)


def _region_facts(kind: Kind, case: dict[str, Any]) -> pd.DataFrame:
    every = np.arange(0, kind.intervals, 4)
    base = base_kw(kind)[every]
    parts = [
        table(
            "region_facts",
            {
                **case,
                "interval": every,
                "committed": committed,
                "base_kw": base,
                "base_kvar": 5.0,
                "base_secure": True,
                "area_mw_mvar": 6.6e-3 * size**2 * (1.0 + 0.2 * np.sin(every / 20.0)),
                "up_kw": 60.0 * size,
                "down_kw": np.minimum(60.0 * size, 55.0 - base),
                "least_kvar": 5.0 - 35.0 * size,
                "most_kvar": 5.0 + 35.0 * size,
                "convex": True,
            },
        )
        for committed, size in ((False, 1.0), (True, 0.6))
    ]
    return pd.concat(parts, ignore_index=True)


def _buses_hours(case: dict[str, Any], feeder: Feeder) -> pd.DataFrame:
    bus, hour = np.meshgrid(feeder.bus_index[2:], np.arange(24), indexing="ij")
    size = 1.0 + 0.2 * bus.ravel()
    evening = np.exp(-(((hour.ravel() - 19.0) / 4.0) ** 2))
    return table(
        "buses_hours",
        {
            **case,
            "bus": bus.ravel(),
            "hour": hour.ravel(),
            "up_kw": size * evening,
            "down_kw": size * (1.0 - 0.5 * evening),
            "feasible_up_kw": 0.8 * size * evening,
            "feasible_down_kw": size * (1.0 - 0.5 * evening),
        },
    )


def _metrics(kind: Kind, case: dict[str, Any], share: float) -> pd.DataFrame:
    found = {}
    for direction in DIRECTIONS:
        total = total_kw(kind, direction, "15min")
        kept = np.minimum(total, kind.cap_kw * share)
        found[f"{direction}_15min_kw"] = float(total.mean())
        found[f"feasible_{direction}_kw"] = float(kept.mean())
        found[f"deliverability_{direction}"] = float(kept.sum() / total.sum())
    found["self_consumption"] = 0.61
    found["load_factor"] = np.nan
    return table(
        "metrics",
        {
            **case,
            "metric": list(found),
            "value": list(found.values()),
            "unit": ["kW" if name.endswith("_kw") else "1" for name in found],
        },
    )
