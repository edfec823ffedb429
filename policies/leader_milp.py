"""The leader's best prices: a mixed-integer programme by strong duality, and prices without ties.

Columns are the followers' multipliers with the prices (`leader_duality`), their schedules, and two
binaries for each quantity: may it be above zero, is it at its most. The leader's profit is linear
in all of these: the bill by strong duality, less the wholesale price of what is drawn.

The programme's value is *optimistic*: among equally good answers followers take the one the leader
likes best. `tilted` makes that true: moving the prices the share theta of the way to the wholesale
prices leaves at least the share 1 - theta of the optimistic profit, whatever followers do with
ties. For if x is a best answer at ``p' = (1 - theta) p + theta lambda`` and x* at p is the one the
leader likes best, then ``p'B x >= p'B x*`` at p and hence ``lambda'B x <= lambda'B x*``; the profit
at p' is ``(1 - theta) (p - lambda)'(n + B x)``. A convex price set that holds lambda holds p' too.
"""

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from cosim.errors import PolicyError
from cosim.records import Floats
from policies.leader_ascent import climb_from_many
from policies.leader_duality import Duals, duals_of, prices_keeping
from policies.leader_problem import (
    LeaderProblem,
    Schedules,
    answers,
    balance_matrix,
    balance_values,
    battery_bounds,
)

TILT = 1e-3
"""Share of the optimistic profit given up so that the followers' answers are the wanted ones."""

SOLVER_OPTIONS = {
    "output_flag": False,
    "threads": 1,
    "mip_feasibility_tolerance": 1e-7,
    # The start is better than what HiGHS finds by itself: its searches for one take most of its
    # time and the restarts half of the rest, for the same result.
    "mip_allow_restart": False,
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_root_reduced_cost": False,
}


@dataclass(frozen=True, slots=True, eq=False)
class LeaderOptimum:
    """The best prices found, and how good prices can be at all."""

    price_eur_per_kwh: Floats  # (T,) best if followers choose among ties as the leader likes
    tilted_eur_per_kwh: Floats  # (T,) prices to announce: nothing depends on ties
    optimistic_eur: float  # profit at the first
    tilted_eur: float  # profit at the second, followers choosing among ties as it likes least
    bound_eur: float  # no prices earn more, whatever followers do with ties
    schedules: Schedules  # what followers do at the tilted prices
    proven: bool  # whether the search ended by itself, before its time

    @property
    def gap(self) -> float:
        """Share of the bound that the optimistic profit is short of."""
        return (self.bound_eur - self.optimistic_eur) / abs(self.bound_eur)


def best_prices(
    problem: LeaderProblem, *, time_limit_s: float = 60.0, gap: float = 1e-4
) -> LeaderOptimum:
    """Return the leader's optimum, searched until `gap` is reached or time is over.

    The search begins where climbing ended (`leader_ascent`), so there is always an answer. Where it
    stops by `gap` the same problem gives the same answer; where time stops it the answer depends on
    the machine. Raises `PolicyError` where HiGHS fails.
    """
    duals = duals_of(problem)
    start = climb_from_many(problem)
    price, bound, proven = _search(problem, duals, start.answers.best, time_limit_s, gap)
    reply = answers(problem, price)
    if reply.optimistic_eur < start.answers.optimistic_eur:
        price, reply = start.price_eur_per_kwh, start.answers
    tilted = tilt(problem, price)
    safe = answers(problem, tilted)
    return LeaderOptimum(
        price_eur_per_kwh=price,
        tilted_eur_per_kwh=tilted,
        optimistic_eur=reply.optimistic_eur,
        tilted_eur=safe.pessimistic_eur,
        bound_eur=max(min(bound, start.bound_eur), reply.optimistic_eur),
        schedules=safe.worst,
        proven=proven,
    )


