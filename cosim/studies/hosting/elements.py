"""Which element of the feeder a verdict is about, in pandapower's own numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosim.studies.hosting.records import Limiting
from cosim.studies.hosting.summary import limiting_name
from networks.feeder import LINE, Feeder

OF_BUSES = {Limiting.OVERVOLTAGE, Limiting.UNDERVOLTAGE, Limiting.RISE, Limiting.DROP}
OF_BRANCHES = {Limiting.LINE, Limiting.TRANSFORMER}


def element_columns(
    feeder: Feeder, rows: dict[str, Any], *, base: Limiting
) -> dict[str, Sequence[Any]]:
    """Return the columns that say what limits, for rows of tasks.

    `base` is what fails without plants, the kind behind Limiting.BASE_CASE.
    """
    described = [
        element_of(feeder, base if kind == Limiting.BASE_CASE else Limiting(kind), int(place))
        for kind, place in zip(rows["limiting"], rows["element"], strict=True)
    ]
    return {
        "limiting": [limiting_name(int(kind)) for kind in rows["limiting"]],
        "element_kind": [each[0] for each in described],
        "element": [each[1] for each in described],
        "element_name": [each[2] for each in described],
        "value": rows["value"],
        "limit": rows["limit"],
    }


def element_of(feeder: Feeder, kind: Limiting, place: int) -> tuple[str, int, str]:
    """Return kind, pandapower number and name of an element; ("", -1, "") where it is none."""
    if place < 0:
        return "", -1, ""
    if kind in OF_BUSES:
        return "bus", int(feeder.bus_index[place]), feeder.bus_name[place]
    if kind in OF_BRANCHES:
        word = "line" if feeder.branch_kind[place] == LINE else "transformer"
        return word, int(feeder.branch_index[place]), feeder.branch_name[place]
    return "", -1, ""


def numbered(feeder: Feeder, places: Sequence[int]) -> dict[str, Any]:
    """Return number and name of buses."""
    chosen = np.asarray(places, np.int64)
    return {
        "bus": feeder.bus_index[chosen],
        "name": [feeder.bus_name[place] for place in chosen],
    }
