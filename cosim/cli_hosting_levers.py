"""All levers that a hosting-capacity study may compare, with the policies that some need."""

from functools import partial
from pathlib import Path

from cosim.studies.hosting.lever_choice import Kinds
from policies.hosting_ways import lever_kinds


def kinds_with(policies: str | None) -> Kinds:
    """Return what gives all levers by name, fit and forget first; workers call it, too.

    Args:
        policies: folder of a training that plays `p2p_learned`; None: those of the toolkit.

    Raises:
        PolicyError: the folder holds no usable trained policies.
    """
    if policies is None:
        return lever_kinds
    kinds = partial(lever_kinds, folder=Path(policies))
    kinds()  # raises before anything is computed
    return kinds
