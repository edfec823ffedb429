"""States of a feeder, solved by the kernel and again by pandapower."""

import numpy as np

from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats
from networks.feeder import Feeder
from networks.reference import resolve


def random_loads(feeder: Feeder, states: int, seed: int = 4) -> tuple[Floats, Floats]:
    """Return kW and kvar: each bus between feeding in 30 % of its load and drawing all of it."""
    generator = np.random.default_rng(seed)
    shape = (states, feeder.bus_count)
    return (
        feeder.nominal_load_kw * generator.uniform(-0.3, 1.0, shape),
        feeder.nominal_load_kvar * generator.uniform(0.0, 1.0, shape),
    )


def assert_same_as_runpp(reference: str, feeder: Feeder, kw: Floats, kvar: Floats) -> None:
    """Hold the kernel to what is promised: 1e-8 p.u. and 1e-5 percentage points."""
    state = PowerFlow(feeder).solve(kw, kvar)
    assert state.converged.all()
    found = resolve(
        reference,
        feeder,
        bus_kw=kw,
        bus_kvar=kvar,
        voltage_pu=state.voltage_pu,
        loading_percent=state.loading_percent,
    )
    assert found.unsolved == 0
    assert found.voltage_pu < 1e-8
    assert found.loading_percentage_points < 1e-5
