"""Everything that stays the same while a game is played: feeder, owners, rules."""

from dataclasses import dataclass

import numpy as np

from cosim.grid.power_flow import PowerFlow
from cosim.market.auction import MECHANISMS, Mechanism
from cosim.market.settlement import PriceParts
from cosim.records import Fleet, Integers, World
from cosim.scenario import Scenario

TIE_STREAM = 7_001
"""Keeps the draws of tie-breaking apart from all others of an environment."""


@dataclass(frozen=True, slots=True, eq=False)
class Game:
    """Rules and surroundings of a simulation."""

    power_flow: PowerFlow
    fleet: Fleet
    interval_h: float
    mechanism: Mechanism
    rule: str  # of validation
    envelopes: str  # objective by which they are given out before bidding, "none" for none
    charges: bool  # trades pay for the network by location
    two_price: bool  # imbalance scheme
    parts: PriceParts
    retail_eur_per_kwh: float
    feed_in_eur_per_kwh: float
    tie_rank: Integers  # (B, N)
    balancing_share: float = 0.0  # of what is flexible around the schedule that is offered
    wear_eur_per_kwh: float = 0.0  # of a battery, per kWh through its meter

    @property
    def passed_on_eur_per_kwh(self) -> float:
        """Fees and levies on energy from the retailer or the aggregator."""
        return self.parts.network_fee_eur_per_kwh + self.parts.levies_eur_per_kwh

    @property
    def local_fee_eur_per_kwh(self) -> float:
        """Fees and levies on a local trade."""
        return self.parts.local_network_fee_eur_per_kwh + self.parts.local_levies_eur_per_kwh


def make_game(scenario: Scenario, power_flow: PowerFlow, world: World) -> Game:
    """Return the game that `scenario` describes."""
    tariff = scenario.tariff
    return Game(
        power_flow=power_flow,
        fleet=world.fleet,
        interval_h=world.calendar.interval_h,
        mechanism=MECHANISMS[scenario.market.mechanism],
        rule=scenario.grid.rule,
        envelopes=scenario.grid.envelopes,
        charges=scenario.grid.charges == "locational",
        two_price=scenario.wholesale.imbalance_scheme == "two_price",
        parts=PriceParts(
            energy_eur_per_kwh=tariff.energy_eur_per_kwh,
            network_fee_eur_per_kwh=tariff.network_fee_eur_per_kwh,
            levies_eur_per_kwh=tariff.levies_eur_per_kwh,
            local_network_fee_eur_per_kwh=tariff.local_network_fee_eur_per_kwh,
            local_levies_eur_per_kwh=tariff.local_levies_eur_per_kwh,
        ),
        retail_eur_per_kwh=tariff.retail_eur_per_kwh,
        feed_in_eur_per_kwh=tariff.feed_in_eur_per_kwh,
        tie_rank=draw_tie_ranks(scenario.run.seed, world.fleet.bus.shape),
        balancing_share=scenario.wholesale.balancing_share,
        wear_eur_per_kwh=scenario.community.battery_wear_eur_per_kwh,
    )


def draw_tie_ranks(seed: int, shape: tuple[int, ...]) -> Integers:
    """Return a permutation of the prosumers per environment, (B, N), each from its own stream."""
    environments, prosumers = shape
    streams = [
        np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(TIE_STREAM, b)))
        for b in range(environments)
    ]
    return np.stack([stream.permutation(prosumers) for stream in streams]).astype(np.int64)
