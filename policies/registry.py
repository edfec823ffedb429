"""Names of ways to act, as scenarios use them."""

from cosim.errors import PolicyError
from cosim.scenario import Scenario
from cosim.simulation import Followers, Leader, Policies
from policies.baselines import Retail, TimeOfUse, WaterValue


def leader_of(scenario: Scenario) -> Leader:
    """Return the leader that `scenario` names."""
    settings = scenario.leader
    if settings.policy == "time_of_use":
        return TimeOfUse(settings.block_starts_h, settings.margin_eur_per_kwh)
    if settings.policy == "flat":
        return TimeOfUse((0,), settings.margin_eur_per_kwh)
    raise PolicyError(f'leader.policy: "{settings.policy}" is unknown; known: time_of_use, flat')


def followers_of(scenario: Scenario) -> Followers:
    """Return the followers that `scenario` names."""
    settings = scenario.followers
    if settings.policy == "water_value":
        return WaterValue(settings.half_spread_eur_per_kwh)
    raise PolicyError(f'followers.policy: "{settings.policy}" is unknown; known: water_value')


def policies_of(scenario: Scenario) -> Policies:
    """Return both sides of `scenario`."""
    return Policies(leader=leader_of(scenario), followers=followers_of(scenario))


def retailer_only(scenario: Scenario) -> Policies:
    """Return the reference without an aggregator: retail prices, the same bidders."""
    return Policies(leader=Retail(), followers=followers_of(scenario))
