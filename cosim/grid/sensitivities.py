"""How voltages, loadings, slack power and losses answer to a kW or a kvar drawn at each bus.

Rows of the exact derivative at a solved state (not of a linearised power flow), by the adjoint of
the fixed point; see `cosim.grid.adjoint_kernel`. Where that does not converge the dense solution
of `cosim.grid.dense_sensitivities` takes over. Signs follow the load convention: a voltage falls
when more is drawn, so its row is negative as a rule. docs/sensitivities.md shows all in use.
"""

from dataclasses import dataclass

import numpy as np

from cosim.grid.adjoint_kernel import (
    LOSS,
    SLACK_KVAR,
    SLACK_KW,
    Slopes,
    Targets,
    adjoint_slopes,
)
from cosim.grid.dense_sensitivities import (
    exact_slopes,
    exact_voltage_change,
    exact_voltage_changes,
)
from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivity_targets import check_targets, targets_of_one
from cosim.records import Complexes, Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivities:
    """Derivatives of one state to the power drawn at each of K buses; fields as in `GridState`."""

    voltage_pu: Slopes  # (R, K) of R buses
    loading_percent: Slopes  # (C, K) of C branches, the end with the larger loading
    slack_kw: Slopes  # (K,)
    slack_kvar: Slopes  # (K,)
    loss_kw: Slopes  # (K,)


def sensitivities(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    buses: Integers,
    branches: Integers,
) -> Sensitivities:
    """Return what a further kW and a further kvar drawn at each bus changes, by the adjoint.

    The effort grows with the number of `buses` and `branches` asked for; name the few that matter.

    Args:
        power_flow: the feeder.
        node_voltage_pu: (n,) node voltages of one solved scenario.
        bus_kw: (K,) active power drawn in it, kW.
        bus_kvar: (K,) reactive power drawn in it, kvar.
        buses: (R,) positions in `Feeder.bus_index`.
        branches: (C,) positions in `Feeder.branch_index`; one without any current gets zeros.

    Raises:
        ValueError: where a shape is wrong, a position does not exist, or a voltage is not finite.
    """
    targets = targets_of_one(buses, branches, (SLACK_KW, SLACK_KVAR))
    states = node_voltage_pu[None], (bus_kw + 1j * bus_kvar)[None]
    check_targets(power_flow.feeder, *states, targets)
    return _named(_slopes(power_flow, *states, targets, True), len(buses))


def exact_sensitivities(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    buses: Integers,
    branches: Integers,
) -> Sensitivities:
    """Return the same as `sensitivities`, by one dense solve whatever is asked for.

    Arguments and errors as there.
    """
    targets = targets_of_one(buses, branches, (SLACK_KW, SLACK_KVAR))
    check_targets(power_flow.feeder, node_voltage_pu[None], (bus_kw + 1j * bus_kvar)[None], targets)
    changes = exact_voltage_changes(power_flow, node_voltage_pu, bus_kw, bus_kvar)
    slopes = exact_slopes(power_flow, node_voltage_pu, changes, targets.quantity, targets.element)
    return _named(slopes, len(buses))


def slopes_of_many(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    targets: Targets,
) -> Slopes:
    """Return derivatives (R, K) of R targets, each in its own state, in one pass.

    Args:
        power_flow: the feeder.
        node_voltage_pu: (B, n) node voltages of solved scenarios.
        bus_kw: (B, K) active power drawn in them, kW.
        bus_kvar: (B, K) reactive power drawn in them, kvar.
        targets: what of which state; see `cosim.grid.sensitivity_targets.targets_of`. Each row
            comes in the unit of its quantity.

    Raises:
        ValueError: where a shape is wrong, a position does not exist, or the voltages of a state
            that is asked for are not finite.
    """
    drawn = bus_kw + 1j * bus_kvar
    check_targets(power_flow.feeder, node_voltage_pu, drawn, targets)
    return _slopes(power_flow, node_voltage_pu, drawn, targets, True)


def active_slopes_of_many(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    targets: Targets,
) -> Floats:
    """Return `slopes_of_many` to active power alone, (R, K); the arguments are not checked."""
    drawn = bus_kw + 1j * bus_kvar
    return _slopes(power_flow, node_voltage_pu, drawn, targets, False).per_kw


