"""Where to draw the buses of a feeder: at their own coordinates, or as a tree."""

import math

import numpy as np

from cosim.records import Booleans, Floats
from cosim.reports.feeder_places import own_places
from networks.feeder import Feeder

UNLOADED_PERCENT = 0.5
ROWS_MAX = 24
"""A tree with more ends is drawn in rings instead of rows."""


def coordinates_of(feeder: Feeder, loading: Floats | None = None) -> tuple[Floats, Floats, bool]:
    """Return x and y of every bus, (K,), and whether they are the feeder's own.

    Args:
        feeder: what is drawn.
        loading: the highest loading of every branch, (L,): where there are loops, the tree
            follows the branches that carry the most.
    """
    own = own_places(feeder)
    if own is not None:
        return *own, True
    x, y = tree_layout(feeder, loading)
    return x, y, False


def schematic_sentence(feeder: Feeder) -> str:
    """Say why buses are not drawn where the feeder has them."""
    known = bool(np.isfinite(feeder.bus_x).all() and np.isfinite(feeder.bus_y).all())
    why = "in its own coordinates buses overlap" if known else "it has no coordinates"
    return f"The feeder is drawn as a tree: {why}."


def tree_layout(feeder: Feeder, loading: Floats | None = None) -> tuple[Floats, Floats]:
    """Place buses in rows from left to right, or in rings where there are too many rows."""
    children, depth, roots = _spanning_tree(feeder, tree_branches(feeder, loading))
    leaves = [bus for root in roots for bus in _walk(children, root) if not children[bus]]
    if len(leaves) > ROWS_MAX:
        return _rings(children, depth, leaves)
    below = [1] * feeder.bus_count
    for bus in sorted(range(feeder.bus_count), key=lambda bus: -depth[bus]):
        below[bus] += max((below[child] for child in children[bus]), default=0)
    for bus in range(feeder.bus_count):
        children[bus].sort(key=lambda child: -below[child])  # the longest way runs straight on
    row = np.zeros(feeder.bus_count)
    leaves = [bus for root in roots for bus in _walk(children, root) if not children[bus]]
    row[leaves] = np.arange(len(leaves))
    for bus in sorted(range(feeder.bus_count), key=lambda bus: -depth[bus]):
        if children[bus]:
            row[bus] = row[children[bus][0]]
    return np.array(depth, dtype=float), -row


def _rings(children: list[list[int]], depth: list[int], leaves: list[int]) -> tuple[Floats, Floats]:
    """Place buses around the slack: radius = branches away, angle = order of leaves."""
    angle = np.zeros(len(depth))
    for place, leaf in enumerate(leaves):
        angle[leaf] = 2.0 * math.pi * place / max(len(leaves), 1)
    for bus in sorted(range(len(depth)), key=lambda bus: -depth[bus]):
        if children[bus]:
            ends = [angle[child] for child in children[bus]]
            angle[bus] = (min(ends) + max(ends)) / 2.0
    radius = np.array(depth, dtype=float)
    return radius * np.sin(angle), radius * np.cos(angle)


def tree_branches(feeder: Feeder, loading: Floats | None) -> Booleans:
    """Return which branches join the buses without a loop, the most loaded first, (L,)."""
    weight = np.zeros(feeder.branch_count) if loading is None else np.nan_to_num(loading)
    group = list(range(int(feeder.node_of_bus.max()) + 1))

    def head(node: int) -> int:
        while group[node] != node:
            node = group[node]
        return node

    chosen = np.zeros(feeder.branch_count, dtype=bool)
    for branch in np.argsort(-weight, kind="stable").tolist():
        ends = (feeder.branch_from[branch], feeder.branch_to[branch])
        start, end = (head(int(feeder.node_of_bus[bus])) for bus in ends)
        if start != end:
            group[start] = end
            chosen[branch] = True
    return chosen


def open_branches(feeder: Feeder) -> Booleans:
    """Return which branches are open at an end and would close a loop, such as ties, (L,)."""
    start, end = (feeder.node_of_bus[each] for each in (feeder.branch_from, feeder.branch_to))
    between = np.abs(np.asarray(feeder.admittance.tocsr()[start, end])).ravel()
    is_open = between == 0.0
    return np.asarray(is_open & ~tree_branches(feeder, (~is_open).astype(float)))


def joints(feeder: Feeder, x: Floats, y: Floats) -> list[tuple[int, int]]:
    """Return pairs of buses that closed switches make one node, each with the nearest before it.

    Buses of the supply are left out: several supplies that hold the same voltage are one node too.
    """
    together: dict[int, list[int]] = {}
    for bus, node in enumerate(feeder.node_of_bus.tolist()):
        if node >= 0 and node != feeder.slack_node:
            together.setdefault(node, []).append(bus)
    pairs = []
    for buses in together.values():
        for place in range(1, len(buses)):
            bus, before = buses[place], buses[:place]
            away = np.hypot(x[before] - x[bus], y[before] - y[bus])
            pairs.append((before[int(np.argmin(away))], bus))
    return pairs


def idle_branches(feeder: Feeder, loading: Floats) -> Booleans:
    """Return which branches close a loop and carry next to nothing, such as open ties, (L,)."""
    idle = loading < UNLOADED_PERCENT
    return np.asarray(idle & ~tree_branches(feeder, loading))


def _spanning_tree(
    feeder: Feeder, chosen: Booleans
) -> tuple[list[list[int]], list[int], list[int]]:
    """Return the children and depth of every bus, and the bus each connected part starts at."""
    neighbours: list[set[int]] = [set() for _ in range(feeder.bus_count)]
    ends = (feeder.branch_from[chosen].tolist(), feeder.branch_to[chosen].tolist())
    for start, end in zip(*ends, strict=True):
        neighbours[start].add(end)
        neighbours[end].add(start)
    fused: dict[int, int] = {}
    for bus, node in enumerate(feeder.node_of_bus.tolist()):
        first = fused.setdefault(node, bus)
        if first != bus:
            neighbours[bus].add(first)
            neighbours[first].add(bus)
    at_slack = feeder.node_of_bus == feeder.slack_node
    order = np.argsort(~at_slack, kind="stable").tolist()
    children: list[list[int]] = [[] for _ in range(feeder.bus_count)]
    depth = [-1] * feeder.bus_count
    roots = []
    for root in order:
        if depth[root] >= 0:
            continue
        roots.append(root)
        depth[root] = 0 if len(roots) == 1 else 1
        queue = [root]
        for bus in queue:
            for other in sorted(neighbours[bus]):
                if depth[other] < 0:
                    depth[other] = depth[bus] + 1
                    children[bus].append(other)
                    queue.append(other)
    return children, depth, roots


def _walk(children: list[list[int]], root: int) -> list[int]:
    """Return the buses below `root`, itself included, each before its children."""
    stack, walked = [root], []
    while stack:
        bus = stack.pop()
        walked.append(bus)
        stack.extend(reversed(children[bus]))
    return walked
