"""Names, words and colours of hosting-capacity studies."""

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
from cosim.studies.hosting.records import Limiting

REGION_COLOURS = {"A": "#DCEBF5", "B": "#FFF3D6", "C": "#F6DDE6"}
REGION_WORDS = {
    "A": "no deployment violates",
    "B": "some deployments violate",
    "C": "every deployment violates",
}
LEVER_COLOURS = (
    *(WITH_COLOUR, WITHOUT_COLOUR, TEAL, INDIGO, ROSE, OLIVE, PURPLE, WINE, SAND, CYAN, GREY),
)
LEVER_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
NONE_COLOUR = "#E3E7EB"
LIMITING_COLOURS = {
    Limiting.NONE: NONE_COLOUR,
    Limiting.OVERVOLTAGE: WINE,
    Limiting.UNDERVOLTAGE: INDIGO,
    Limiting.RISE: ROSE,
    Limiting.DROP: CYAN,
    Limiting.LINE: OLIVE,
    Limiting.TRANSFORMER: SAND,
    Limiting.REVERSE_FLOW: TEAL,
    Limiting.NO_POWER_FLOW: "#555555",
    Limiting.CURTAILMENT: PURPLE,
    Limiting.BASE_CASE: "#000000",
}
LIMITING_PATTERNS = {
    Limiting.NONE: "",
    Limiting.OVERVOLTAGE: "",
    Limiting.UNDERVOLTAGE: "",
    Limiting.RISE: "/",
    Limiting.DROP: "\\",
    Limiting.LINE: "",
    Limiting.TRANSFORMER: "x",
    Limiting.REVERSE_FLOW: "-",
    Limiting.NO_POWER_FLOW: "",
    Limiting.CURTAILMENT: ".",
    Limiting.BASE_CASE: "",
}
"""Hatching, so that classes are told apart on paper without colour too."""
LIMITING_SYMBOLS = {
    Limiting.NONE: "circle-open",
    Limiting.OVERVOLTAGE: "circle",
    Limiting.UNDERVOLTAGE: "triangle-down",
    Limiting.RISE: "triangle-up",
    Limiting.DROP: "triangle-left",
    Limiting.LINE: "square",
    Limiting.TRANSFORMER: "diamond",
    Limiting.REVERSE_FLOW: "cross",
    Limiting.NO_POWER_FLOW: "x",
    Limiting.CURTAILMENT: "star",
    Limiting.BASE_CASE: "hexagon",
}
LIMITING_WORDS = {
    Limiting.NONE: "nothing",
    Limiting.OVERVOLTAGE: "overvoltage",
    Limiting.UNDERVOLTAGE: "undervoltage",
    Limiting.RISE: "voltage rise",
    Limiting.DROP: "voltage drop",
    Limiting.LINE: "line loading",
    Limiting.TRANSFORMER: "transformer loading",
    Limiting.REVERSE_FLOW: "reverse power flow",
    Limiting.NO_POWER_FLOW: "no power flow",
    Limiting.CURTAILMENT: "curtailment",
    Limiting.BASE_CASE: "the base case",
}
LIMITING_UNITS = {
    Limiting.OVERVOLTAGE: ("p.u.", 4),
    Limiting.UNDERVOLTAGE: ("p.u.", 4),
    Limiting.RISE: ("p.u.", 4),
    Limiting.DROP: ("p.u.", 4),
    Limiting.LINE: ("%", 1),
    Limiting.TRANSFORMER: ("%", 1),
    Limiting.REVERSE_FLOW: ("kW", 1),
}
"""Unit and decimals of value and limit, where they have one."""

NEW_PLANTS = {"pv": "new solar", "ev": "new vehicle charging", "heat_pump": "new heat pumps"}
INSTALLED = {
    "pv": "new solar plants, installed kW",
    "ev": "new charging points, installed kW",
    "heat_pump": "new heat pumps, installed kW",
}
PLANT = {"pv": "solar plant", "ev": "charging point", "heat_pump": "heat pump"}


def limiting_of(value: object) -> Limiting:
    """Return the reason a table names, by its number or by its name in small letters."""
    if isinstance(value, str):
        return Limiting[value.upper()]
    return Limiting(int(str(value)))


CRITERION_COLOURS = {
    "voltage": WINE,
    "rise": ROSE,
    "line": OLIVE,
    "transformer": "#B08A00",
    "reverse_flow": TEAL,
}
"""Colour of a group of limits."""
CRITERIA = {
    "all": "all criteria",
    "voltage": "voltage band",
    "rise": "voltage rise and drop",
    "line": "line loading",
    "transformer": "transformer loading",
    "reverse_flow": "reverse power flow",
}


def criterion_words(group: str) -> str:
    """Return a group of limits in words."""
    return CRITERIA.get(group, group.replace("_", " "))
