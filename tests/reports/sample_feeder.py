"""A small radial feeder whose voltages and loadings are linear in the drawn power."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from networks.feeder import LINE, TRANSFORMER, Feeder

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """What kind of run to make up."""

    days: int = 1
    prosumers: int = 24
    seed: int = 0
    pv_kwp: float = 12.0
    trade: bool = True
    devices: bool = True  # batteries, vehicles, heat pumps
    comparison: bool = True
    preexisting: bool = False
    coordinates: bool = True
    ratings_assumed: bool = True
    transformer_kw: float = 60.0  # rating, also scales the lines
    start: str = "2016-06-12T22:00"


def sample_feeder(options: Options) -> Feeder:
    """Return a radial feeder: transformer 0-1, three branches of six buses behind bus 1."""
    sources, targets, x, y = [0, 1, 1, 1], [1, 2, 8, 14], [0.0, 0.0], [0.0, -1.0]
    for branch in range(3):
        for depth in range(6):
            x.append(1.6 * (branch - 1) + 0.25 * depth * (branch - 1))
            y.append(-2.0 - depth)
            if depth:
                sources.append(1 + 6 * branch + depth)
                targets.append(2 + 6 * branch + depth)
    buses, branches = len(x), len(sources)
    kinds = np.array([TRANSFORMER] + [LINE] * (branches - 1))
    missing = 1.0 if options.coordinates else np.nan
    return Feeder(
        name="sample_lv",
        title="Sample low-voltage feeder, three branches",
        source="made up for tests",
        ratings_assumed=options.ratings_assumed,
        ratings_source="Line ratings were matched on resistance per length.",
        net_sha256="0" * 64,
        bus_index=np.arange(buses),
        bus_name=tuple(
            f"Bus {'RIC'[(i - 2) // 6]}{(i - 2) % 6}" if i > 1 else "Station" for i in range(buses)
        ),
        bus_nominal_kv=np.array([20.0] + [0.4] * (buses - 1)),
        bus_x=np.array(x) * missing,
        bus_y=np.array(y) * missing,
        bus_zone=("",) * buses,
        node_of_bus=np.arange(buses),
        voltage_min_pu=np.full(buses, 0.9),
        voltage_max_pu=np.full(buses, 1.1),
        nominal_load_kw=np.full(buses, 10.0),
        nominal_load_kvar=np.full(buses, 3.0),
        nominal_generation_kw=np.zeros(buses),
        nominal_generation_kvar=np.zeros(buses),
        branch_kind=kinds,
        branch_index=np.concatenate([[0], np.arange(branches - 1)]),
        branch_name=(
            "Trafo 20/0.4 kV",
            *(f"Line {s}-{t}" for s, t in zip(sources[1:], targets[1:], strict=True)),
        ),
        branch_from=np.array(sources),
        branch_to=np.array(targets),
        loading_max_percent=np.full(branches, 100.0),
        base_mva=1.0,
        slack_node=0,
        slack_voltage_pu=1.0 + 0.0j,
        admittance=sparse.csc_matrix(np.eye(buses, dtype=complex)),
        fixed_injection_pu=np.zeros(buses, dtype=complex),
        loading_from=sparse.csr_matrix(np.zeros((branches, buses), dtype=complex)),
        loading_to=sparse.csr_matrix(np.zeros((branches, buses), dtype=complex)),
    )


@dataclass(frozen=True)
class LinearGrid:
    """Voltages and loadings that are linear in the drawn power."""

    feeder: Feeder
    downstream: NDArray[np.bool_]  # (L, K) whether a bus is fed through a branch
    rating_kw: Floats  # (L,)
    resistance: Floats  # (L,) p.u. voltage drop per kW

    def solve(self, bus_kw: Floats) -> tuple[Floats, Floats, Floats]:
        """Return voltages (T, K), loadings (T, L) and slack power (T,)."""
        flow = bus_kw @ self.downstream.T
        voltage = 1.0 - (flow * self.resistance) @ self.downstream
        return voltage, 100.0 * np.abs(flow) / self.rating_kw, bus_kw.sum(axis=1)


def linear_grid(feeder: Feeder, options: Options) -> LinearGrid:
    """Return the grid of a sample feeder."""
    downstream = np.zeros((feeder.branch_count, feeder.bus_count), dtype=bool)
    for branch in reversed(range(feeder.branch_count)):
        below = feeder.branch_to[branch]
        downstream[branch, below] = True
        for other in range(feeder.branch_count):
            if feeder.branch_from[other] == below:
                downstream[branch] |= downstream[other]
    rating = options.transformer_kw * np.where(feeder.branch_kind == LINE, 0.42, 1.0)
    per_kw = 0.0042 * 60.0 / options.transformer_kw
    resistance = np.where(feeder.branch_kind == LINE, per_kw / 4.5, per_kw / 8)
    return LinearGrid(feeder, downstream, rating, resistance)
