"""How much generation known feeders bear: numbers found with pandapower, found again here.

Equal power at every bus that has load, unity power factor, 30 % of the published loads, existing
generation off, loading to 100 %. The rise is the voltage with the plants minus that without.
"""

import functools

import numpy as np
import pandapower.networks as pn
import pytest

from cosim.grid.power_flow import PowerFlow
from networks.catalog import load_feeder
from networks.compile import Description, compile_net
from networks.feeder import LINE, Feeder

pytestmark = pytest.mark.slow

SHARE_OF_LOAD = 0.3
STEP_KW = 0.05
SCALED = {"cigre_mv": 0.75}
"""Loads that the catalogue scales: the numbers are for the published ones."""
DUMMY = "cigre_lv with the 1 kA of the net"


@functools.cache
def power_flow_of(name: str) -> PowerFlow:
    if name != DUMMY:
        return PowerFlow(load_feeder(name))
    told = Description(name, name, "", ratings_assumed=False, ratings_source="")
    return PowerFlow(compile_net(pn.create_cigre_network_lv(), told))


class Study:
    """A feeder at low load, and what equal plants at its loads break."""

    def __init__(self, name: str, *, voltage_max_pu: float, rise_max_pu: float) -> None:
        self.power_flow = power_flow_of(name)
        self.feeder: Feeder = self.power_flow.feeder
        share = SHARE_OF_LOAD / SCALED.get(name, 1.0)
        self.load = self.feeder.nominal_load_kw * share, self.feeder.nominal_load_kvar * share
        self.limits = voltage_max_pu, rise_max_pu
        self.plants = (self.feeder.nominal_load_kw > 0.0).astype(float)
        self.plants /= self.plants.sum()
        self.before = self.state(0.0)[0]

    def state(self, total_kw: float) -> tuple[np.ndarray, np.ndarray]:
        kw, kvar = self.load
        solved = self.power_flow.solve((kw - total_kw * self.plants)[None], kvar[None])
        assert solved.converged.all()
        return solved.voltage_pu[0], solved.loading_percent[0]

    def broken(self, total_kw: float) -> str:
        """Return the first kind of limit that is broken, "" if none is."""
        voltage, loading = self.state(total_kw)
        is_line = self.feeder.branch_kind == LINE
        found = {
            "V": voltage.max() > self.limits[0],
            "rise": (voltage - self.before).max() > self.limits[1],
            "line": loading[is_line].max(initial=0.0) > 100.0,
            "trafo": loading[~is_line].max(initial=0.0) > 100.0,
        }
        return next((kind for kind, broken in found.items() if broken), "")

    def capacity(self) -> tuple[float, str]:
        """Return the largest total that breaks nothing, by bisection, and what more breaks."""
        low, high = 0.0, 1.0
        assert not self.broken(low)
        while not self.broken(high):
            low, high = high, 2.0 * high
        while high - low > STEP_KW:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if self.broken(middle) else (middle, high)
        return low, self.broken(high)


LIMITS = {"1.05": (1.05, np.inf), "1.10": (1.10, np.inf), "rise": (1.10, 0.03)}
KNOWN = {
    "ieee33": ((3808.7, "V"), (6657.2, "V"), (1466.9, "rise")),
    "cigre_mv": ((6484.7, "V"), (9593.9, "line"), (4171.6, "rise")),
    DUMMY: ((330.6, "V"), (592.5, "V"), (130.6, "rise")),
    "cigre_lv": ((330.6, "V"), (457.3, "line"), (130.6, "rise")),
    "kerber_dorfnetz": ((513.7, "trafo"), (513.7, "trafo"), (241.8, "rise")),
    "simbench:1-LV-rural1--0-sw": ((190.2, "trafo"), (190.2, "trafo"), (190.2, "trafo")),
}


@pytest.mark.parametrize(
    ("name", "limits", "total_kw", "binding"),
    [
        (name, limits, *known)
        for name, row in KNOWN.items()
        for limits, known in zip(LIMITS, row, strict=True)
    ],
)
def test_hosting_capacities_are_the_known_ones(
    name: str, limits: str, total_kw: float, binding: str
) -> None:
    voltage, rise = LIMITS[limits]
    found, kind = Study(name, voltage_max_pu=voltage, rise_max_pu=rise).capacity()
    assert kind == binding
    assert found == pytest.approx(total_kw, rel=3e-4, abs=STEP_KW)


@pytest.mark.parametrize("name", list(KNOWN))
def test_a_stricter_limit_never_raises_the_capacity(name: str) -> None:
    found = [
        Study(name, voltage_max_pu=voltage, rise_max_pu=0.05).capacity()[0]
        for voltage in (1.04, 1.06, 1.08, 1.1)
    ]
    assert found == sorted(found)
