"""Polygons of slack power: hull, area, containment, gap to the supporting lines."""

import numpy as np

from cosim.records import Booleans, Floats, Integers


def hull(points: Floats) -> Integers:
    """Return the corners of the convex hull of points (P, 2), counter-clockwise.

    Points on an edge are none; of equal points the first counts.
    """
    order = np.lexsort((points[:, 1], points[:, 0]))
    chains: list[list[int]] = []
    for sequence in (order, order[::-1]):
        chain: list[int] = []
        for at in sequence.tolist():
            while len(chain) > 1 and _turn(points[chain[-2]], points[chain[-1]], points[at]) <= 0.0:
                chain.pop()
            chain.append(at)
        chains.append(chain[:-1])
    corners = chains[0] + chains[1]
    if len(corners) == 2 and np.array_equal(*points[corners]):
        corners = corners[:1]
    return np.array(corners or order[:1].tolist(), np.int64)


def _turn(a: Floats, b: Floats, c: Floats) -> float:
    """Return twice the area of a triangle, > 0 counter-clockwise."""
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def area(polygon: Floats) -> float:
    """Return the area enclosed by corners (V, 2) in counter-clockwise order (shoelace formula)."""
    if len(polygon) < 3:
        return 0.0
    moved = polygon - polygon[0]
    after = np.roll(moved, -1, axis=0)
    return float(0.5 * (moved[:, 0] * after[:, 1] - moved[:, 1] * after[:, 0]).sum())


def edges(polygon: Floats) -> tuple[Floats, Floats]:
    """Return lengths (V,) and outward normals (V, 2) of edges, each from a corner to the next."""
    along = np.roll(polygon, -1, axis=0) - polygon
    length = np.hypot(along[:, 0], along[:, 1])
    unit = along / np.where(length > 0.0, length, 1.0)[:, None]
    return length, np.stack([unit[:, 1], -unit[:, 0]], axis=1)


def around(points: Floats, centre: Floats) -> Integers:
    """Return the order of points (P, 2) counter-clockwise around `centre` (2,)."""
    off = points - centre
    return np.asarray(np.argsort(np.arctan2(off[:, 1], off[:, 0]), kind="stable"), np.int64)


def contains(polygon: Floats, points: Floats, *, within: float = 0.0) -> Booleans:
    """Return which points (P, 2) a polygon (V, 2) contains, or that are `within` that of it."""
    first, second = polygon, np.roll(polygon, -1, axis=0)
    along = second - first
    off = points[:, None, :] - first
    squared = (along**2).sum(axis=1)
    share = np.clip((off * along).sum(axis=2) / np.where(squared > 0.0, squared, 1.0), 0.0, 1.0)
    apart = np.linalg.norm(off - share[..., None] * along, axis=2).min(axis=1)
    crosses = (first[:, 1] > points[:, None, 1]) != (second[:, 1] > points[:, None, 1])
    rise = np.where(along[:, 1] == 0.0, 1.0, along[:, 1])
    meets = first[:, 0] + (points[:, None, 1] - first[:, 1]) / rise * along[:, 0]
    inside = (crosses & (points[:, None, 0] < meets)).sum(axis=1) % 2 == 1
    return np.asarray(inside | (apart <= within))


def supporting_corners(angle: Floats, support: Floats) -> Floats:
    """Return where neighbouring supporting lines meet, (D, 2), each with the next one.

    Args:
        angle: (D,) of the outward normals, ascending, less than half a turn apart.
        support: (D,) largest value of normal @ point.
    """
    normal = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    after, value = np.roll(normal, -1, axis=0), np.roll(support, -1)
    across = normal[:, 0] * after[:, 1] - normal[:, 1] * after[:, 0]
    x = (support * after[:, 1] - value * normal[:, 1]) / across
    y = (value * normal[:, 0] - support * after[:, 0]) / across
    return np.stack([x, y], axis=1)


def gaps(polygon: Floats, angle: Floats, support: Floats) -> Floats:
    """Return the area (V,) between each edge of a convex polygon and the supporting lines there.

    Corners are counter-clockwise; `angle` and `support` as in `supporting_corners`. An edge that
    lies on a supporting line has none.
    """
    length, normal = edges(polygon)
    tip = supporting_corners(angle, support)
    facing = np.mod(np.arctan2(normal[:, 1], normal[:, 0]) - angle[0], 2.0 * np.pi)
    before = np.searchsorted(angle - angle[0], facing, side="right") - 1
    high = ((tip[before] - polygon) * normal).sum(axis=1)
    return np.asarray(0.5 * length * np.maximum(high, 0.0))
