"""Flexibility metrics of days that were played, from the records of their intervals alone.

Environment 0 is measured. Power is drawn > 0; up is drawn less, down is drawn more, both >= 0.
Formulas follow common practice. What a fleet could do is told against the schedule as played; what
an activation brought is told against a baseline that the caller names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.records import AGGREGATOR, Exogenous, Fleet, Floats, Intentions, State
from cosim.results import IntervalRecord
from cosim.scoring.fairness import gini, jain
from cosim.scoring.flexibility import WINDOWS, Baseline, Device, sustained
from networks.feeder import Feeder

LOADED: Final = 1e-9
"""Share of a rating above the limit that still counts as none."""

AS_PLAYED: Final = "schedule as played"
"""Name of the baseline: what the devices did on the same days without any activation."""

NAN: Final = float("nan")
SHORTEST: Final = "15min"
"""Window that power alone is told for."""

METRICS: Final[dict[str, tuple[str, str]]] = {
    **{
        f"{direction}_{name}_kw": (
            "kW",
            f"power by which all devices could draw {way} for {hours:g} h, mean over windows",
        )
        for direction, way in (("up", "less"), ("down", "more"))
        for name, hours in WINDOWS.items()
    },
    **{
        f"{direction}_{name}_kwh": ("kWh", f"energy of it, {hours:g} h long")
        for direction in ("up", "down")
        for name, hours in WINDOWS.items()
    },
    **{
        f"{direction}_{device.name.lower()}_kw": (
            "kW",
            f"part of {direction}_15min_kw of {told}",
        )
        for direction in ("up", "down")
        for device, told in (
            (Device.BATTERY, "batteries"),
            (Device.VEHICLE, "vehicles"),
            (Device.HEAT_PUMP, "heat pumps"),
            (Device.SOLAR, "solar power (up: given up before, down: to be given up)"),
        )
    },
    "ramp_up_kw_per_h": ("kW/h", "steepest fall of drawn power within reach between intervals"),
    "ramp_down_kw_per_h": ("kW/h", "steepest rise of drawn power within reach between intervals"),
    "peak_import_kw": ("kW", "largest power from the grid above"),
    "peak_export_kw": ("kW", "largest power into it"),
    "load_factor": (
        "1",
        "mean over largest power from the grid above, what is fed in counted as 0",
    ),
    "peak_to_average": ("1", "the other way round"),
    "ramping_kw": ("kW", "sum of the changes of power from the grid above"),
    "self_consumption": ("1", "share of the solar energy that the community used or stored"),
    "self_sufficiency": ("1", "share of what it used that was its own sun, storage losses used"),
    "loss_kwh": ("kWh", "losses of the feeder"),
    "voltage_deviation_pu": ("p.u.", "distance of voltages to 1 p.u., mean over buses and time"),
    "voltage_violation_pu_h": ("p.u. h", "distance of voltages beyond their limits, summed"),
    "congestion_h": ("h", "hours in which a branch is loaded above its limit"),
    "congestion_severity_h": (
        "p.u. h",
        "loading beyond the limit (1 is the rating) times hours, summed",
    ),
    "curtailed_kwh": ("kWh", "solar energy given up"),
    "curtailed_share": ("1", "of what was available"),
    "jain_accepted": ("1", "Jain's index of accepted over cleared energy of prosumers"),
    "gini_accepted": ("1", "Gini coefficient of the same"),
    "price_of_security_eur": ("EUR", "surplus of what the verdicts took from trades"),
}
"""Unit and meaning of what `flexibility_metrics` returns."""

GRID_METRICS: Final[dict[str, tuple[str, str]]] = {
    f"{prefix}_{direction}{suffix}": (unit, meaning.format(direction))
    for prefix, suffix, unit, meaning in (
        ("feasible", "_kw", "kW", "part of {}_15min_kw that breaks no limit, mean"),
        ("feasible", "_1h_kw", "kW", "part of {}_1h_kw that breaks no limit, mean"),
        ("feasible", "_4h_kw", "kW", "part of {}_4h_kw that breaks no limit, mean"),
        ("feasible", "_at_peak_kw", "kW", "part of offered_{}_at_peak_kw that breaks no limit"),
        (
            "offered",
            "_at_peak_kw",
            "kW",
            "{} for 15 min, by all devices, when the feeder draws most",
        ),
        ("deliverability", "", "1", "network-feasible over offered {} energy, 15 min"),
        ("deliverability", "_1h", "1", "the same {} for windows of 1 h"),
        ("deliverability", "_4h", "1", "the same {} for windows of 4 h"),
    )
    for direction in ("up", "down")
} | {
    f"feasible_down_solar{suffix}_kw": (
        "kW",
        f"part of feasible_down{suffix}_kw that is solar power given up, mean",
    )
    for suffix in ("", "_1h", "_4h")
}
"""Metrics that need power flows of what was not played; a study adds them."""


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """What an activation brought, per interval of its window, kW in the direction asked for."""

    asked_kw: Floats  # (W,) accepted power, > 0
    delivered_kw: Floats  # (W,) baseline less what was drawn upward, the other way round downward

    @property
    def accuracy(self) -> float:
        """1 - sum |asked - delivered| / sum asked; NaN where nothing was asked."""
        asked = float(self.asked_kw.sum())
        off = float(np.abs(self.asked_kw - self.delivered_kw).sum())
        return 1.0 - off / asked if asked > 0.0 else NAN

    @property
    def activation_rate(self) -> float:
        """Delivered over asked energy, NaN where nothing was asked."""
        asked = float(self.asked_kw.sum())
        return float(self.delivered_kw.sum()) / asked if asked > 0.0 else NAN


def rebound_kwh(after_kw: Floats, *, interval_h: float) -> float:
    """Return the energy by which an activation is undone after its window.

    Args:
        after_kw: (A,) delivered power, as in `Delivery`, of the intervals behind the window.
        interval_h: length of an interval.

    Only what goes the other way counts; what still goes the way asked for is not set against it.
    """
    return float(np.maximum(-after_kw, 0.0).sum()) * interval_h


def played_baseline(start: State, records: Sequence[IntervalRecord]) -> Baseline:
    """Return the schedule as played; `start` is the state before the first record."""
    dispatched = [record.dispatch for record in records]
    return Baseline(
        told=AS_PLAYED,
        first_interval=records[0].interval,
        state=start,
        devices=Intentions(
            battery_kw=np.stack([each.battery_kw for each in dispatched]),
            vehicle_kw=np.stack([each.vehicle_kw for each in dispatched]),
            heat_pump_kw=np.stack([each.heat_pump_kw for each in dispatched]),
        ),
        solar_kw=np.stack([each.pv_kw for each in dispatched]),
        curtailed_kw=np.stack([each.curtailed_kw for each in dispatched]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What metrics are made of, small enough to keep for long runs; parts follow each other."""

    by_interval: dict[str, Floats]  # (T,) each, see `course_of`
    cleared_kwh: Floats  # (N,) sold and bought by each prosumer
    accepted_kwh: Floats  # (N,) of it after the verdicts


