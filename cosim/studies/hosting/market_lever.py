"""Market levers: how much fits when owners of new plants trade, store and are cut by the grid.

A case is played through whole days (`market_play`); what its days leave at the buses is judged by
the same criteria as every other lever. Where the grid refuses what breaks limits, hard limits hold
at almost any level, and capacity ends where more than a stated share of the new plants' energy is
given up. The reference of the same days, loads and deployments, without any of it, is the way in
which nobody acts: differences between ways are paired.

Solar plants alone bring batteries, in the ways that have them. Vehicles and heat pumps that nobody
steers charge as soon as they come home and follow the heat demand.
"""

from dataclasses import dataclass

import numpy as np

from cosim.records import Floats, Integers
from cosim.simulation import Policies
from cosim.studies.hosting.heads import bounds_of, outside_allowed
from cosim.studies.hosting.judge import (
    TOLERANCE,
    block_of,
    judged,
    within_curtailment,
)
from cosim.studies.hosting.judge import Played as States
from cosim.studies.hosting.judge_kernel import judge_block, nothing_yet
from cosim.studies.hosting.market_play import (
    Played,
    Scene,
    Way,
    one_after_another,
    play_nobody,
    play_way,
)
from cosim.studies.hosting.market_stage import MarketStage
from cosim.studies.hosting.market_world import DeploymentDraws, draw_owners, slots_of
from cosim.studies.hosting.records import Deployments, Judged

ENERGY_DECIMALS = 6
"""Of a kWh: what is given up is rounded to it, so that the last bits, which hang on the cases that
are played beside, never decide."""


@dataclass(frozen=True, slots=True, eq=False)
class MarketLever:
    """One way to act on given deployments: ``lever(level_kw, which)`` judges cases."""

    stage: MarketStage
    deployments: Deployments
    way: Way
    policies: Policies | None
    draws: DeploymentDraws

    def __call__(self, level_kw: Floats, which: Integers) -> Judged:
        """Judge deployments `which` (n,) at levels (n,)."""
        return self.judged(self.played(level_kw, which))

    def played(self, level_kw: Floats, which: Integers) -> Played:
        """Play deployments `which` (n,) at levels (n,), a stated number at a time."""
        many = self.stage.market.cases_at_once
        parts = [
            self._played_together(level_kw[first : first + many], which[first : first + many])
            for first in range(0, len(which), many)
        ]
        return parts[0] if len(parts) == 1 else below(parts)

    def judged(self, played: Played) -> Judged:
        """Hold what was played against the criteria, and against what may be given up."""
        stage, grid = self.stage, self.stage.grid
        cases, _, buses = played.bus_kw.shape
        worst = nothing_yet(cases)
        bounds = bounds_of(grid.power_flow.feeder, stage.criteria, is_series=True)
        for week, (first, last) in enumerate(grid.weeks):
            points = last - first
            kw = played.bus_kw[:, first:last].reshape(-1, buses)
            kvar = played.bus_kvar[:, first:last].reshape(-1, buses)
            state = grid.power_flow.solve(kw, kvar)
            left = States(state, np.zeros(len(kw)), kw, kvar)
            block = block_of(grid, left, first, last)
            allowed = outside_allowed(stage.criteria, grid.week_points[week], is_series=True)
            judge_block(block, points, bounds, allowed, TOLERANCE, worst)
        found = judged(
            worst,
            np.round(played.offered_kwh, ENERGY_DECIMALS),
            np.round(played.curtailed_kwh, ENERGY_DECIMALS),
            interval_h=grid.points.interval_h,
        )
        return within_curtailment(found, stage.settings.curtailed_share_max)

    def extreme_states(self, level_kw: Floats, which: Integers) -> States:
        """Return the states at which cases come closest to limits, for another solver to check.

        Of each case those of the highest and the lowest voltage and of the highest loading.
        """
        played = self.played(level_kw, which)
        cases, points, buses = played.bus_kw.shape
        kw, kvar = (it.reshape(-1, buses) for it in (played.bus_kw, played.bus_kvar))
        state = self.stage.grid.power_flow.solve(kw, kvar)
        # Without a power flow there is nothing to compare.
        unsolved = np.where(state.converged, 0.0, -np.inf)
        measures = (
            np.nanmax(state.voltage_pu, axis=1) + unsolved,
            -np.nanmin(state.voltage_pu, axis=1) + unsolved,
            np.nanmax(state.loading_percent, axis=1) + unsolved,
        )
        of_case = points * np.arange(cases)
        at = np.unique([of_case + it.reshape(cases, points).argmax(axis=1) for it in measures])
        at = at[state.converged[at]]
        solved = self.stage.grid.power_flow.solve(kw[at], kvar[at])
        return States(solved, np.zeros(len(at)), kw[at], kvar[at])

    def _played_together(self, level_kw: Floats, which: Integers) -> Played:
        stage, technology = self.stage, self.deployments.technology
        slots = slots_of(
            self.deployments,
            self.draws,
            level_kw,
            which,
            battery_share=stage.market.battery_share if self.way.batteries else 0.0,
        )
        if self.policies is None:
            return one_after_another([play_nobody(technology, day, slots) for day in stage.days])
        scenes = (
            Scene(stage.scenario, technology, day, limits)
            for day, limits in zip(stage.days, stage.limits, strict=True)
        )
        return one_after_another([play_way(it, slots, self.way, self.policies) for it in scenes])


def market_lever(stage: MarketStage, deployments: Deployments, way: Way) -> MarketLever:
    """Return what judges `deployments` when owners act one `way`.

    Raises:
        HostingError: the deployments are layouts by rule, in which nobody owns a plant.
        PolicyError: the way's policies cannot be used.
    """
    return MarketLever(
        stage=stage,
        deployments=deployments,
        way=way,
        policies=None if way.policies is None else way.policies(stage.scenario),
        draws=draw_owners(stage.settings.seed, deployments, stage.owners),
    )


def below(parts: list[Played]) -> Played:
    """Return cases played one after the other as one record."""
    return Played(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in Played.__slots__
        }
    )
