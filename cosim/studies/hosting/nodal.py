"""Hosting capacity of single buses: all new plant at one of them, for all of them side by side."""

from dataclasses import dataclass

import numpy as np

from cosim.records import Floats, Integers
from cosim.studies.hosting.study_parts import Prepared
from networks.placement import places_for_prosumers


@dataclass(frozen=True, slots=True, eq=False)
class Nodal:
    """Layouts with everything at one bus."""

    technology: str
    bus: Integers  # (S,) position in Feeder.bus_index
    share: Floats  # (S, K)


def nodal_deployments(prepared: Prepared) -> Nodal:
    """Return one layout for each candidate bus: those named, else every supplied one."""
    feeder = prepared.feeder
    usable = places_for_prosumers(feeder)
    given = prepared.settings.deployment.buses
    if given is not None:
        usable = usable & np.isin(feeder.bus_index, np.array(given))
    bus = np.flatnonzero(usable)
    share = np.zeros((len(bus), feeder.bus_count))
    share[np.arange(len(bus)), bus] = 1.0
    return Nodal(prepared.settings.technology, bus, share)
