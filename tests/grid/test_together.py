"""Decisions made side by side, and the cuts they are made with."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.grid import limits
from cosim.grid.cuts import MARGIN, Cuts, Standing
from cosim.grid.excess_slopes import excess_rows
from cosim.grid.groups import drawn_kw, group_trades
from cosim.grid.power_flow import PowerFlow
from cosim.grid.together import Deciding, decide, decide_together, slopes_of, solved
from cosim.grid.validation import RULES, Surroundings, validate
from cosim.market.auction import MECHANISMS
from cosim.records import STEP_COUNT, Clearing, Floats, Orders, Quotes
from networks.catalog import load_feeder
from networks.feeder import Feeder


def halving(feeder: Feeder, kw: Floats, rounds: int) -> Deciding[tuple[Floats, Floats]]:
    """Ask for a state and its worst row's slopes some times over, half as much each time."""
    rows = np.zeros((1, feeder.bus_count))
    excess = np.zeros(0)
    for turn in range(rounds):
        bus_kw = kw / 2.0**turn
        state = yield from solved(bus_kw[None], np.zeros_like(bus_kw)[None])
        excess = state.excess[0]
        worst = np.array([int(np.argmax(excess))])
        rows = yield from slopes_of(bus_kw, np.zeros_like(bus_kw), state.node_voltage_pu[0], worst)
    return excess, rows


def test_decisions_of_unlike_length_are_the_same_side_by_side_and_alone() -> None:
    feeder = load_feeder("cigre_lv")
    power_flow = PowerFlow(feeder)
    generator = np.random.default_rng(3)
    loads = feeder.nominal_load_kw * generator.uniform(-2.0, 1.0, (7, feeder.bus_count))
    rounds = [1, 4, 2, 0, 3, 5, 1]

    def decisions() -> list[Deciding[tuple[Floats, Floats]]]:
        return [halving(feeder, kw, turns) for kw, turns in zip(loads, rounds, strict=True)]

    together = decide_together(power_flow, decisions())
    for one, alone in zip(together, decisions(), strict=True):
        excess, slopes = decide(power_flow, alone)
        np.testing.assert_array_equal(one[0], excess)
        np.testing.assert_array_equal(one[1], slopes)


def test_nothing_to_decide_gives_nothing() -> None:
    assert decide_together(PowerFlow(load_feeder("three_bus")), []) == []


@pytest.mark.parametrize("name", ["cigre_lv", "cigre_mv", "ieee33"])
def test_slopes_of_excesses_are_finite_differences(name: str) -> None:
    """At several states at once; every kind of row."""
    feeder = load_feeder(name)
    power_flow = PowerFlow(feeder)
    generator = np.random.default_rng(5)
    kw = feeder.nominal_load_kw * generator.uniform(-0.5, 1.0, (3, feeder.bus_count))
    kvar = 0.3 * kw
    voltage = power_flow.solve(kw, kvar).node_voltage_pu
    rows = 2 * feeder.bus_count + feeder.branch_count
    state = np.repeat(np.arange(3), 9)
    row = generator.integers(0, rows, 27)
    slopes = excess_rows(power_flow, voltage, kw, kvar, (state, row))
    bus = int(np.flatnonzero(feeder.nominal_load_kw > 0.0)[-1])
    step = 1e-5 * feeder.nominal_load_kw.sum()
    ends = []
    for sign in (1.0, -1.0):
        moved = kw.copy()
        moved[:, bus] += sign * step
        ends.append(limits.excess(feeder, power_flow.solve(moved, kvar)))
    measured = (ends[0] - ends[1])[state, row] / (2.0 * step)
    np.testing.assert_allclose(slopes[:, bus], measured, rtol=2e-4, atol=1e-7)


def stressed(feeder: Feeder, seed: int) -> tuple[Surroundings, Orders, Clearing]:
    """Return the clearings of several communities, some far too large for the feeder."""
    generator = np.random.default_rng(seed)
    environments, prosumers = 5, 20
    sites = np.flatnonzero(feeder.nominal_load_kw > 0.0)
    bus = generator.choice(sites, (environments, prosumers))
    size = feeder.nominal_load_kw.sum() / prosumers * generator.uniform(0.1, 6.0, (5, 1, 1))
    steps = size * generator.uniform(0.1, 0.6, (environments, prosumers, STEP_COUNT))
    lean = generator.uniform(-1.0, 0.02, (environments, 1))
    orders = Orders(lean * steps.sum(axis=2), generator.uniform(0.0, 0.3, steps.shape), steps)
    quotes = Quotes(np.full(5, 0.22), np.full(5, 0.05), 0.3, 0.1, 0.03)
    rank = np.stack([generator.permutation(prosumers) for _ in range(environments)])
    load = 0.2 * np.tile(feeder.nominal_load_kw, (environments, 1))
    return (
        Surroundings(bus, load, 0.5 * load, 0.25),
        orders,
        MECHANISMS["uniform"](orders, quotes, rank),
    )


