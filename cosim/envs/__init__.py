"""Doors for learners: what agents see and do as arrays, and environments of their libraries.

Importing this package makes the leader known to Gymnasium: ``gymnasium.make("cosim/Leader-v0")``.
"""

from typing import TYPE_CHECKING, Any

import gymnasium

if TYPE_CHECKING:
    from cosim.envs.make import make_leader_env, make_leader_vector_env, make_prosumer_env

__all__ = ["LEADER", "make_leader_env", "make_leader_vector_env", "make_prosumer_env"]

LEADER = "cosim/Leader-v0"

gymnasium.register(
    LEADER,
    entry_point="cosim.envs.make:make_leader_env",
    vector_entry_point="cosim.envs.make:make_leader_vector_env",
)


def __getattr__(name: str) -> Any:
    """Load factories when they are asked for: encodings alone need no environment."""
    if name in __all__:
        from cosim.envs import make

        return getattr(make, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
