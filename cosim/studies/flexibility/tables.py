"""Tables that a flexibility study leaves in its folder: names, columns, kinds, meaning.

Power is drawn > 0. `up` is drawn less or fed in more, `down` is drawn more; amounts of both are
>= 0. Every table begins with the columns of `CASE`. Buses, lines and transformers carry the
numbers of pandapower. `interval` counts from the first of the study. NaN means unknown: a window
that reaches beyond the days that are played, or a part that was not looked at.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from cosim.studies.sweep_columns import Columns

Kinds = Mapping[str, str]

CASE: Final[Kinds] = {"policy": "str", "rule": "str"}
"""Which of the compared ways to play: how everybody acts, how the grid decides."""

DIRECTIONS: Final = ("up", "down")
ALL_DEVICES: Final = "all"
"""Stands for the sum over classes of devices."""
NONE: Final = "none"

TABLES: Final[Mapping[str, Kinds]] = {
    # The days as played, without any activation: the baseline of all that follows.
    "intervals": {
        **CASE,
        "interval": "int",
        "start_utc": "str",  # 2016-06-13T04:15, UTC
        "local_hour": "float",
        "slack_kw": "float",  # from the grid above; NaN where no power flow was found
        "community_kw": "float",  # of all prosumers at their meters
        "secure": "bool",  # no limit is broken
        "preexisting": "bool",  # what is broken is broken by firm load alone
    },
    # Sustained flexibility against the schedule as played, by window and class of devices.
    "flexibility": {
        **CASE,
        "interval": "int",
        "direction": "str",
        "window": "str",  # of cosim.scoring.flexibility.WINDOWS: 15min, 1h, 4h
        "device": "str",  # battery, vehicle, heat_pump, solar; all: their sum
        "offered_kw": "float",  # sum over devices of what each can keep up over the window
        "feasible_kw": "float",  # part of it that breaks no limit in the window's first interval
        "delivered_kw": "float",  # by activations against the twin; window 15min, else NaN
    },
    # What stops more of it in its first interval, and how much of it is solar power given up.
    "margins": {
        **CASE,
        "interval": "int",
        "direction": "str",
        "window": "str",
        "offered_kw": "float",
        "feasible_kw": "float",
        "solar_kw": "float",  # part of feasible_kw that is solar power given up (down)
        "reason": "str",  # of the limit that stops more, "none" where all is feasible
        "element": "str",  # "bus 4", "line 3", "trafo 0", ""
    },
    # Who provides what: means over the intervals that are known, energies of activations.
    "prosumers": {
        **CASE,
        "prosumer": "int",
        "bus": "int",
        "device": "str",
        "up_15min_kwh": "float",
        "up_1h_kwh": "float",
        "up_4h_kwh": "float",
        "down_15min_kwh": "float",
        "down_1h_kwh": "float",
        "down_4h_kwh": "float",
        "feasible_up_kw": "float",  # of 15 min
        "feasible_down_kw": "float",
        "delivered_up_kwh": "float",  # of all activations, in their windows, against the twin
        "delivered_down_kwh": "float",
    },
    # Steps of the prosumers' own order curves beyond what was traded, in merit order.
    "offers": {
        **CASE,
        "interval": "int",
        "direction": "str",
        "step": "int",  # 0 is the cheapest of its interval and direction
        "prosumer": "int",
        "bus": "int",
        "device": "str",
        "price_eur_per_kwh": "float",  # on top of what the traded energy is paid or saved for
        "offered_kw": "float",  # > 0
        "feasible_kw": "float",
    },
    # Corners of the feasible operating region at the connection to the grid above.
    "regions": {
        **CASE,
        "interval": "int",
        "committed": "bool",  # what the market's schedule of the next hour needs stays untouched
        "vertex": "int",  # counter-clockwise
        "p_kw": "float",
        "q_kvar": "float",
        "limit": "str",  # reason that binds there, "none": devices are at an end
        "element": "str",
    },
    "region_facts": {
        **CASE,
        "interval": "int",
        "committed": "bool",
        "base_kw": "float",
        "base_kvar": "float",
        "base_secure": "bool",
        "area_mw_mvar": "float",
        "up_kw": "float",
        "down_kw": "float",
        "least_kvar": "float",
        "most_kvar": "float",
        "convex": "bool",  # rays found the interior whole
    },
    "requests": {
        **CASE,
        "request": "int",  # counts from 0; what people read (messages, report) counts from 1
        "start_utc": "str",
        "start_local": "str",
        "called_utc": "str",
        "direction": "str",
        "way": "str",  # bids or prices
        "asked_kw": "float",
        "duration_h": "float",
        "lead_h": "float",  # as asked for
        "device_kw": "float",  # sustained over the request, expected when called
        "feasible_kw": "float",  # of it within the grid's limits, expected when called
        "accepted_kw": "float",
        "verdict": "str",  # accepted, partly accepted, refused
        "reason": "str",  # in words, "" where accepted
        "nearest": "str",  # nearest feasible request in the words of a request, "" where accepted
        "delivered_kw": "float",  # mean over the window against the declared baseline
        "delivered_twin_kw": "float",  # mean over the window against the twin
        "accuracy_declared": "float",  # of the accepted power, NaN where nothing was accepted
        "accuracy_twin": "float",
        "delivery_ratio": "float",  # energy delivered (twin) over accepted
        "activated_kwh": "float",  # in the window against the twin
        "rebound_kwh": "float",  # the other way after the window, against the twin
        "rebound": "float",  # over activated_kwh, NaN where nothing was activated
        "rebound_h": "float",  # hours looked at after the window
        "payment_eur": "float",  # received by the aggregator for what was delivered
        "penalty_eur": "float",  # paid by it for what was not
        "price_eur_per_kwh": "float",  # mean over the window, weighted by payment
        "violations": "int",  # intervals of the window that break a limit the twin keeps
        "outside_band": "int",  # intervals of the window outside of the network-feasible band
    },
    # Intervals around the windows of requests.
    "activations": {
        **CASE,
        "interval": "int",
        "request": "int",
        "in_window": "bool",
        "asked_kw": "float",  # 0 outside of the window
        "accepted_kw": "float",
        "declared_kw": "float",  # of the community, played on forecasts when called
        "twin_kw": "float",  # played without this activation, same draws
        "net_kw": "float",  # played with it
        "delivered_kw": "float",  # declared less net upward, the other way round downward
        "delivered_twin_kw": "float",
        "band_kw": "float",  # network-feasible flexibility of the twin in the direction asked for
        "price_eur_per_kwh": "float",
        "secure": "bool",
        "twin_secure": "bool",
    },
    # Every payment that an activation moves, beside the ledger of the market.
    "activation_ledger": {
        **CASE,
        "request": "int",
        "interval": "int",
        "payer": "str",  # operator, aggregator, balance_operator, "prosumer 3"
        "payee": "str",
        "kind": "str",  # activation, energy, imbalance_correction, passed_on, non_delivery
        "eur": "float",  # > 0
    },
    # Mean 15-min flexibility by bus and local hour.
    "buses_hours": {
        **CASE,
        "bus": "int",
        "hour": "int",
        "up_kw": "float",
        "down_kw": "float",
        "feasible_up_kw": "float",
        "feasible_down_kw": "float",
    },
    # Metrics of each case, see cosim.scoring.flexibility_metrics.METRICS for meaning and unit.
    "metrics": {**CASE, "metric": "str", "value": "float", "unit": "str"},
}

KINDS: Final = {"str": object, "int": np.int64, "float": np.float64, "bool": np.bool_}


def table(name: str, columns: Mapping[str, Any]) -> Columns:
    """Return the columns of table `name` as arrays; single values are repeated.

    Raises:
        ValueError: names are not those of the table, or lengths differ.
    """
    kinds = TABLES[name]
    if set(columns) != set(kinds):
        wrong = sorted(set(columns) ^ set(kinds))
        raise ValueError(f"table {name}: columns {wrong} are missing or unknown")
    sizes = {np.size(each) for each in columns.values() if np.ndim(each) > 0}
    if len(sizes) > 1:
        raise ValueError(f"table {name}: columns have unequal lengths {sorted(sizes)}")
    length = sizes.pop() if sizes else 1
    found: Columns = {}
    for column, kind in kinds.items():
        values: np.ndarray[Any, Any] = np.asarray(columns[column], dtype=KINDS[kind])
        found[column] = np.array(np.broadcast_to(values.ravel(), (length,)), dtype=KINDS[kind])
    return found


def empty(name: str) -> Columns:
    """Return table `name` without rows."""
    return {column: np.empty(0, dtype=KINDS[kind]) for column, kind in TABLES[name].items()}


def joined(name: str, parts: Iterable[Columns]) -> Columns:
    """Return the rows of all `parts` of table `name`, one after the other."""
    rows = [empty(name), *parts]
    return {column: np.concatenate([each[column] for each in rows]) for column in TABLES[name]}
