"""Ways to act that are compared by name, and the yardsticks beside them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cosim.expectation import PASSES
from cosim.game import Game
from cosim.market.auction import MECHANISMS
from cosim.prosumers.devices import initial_state, plug_in, ranges
from cosim.prosumers.orders import battery_prices, heat_price, vehicle_values
from cosim.records import Floats, FollowerAction, Signal, World
from cosim.scenario import Scenario
from cosim.simulation import Followers, Policies
from cosim.studies.comparison import Player, Yardstick
from cosim.views import FollowerView
from policies.baselines import WaterValue
from policies.optimum import community_optimum
from policies.receding_horizon import Horizon, receding_horizon
from policies.registry import leader_of, requote_every_h
from policies.yardstick_case import Span

BEYOND_ANY_PRICE_EUR_PER_KWH = 100.0
"""Moves a reservation price to where nothing is traded, or to the retail price."""

JUST_EUR_PER_KWH = 1e-6
"""How far a bid lies inside the aggregator's quotes to come before them."""

ZERO_INTELLIGENCE_STREAM = 9_101
"""Keeps the draws of random bids apart from all others."""

BASELINE, BEST_BIDDER, OPTIMUM = "no_trade", "fictitious_play", "optimum"


@dataclass(frozen=True, slots=True)
class Inflexible:
    """Moves no battery and charges vehicles as soon as they are plugged in."""

    def __call__(self, view: FollowerView) -> FollowerAction:
        """Return reservation prices at which batteries never trade and vehicles always do."""
        shape = view.state.battery_kwh.shape
        offset = np.zeros((*shape, 3))
        offset[:, :, 1] = BEYOND_ANY_PRICE_EUR_PER_KWH
        return FollowerAction(offset, np.full(shape, BEYOND_ANY_PRICE_EUR_PER_KWH))


@dataclass(frozen=True, slots=True)
class SelfConsumption:
    """Batteries store own surplus and serve own load; vehicles charge once they are plugged in.

    Bids just above what the aggregator pays and asks just below what it charges: without local
    trade such a battery moves for its own home only. Where the quotes lie too close together to
    pay for the losses, it moves all the same, as the rule has it.
    """

    def __call__(self, view: FollowerView) -> FollowerAction:
        """Return the action that puts both reservation prices inside the quotes."""
        fleet, signal = view.fleet, view.day.signal
        wanted_bid = signal.sell_eur_per_kwh[view.row][:, None] + JUST_EUR_PER_KWH
        wanted_ask = signal.buy_eur_per_kwh[view.row][:, None] - JUST_EUR_PER_KWH
        limits = ranges(
            fleet, view.state, view.now, interval=view.state.interval, interval_h=view.interval_h
        )
        bid, ask = battery_prices(fleet, view.state, limits, view.day.plan)
        # Solves bid + charge * offset - h = wanted and ask + offset / discharge + h = wanted.
        charge, discharge = fleet.battery_charge_efficiency, fleet.battery_discharge_efficiency
        offset = np.zeros((*bid.shape, 3))
        offset[:, :, 0] = (wanted_bid + wanted_ask - bid - ask) / (charge + 1.0 / discharge)
        offset[:, :, 1] = BEYOND_ANY_PRICE_EUR_PER_KWH
        return FollowerAction(offset, bid + charge * offset[:, :, 0] - wanted_bid)


@dataclass(frozen=True, slots=True)
class ZeroIntelligence:
    """Random reservation prices between the feed-in and the retail price, inside own limits.

    Gode and Sunder, "Allocative efficiency of markets with zero-intelligence traders" (1993):
    what the market's rules alone bring about. Each device draws anew every interval; an
    environment's draws depend on the seed, the environment and the interval only.
    """

    seed: int
    half_spread_eur_per_kwh: float

    def __call__(self, view: FollowerView) -> FollowerAction:
        """Return offsets that move every device's value to a drawn one."""
        fleet, interval, plan = view.fleet, view.state.interval, view.day.plan
        state = plug_in(view.state, view.now)
        limits = ranges(fleet, state, view.now, interval=interval, interval_h=view.interval_h)
        bid, ask = battery_prices(fleet, state, limits, plan)
        charging = bid / fleet.battery_charge_efficiency
        giving = ask * fleet.battery_discharge_efficiency
        both = (limits.battery_charge_kwh > 0.0) & (limits.battery_discharge_kwh > 0.0)
        stored = np.where(both, (charging + giving) / 2.0, charging + giving)  # a zero if neither
        dear, _, _ = vehicle_values(
            fleet, state, limits, view.now, plan=plan, interval_h=view.interval_h
        )
        heat = heat_price(fleet, state, limits, view.now, plan=plan, interval_h=view.interval_h)
        drawn = self._draw(view, bid.shape)
        return FollowerAction(
            drawn - np.stack([stored, dear, heat], axis=2),
            np.full(bid.shape, self.half_spread_eur_per_kwh),
        )

    def _draw(self, view: FollowerView, shape: tuple[int, ...]) -> Floats:
        """Return values (B, N, 3); the day on forecasts has draws of its own."""
        key = (ZERO_INTELLIGENCE_STREAM, int(view.now is view.forecast), view.state.interval)
        drawn = [
            np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(*key, b))).uniform(
                view.feed_in_eur_per_kwh, view.retail_eur_per_kwh, (shape[1], 3)
            )
            for b in range(shape[0])
        ]
        return np.stack(drawn)


