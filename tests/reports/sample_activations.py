"""Requests and activations of a made-up flexibility study."""

from typing import Any

import numpy as np
import pandas as pd

from tests.reports.sample_flexibility_world import Kind, base_kw, table


def _start(request: int) -> int:
    return 72 if request == 0 else 48 + 3 * (request - 1)


def requests(kind: Kind, case: dict[str, Any], number: int) -> pd.DataFrame:
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


def activations(kind: Kind, case: dict[str, Any]) -> pd.DataFrame:
    parts = []
    count = max(kind.requests - 1, 1) if kind.requests > 2 else kind.requests
    for request in range(count):
        start = _start(request)
        intervals = np.arange(start - 6, min(start + 14, kind.intervals))
        inside = (intervals >= start) & (intervals < start + 4)
        sign = 1.0 if request % 2 == 0 else -1.0
        accepted = np.where(inside, 20.0 if request % 2 == 0 else 15.0, 0.0)
        twin = base_kw(kind)[intervals]
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
