"""From coordinates to pixels: how large a drawing of a feeder is and where its buses lie in it."""

from dataclasses import dataclass

import numpy as np

from cosim.records import Floats
from cosim.reports.feeder_layout import coordinates_of
from cosim.reports.feeder_places import fineness, shrink_of_degrees
from networks.feeder import Feeder

MARGIN, HEADING = 30.0, 26.0
HEIGHT_MIN_SHARE, HEIGHT_MAX_SHARE = 0.3, 0.85
"""Least and largest height of a drawing, as shares of its width."""
COLUMN_MAX, ROW_MAX = 90.0, 44.0
"""Most pixels from one column or row of a tree to the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A feeder in pixels, y counted downward."""

    x: Floats  # (K,)
    y: Floats  # (K,)
    width: float
    height: float
    own: bool  # whether the buses lie at coordinates of the feeder
    fine: float  # factor of marks and widths


def canvas_of(feeder: Feeder, width: float, loading: Floats | None = None) -> Canvas:
    """Place the buses of `feeder` in `width` pixels.

    Coordinates of the feeder keep their shape: one scale in both directions. A tree is stretched.
    """
    x, y, own = coordinates_of(feeder, loading)
    most = HEIGHT_MAX_SHARE * width - 2.0 * MARGIN - HEADING
    least = HEIGHT_MIN_SHARE * width - 2.0 * MARGIN - HEADING
    across = width - 2.0 * MARGIN
    wide, high = _span(x), _span(y)
    if own:
        x = x * shrink_of_degrees(x, y)
        wide = _span(x)
        step = min(across / wide if wide else np.inf, most / high if high else np.inf)
        steps = (step, step) if np.isfinite(step) else (1.0, 1.0)
    elif x.min() < 0.0:  # rings around the supply
        step = min(across / wide, most / high) if wide and high else 1.0
        steps = (step, step)
    else:
        steps = (
            min(across / (wide or 1.0), COLUMN_MAX),
            min(most / (high or 1.0), ROW_MAX),
        )
    used = max(high * steps[1], least)
    return Canvas(
        x=MARGIN + across / 2.0 + (x - (x.max() + x.min()) / 2.0) * steps[0],
        y=HEADING + MARGIN + used / 2.0 - (y - (y.max() + y.min()) / 2.0) * steps[1],
        width=width,
        height=HEADING + 2.0 * MARGIN + used,
        own=own,
        fine=fineness(feeder.bus_count),
    )


def _span(values: Floats) -> float:
    return float(np.ptp(values)) if len(values) else 0.0
