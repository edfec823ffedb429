"""Speed of a hosting-capacity study, and of the same bisection written with ``runpp``.

Run as a script: ``python tests/benchmarks/bench_hosting_capacity.py``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: one thread for everybody

import sys
import time

import numpy as np
import pandapower as pp

from cosim.records import Floats
from cosim.studies.hosting.bisection import Search, bisect
from cosim.studies.hosting.deployments import installed_kw
from cosim.studies.hosting.judge import Lever
from cosim.studies.hosting.records import Deployments
from cosim.studies.hosting.series_search import bisect_series
from cosim.studies.hosting.settings import hosting_settings
from cosim.studies.hosting.study_parts import Prepared, deployments_of, prepare
from networks.catalog import build_net
from networks.feeder import LINE

SCENARIOS = 1000
SUBSET = 3
NEARLY_SAME_KW = 1e-6


def with_runpp(
    prepared: Prepared, deployments: Deployments, search: Search
) -> tuple[Floats, float, int]:
    """Return capacities of the first deployments by bisection with ``runpp``, and what it took.

    The net, its loads and its limits are those of the study; each solution starts from the last.
    """
    feeder, points, criteria = prepared.feeder, prepared.grid.points, prepared.criteria
    net = build_net(feeder.name)
    net.load, net.sgen = net.load.iloc[:0], net.sgen.iloc[:0]
    pp.create_loads(net, buses=feeder.bus_index, p_mw=0.0)
    is_line = feeder.branch_kind == LINE
    lines, trafos = feeder.branch_index[is_line], feeder.branch_index[~is_line]
    pp.runpp(net)
    solved = 0

    def passes(number: int, level: float) -> bool:
        nonlocal solved
        solved += 1
        plants = installed_kw(deployments, np.array([level]), np.array([number]), feeder.bus_count)[
            0
        ]
        net.load["p_mw"] = (points.load_kw[0] + plants * points.course[0]) / 1e3
        net.load["q_mvar"] = points.load_kvar[0] / 1e3
        try:
            pp.runpp(net, init="results", tolerance_mva=1e-9)
        except pp.LoadflowNotConverged:
            pp.runpp(net)
            return False
        voltage = net.res_bus.vm_pu.loc[feeder.bus_index]
        return bool(
            voltage.max() <= criteria.voltage_max_pu
            and voltage.min() >= criteria.voltage_min_pu
            and net.res_line.loading_percent.loc[lines].max() <= criteria.line_max_percent
            and net.res_trafo.loading_percent.loc[trafos].max() <= criteria.transformer_max_percent
        )

    found = np.zeros(SUBSET)
    began = time.perf_counter()
    for number in range(SUBSET):
        low, high = 0.0, search.start_kw
        passes(number, 0.0)
        while passes(number, high):
            low, high = high, 2.0 * high
        while high - low > search.resolution(np.array(low)):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if passes(number, middle) else (low, middle)
        found[number] = low
    return found, time.perf_counter() - began, solved


def main() -> None:
    """Measure and write a table."""
    prepared = prepare(hosting_settings({"scenarios": SCENARIOS}))
    search = prepared.search(grid_levels=0)
    reach = 4.0 * prepared.scale_kw
    bisect_once(prepared, deployments_of(prepared, range(2), reach), search)
    began = time.perf_counter()
    deployments = deployments_of(prepared, range(SCENARIOS), reach)
    found = bisect_once(prepared, deployments, search)
    batch = time.perf_counter() - began
    by_hand, seconds, solved = with_runpp(prepared, deployments, search)
    apart = float(np.abs(by_hand - found[:SUBSET]).max())
    if apart > NEARLY_SAME_KW:
        raise SystemExit(f"capacities lie {apart:g} kW apart: times mean nothing")
    per_scenario = seconds / SUBSET
    year = prepare(hosting_settings({"window": {"kind": "year"}}))
    one = Lever(year.grid, year.criteria, deployments_of(year, range(1), reach))
    began = time.perf_counter()
    bisect_series(one, year.search(grid_levels=0), name="year", scale_kw=year.scale_kw)
    whole_year = time.perf_counter() - began
    ratio = per_scenario * SCENARIOS / batch
    lines = (
        f"{prepared.feeder.name}, one thread",
        f"{SCENARIOS} deployments by bisection, snapshot     {batch:9.2f} s",
        f"the same with runpp, {SUBSET} of them ({solved} solved)  {per_scenario:9.2f} s each, "
        f"{ratio:.0f} times as long, capacities within {apart:.0e} kW",
        f"one deployment, {len(year.grid.points.week)} quarter hours        {whole_year:9.2f} s",
    )
    sys.stdout.write("\n".join(lines) + "\n")


def bisect_once(prepared: Prepared, deployments: Deployments, search: Search) -> Floats:
    lever = Lever(prepared.grid, prepared.criteria, deployments)
    return bisect(lever, deployments, search, lever="fit_and_forget").hosting_kw


if __name__ == "__main__":
    main()
