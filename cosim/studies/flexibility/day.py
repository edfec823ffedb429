"""One day of one case: played, measured, tested with the requests that fall into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from cosim.game import make_game
from cosim.grid.flexibility_region import OperatingRegion
from cosim.grid.power_flow import PowerFlow
from cosim.inputs.world import build_world
from cosim.records import Floats, World
from cosim.results import IntervalRecord, Reason
from cosim.run_columns import element_texts, names
from cosim.scenario import Scenario
from cosim.scoring.flexibility import WINDOWS, Device
from cosim.scoring.flexibility_metrics import SHORTEST, course_of
from cosim.studies.flexibility import tables
from cosim.studies.flexibility.delivery import deliver
from cosim.studies.flexibility.measured import Measured, measured
from cosim.studies.flexibility.offers import Feasible, day_flexibility, quotes_at, supply_curve
from cosim.studies.flexibility.promise import promise
from cosim.studies.flexibility.records import (
    Case,
    Choice,
    Planned,
    PlayedDay,
    Request,
    StudySettings,
)
from cosim.studies.flexibility.regions import regions_with, regions_without
from cosim.studies.flexibility.requests import plan_requests
from cosim.studies.flexibility.twin import Twin
from cosim.studies.sweep_columns import Columns
from networks.catalog import load_feeder
from networks.feeder import Feeder

Tables = dict[str, Columns]
DEVICES = tuple(device.name.lower() for device in Device)


@dataclass(frozen=True, slots=True)
class BuildStage:
    """Makes what all tasks of a study share; can be sent to other processes."""

    scenario: Scenario
    choices: tuple[Choice, ...]
    requests: tuple[Request, ...]
    settings: StudySettings

    def __call__(self) -> "Stage":
        """Return the stage."""
        given = self.scenario.feeder
        owned = self.scenario.takes_devices
        feeder = load_feeder(given.name, **given.of_feeder(owned_devices=owned))
        world = build_world(self.scenario, feeder)
        planned = plan_requests(
            self.requests,
            world.calendar,
            world.fleet,
            gate_closure_h=self.settings.gate_closure_h,
        )
        return Stage(self, feeder, world, tuple(planned))


@dataclass(slots=True, eq=False)
class Stage:
    """The world of a study, and the days as played by the cases that were looked at."""

    built: BuildStage
    feeder: Feeder
    world: World
    planned: tuple[Planned, ...]
    _twins: dict[tuple[str, str], tuple[Case, Twin]] = field(default_factory=dict)

    def twin(self, policy: str, rule: str, day: int) -> tuple[Case, Twin]:
        """Return a case and its days as played, from `day` on at the latest."""
        known = self._twins.get((policy, rule))
        if known is None or known[1].oldest > day:
            case = self._case(policy, rule)
            self._twins = {(policy, rule): (case, Twin(case, [p.call for p in self.planned]))}
        case, twin = self._twins[policy, rule]
        twin.drop_before(day)
        return case, twin

    def _case(self, policy: str, rule: str) -> Case:
        scenario = self.built.scenario
        grid = scenario.grid.model_copy(update={"rule": rule})
        ruled = scenario.model_copy(update={"grid": grid})
        choice = next(each for each in self.built.choices if each.name == policy)
        game = make_game(ruled, PowerFlow(self.feeder), self.world)
        return Case(policy, rule, game, self.world, choice.build(ruled))


def play_day(stage: Stage, policy: str, rule: str, number: int) -> Tables:
    """Return the tables of a day, and sums that the study's own tables are made of."""
    settings = stage.built.settings
    case, twin = stage.twin(policy, rule, number)
    day = twin.day(number)
    following: Sequence[IntervalRecord] = ()
    if number + 1 < twin.count:
        reach = round(max(WINDOWS.values()) / case.game.interval_h)
        following = twin.day(number + 1).records[:reach]
    found = day_flexibility(case, day, following)
    tested = [
        (planned, _tested(case, twin, day, planned, found, settings))
        for planned in stage.planned
        if planned.day == number
    ]
    rows = range(0, day.length, max(round(settings.region_every_h / case.game.interval_h), 1))
    without = dict(zip(rows, regions_without(case, day, rows, settings), strict=True))
    regions = {False: without, True: regions_with(case, day, following, rows, settings)}
    return {
        "intervals": _intervals(case, day),
        "flexibility": _flexibility(case, day, found, tested),
        "margins": _margins(case, day, found),
        "offers": _offers(case, day, rows),
        **_regions(case, day, regions),
        "requests": _rows("requests", [each.request for _, each in tested]),
        "activations": _rows("activations", [r for _, each in tested for r in each.activations]),
        "activation_ledger": _rows(
            "activation_ledger", [r for _, each in tested for r in each.ledger]
        ),
        **_sums(case, day, found, tested),
        **_course(case, day, following),
    }


def _tested(
    case: Case,
    twin: Twin,
    day: PlayedDay,
    planned: Planned,
    found: Mapping[tuple[str, str], Feasible],
    settings: StudySettings,
) -> Measured:
    """Return what comes of a request."""
    promised = promise(case, twin.at(planned.call), planned)
    played = None
    last = min(planned.day + 1, twin.count - 1)
    starts = case.world.calendar.day_start
    if promised.accepted_kw > 0.0:
        far = planned.start + planned.width + round(settings.rebound_h / case.game.interval_h)
        end = min(far, int(starts[last + 1]))
        played = deliver(case, twin.at(planned.call), planned, promised, end, way=settings.way)
    row = planned.start - day.first
    other = "down" if planned.request.direction == "up" else "up"
    band = [
        found[direction, SHORTEST].total_kw[row : row + planned.width]
        for direction in (planned.request.direction, other)
    ]

    def of_twin(interval: int) -> IntervalRecord:
        number = planned.day if interval < starts[planned.day + 1] else planned.day + 1
        held = twin.day(number)
        return held.records[interval - held.first]

    result = measured(case, planned, promised, played, of_twin, (band[0], band[1]))
    result.request["way"] = settings.way
    return result


def _rows(name: str, rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Return rows as a table."""
    if not rows:
        return tables.empty(name)
    return tables.table(name, {column: [row[column] for row in rows] for column in rows[0]})


def _intervals(case: Case, day: PlayedDay) -> Columns:
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


def _flexibility(
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


def _margins(case: Case, day: PlayedDay, found: Mapping[tuple[str, str], Feasible]) -> Columns:
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


def _offers(case: Case, day: PlayedDay, rows: Sequence[int]) -> Columns:
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


def _regions(
    case: Case, day: PlayedDay, regions: Mapping[bool, Mapping[int, OperatingRegion]]
) -> Tables:
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
        "region_facts": _rows("region_facts", facts),
    }


def _sums(
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


def _course(case: Case, day: PlayedDay, following: Sequence[IntervalRecord]) -> Tables:
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
