"""When an answer is best: the followers' multipliers as linear rows in prices.

With v_t the value of a kWh stored in interval t and zu >= 0 the multipliers of the upper bounds, an
answer to prices p is best where the multipliers of the lower bounds

    charge        p_t - eta v_t + zu
    discharge     v_t / eta - p_t + zu
    stored        v_t - v_(t+1) + zu        (the last interval's level is fixed: no condition)

are >= 0, are 0 where the quantity is above zero, and zu is 0 where it is below its most. Strong
duality then makes the bill, price times quantity, linear:
``p'B x = initial (v_T - v_1) - zu'most``. Columns are p (T), v (N T) and zu (3 N T).
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cosim.records import Floats
from policies.leader_problem import LeaderProblem, battery_bounds
from policies.linear_programmes import minimise


@dataclass(frozen=True, slots=True, eq=False)
class Duals:
    """The columns p, v, zu of a problem."""

    rows: sparse.csr_array  # (3 N T, T + 4 N T) multipliers of the lower bounds
    bill_eur: Floats  # (T + 4 N T,) what all followers pay, the load included
    lowest: Floats  # (T + 4 N T,)
    highest: Floats  # (T + 4 N T,)
    row_highest: Floats  # (3 N T,) largest value a row takes without loss
    conditional: Floats  # (3 N T,) 1 where the row is a condition, 0 for the last stored energy


def duals_of(problem: LeaderProblem) -> Duals:
    """Return the columns and rows of `problem`.

    The bounds lose no best answer: a value v beyond the prices a kWh could be bought or sold at,
    losses included, can be replaced by that price.
    """
    count, length = problem.load_kwh.shape
    size = problem.load_kwh.size
    eta = np.repeat(problem.efficiency, length)
    each = sparse.kron(np.ones((count, 1)), sparse.eye_array(length))
    step = sparse.eye_array(length) - sparse.eye_array(length, k=1)
    conditional = np.ones((3, count, length))
    conditional[2, :, -1] = 0.0
    stored = sparse.kron(sparse.eye_array(count), step)
    by_price = sparse.vstack([each, -each, sparse.csr_array((size, length))])
    by_value = sparse.vstack([-sparse.diags_array(eta), sparse.diags_array(1.0 / eta), stored])
    rows = sparse.hstack([by_price, by_value, sparse.eye_array(3 * size)])
    rows = sparse.csr_array(sparse.diags_array(conditional.ravel()) @ rows)

    bill = np.zeros(length + 4 * size)
    bill[:length] = problem.load_kwh.sum(axis=0)
    value = bill[length : length + size].reshape(count, length)
    value[:, -1] += problem.initial_kwh
    value[:, 0] -= problem.initial_kwh
    bill[length + size :] = -battery_bounds(problem)[1] * conditional.ravel()

    low, high = problem.lowest_eur_per_kwh, problem.highest_eur_per_kwh
    least_value, most_value = eta * low.min(), high.max() / eta
    low, high = np.tile(low, count), np.tile(high, count)
    swing = most_value - least_value
    above = np.concatenate([high - eta * least_value, most_value / eta - low, swing])
    below = np.concatenate([eta * most_value - low, high - least_value / eta, swing])
    return Duals(
        rows=rows,
        bill_eur=bill,
        lowest=np.concatenate([low[:length], least_value, np.zeros(3 * size)]),
        highest=np.concatenate([high[:length], most_value, below * conditional.ravel()]),
        row_highest=above,
        conditional=conditional.ravel(),
    )


def prices_keeping(
    problem: LeaderProblem, duals: Duals, columns: Floats | None
) -> tuple[Floats, float]:
    """Return the duals (T + 4 N T,) that make the bill of all followers largest, and that bill.

    With `columns` (3 N T,), schedules as in `balance_matrix`, only prices at which these are a best
    answer. With None any prices: the largest bill that followers cannot avoid, in EUR.
    """
    least, most = battery_bounds(problem)
    length = problem.load_kwh.shape[1]
    upper = duals.highest.copy()
    row_upper = np.full(len(duals.row_highest), np.inf)
    if columns is not None:
        tolerance = 1e-7 * (1.0 + most)
        upper[length + problem.load_kwh.size :][columns < most - tolerance] = 0.0
        row_upper[(columns > least + tolerance) & (duals.conditional > 0.0)] = 0.0
    mean = np.zeros((1, len(upper)))
    mean[0, :length] = 1.0 / length
    kept = np.isfinite(row_upper)
    found = minimise(
        -duals.bill_eur,
        (duals.lowest, upper),
        below=(
            sparse.vstack([-duals.rows, duals.rows[kept], sparse.csr_array(mean)]),
            np.concatenate(
                [np.zeros(duals.rows.shape[0]), row_upper[kept], [problem.highest_mean_eur_per_kwh]]
            ),
        ),
    )
    return found.columns, -found.value
