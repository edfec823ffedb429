"""What the games share: numbers of size one, and rows of agents."""

import numpy as np
from numpy.typing import NDArray

from cosim.records import Floats

Singles = NDArray[np.float32]


def within(values: Floats, bounds: tuple[float, float]) -> Singles:
    """Return values as shares of a range, from -1 to 1."""
    low, high = bounds
    return ((2.0 * values - low - high) / (high - low)).astype(np.float32)


def between(action: Singles, bounds: tuple[float, float]) -> Floats:
    """Return values of a range for actions from -1 to 1."""
    low, high = bounds
    return low + (high - low) * 0.5 * (1.0 + np.clip(action.astype(np.float64), -1.0, 1.0))


def with_own(own: Floats, shared: Singles) -> Singles:
    """Return what agents own (N, P) beside what all see (R, C), as (R, N, P + C)."""
    rows, count = len(shared), len(own)
    return np.concatenate(
        [
            np.broadcast_to(own, (rows, *own.shape)),
            np.broadcast_to(shared[:, None, :], (rows, count, shared.shape[1])),
        ],
        axis=-1,
    ).astype(np.float32)
