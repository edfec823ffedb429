"""Voltage and thermal limits as one vector of excesses.

Rows of an excess vector, E = 2 K + L: voltage above its maximum (K, p.u.), voltage below its
minimum (K, p.u.), loading above its maximum (L, share of the rating). Positive breaks a limit.
"""

from typing import Final

import numpy as np

from cosim.records import Booleans, Floats
from cosim.results import GridState, Reason
from networks.feeder import LINE, Feeder

TOLERANCE: Final = 1e-9
"""Excess that is still called none, p.u. or share of rating: the power flow's own accuracy."""

PERCENT: Final = 100.0


def excess(feeder: Feeder, state: GridState) -> Floats:
    """Return the excess (B, E) of every limit; infinite where no power flow was found."""
    over = state.voltage_pu - feeder.voltage_max_pu
    under = feeder.voltage_min_pu - state.voltage_pu
    loading = (state.loading_percent - feeder.loading_max_percent) / PERCENT
    rows = np.concatenate([over, under, loading], axis=1)
    unusable = ~state.converged[:, None] | ~np.isfinite(rows)
    return np.where(unusable, np.inf, rows)


def allowed_excess(counterfactual: Floats) -> Floats:
    """Return the excess (B, E) an outcome may show: what is there already may not get worse."""
    return np.where(np.isfinite(counterfactual), np.maximum(counterfactual, 0.0), 0.0)


def within(rows: Floats, allowed: Floats | float = 0.0) -> Booleans:
    """Return whether no row of the excess (B, E) is above what is allowed, (B,)."""
    return np.asarray(np.all(rows <= np.asarray(allowed) + TOLERANCE, axis=1))


def reason_of(feeder: Feeder, row: int) -> tuple[Reason, int]:
    """Return (reason, element position) of a row of the excess vector."""
    buses = feeder.bus_count
    if row < buses:
        return Reason.OVERVOLTAGE, row
    if row < 2 * buses:
        return Reason.UNDERVOLTAGE, row - buses
    branch = row - 2 * buses
    if feeder.branch_kind[branch] == LINE:
        return Reason.LINE_OVERLOAD, branch
    return Reason.TRANSFORMER_OVERLOAD, branch
