"""How far buses lie from the supply, electrically, and which bus their part hangs on."""

import numpy as np
from scipy.sparse.linalg import splu

from cosim.records import Floats
from networks.feeder import Feeder

AT_ONCE = 256
"""Columns of the inverse that are held at a time."""


def impedance_to_supply(feeder: Feeder) -> Floats:
    """Return the magnitude of each bus's driving-point impedance, ohm at its own voltage, (K,).

    It is what voltage a current drawn at the bus moves there: 0 at the supply itself, NaN without
    a supply.
    """
    count, slack = feeder.node_count, feeder.slack_node
    others = np.delete(np.arange(count), slack)
    factor = splu(feeder.admittance[others][:, others].tocsc())
    diagonal = np.zeros(count, np.complex128)
    for first in range(0, len(others), AT_ONCE):
        columns = np.arange(first, min(first + AT_ONCE, len(others)))
        unit = np.zeros((len(others), len(columns)), np.complex128)
        unit[columns, columns - first] = 1.0
        diagonal[others[columns]] = factor.solve(unit)[columns, columns - first]
    ohm = feeder.bus_nominal_kv**2 / feeder.base_mva
    found = np.abs(diagonal)[feeder.node_of_bus] * ohm
    return np.asarray(np.where(feeder.node_of_bus >= 0, found, np.nan))
