"""All levers that a hosting-capacity study may compare, with the policies that some need."""

from collections.abc import Mapping

from cosim.studies.hosting.levers import LeverKind, electrical_kinds


def lever_kinds() -> Mapping[str, LeverKind]:
    """Return all levers by name, fit and forget first; workers call this, too."""
    return electrical_kinds()
