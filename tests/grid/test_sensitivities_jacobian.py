"""Derivatives against pandapower's Newton Jacobian at random states."""

import numpy as np
import pandapower as pp
import pytest
from scipy.sparse.linalg import splu

from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import exact_sensitivities, sensitivities
from cosim.records import Complexes, Floats
from networks.base_case import RUNPP_OPTIONS
from networks.catalog import build_net, load_feeder
from networks.feeder import Feeder


def solve_at_random(net: pp.pandapowerNet, feeder: Feeder, seed: int) -> tuple[Floats, Floats]:
    """Solve the net under random loads in place; return them by bus, kW and kvar."""
    random = np.random.default_rng(seed)
    kw = feeder.nominal_load_kw * random.uniform(-0.5, 1.5, feeder.bus_count)
    kvar = feeder.nominal_load_kvar * random.uniform(-0.5, 1.5, feeder.bus_count)
    net.load, net.sgen = net.load.iloc[:0], net.sgen.iloc[:0]
    pp.create_loads(net, feeder.bus_index, p_mw=kw * 1e-3, q_mvar=kvar * 1e-3)
    # The last Jacobian stands at the iterate before the solution. Started from the solution for
    # some milliwatts more, one step is enough, and that iterate is as good as the solution.
    net.load.loc[len(kw) // 2, "p_mw"] += 3e-9 * net.sn_mva
    pp.runpp(net, **RUNPP_OPTIONS)
    net.load["p_mw"] = kw * 1e-3
    pp.runpp(net, **RUNPP_OPTIONS, init="results")
    assert net._ppc["iterations"] == 1
    return kw, kvar


def changes_by_jacobian(net: pp.pandapowerNet, feeder: Feeder) -> tuple[Complexes, Complexes]:
    """Return d node voltage / d kW and / d kvar drawn at each bus, (n, K) each."""
    inside = net._ppc["internal"]
    assert len(inside["pv"]) == 0
    pq, voltage = np.asarray(inside["pq"]), np.asarray(inside["V"])
    count = len(pq)
    solved = splu(inside["J"].tocsc()).solve(np.eye(2 * count))
    moved = np.zeros((len(voltage), 2 * len(voltage)), np.complex128)
    by_angle, by_magnitude = 1j * voltage[pq], voltage[pq] / abs(voltage[pq])
    columns = np.concatenate([pq, pq + len(voltage)])
    moved[np.ix_(pq, columns)] = (
        by_angle[:, None] * solved[:count] + by_magnitude[:, None] * solved[count:]
    )
    drawn = -1e-3 / inside["baseMVA"]
    per_kw, per_kvar = np.hsplit(moved, 2)
    return per_kw[:, feeder.node_of_bus] * drawn, per_kvar[:, feeder.node_of_bus] * drawn


@pytest.mark.parametrize("name", ["cigre_lv", "cigre_mv", "ieee33", "simbench:1-LV-rural1--0-sw"])
def test_all_slopes_agree_with_pandapowers_jacobian(name: str) -> None:
    feeder, net = load_feeder(name), build_net(name)
    for seed in (1, 2, 3):
        compare(net, feeder, seed)


def compare(net: pp.pandapowerNet, feeder: Feeder, seed: int) -> None:
    kw, kvar = solve_at_random(net, feeder, seed)
    voltage = np.asarray(net._ppc["internal"]["V"])
    power_flow = PowerFlow(feeder)
    state = power_flow.solve(kw[None], kvar[None])
    np.testing.assert_allclose(state.node_voltage_pu[0], voltage, rtol=0.0, atol=1e-8)

    ends = np.array([feeder.loading_from @ voltage, feeder.loading_to @ voltage])
    larger = abs(ends).argmax(axis=0), np.arange(feeder.branch_count)
    flowing = abs(ends[larger]) > 0.1
    slack = feeder.slack_node
    above = net._ppc["internal"]["Ybus"][[slack]]
    arguments = (power_flow, state.node_voltage_pu[0], kw, kvar)
    elements = np.arange(feeder.bus_count), np.arange(feeder.branch_count)
    at_slack = feeder.node_of_bus == slack
    for part, change in enumerate(changes_by_jacobian(net, feeder)):
        at_bus, moved = voltage[feeder.node_of_bus][:, None], change[feeder.node_of_bus]
        currents = np.array([feeder.loading_from @ change, feeder.loading_to @ change])[larger]
        power = voltage[slack] * np.conj(above @ change)[0] * feeder.base_mva * 1e3
        power[at_slack] = (1.0, 1.0j)[part]  # drawn straight from the grid above
        with np.errstate(invalid="ignore"):
            loading = (np.conj(ends[larger])[:, None] * currents).real / abs(ends[larger])[:, None]
        expected = {
            "voltage_pu": (np.conj(at_bus) * moved).real / abs(at_bus),
            "loading_percent": loading[flowing],
            "slack_kw": power.real,
            "slack_kvar": power.imag,
            "loss_kw": power.real - (1.0, 0.0)[part],
        }
        for of in (sensitivities, exact_sensitivities):
            found = of(*arguments, *elements)
            for field, values in expected.items():
                rows = getattr(found, field)[part]
                rows = rows[flowing] if field == "loading_percent" else rows
                # Powers per power are measured by 1, all others by their largest.
                in_power = field.startswith(("slack", "loss"))
                atol = 1e-8 if in_power else 1e-7 * abs(values).max()
                np.testing.assert_allclose(rows, values, rtol=0.0, atol=atol, err_msg=field)
