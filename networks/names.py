"""How names are compared, and the names of presets of limits; imports nothing heavy."""

PRESET_NAMES = ("en50160", "vde_ar_n_4105", "vde_ar_n_4110", "ansi_a", "ansi_b", "australia")
"""In the order of docs/limits.md; `networks.limits` holds their numbers."""


def folded(name: str) -> str:
    """Return a name without what people write in different ways: capitals, "-", "_" and spaces."""
    return "".join(letter for letter in name.casefold() if letter not in "-_ ")


def preset_name(name: str) -> str:
    """Return the preset that is meant, e.g. "en50160" for "EN 50160"; others as they are."""
    return next((known for known in PRESET_NAMES if folded(known) == folded(name)), name)
