"""On which side of its bus a number is written, so that no branch runs through it."""

import numpy as np

from cosim.records import Floats
from cosim.reports.feeder_places import distance_to_branches
from networks.feeder import Feeder

SIDES: dict[str, tuple[float, float]] = {
    "middle right": (17.0, 0.0),
    "top center": (0.0, 15.0),
    "middle left": (-17.0, 0.0),
    "bottom center": (0.0, -15.0),
    "top right": (13.0, 12.0),
    "top left": (-13.0, 12.0),
    "bottom right": (13.0, -12.0),
    "bottom left": (-13.0, -12.0),
}
"""Where the middle of a label lies from its bus, in pixels, the best place first."""
PANEL_PX = (480.0, 500.0)
CLEAR_PX = 11.0
WIDE_PX = 6.0
"""What a further character of a label needs."""


def stacks(x: Floats, y: Floats) -> list[list[int]]:
    """Return for every bus all buses that are drawn at its place, itself included."""
    places: dict[tuple[float, float], list[int]] = {}
    for bus, place in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        places.setdefault(place, []).append(bus)
    return [places[place] for place in zip(x.tolist(), y.tolist(), strict=True)]


def bus_labels(feeder: Feeder, stacked: list[list[int]]) -> list[str]:
    """Return the number of every bus; of buses at one place the first carries all numbers."""
    return [
        ", ".join(str(feeder.bus_index[other]) for other in together) if together[0] == bus else ""
        for bus, together in enumerate(stacked)
    ]


def label_sides(feeder: Feeder, x: Floats, y: Floats, labels: list[str]) -> list[str]:
    """Return for every bus the first side that is free, or else the freest."""
    across, up = (_pixels(v, size) for v, size in zip((x, y), PANEL_PX, strict=True))
    return sides_in_pixels(feeder, across, up, labels)


def sides_in_pixels(feeder: Feeder, across: Floats, up: Floats, labels: list[str]) -> list[str]:
    """Return the same for buses that lie at pixels, `up` counted upward."""
    place = np.stack([across, up], axis=1)
    longer = WIDE_PX / 2.0 * np.maximum(np.array([len(label) for label in labels]) - 2.0, 0.0)
    free = []
    for right, above in SIDES.values():
        middle = place + np.stack(
            [right + np.sign(right) * longer, np.full(len(place), above)], axis=1
        )
        to_branch = distance_to_branches(feeder, across, up, middle).min(axis=1, initial=np.inf)
        half = np.stack([longer + WIDE_PX, np.zeros(len(place))], axis=1)
        to_bus = np.min(
            [
                np.linalg.norm(at[:, None] - place[None], axis=2).min(axis=1)
                for at in (middle - half, middle, middle + half)
            ],
            axis=0,
        )
        free.append(np.minimum(np.minimum(to_branch, to_bus), CLEAR_PX))
    names = tuple(SIDES)
    return [names[side] for side in np.argmax(np.stack(free), axis=0).tolist()]


def _pixels(values: Floats, size: float) -> Floats:
    span = float(np.ptp(values))
    return np.asarray((values - values.min()) * (size / span if span > 0.0 else 1.0))
