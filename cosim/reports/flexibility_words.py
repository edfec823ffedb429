"""Names, words and colours of flexibility studies."""

from collections.abc import Mapping
from typing import Any, Final

from cosim.reports.flexibility_data import DOWN, UP
from cosim.reports.labels import reason_words
from cosim.reports.plotting import (
    CYAN,
    GREY,
    INDIGO,
    OLIVE,
    PURPLE,
    ROSE,
    SAND,
    TEAL,
    WINE,
    WITH_COLOUR,
    WITHOUT_COLOUR,
)
from cosim.results import Reason

DIRECTION_WORDS: Final[Mapping[str, str]] = {UP: "less drawn", DOWN: "more drawn"}
DIRECTION_TITLES: Final[Mapping[str, str]] = {
    UP: "Up: drawn less or fed in more",
    DOWN: "Down: drawn more",
}
OFFERED_COLOUR, FEASIBLE_COLOUR, DELIVERED_COLOUR = "#B8C4D0", WITH_COLOUR, WITHOUT_COLOUR
DECLARED_COLOUR, TWIN_COLOUR, ASKED_COLOUR = "#27323F", TEAL, WINE
DEVICE_WORDS: Final[Mapping[str, str]] = {
    "battery": "batteries",
    "vehicle": "vehicles",
    "heat_pump": "heat pumps",
    "solar": "solar panels",
}
DEVICE_COLOURS: Final[Mapping[str, str]] = {
    "battery": CYAN,
    "vehicle": INDIGO,
    "heat_pump": ROSE,
    "solar": SAND,
}
DEVICE_PATTERNS: Final[Mapping[str, str]] = {
    "battery": "",
    "vehicle": "/",
    "heat_pump": "x",
    "solar": ".",
}
"""Hatching, so that classes are told apart on paper without colour too."""
WINDOW_WORDS: Final[Mapping[str, str]] = {"15min": "15 min", "1h": "1 h", "4h": "4 h"}
WINDOW_LINES: Final[Mapping[str, dict[str, Any]]] = {
    "15min": {"color": CYAN, "width": 1.8, "dash": "solid", "shape": "hv"},
    "1h": {"color": WITH_COLOUR, "width": 2.0, "dash": "dash", "shape": "hv"},
    "4h": {"color": INDIGO, "width": 2.2, "dash": "dot", "shape": "hv"},
}
ARM_COLOURS: Final = (WITH_COLOUR, WITHOUT_COLOUR, TEAL, INDIGO, ROSE, OLIVE, PURPLE, WINE, GREY)
POLICY_WORDS: Final[Mapping[str, str]] = {
    "water_value": "water-value bidders",
    "fictitious_play": "fictitious play",
    "learned": "learned policies",
}
RULE_WORDS: Final[Mapping[str, str]] = {
    "optimal": "least value given up",
    "pro_rata": "pro rata",
    "merit": "merit order",
    "lifo": "last in, first out",
    "max_min": "max-min fair",
    "none": "no validation",
}
SHORT_REASONS: Final[Mapping[str, str]] = {
    Reason.LINE_OVERLOAD.name.lower(): "overload",
    Reason.TRANSFORMER_OVERLOAD.name.lower(): "overload",
}


def device_words(device: str) -> str:
    """Return a class of devices in words."""
    return DEVICE_WORDS.get(device, device.replace("_", " "))


def device_colour(device: str) -> str:
    """Return the colour of a class of devices."""
    return DEVICE_COLOURS.get(device, GREY)


def window_words(window: str) -> str:
    """Return a window in words, e.g. "15 min"."""
    return WINDOW_WORDS.get(window, window)


def policy_words(policy: str) -> str:
    """Return a policy in words."""
    return POLICY_WORDS.get(policy, policy.replace("_", " "))


def rule_words(rule: str) -> str:
    """Return a rule of the grid in words."""
    return RULE_WORDS.get(rule, rule.replace("_", " "))


def limit_words(limit: str, element: str) -> str:
    """Return what holds a corner or a margin, e.g. "overvoltage, bus 4"; devices where nothing."""
    if not limit or limit == "none":
        return "devices at their end"
    return f"{reason_words(limit)}, {element}" if element else reason_words(limit)


def corner_words(limit: str, element: str) -> str:
    """Return the same as short as a picture needs it, e.g. "trafo 0: overload"."""
    short = SHORT_REASONS.get(limit, reason_words(limit))
    return f"{element}: {short}" if element else short
