"""Buses that a file of prosumers tells by their names instead of pandapower's numbers."""

import difflib
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from cosim.prosumer_file import BUS, BUS_NAME
from networks.catalog import build_net
from networks.errors import NetworkError

NAMES_SHOWN = 3


def number_buses(given: dict[int, dict[str, Any]], feeder: object) -> dict[int, str]:
    """Put the number in place of each name, in `given`; return by row what is wrong with names.

    A name stands in the column `bus_name`, or in `bus` if it is no number. Large and small letters
    are alike.
    """
    named = {row: name for row, values in given.items() if (name := _name_in(values)) is not None}
    if not named:
        return {}
    numbers = _numbers_of(feeder)
    problems = {}
    for row, name in named.items():
        values = given[row]
        values.pop(BUS_NAME, None)
        problem, number = _find(name, numbers, str(feeder))
        known = values.get(BUS)
        if isinstance(known, int) and number is not None and known != number:
            problem = f"bus {known} and bus_name {name!r}, which is bus {number}, differ"
        if problem:
            problems[row] = problem
            values[BUS] = name
        else:
            values[BUS] = number
    return problems


def _name_in(values: Mapping[str, Any]) -> str | None:
    bus = values.get(BUS)
    name: str | None = values.get(BUS_NAME, bus if isinstance(bus, str) else None)
    return name


def _numbers_of(feeder: object) -> dict[str, list[int]] | None:
    """Return the buses by their name in small letters, None where there is no such feeder."""
    try:
        net = build_net(str(feeder))
    except NetworkError:
        return None
    found = defaultdict(list)
    for number, name in net.bus.name.items():
        if name is not None and str(name):
            found[str(name).lower()].append(int(number))
    return dict(found)


def _find(
    name: str, numbers: Mapping[str, list[int]] | None, feeder: str
) -> tuple[str, int | None]:
    """Return what is wrong with a name, "" if nothing is, and the number of its bus."""
    if numbers is None:
        return f"bus {name!r} is a name, which says nothing without the feeder", None
    found = numbers.get(name.lower(), [])
    if len(found) == 1:
        return "", found[0]
    if found:
        several = ", ".join(map(str, found[:NAMES_SHOWN]))
        return f"bus {name!r} of {feeder} is the name of {len(found)} buses ({several}...)", None
    near = difflib.get_close_matches(name.lower(), numbers, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"bus {name!r} of {feeder} does not exist{hint}", None
