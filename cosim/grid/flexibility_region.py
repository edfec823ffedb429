"""The feasible operating region of a feeder: which P and Q it can show at its connection point.

A pair of active and reactive power at the slack belongs to the region if the providers have
set-points in their ranges that give it and with which no voltage and no branch breaks a limit. The
sweep of `cosim.grid.flexibility_sweep` finds its corners for many intervals side by side;
`cosim.grid.flexibility_rays` looks into the interior. Every corner is the AC power flow of
set-points that are returned with it. docs/flexibility-region.md tells what is guaranteed.
"""

from dataclasses import dataclass

import numpy as np

from cosim.grid import flexibility_polygon as polygons
from cosim.grid import limits
from cosim.grid.flexibility_controls import Providers, Sharing, base_powers, controls_of
from cosim.grid.flexibility_problem import Problem
from cosim.grid.flexibility_rays import Outline, outlines
from cosim.grid.flexibility_sweep import Reached, sweep
from cosim.grid.flexibility_wishes import Point
from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats, Integers
from cosim.results import Reason

AT_LIMIT = 2e-4
"""Room (p.u. or share of rating) within which a limit counts as the one that stops a corner."""

KVA_PER_MVA = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class OperatingRegion:
    """The region of one interval; power at the slack, into the feeder > 0.

    Where not even the base point has a power flow, or no set-points keep the limits, there are no
    corners and the other numbers are 0.
    """

    kw: Floats  # (V,) corners, counter-clockwise; not repeated
    kvar: Floats  # (V,)
    provider_kw: Floats  # (V, N) set-points that give them, drawn > 0
    provider_kvar: Floats  # (V, N)
    bus_kw: Floats  # (V, K) everything drawn at each bus, so that anybody can solve it again
    bus_kvar: Floats  # (V, K)
    reason: Integers  # (V,) Reason of the limit with the least room; NONE: devices are at an end
    element: Integers  # (V,) its bus or branch position, -1 for none
    base_kw: float
    base_kvar: float
    base_secure: bool  # the base point breaks no limit
    base_inside: bool  # the polygon contains it
    gap_mw_mvar: float  # area between the hull and its supporting lines: what more there may be
    rays: int  # looked along
    dents: int  # rays that ended before the edge of the hull: the region is not convex there
    unreached_kw: Floats  # (F,) points on rays that no set-points were found for
    unreached_kvar: Floats  # (F,)
    power_flows: int  # solved for this region

    @property
    def corners(self) -> Floats:
        """Corners as one array, (V, 2) kW and kvar."""
        return np.stack([self.kw, self.kvar], axis=1)

    @property
    def area_mw_mvar(self) -> float:
        """Area by the shoelace formula."""
        return polygons.area(self.corners) / KVA_PER_MVA**2

    @property
    def up_kw(self) -> float:
        """Upward flexibility: how much less than at the base the feeder can draw."""
        return float(max(self.base_kw - self.kw.min(), 0.0)) if len(self.kw) else 0.0

    @property
    def down_kw(self) -> float:
        """Downward flexibility: how much more than at the base it can draw."""
        return float(max(self.kw.max() - self.base_kw, 0.0)) if len(self.kw) else 0.0

    @property
    def range_kvar(self) -> tuple[float, float]:
        """Least and most reactive power."""
        return (float(self.kvar.min()), float(self.kvar.max())) if len(self.kvar) else (0.0, 0.0)

    @property
    def convex(self) -> bool:
        """Whether all rays found the interior whole."""
        return self.dents == 0 and not len(self.unreached_kw)

    def contains(self, kw: Floats, kvar: Floats, *, within_kva: float = 0.0) -> np.ndarray:
        """Return which points (P,) lie in the polygon, or `within_kva` of it."""
        points = np.stack([np.atleast_1d(kw), np.atleast_1d(kvar)], axis=1)
        if not len(self.kw):
            return np.zeros(len(points), np.bool_)
        return polygons.contains(self.corners, points, within=within_kva)


