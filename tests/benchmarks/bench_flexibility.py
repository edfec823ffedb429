"""How a flexibility study fares on the default scenario: activations of a month, regions of a day.

    python tests/benchmarks/bench_flexibility.py [DAYS]

Prints, for both ways to call prosumers up, how many intervals of activation lay outside of the
network-feasible band or broke a limit, then what the 96 regions of a day take.
"""

import sys
import time
from dataclasses import replace

import numpy as np

from cosim.scenario import Run, Scenario
from cosim.studies.flexibility.day import BuildStage, Stage, play_day
from cosim.studies.flexibility.records import BIDS, PRICES, Choice, StudySettings
from cosim.studies.flexibility.regions import regions_with
from cosim.studies.flexibility.requests import usual_requests
from policies.registry import policies_of

DAYS = 30
ONCE_A_DAY_H = 24.0


def stage_of(days: int, way: str) -> Stage:
    """Return the default scenario with a request down at noon and one up in the evening."""
    scenario = Scenario(run=Run(days=days))
    requests = tuple(usual_requests(scenario.run.start, days, 0.5))
    settings = StudySettings(way=way, region_every_h=ONCE_A_DAY_H)
    return BuildStage(scenario, (Choice("water_value", policies_of),), requests, settings)()


def month(days: int, way: str) -> None:
    """Print how the requests of `days` days were delivered."""
    stage, began = stage_of(days, way), time.process_time()
    found = []
    for day in range(days):
        found.append(play_day(stage, "water_value", "optimal", day)["requests"])
    rows = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    intervals = rows["duration_h"] / stage.world.calendar.interval_h
    accepted = rows["accepted_kw"] > 0.0
    print(
        f"{way}: {days} days, {len(accepted)} requests, {accepted.sum()} accepted, "
        f"{int(intervals[accepted].sum())} intervals of activation\n"
        f"  outside of the network-feasible band: {rows['outside_band'].sum()} intervals\n"
        f"  AC violations that the twin does not have: {rows['violations'].sum()} intervals\n"
        f"  accuracy, declared baseline: {np.nanmean(rows['accuracy_declared']):.3f} mean, "
        f"{np.nanmin(rows['accuracy_declared']):.3f} least\n"
        f"  accuracy, twin: {np.nanmean(rows['accuracy_twin']):.3f} mean, "
        f"{np.nanmin(rows['accuracy_twin']):.3f} least\n"
        f"  rebound over activated: {rows['rebound_kwh'].sum() / rows['activated_kwh'].sum():.3f}\n"
        f"  {time.process_time() - began:.0f} s of processor time"
    )


def regions() -> None:
    """Print what the 96 regions of a day take."""
    stage = stage_of(2, BIDS)
    case, twin = stage.twin("water_value", "optimal", 0)
    day, following = twin.day(0), twin.day(1).records[:4]
    settings = replace(stage.built.settings, region_every_h=case.game.interval_h)
    wall, processor = time.perf_counter(), time.process_time()
    found = regions_with(case, day, following, range(day.length), settings)
    print(
        f"{len(found)} regions of a day: {time.perf_counter() - wall:.1f} s wall, "
        f"{time.process_time() - processor:.1f} s of processor time, one thread"
    )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else DAYS
    regions()
    for each in (BIDS, PRICES):
        month(count, each)
