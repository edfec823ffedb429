"""A comparison that takes seconds: short days on the three-bus feeder, three seeds, two spans."""

import datetime
from dataclasses import replace
from functools import partial

import numpy as np

from cosim.game import Game
from cosim.records import World
from cosim.scenario import Scenario
from cosim.studies.comparison import Comparison, LineUp, Stratum, compare
from cosim.studies.comparison_folder import ComparisonContent
from cosim.studies.comparison_summary import summarise
from policies.players import PLAYERS
from tests.worlds import small_game, small_world

SEEDS = 3
DAY_STARTS = np.array([52, 64, 76])  # from one in the afternoon, when vehicles come home
STARTS = ("2016-06-13", "2016-07-11")


def game_and_world(number: int, *, seeds: int = SEEDS, rule: str = "optimal") -> tuple[Game, World]:
    """Return a small world whose battery wear counts and whose network costs nothing extra."""
    world, feeder = small_world(seed=number, environments=seeds, prosumers=5)
    world = replace(world, calendar=replace(world.calendar, day_start=DAY_STARTS))
    game = small_game(world, feeder, rule=rule, seed=number)
    return replace(game, charges=False, wear_eur_per_kwh=0.01), world


def small_strata() -> tuple[Stratum, ...]:
    return tuple(Stratum(name, partial(game_and_world, k)) for k, name in enumerate(STARTS))


def small_line_up(*names: str) -> LineUp:
    players = tuple(PLAYERS[name](Scenario()) for name in names)
    return LineUp(players, PLAYERS["no_trade"](Scenario()))


def content_of(line_up: LineUp, found: Comparison, reference: str) -> ComparisonContent:
    return ComparisonContent(
        scenario=Scenario(),
        line_up=line_up,
        comparison=found,
        summary=summarise(found, line_up, reference, 0),
        starts=STARTS,
        days=2,
        feeder="three-bus",
        ratings_assumed=False,
        began=datetime.datetime(2016, 6, 13, tzinfo=datetime.UTC),
    )


def small_content() -> ComparisonContent:
    line_up = small_line_up("no_trade", "self_consumption", "water_value")
    return content_of(line_up, compare(line_up, small_strata()), "water_value")
