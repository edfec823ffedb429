"""Everybody plays the same days; costs, references and files are what they say."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosim.game import Game
from cosim.prosumers.devices import initial_state
from cosim.records import FollowerAction, Step, World
from cosim.results import DayRecord, IntervalRecord
from cosim.run_folder import hashes_of
from cosim.scenario import Scenario
from cosim.scoring.metrics import open_positions_eur
from cosim.session import Session
from cosim.simulation import Policies, play_day
from cosim.studies.comparison import Comparison, LineUp, Player, Yardstick, compare
from cosim.studies.comparison_folder import ComparisonContent, write_comparison
from cosim.studies.comparison_summary import CAPTURE, summarise
from cosim.studies.held_out import held_out_weeks
from cosim.studies.held_out_worlds import (
    chosen_days,
    chosen_weeks,
    most_days,
    most_weeks,
    scenario_at,
)
from cosim.studies.incentives import EXPLOITABILITY, GAIN, REGRET, Incentives, incentive_ratios
from cosim.views import FollowerView
from policies.baselines import Retail
from policies.forecast_exploitability import forecast_exploitability, sampled_deviators
from policies.incentives import probe_of
from policies.optimum import community_optimum
from policies.players import PLAYERS, Inflexible, ZeroIntelligence
from policies.regret import follower_regret
from policies.yardstick_case import Span, played_costs_eur
from tests.studies.small_comparison import (
    SEEDS,
    STARTS,
    content_of,
    game_and_world,
    small_content,
    small_line_up,
    small_strata,
)


@pytest.fixture(scope="module")
def content() -> ComparisonContent:
    return small_content()


def played_days(game: Game, world: World, policies: Policies) -> Iterator[DayRecord]:
    """Play all days; plans know where they end."""
    session = Session(game, world, passes=policies.passes, ending=True)
    while not session.run_over:
        yield play_day(session, policies)


def records_of(player: Player) -> Iterator[IntervalRecord]:
    """Play a player on a grid without limits."""
    game, world = game_and_world(0, rule="none")
    if player.change is not None:
        game = player.change(game)
    for day in played_days(game, world, player.policies):
        yield from day.intervals


def test_costs_are_those_of_the_ledger_wear_and_open_positions(content: ComparisonContent) -> None:
    game, world = game_and_world(0)
    player = PLAYERS["water_value"](Scenario())
    days = list(played_days(game, world, player.policies))
    (span,) = (
        each
        for each in content.comparison.spans
        if (each.player, each.stratum) == ("water_value", STARTS[0])
    )
    start = open_positions_eur(game.fleet, initial_state(game.fleet), retail=0.30, feed_in=0.03)
    for b in range(SEEDS):
        costs = played_costs_eur(game, days, environment=b, wear_eur_per_kwh=game.wear_eur_per_kwh)
        assert span.cost_eur[b] == pytest.approx(costs.sum() + start[b].sum(), abs=1e-9)
    leader = np.array([[r.settlement.accounts_eur[:, 5] for r in day.intervals] for day in days])
    assert span.figures["leader_eur"] == pytest.approx(leader.sum(axis=1))
    assert span.figures["cost_eur"].sum(axis=0) == pytest.approx(span.cost_eur)


def test_the_retailer_alone_is_where_surplus_begins_and_no_trade_where_capture_does() -> None:
    idle = replace(
        PLAYERS["no_trade"](Scenario()),
        name="at_retail",
        policies=Policies(Retail(), Inflexible()),
    )
    other = small_line_up("no_trade", "water_value")
    line_up = replace(
        other, players=(*other.players, idle), yardsticks=(Yardstick("x", "", _foresight, True),)
    )
    found = compare(line_up, small_strata()[:1])
    spans = {span.player: span for span in found.spans}
    assert np.abs(spans["at_retail"].figures["surplus_eur"]).max() < 1e-9
    assert spans["at_retail"].worse_off.max() == 0.0
    for name in ("at_retail", "no_trade"):
        assert spans[name].baseline_cost_eur == pytest.approx(spans[name].cost_eur)
    # Other prices, other references.
    assert np.all(spans["at_retail"].baseline_cost_eur > spans["no_trade"].baseline_cost_eur)
    assert np.all(spans["at_retail"].optimum_cost_eur > spans["no_trade"].optimum_cost_eur)
    summary = summarise(found, line_up, "no_trade", 0)
    assert summary.estimates["no_trade"][CAPTURE].value == pytest.approx(0.0, abs=1e-9)
    assert summary.estimates["x"][CAPTURE].value == pytest.approx(100.0)
    assert 0.0 < summary.estimates["water_value"][CAPTURE].value < 100.0


def _foresight(game, world, signal) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Return what nobody can beat: knowing everything, on a grid without limits."""
    first, *_, end = (int(each) for each in world.calendar.day_start)
    return np.array(
        [
            community_optimum(
                game,
                world,
                signal,
                initial_state(game.fleet),
                Span(first, end, b, game.wear_eur_per_kwh),
                with_grid=False,
            ).cost_eur
            for b in range(SEEDS)
        ]
    )


