"""The tables of the day-ahead bid: what was offered, what the grid left of it, and the states."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.records import Integers, World
from cosim.results import BalancingOffer, DayRecord, Verdict, WholesaleBid
from cosim.run_columns import column, element_texts, floats, integers, names, reason_texts
from networks.feeder import Feeder

Columns = dict[str, NDArray[Any]]


def wholesale_table(feeder: Feeder, world: World, days: Sequence[DayRecord]) -> Columns:
    """Return one row an interval: schedule, offers, delivery and prices of environment 0."""
    records = [record for day in days for record in day.intervals]
    numbers = _numbers(days)
    settlements = [record.settlement for record in records]
    bids = [day.bid for day in days]
    day_ahead = world.actual.day_ahead_eur_per_kwh[numbers, 0]
    shadow = column(bid.shadow[:, 0] for bid in bids)
    table: Columns = {
        "interval": numbers,
        "bid_kwh": column(bid.offered_kwh[:, 0] for bid in bids),
        "validated_kwh": column(bid.validated_kwh[:, 0] for bid in bids),
        **_judgement(bids, feeder),
        "shadow_kwh_per_kwh": shadow,
        "shadow_eur_per_kwh": shadow * day_ahead,
    }
    hours = world.calendar.interval_h
    for direction in ("up", "down"):
        offers: list[BalancingOffer] = [getattr(bid, direction) for bid in bids]
        table[f"{direction}_offered_kw"] = column(o.offered_kwh[:, 0] / hours for o in offers)
        table[f"{direction}_feasible_kw"] = column(o.feasible_kwh[:, 0] / hours for o in offers)
        judgement = _judgement(offers, feeder)
        table |= {f"{direction}_{name}": values for name, values in judgement.items()}
        table[f"{direction}_shadow_kw_per_kw"] = column(o.shadow[:, 0] for o in offers)
    return table | {
        "delivered_kwh": floats(s.delivered_kwh[0] for s in settlements),
        "imbalance_kwh": floats(s.imbalance_kwh[0] for s in settlements),
        "day_ahead_eur_per_kwh": day_ahead,
        "imbalance_eur_per_kwh": floats(s.imbalance_price_eur_per_kwh[0] for s in settlements),
        "system_imbalance_eur_per_kwh": world.actual.imbalance_eur_per_kwh[numbers, 0],
    }


def bid_buses_table(feeder: Feeder, days: Sequence[DayRecord]) -> Columns:
    """Return what the bid stands for at each bus: it solves the feeder again."""
    bids, numbers = [day.bid for day in days], _numbers(days)
    return {
        "interval": np.repeat(numbers, feeder.bus_count),
        "bus": np.tile(feeder.bus_index, len(numbers)),
        "firm_kw": column(bid.firm_bus_kw[:, 0].ravel() for bid in bids),
        "offered_kw": column(bid.offered_bus_kw[:, 0].ravel() for bid in bids),
        "validated_kw": column(bid.validated_bus_kw[:, 0].ravel() for bid in bids),
        "up_kw": column(bid.up.bus_kw[:, 0].ravel() for bid in bids),
        "down_kw": column(bid.down.bus_kw[:, 0].ravel() for bid in bids),
        "q_kvar": column(bid.bus_kvar[:, 0].ravel() for bid in bids),
        "price_kwh_per_kwh": column(bid.price[:, 0].ravel() for bid in bids),
    }


def _numbers(days: Sequence[DayRecord]) -> Integers:
    """Return the position in the run of every interval, (T,)."""
    return integers([np.array([record.interval for day in days for record in day.intervals])])


def _judgement(parts: Sequence[WholesaleBid | BalancingOffer], feeder: Feeder) -> Columns:
    """Return what the grid said of environment 0, in words."""
    verdict, reason, element = (
        integers(getattr(part, name)[:, 0] for part in parts)
        for name in ("verdict", "reason", "element")
    )
    return {
        "verdict": names(Verdict, verdict),
        "reason": reason_texts(reason),
        "element": element_texts(reason, element, feeder),
    }
