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

from networks.base_case import solve_base_case
from networks.errors import NetworkError
from networks.feeder import LINE, TRANSFORMER, Complexes, Feeder, Floats, Integers
from networks.inspection import find_problems
from networks.limits import Limits
from networks.malformed import in_service
from networks.other_solution import other_solution


@dataclass(frozen=True, slots=True)
class Description:
    """What people are told about a feeder."""

    name: str  # catalogue name
    title: str  # one line for people
    source: str  # where the feeder is published
    ratings_assumed: bool  # True where thermal ratings are not part of the published feeder
    ratings_source: str  # where the thermal ratings come from, one sentence


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
    problems = [*limits.problems(), *find_problems(net)]
    if problems:
        raise NetworkError([f"{description.name}: {problem}" for problem in problems])
    digest = hash_net(net)
    net = copy.deepcopy(net)
    notes = solve_base_case(net, description.name)
    feeder = _assemble(net, description, limits, zones or {}, (digest, tuple(notes)))
    other = other_solution(feeder, net.res_bus.vm_pu.loc[feeder.bus_index].to_numpy(np.float64))
    if other is not None:
        raise NetworkError(f"{description.name}: {other}")
    return feeder


def hash_net(net: pp.pandapowerNet) -> str:
    """Return the SHA-256 of a net as JSON, results apart; the same in every process."""
    bare = copy.deepcopy(net)
    clear_result_tables(bare)
    bare["converged"] = False
    return hashlib.sha256(pp.to_json(bare).encode()).hexdigest()


def _assemble(
    net: pp.pandapowerNet,
    description: Description,
    limits: Limits,
    zones: Mapping[int, str],
    told: tuple[str, tuple[str, ...]],
) -> Feeder:
    """Read the solved net into a Feeder; `told` are the hash of the net and notes on it."""
    internal = net._ppc["internal"]
    digest, notes = told
    node, joined = _join_slacks(internal)
    slack = int(internal["ref"][0])
    buses = net.bus.loc[net.res_bus.vm_pu.notna().to_numpy()]
    bus_index = buses.index.to_numpy(np.int64)
    node_of_bus = node[np.asarray(net._pd2ppc_lookups["bus"])[bus_index]]
    branches = _read_branches(net, bus_index)
    to_percent = _percent_per_pu(net, branches)
    load_kw, load_kvar = _nominal_power(net.load, bus_index)
    generation_kw, generation_kvar = _nominal_power(net.sgen, bus_index)
    x, y = _coordinates(buses)
    lines = net.line.loc[branches.index[branches.kind == LINE]]
    transformers = net.trafo.loc[branches.index[branches.kind == TRANSFORMER]]
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
        nominal_generation_kw=generation_kw,
        nominal_generation_kvar=generation_kvar,
        branch_kind=branches.kind,
        branch_index=branches.index,
        branch_name=branches.name,
        branch_from=branches.start,
        branch_to=branches.end,
        loading_max_percent=np.full(len(branches.kind), limits.loading_max_percent),
        base_mva=float(internal["baseMVA"]),
        slack_node=int(node[slack]),
        slack_voltage_pu=complex(internal["V"][slack]),
        admittance=sparse.csc_matrix(joined.T @ internal["Ybus"] @ joined),
        fixed_injection_pu=np.asarray(joined.T @ _fixed_injection(net)),
        loading_from=_scaled_rows(internal["Yf"], branches.row, to_percent[0]) @ joined,
        loading_to=_scaled_rows(internal["Yt"], branches.row, to_percent[1]) @ joined,
        notes=notes,
        line_km=float(lines.length_km.sum()),
        transformer_mva=float((transformers.sn_mva * transformers.parallel).sum()),
    )


def _join_slacks(internal: Mapping[str, Any]) -> tuple[Integers, sparse.csr_matrix]:
    """Return the node (n,) of each of pandapower's, and the matrix that joins its slacks to one.

    External grids that hold the same voltage are one node for the equations: what flows in is
    the sum over all.
    """
    count, slacks = internal["Ybus"].shape[0], np.asarray(internal["ref"])
    kept = np.ones(count, np.bool_)
    kept[slacks[1:]] = False
    node = (np.cumsum(kept) - 1).astype(np.int64)
    node[slacks[1:]] = node[slacks[0]]
    joined = sparse.csr_matrix(
        (np.ones(count), (np.arange(count), node)), shape=(count, int(kept.sum()))
    )
    return node, joined


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
    branch_used = np.asarray(net._ppc["internal"]["branch_is"], dtype=bool)
    row_of_branch = np.cumsum(branch_used) - 1
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
        used = [place for place in range(len(table)) if branch_used[begin + place]]
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
        active = table.loc[in_service(table)]
        active = active[active.bus.map(supplied).astype(bool)]
        replaced = sign * active.scaling * (active.p_mw + 1j * active.q_mvar) / base_mva
        np.add.at(fixed, node[active.bus.to_numpy()], replaced.to_numpy(np.complex128))
    fixed[np.abs(fixed) < 1e-12] = 0.0  # what is left of cancelled sums
    return fixed


def _nominal_power(table: pd.DataFrame, bus_index: Integers) -> tuple[Floats, Floats]:
    """Return loads or generators in service summed by bus, kW and kvar, (K,) each."""
    used = table.loc[in_service(table)]
    scaled = pd.DataFrame(
        {
            "bus": used.bus,
            "kw": used.p_mw * used.scaling * 1e3,
            "kvar": used.q_mvar * used.scaling * 1e3,
        }
    )
    sums = scaled.groupby("bus").sum().reindex(bus_index, fill_value=0.0)
    return sums.kw.to_numpy(np.float64), sums.kvar.to_numpy(np.float64)


def _names(table: pd.DataFrame, word: str) -> tuple[str, ...]:
    """Return the names of a table, or e.g. "Bus 3" where it has none but its number."""
    return tuple(
        name if isinstance(name, str) and name not in ("", str(number)) else f"{word} {number}"
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
