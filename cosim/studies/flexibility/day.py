"""One day of one case: played, measured, tested with the requests that fall into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cosim.game import make_game
from cosim.grid.power_flow import PowerFlow
from cosim.inputs.world import build_world
from cosim.records import World
from cosim.results import IntervalRecord
from cosim.scenario import Scenario
from cosim.scoring.flexibility import WINDOWS
from cosim.scoring.flexibility_metrics import SHORTEST
from cosim.studies.flexibility.day_tables import (
    Tables,
    course_tables,
    flexibility_table,
    intervals_table,
    margins_table,
    offers_table,
    region_tables,
    rows_table,
    sum_tables,
)
from cosim.studies.flexibility.delivery import deliver
from cosim.studies.flexibility.measured import Measured, measured
from cosim.studies.flexibility.offers import Feasible, day_flexibility
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
from networks.catalog import load_feeder
from networks.feeder import Feeder


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
        "intervals": intervals_table(case, day),
        "flexibility": flexibility_table(case, day, found, tested),
        "margins": margins_table(case, day, found),
        "offers": offers_table(case, day, rows),
        **region_tables(case, day, regions),
        "requests": rows_table("requests", [each.request for _, each in tested]),
        "activations": rows_table(
            "activations", [r for _, each in tested for r in each.activations]
        ),
        "activation_ledger": rows_table(
            "activation_ledger", [r for _, each in tested for r in each.ledger]
        ),
        **sum_tables(case, day, found, tested),
        **course_tables(case, day, following),
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
