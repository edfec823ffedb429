"""Cost of what plants do, as a multiple of the plain batched power flow of the same scenarios.

Run as a script: ``python tests/benchmarks/bench_inverter_control.py``. Processor time, one thread,
best of some runs; loads at 30 %, plants at random up to well above what the feeder bears.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: one thread for everybody

import time
from collections.abc import Callable
from functools import partial

from cosim.grid.inverter_control import (
    Control,
    constant_power_factor,
    fit_and_forget,
    operating_envelope,
    power_factor_of_power,
    static_export_limit,
    volt_var,
    volt_var_watt,
    volt_watt,
)
from cosim.grid.inverter_curves import Curve
from cosim.grid.power_flow import PowerFlow
from networks.catalog import load_feeder
from tests.grid.deployments import random_deployments

SCENARIOS = 1024
REPEATS = 3
TOTAL_KW = {"cigre_lv": 600.0, "cigre_mv": 9000.0, "ieee33": 7000.0, "kerber_dorfnetz": 600.0}
STEEP = Control(
    "volt-var and volt-watt, edges of 0.002 p.u.",
    volt_var=Curve("steep", (1.018, 1.02, 1.03, 1.032), (0.44, 0.0, 0.0, -0.44)),
    volt_watt=Curve("steep", (1.04, 1.042), (1.0, 0.0)),
)
CONTROLS = (
    fit_and_forget(),
    constant_power_factor(),
    power_factor_of_power(),
    static_export_limit(),
    volt_var(),
    volt_watt(),
    volt_var_watt(),
    volt_var_watt(watt_first=True),
    STEEP,
    operating_envelope("proportional"),
    operating_envelope("equal"),
)


def best_seconds(call: Callable[[], object]) -> float:
    """Return the least processor time of some runs, after one that is not counted."""
    call()
    taken = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return min(taken)


def main() -> None:
    """Print one table a feeder."""
    for name, total_kw in TOTAL_KW.items():
        there = random_deployments(
            PowerFlow(load_feeder(name)), SCENARIOS, total_kw=total_kw, seed=1
        )
        drawn = there.base_kw + there.plant_kw, there.base_kvar
        plain = best_seconds(partial(there.power_flow.solve, *drawn))
        print(f"{name}: plain power flow {plain / SCENARIOS * 1e6:.1f} us a scenario")
        for control in CONTROLS:
            acted = there.under(control)
            taken = best_seconds(partial(there.under, control))
            print(
                f"  {control.name[:64]:64s} {taken / plain:5.1f} x  "
                f"settled {acted.settled.mean():7.2%}  most steps {acted.iterations.max()}"
            )


if __name__ == "__main__":
    main()
