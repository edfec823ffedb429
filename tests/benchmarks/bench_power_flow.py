"""Speed of the power flow against pandapower and power-grid-model, all in one run.

Run as a script: ``python tests/benchmarks/bench_power_flow.py``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: one thread for everybody

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandapower as pp
from power_grid_model import CalculationMethod, PowerGridModel, initialize_array
from power_grid_model_io.converters import PandaPowerConverter

from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import voltage_rows
from cosim.records import Floats
from networks.catalog import build_net, load_feeder
from networks.feeder import Feeder

SCENARIOS = 256
STIFF_VA = 1e20  # makes power-grid-model's source as ideal as pandapower's
LARGEST_DIFFERENCE_PU = 1e-5
NEWTON = CalculationMethod.newton_raphson


def build_grid_model(
    feeder: Feeder, net: pp.pandapowerNet, bus_kw: Floats, bus_kvar: Floats
) -> tuple[PowerGridModel, Any, Any]:
    """Return power-grid-model's model, its batch of scenarios, and node ids in bus order.

    Args:
        feeder: gives the order of buses.
        net: the net it was compiled from.
        bus_kw: (B, K) drawn at each bus, kW.
        bus_kvar: (B, K) drawn at each bus, kvar.
    """
    net.load = net.load.iloc[:0]
    loaded = feeder.bus_index[feeder.nominal_load_kw != 0.0]
    pp.create_loads(net, buses=loaded, p_mw=0.0)
    converter = PandaPowerConverter()
    data, _ = converter.load_input_data(net)
    data["source"]["sk"] = STIFF_VA
    # Every pandapower load becomes three: those of constant impedance and current are empty.
    kept = converter.idx[("load", "const_power")].to_numpy()
    data["sym_load"] = data["sym_load"][np.isin(data["sym_load"]["id"], kept)]
    model = PowerGridModel(data)
    columns = np.searchsorted(feeder.bus_index, loaded)
    update = initialize_array("update", "sym_load", (len(bus_kw), len(loaded)))
    update["id"] = kept
    update["p_specified"] = bus_kw[:, columns] * 1e3
    update["q_specified"] = bus_kvar[:, columns] * 1e3
    nodes = converter.idx[("bus", None)].reindex(feeder.bus_index).to_numpy()
    return model, {"sym_load": update}, nodes


def solve_grid_model(
    model: PowerGridModel, update: Any, nodes: Any, method: CalculationMethod = NEWTON
) -> Floats:
    """Return voltage magnitudes (B, K) of power-grid-model's batch, one thread."""
    result = model.calculate_power_flow(
        update_data=update,
        calculation_method=method,
        threading=-1,
        output_component_types=["node", "line", "transformer"],
    )["node"]
    order = np.argsort(result["id"][0])
    place = order[np.searchsorted(result["id"][0], nodes, sorter=order)]
    return np.asarray(result["u_pu"][:, place])


def best_seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the shortest of some runs, after one that is not counted."""
    call()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def time_runpp(feeder: Feeder, bus_kw: Floats, bus_kvar: Floats) -> float:
    """Return seconds per power flow of ``runpp`` as one would call it in a loop."""
    net = build_net(feeder.name)
    net.load = net.load.iloc[:0]
    pp.create_loads(net, buses=feeder.bus_index, p_mw=0.0)
    pp.runpp(net)

    def solve_some() -> None:
        for scenario in range(20):
            net.load["p_mw"] = bus_kw[scenario] / 1e3
            net.load["q_mvar"] = bus_kvar[scenario] / 1e3
            pp.runpp(net, init="results")

    return best_seconds(solve_some, 3) / 20


def time_grid_model(
    feeder: Feeder, bus_kw: Floats, bus_kvar: Floats, expected_pu: Floats
) -> dict[str, float]:
    """Return seconds per power flow of power-grid-model's batch, after checking its result."""
    model, update, nodes = build_grid_model(feeder, build_net(feeder.name), bus_kw, bus_kvar)
    taken = {}
    for method in (NEWTON, CalculationMethod.iterative_current):

        def solve(method: CalculationMethod = method) -> Floats:
            return solve_grid_model(model, update, nodes, method)

        difference = float(abs(solve() - expected_pu).max())
        if difference > LARGEST_DIFFERENCE_PU:
            raise SystemExit(f"{method.name} differs by {difference:.1e} p.u.: times mean nothing")
        taken[f"power-grid-model {method.name}, batch"] = best_seconds(solve, 5) / len(bus_kw)
    return taken


def main() -> None:
    """Measure, check that all engines agree, and write a table."""
    feeder = load_feeder("cigre_lv")
    power_flow = PowerFlow(feeder)
    random = np.random.default_rng(0)
    shape = (SCENARIOS, feeder.bus_count)
    kw = feeder.nominal_load_kw * random.uniform(0.0, 2.0, shape)
    kvar = feeder.nominal_load_kvar * random.uniform(0.0, 2.0, shape)
    state = power_flow.solve(kw, kvar)
    at = (power_flow, state.node_voltage_pu[0], kw[0], kvar[0], np.arange(5))
    kernel = best_seconds(lambda: power_flow.solve(kw, kvar), 20) / SCENARIOS
    others = time_grid_model(feeder, kw, kvar, state.voltage_pu)
    others["pandapower runpp, loop"] = time_runpp(feeder, kw, kvar)
    alone = best_seconds(lambda: power_flow.solve(kw[:1], kvar[:1]), 200)
    rows = best_seconds(lambda: voltage_rows(*at), 200)
    lines = [
        f"{feeder.name}, {SCENARIOS} scenarios, one thread",
        f"{'engine':<42}{'us per power flow':>18}{'kernel is faster':>18}",
        f"{'sparse kernel, batch':<42}{kernel * 1e6:>18.2f}",
        *(
            f"{label:<42}{seconds * 1e6:>18.1f}{seconds / kernel:>17.1f}x"
            for label, seconds in others.items()
        ),
        f"{'sparse kernel, one scenario alone':<42}{alone * 1e6:>18.1f}",
        f"{'five sensitivity rows':<42}{rows * 1e6:>18.1f}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