def course_of(  # noqa: PLR0913 (records, and what they were played on)
    feeder: Feeder,
    fleet: Fleet,
    start: State,
    records: Sequence[IntervalRecord],
    exogenous: Exogenous,
    *,
    interval_h: float,
    length: int | None = None,
) -> Course:
    """Return the course of the first `length` records, all if None.

    Args:
        feeder: with its limits.
        fleet: who owns what.
        start: state before the first record.
        records: consecutive intervals; those behind `length` say what windows reach into.
        exogenous: stays of vehicles and heat demand of the days.
        interval_h: length of an interval.
        length: number of intervals told of.
    """
    measured = records if length is None else records[:length]
    baseline = played_baseline(start, records)
    rows = [{**_grid_row(feeder, r), **_community_row(r)} for r in measured]
    by_interval = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for name, hours in WINDOWS.items():
        found = sustained(
            fleet,
            baseline,
            exogenous,
            window_h=hours,
            interval_h=interval_h,
            starts=len(measured),
        )
        for direction, kw in (("up", found.up_kw), ("down", found.down_kw)):
            by_interval[f"{direction}_{name}_kw"] = kw[:, 0].sum(axis=(1, 2))
            if name == SHORTEST:
                for device in Device:
                    by_device = kw[:, 0, :, device].sum(axis=1)
                    by_interval[f"{direction}_{device.name.lower()}_kw"] = by_device
    cleared, accepted = np.zeros((2, fleet.bus.shape[1]))
    for record in measured:
        trades = record.clearing.trades
        here = slice(int(trades.start[0]), int(trades.start[1]))
        for end in (trades.seller[here], trades.buyer[here]):
            known = end != AGGREGATOR
            for total, kwh in (
                (cleared, trades.cleared_kwh),
                (accepted, record.validation.accepted_kwh),
            ):
                total += np.bincount(end[known], kwh[here][known], len(total))
    return Course(by_interval, cleared, accepted)