def operating_regions(
    power_flow: PowerFlow,
    providers: Providers,
    fixed_kw: Floats,
    fixed_kvar: Floats,
    *,
    directions: int = 24,
    cure: bool = False,
) -> tuple[OperatingRegion, ...]:
    """Return the feasible operating region of each of T intervals.

    Args:
        power_flow: the feeder.
        providers: who can be moved, and how far; their base is the base point.
        fixed_kw: (T, K) active power drawn at each bus besides the providers.
        fixed_kvar: (T, K) reactive power likewise.
        directions: how many the sweep begins with, at least 4.
        cure: with False, what the base point breaks already may not get worse; with True every
            limit has to be kept, also where the base point breaks it.

    Raises:
        ValueError: where shapes, ranges or the base of the providers do not fit; all that was
            found.
    """
    shape = len(providers.base_kw), power_flow.feeder.bus_count
    if np.shape(fixed_kw) != shape or np.shape(fixed_kvar) != shape:
        message = f"fixed_kw {np.shape(fixed_kw)} and fixed_kvar {np.shape(fixed_kvar)} must be"
        raise ValueError(f"{message} (intervals, buses) = {shape}")
    if directions < 4:
        raise ValueError(f"directions is {directions}, at least 4 are needed")
    controls, sharing = controls_of(providers)
    base = base_powers(providers, fixed_kw, fixed_kvar)
    problem = Problem(power_flow, controls, *base, cure=cure)
    able = np.flatnonzero(problem.converged).tolist()
    found = sweep(problem, able, directions)
    edges = outlines(problem, found)
    return tuple(
        _region(problem, sharing, t, edges.get(t, Outline([])), found.get(t, Reached()))
        for t in range(shape[0])
    )


def _region(
    problem: Problem, sharing: Sharing, t: int, outline: Outline, reached: Reached
) -> OperatingRegion:
    """Return what was found for an interval."""
    corners = outline.corners
    x = np.array([corner.x for corner in corners]).reshape(len(corners), len(problem.controls.bus))
    provider_kw, provider_kvar = sharing.split(problem.controls, t, x)
    bus_kw, bus_kvar = problem.bus_powers(np.full(len(corners), t), x)
    named = [binding(corner, problem, t) for corner in corners]
    polygon, base = outline.polygon, problem.base.slack[t]
    unreached = np.array(outline.unreached or []).reshape(-1, 2)
    able = bool(problem.converged[t])
    excess = problem.base.excess[t : t + 1]
    slack = 1e-6 * problem.width[t]
    return OperatingRegion(
        kw=polygon[:, 0],
        kvar=polygon[:, 1],
        provider_kw=provider_kw,
        provider_kvar=provider_kvar,
        bus_kw=bus_kw,
        bus_kvar=bus_kvar,
        reason=np.array([int(each[0]) for each in named], np.int64),
        element=np.array([each[1] for each in named], np.int64),
        base_kw=float(base[0]) if able else 0.0,
        base_kvar=float(base[1]) if able else 0.0,
        base_secure=bool(limits.within(excess)[0]),
        base_inside=bool(
            len(corners) > 0 and polygons.contains(polygon, base[None], within=slack)[0]
        ),
        gap_mw_mvar=_gap(reached),
        rays=outline.rays,
        dents=outline.dents,
        unreached_kw=unreached[:, 0],
        unreached_kvar=unreached[:, 1],
        power_flows=int(problem.power_flows[t]),
    )


def binding(point: Point, problem: Problem, t: int) -> tuple[Reason, int]:
    """Return the limit with the least room at a point, NONE where all have some."""
    room = point.excess - problem.allowed[t]
    row = int(np.argmax(room))
    if room[row] < -AT_LIMIT:
        return Reason.NONE, -1
    return limits.reason_of(problem.power_flow.feeder, row)


def _gap(reached: Reached) -> float:
    """Return the area between the hull and its supporting lines."""
    slack = reached.slack
    if len(slack) < 3:
        return 0.0
    polygon = slack[polygons.hull(slack)]
    if len(polygon) < 3:
        return 0.0
    return float(polygons.gaps(polygon, *reached.supports()).sum()) / KVA_PER_MVA**2
