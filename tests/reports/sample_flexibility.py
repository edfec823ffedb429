"""A flexibility study in closed form: devices follow the sun, the network lets through a cap."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.reports.flexibility_data import FlexibilityFacts, FlexibilityReportData
from cosim.scoring.flexibility import WINDOWS
from cosim.studies.flexibility.tables import DIRECTIONS, TABLES
from networks.feeder import Feeder
from tests.reports.sample_feeder import Options, sample_feeder

Floats = NDArray[np.float64]
INTERVAL_H = 0.25
DEVICES = ("battery", "vehicle", "heat_pump", "solar")
SCHEDULE = "schedule as played: the same days without any activation"
DEFAULT = Options()


@dataclass(frozen=True)
class Kind:
    """Which study to make up."""

    days: int = 1
    cases: tuple[tuple[str, str], ...] = (("water_value", "optimal"),)
    requests: int = 3
    prosumers: int = 24
    cap_kw: float = 40.0  # what the network lets through
    options: Options = DEFAULT

    @property
    def intervals(self) -> int:
        return round(self.days * 24 / INTERVAL_H)


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


def offered_kw(kind: Kind, direction: str, window: str, device: str) -> Floats:
    """Return what a class offers over the day, kW, NaN where the window leaves the study."""
    hour = np.arange(kind.intervals) * INTERVAL_H % 24.0
    sun = np.clip(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0, None)
    evening = np.exp(-(((hour - 19.0) / 2.5) ** 2))
    held = {"15min": 1.0, "1h": 0.8, "4h": 0.3}[window]
    shapes = {
        ("up", "battery"): 30.0 * held * (0.3 + 0.7 * evening),
        ("down", "battery"): 30.0 * held * (0.4 + 0.6 * sun),
        ("up", "vehicle"): 25.0 * held * evening,
        ("down", "vehicle"): 35.0 * held * evening,
        ("up", "heat_pump"): 8.0 * held * (1.0 - sun),
        ("down", "heat_pump"): 12.0 * held * (1.0 - 0.5 * sun),
        ("up", "solar"): 0.0 * sun,
        ("down", "solar"): 50.0 * sun,
    }
    values = np.array(shapes[direction, device], dtype=float)
    reach = round(WINDOWS[window] / INTERVAL_H)
    values[kind.intervals - reach + 1 :] = np.nan
    return values


def table(name: str, columns: dict[str, Any]) -> pd.DataFrame:
    """Return rows of a table of the study; every column has to be there."""
    kinds = TABLES[name]
    assert set(columns) == set(kinds), (name, sorted(set(columns) ^ set(kinds)))
    sizes = {len(each) for each in columns.values() if np.ndim(each)}
    length = sizes.pop() if sizes else 1
    return pd.DataFrame(
        {column: np.broadcast_to(np.asarray(columns[column]), (length,)) for column in kinds}
    )


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
        built["requests"] = _requests(kind, case, number)
        built["activations"] = _activations(kind, case)
    return built


def _total(kind: Kind, direction: str, window: str) -> Floats:
    return np.sum([offered_kw(kind, direction, window, each) for each in DEVICES], axis=0)


def _flexibility(kind: Kind, case: dict[str, Any], share: float) -> pd.DataFrame:
    parts = []
    for direction in DIRECTIONS:
        for window in WINDOWS:
            total = _total(kind, direction, window)
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
            total = _total(kind, direction, window)
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
            total = float(_total(kind, direction, "15min")[interval])
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


def _base(kind: Kind) -> Floats:
    hour = np.arange(kind.intervals) * INTERVAL_H % 24.0
    return 30.0 - 60.0 * np.clip(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0, None)


def _regions(kind: Kind, case: dict[str, Any]) -> pd.DataFrame:
    angle = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    base = _base(kind)
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
    base = _base(kind)[every]
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


def _start(request: int) -> int:
    return 72 if request == 0 else 48 + 3 * (request - 1)


def _requests(kind: Kind, case: dict[str, Any], number: int) -> pd.DataFrame:
    count = kind.requests
    which = np.arange(count)
    up = which % 2 == 0
    refused = (which == count - 1) & (count > 2)
    accepted = np.where(refused, 0.0, np.where(up, 20.0, 15.0))
    delivered = accepted * (0.97 - 0.01 * which - 0.05 * number)
    unknown = np.where(refused, np.nan, 1.0)
    clock = np.datetime64("2016-06-13T00:00") + np.array(
        [_start(int(each)) * 15 for each in which]
    ).astype("timedelta64[m]")
    local = np.array([str(each) for each in clock], dtype=object)
    return table(
        "requests",
        {
            **case,
            "request": which,
            "start_utc": local,
            "start_local": local,
            "called_utc": local,
            "direction": np.where(up, "up", "down"),
            "way": "bids",
            "asked_kw": np.where(refused, 900.0, accepted),
            "duration_h": 1.0,
            "lead_h": 2.0,
            "device_kw": 50.0,
            "feasible_kw": kind.cap_kw,
            "accepted_kw": accepted,
            "verdict": np.where(refused, "refused", "accepted"),
            "reason": np.where(refused, "more than the network lets through at trafo 0", ""),
            "nearest": np.where(refused, "2016-06-13T18:00 up 40kW 1h lead 2h", ""),
            "delivered_kw": delivered,
            "delivered_twin_kw": delivered - 0.5 * (accepted > 0.0),
            "accuracy_declared": unknown * (0.97 - 0.01 * which),
            "accuracy_twin": unknown * (0.95 - 0.01 * which),
            "delivery_ratio": unknown * 0.96,
            "activated_kwh": delivered,
            "rebound_kwh": 0.4 * delivered,
            "rebound": unknown * 0.4,
            "rebound_h": 6.0,
            "payment_eur": 0.2 * delivered,
            "penalty_eur": 0.3 * (accepted - delivered),
            "price_eur_per_kwh": 0.2,
            "violations": 0,
            "outside_band": 0,
        },
    )


def _activations(kind: Kind, case: dict[str, Any]) -> pd.DataFrame:
    parts = []
    count = max(kind.requests - 1, 1) if kind.requests > 2 else kind.requests
    for request in range(count):
        start = _start(request)
        intervals = np.arange(start - 6, min(start + 14, kind.intervals))
        inside = (intervals >= start) & (intervals < start + 4)
        sign = 1.0 if request % 2 == 0 else -1.0
        accepted = np.where(inside, 20.0 if request % 2 == 0 else 15.0, 0.0)
        twin = _base(kind)[intervals]
        after = np.where(intervals >= start + 4, 2.0, 0.0)
        net = twin - sign * 0.95 * accepted + sign * after
        declared = twin + 0.5
        parts.append(
            table(
                "activations",
                {
                    **case,
                    "interval": intervals,
                    "request": request,
                    "in_window": inside,
                    "asked_kw": accepted,
                    "accepted_kw": accepted,
                    "declared_kw": declared,
                    "twin_kw": twin,
                    "net_kw": net,
                    "delivered_kw": sign * (declared - net),
                    "delivered_twin_kw": sign * (twin - net),
                    "band_kw": kind.cap_kw,
                    "price_eur_per_kwh": 0.2,
                    "secure": True,
                    "twin_secure": True,
                },
            )
        )
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
        total = _total(kind, direction, "15min")
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
