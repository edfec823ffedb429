"""Worlds to learn in: a game and the days it is played on, drawn by a seed."""

import datetime
from collections.abc import Callable, Sequence

import numpy as np

from cosim.game import Game, make_game
from cosim.grid.power_flow import PowerFlow
from cosim.inputs.world import draw_world, set_stage
from cosim.records import World
from cosim.scenario import Scenario
from cosim.scenario_moves import scenario_at
from networks.catalog import load_feeder

Worlds = Callable[[int], tuple[Game, World]]
"""Returns the game and the world of a seed: the same seed, the same arrays. All worlds have the
same numbers of environments and prosumers."""


FIRST_DAY_STREAM = 7_002
"""Keeps the draw of a first day apart from all others of a seed."""


class ScenarioWorlds:
    """Draws worlds of a scenario: who lives where stays, all other draws follow the seed.

    The seed of the scenario itself gives the world that `cosim run` plays, unless first days are
    drawn too.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        environments: int = 1,
        first_days: Sequence[datetime.date] = (),
    ) -> None:
        """Load the feeder and place everybody by the seed of `scenario`.

        Args:
            scenario: the default one if None.
            environments: how many to play side by side.
            first_days: a world begins on one of these, drawn by its seed; if none are given, on
                the first day of the scenario.

        Raises:
            CosimError: or `networks.errors.NetworkError`, as `cosim run` does for the scenario.
        """
        self.scenario = Scenario() if scenario is None else scenario
        self.environments, self.first_days = environments, tuple(first_days)
        settings = self.scenario.feeder
        self.feeder = load_feeder(
            settings.name, **settings.of_feeder(owned_devices=self.scenario.takes_devices)
        )
        self.power_flow = PowerFlow(self.feeder)
        self._stage = set_stage(self.scenario, self.feeder)
        self._start = self.scenario.run.start

    def __call__(self, seed: int) -> tuple[Game, World]:
        """Return the game and the world of `seed`."""
        start = self.first_day(seed)
        if start != self._start:
            moved = scenario_at(self.scenario, start, self.scenario.run.days)
            self._stage, self._start = set_stage(moved, self.feeder), start
        scenario = scenario_at(self.scenario, start, self.scenario.run.days, seed=seed)
        world = draw_world(scenario, self._stage, environments=self.environments)
        return make_game(scenario, self.power_flow, world), world

    def first_day(self, seed: int) -> datetime.date:
        """Return the day on which the world of `seed` begins."""
        if not self.first_days:
            return self.scenario.run.start
        sequence = np.random.SeedSequence(seed, spawn_key=(FIRST_DAY_STREAM,))
        return self.first_days[np.random.default_rng(sequence).integers(len(self.first_days))]
