"""Searches that know no formula."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar


def best_scalar(value: Callable[[float], float], low: float, high: float) -> float:
    """Return where `value` is largest, found on a grid and refined."""
    grid = np.linspace(low, high, 401)
    at = int(np.argmax([value(float(x)) for x in grid]))
    bounds = (grid[max(at - 1, 0)], grid[min(at + 1, 400)])
    found = minimize_scalar(
        lambda x: -value(float(x)), bounds=bounds, method="bounded", options={"xatol": 1e-10}
    )
    return float(found.x)
