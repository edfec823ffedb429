"""A pandapower net in power-grid-model's terms, made from its tables alone.

Nothing of pandapower's admittances is used, so that the two engines share the published numbers
and nothing else. Lines and transformers become "generic branches", which are pi circuits.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
from numpy.typing import NDArray
from power_grid_model import LoadGenType, initialize_array

from networks.errors import NotConverted
from networks.feeder import LINE, Feeder, Floats, Integers
from networks.malformed import in_service
from networks.normalise import complete
from networks.pi_circuits import (
    impedance_circuits,
    impedance_problems,
    line_circuits,
    numbers,
    transformer_circuits,
    transformer_problems,
)

STIFF_VA = 1e20
"""Short-circuit power of the source: as ideal as pandapower's slack."""

NOT_CONVERTED = ("line_dc", "source_dc", "load_dc")

Dataset = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class GridModelInput:
    """Input data of power-grid-model and where a feeder's buses and branches are in it."""

    data: Dataset
    node: Integers  # (K,) row of the node that carries a bus of the feeder
    load: Integers  # (K,) id of the load that is everything drawn at the bus
    rated_a: Floats  # (L, 2) rated current at either end; branch rows are those of the feeder


def grid_model_input(net: pp.pandapowerNet, feeder: Feeder) -> GridModelInput:
    """Return the branches in service of `feeder`, with loads at its buses that draw nothing yet.

    Raises:
        NotConverted: the net holds what is not converted; all problems at once.
    """
    net = copy.deepcopy(net)
    complete(net)
    problems = _problems(net, feeder)
    if problems:
        raise NotConverted([f"{feeder.name}, power-grid-model: {found}" for found in problems])
    node_of = _nodes_of_buses(net)
    node = initialize_array("input", "node", max(node_of.values()) + 1)
    node["id"] = np.arange(len(node))
    for bus, row in node_of.items():
        node["u_rated"][row] = 1e3 * float(net.bus.vn_kv.at[bus])
    branch = np.concatenate([_branches(net, feeder, node_of), _impedances(net, node_of)])
    power, admittance = _constant_power(net), _constant_admittance(net)
    # Ids run on through all components.
    branch["id"] = len(node) + np.arange(len(branch))
    first_load = len(node) + len(branch)
    drawn = [(int(bus), 0.0j) for bus in feeder.bus_index]
    load = _loads([*drawn, *power], node_of, first_load)
    shunt = _shunts(admittance, node_of, first_load + len(load))
    source = _source(net, node_of, first_load + len(load) + len(shunt))
    return GridModelInput(
        data={
            "node": node,
            "generic_branch": branch,
            "sym_load": load,
            "shunt": shunt,
            "source": source,
        },
        node=np.array([node_of[int(bus)] for bus in feeder.bus_index]),
        load=first_load + np.arange(feeder.bus_count),
        rated_a=_rated_a(net, feeder),
    )


def _problems(net: pp.pandapowerNet, feeder: Feeder) -> list[str]:
    """Return one sentence for everything that the conversion does not know."""
    found = [
        f"{kind}: {len(table)} rows are not converted"
        for kind in NOT_CONVERTED
        if isinstance(table := net.get(kind), pd.DataFrame) and len(table)
    ]
    joined = net.switch[net.switch.closed.astype(bool) & (net.switch.et == "b")]
    if (numbers(joined, "z_ohm", 0.0) > 0.0).any():
        found.append("bus-bus switches with an impedance (z_ohm) are not converted")
    found += impedance_problems(net.impedance.loc[in_service(net.impedance)])
    trafo = net.trafo.loc[feeder.branch_index[feeder.branch_kind != LINE]]
    return [*found, *transformer_problems(trafo)]


def _nodes_of_buses(net: pp.pandapowerNet) -> dict[int, int]:
    """Number the nodes: buses joined by a closed bus-bus switch share one."""
    first = {int(bus): int(bus) for bus in net.bus.index}

    def first_of(bus: int) -> int:
        while first[bus] != bus:
            bus = first[bus]
        return bus

    joined = net.switch[net.switch.closed.astype(bool) & (net.switch.et == "b")]
    for start, end in zip(joined.bus, joined.element, strict=True):
        first[first_of(int(end))] = first_of(int(start))
    row_of = {bus: row for row, bus in enumerate(b for b in first if first[b] == b)}
    return {bus: row_of[first_of(bus)] for bus in first}


def _branches(net: pp.pandapowerNet, feeder: Feeder, node_of: Mapping[int, int]) -> NDArray[Any]:
    """Return lines, then transformers; impedances are seen from the second end."""
    is_line = feeder.branch_kind == LINE
    line = net.line.loc[feeder.branch_index[is_line]]
    trafo = net.trafo.loc[feeder.branch_index[~is_line]]
    branch = initialize_array("input", "generic_branch", feeder.branch_count)
    for rows, table, ends, kind in (
        (is_line, line, ("from_bus", "to_bus"), "l"),
        (~is_line, trafo, ("hv_bus", "lv_bus"), "t"),
    ):
        for side, end in zip(("from", "to"), ends, strict=True):
            branch[f"{side}_node"][rows] = [node_of[int(bus)] for bus in table[end]]
            branch[f"{side}_status"][rows] = _connected(net, table[end], kind)
    impedance, admittance = np.empty((2, feeder.branch_count), np.complex128)
    ratio, angle = np.ones(feeder.branch_count), np.zeros(feeder.branch_count)
    impedance[is_line], admittance[is_line] = line_circuits(line, float(net.f_hz))
    circuits = transformer_circuits(net, trafo)
    impedance[~is_line], admittance[~is_line], ratio[~is_line] = circuits
    angle[~is_line] = np.deg2rad(trafo.shift_degree.to_numpy(float))
    branch["r1"], branch["x1"] = impedance.real, impedance.imag
    branch["g1"], branch["b1"] = admittance.real, admittance.imag
    branch["k"], branch["theta"] = ratio, angle
    return branch