def without_flexible_demand(game: Game) -> Game:
    """Return the game without local trade whose rooms are held at their target all the time."""
    target = game.fleet.comfort_target_celsius
    fleet = replace(game.fleet, comfort_min_celsius=target, comfort_max_celsius=target)
    return replace(game, fleet=fleet, mechanism=MECHANISMS["none"])


def _under_its_leader(scenario: Scenario, followers: Followers, *, passes: int = 0) -> Policies:
    """Return `followers` under the leader of `scenario`, which decides as often as there."""
    return Policies(leader_of(scenario), followers, passes, requote_every_h(scenario))


def _no_trade(scenario: Scenario) -> Player:
    return Player(
        BASELINE,
        "reference",
        _under_its_leader(scenario, Inflexible()),
        "tariff, no flexibility: no local trade, batteries stand still, vehicles charge as soon as "
        "they are plugged in, heat pumps hold the target temperature",
        without_flexible_demand,
    )


def _self_consumption(scenario: Scenario) -> Player:
    return Player(
        "self_consumption",
        "rule",
        _under_its_leader(scenario, SelfConsumption()),
        "no local trade; each battery stores its home's own surplus and serves its home's own "
        "load, all else as no_trade",
        without_flexible_demand,
    )


def _zero_intelligence(scenario: Scenario) -> Player:
    spread = scenario.followers.half_spread_eur_per_kwh
    return Player(
        "zero_intelligence",
        "rule",
        _under_its_leader(scenario, ZeroIntelligence(scenario.run.seed, spread)),
        "bids random reservation prices between the feed-in and the retail price in the local "
        "market: what the rules of the market alone bring about",
    )


def _water_value(scenario: Scenario) -> Player:
    followers = WaterValue(scenario.followers.half_spread_eur_per_kwh)
    return Player(
        "water_value",
        "bidding",
        _under_its_leader(scenario, followers),
        "bids storage at its water value by a dynamic programme under the announced prices",
    )


def _fictitious_play(scenario: Scenario) -> Player:
    followers = WaterValue(scenario.followers.half_spread_eur_per_kwh)
    return Player(
        BEST_BIDDER,
        "bidding",
        _under_its_leader(scenario, followers, passes=PASSES),
        "water values that expect the local market: the day is played on forecasts 24 times "
        "and planned anew each time",
    )


FOLLOWERS_ALONE = "_followers"
"""Ends the name of a player whose followers are learned and whose leader is the scenario's."""


def trained_players(folder: Path, name: str, scenario: Scenario) -> tuple[Player, Player]:
    """Return what a training left in `folder`: its followers alone, and both of its sides.

    Under a leader of its own a community pays other prices than under the scenario's; followers
    alone have the same leader as all others, so what they reach can be held against theirs.

    Raises:
        PolicyError: the folder holds no usable trained policies.
    """
    from policies.training_folder import load_trained  # seconds, and rarely needed

    policies = load_trained(folder)
    alone = _under_its_leader(scenario, policies.followers, passes=policies.passes)
    return (
        Player(
            f"{name}{FOLLOWERS_ALONE}",
            "trained",
            alone,
            "followers as they were learned, under the scenario's own leader",
        ),
        Player(name, "trained", policies, "both sides as they were learned"),
    )


PLAYERS: dict[str, Callable[[Scenario], Player]] = {
    BASELINE: _no_trade,
    "self_consumption": _self_consumption,
    "zero_intelligence": _zero_intelligence,
    "water_value": _water_value,
    BEST_BIDDER: _fictitious_play,
}
"""Players by name, each made for a scenario, whose leader all of them have."""


def _optimum_costs(game: Game, world: World, signal: Signal) -> Floats:
    return _each_environment(
        game,
        world,
        lambda span: (
            community_optimum(game, world, signal, initial_state(game.fleet), span).cost_eur
        ),
    )


def _receding_costs(game: Game, world: World, signal: Signal) -> Floats:
    hourly = Horizon(every=max(round(1.0 / game.interval_h), 1))
    return _each_environment(
        game,
        world,
        lambda span: (
            receding_horizon(game, world, signal, initial_state(game.fleet), span, hourly).cost_eur
        ),
    )


def _each_environment(game: Game, world: World, cost: Callable[[Span], float]) -> Floats:
    starts, wear = world.calendar.day_start, game.wear_eur_per_kwh
    first, end = int(starts[0]), int(starts[-1])
    count = game.fleet.bus.shape[0]
    return np.array([cost(Span(first, end, b, wear)) for b in range(count)])


YARDSTICKS: dict[str, Yardstick] = {
    OPTIMUM: Yardstick(
        OPTIMUM,
        "the least the community could have paid knowing everything, at the same announced prices, "
        "every power flow inside the limits",
        _optimum_costs,
        foresight=True,
    ),
    "receding_horizon": Yardstick(
        "receding_horizon",
        "one planner that steers all devices on forecasts and plans anew every hour; the grid has "
        "no say",
        _receding_costs,
    ),
}
"""Ways through the days that are computed, not played."""
