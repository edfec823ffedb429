"""Linear programmes of the yardsticks, solved by HiGHS."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog

from cosim.errors import PolicyError
from cosim.records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Minimum:
    """Where a programme is least."""

    columns: Floats  # (C,)
    reduced_cost: Floats  # (C,) what moving a column by one costs; not 0 only at a bound
    value: float


def minimise(
    cost: Floats,
    bounds: tuple[Floats, Floats],
    *,
    equal: tuple[Any, Floats] | None = None,
    below: tuple[Any, Floats] | None = None,
) -> Minimum:
    """Return the minimum of ``cost @ x`` within `bounds` (C,) each.

    `equal` and `below` are sparse matrices (R, C) and right-hand sides (R,). Raises `PolicyError`
    where there is no minimum.
    """
    rows: dict[str, Any] = {}
    if equal is not None:
        rows |= {"A_eq": equal[0], "b_eq": equal[1]}
    if below is not None:
        rows |= {"A_ub": below[0], "b_ub": below[1]}
    limits = np.stack(bounds, axis=1)
    found = linprog(cost, bounds=limits, method="highs-ds", **rows)  # type: ignore[call-overload]
    if found.status != 0:
        raise PolicyError(f"linear programme of {len(cost)} columns: {found.message}")
    return Minimum(
        columns=np.asarray(found.x),
        reduced_cost=np.asarray(found.lower.marginals + found.upper.marginals),
        value=float(found.fun),
    )
