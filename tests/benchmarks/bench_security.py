"""Stress the validation: random cleared outcomes, re-solved with an independent engine.

For each feeder, random order books far beyond what the grid bears are cleared and validated; the
states that the verdicts leave are solved again by power-grid-model (all) and pandapower (a
sample), and every excess over max(limit, counterfactual) is counted. Argument: outcomes a feeder.
"""

import sys
import time

import numpy as np

from cosim.grid import limits
from cosim.grid.power_flow import PowerFlow
from cosim.grid.validation import Surroundings, at_buses, validate
from cosim.market.auction import MECHANISMS
from cosim.records import STEP_COUNT, Orders, Quotes
from networks.catalog import build_net, load_feeder
from networks.feeder import Feeder
from networks.second_opinion import solve_again

FEEDERS = ("cigre_lv", "cigre_mv", "ieee33", "kerber_dorfnetz", "simbench:1-LV-rural3--0-sw")
VOLTAGE_PU, LOADING_PERCENT = 1e-5, 1e-3
PROSUMERS, BATCH = 60, 250


def stressed(
    feeder: Feeder, generator: np.random.Generator, batch: int
) -> tuple[Orders, Surroundings, Quotes]:
    """Return order books of random size and direction around random loads."""
    sites = np.flatnonzero(feeder.nominal_load_kw > 0.0)
    bus = generator.choice(sites, (batch, PROSUMERS))
    load = generator.uniform(0.1, 0.7, (batch, 1))
    size = feeder.nominal_load_kw.sum() / PROSUMERS * generator.uniform(0.5, 6.0, (batch, 1, 1))
    step = size * generator.uniform(0.0, 0.25, (batch, PROSUMERS, STEP_COUNT))
    # Between everybody feeding in and everybody drawing.
    lean = generator.uniform(-1.0, 0.3, (batch, 1))
    minimum = np.maximum(
        lean * step.sum(axis=2) * generator.uniform(0.3, 1.0, (batch, PROSUMERS)),
        -step.sum(axis=2),
    )
    price = generator.uniform(0.0, 0.3, step.shape)
    orders = Orders(np.minimum(minimum, 0.05 * step.sum(axis=2)), price, step)
    around = Surroundings(
        bus=bus,
        kw=load * feeder.nominal_load_kw,
        kvar=load * feeder.nominal_load_kvar,
        interval_h=0.25,
    )
    buy = generator.uniform(0.15, 0.3, batch)
    quotes = Quotes(buy, np.full(batch, 0.03), 0.3, 0.1, 0.04)
    return orders, around, quotes


def measure(name: str, outcomes: int) -> None:
    """Print a line for one feeder."""
    feeder, net = load_feeder(name), build_net(name)
    power_flow = PowerFlow(feeder)
    generator = np.random.default_rng(17)
    broken = worse = unsolved = 0
    worst = np.zeros(2)
    spent = 0.0
    for _ in range(outcomes // BATCH):
        orders, around, quotes = stressed(feeder, generator, BATCH)
        rank = np.stack([generator.permutation(PROSUMERS) for _ in range(BATCH)])
        clearing = MECHANISMS["uniform"](orders, quotes, rank)
        began = time.perf_counter()
        verdicts = validate(power_flow, around, orders, clearing, rule="optimal")
        spent += time.perf_counter() - began
        cleared = power_flow.solve(at_buses(around, clearing.net_kwh), around.kvar)
        broken += int((~limits.within(limits.excess(feeder, cleared))).sum())
        base = power_flow.solve(at_buses(around, orders.firm_kwh), around.kvar)
        allowed = limits.allowed_excess(limits.excess(feeder, base))
        found = solve_again(net, feeder, bus_kw=verdicts.bus_kw, bus_kvar=verdicts.bus_kvar)
        voltage, loading = found.voltage_pu, found.loading_percent
        buses = feeder.bus_count
        beyond_voltage = np.maximum(
            voltage - feeder.voltage_max_pu - allowed[:, :buses],
            feeder.voltage_min_pu - voltage - allowed[:, buses : 2 * buses],
        ).max(axis=1)
        beyond_loading = (
            loading - feeder.loading_max_percent - 100.0 * allowed[:, 2 * buses :]
        ).max(axis=1)
        # Where even the counterfactual has no power flow there is nothing to compare with.
        lost = ~base.converged
        unsolved += int(lost.sum())
        beyond_voltage, beyond_loading = beyond_voltage[~lost], beyond_loading[~lost]
        worse += int(((beyond_voltage > VOLTAGE_PU) | (beyond_loading > LOADING_PERCENT)).sum())
        worst = np.maximum(worst, [beyond_voltage.max(), beyond_loading.max()])
    print(
        f"{name:30} {outcomes:8} outcomes, {100 * broken / outcomes:5.1f} % break a limit when "
        f"cleared, {worse} after validation; largest excess {max(worst[0], 0.0):.1e} p.u., "
        f"{max(worst[1], 0.0):.1e} points; {unsolved} without any power flow; "
        f"{1e3 * spent / max(broken, 1):.2f} ms per cut outcome"
    )


def main() -> None:
    """Measure all feeders."""
    outcomes = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    for name in FEEDERS:
        measure(name, outcomes)


if __name__ == "__main__":
    main()
