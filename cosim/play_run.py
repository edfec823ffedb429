"""Play a scenario and leave a run folder behind: what `cosim run` does.

The days are played up to four times on the same inputs: as the scenario says, without validation
(for the comparison in the report), and as references for the bills with the retailer alone and with
the aggregator's prices but no local trade.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cosim.errors import RunFolderError
from cosim.game import Game, make_game
from cosim.grid.power_flow import PowerFlow
from cosim.inputs.world import build_world
from cosim.learned_policies import LearnedPolicies, who_acts
from cosim.market.auction import MECHANISMS
from cosim.records import Floats, World
from cosim.reports.from_run import write_run_report
from cosim.results import DayRecord
from cosim.run_facts import RunFacts
from cosim.run_folder import RunContent, folder_problems, write_run
from cosim.run_tables import RunRecords
from cosim.scenario import Scenario
from cosim.scoring.metrics import Metrics, Outcome, References, outcome_of, run_metrics
from cosim.simulation import Policies, play_days
from networks.catalog import load_feeder
from networks.feeder import Feeder
from networks.file_kinds import is_file_reference
from networks.net_devices import told
from networks.reference import ReferenceCheck, resolve
from networks.references import net_text

Progress = Callable[[str, int, int], None]

CENT, HALF_KWH = 0.005, 0.5
"""What is nearer to zero is shown as zero, without a sign."""

REFERENCE_STATES = 96
"""States of a run longer than a day that pandapower solves again: the extremes and a sample."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What is shown after a run."""

    rows: tuple[tuple[str, str], ...]  # (label, value)
    folder: Path
    report: Path


@dataclass(frozen=True, slots=True)
class RunPolicies:
    """How everybody acts in the run, and in the reference without an aggregator."""

    market: Policies
    retailer_only: Policies
    learned: tuple[LearnedPolicies, ...] = ()  # of each folder that any of them come from


def play(scenario: Scenario, *, out: Path, progress: Progress, policies: RunPolicies) -> RunSummary:
    """Play `scenario` and write everything into the folder `out`.

    Raises CosimError or NetworkError with every problem; nothing is left behind then.
    """
    started = datetime.datetime.now(datetime.UTC)
    problems = folder_problems(out)
    if problems:
        raise RunFolderError(problems)
    name = scenario.feeder.name
    feeder = load_feeder(name, **scenario.feeder.of_feeder(owned_devices=scenario.takes_devices))
    own_net = net_text(name) if is_file_reference(name) else None
    world = build_world(scenario, feeder)
    game = make_game(scenario, PowerFlow(feeder), world)
    arms = {"with_validation": _play(game, world, policies.market, "market", progress)}
    if scenario.grid.compare_with_none and scenario.grid.rule != "none":
        arms["without_validation"] = _play(
            replace(game, rule="none"), world, policies.market, "without validation", progress
        )
    references = _play_references(scenario, game, world, policies, progress)
    left = {name: _outcome(scenario, world, played) for name, played in arms.items()}
    metrics = {
        name: run_metrics(feeder, world, played, left[name], references)
        for name, played in arms.items()
    }
    days, unchecked = arms["with_validation"], arms.get("without_validation")
    check = _solve_again(name, feeder, days)
    finished = datetime.datetime.now(datetime.UTC)
    content = RunContent(
        scenario=scenario,
        records=RunRecords(feeder, world, days, scenario.tariff),
        without_validation=(
            None if unchecked is None else RunRecords(feeder, world, unchecked, scenario.tariff)
        ),
        metrics=metrics,
        facts=RunFacts(
            started=started,
            finished=finished,
            pandapower_states=check.states,
            pandapower_unsolved=check.unsolved,
            pandapower_voltage_pu=check.voltage_pu,
            pandapower_loading_percent=check.loading_percentage_points,
            learned=policies.learned,
        ),
        net_text=own_net,
    )
    progress("report", 0, 1)
    folder = write_run(
        out,
        content,
        write_report=lambda run: write_run_report(run, feeder, world, left, references.retail_only),
    )
    progress("report", 1, 1)
    return RunSummary(
        rows=summary_rows(scenario, feeder, world, metrics, check, learned=policies.learned),
        folder=folder.path,
        report=folder.report,
    )


