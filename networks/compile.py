"""Turn a pandapower net into a `Feeder`: the one module that reads pandapower's private results.

After one ``runpp`` everything electrical (taps, phase shifts, shunts, switches, parallel lines)
already stands in pandapower's own admittance matrices, so nothing is converted by hand.
"""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
from pandapower.pypower.idx_brch import F_BUS, T_BUS
from pandapower.pypower.idx_bus import BASE_KV, PD, QD
from pandapower.toolbox import clear_result_tables
from scipy import sparse

from networks.errors import NetworkError
from networks.feeder import LINE, TRANSFORMER, Complexes, Feeder, Floats, Integers
from networks.inspection import find_problems, find_supply_problems

RUNPP_OPTIONS: Mapping[str, Any] = {
    "algorithm": "nr",
    "calculate_voltage_angles": True,
    "trafo_model": "t",
    "trafo_loading": "current",
    "tolerance_mva": 1e-10,
    "max_iteration": 50,
    "voltage_depend_loads": False,
    "numba": False,  # compiling takes longer than it saves below some hundred power flows
}
"""The power flow that everything here is compared with."""


@dataclass(frozen=True, slots=True)
class Description:
    """What people are told about a feeder."""

    name: str  # catalogue name
    title: str  # one line for people
    source: str  # where the feeder is published
    ratings_assumed: bool  # True where thermal ratings are not part of the published feeder
    ratings_source: str  # where the thermal ratings come from, one sentence


@dataclass(frozen=True, slots=True)
class Limits:
    """What the feeder is judged by."""

    voltage_min_pu: float = 0.9
    voltage_max_pu: float = 1.1
    loading_max_percent: float = 100.0

    def problems(self) -> list[str]:
        """Return one sentence for each limit that makes no sense."""
        low, high, loading = self.voltage_min_pu, self.voltage_max_pu, self.loading_max_percent
        found = []
        if not (np.isfinite([low, high]).all() and 0.0 < low < high):
            found.append(
                f"voltage limits {low} to {high} p.u.: the lower one must be above 0 and below "
                "the upper one"
            )
        if not (np.isfinite(loading) and loading > 0.0):
            found.append(f"loading limit {loading} %: must be above 0")
        return found


def compile_net(
    net: pp.pandapowerNet,
    description: Description,
    limits: Limits | None = None,
    *,
    zones: Mapping[int, str] | None = None,
) -> Feeder:
    """Compile a pandapower net; the net itself is left untouched.

    Loads and static generators are what scenarios replace, so only their peak is kept
    (`nominal_load_kw`, loads alone); all other constant injections become `fixed_injection_pu`.
    Buses without supply and branches out of service or switched off are left out.

    Args:
        net: what to compile.
        description: name, title and sources.
        limits: voltage and loading limits; the defaults of `Limits` where left out.
        zones: sub-network by pandapower bus number; "" for all others.

    Raises:
        NetworkError: with every problem found: what is not modelled, ratings that are missing,
            limits that are crossed, a base case without a power flow.
    """
    limits = Limits() if limits is None else limits
    digest = hash_net(net)
    net = copy.deepcopy(net)
    problems = [*limits.problems(), *find_problems(net)]
    if problems:
        raise NetworkError([f"{description.name}: {problem}" for problem in problems])
    solve_net(net, description.name)
    problems = find_supply_problems(net)
    if problems:
        raise NetworkError([f"{description.name}: {problem}" for problem in problems])
    return _assemble(net, description, limits, zones or {}, digest)


def hash_net(net: pp.pandapowerNet) -> str:
    """Return the SHA-256 of a net as JSON, results apart; the same in every process."""
    bare = copy.deepcopy(net)
    clear_result_tables(bare)
    bare["converged"] = False
    return hashlib.sha256(pp.to_json(bare).encode()).hexdigest()


def solve_net(net: pp.pandapowerNet, name: str) -> None:
    """Run the reference power flow in place; raise NetworkError where there is none."""
    try:
        pp.runpp(net, **RUNPP_OPTIONS)
    except pp.LoadflowNotConverged as error:
        raise NetworkError(
            f"{name}: the base case has no power flow (Newton-Raphson does not converge in "
            f"{RUNPP_OPTIONS['max_iteration']} iterations); check loads, impedances and switches"
        ) from error