def tilt(problem: LeaderProblem, price_eur_per_kwh: Floats, share: float = TILT) -> Floats:
    """Return prices (T,) moved `share` of the way to the wholesale prices."""
    return np.asarray(
        price_eur_per_kwh + share * (problem.wholesale_eur_per_kwh - price_eur_per_kwh)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Programme:
    """Columns: duals (T + 4 N T), schedules, may be above zero, is at its most (3 N T each)."""

    gain: Floats
    lowest: Floats
    highest: Floats
    binary: Floats
    matrix: sparse.csr_array
    row_lowest: Floats
    row_highest: Floats


def _programme(problem: LeaderProblem, duals: Duals) -> _Programme:
    """Return the leader's programme; its value leaves out what the load costs at wholesale."""
    least, most = battery_bounds(problem)
    size, width = len(most), len(duals.bill_eur)
    length = problem.load_kwh.shape[1]
    third = size // 3
    # A quantity of one value has no alternatives: it counts as above zero and not at its most.
    free = duals.conditional
    eye, room = sparse.eye_array(size), sparse.diags_array(most)
    multipliers = sparse.eye_array(size, width, k=width - size)
    slack = sparse.diags_array(duals.row_highest)
    either = sparse.eye_array(third, size) + sparse.eye_array(third, size, k=third)
    mean = np.zeros((1, width))
    mean[0, :length] = 1.0 / length
    balance = balance_values(problem)
    rows: list[tuple[list[Any], Floats | float, Floats | float]] = [
        ([duals.rows, None, None, None], 0.0, np.inf),
        # The multiplier of the lower bound is zero where the quantity may be above it ...
        (
            [duals.rows, None, slack, None],
            -np.inf,
            np.where(free > 0.0, duals.row_highest, np.inf),
        ),
        # ... and that of the upper bound where the quantity is not at its most.
        ([multipliers, None, None, -sparse.diags_array(duals.highest[-size:])], -np.inf, 0.0),
        ([None, eye, -room, None], -np.inf, 0.0),
        ([None, eye, None, -room], 0.0, np.inf),
        # At prices above zero nobody charges and discharges at a time.
        ([None, None, either, None], -np.inf, 1.0),
        ([None, balance_matrix(problem), None, None], balance, balance),
        ([sparse.csr_array(mean), None, None, None], -np.inf, problem.highest_mean_eur_per_kwh),
    ]
    counts = [
        next(block.shape[0] for block in blocks if block is not None) for blocks, _, _ in rows
    ]
    wholesale = np.tile(problem.wholesale_eur_per_kwh, len(problem.load_kwh))
    binaries = np.zeros(2 * size)
    return _Programme(
        gain=np.concatenate([duals.bill_eur, -wholesale, wholesale, np.zeros(third), binaries]),
        lowest=np.concatenate([duals.lowest, least, 1.0 - free, np.zeros(size)]),
        highest=np.concatenate([duals.highest, most, np.ones(size), free]),
        binary=np.concatenate([np.zeros(width + size), np.ones(2 * size)]),
        matrix=sparse.csr_array(sparse.block_array([blocks for blocks, _, _ in rows])),
        row_lowest=np.concatenate(
            [np.broadcast_to(low, n) for (_, low, _), n in zip(rows, counts, strict=True)]
        ),
        row_highest=np.concatenate(
            [np.broadcast_to(high, n) for (_, _, high), n in zip(rows, counts, strict=True)]
        ),
    )


def _search(
    problem: LeaderProblem, duals: Duals, start: Schedules, time_limit_s: float, gap: float
) -> tuple[Floats, float, bool]:
    """Return the best prices (T,), the bound of any profit, and whether the gap was reached."""
    programme = _programme(problem, duals)
    solver = highspy.Highs()  # type: ignore[no-untyped-call] # highspy has no types for it
    for name, value in SOLVER_OPTIONS.items():
        solver.setOptionValue(name, value)
    solver.setOptionValue("time_limit", time_limit_s)
    solver.setOptionValue("mip_rel_gap", gap)
    matrix = programme.matrix
    solver.passModel(
        matrix.shape[1],
        matrix.shape[0],
        matrix.nnz,
        int(highspy.MatrixFormat.kRowwise),
        int(highspy.ObjSense.kMaximize),
        -float(problem.wholesale_eur_per_kwh @ problem.load_kwh.sum(axis=0)),
        programme.gain,
        programme.lowest,
        programme.highest,
        programme.row_lowest,
        programme.row_highest,
        matrix.indptr[:-1].astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data,
        programme.binary.astype(np.int32),
    )
    known = highspy.HighsSolution()
    known.col_value = list(_columns_at(problem, duals, start))
    solver.setSolution(known)
    solver.run()
    status, info = solver.getModelStatus(), solver.getInfo()
    proven = status == highspy.HighsModelStatus.kOptimal
    if not proven and status != highspy.HighsModelStatus.kTimeLimit:
        raise PolicyError(
            f"leader problem: HiGHS stopped with {solver.modelStatusToString(status)}"
        )
    values = np.array(solver.getSolution().col_value)
    price = values[: len(problem.wholesale_eur_per_kwh)]
    return price, float(info.mip_dual_bound), proven


def _columns_at(problem: LeaderProblem, duals: Duals, schedules: Schedules) -> Floats:
    """Return the most profitable columns of the programme in which batteries do `schedules`."""
    found = schedules.columns
    _, most = battery_bounds(problem)
    tolerance = 1e-7 * (1.0 + most)
    free = duals.conditional > 0.0
    return np.concatenate(
        [
            prices_keeping(problem, duals, found)[0],
            found,
            (found > tolerance) | ~free,
            (found >= most - tolerance) & free,
        ]
    )
