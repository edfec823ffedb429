"""Spaces of observations and actions."""

from typing import cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from cosim.envs import follower_encoding, leader_encoding

LIMIT = 10.0
"""Observations are cut to it, up and down."""


Box = spaces.Space[NDArray[np.float32]]


def leader_spaces() -> tuple[Box, Box]:
    """Return the spaces of what a leader (sees, does)."""
    return boxes(leader_encoding.OBSERVATIONS, len(leader_encoding.ACTIONS))


def follower_spaces() -> tuple[Box, Box]:
    """Return the spaces of what a prosumer (sees, does)."""
    return boxes(follower_encoding.OBSERVATIONS, len(follower_encoding.ACTIONS))


def boxes(observations: int, actions: int) -> tuple[Box, Box]:
    """Return spaces of so many numbers (seen, done); what is done lies in [-1, 1]."""
    # Gymnasium's annotation of a box says nothing of the type of its entries.
    return (
        cast("Box", spaces.Box(-LIMIT, LIMIT, (observations,), np.float32)),
        cast("Box", spaces.Box(-1.0, 1.0, (actions,), np.float32)),
    )
