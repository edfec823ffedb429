"""Names of ways to act, as scenarios use them."""

from functools import lru_cache
from pathlib import Path

from cosim.errors import PolicyError
from cosim.expectation import PASSES
from cosim.scenario import Scenario
from cosim.simulation import Followers, Leader, Policies
from policies.baselines import Retail, TimeOfUse, WaterValue

PRETRAINED = Path(__file__).parent / "pretrained" / "default"
"""Policies that come with the toolkit; their model card says how they were made."""


def leader_of(scenario: Scenario) -> Leader:
    """Return the leader that `scenario` names."""
    settings = scenario.leader
    if settings.policy == "time_of_use":
        return TimeOfUse(settings.block_starts_h, settings.margin_eur_per_kwh)
    if settings.policy == "flat":
        return TimeOfUse((0,), settings.margin_eur_per_kwh)
    if settings.policy == "learned":
        return trained(settings.trained).leader
    raise PolicyError(
        f'leader.policy: "{settings.policy}" is unknown; known: time_of_use, flat, learned'
    )


def followers_of(scenario: Scenario) -> Followers:
    """Return the followers that `scenario` names."""
    settings = scenario.followers
    if settings.policy in ("water_value", "fictitious_play"):
        return WaterValue(settings.half_spread_eur_per_kwh)
    if settings.policy == "learned":
        return trained(settings.trained).followers
    raise PolicyError(
        f'followers.policy: "{settings.policy}" is unknown; known: water_value, fictitious_play, '
        "learned"
    )


def passes_of(scenario: Scenario) -> int:
    """Return how often the followers of `scenario` plan anew before a day."""
    settings = scenario.followers
    if settings.policy == "learned":
        return trained(settings.trained).passes
    return PASSES if settings.policy == "fictitious_play" else 0


def requote_every_h(scenario: Scenario) -> float:
    """Return the hours between two decisions of the leader of `scenario`."""
    settings = scenario.leader
    return trained(settings.trained).requote_every_h if settings.policy == "learned" else 24.0


def policies_of(scenario: Scenario) -> Policies:
    """Return both sides of `scenario`."""
    return Policies(
        leader=leader_of(scenario),
        followers=followers_of(scenario),
        passes=passes_of(scenario),
        requote_every_h=requote_every_h(scenario),
    )


def retailer_only(scenario: Scenario) -> Policies:
    """Return the reference without an aggregator: retail prices, the same bidders."""
    return Policies(leader=Retail(), followers=followers_of(scenario))


def trained(folder: Path | None) -> Policies:
    """Return the policies of a training, those that come with the toolkit if None.

    Raises:
        PolicyError: the folder holds no usable trained policies.
    """
    return _load(PRETRAINED if folder is None else folder.resolve())


@lru_cache(maxsize=4)
def _load(folder: Path) -> Policies:
    from policies.training_folder import load_trained  # torch takes a second

    return load_trained(folder)