def test_who_does_not_flex_moves_no_battery_and_holds_the_temperature() -> None:
    game, world = game_and_world(0, rule="none")
    charging = 0
    for record in records_of(PLAYERS["no_trade"](Scenario())):
        assert np.abs(record.dispatch.battery_kw).max() == 0.0
        reference = world.actual.heat_pump_reference_kw[record.interval]
        assert record.dispatch.heat_pump_kw == pytest.approx(reference, abs=1e-9)
        waiting = record.state.vehicle_missing_kwh > 1e-9
        here = waiting & (world.actual.vehicle_departure[record.interval] >= 0)
        full = game.fleet.vehicle_kw[here]
        assert record.dispatch.vehicle_kw[here] == pytest.approx(full)
        charging += int(here.sum())
        assert not record.clearing.trades.local.any()
    assert charging > 0


def test_self_consumption_stores_own_surplus_and_serves_own_load_first() -> None:
    moved = 0.0
    for record in records_of(PLAYERS["self_consumption"](Scenario())):
        power, net = record.dispatch.battery_kw, record.dispatch.net_kw
        assert np.all(net[power > 1e-6] <= 1e-6)  # nobody buys to charge
        assert np.all(net[power < -1e-6] >= -1e-6)  # nobody discharges to sell
        most = record.orders.step_kwh[:, :, Step.BATTERY_CHARGE] / 0.25
        least = record.orders.step_kwh[:, :, Step.BATTERY_HOLD] / 0.25
        selling, buying = net < -1e-6, net > 1e-6
        assert power[selling] == pytest.approx(most[selling], abs=1e-6)
        assert power[buying] == pytest.approx(-least[buying], abs=1e-6)
        moved += float(np.abs(power).sum())
    assert moved > 1.0


def test_zero_intelligence_bids_inside_the_tariff_by_its_seed_alone() -> None:
    player = PLAYERS["zero_intelligence"](Scenario())
    seen = []
    for record in records_of(player):
        for step in (Step.VEHICLE, Step.HEAT_PUMP):
            price = record.orders.step_eur_per_kwh[:, :, step]
            wanted = record.orders.step_kwh[:, :, step] > 1e-9
            assert np.all(price[wanted] >= 0.03 - 1e-9)
            assert np.all(price[wanted] <= 0.30 + 1e-9)
            seen += price[wanted].tolist()
    assert np.std(seen) > 0.05
    again = [r.clearing.net_kwh for r in records_of(player)]
    other = replace(player, policies=replace(player.policies, followers=ZeroIntelligence(1, 0.005)))
    assert all(
        np.array_equal(a, r.clearing.net_kwh)
        for a, r in zip(again, records_of(player), strict=True)
    )
    assert any(
        not np.array_equal(a, r.clearing.net_kwh)
        for a, r in zip(again, records_of(other), strict=True)
    )


def test_every_seed_is_played_as_if_alone() -> None:
    line_up = small_line_up("zero_intelligence")
    together = compare(line_up, small_strata()[:1])
    actions: list[FollowerAction] = []

    def watched(view: FollowerView) -> FollowerAction:
        actions.append(line_up.players[0].policies.followers(view))
        return actions[-1]

    player = replace(line_up.players[0], policies=replace(line_up.players[0].policies))
    again = compare(
        LineUp(
            (replace(player, policies=replace(player.policies, followers=watched)),),
            line_up.baseline,
        ),
        small_strata()[:1],
    )
    assert np.array_equal(together.spans[0].cost_eur, again.spans[0].cost_eur)
    draws = np.stack([each.value_offset_eur_per_kwh for each in actions])
    assert np.abs(draws[:, 0] - draws[:, 1]).min(axis=0).max() > 0.0  # no two seeds alike


def test_broken_intervals_are_counted_unless_firm_load_breaks_them() -> None:
    def overloaded(seed: int) -> Comparison:
        game, world = game_and_world(seed, rule="none")
        feeder = game.power_flow.feeder
        feeder = replace(feeder, loading_max_percent=1e-5 * feeder.loading_max_percent)
        flow = type(game.power_flow)(feeder)
        line_up = small_line_up("water_value")
        stratum = replace(small_strata()[0], build=lambda: (replace(game, power_flow=flow), world))
        return compare(line_up, [stratum])

    (span,) = overloaded(0).spans
    both = span.figures["violation_intervals"] + span.figures["preexisting_intervals"]
    assert np.all(both == 12.0)
    assert np.all(span.figures["preexisting_intervals"] > 0.0)


def no_report(_content: ComparisonContent, path: Path) -> None:
    path.write_text("x", encoding="utf-8")


