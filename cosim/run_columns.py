"""Columns of a run's tables: enumerations and elements as text, numbers of all intervals as one."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.records import Booleans, Floats, Integers
from cosim.results import Reason
from networks.feeder import LINE, Feeder


def element_texts(reason: Integers, element: Integers, feeder: Feeder) -> NDArray[np.object_]:
    """Return the binding elements as text: "bus 17", "line 3", "trafo 0", "" for none."""
    buses = [f"bus {number}" for number in feeder.bus_index]
    branches = [
        f"{'line' if kind == LINE else 'trafo'} {number}"
        for kind, number in zip(feeder.branch_kind, feeder.branch_index, strict=True)
    ]
    voltage = np.isin(reason, (Reason.OVERVOLTAGE, Reason.UNDERVOLTAGE))
    overload = np.isin(reason, (Reason.LINE_OVERLOAD, Reason.TRANSFORMER_OVERLOAD))
    texts = np.array([*buses, *branches, ""], dtype=object)
    position = np.full(len(element), len(texts) - 1)
    known = element >= 0
    position = np.where(known & voltage, element, position)
    position = np.where(known & overload, len(buses) + element, position)
    return np.asarray(texts[position])


def names(members: type[IntEnum], codes: Integers) -> NDArray[np.object_]:
    """Return enumeration members as lower-case text."""
    return np.asarray(np.array([m.name.lower() for m in members], dtype=object)[codes])


def reason_texts(codes: Integers) -> NDArray[np.object_]:
    """Return reasons as lower-case text, "" for none."""
    return np.asarray(np.where(codes == Reason.NONE, "", names(Reason, codes)))


def column(parts: Iterable[Floats]) -> Floats:
    """Return the numbers of all intervals as one column; there may be none."""
    return np.concatenate([*parts, np.empty(0)])


def integers(parts: Iterable[Integers]) -> Integers:
    """Return numbers of all intervals as one column of whole numbers."""
    return np.concatenate([*parts, np.empty(0, np.int64)])


def texts(values: Iterable[str]) -> NDArray[np.object_]:
    """Return one text an interval as a column."""
    return np.array(list(values), dtype=object)


def floats(values: Iterable[Any]) -> Floats:
    """Return one number an interval as a column."""
    return np.array(list(values), np.float64)


def booleans(values: Iterable[Any]) -> Booleans:
    """Return one truth value an interval as a column."""
    return np.array(list(values), np.bool_)