def flexibility_metrics(courses: Sequence[Course], *, interval_h: float) -> dict[str, float]:
    """Return the metrics of `METRICS` over consecutive courses, NaN where one means nothing."""
    of = {
        name: np.concatenate([each.by_interval[name] for each in courses])
        for name in courses[0].by_interval
    }
    found: dict[str, float] = {}
    for name, values in of.items():
        if name in METRICS and name.startswith(("up_", "down_")):
            found[name] = _mean(values)
    for direction in ("up", "down"):
        for name, hours in WINDOWS.items():
            found[f"{direction}_{name}_kwh"] = found[f"{direction}_{name}_kw"] * hours
    least, most = of["net_kw"] - of[f"up_{SHORTEST}_kw"], of["net_kw"] + of[f"down_{SHORTEST}_kw"]
    found["ramp_up_kw_per_h"] = _most(of["net_kw"][:-1] - least[1:]) / interval_h
    found["ramp_down_kw_per_h"] = _most(most[1:] - of["net_kw"][:-1]) / interval_h
    slack = of["slack_kw"][np.isfinite(of["slack_kw"])]
    drawn = np.maximum(slack, 0.0)
    peak, mean = _most(drawn), _mean(drawn)
    exported = np.minimum(np.maximum(-of["net_kw"], 0.0), of["solar_kw"])
    kept = float((of["solar_kw"] - exported).sum())
    used = float(np.maximum(of["net_kw"], 0.0).sum()) + kept
    given_up, solar = float(of["curtailed_kw"].sum()), float(of["solar_kw"].sum())
    cleared = np.sum([each.cleared_kwh for each in courses], axis=0)
    accepted = np.sum([each.accepted_kwh for each in courses], axis=0)
    share = accepted[cleared > 0.0] / cleared[cleared > 0.0]
    return found | {
        "peak_import_kw": peak,
        "peak_export_kw": _most(np.maximum(-slack, 0.0)),
        "load_factor": _ratio(mean, peak),
        "peak_to_average": _ratio(peak, mean),
        "ramping_kw": float(np.abs(np.diff(slack)).sum()),
        "self_consumption": _ratio(kept, solar),
        "self_sufficiency": _ratio(kept, used),
        "loss_kwh": float(np.nansum(of["loss_kw"])) * interval_h,
        "voltage_deviation_pu": _mean(of["deviation_pu"]),
        "voltage_violation_pu_h": float(np.nansum(of["violation_pu"])) * interval_h,
        "congestion_h": float((of["overload"] > LOADED).sum()) * interval_h,
        "congestion_severity_h": float(np.nansum(of["overload"])) * interval_h,
        "curtailed_kwh": given_up * interval_h,
        "curtailed_share": _ratio(given_up, given_up + solar),
        "jain_accepted": jain(share) if len(share) else NAN,
        "gini_accepted": gini(share) if len(share) else NAN,
        "price_of_security_eur": float(of["security_eur"].sum()),
    }


def _grid_row(feeder: Feeder, record: IntervalRecord) -> dict[str, float]:
    """Return what the power flow of an interval says, NaN where there is none."""
    state = record.validation.state
    names = ("slack_kw", "loss_kw", "deviation_pu", "violation_pu", "overload")
    if not state.converged[0]:
        return dict.fromkeys(names, NAN)
    voltage, loading = state.voltage_pu[0], state.loading_percent[0]
    beyond = np.maximum(voltage - feeder.voltage_max_pu, feeder.voltage_min_pu - voltage)
    over = np.maximum(loading - feeder.loading_max_percent, 0.0) / 100.0
    values = (
        state.slack_kw[0],
        state.loss_kw[0],
        np.abs(voltage - 1.0).mean(),
        np.maximum(beyond, 0.0).sum(),
        over.sum(),
    )
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _community_row(record: IntervalRecord) -> dict[str, float]:
    trades, done = record.clearing.trades, record.dispatch
    here = slice(int(trades.start[0]), int(trades.start[1]))
    refused = (trades.cleared_kwh - record.validation.accepted_kwh)[here]
    return {
        "net_kw": float(done.net_kw[0].sum()),
        "solar_kw": float(done.pv_kw[0].sum()),
        "curtailed_kw": float(done.curtailed_kw[0].sum()),
        "security_eur": float((np.maximum(trades.surplus_eur_per_kwh[here], 0.0) * refused).sum()),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else NAN


def _mean(values: Floats) -> float:
    """Return the mean of what is known, NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else NAN


def _most(values: Floats) -> float:
    """Return the largest of what is known, NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else NAN
