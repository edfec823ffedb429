"""Spaces of observations and actions."""

import numpy as np
from gymnasium.spaces import Box


def observation_box(size: int) -> Box:
    """Return the space of `size` numbers of any value."""
    return Box(-np.inf, np.inf, (size,), np.float32)


def action_box(size: int) -> Box:
    """Return the space of `size` numbers from -1 to 1."""
    return Box(-1.0, 1.0, (size,), np.float32)
