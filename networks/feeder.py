"""The immutable electrical model of a feeder, free of pandapower.

Axes: `K` buses, `L` branches (lines first, then transformers), `n` nodes of the admittance
matrix. A bus is what the engineer numbers; a node is what the equations see (buses joined by a
closed bus-bus switch share one).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from networks.net_devices import NetDevices

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Complexes = NDArray[np.complex128]

LINE, TRANSFORMER = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Feeder:
    """One feeder: admittances, limits and names, taken from a solved pandapower net.

    Power is in kW and kvar, drawn > 0. Currents per node voltage are scaled so that
    ``abs(loading_from @ v)`` is percent of the branch's rating.
    """

    name: str  # catalogue name, e.g. "cigre_lv"
    title: str  # for people, e.g. "CIGRE low-voltage benchmark (residential, industrial, ...)"
    source: str  # where the feeder is published
    ratings_assumed: bool  # True where thermal ratings are not part of the published feeder
    ratings_source: str  # where the thermal ratings come from, one sentence
    net_sha256: str  # hash of the pandapower net as JSON

    bus_index: Integers  # (K,) pandapower bus numbers
    bus_name: tuple[str, ...]  # (K,)
    bus_nominal_kv: Floats  # (K,)
    bus_x: Floats  # (K,) map coordinates, NaN where the net has none
    bus_y: Floats  # (K,)
    bus_zone: tuple[str, ...]  # (K,) sub-network of the bus, "" where the feeder has one only
    node_of_bus: Integers  # (K,) node that carries the bus
    voltage_min_pu: Floats  # (K,)
    voltage_max_pu: Floats  # (K,)
    nominal_load_kw: Floats  # (K,) peak load as published, 0 where there is none
    nominal_load_kvar: Floats  # (K,)
    nominal_generation_kw: Floats  # (K,) existing static generators as published, fed in > 0
    nominal_generation_kvar: Floats  # (K,)

    branch_kind: Integers  # (L,) LINE or TRANSFORMER
    branch_index: Integers  # (L,) pandapower line or transformer number
    branch_name: tuple[str, ...]  # (L,)
    branch_from: Integers  # (L,) position in bus_index
    branch_to: Integers  # (L,) position in bus_index
    loading_max_percent: Floats  # (L,)

    base_mva: float
    slack_node: int
    slack_voltage_pu: complex
    admittance: sparse.csc_matrix  # (n, n) complex p.u.
    fixed_injection_pu: Complexes  # (n,) constant power of elements other than loads, injected > 0
    loading_from: sparse.csr_matrix  # (L, n) complex, percent per p.u. of node voltage
    loading_to: sparse.csr_matrix  # (L, n) complex
    transformer_ratings_assumed: bool = False  # where `ratings_assumed` is not of lines alone
    notes: tuple[str, ...] = ()  # what was assumed while compiling, sentences for people
    line_km: float = math.nan  # length of all lines
    transformer_mva: float = math.nan  # rated power of all transformers
    devices: NetDevices | None = None  # taken out of the net for prosumers; None: left in it

    def bus_text(self, place: int) -> str:
        """Return pandapower's number of the bus at `place`, and its name where it has another.

        E.g. "bus 5 (Bus R4)", "bus 72 (named 66)"; "bus 5" where it is called "Bus 5".
        """
        number, name = f"bus {self.bus_index[place]}", self.bus_name[place]
        if not name or name.casefold() == number:
            return number
        return f"{number} ({'named ' if name.isdigit() else ''}{name})"

    @property
    def bus_count(self) -> int:
        """Number of buses K."""
        return len(self.bus_index)

    @property
    def branch_count(self) -> int:
        """Number of branches L."""
        return len(self.branch_index)

    @property
    def node_count(self) -> int:
        """Number of nodes n of the admittance matrix, the slack included."""
        return int(self.admittance.shape[0])
