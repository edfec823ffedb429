"""What can be differentiated in a solved state, named and checked before compiled code sees it."""

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike

from cosim.grid.adjoint_kernel import LOADING, LOSS, SLACK_KVAR, SLACK_KW, VOLTAGE, Targets
from cosim.records import Booleans, Complexes, Integers
from networks.feeder import Feeder


class Quantity(IntEnum):
    """What can be differentiated; each is a field of `cosim.results.GridState`."""

    VOLTAGE = VOLTAGE  # voltage_pu of a bus
    LOADING = LOADING  # loading_percent of a branch
    LOSS = LOSS  # loss_kw
    SLACK_KW = SLACK_KW  # slack_kw, into the feeder from the grid above
    SLACK_KVAR = SLACK_KVAR  # slack_kvar


def targets_of(state: ArrayLike, quantity: Quantity | ArrayLike, element: ArrayLike = 0) -> Targets:
    """Return the targets (R,) that the three arguments, broadcast against each other, name.

    Args:
        state: position of the state among those given.
        quantity: what is differentiated, of `Quantity`.
        element: bus or branch position; of no meaning for powers.
    """
    parts = np.broadcast_arrays(*np.atleast_1d(state, quantity, element))
    return Targets(*(np.ascontiguousarray(part, np.int64) for part in parts))


def targets_of_one(buses: Integers, branches: Integers, powers: tuple[int, ...]) -> Targets:
    """Return the targets of a single state: voltages, then loadings, then powers."""
    voltages, loadings = len(buses), len(branches)
    count = voltages + loadings + len(powers)
    quantity, element = np.empty(count, np.int64), np.zeros(count, np.int64)
    quantity[:voltages] = VOLTAGE
    quantity[voltages : voltages + loadings] = LOADING
    quantity[voltages + loadings :] = powers
    element[:voltages] = buses
    element[voltages : voltages + loadings] = branches
    return Targets(np.zeros(count, np.int64), quantity, element)


def check_targets(
    feeder: Feeder, node_voltage_pu: Complexes, drawn: Complexes, targets: Targets
) -> None:
    """Raise ValueError for states and targets that do not fit the feeder."""
    count = len(node_voltage_pu)
    problems = []
    shapes = node_voltage_pu.shape, drawn.shape
    if shapes != ((count, feeder.node_count), (count, feeder.bus_count)):
        problems.append(
            f"node_voltage_pu {shapes[0]} and powers {shapes[1]} must be "
            f"(states, {feeder.node_count} nodes) and (states, {feeder.bus_count} buses)"
        )
    every = np.full(len(targets.state), True)
    within = (
        ("state", targets.state, count, every),
        ("quantity", targets.quantity, len(Quantity), every),
        ("bus", targets.element, feeder.bus_count, targets.quantity == VOLTAGE),
        ("branch", targets.element, feeder.branch_count, targets.quantity == LOADING),
    )
    for word, positions, limit, applies in within:
        wrong = positions[applies & ((positions < 0) | (positions >= limit))]
        if len(wrong):
            problems.append(f"{word} {wrong[0]} does not exist: there are {limit}, counted from 0")
    if not problems:
        finite: Booleans = np.asarray(np.isfinite(node_voltage_pu).all(axis=1))
        problems += [
            f"state {state} has no solved voltages"
            for state in np.unique(targets.state)
            if not finite[state]
        ]
    if problems:
        raise ValueError("; ".join(problems))
