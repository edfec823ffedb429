"""Rows that tasks of a study give: one shape for capacities, levels of curves and single buses."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from cosim.records import Booleans, Integers
from cosim.studies.hosting.records import Capacities, Extremes, Judged, Limiting

CAPACITY, LEVEL, NODE = "capacity", "level", "node"
"""What a row of a task is about."""

ALL = "all"
"""Criterion that stands for every limit of the study."""

TEXTS: Final = ("row", "lever", "criterion")
WHOLE: Final = ("scenario", "limiting", "element", "plants")
TRUTHS: Final = ("passes", "monotone")
NUMBERS: Final = ("kw", "value", "limit", "curtailed_share", *Extremes.__slots__)


def rows_of(count: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all columns of `count` rows; what is not given is "", -1, False or NaN."""
    columns: dict[str, Any] = {}
    for names, kind, nothing in (
        (TEXTS, np.dtype("U40"), ""),
        (WHOLE, np.dtype(np.int64), -1),
        (TRUTHS, np.dtype(np.bool_), False),
        (NUMBERS, np.dtype(np.float64), np.nan),
    ):
        for name in names:
            columns[name] = np.full(count, given.get(name, nothing), kind)
    return columns


def capacity_rows(
    found: Capacities, numbers: Sequence[int] | Integers, *, criterion: str, row: str = CAPACITY
) -> dict[str, Any]:
    """Return one row for each capacity; `numbers` name scenarios, or buses by position."""
    return rows_of(
        len(found.hosting_kw),
        {
            "row": row,
            "lever": found.lever,
            "criterion": criterion,
            "scenario": np.asarray(numbers),
            "kw": found.hosting_kw,
            "passes": found.limiting != int(Limiting.BASE_CASE),
            "limiting": found.limiting,
            "element": found.element,
            "value": found.value,
            "limit": found.limit,
            "plants": found.plants,
            "curtailed_share": found.curtailed_share,
            "monotone": found.monotone,
        },
    )


def level_rows(lever: str, scenario: Integers, level_kw: Any, found: Judged) -> dict[str, Any]:
    """Return one row for each scenario and level judged."""
    return rows_of(
        len(scenario),
        {
            "row": LEVEL,
            "lever": lever,
            "scenario": scenario,
            "kw": level_kw,
            "passes": found.passes,
            "limiting": found.limiting,
            "element": found.element,
            "value": found.value,
            "limit": found.limit,
            **{name: getattr(found.extremes, name) for name in Extremes.__slots__},
        },
    )


def joined_rows(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the rows of all parts, one below the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def picked(rows: Mapping[str, Any], which: Booleans) -> dict[str, Any]:
    """Return the rows where `which` is true."""
    return {name: values[which] for name, values in rows.items()}
