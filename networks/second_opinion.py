"""Solve states with power-grid-model: an engine that shares no code with pandapower or us.

Newton-Raphson on a model converted from the net's tables (see `networks.grid_model`), with a
source as stiff as pandapower's slack. Agreement with ``runpp``: about 1e-9 p.u.
"""

from dataclasses import dataclass

import numpy as np
import pandapower as pp
from numpy.typing import NDArray
from power_grid_model import CalculationMethod, ComponentType, PowerGridModel, initialize_array

from networks.catalog import net_of
from networks.feeder import LINE, Feeder, Floats
from networks.grid_model import grid_model_input
from networks.reference import ReferenceCheck, check_shapes

TOLERANCE = 1e-11  # p.u., of a Newton step
ITERATIONS_MAX = 50


@dataclass(frozen=True, slots=True, eq=False)
class SecondOpinion:
    """What power-grid-model finds for B states; NaN where it finds no power flow."""

    voltage_pu: Floats  # (B, K)
    loading_percent: Floats  # (B, L)
    solved: NDArray[np.bool_]  # (B,)


def solve_again(
    net_or_name: pp.pandapowerNet | str, feeder: Feeder, bus_kw: Floats, bus_kvar: Floats
) -> SecondOpinion:
    """Solve B states given by everything that is drawn at each bus.

    Args:
        net_or_name: the net the feeder was compiled from (left untouched), or its name.
        feeder: says which bus and branch each column is.
        bus_kw: (B, K) everything drawn at each bus, kW.
        bus_kvar: (B, K) likewise, kvar.

    Raises:
        NetworkError: unknown name, or arrays that do not fit.
        NotConverted: the net holds what power-grid-model is not given; all of it at once.
    """
    check_shapes(feeder, {"bus_kw": bus_kw, "bus_kvar": bus_kvar})
    net = net_of(net_or_name, feeder)
    given = grid_model_input(net, feeder)
    solved: NDArray[np.bool_] = np.isfinite(np.concatenate([bus_kw, bus_kvar], axis=1)).all(axis=1)
    update = initialize_array("update", "sym_load", bus_kw.shape)
    update["id"] = given.load
    update["p_specified"] = 1e3 * np.where(solved[:, None], bus_kw, 0.0)
    update["q_specified"] = 1e3 * np.where(solved[:, None], bus_kvar, 0.0)
    model = PowerGridModel(given.data, system_frequency=float(net.f_hz))
    answer = model.calculate_power_flow(
        update_data={"sym_load": update},
        calculation_method=CalculationMethod.newton_raphson,
        error_tolerance=TOLERANCE,
        max_iterations=ITERATIONS_MAX,
        output_component_types=[ComponentType.node, ComponentType.generic_branch],
        continue_on_batch_error=True,
    )
    if model.batch_error is not None:
        solved[model.batch_error.failed_scenarios] = False
    branch = answer[ComponentType.generic_branch]
    # Impedances come last: they have no rating.
    rated = slice(feeder.branch_count)
    current_a = np.stack([branch["i_from"][:, rated], branch["i_to"][:, rated]], axis=-1)
    loading = 100.0 * (current_a / given.rated_a).max(axis=-1)
    voltage = answer[ComponentType.node]["u_pu"][:, given.node]
    return SecondOpinion(
        voltage_pu=np.where(solved[:, None], voltage, np.nan),
        loading_percent=np.where(solved[:, None], loading, np.nan),
        solved=solved,
    )


def compare(
    net_or_name: pp.pandapowerNet | str,
    feeder: Feeder,
    *,
    bus_kw: Floats,
    bus_kvar: Floats,
    voltage_pu: Floats,
    loading_percent: Floats,
) -> ReferenceCheck:
    """Solve recorded states again and compare; arguments as in `networks.reference.resolve`."""
    check_shapes(feeder, {"voltage_pu": voltage_pu, "loading_percent": loading_percent})
    found = solve_again(net_or_name, feeder, bus_kw=bus_kw, bus_kvar=bus_kvar)
    is_line = feeder.branch_kind == LINE
    loading = (found.loading_percent - loading_percent)[found.solved]
    differences = ((found.voltage_pu - voltage_pu)[found.solved], loading[:, is_line])
    worst = [float(np.abs(d).max(initial=0.0)) for d in (*differences, loading[:, ~is_line])]
    return ReferenceCheck(len(bus_kw), int((~found.solved).sum()), *worst)
