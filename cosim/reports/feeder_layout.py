"""Where to draw the buses of a feeder that has no coordinates: a radial tree."""

import math

import numpy as np

from cosim.records import Floats
from networks.feeder import Feeder


def coordinates_of(feeder: Feeder) -> tuple[Floats, Floats, bool]:
    """Return x and y of every bus, (K,), and whether they are the feeder's own."""
    if np.isfinite(feeder.bus_x).all() and np.isfinite(feeder.bus_y).all():
        return feeder.bus_x, feeder.bus_y, True
    x, y = radial_layout(feeder)
    return x, y, False


def radial_layout(feeder: Feeder) -> tuple[Floats, Floats]:
    """Place buses on rings around the slack: radius = branches away, angle = order of leaves."""
    children, depth, roots = _spanning_tree(feeder)
    leaves = [bus for root in roots for bus in _walk(children, root) if not children[bus]]
    angle = np.zeros(feeder.bus_count)
    for place, leaf in enumerate(leaves):
        angle[leaf] = 2.0 * math.pi * place / max(len(leaves), 1)
    for bus in sorted(range(feeder.bus_count), key=lambda bus: -depth[bus]):
        if children[bus]:
            ends = [angle[child] for child in children[bus]]
            angle[bus] = (min(ends) + max(ends)) / 2.0
    radius = np.array(depth, dtype=float)
    return radius * np.sin(angle), radius * np.cos(angle)


def _spanning_tree(feeder: Feeder) -> tuple[list[list[int]], list[int], list[int]]:
    """Return the children and depth of every bus, and the bus each connected part starts at."""
    neighbours: list[set[int]] = [set() for _ in range(feeder.bus_count)]
    for start, end in zip(feeder.branch_from.tolist(), feeder.branch_to.tolist(), strict=True):
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
