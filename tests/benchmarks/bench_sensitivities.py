"""Accuracy and cost of the sensitivities: adjoint against dense against pandapower's Jacobian.

Run as a script: ``python tests/benchmarks/bench_sensitivities.py``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: one thread for everybody

import sys
import time
from collections.abc import Callable

import numpy as np
import pandapower as pp
from scipy.sparse.linalg import splu

from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import (
    exact_sensitivities,
    sensitivities,
    slopes_of_many,
)
from cosim.grid.sensitivity_targets import Quantity, targets_of
from cosim.records import Complexes, Floats
from networks.base_case import RUNPP_OPTIONS
from networks.catalog import build_net, load_feeder

NAMES = ("cigre_lv", "cigre_mv", "ieee33", "simbench:1-LV-rural3--0-sw", "kerber_dorfnetz")
STATES = 64


def best_us(call: Callable[[], object], seconds: float = 0.5) -> float:
    """Return the least microseconds of a call, repeated for some time."""
    call()
    best, until = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best * 1e6


def accuracy(
    power_flow: PowerFlow, voltage: Complexes, kw: Floats, kvar: Floats
) -> dict[str, float]:
    """Return the largest difference of adjoint and dense, as a share of the largest slope."""
    feeder = power_flow.feeder
    every = np.arange(feeder.bus_count), np.arange(feeder.branch_count)
    worst = dict.fromkeys(("voltage_pu", "loading_percent", "slack_kw", "slack_kvar"), 0.0)
    for b in range(20):
        state = power_flow, voltage[b], kw[b], kvar[b]
        ends = abs(feeder.loading_from @ voltage[b]), abs(feeder.loading_to @ voltage[b])
        flowing = np.maximum(*ends) > 1e-6
        adjoint = sensitivities(*state, *every)
        dense = exact_sensitivities(*state, *every)
        for field, largest in worst.items():
            kept = flowing if field == "loading_percent" else Ellipsis
            pairs = zip(getattr(adjoint, field), getattr(dense, field), strict=True)
            off = max(abs(a[kept] - d[kept]).max() / abs(d).max() for a, d in pairs)
            worst[field] = max(largest, float(off))
    return worst


def measure(name: str) -> None:
    """Measure a feeder and write its table."""
    feeder, net = load_feeder(name), build_net(name)
    power_flow = PowerFlow(feeder)
    random = np.random.default_rng(0)
    shape = (STATES, feeder.bus_count)
    kw = feeder.nominal_load_kw * random.uniform(-0.5, 1.3, shape)
    kvar = feeder.nominal_load_kvar * random.uniform(-0.5, 1.3, shape)
    voltage = power_flow.solve(kw, kvar).node_voltage_pu
    at = power_flow, voltage[0], kw[0], kvar[0]
    few = np.arange(3) + feeder.bus_count // 2, np.arange(3) + feeder.branch_count // 2
    every = np.arange(feeder.bus_count), np.arange(feeder.branch_count)
    targets = targets_of(np.arange(STATES), Quantity.VOLTAGE, few[0][0])
    pp.runpp(net, **RUNPP_OPTIONS)
    jacobian = net._ppc["internal"]["J"].tocsc()
    pq = np.asarray(net._ppc["internal"]["pq"])
    with_load = np.isin(pq, feeder.node_of_bus)
    columns = np.eye(2 * len(pq))[:, np.concatenate([with_load, with_load])]
    few_columns = np.ascontiguousarray(columns[:, :8])
    worst = accuracy(power_flow, voltage, kw, kvar)
    taken = {
        "power flow, one state": best_us(lambda: power_flow.solve(kw[:1], kvar[:1])),
        "sensitivities, 3 + 3": best_us(lambda: sensitivities(*at, *few)),
        "sensitivities, all": best_us(lambda: sensitivities(*at, *every)),
        "slopes_of_many, a row": best_us(
            lambda: slopes_of_many(power_flow, voltage, kw, kvar, targets)
        )
        / STATES,
        "exact_sensitivities, all": best_us(lambda: exact_sensitivities(*at, *every), 1.0),
        "Jacobian, all columns": best_us(lambda: splu(jacobian).solve(columns), 1.0),
        "Jacobian, 3 + 3 + 2 rows": best_us(
            lambda: splu(jacobian).solve(few_columns, "T")  # type: ignore[call-overload]
        ),
    }
    lines = [f"{name}, {feeder.node_count} nodes"]
    lines += [f"  {label:<28}{us:>12.1f} us" for label, us in taken.items()]
    lines += [f"  {field:<28}{off:>12.1e} adjoint - dense" for field, off in worst.items()]
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> None:
    """Measure every feeder."""
    for name in NAMES:
        measure(name)


if __name__ == "__main__":
    main()
