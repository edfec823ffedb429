"""Ways in which owners of new plants may act in a hosting-capacity study.

All builders are functions of this module, so that a study can send them to other processes.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from cosim.expectation import PASSES
from cosim.scenario import Scenario
from cosim.simulation import Policies
from cosim.studies.hosting.levers import LeverKind, electrical_kinds
from cosim.studies.hosting.market_kinds import market_kinds
from cosim.studies.hosting.market_play import Way
from policies.baselines import Retail, WaterValue
from policies.players import SelfConsumption
from policies.registry import leader_of, trained


def retailer(scenario: Scenario) -> Policies:
    """Return owners who plan for themselves under the retailer's prices."""
    return Policies(Retail(), WaterValue(scenario.followers.half_spread_eur_per_kwh))


def self_consumption(_scenario: Scenario) -> Policies:
    """Return batteries that store their home's surplus at once and serve its load."""
    return Policies(Retail(), SelfConsumption())


def water_value(scenario: Scenario, *, passes: int = 0) -> Policies:
    """Return water-value bidders under the leader of `scenario`; plans made anew `passes` times."""
    followers = WaterValue(scenario.followers.half_spread_eur_per_kwh)
    return Policies(leader_of(scenario), followers, passes)


def learned(_scenario: Scenario, *, folder: Path | None = None) -> Policies:
    """Return what a training left in `folder`, or the policies that come with the toolkit."""
    return trained(folder)


WAYS: dict[str, Way] = {
    way.name: way
    for way in (
        Way(
            "fit_and_forget_days",
            "nobody steers anything, on the days and in the homes of the market levers",
            None,
        ),
        Way(
            "self_consumption",
            "home batteries store their home's surplus at once and serve its load",
            self_consumption,
            batteries=True,
        ),
        Way(
            "storage",
            "home batteries are planned for their owners under the retailer's prices; the grid has "
            "no say",
            retailer,
            batteries=True,
        ),
        Way(
            "curtailment",
            "no batteries, no local trade; the grid refuses what breaks limits",
            retailer,
            validation=True,
        ),
        Way(
            "storage_curtailment",
            "home batteries under the retailer's prices; the grid refuses what breaks limits",
            retailer,
            batteries=True,
            validation=True,
        ),
        Way(
            "p2p_water_value",
            "local market with grid validation; batteries bid their water values under the "
            "announced prices",
            water_value,
            batteries=True,
            local_trade=True,
            validation=True,
        ),
        Way(
            "p2p_fictitious_play",
            "local market with grid validation; water values that expect the local market too",
            partial(water_value, passes=PASSES),
            batteries=True,
            local_trade=True,
            validation=True,
        ),
        Way(
            "p2p_learned",
            "local market with grid validation; both sides as they were learned",
            learned,
            batteries=True,
            local_trade=True,
            validation=True,
        ),
    )
}
"""Ways by name."""


def trained_way(folder: Path) -> Way:
    """Return `p2p_learned` with the policies of a training.

    Raises:
        PolicyError: the folder holds no usable trained policies.
    """
    trained(folder)
    known = WAYS["p2p_learned"]
    return Way(
        known.name,
        f"{known.title} ({folder.name})",
        partial(learned, folder=folder.resolve()),
        batteries=True,
        local_trade=True,
        validation=True,
    )


def lever_kinds(
    *, folder: Path | None = None, scenario: Scenario | None = None
) -> Mapping[str, LeverKind]:
    """Return all levers of a study by name, electrical ones first.

    `folder` is a training whose policies play `p2p_learned`; `scenario` has tariff, prices,
    forecasts and rules of the market. With them, `functools.partial` of this function is what a
    study sends to other processes.

    Raises:
        PolicyError: the folder holds no usable trained policies.
    """
    ways = WAYS if folder is None else {**WAYS, "p2p_learned": trained_way(folder)}
    return {**electrical_kinds(), **market_kinds(ways.values(), scenario)}