def _play(
    game: Game, world: World, policies: Policies, label: str, progress: Progress
) -> list[DayRecord]:
    """Play all days and tell `progress` of each."""
    total = len(world.calendar.day_start) - 1
    progress(label, 0, total)
    days = []
    for day in play_days(game, world, policies):
        days.append(day)
        progress(label, len(days), total)
    return days


def _play_references(
    scenario: Scenario, game: Game, world: World, policies: RunPolicies, progress: Progress
) -> References:
    """Play the same days on a grid without limits, without parts of the market."""
    free = replace(
        game,
        rule="none",
        envelopes="none",
        charges=False,
        mechanism=MECHANISMS["none"],
        balancing_share=0.0,
    )
    retail = _play(free, world, policies.retailer_only, "retailer only", progress)
    retail_only = _outcome(scenario, world, retail)
    del retail  # a week of records is some 100 MB
    untraded = _play(free, world, policies.market, "no local trade", progress)
    return References(retail_only=retail_only, untraded=_outcome(scenario, world, untraded))


def _outcome(scenario: Scenario, world: World, days: list[DayRecord]) -> Outcome:
    """Return what `days` leave with the prosumers."""
    tariff = scenario.tariff
    return outcome_of(
        world.fleet, days, retail=tariff.retail_eur_per_kwh, feed_in=tariff.feed_in_eur_per_kwh
    )


def _solve_again(name: str, feeder: Feeder, days: list[DayRecord]) -> ReferenceCheck:
    """Solve recorded states with pandapower: all of a day, the extremes and a sample of more."""
    records = [record for day in days for record in day.intervals]
    voltage = np.stack([r.validation.state.voltage_pu[0] for r in records])
    loading = np.stack([r.validation.state.loading_percent[0] for r in records])
    solved = np.array([r.validation.state.converged[0] for r in records])
    chosen = np.flatnonzero(solved)  # without a power flow there is nothing to compare
    if not len(chosen):
        return ReferenceCheck(0, 0, 0.0, 0.0, 0.0)
    if len(chosen) > REFERENCE_STATES:
        extremes = [voltage[chosen].min(axis=1).argmin(), voltage[chosen].max(axis=1).argmax()]
        extremes += list(np.argsort(loading[chosen].max(axis=1))[-10:])
        spread = np.linspace(0, len(chosen) - 1, REFERENCE_STATES - len(extremes)).astype(int)
        chosen = chosen[np.unique(np.concatenate([spread, extremes]))]
    return resolve(
        name,
        feeder,
        bus_kw=np.stack([records[i].validation.bus_kw[0] for i in chosen]),
        bus_kvar=np.stack([records[i].validation.bus_kvar[0] for i in chosen]),
        voltage_pu=voltage[chosen],
        loading_percent=loading[chosen],
    )


def summary_rows(
    scenario: Scenario,
    feeder: Feeder,
    world: World,
    metrics: dict[str, Metrics],
    check: ReferenceCheck,
    *,
    learned: tuple[LearnedPolicies, ...] = (),
) -> tuple[tuple[str, str], ...]:
    """Return the short summary of a run as (label, value) pairs."""
    arm = metrics["with_validation"]
    other = metrics.get("without_validation")
    intervals = int(arm["intervals"])
    rows = [
        ("feeder", f"{feeder.name}, {feeder.bus_count} buses, {_prosumers(world)}"),
        *_nobody(feeder, world),
        *_devices(feeder),
        ("prices", f"day-ahead {world.day_ahead_label}; imbalance {world.imbalance_label}"),
        ("policies", who_acts(scenario, learned)),
        (f"limits broken, rule {scenario.grid.rule}", _broken(arm, intervals)),
    ]
    if other is not None:
        rows.append(("limits broken, not validated", _broken(other, intervals)))
    rows += [
        (
            "voltage",
            f"{arm['voltage_min_pu']:.3f} to {arm['voltage_max_pu']:.3f} p.u.",
        ),
        (
            "worst loading",
            _loading(feeder, arm),
        ),
        (
            "trades",
            f"{int(arm['trades'])}: {int(arm['trades_accepted'])} accepted, "
            f"{int(arm['trades_curtailed'])} curtailed, {int(arm['trades_rejected'])} rejected",
        ),
        (
            "energy",
            f"{arm['cleared_kwh']:.0f} kWh cleared, {arm['refused_kwh']:.1f} kWh refused, "
            f"{arm['local_kwh']:.0f} kWh traded locally",
        ),
        ("day-ahead bid", _bid(arm)),
        (
            "prosumers",
            _bills(arm),
        ),
        ("aggregator", _either(arm["aggregator_eur"], "earns", "loses")),
        (
            "pandapower",
            f"{check.states} states solved again, largest difference {check.voltage_pu:.1e} p.u., "
            f"{check.loading_percentage_points:.1e} percentage points",
        ),
    ]
    return tuple(rows)


