"""Buses at coordinates of their own: told apart, or moved where they cannot be."""

import math
from dataclasses import replace

import numpy as np
from scipy.spatial import KDTree

from cosim.records import Floats
from networks.feeder import Feeder

CLEARANCE = 0.02
"""Least distance between two buses, and of a branch to a third bus, as a share of the diagonal."""
BUSES_AT_A_TIME = 128
"""Buses compared with all others at once: ten thousand at once would take gigabytes."""
FEW_BUSES = 60
"""Up to so many buses each must stand alone and gets a number; more are a map, drawn finer."""
TOUCHING = 0.6
"""Share of the clearance below which two marks touch each other."""
ROUNDS_MAX = 60
COINCIDE = 0.05
"""Buses of a map are moved where they lie closer than this share of the clearance."""
GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))
LATITUDE_MAX, LONGITUDE_MAX, SPAN_MAX = 90.0, 180.0, 3.0
"""Coordinates inside these, in a feeder that spans less, are taken for degrees."""


def fineness(bus_count: int) -> float:
    """Return by which factor marks and widths shrink: 1 up to `FEW_BUSES`, then less."""
    return min(1.0, max(math.sqrt(FEW_BUSES / max(bus_count, 1)), 0.2))


def own_places(feeder: Feeder) -> tuple[Floats, Floats] | None:
    """Return x and y of every bus, (K,), None where its coordinates cannot be drawn.

    Of a map with many buses every bus keeps its place; those that coincide are moved apart a
    little. With few buses those that overlap are moved, and if that does not clear it, None.
    """
    x, y = feeder.bus_x, feeder.bus_y
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    few = feeder.bus_count <= FEW_BUSES
    if few and is_clear(feeder):
        return x, y
    moved = _moved_apart(feeder, 1.0 if few else COINCIDE)
    if moved is None:
        return None
    if few and not is_clear(replace(feeder, bus_x=moved[0], bus_y=moved[1]), TOUCHING):
        return None
    return moved


def shrink_of_degrees(x: Floats, y: Floats) -> float:
    """Return what a step in x is worth in steps of y: below 1 for degrees away from the equator."""
    degrees = (
        np.abs(y).max() <= LATITUDE_MAX
        and np.abs(x).max() <= LONGITUDE_MAX
        and max(np.ptp(x), np.ptp(y)) <= SPAN_MAX
    )
    return math.cos(math.radians(float(y.mean()))) if degrees else 1.0


def is_clear(feeder: Feeder, share: float = 1.0) -> bool:
    """Return whether the feeder's own coordinates keep buses and branches `share` of it apart.

    Buses that are one node of the network may lie upon each other.
    """
    place = np.stack([feeder.bus_x, feeder.bus_y], axis=1)
    least = share * CLEARANCE * float(np.hypot(*np.ptp(place, axis=0)))
    node = feeder.node_of_bus
    starts, ends = node[feeder.branch_from], node[feeder.branch_to]
    for first in range(0, len(place), BUSES_AT_A_TIME):
        some, here = place[first : first + BUSES_AT_A_TIME], node[first : first + BUSES_AT_A_TIME]
        apart = np.linalg.norm(some[:, None] - place[None], axis=2)
        if bool(((apart < least) & (here[:, None] != node[None])).any()):
            return False
        away = distance_to_branches(feeder, feeder.bus_x, feeder.bus_y, some)
        own = (here[:, None] == starts) | (here[:, None] == ends)
        if bool(((away < least) & ~own).any()):
            return False
    return True


def distance_to_branches(feeder: Feeder, x: Floats, y: Floats, points: Floats) -> Floats:
    """Return the distance of every point (P, 2) to every branch drawn as a line, (P, L)."""
    place = np.stack([x, y], axis=1)
    start = place[feeder.branch_from]
    along = place[feeder.branch_to] - start
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    to_point = points[:, None] - start[None]
    share = np.clip((to_point * along).sum(axis=2) / length, 0.0, 1.0)
    return np.asarray(np.linalg.norm(to_point - share[:, :, None] * along, axis=2))


def _moved_apart(feeder: Feeder, closer: float) -> tuple[Floats, Floats] | None:
    """Push buses apart that lie closer than `closer` times the clearance; None if most coincide."""
    place = np.stack([feeder.bus_x, feeder.bus_y], axis=1)
    least = CLEARANCE * fineness(feeder.bus_count) * float(np.hypot(*np.ptp(place, axis=0)))
    if least <= 0.0 or len(np.unique(place, axis=0)) * 2 < len(place):
        return None
    node = feeder.node_of_bus
    for _ in range(ROUNDS_MAX):
        pairs = KDTree(place).query_pairs(closer * least, output_type="ndarray")
        pairs = pairs[node[pairs[:, 0]] != node[pairs[:, 1]]]
        if not len(pairs):
            break
        first, second = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].T
        apart = place[second] - place[first]
        distance = np.linalg.norm(apart, axis=1)
        same = distance < 1e-9 * least
        angle = GOLDEN_ANGLE * second[same]
        apart[same] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        step = apart / np.where(same, 1.0, distance)[:, None]
        step *= 0.51 * (least - distance)[:, None]
        np.add.at(place, first, -step)
        np.add.at(place, second, step)
    return place[:, 0], place[:, 1]
