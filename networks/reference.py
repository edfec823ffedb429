"""Solve recorded states again with pandapower and report how far they lie apart."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandapower as pp

from networks.base_case import RUNPP_OPTIONS
from networks.catalog import net_of
from networks.errors import NetworkError
from networks.feeder import LINE, Feeder, Floats
from networks.normalise import complete
from networks.starting_point import no_load_voltages

STATES_WORTH_COMPILING = 400


@dataclass(frozen=True, slots=True)
class ReferenceCheck:
    """Largest differences between recorded states and pandapower's Newton-Raphson solution.

    Differences are 0 where there was nothing to compare, NaN where a recorded number was NaN.
    """

    states: int  # how many were given
    unsolved: int  # of these, states for which pandapower finds no power flow
    voltage_pu: float
    line_percentage_points: float
    transformer_percentage_points: float

    @property
    def loading_percentage_points(self) -> float:
        """Largest difference of any loading."""
        return float(np.maximum(self.line_percentage_points, self.transformer_percentage_points))


def resolve(
    net_or_name: pp.pandapowerNet | str,
    feeder: Feeder,
    *,
    bus_kw: Floats,
    bus_kvar: Floats,
    voltage_pu: Floats,
    loading_percent: Floats,
) -> ReferenceCheck:
    """Solve T recorded states again with ``runpp`` and compare.

    Args:
        net_or_name: the net the feeder was compiled from (left untouched), or its catalogue name.
        feeder: says which bus and branch each column is.
        bus_kw: (T, K) everything drawn at each bus, kW; replaces all loads and static generators.
        bus_kvar: (T, K) likewise, kvar.
        voltage_pu: (T, K) recorded voltage magnitudes.
        loading_percent: (T, L) recorded loadings.

    Raises:
        NetworkError: unknown catalogue name, or arrays that do not fit the feeder.
    """
    recorded = (bus_kw, bus_kvar, voltage_pu, loading_percent)
    names = ("bus_kw", "bus_kvar", "voltage_pu", "loading_percent")
    check_shapes(feeder, dict(zip(names, recorded, strict=True)))
    given = net_of(net_or_name, feeder)
    net = _replace_loads(given, feeder)
    is_line = feeder.branch_kind == LINE
    lines, trafos = feeder.branch_index[is_line], feeder.branch_index[~is_line]
    worst = np.zeros(3)
    unsolved = 0
    warm = False
    for kw, kvar, voltage, loading in zip(*recorded, strict=True):
        if not (np.isfinite(kw).all() and np.isfinite(kvar).all()):
            unsolved += 1
            continue
        net.load["p_mw"] = kw / 1e3
        net.load["q_mvar"] = kvar / 1e3
        warm = _solve(net, warm=warm, numba=len(bus_kw) > STATES_WORTH_COMPILING)
        if not warm:
            unsolved += 1
            continue
        differences = (
            net.res_bus.vm_pu.loc[feeder.bus_index].to_numpy() - voltage,
            net.res_line.loading_percent.loc[lines].to_numpy() - loading[is_line],
            net.res_trafo.loading_percent.loc[trafos].to_numpy() - loading[~is_line],
        )
        worst = np.maximum(worst, [np.abs(each).max(initial=0.0) for each in differences])
    return ReferenceCheck(len(bus_kw), unsolved, *(float(value) for value in worst))


def check_shapes(feeder: Feeder, arrays: Mapping[str, Floats]) -> None:
    """Raise NetworkError where named arrays of states do not fit the feeder or each other.

    Names that begin with "loading" are (T, L), all others (T, K).
    """
    states = len(next(iter(arrays.values())))
    problems = []
    for name, values in arrays.items():
        of_branches = name.startswith("loading")
        needed = (states, feeder.branch_count if of_branches else feeder.bus_count)
        if values.shape != needed:
            problems.append(f"{name} has shape {values.shape}, feeder {feeder.name} needs {needed}")
    if problems:
        raise NetworkError(problems)


def _replace_loads(net: pp.pandapowerNet, feeder: Feeder) -> pp.pandapowerNet:
    """Return a copy with one load at each bus of the feeder and no other load or generator."""
    copied = copy.deepcopy(net)
    complete(copied)
    copied.load = copied.load.iloc[:0]
    copied.sgen = copied.sgen.iloc[:0]
    for name in ("asymmetric_load", "asymmetric_sgen"):
        if name in copied:
            copied[name] = copied[name].iloc[:0]
    pp.create_loads(copied, buses=feeder.bus_index, p_mw=0.0)
    return copied


def _solve(net: pp.pandapowerNet, *, warm: bool, numba: bool) -> bool:
    """Run the reference power flow in place, from the last solution where there is one."""
    attempts: list[dict[str, Any]] = [{"init": "results"}, {"init": "dc"}, {"init": "flat"}]
    for start in (*attempts[not warm :], {"init_vm_pu": no_load_voltages(net)}):
        try:
            pp.runpp(net, **{**RUNPP_OPTIONS, **start, "numba": numba})
        except pp.LoadflowNotConverged:
            continue
        return True
    return False