def _assemble(
    net: pp.pandapowerNet,
    description: Description,
    limits: Limits,
    zones: Mapping[int, str],
    digest: str,
) -> Feeder:
    """Read the solved net into a Feeder."""
    internal = net._ppc["internal"]
    slack = int(internal["ref"][0])
    buses = net.bus.loc[net.res_bus.vm_pu.notna().to_numpy()]
    bus_index = buses.index.to_numpy(np.int64)
    node_of_bus = np.asarray(net._pd2ppc_lookups["bus"])[bus_index].astype(np.int64)
    branches = _read_branches(net, bus_index)
    to_percent = _percent_per_pu(net, branches)
    load_kw, load_kvar = _nominal_load(net, bus_index)
    x, y = _coordinates(buses)
    return Feeder(
        name=description.name,
        title=description.title,
        source=description.source,
        ratings_assumed=description.ratings_assumed,
        ratings_source=description.ratings_source,
        net_sha256=digest,
        bus_index=bus_index,
        bus_name=_names(buses, "Bus"),
        bus_nominal_kv=buses.vn_kv.to_numpy(np.float64),
        bus_x=x,
        bus_y=y,
        bus_zone=tuple(zones.get(int(bus), "") for bus in bus_index),
        node_of_bus=node_of_bus,
        voltage_min_pu=np.full(len(buses), limits.voltage_min_pu),
        voltage_max_pu=np.full(len(buses), limits.voltage_max_pu),
        nominal_load_kw=load_kw,
        nominal_load_kvar=load_kvar,
        branch_kind=branches.kind,
        branch_index=branches.index,
        branch_name=branches.name,
        branch_from=branches.start,
        branch_to=branches.end,
        loading_max_percent=np.full(len(branches.kind), limits.loading_max_percent),
        base_mva=float(internal["baseMVA"]),
        slack_node=slack,
        slack_voltage_pu=complex(internal["V"][slack]),
        admittance=sparse.csc_matrix(internal["Ybus"]),
        fixed_injection_pu=_fixed_injection(net),
        loading_from=_scaled_rows(internal["Yf"], branches.row, to_percent[0]),
        loading_to=_scaled_rows(internal["Yt"], branches.row, to_percent[1]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Branches:
    """Branches in service, lines first."""

    kind: Integers
    index: Integers  # pandapower number
    name: tuple[str, ...]
    start: Integers  # position in bus_index
    end: Integers
    row: Integers  # row of Yf and Yt


def _read_branches(net: pp.pandapowerNet, bus_index: Integers) -> _Branches:
    """Find the rows of lines and transformers among pandapower's branches in service."""
    in_service = np.asarray(net._ppc["internal"]["branch_is"], dtype=bool)
    row_of_branch = np.cumsum(in_service) - 1
    position = {int(bus): place for place, bus in enumerate(bus_index)}
    kind, index, start, end, row = [], [], [], [], []
    name: list[str] = []
    tables = (
        (LINE, net.line, "line", "Line", ("from_bus", "to_bus")),
        (TRANSFORMER, net.trafo, "trafo", "Transformer", ("hv_bus", "lv_bus")),
    )
    for code, table, key, word, (first, second) in tables:
        if len(table) == 0:
            continue
        begin, _ = net._pd2ppc_lookups["branch"][key]
        used = [place for place in range(len(table)) if in_service[begin + place]]
        chosen = table.iloc[used]
        kind += [code] * len(used)
        index += [int(number) for number in chosen.index]
        name += _names(chosen, word)
        # A line switched open at one end may end at a bus that has no supply: show its live end.
        for near, far in zip(chosen[first], chosen[second], strict=True):
            start.append(position.get(int(near), position.get(int(far), -1)))
            end.append(position.get(int(far), position.get(int(near), -1)))
        row += [int(row_of_branch[begin + place]) for place in used]
    return _Branches(
        kind=np.asarray(kind, np.int64),
        index=np.asarray(index, np.int64),
        name=tuple(name),
        start=np.asarray(start, np.int64),
        end=np.asarray(end, np.int64),
        row=np.asarray(row, np.int64),
    )


def _percent_per_pu(net: pp.pandapowerNet, branches: _Branches) -> tuple[Floats, Floats]:
    """Return percent of the rating per p.u. of current, at the "from" and at the "to" end, (L,).

    As pandapower: lines by ``max_i_ka * df * parallel``, transformers by the rated current of
    each side, ``sn_mva * parallel * df / (sqrt(3) vn_kv)``.
    """
    internal = net._ppc["internal"]
    base_kv = np.real(internal["bus"][:, BASE_KV])
    ends = np.real(internal["branch"][:, [F_BUS, T_BUS]]).astype(np.int64)[branches.row]
    base_ka = float(internal["baseMVA"]) / (np.sqrt(3.0) * base_kv[ends])  # (L, 2)
    rated_ka = np.empty_like(base_ka)
    is_line = branches.kind == LINE
    lines = net.line.loc[branches.index[is_line]]
    rated_ka[is_line] = (lines.max_i_ka * lines.df * lines.parallel).to_numpy(np.float64)[:, None]
    trafos = net.trafo.loc[branches.index[~is_line]]
    rated_mva = (trafos.sn_mva * trafos.parallel * trafos.df).to_numpy(np.float64)
    rated_kv = trafos[["vn_hv_kv", "vn_lv_kv"]].to_numpy(np.float64)
    rated_ka[~is_line] = rated_mva[:, None] / (np.sqrt(3.0) * rated_kv)
    percent = 100.0 * base_ka / rated_ka
    return percent[:, 0], percent[:, 1]


def _scaled_rows(matrix: Any, rows: Integers, scale: Floats) -> sparse.csr_matrix:
    chosen = sparse.csr_matrix(matrix)[rows]
    return sparse.csr_matrix(sparse.diags(scale) @ chosen)


def _fixed_injection(net: pp.pandapowerNet) -> Complexes:
    """Return pandapower's constant injections without those of loads and static generators, p.u."""
    internal = net._ppc["internal"]
    base_mva = float(internal["baseMVA"])
    drawn = internal["bus"][:, [PD, QD]].real
    fixed: Complexes = -(drawn[:, 0] + 1j * drawn[:, 1]) / base_mva
    node = np.asarray(net._pd2ppc_lookups["bus"])
    supplied = net.res_bus.vm_pu.notna()
    for table, sign in ((net.load, 1.0), (net.sgen, -1.0)):
        active = table[table.in_service & table.bus.map(supplied).astype(bool)]
        replaced = sign * active.scaling * (active.p_mw + 1j * active.q_mvar) / base_mva
        np.add.at(fixed, node[active.bus.to_numpy()], replaced.to_numpy(np.complex128))
    fixed[np.abs(fixed) < 1e-12] = 0.0  # what is left of cancelled sums
    return fixed


def _nominal_load(net: pp.pandapowerNet, bus_index: Integers) -> tuple[Floats, Floats]:
    """Return the loads in service summed by bus, kW and kvar, (K,) each."""
    load = net.load[net.load.in_service]
    scaled = pd.DataFrame(
        {
            "bus": load.bus,
            "kw": load.p_mw * load.scaling * 1e3,
            "kvar": load.q_mvar * load.scaling * 1e3,
        }
    )
    sums = scaled.groupby("bus").sum().reindex(bus_index, fill_value=0.0)
    return sums.kw.to_numpy(np.float64), sums.kvar.to_numpy(np.float64)


def _names(table: pd.DataFrame, word: str) -> tuple[str, ...]:
    """Return the names of a table, or e.g. "Bus 3" where it has none."""
    return tuple(
        name if isinstance(name, str) and name and not name.isdigit() else f"{word} {number}"
        for number, name in zip(table.index, table.name, strict=True)
    )


def _coordinates(buses: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return map coordinates from the GeoJSON points of the buses, NaN where there are none."""
    places = np.full((len(buses), 2), np.nan)
    if "geo" in buses:
        known = buses.geo.map(lambda text: isinstance(text, str) and text != "").to_numpy(bool)
        if known.any():
            points = buses.geo[known].map(_read_point)
            places[known] = np.asarray(points.tolist(), dtype=np.float64)
    return places[:, 0], places[:, 1]


def _read_point(text: str) -> tuple[float, float]:
    x, y = json.loads(text)["coordinates"][:2]
    return float(x), float(y)
