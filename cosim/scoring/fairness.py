"""How evenly something is spread."""

import numpy as np

from cosim.records import Floats


def gini(values: Floats) -> float:
    """Return the Gini coefficient of values (n,) >= 0: 0 is equal, NaN where all are zero.

    ``sum_i (2 i - n - 1) x_(i) / (n sum x)`` with x sorted ascending.
    """
    ordered = np.sort(values)
    count, total = len(ordered), float(ordered.sum())
    if count == 0 or total <= 0.0:
        return float("nan")
    rank = 2.0 * np.arange(1, count + 1) - count - 1.0
    return float(rank @ ordered / (count * total))


def jain(values: Floats) -> float:
    """Return Jain's index ``(sum x)^2 / (n sum x^2)`` of values (n,): 1 is equal."""
    squares = float(values @ values)
    if squares <= 0.0:
        return float("nan")
    return float(values.sum()) ** 2 / (len(values) * squares)