def _nobody(feeder: Feeder, world: World) -> list[tuple[str, str]]:
    """Return a warning where nobody trades."""
    if world.fleet.homes.shape[1]:
        return []
    why = "no homes own devices" if feeder.nominal_load_kw.any() else "the feeder has no load"
    return [("WARNING", f"there is no prosumer, so nothing is traded: {why}; see [community]")]


def _devices(feeder: Feeder) -> list[tuple[str, str]]:
    """Return what of the net prosumers own, and what stays nobody's, where it was asked for."""
    if feeder.devices is None:
        return []
    left_kw = feeder.nominal_generation_kw.sum()
    left = f"; {left_kw:,.1f} kW of generators stay nobody's" if left_kw else ""
    return [("devices of the net", f"{told(feeder.devices)}{left}")]


def _bills(arm: Metrics) -> str:
    """Return what prosumers pay, and what that is beside the retailer alone."""
    paid = _either(arm["bills_eur"] - arm["open_positions_eur"], "pay", "receive")
    saving = arm["saving_eur"]
    alone = _either(arm["saving_without_trade_eur"], "save", "cost")
    return (
        f"{paid}, {abs(saving):.2f} EUR {'less' if saving > -CENT else 'more'} than with the "
        f"retailer only (open positions included); the aggregator's prices alone {alone}"
    )


def _either(eur: float, above: str, below: str) -> str:
    """Return an amount with the word for its sign."""
    return f"{above if eur > -CENT else below} {abs(eur):.2f} EUR"


def _bid(arm: Metrics) -> str:
    """Return what the grid left of the schedule and of the offers on top of it."""
    sold = arm["day_ahead_sold_kwh"]
    word = "sold" if sold > -HALF_KWH else "bought"
    text = f"{abs(sold):.0f} kWh {word}, {arm['bid_refused_kwh']:.0f} kWh refused"
    if not arm["balancing_up_offered_kwh"] + arm["balancing_down_offered_kwh"]:
        return text
    parts = [
        f"{100.0 * arm[f'balancing_{direction}_deliverability']:.1f} % of what is offered "
        f"{direction}ward"
        for direction in ("up", "down")
        if arm[f"balancing_{direction}_offered_kwh"]
    ]
    return f"{text}; the grid can deliver {' and '.join(parts)}"


def _prosumers(world: World) -> str:
    """Return how many prosumers there are, and homes if they stand for several."""
    homes: Floats = world.fleet.homes[0]
    count = f"{len(homes)} prosumer{'' if len(homes) == 1 else 's'}"
    return count if np.all(homes == 1.0) else f"{count} standing for {homes.sum():.0f} homes"


def _loading(feeder: Feeder, arm: Metrics) -> str:
    """Return the worst loadings of the kinds of branches there are, assumed ratings flagged."""
    found = (
        ("lines", arm["line_loading_max_percent"], feeder.ratings_assumed),
        (
            "transformers",
            arm["transformer_loading_max_percent"],
            feeder.transformer_ratings_assumed,
        ),
    )
    return ", ".join(
        f"{kind} {worst:.1f} %" + (" (ratings assumed)" if assumed else "")
        for kind, worst, assumed in found
        if not np.isnan(worst)
    )


def _broken(arm: Metrics, intervals: int) -> str:
    """Return in how many intervals limits are broken, and by what."""
    count = int(arm["violation_intervals"])
    if count == 0:
        return f"none in {intervals} intervals"
    kinds = {
        "overvoltage": "overvoltage_intervals",
        "undervoltage": "undervoltage_intervals",
        "line": "line_overload_intervals",
        "transformer": "transformer_overload_intervals",
        "no power flow": "no_power_flow_intervals",
    }
    parts = [f"{name} {int(arm[key])}" for name, key in kinds.items() if arm[key] > 0]
    pre = int(arm["preexisting_intervals"])
    note = f"; {pre} by firm load alone" if pre else ""
    return f"{count} of {intervals} intervals ({', '.join(parts)}{note})"
