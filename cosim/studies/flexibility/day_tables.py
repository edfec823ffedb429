"""Tables of one day of one case, and the sums that a study's own tables are made of."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from cosim.grid.flexibility_region import OperatingRegion
from cosim.records import Floats
from cosim.results import IntervalRecord, Reason
from cosim.run_columns import element_texts, names
from cosim.scoring.flexibility import Device
from cosim.scoring.flexibility_metrics import SHORTEST, course_of
from cosim.studies.flexibility import tables
from cosim.studies.flexibility.measured import Measured
from cosim.studies.flexibility.offers import Feasible, quotes_at, supply_curve
from cosim.studies.flexibility.records import Case, Planned, PlayedDay
from cosim.studies.sweep_columns import Columns

Tables = dict[str, Columns]
DEVICES = tuple(device.name.lower() for device in Device)


def rows_table(name: str, rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Return rows as a table."""
    if not rows:
        return tables.empty(name)
    return tables.table(name, {column: [row[column] for row in rows] for column in rows[0]})


def intervals_table(case: Case, day: PlayedDay) -> Columns:
    """Return the intervals of a day as played."""
    calendar = case.world.calendar
    intervals = np.arange(day.first, day.first + day.length)
    states = [record.validation.state for record in day.records]
    return tables.table(
        "intervals",
        {
            **case.columns,
            "interval": intervals,
            "start_utc": [str(start) for start in calendar.start_utc[intervals]],
            "local_hour": calendar.local_hour[intervals],
            "slack_kw": [s.slack_kw[0] if s.converged[0] else np.nan for s in states],
            "community_kw": [record.dispatch.net_kw[0].sum() for record in day.records],
            "secure": [record.validation.secure[0] for record in day.records],
            "preexisting": [record.validation.preexisting[0] for record in day.records],
        },
    )


def flexibility_table(
    case: Case,
    day: PlayedDay,
    found: Mapping[tuple[str, str], Feasible],
    tested: Sequence[tuple[Planned, Measured]],
) -> Columns:
    """Return offered, feasible and delivered power by interval, window and class of device."""
    classes = (*DEVICES, tables.ALL_DEVICES)
    delivered = {direction: np.zeros((day.length, len(classes))) for direction in tables.DIRECTIONS}
    for planned, each in tested:
        rows = slice(planned.start - day.first, planned.start - day.first + planned.width)
        by_class = each.delivered_kw.sum(axis=1)
        delivered[planned.request.direction][rows] += np.column_stack(
            [by_class, by_class.sum(axis=1)]
        )
    intervals = np.arange(day.first, day.first + day.length)
    parts = []
    for (direction, window), part in found.items():
        done = delivered[direction]
        if window != SHORTEST:
            done = np.full_like(done, np.nan)
        columns = [
            np.column_stack([kw.sum(axis=1), kw.sum(axis=(1, 2))])
            for kw in (part.offered_kw, part.feasible_kw)
        ]
        parts.append(
            tables.table(
                "flexibility",
                {
                    **case.columns,
                    "interval": np.repeat(intervals, len(classes)),
                    "direction": direction,
                    "window": window,
                    "device": list(classes) * day.length,
                    "offered_kw": columns[0].ravel(),
                    "feasible_kw": columns[1].ravel(),
                    "delivered_kw": done.ravel(),
                },
            )
        )
    return tables.joined("flexibility", parts)


def margins_table(case: Case, day: PlayedDay, found: Mapping[tuple[str, str], Feasible]) -> Columns:
    """Return what stops more flexibility, and how much of it is solar power given up."""
    feeder = case.game.power_flow.feeder
    return tables.joined(
        "margins",
        [
            tables.table(
                "margins",
                {
                    **case.columns,
                    "interval": np.arange(day.first, day.first + day.length),
                    "direction": direction,
                    "window": window,
                    "offered_kw": part.offered_kw.sum(axis=(1, 2)),
                    "feasible_kw": part.total_kw,
                    "solar_kw": part.feasible_kw[:, :, Device.SOLAR].sum(axis=1),
                    "reason": names(Reason, part.reason),
                    "element": element_texts(part.reason, part.element, feeder),
                },
            )
            for (direction, window), part in found.items()
        ],
    )


def offers_table(case: Case, day: PlayedDay, rows: Sequence[int]) -> Columns:
    """Return the supply curves of some intervals."""
    game = case.game
    buses = game.power_flow.feeder.bus_index[game.fleet.bus[0]]
    parts = []
    for row, direction in product(rows, tables.DIRECTIONS):
        curve = supply_curve(game, day.records[row], quotes_at(game, day.signal, row), direction)
        if len(curve.prosumer):
            parts.append(
                tables.table(
                    "offers",
                    {
                        **case.columns,
                        "interval": day.first + row,
                        "direction": direction,
                        "step": np.arange(len(curve.prosumer)),
                        "prosumer": curve.prosumer,
                        "bus": buses[curve.prosumer],
                        "device": [DEVICES[device] for device in curve.device],
                        "price_eur_per_kwh": curve.price_eur_per_kwh,
                        "offered_kw": curve.offered_kw,
                        "feasible_kw": curve.feasible_kw,
                    },
                )
            )
    return tables.joined("offers", parts)