def test_files_agree_with_each_other_and_are_the_same_bytes_again(
    content: ComparisonContent, tmp_path: Path
) -> None:
    again = small_content()
    for name, each in (("a", content), ("b", again)):
        write_comparison(tmp_path / name, each, write_report=no_report)
    left, right = (hashes_of(tmp_path / name) for name in ("a", "b"))
    assert left == right
    assert set(left) == {
        *("comparison.json", "report.html", "results.csv", "results.parquet"),
        *("scenario.toml", "spans.csv", "table.csv"),
    }
    with (tmp_path / "a" / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(STARTS) * SEEDS * 2
    facts = json.loads((tmp_path / "a" / "comparison.json").read_text(encoding="utf-8"))
    # Three seeds are not trimmed: the mean of all rows is what the table shows.
    for name in ("no_trade", "self_consumption", "water_value"):
        costs = [float(row["cost_eur"]) for row in rows if row["player"] == name]
        shown = facts["estimates"][name]["cost_eur_per_day"]["value"]
        assert shown == pytest.approx(np.mean(costs))
    assert facts["value_capture"].startswith("empty")
    assert facts["estimates"]["water_value"][CAPTURE]["value"] is None
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text(encoding="utf-8"))
    times = manifest["decision_seconds_per_interval_and_prosumer"]
    assert set(times) == {"no_trade", "self_consumption", "water_value"}
    assert all(value > 0.0 for value in times.values())


def test_a_failing_report_leaves_nothing(content: ComparisonContent, tmp_path: Path) -> None:
    def fail(_content: ComparisonContent, path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_comparison(tmp_path / "a", content, write_report=fail)
    assert list(tmp_path.iterdir()) == []


def test_the_reference_is_compared_with_itself_by_nobody(content: ComparisonContent) -> None:
    summary = content_of(content.line_up, content.comparison, "no_trade").summary
    assert set(summary.differences) == {"self_consumption", "water_value"}
    found = summary.differences["water_value"]["cost_eur_per_day"].estimate.value
    costs = {name: each["cost_eur_per_day"].value for name, each in summary.estimates.items()}
    assert found == pytest.approx(costs["water_value"] - costs["no_trade"])


@pytest.mark.parametrize("count", [1, 2, 5, 12, 13, 40, most_days()])
def test_chosen_days_are_held_out_and_different(count: int) -> None:
    kept = held_out_weeks()
    days = chosen_days(count)
    assert len(set(days)) == count
    assert all(any(0 <= (day - monday).days < 7 for monday in kept) for day in days)
    weeks = chosen_weeks(min(count, most_weeks()))
    assert len(set(weeks)) == min(count, most_weeks())
    assert set(weeks) <= set(kept)
    if count >= 7:
        assert {day.weekday() for day in days} == set(range(7))


def test_days_of_price_files_move_along() -> None:
    scenario = Scenario.model_validate(
        {"wholesale": {"day_ahead": {"source": "file", "file": "x.csv", "first_day": "2019-06-10"}}}
    )
    (week,) = chosen_weeks(1)
    moved = scenario_at(scenario, week, 7)
    assert moved.run.start == week
    first = moved.wholesale.day_ahead.first_day
    assert first is not None
    assert first.weekday() == week.weekday()
    assert (first.year, moved.wholesale.imbalance.first_day) == (2019, None)


def test_incentives_are_those_of_the_players_own_days() -> None:
    names = ("no_trade", "water_value")
    line_up = replace(small_line_up(*names), probe=probe_of(2))
    strata = small_strata()[:1]
    found = compare(line_up, strata)
    baseline, bidding = found.spans
    assert baseline.incentives is None
    measured = bidding.incentives
    assert measured is not None
    game, world = strata[0].build()
    player = line_up.players[1]
    chosen = sampled_deviators(game, 2)
    believed = forecast_exploitability(game, world, player.policies, chosen)
    assert measured.prosumers == len(chosen) == 2
    assert np.array_equal(measured.gain_eur, believed.gain_eur.sum(axis=1))
    assert np.array_equal(measured.saving_eur, believed.saving_eur.sum(axis=1))
    days = list(played_days(game, world, player.policies))
    start = initial_state(game.fleet)
    for seed in range(SEEDS):
        regret = follower_regret(
            game, world, days, start, environment=seed, wear_eur_per_kwh=game.wear_eur_per_kwh
        )
        assert measured.regret_eur[seed] == pytest.approx(regret.regret_eur[chosen].sum())
        most = (regret.idle_eur - regret.least_eur)[chosen].sum()
        assert measured.most_saving_eur[seed] == pytest.approx(most)
    found_in = summarise(found, line_up, "no_trade", 0).estimates
    assert set(found_in["water_value"]) - set(found_in["no_trade"]) == {
        EXPLOITABILITY,
        GAIN,
        REGRET,
    }
    without = compare(replace(line_up, probe=None), strata)
    assert all(span.incentives is None for span in without.spans)


def test_savings_next_to_nothing_have_no_share() -> None:
    few, some = np.full(2, 0.01), np.array([0.01, 2.0])
    each = Incentives(3, few, some, few, some)
    ratios = incentive_ratios([each], np.ones((2, 1)))
    assert list(ratios[EXPLOITABILITY].denominator[:, 0]) == [0.0, 2.0]
    assert list(ratios[REGRET].denominator[:, 0]) == [0.0, 2.0]
    assert list(ratios[GAIN].denominator[:, 0]) == [3.0, 3.0]
    assert incentive_ratios([each, None], np.ones((2, 2))) == {}
