"""Worlds of a scenario: the seed decides, places stay."""

import datetime
from dataclasses import fields

import numpy as np

from cosim.envs.worlds import ScenarioWorlds
from cosim.inputs.world import build_world
from cosim.scenario import Run, Scenario
from cosim.studies.held_out import training_days
from tests.envs.test_checkers import SCENARIO


def test_the_scenarios_own_seed_gives_the_world_of_a_run() -> None:
    scenario = SCENARIO.model_copy(update={"run": Run(days=1, seed=5)})
    worlds = ScenarioWorlds(scenario, environments=2)
    _, world = worlds(5)
    known = build_world(scenario, worlds.feeder, environments=2)
    for record, other in ((world.actual, known.actual), (world.forecast, known.forecast)):
        for each in fields(record):
            np.testing.assert_array_equal(getattr(record, each.name), getattr(other, each.name))


def test_seeds_move_all_but_places() -> None:
    worlds = ScenarioWorlds(SCENARIO)
    (_, first), (_, again), (_, other) = worlds(1), worlds(1), worlds(2)
    np.testing.assert_array_equal(first.fleet.bus, other.fleet.bus)
    np.testing.assert_array_equal(first.fleet.pv_kwp, other.fleet.pv_kwp)
    for name in ("day_ahead_eur_per_kwh", "vehicle_arrival_kwh", "imbalance_eur_per_kwh"):
        values = getattr(first.actual, name)
        np.testing.assert_array_equal(values, getattr(again.actual, name))
        assert not np.array_equal(values, getattr(other.actual, name))


def test_first_days_are_drawn_by_the_seed() -> None:
    worlds = ScenarioWorlds(SCENARIO, first_days=training_days())
    starts = {seed: worlds.first_day(seed) for seed in range(40)}
    assert set(starts.values()) <= set(training_days())
    assert len(set(starts.values())) > 30
    for seed in (3, 4, 3):
        _, world = worlds(seed)
        first = world.calendar.start_utc[0].astype(datetime.datetime)
        midnight = datetime.datetime.combine(starts[seed], datetime.time())
        assert abs(first - midnight) <= datetime.timedelta(hours=2)
    scenario = Scenario.model_validate(
        SCENARIO.model_dump() | {"run": {"days": 1, "seed": 3, "start": starts[3]}}
    )
    known = build_world(scenario, worlds.feeder)
    np.testing.assert_array_equal(world.actual.load_kw.shape, known.actual.load_kw.shape)
    np.testing.assert_array_equal(
        world.actual.day_ahead_eur_per_kwh, known.actual.day_ahead_eur_per_kwh
    )
