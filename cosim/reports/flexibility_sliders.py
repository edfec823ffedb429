"""A slider under a figure: each position puts other numbers into the same traces."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosim.reports.plotting import FONT, MUTED, Spec

STEPS_MAX = 192
SPACE_PX = 96
"""Height that a slider takes below the axis."""


def thinned(places: Sequence[int], most: int = STEPS_MAX) -> list[int]:
    """Return at most `most` of the places, evenly spread, first and last among them."""
    if len(places) <= most:
        return list(places)
    chosen = np.unique(np.linspace(0, len(places) - 1, most).round().astype(np.int64))
    return [places[at] for at in chosen]


def later(places: Sequence[int]) -> list[int]:
    """Return the places behind interval 0, in which a study starts; it alone if none is."""
    return [at for at in places if at > 0] or list(places)


def thinned_words(shown: int, all_of: int, noun: str) -> str:
    """Return a sentence on what a slider leaves out, "" where it shows everything."""
    if shown == all_of:
        return ""
    return f" The slider stops at {shown} of {all_of} {noun}, evenly spread; the CSV holds all."


def restyle(traces: Sequence[Spec], keys: Sequence[str]) -> dict[str, list[Any]]:
    """Return what changes in traces, as plotly's restyle takes it: one entry a trace."""
    return {key: [trace[key] for trace in traces] for key in keys}


def slider(
    labels: Sequence[str],
    updates: Sequence[dict[str, list[Any]]],
    active: int,
    *,
    below_px: int = 52,
    prefix: str = "",
) -> Spec:
    """Return a slider whose positions put `updates` into all traces of the figure.

    It leaves `below_px` below the plot for the title of the axis; `prefix` stands before what is
    chosen.
    """
    return {
        "active": active,
        "x": 0.01,
        "len": 0.97,
        "y": 0,
        "yanchor": "top",
        "pad": {"t": below_px, "b": 6},
        "ticklen": 4,
        "minorticklen": 3,
        "currentvalue": {"prefix": prefix, "font": {"family": FONT, "size": 13}, "xanchor": "left"},
        "font": {"size": 10, "color": MUTED},
        "steps": [
            {"label": label, "method": "restyle", "args": [update]}
            for label, update in zip(labels, updates, strict=True)
        ],
    }
