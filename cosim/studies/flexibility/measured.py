"""What an activation brought and cost: against the declared baseline and against the twin.

Delivered is counted in the direction asked for. The operator pays the activation price for what was
delivered against the declared baseline, at most what was accepted; what is short of it costs the
aggregator a price per kWh, the larger of the imbalance price and twice the activation price. The
aggregator's position is counted as if it had sold what was accepted (upward; bought it downward):
its imbalance is corrected by that energy, which changes hands with the operator at the day-ahead
price. Prosumers that were called up get the activation price from the aggregator for every kWh
they were taken for; where prices brought it, they have been paid by the quotes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cosim.market.wholesale import imbalance_price
from cosim.records import Floats
from cosim.results import IntervalRecord
from cosim.scoring.flexibility import DEVICE_COUNT, Device
from cosim.scoring.flexibility_metrics import Delivery, rebound_kwh
from cosim.studies.flexibility.delivery import Played
from cosim.studies.flexibility.promise import Promise
from cosim.studies.flexibility.records import SIGN, Case, Planned

OPERATOR, AGGREGATOR, BALANCE_OPERATOR = "operator", "aggregator", "balance_operator"
TWICE: Final = 2.0
AROUND_H: Final = 1.0
"""Hours before and behind a window that are told of interval by interval."""
BAND_KW: Final = 0.01
"""What a delivery may lie outside of the network-feasible band and still counts as inside."""
LEAST_EUR: Final = 1e-9
NAN: Final = float("nan")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Rows of the tables `requests`, `activations` and `activation_ledger`, and who delivered."""

    request: Row
    activations: list[Row]
    ledger: list[Row]
    delivered_kw: Floats  # (W, N, DEVICE_COUNT) in the direction asked for, against the twin


def measured(
    case: Case,
    planned: Planned,
    promised: Promise,
    played: Played | None,
    twin: Callable[[int], IntervalRecord],
    band_kw: tuple[Floats, Floats],
) -> Measured:
    """Return what came of a request.

    Args:
        case: what was played.
        planned: the request.
        promised: its answer.
        played: the run with it, None if nothing was accepted.
        twin: the record of an interval as played without it.
        band_kw: (W,) network-feasible power of the twin in the direction asked for and the other.
    """
    prosumers = case.game.fleet.bus.shape[1]
    nothing = np.zeros((planned.width, prosumers, DEVICE_COUNT))
    base = {**_answer(case, planned, promised)}
    if played is None:
        return Measured({**base, **_NOTHING}, [], [], nothing)
    sign, hours = SIGN[planned.request.direction], case.game.interval_h
    records = dict(enumerate(played.records, start=played.first))
    window = range(planned.start, planned.start + planned.width)
    after = [t for t in records if t >= planned.start + planned.width]
    net = {t: _net_kw(record) for t, record in records.items()}
    twin_net = {t: _net_kw(twin(t)) for t in records}
    against_twin = {t: sign * (net[t] - twin_net[t]) for t in records}
    declared = np.array([sign * net[t] for t in window]) - sign * promised.declared_kw
    asked = np.full(planned.width, promised.accepted_kw)
    settled, true = (
        Delivery(asked, declared),
        Delivery(asked, np.array([against_twin[t] for t in window])),
    )
    activated = float(true.delivered_kw.sum()) * hours
    back = rebound_kwh(np.array([against_twin[t] for t in after]), interval_h=hours)
    broken = [_broken_anew(records[t], twin(t)) for t in window]
    outside = (true.delivered_kw > band_kw[0] + BAND_KW) | (
        true.delivered_kw < -band_kw[1] - BAND_KW
    )
    ledger = _ledger(case, planned, promised, played, settled)
    paid = sum(row["eur"] for row in ledger if row["kind"] == "activation")
    paid_kwh = np.clip(declared, 0.0, promised.accepted_kw) * hours
    request = {
        **base,
        "delivered_kw": float(settled.delivered_kw.mean()),
        "delivered_twin_kw": float(true.delivered_kw.mean()),
        "accuracy_declared": settled.accuracy,
        "accuracy_twin": true.accuracy,
        "delivery_ratio": true.activation_rate,
        "activated_kwh": activated,
        "rebound_kwh": back,
        "rebound": back / activated if activated > 0.0 else NAN,
        "rebound_h": len(after) * hours,
        "payment_eur": paid,
        "penalty_eur": sum(row["eur"] for row in ledger if row["kind"] == "non_delivery"),
        "price_eur_per_kwh": paid / float(paid_kwh.sum()) if paid_kwh.sum() > 0.0 else NAN,
        "violations": int(sum(broken)),
        "outside_band": int(outside.sum()),
    }
    activations = []
    margin = round(AROUND_H / hours)
    for t in range(window.start - margin, window.stop + margin):
        if t not in records:
            continue
        row = t - planned.start
        inside = 0 <= row < planned.width
        expected = promised.declared_rest_kw[t - promised.first : t - promised.first + 1]
        declared_kw = float(expected[0]) if len(expected) else NAN
        activations.append(
            {
                **case.columns,
                "interval": t,
                "request": planned.number,
                "in_window": inside,
                "asked_kw": promised.asked_kw * inside,
                "accepted_kw": promised.accepted_kw * inside,
                "declared_kw": declared_kw,
                "twin_kw": twin_net[t],
                "net_kw": net[t],
                "delivered_kw": sign * (net[t] - declared_kw),
                "delivered_twin_kw": against_twin[t],
                "band_kw": float(band_kw[0][row]) if inside else NAN,
                "price_eur_per_kwh": float(played.price_eur_per_kwh[row]) if inside else NAN,
                "secure": bool(records[t].validation.secure[0]),
                "twin_secure": bool(twin(t).validation.secure[0]),
            }
        )
    delivered = np.stack([sign * (_devices_kw(records[t]) - _devices_kw(twin(t))) for t in window])
    return Measured(request, activations, ledger, delivered)