def _impedances(net: pp.pandapowerNet, node_of: Mapping[int, int]) -> NDArray[Any]:
    """Return impedances, which a feeder does not count as branches: they have no rating."""
    table = net.impedance.loc[in_service(net.impedance)]
    branch = initialize_array("input", "generic_branch", len(table))
    for side in ("from", "to"):
        branch[f"{side}_node"] = [node_of[int(bus)] for bus in table[f"{side}_bus"]]
        branch[f"{side}_status"] = table[f"{side}_bus"].isin(in_service(net.bus)).to_numpy(int)
    series, shunt = impedance_circuits(net, table)
    branch["r1"], branch["x1"] = series.real, series.imag
    branch["g1"], branch["b1"] = shunt.real, shunt.imag
    branch["k"], branch["theta"] = 1.0, 0.0
    return branch


def _connected(net: pp.pandapowerNet, end: "pd.Series[int]", kind: str) -> list[int]:
    """Return 0 for every branch whose switch at the bus `end` is open, else 1."""
    opened = net.switch[~net.switch.closed.astype(bool) & (net.switch.et == kind)]
    pairs = {(int(row), int(bus)) for row, bus in zip(opened.element, opened.bus, strict=True)}
    return [int((int(str(row)), int(bus)) not in pairs) for row, bus in end.items()]


def _constant_power(net: pp.pandapowerNet) -> list[tuple[int, complex]]:
    """Return (bus, VA drawn) of what no scenario replaces: storages, wards and motors."""
    storage, ward = net.storage[net.storage.in_service], net.ward[net.ward.in_service]
    motor = net.motor[net.motor.in_service]
    stored = storage.scaling * (storage.p_mw + 1j * storage.q_mvar)
    electric = motor.pn_mech_mw / motor.efficiency_percent * motor.loading_percent * motor.scaling
    turned = electric * (1.0 + 1j * np.sqrt(1.0 / motor.cos_phi**2 - 1.0))
    buses = [*storage.bus, *ward.bus, *motor.bus]
    values = [*stored, *(ward.ps_mw + 1j * ward.qs_mvar), *turned]
    return [(int(bus), 1e6 * complex(value)) for bus, value in zip(buses, values, strict=True)]


def _constant_admittance(net: pp.pandapowerNet) -> list[tuple[int, complex]]:
    """Return (bus, siemens) of shunts and of the constant-impedance part of wards."""
    shunt, ward = net.shunt[net.shunt.in_service], net.ward[net.ward.in_service]
    ward_kv = net.bus.vn_kv.loc[ward.bus].to_numpy()
    of_shunts = shunt.step * (shunt.p_mw - 1j * shunt.q_mvar) / shunt.vn_kv**2
    of_wards = (ward.pz_mw - 1j * ward.qz_mvar) / ward_kv**2
    buses, values = [*shunt.bus, *ward.bus], [*of_shunts, *of_wards]
    return [(int(bus), complex(value)) for bus, value in zip(buses, values, strict=True)]


def _loads(
    drawn: list[tuple[int, complex]], node_of: Mapping[int, int], first: int
) -> NDArray[Any]:
    load = initialize_array("input", "sym_load", len(drawn))
    load["id"] = first + np.arange(len(drawn))
    load["node"] = [node_of[bus] for bus, _ in drawn]
    load["status"] = 1
    load["type"] = LoadGenType.const_power
    load["p_specified"] = [value.real for _, value in drawn]
    load["q_specified"] = [value.imag for _, value in drawn]
    return load


def _shunts(
    admittance: list[tuple[int, complex]], node_of: Mapping[int, int], first: int
) -> NDArray[Any]:
    shunt = initialize_array("input", "shunt", len(admittance))
    shunt["id"] = first + np.arange(len(admittance))
    shunt["node"] = [node_of[bus] for bus, _ in admittance]
    shunt["status"] = 1
    shunt["g1"] = [value.real for _, value in admittance]
    shunt["b1"] = [value.imag for _, value in admittance]
    return shunt


def _source(net: pp.pandapowerNet, node_of: Mapping[int, int], first: int) -> NDArray[Any]:
    slack = net.ext_grid[net.ext_grid.in_service]
    source = initialize_array("input", "source", len(slack))
    source["id"] = first + np.arange(len(slack))
    source["node"] = [node_of[int(bus)] for bus in slack.bus]
    source["status"] = 1
    source["u_ref"] = slack.vm_pu
    source["u_ref_angle"] = np.deg2rad(slack.va_degree)
    source["sk"] = STIFF_VA
    return source


def _rated_a(net: pp.pandapowerNet, feeder: Feeder) -> Floats:
    """Return the rated current at the first and the second end of each branch, A, (L, 2)."""
    is_line = feeder.branch_kind == LINE
    rated = np.empty((feeder.branch_count, 2))
    line = net.line.loc[feeder.branch_index[is_line]]
    rated[is_line] = (1e3 * line.max_i_ka * line.df * line.parallel).to_numpy(float)[:, None]
    trafo = net.trafo.loc[feeder.branch_index[~is_line]]
    rated_va = (1e6 * trafo.sn_mva * trafo.df * trafo.parallel).to_numpy(float)
    rated_v = 1e3 * trafo[["vn_hv_kv", "vn_lv_kv"]].to_numpy(float)
    rated[~is_line] = rated_va[:, None] / (np.sqrt(3.0) * rated_v)
    return rated
