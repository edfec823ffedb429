"""Worlds with days of six hours from nine o'clock on, for tests of environments."""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from typing import Any

import numpy as np

from cosim.envs.worlds import Worlds
from cosim.game import Game
from cosim.records import World
from tests.worlds import small_game, small_world

DAYS = np.array([36, 60, 84])
ENVIRONMENTS, PROSUMERS = 3, 4
TIGHT = 6.0
"""Device scale at which the grid has to refuse something."""


def short_worlds(
    environments: int = ENVIRONMENTS, *, scale: float = 1.0, prosumers: int = PROSUMERS
) -> Worlds:
    """Return worlds of two short days."""

    @cache
    def draw(seed: int) -> tuple[Game, World]:
        world, feeder = small_world(
            seed=seed, environments=environments, prosumers=prosumers, scale=scale
        )
        world = replace(world, calendar=replace(world.calendar, day_start=DAYS))
        game = replace(
            small_game(world, feeder, seed=seed), balancing_share=0.5, wear_eur_per_kwh=0.01
        )
        return game, world

    return draw


def single(worlds: Worlds, b: int) -> Worlds:
    """Return environment `b` of worlds, alone."""

    def draw(seed: int) -> tuple[Game, World]:
        game, world = worlds(seed)
        fleet = _only(world.fleet, lambda values: values[b : b + 1])
        return (
            replace(game, fleet=fleet, tie_rank=game.tie_rank[b : b + 1]),
            replace(
                world,
                fleet=fleet,
                actual=_only(world.actual, lambda values: values[:, b : b + 1].copy()),
                forecast=_only(world.forecast, lambda values: values[:, b : b + 1].copy()),
            ),
        )

    return draw


def _only(record: Any, cut: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Return a record of arrays with every array cut."""
    return replace(
        record, **{each.name: cut(getattr(record, each.name)) for each in fields(record)}
    )
