"""Which corners of a region carry the name of their limit, and where it goes."""

from collections.abc import Iterable

import numpy as np

from cosim.records import Floats

LABELS_MAX = 6
"""Limits named at corners, so that names do not cover each other; all are told on pointing."""
NEAR_ACROSS, NEAR_UP = 0.45, 0.055
"""Shares of the axes within which two names would cover each other."""
MIDDLE = 0.15
"""Share of a region's height around its middle in which a name stands beside its corner."""


def named_corners(words: list[str], bare: list[bool]) -> list[int]:
    """Return the corners that may carry a name: the middle of each run with the same limit.

    Runs are taken around the polygon, longest first, at most LABELS_MAX of them; `bare` corners,
    which no limit holds, have none.
    """
    count = len(words)
    breaks = [at for at in range(count) if words[at] != words[at - 1]]
    first = breaks[0] if breaks else 0
    runs: list[list[int]] = []
    for offset in range(count):
        at = (first + offset) % count
        if offset and words[at] == words[runs[-1][-1]]:
            runs[-1].append(at)
        else:
            runs.append([at])
    limited = [run for run in runs if not bare[run[0]]]
    longest = sorted(limited, key=len, reverse=True)[:LABELS_MAX]
    return [run[len(run) // 2] for run in longest]


def kept_apart(corners: Iterable[int], across: Floats, up: Floats) -> set[int]:
    """Return those of the corners whose names leave each other room, first come first.

    `across` and `up` are shares of the axes.
    """
    kept: list[int] = []
    for at in corners:
        near = (np.abs(across[kept] - across[at]) < NEAR_ACROSS) & (
            np.abs(up[kept] - up[at]) < NEAR_UP
        )
        if not near.any():
            kept.append(at)
    return set(kept)


def positions(across: Floats, up: Floats) -> list[str]:
    """Return where each corner's name goes: into the region, so that no axis cuts it off."""
    if not len(across):
        return []
    right = (across - across.mean()) / max(float(np.ptp(across)), 1e-9)
    above = (up - up.mean()) / max(float(np.ptp(up)), 1e-9)
    return [_position(x, y) for x, y in zip(right.tolist(), above.tolist(), strict=True)]


def _position(right: float, above: float) -> str:
    horizontal = "center" if abs(right) < MIDDLE else "left" if right > 0.0 else "right"
    if horizontal == "center":
        return f"{'top' if above > 0.0 else 'bottom'} center"
    vertical = "middle" if abs(above) < MIDDLE else "bottom" if above > 0.0 else "top"
    return f"{vertical} {horizontal}"