_NOTHING: Final[Row] = {
    "delivered_kw": 0.0,
    "delivered_twin_kw": 0.0,
    "accuracy_declared": NAN,
    "accuracy_twin": NAN,
    "delivery_ratio": NAN,
    "activated_kwh": 0.0,
    "rebound_kwh": 0.0,
    "rebound": NAN,
    "rebound_h": 0.0,
    "payment_eur": 0.0,
    "penalty_eur": 0.0,
    "price_eur_per_kwh": NAN,
    "violations": 0,
    "outside_band": 0,
}


def _answer(case: Case, planned: Planned, promised: Promise) -> Row:
    request, start_utc = planned.request, case.world.calendar.start_utc
    return {
        **case.columns,
        "request": planned.number,
        "start_utc": str(start_utc[planned.start]),
        "start_local": request.start.isoformat(timespec="minutes"),
        "called_utc": str(start_utc[planned.call]),
        "direction": request.direction,
        "asked_kw": promised.asked_kw,
        "duration_h": request.duration_h,
        "lead_h": request.lead_h,
        "device_kw": promised.device_kw,
        "feasible_kw": promised.feasible_kw,
        "accepted_kw": promised.accepted_kw,
        "verdict": promised.verdict,
        "reason": promised.reason,
        "nearest": promised.nearest,
    }


def _ledger(
    case: Case, planned: Planned, promised: Promise, played: Played, settled: Delivery
) -> list[Row]:
    """Return every payment that the activation moves, amounts > 0."""
    game, actual, hours = case.game, case.world.actual, case.game.interval_h
    sold = -SIGN[planned.request.direction] * promised.accepted_kw * hours
    rows: list[Row] = []

    def pay(interval: int, payer: str, payee: str, kind: str, eur: float) -> None:
        if abs(eur) < LEAST_EUR:
            return
        ends = (payer, payee) if eur > 0.0 else (payee, payer)
        rows.append(
            {
                **case.columns,
                "request": planned.number,
                "interval": interval,
                "payer": ends[0],
                "payee": ends[1],
                "kind": kind,
                "eur": abs(eur),
            }
        )

    for row in range(planned.width):
        t = planned.start + row
        record = played.records[t - played.first]
        price = float(played.price_eur_per_kwh[row])
        delivered = float(settled.delivered_kw[row])
        paid_kwh = min(max(delivered, 0.0), promised.accepted_kw) * hours
        short_kwh = max(promised.accepted_kw - max(delivered, 0.0), 0.0) * hours
        day_ahead = actual.day_ahead_eur_per_kwh[t, :1]
        imbalance = actual.imbalance_eur_per_kwh[t, :1]
        short_price = max(float(imbalance[0]), TWICE * price, 0.0)
        long_kwh = record.settlement.imbalance_kwh[:1]
        before, after = (
            float((kwh * imbalance_price(kwh, day_ahead, imbalance, two_price=game.two_price))[0])
            for kwh in (long_kwh, long_kwh - sold)
        )
        pay(t, OPERATOR, AGGREGATOR, "activation", price * paid_kwh)
        pay(t, OPERATOR, AGGREGATOR, "energy", float(day_ahead[0]) * sold)
        pay(t, BALANCE_OPERATOR, AGGREGATOR, "imbalance_correction", after - before)
        pay(t, AGGREGATOR, OPERATOR, "non_delivery", short_price * short_kwh)
        for n, kwh in enumerate(played.owed_kwh[row]):
            pay(t, AGGREGATOR, f"prosumer {n}", "passed_on", price * float(kwh))
    return rows


def _net_kw(record: IntervalRecord) -> float:
    return float(record.dispatch.net_kw[0].sum())


def _devices_kw(record: IntervalRecord) -> Floats:
    """Return what the devices of each prosumer draw, (N, DEVICE_COUNT); solar power < 0."""
    done = record.dispatch
    drawn = np.zeros((done.net_kw.shape[1], DEVICE_COUNT))
    drawn[:, Device.BATTERY] = done.battery_kw[0]
    drawn[:, Device.VEHICLE] = done.vehicle_kw[0]
    drawn[:, Device.HEAT_PUMP] = done.heat_pump_kw[0]
    drawn[:, Device.SOLAR] = -done.pv_kw[0]
    return drawn


def _broken_anew(record: IntervalRecord, twin: IntervalRecord) -> bool:
    """Return whether a limit is broken that would not be without the activation."""
    return not bool(record.validation.secure[0]) and bool(twin.validation.secure[0])
