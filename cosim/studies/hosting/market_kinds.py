"""Market levers as a study takes them: by name, each finding the capacity of deployments.

Ways to act come from whoever calls, since they hold policies; what is made here can be sent to
other processes wherever the ways can.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from cosim.scenario import Scenario
from cosim.studies.hosting.bisection import Search, bisect
from cosim.studies.hosting.levers import LeverKind
from cosim.studies.hosting.market_lever import MarketLever, market_lever
from cosim.studies.hosting.market_play import Way
from cosim.studies.hosting.market_stage import MarketStage, market_stage
from cosim.studies.hosting.records import TECHNOLOGIES, Capacities, Deployments
from cosim.studies.hosting.study_parts import Prepared

SCENARIOS_PER_TASK = 10
"""Fixed, so that no number of workers changes which cases are played side by side."""

ON_DAYS = "fit_and_forget_days"
"""Nobody acts, on the days and with the vehicles of market levers, searched as coarsely as they
are: what others are held against, so that coarseness is no gain or loss."""

STEPS = {
    "curtailment": ON_DAYS,
    "storage_curtailment": "curtailment",
    "p2p_water_value": "storage_curtailment",
    "p2p_fictitious_play": "p2p_water_value",
    "p2p_learned": "p2p_water_value",
}
"""What each way adds one thing to."""

TECHNOLOGIES_OF = {
    "self_consumption": ("pv",),
    "storage_curtailment": ("pv",),
}
"""Where a way differs from all others: batteries come with solar plants alone."""


def market_kinds(ways: Iterable[Way], scenario: Scenario | None = None) -> dict[str, LeverKind]:
    """Return levers by name; `scenario` as in `market_stage`."""
    return {
        way.name: LeverKind(
            name=way.name,
            told=way.title,
            find=_Find(way, scenario),
            judging=_Judging(way, scenario),
            scenarios_per_task=SCENARIOS_PER_TASK,
            is_market=True,
            reference=ON_DAYS,
            step=STEPS.get(way.name, ""),
            technologies=TECHNOLOGIES_OF.get(way.name, TECHNOLOGIES),
        )
        for way in ways
    }


@dataclass(frozen=True, slots=True)
class _Judging:
    way: Way
    scenario: Scenario | None

    def __call__(self, prepared: Prepared, deployments: Deployments) -> MarketLever:
        return market_lever(_stage(prepared, self.scenario), deployments, self.way)


@dataclass(frozen=True, slots=True)
class _Find:
    way: Way
    scenario: Scenario | None

    def __call__(self, prepared: Prepared, deployments: Deployments) -> Capacities:
        lever = market_lever(_stage(prepared, self.scenario), deployments, self.way)
        return bisect(lever, deployments, market_search(prepared), lever=self.way.name)


def market_search(prepared: Prepared) -> Search:
    """Return how levels are searched where days are played: more coarsely than elsewhere."""
    market, asked = prepared.settings.market, prepared.settings.search
    usual = prepared.search(grid_levels=market.grid_levels)
    return Search(
        start_kw=usual.start_kw,
        highest_kw=usual.highest_kw,
        resolution_kw=usual.resolution_kw,
        resolution_share=max(asked.resolution_share, market.resolution_share),
        grid_levels=usual.grid_levels,
    )


@lru_cache(maxsize=2)
def _stage(prepared: Prepared, scenario: Scenario | None) -> MarketStage:
    """Return the days of a study, kept while its levers are gone through."""
    return market_stage(prepared, scenario)
