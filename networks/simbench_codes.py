"""Which of SimBench's 246 grids are taken, by code, and why the others are not."""

import difflib

PREFIX = "simbench:"

_LOW = ("rural1", "rural2", "rural3", "semiurb4", "semiurb5", "urban6")
_MEDIUM = ("rural", "semiurb", "urban", "comm")
_WITH_LOW = {
    "rural": ("all", "1.108", "2.107", "4.101"),
    "semiurb": ("all", "3.202", "4.201", "5.220"),
    "urban": ("all", "5.303", "6.305", "6.309"),
    "comm": ("all", "3.403", "4.416", "5.401"),
}
"""Medium-voltage grids with the low-voltage grid behind one of their substations, or with all."""
_WITH_MEDIUM = ("all", "2.203", "3.201", "4.201")
_GRIDS = (
    *(f"1-LV-{grid}-" for grid in _LOW),
    *(f"1-MV-{grid}-" for grid in _MEDIUM),
    *(f"1-MVLV-{grid}-{part}" for grid, parts in _WITH_LOW.items() for part in parts),
    "1-HV-urban-",
    *(f"1-HVMV-urban-{part}" for part in _WITH_MEDIUM),
)
CODES = tuple(
    f"{grid}-{scenario}-{switches}"
    for grid in _GRIDS
    for scenario in (0, 1, 2)
    for switches in ("sw", "no_sw")
)
"""All that are taken."""

CODE_COUNT = len(CODES)
SIMBENCH_PATTERN = (
    f"{PREFIX}1-LV-{{{'|'.join(_LOW)}}}--{{0|1|2}}-{{sw|no_sw}}, "
    f"{PREFIX}1-MV-{{{'|'.join(_MEDIUM)}}}--{{0|1|2}}-{{sw|no_sw}}, their combinations "
    f"such as {PREFIX}1-MVLV-rural-1.108-0-sw and {PREFIX}1-MVLV-urban-all-0-sw, "
    f"{PREFIX}1-HV-urban--{{0|1|2}}-{{sw|no_sw}}, "
    f"{PREFIX}1-HVMV-urban-{{{'|'.join(_WITH_MEDIUM)}}}-{{0|1|2}}-{{sw|no_sw}}"
)
"""What is accepted, for people."""

EXAMPLE = f"{PREFIX}1-LV-rural1--0-sw"

_LEVELS = {"LV": "low", "MV": "medium", "HV": "high"}
_SEVERAL_SUPPLIES = (
    "it is supplied at three buses with different voltages (1.068 and 1.092 p.u.), and one voltage "
    "must hold at all; 1-HV-urban is supplied at one"
)
_EXTRA_HIGH = (
    "its extra-high-voltage grid has generators that hold a voltage (PV buses), which are not "
    "modelled"
)
_REFUSED = {
    "1-HV-mixed": _SEVERAL_SUPPLIES,
    "1-HVMV-mixed": _SEVERAL_SUPPLIES,
    "1-EHV": _EXTRA_HIGH,
    "1-complete_data": _EXTRA_HIGH,
}


def is_code(code: str) -> bool:
    """Tell whether `code` is that of a SimBench grid that is taken."""
    return code in CODES


def refusal(name: str) -> str | None:
    """Return why a SimBench grid is not taken, None where `name` is none or is taken."""
    code = name.removeprefix(PREFIX)
    for start, reason in _REFUSED.items():
        if code.startswith(start):
            return f"{name}: this grid of SimBench is not taken: {reason}"
    return None


def closest_code(name: str) -> list[str]:
    """Return the name of the grid that is most like `name`, none where none is alike."""
    codes = [f"{PREFIX}{code}" for code in CODES]
    return difflib.get_close_matches(name, codes, n=1, cutoff=0.7)


def has_several_levels(code: str) -> bool:
    """Tell whether a valid `code` joins grids of two levels."""
    return len(code.split("-")[1]) > len("LV")


def title_of(code: str) -> str:
    """Return a line for people about the grid of a valid `code`."""
    _, levels, grid, part, scenario, switches = code.split("-", 5)
    level = _LEVELS[levels[:2]]
    title = f"SimBench {level}-voltage grid {grid}"
    if part:
        below = f"{_LEVELS[levels[2:]]}-voltage"
        title += f" with {'all' if part == 'all' else 'one'} of its {below} grids"
        title += "" if part == "all" else f" ({part})"
    title += f", scenario {scenario}"
    return title if switches == "sw" else f"{title}, without switches"
