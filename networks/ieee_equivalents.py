"""Balanced equivalents of lines that carry one, two or three phases.

A conductor carrying the current of one phase is replaced by three that share its power equally.
With `k` phases equally loaded, 120 degrees apart, the mean drop of their voltage magnitudes and
the losses stay as they are when the three-phase line has, per phase,

    z = 3/k (mean of the self impedances - (k - 1)/2 mean of the mutual impedances)

and likewise, with k/3 in front, for the shunt susceptance. Three phases give the positive-sequence
impedance, a single one three times its own. Total power, drop and losses are those of the phases
present; what a balanced net cannot say is which phase is low.
"""

from collections.abc import Sequence

import numpy as np

PHASES = 3
KM_PER_MILE = 1.609344
KM_PER_FOOT = 0.3048e-3
TAP_STEP_PERCENT = 0.625  # 32 steps for 10 percent up and down


def equivalent_impedance(upper_triangle: Sequence[float], phases: int) -> float:
    """Return the impedance (or its real or imaginary part) per phase of the balanced line.

    Args:
        upper_triangle: impedance matrix of the phases present, row by row.
        phases: how many phases the line has.
    """
    return PHASES / phases * _without_coupling(upper_triangle, phases)


def equivalent_susceptance(upper_triangle: Sequence[float], phases: int) -> float:
    """Return the shunt susceptance per phase of the balanced line; arguments as above."""
    return phases / PHASES * _without_coupling(upper_triangle, phases)


def equivalent_ampacity(ampacity_a: float, phases: int) -> float:
    """Return the current per phase at which the conductors present reach their ampacity."""
    return ampacity_a * phases / PHASES


def _without_coupling(upper_triangle: Sequence[float], phases: int) -> float:
    matrix = np.zeros((phases, phases))
    matrix[np.triu_indices(phases)] = upper_triangle
    own = matrix.trace()
    mutual = matrix.sum() - own
    pairs = phases * (phases - 1) / 2
    mean_mutual = mutual / pairs if pairs else 0.0
    return float(own / phases - (phases - 1) / 2 * mean_mutual)
