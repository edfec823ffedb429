"""Measure full market intervals: 64 environments x 50 prosumers on cigre_lv, one core.

An interval is everything but the policies: orders, auction, validation, dispatch, settlement.
The day's plan and the prequalification of the bid are timed apart, as they happen once a day.
"""

import time
from dataclasses import replace

import numpy as np

from cosim.game import Game, make_game
from cosim.grid.power_flow import PowerFlow
from cosim.inputs.world import build_world
from cosim.interval import Day, bid_of, day_passage, plan, trade
from cosim.prosumers.devices import initial_state
from cosim.records import Exogenous, FollowerAction, State
from cosim.results import WholesaleBid
from cosim.scenario import ProsumerSettings, Scenario
from cosim.session import Session
from networks.catalog import load_feeder
from networks.feeder import Feeder
from policies.baselines import TimeOfUse

ENVIRONMENTS, PROSUMERS = 64, 50
TARGET_PER_SECOND = 300_000


def scenario_of(feeder: Feeder) -> Scenario:
    """Return 50 prosumers with mixed devices at the homes' buses, June 13."""
    generator = np.random.default_rng(5)
    zone = np.array([zone == "residential" for zone in feeder.bus_zone])
    buses = feeder.bus_index[zone & (feeder.nominal_load_kw > 0.0)]
    homes = []
    for n in range(PROSUMERS):
        pv = float(generator.uniform(3.0, 10.0)) if generator.random() < 0.7 else 0.0
        battery = pv if generator.random() < 0.6 else 0.0
        homes.append(
            ProsumerSettings(
                bus=int(buses[n % len(buses)]),
                pv_kwp=pv,
                battery_kwh=battery,
                battery_kw=battery / 2.0,
                vehicle_kw=11.0 if generator.random() < 0.4 else 0.0,
                heat_pump_kw=4.0 if generator.random() < 0.3 else 0.0,
            )
        )
    return Scenario(prosumers=tuple(homes))


def main() -> None:
    """Measure and print."""
    feeder = load_feeder("cigre_lv")
    scenario = scenario_of(feeder)
    scenario = scenario.model_copy(update={"run": scenario.run.model_copy(update={"days": 1})})
    world = build_world(scenario, feeder, environments=ENVIRONMENTS)
    game = make_game(scenario, PowerFlow(feeder), world)
    print(f"{ENVIRONMENTS} environments x {PROSUMERS} prosumers, cigre_lv, one thread")
    leader = TimeOfUse(scenario.leader.block_starts_h, scenario.leader.margin_eur_per_kwh)
    action = FollowerAction(
        value_offset_eur_per_kwh=np.zeros((ENVIRONMENTS, PROSUMERS, 3)),
        half_spread_eur_per_kwh=np.full((ENVIRONMENTS, PROSUMERS), 0.005),
    )

    def follow(state: State) -> FollowerAction:
        return action

    length = int(world.calendar.day_start[1])
    signal = leader(Session(game, world).leader_view())
    plan(game, world.forecast, signal, (0, length))  # compiles
    began = time.perf_counter()
    day = plan(game, world.forecast, signal, (0, length))
    plan_s = time.perf_counter() - began
    began = time.perf_counter()
    passage = day_passage(game, initial_state(game.fleet), world.forecast, day, follow)
    bid = bid_of(game, passage)
    bid_s = time.perf_counter() - began
    print(f"once a day: announce and plan {plan_s:.2f} s, play-through and bid {bid_s:.2f} s")
    for label, tightened in (
        ("limits as given", 1.0),
        ("ratings cut to 40 %", 0.4),
        ("to 30 %", 0.3),
    ):
        tight = replace(feeder, loading_max_percent=feeder.loading_max_percent * tightened)
        measured = replace(game, power_flow=PowerFlow(tight))
        measure(measured, world.actual, day, (action, bid), label)


def measure(
    game: Game,
    actual: Exogenous,
    day: Day,
    decided: tuple[FollowerAction, WholesaleBid],
    label: str,
) -> None:
    """Play the day twice, time the second."""
    action, bid = decided
    rows = ENVIRONMENTS * PROSUMERS
    for timed in (False, True):
        state = initial_state(game.fleet)
        broken = 0
        began = time.perf_counter()
        for now in range(day.length):
            record = trade(game, state, actual, day, action=action, sold_kwh=bid.validated_kwh[now])
            state = record.state
            trades, verdicts = record.clearing.trades, record.validation
            cut = verdicts.accepted_kwh < trades.cleared_kwh - 1e-9
            touched = np.zeros(ENVIRONMENTS, np.bool_)
            touched[trades.environment[cut]] = True
            broken += int((touched | verdicts.preexisting).sum())
        spent = time.perf_counter() - began
        if timed:
            per_second = rows * day.length / spent
            share = broken / (day.length * ENVIRONMENTS)
            print(
                f"{label}: {per_second:,.0f} prosumer-intervals/s "
                f"({per_second / TARGET_PER_SECOND:.2f} x the target of {TARGET_PER_SECOND:,}), "
                f"{1e3 * spent / day.length:.2f} ms an interval, {100 * share:.1f} % of the "
                "clearings break a limit"
            )


if __name__ == "__main__":
    main()