def voltage_rows(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    buses: Integers,
) -> Floats:
    """Return d voltage_pu / d bus_kw, (R, K), one row for each of `buses`.

    Args:
        power_flow: the feeder.
        node_voltage_pu: (n,) node voltages of one solved scenario.
        bus_kw: (K,) active power drawn in it, kW.
        bus_kvar: (K,) reactive power drawn in it, kvar.
        buses: (R,) positions in `Feeder.bus_index`.
    """
    positions = np.asarray(buses, np.int64)
    targets = targets_of_one(positions, positions[:0], ())
    return _rows(power_flow, node_voltage_pu, bus_kw, bus_kvar, targets)


def loading_rows(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    branches: Integers,
) -> Floats:
    """Return d loading_percent / d bus_kw, (R, K), one row for each of `branches`.

    The end with the larger loading counts; a branch without any current gets zeros. Arguments as
    in `voltage_rows`; `branches` (R,) are positions in `Feeder.branch_index`.
    """
    positions = np.asarray(branches, np.int64)
    targets = targets_of_one(positions[:0], positions, ())
    return _rows(power_flow, node_voltage_pu, bus_kw, bus_kvar, targets)


def loss_row(
    power_flow: PowerFlow, node_voltage_pu: Complexes, bus_kw: Floats, bus_kvar: Floats
) -> Floats:
    """Return d loss_kw / d bus_kw, (K,). Arguments as in `voltage_rows`."""
    nothing = np.empty(0, np.int64)
    targets = targets_of_one(nothing, nothing, (LOSS,))
    return np.asarray(_rows(power_flow, node_voltage_pu, bus_kw, bus_kvar, targets)[0])


def loss_rows(
    power_flow: PowerFlow, node_voltage_pu: Complexes, bus_kw: Floats, bus_kvar: Floats
) -> Floats:
    """Return d loss_kw / d bus_kw of B states at once, (B, K).

    Args:
        power_flow: the feeder.
        node_voltage_pu: (B, n) node voltages of solved scenarios.
        bus_kw: (B, K) active power drawn in them, kW.
        bus_kvar: (B, K) reactive power drawn in them, kvar.
    """
    count = len(node_voltage_pu)
    targets = Targets(np.arange(count), np.full(count, LOSS, np.int64), np.zeros(count, np.int64))
    return _slopes(power_flow, node_voltage_pu, bus_kw + 1j * bus_kvar, targets, False).per_kw


def _rows(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    bus_kw: Floats,
    bus_kvar: Floats,
    targets: Targets,
) -> Floats:
    """Return the derivatives to active power of one state, (R, K)."""
    drawn = bus_kw + 1j * bus_kvar
    return _slopes(power_flow, node_voltage_pu[None], drawn[None], targets, False).per_kw


def _slopes(
    power_flow: PowerFlow,
    node_voltage_pu: Complexes,
    drawn: Complexes,
    targets: Targets,
    reactive: bool,
) -> Slopes:
    """Return the derivatives of targets in B states; those to reactive power only if asked for."""
    count, buses = len(targets.state), power_flow.feeder.bus_count
    slopes = Slopes(np.empty((count, buses)), np.empty((count if reactive else 0, buses)))
    voltage = np.ascontiguousarray(node_voltage_pu, np.complex128)
    drawn = np.ascontiguousarray(drawn)
    converged = adjoint_slopes(power_flow.model, voltage, drawn, targets, slopes)
    for state in np.unique(targets.state[~converged]):
        rows = np.flatnonzero(~converged & (targets.state == state))
        at = power_flow, voltage[state], drawn[state].real, drawn[state].imag
        changes = exact_voltage_changes(*at) if reactive else (exact_voltage_change(*at),)
        exact = exact_slopes(*at[:2], changes, targets.quantity[rows], targets.element[rows])
        slopes.per_kw[rows] = exact.per_kw
        if reactive:
            slopes.per_kvar[rows] = exact.per_kvar
    return slopes


def _named(slopes: Slopes, voltages: int) -> Sensitivities:
    """Return the slopes of `targets_of_one`, slack power at the end, under their names."""
    per_kw, per_kvar = slopes
    return Sensitivities(
        voltage_pu=Slopes(per_kw[:voltages], per_kvar[:voltages]),
        loading_percent=Slopes(per_kw[voltages:-2], per_kvar[voltages:-2]),
        slack_kw=Slopes(per_kw[-2], per_kvar[-2]),
        slack_kvar=Slopes(per_kw[-1], per_kvar[-1]),
        # Losses are what flows in at the slack and is not drawn.
        loss_kw=Slopes(per_kw[-2] - 1.0, per_kvar[-2]),
    )