def only(
    records: tuple[Surroundings, Orders, Clearing], b: int
) -> tuple[Surroundings, Orders, Clearing]:
    """Return one environment of `stressed` by itself."""
    around, orders, clearing = records
    one = slice(b, b + 1)
    trades = clearing.trades
    part = slice(trades.start[b], trades.start[b + 1])
    fields = {
        name: getattr(trades, name)[part]
        for name in trades.__slots__
        if name not in ("start", "environment")
    }
    count = len(fields["seller"])
    alone = replace(
        trades, start=np.array([0, count]), environment=np.zeros(count, np.int64), **fields
    )
    return (
        replace(around, bus=around.bus[one], kw=around.kw[one], kvar=around.kvar[one]),
        Orders(orders.minimum_kwh[one], orders.step_eur_per_kwh[one], orders.step_kwh[one]),
        Clearing(clearing.price_eur_per_kwh[one], clearing.net_kwh[one], alone),
    )


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "none"])
def test_environments_are_judged_the_same_side_by_side_and_alone(rule: str) -> None:
    feeder = load_feeder("cigre_lv")
    power_flow = PowerFlow(feeder)
    records = stressed(feeder, 11)
    together = validate(power_flow, *records, rule=rule)
    start = records[2].trades.start
    broken = 0
    for b in range(5):
        alone = validate(power_flow, *only(records, b), rule=rule)
        part = slice(start[b], start[b + 1])
        np.testing.assert_array_equal(together.accepted_kwh[part], alone.accepted_kwh)
        np.testing.assert_array_equal(together.element[part], alone.element)
        np.testing.assert_array_equal(together.shadow_eur_per_kwh[part], alone.shadow_eur_per_kwh)
        np.testing.assert_array_equal(together.bus_kw[b], alone.bus_kw[0])
        broken += int(alone.verdict.any())
    assert 1 < broken < 5


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_valid_cuts_claim_no_more_than_power_flows_find(seed: int) -> None:
    """At every point so far; those of the point itself are always in use."""
    generator = np.random.default_rng(seed)
    feeder = load_feeder("three_bus")
    power_flow = PowerFlow(feeder)
    groups = group_trades(
        np.array([2, 2, -1, 1]),
        np.array([1, -1, 2, 2]),
        np.array([0.1, 0.2, 0.3, 0.4]),
        np.full(4, 30.0),
    )
    standing = Standing(np.array([0.0, 12.0, 4.0]), np.zeros(3), np.zeros(8), np.zeros(8), 0.25)
    cuts = Cuts(groups, standing)
    points, found = [], []
    for _ in range(4):
        kwh = generator.uniform(0.0, 30.0, 4)
        bus_kw = standing.base_kw + drawn_kw(groups, kwh, 3, 0.25)
        state = power_flow.solve(bus_kw[None], np.zeros((1, 3)))
        excess = limits.excess(feeder, state)[0]
        rows = np.arange(1, 8)
        rows = rows[(rows != 3)]
        slopes = excess_rows(
            power_flow,
            state.node_voltage_pu,
            bus_kw[None],
            np.zeros((1, 3)),
            (np.zeros(len(rows), np.int64), rows),
        )
        number = cuts.remember(kwh, excess)
        cuts.add(number, rows, slopes)
        cuts.shaped(np.arange(len(cuts.row)))
        points.append(kwh)
        found.append(excess)
        used = cuts.used_at(number)
        own = used[-len(rows) :]
        np.testing.assert_allclose(
            cuts.level[own] + cuts.effect[own] @ kwh, excess[rows], atol=1e-12
        )
        for cut in used[: -len(rows)]:
            claimed = cuts.level[cut] + cuts.effect[cut] @ np.array(points).T
            assert np.all(claimed <= np.array(found)[:, cuts.row[cut]] + MARGIN)
