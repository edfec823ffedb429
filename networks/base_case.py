"""The base case of a net: every load and generator at its nominal power, solved by `runpp`."""

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandapower as pp

from networks.errors import NetworkError
from networks.inspection import find_problems
from networks.least_impedances import least_impedances
from networks.malformed import in_service
from networks.normalise import balance, complete, counted_as_given, cut_off, ignored_taps
from networks.starting_point import no_load_voltages
from networks.voltage_dependence import settle_loads

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

SHARE_ACCURACY, LEAST_SHARE = 0.05, 1e-4
"""How near, and down to where, the share of the loads is sought that still has a power flow."""

COARSE_MVA = 1e-6
"""With impedances next to none Newton's method gets this far, and no further for round-off."""

DIVERGED = (pp.LoadflowNotConverged, FloatingPointError, np.linalg.LinAlgError)


def solve_base_case(net: pp.pandapowerNet, name: str) -> list[str]:
    """Bring a net into the form that is solved and solve it, in place; return what was assumed.

    Raises:
        NetworkError: there is no power flow, or nothing is supplied.
    """
    notes = [*complete(net), *ignored_taps(net), *balance(net)]
    notes += settle_loads(net, name, partial(solve_net, net, name))
    if net.res_bus.vm_pu.notna().sum() <= len(in_service(net.ext_grid)):
        raise NetworkError(
            f"{name}: nothing but the external grid is supplied; close switches or put lines into "
            "service"
        )
    return [*notes, *counted_as_given(net), *cut_off(net)]


def solved_copy(net: pp.pandapowerNet) -> pp.pandapowerNet | None:
    """Return a copy of `net` with its base case solved, None where it is broken or has none."""
    if find_problems(net):
        return None
    solved = copy.deepcopy(net)
    try:
        solve_base_case(solved, "")
    except NetworkError:
        return None
    return solved


def solve_net(
    net: pp.pandapowerNet, name: str, *, voltage_depend_loads: bool = False, warm: bool = False
) -> None:
    """Run the reference power flow in place; raise NetworkError where there is none.

    `warm` begins at the last solution of the net.
    """
    options = {**RUNPP_OPTIONS, "voltage_depend_loads": voltage_depend_loads}
    if warm:
        try:
            pp.runpp(net, **options, init="results")
        except DIVERGED:
            pass
        else:
            return
    try:
        try:
            pp.runpp(net, **options)
        except pp.LoadflowNotConverged:
            pp.runpp(net, **options, init_vm_pu=no_load_voltages(net))
    except DIVERGED as error:
        raise NetworkError(f"{name}: {_why_not_solved(net, options)}") from error
    except (KeyError, ValueError, TypeError, IndexError, UserWarning) as error:
        raise NetworkError(
            f"{name}: pandapower cannot solve the base case ({type(error).__name__}: {error}); "
            "check that all element tables are complete"
        ) from error


def _why_not_solved(net: pp.pandapowerNet, options: Mapping[str, Any]) -> str:
    """Return that there is no power flow, and how much load less would have one."""
    load = net.load.loc[in_service(net.load)]
    total = float((load.p_mw * load.scaling).sum() * 1e3)
    found = (
        f"the base case has no power flow (Newton-Raphson does not converge in "
        f"{options['max_iteration']} iterations) with {total:,.0f} kW of load"
    )
    coarse = {**options, "tolerance_mva": COARSE_MVA}
    if _scaled_solution(net, coarse, 1.0) is not None:
        return (
            f"Newton-Raphson reaches {COARSE_MVA:g} MVA in the base case, but not "
            f"{options['tolerance_mva']:g}: impedances are too small for that, least of "
            f"{'; '.join(least_impedances(net))}: join such buses by a closed bus-bus switch "
            "without an impedance, or give the branch more"
        )
    lightest = _scaled_solution(net, options, 0.0)
    if lightest is None:
        return f"{found}, nor without any load: check impedances, transformers and switches"
    low, high, solved = 0.0, 1.0, lightest
    while high - low > SHARE_ACCURACY * high:
        middle = (low + high) / 2.0
        lighter = _scaled_solution(net, options, middle)
        if lighter is None:
            high = middle
        else:
            low, solved = middle, lighter
        if high < LEAST_SHARE:
            break
    bus = solved.res_bus.vm_pu.idxmin()
    return (
        f"{found}; up to {100 * low:.2g} % of it, {low * total:,.3g} kW, there is one, then with "
        f"{solved.res_bus.vm_pu.min():.3f} p.u. at bus {bus}: check loads (MW, not kW?) and the "
        "impedances on the way there"
    )


def _scaled_solution(
    net: pp.pandapowerNet, options: Mapping[str, Any], share: float
) -> pp.pandapowerNet | None:
    """Return a solved copy with `share` of all loads and generators, None where there is none."""
    lighter = copy.deepcopy(net)
    for kind in ("load", "sgen"):
        lighter[kind]["scaling"] *= share
    try:
        try:
            pp.runpp(lighter, **options)
        except pp.LoadflowNotConverged:
            pp.runpp(lighter, **options, init_vm_pu=no_load_voltages(lighter))
    except DIVERGED:
        return None
    return lighter
