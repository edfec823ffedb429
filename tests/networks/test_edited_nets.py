"""Nets whose tables people edited: what is taken, what is refused and in which words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandapower as pp
import pytest

from cosim.grid.power_flow import PowerFlow
from networks.compile import compile_net
from networks.errors import NetworkError
from networks.feeder import Feeder, Floats
from networks.reference import resolve
from networks.second_opinion import compare
from tests.networks.odd_net import DESCRIPTION, odd_net

Edit = Callable[[pp.pandapowerNet], Any]


def base_case(feeder: Feeder) -> tuple[Floats, Floats, Floats, Floats]:
    """Return power drawn, voltages and loadings of the base case, one state each."""
    kw = (feeder.nominal_load_kw - feeder.nominal_generation_kw)[None]
    kvar = (feeder.nominal_load_kvar - feeder.nominal_generation_kvar)[None]
    state = PowerFlow(feeder).solve(kw, kvar)
    return kw, kvar, state.voltage_pu, state.loading_percent


def problems_of(net: pp.pandapowerNet) -> str:
    with pytest.raises(NetworkError) as caught:
        compile_net(net, DESCRIPTION)
    return "\n".join(caught.value.problems)


def with_decimals(net: pp.pandapowerNet) -> None:
    for table, columns in (("load", ["bus"]), ("line", ["from_bus", "to_bus", "parallel"])):
        net[table] = net[table].astype(dict.fromkeys(columns, np.float64))
    net.switch = net.switch.astype({"bus": np.float64, "element": np.float64})


def with_an_empty_cell(net: pp.pandapowerNet) -> None:
    for table in ("load", "bus", "line"):
        net[table]["in_service"] = net[table].in_service.astype(object)
        off = net[table].index[~net[table].in_service.astype(bool)][0]
        net[table].loc[off, "in_service"] = None


def with_an_idle_load_nowhere(net: pp.pandapowerNet) -> None:
    net.load["bus"] = net.load.bus.astype(np.float64)
    net.load.loc[3, "bus"] = np.nan


@pytest.mark.parametrize(
    "edit", [with_decimals, with_an_empty_cell, with_an_idle_load_nowhere], ids=lambda e: e.__name__
)
def test_cells_that_came_back_as_something_else_are_the_same_feeder(edit: Edit) -> None:
    expected = base_case(compile_net(odd_net(), DESCRIPTION))
    net = odd_net()
    edit(net)
    feeder = compile_net(net, DESCRIPTION)
    kw, kvar, voltage, loading = base_case(feeder)
    np.testing.assert_array_equal(voltage, expected[2])
    state = {"bus_kw": kw, "bus_kvar": kvar, "voltage_pu": voltage, "loading_percent": loading}
    for engine in (resolve, compare):
        found = engine(net, feeder, **state)
        assert found.unsolved == 0
        assert found.voltage_pu < 1e-8
    told = "load 3: in_service is empty; counts as false" in feeder.notes
    assert told == (edit is with_an_empty_cell)
