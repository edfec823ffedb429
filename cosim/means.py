"""Sums over intervals that are the same, to the last bit, whatever is played beside them."""

import numpy as np

from cosim.records import Floats


def sum_of(values: Floats) -> Floats:
    """Return the sums of (T, ...) over the intervals.

    In which order numpy adds hangs on the layout of the array, and so on the number of
    environments; intervals side by side in memory are added in one order only.
    """
    return np.asarray(np.ascontiguousarray(np.moveaxis(values, 0, -1)).sum(axis=-1))


def mean_of(values: Floats) -> Floats:
    """Return the means of (T, ...) over the intervals."""
    return sum_of(values) / len(values)
