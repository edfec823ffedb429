"""Held-out days as strata of a comparison: who lives where stays, all else is drawn anew.

But for one thing: the first seed plays the profiles of the homes as they were placed, on all days.
"""

import datetime
from collections.abc import Callable, Sequence
from functools import partial

from cosim.game import Game, make_game
from cosim.grid.power_flow import PowerFlow
from cosim.inputs.world import draw_world, set_stage
from cosim.records import World
from cosim.scenario import Scenario
from cosim.scenario_moves import scenario_at as scenario_at
from cosim.studies.comparison import Stratum
from cosim.studies.held_out import FIRST_MONDAY, HELD_OUT_SEEDS, held_out_weeks
from networks.feeder import Feeder

DAYS_OF_WEEK = 7
STEP_OF_WEEKDAYS = 3
"""Weekdays between one chosen day and the next: all seven come up in turn."""


def chosen_weeks(count: int) -> tuple[datetime.date, ...]:
    """Return the Mondays of `count` held-out weeks, spread evenly over the year."""
    weeks = held_out_weeks()
    return tuple(weeks[(2 * k + 1) * len(weeks) // (2 * count)] for k in range(count))


def chosen_days(count: int) -> tuple[datetime.date, ...]:
    """Return `count` held-out days, spread evenly over weeks and weekdays, in order."""
    weeks = held_out_weeks()
    days = []
    for begun in range(0, count, len(weeks)):
        for monday in chosen_weeks(min(count - begun, len(weeks))):
            weekday = STEP_OF_WEEKDAYS * weeks.index(monday) + begun // len(weeks)
            days.append(monday + datetime.timedelta(days=weekday % DAYS_OF_WEEK))
    return tuple(sorted(days))


def most_weeks() -> int:
    """Return how many weeks are held out."""
    return len(held_out_weeks())


def most_days() -> int:
    """Return how many days are held out."""
    return DAYS_OF_WEEK * len(held_out_weeks())


def strata_of(
    scenario: Scenario, feeder: Feeder, starts: Sequence[datetime.date], *, days: int, seeds: int
) -> tuple[Stratum, ...]:
    """Return a stratum for each start, `seeds` environments side by side.

    A stratum and seed is the same world whatever else is played: its draws have the day's own
    seed, above all that training uses, and are independent between strata.
    """
    power_flow = PowerFlow(feeder)
    build: Callable[..., tuple[Game, World]] = partial(_build, power_flow, seeds=seeds)
    return tuple(
        Stratum(str(start), partial(build, scenario_at(scenario, start, days))) for start in starts
    )


def _build(power_flow: PowerFlow, scenario: Scenario, *, seeds: int) -> tuple[Game, World]:
    """Return game and world of a stratum."""
    stage = set_stage(scenario, power_flow.feeder)
    seed = HELD_OUT_SEEDS + (scenario.run.start - FIRST_MONDAY).days
    drawn = scenario.model_copy(update={"run": scenario.run.model_copy(update={"seed": seed})})
    world = draw_world(drawn, stage, environments=seeds)
    return make_game(drawn, power_flow, world), world