def region_tables(
    case: Case, day: PlayedDay, regions: Mapping[bool, Mapping[int, OperatingRegion]]
) -> Tables:
    """Return the corners of regions, and numbers of each."""
    feeder = case.game.power_flow.feeder
    corners, facts = [], []
    for committed, by_row in regions.items():
        for row, region in by_row.items():
            base = {**case.columns, "interval": day.first + row, "committed": committed}
            least, most = region.range_kvar
            facts.append(
                {
                    **base,
                    "base_kw": region.base_kw,
                    "base_kvar": region.base_kvar,
                    "base_secure": region.base_secure,
                    "area_mw_mvar": region.area_mw_mvar,
                    "up_kw": region.up_kw,
                    "down_kw": region.down_kw,
                    "least_kvar": least,
                    "most_kvar": most,
                    "convex": region.convex,
                }
            )
            if len(region.kw):
                corners.append(
                    tables.table(
                        "regions",
                        {
                            **base,
                            "vertex": np.arange(len(region.kw)),
                            "p_kw": region.kw,
                            "q_kvar": region.kvar,
                            "limit": names(Reason, region.reason),
                            "element": element_texts(region.reason, region.element, feeder),
                        },
                    )
                )
    return {
        "regions": tables.joined("regions", corners),
        "region_facts": rows_table("region_facts", facts),
    }


def sum_tables(
    case: Case,
    day: PlayedDay,
    found: Mapping[tuple[str, str], Feasible],
    tested: Sequence[tuple[Planned, Measured]],
) -> Tables:
    """Return sums over the day's intervals by prosumer and class, and by prosumer and hour."""
    prosumers = case.game.fleet.bus.shape[1]
    sums: Columns = {
        "prosumer": np.repeat(np.arange(prosumers), len(DEVICES)),
        "device": np.array(list(DEVICES) * prosumers, dtype=object),
    }
    for (direction, window), part in found.items():
        known = np.isfinite(part.offered_kw).all(axis=(1, 2))
        sums[f"{direction}_{window}_kw"] = part.offered_kw[known].sum(axis=0).ravel()
        sums[f"{direction}_{window}_count"] = np.full(prosumers * len(DEVICES), known.sum())
        if window == SHORTEST:
            sums[f"feasible_{direction}_kw"] = part.feasible_kw[known].sum(axis=0).ravel()
    for direction in tables.DIRECTIONS:
        total = np.zeros((prosumers, len(DEVICES)))
        for planned, each in tested:
            if planned.request.direction == direction:
                total += each.delivered_kw.sum(axis=0) * case.game.interval_h
        sums[f"delivered_{direction}_kwh"] = total.ravel()
    intervals = np.arange(day.first, day.first + day.length)
    hour = np.floor(case.world.calendar.local_hour[intervals]).astype(np.int64)
    hours: Columns = {
        "hour": np.repeat(hour, prosumers),
        "prosumer": np.tile(np.arange(prosumers), day.length),
    }
    for direction in tables.DIRECTIONS:
        part = found[direction, SHORTEST]
        hours[f"{direction}_kw"] = part.offered_kw.sum(axis=2).ravel()
        hours[f"feasible_{direction}_kw"] = part.feasible_kw.sum(axis=2).ravel()
    return {"prosumer_sums": sums, "hour_sums": _by_hour(hours)}


def _by_hour(rows: Columns) -> Columns:
    """Return sums and counts by hour and prosumer."""
    keys = np.column_stack([rows["hour"], rows["prosumer"]])
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    found: Columns = {"hour": unique[:, 0], "prosumer": unique[:, 1]}
    found["count"] = np.bincount(inverse.ravel()).astype(np.int64)
    for name, values in rows.items():
        if name not in ("hour", "prosumer"):
            found[name] = np.bincount(inverse.ravel(), values).astype(np.float64)
    return found


def course_tables(case: Case, day: PlayedDay, following: Sequence[IntervalRecord]) -> Tables:
    """Return what metrics are made of."""
    course = course_of(
        case.game.power_flow.feeder,
        case.game.fleet,
        day.start,
        [*day.records, *following],
        case.world.actual,
        interval_h=case.game.interval_h,
        length=day.length,
    )
    shares: dict[str, Floats] = {
        "cleared_kwh": course.cleared_kwh,
        "accepted_kwh": course.accepted_kwh,
    }
    return {"course": dict(course.by_interval), "shares": dict(shares)}
