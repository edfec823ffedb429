"""The base case: what is drawn at every bus if nothing that is judged happens."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cosim.records import AGGREGATOR, Floats, Integers
from cosim.submissions.sheet import (
    Problems,
    Sheet,
    check_columns,
    duplicates,
    powers,
    whole_numbers,
)
from networks.feeder import Feeder

GRID: Final = "grid"
STATES_MAX: Final = 10_000_000
"""Largest number of intervals times buses and branches: what fits into memory."""

BASE_COLUMNS = ("bus", "p_kw", "q_kvar")


@dataclass(frozen=True, slots=True, eq=False)
class BaseCase:
    """What is drawn at every bus if nothing that is judged happens, for T intervals."""

    numbered: bool  # the file numbers its intervals
    interval: Integers  # (T,) ascending
    kw: Floats  # (T, K)
    kvar: Floats  # (T, K)

    def only(self, interval: Integers) -> "BaseCase":
        """Return the given intervals of it, which it must have."""
        at = np.searchsorted(self.interval, interval)
        return BaseCase(self.numbered, interval, self.kw[at], self.kvar[at])


def read_base(sheet: Sheet, feeder: Feeder, problems: Problems) -> BaseCase | None:
    """Return the base case, None if it cannot be read at all.

    Where only some of it is wrong (which is told) its intervals are still known, so that other
    files can be held against them; its powers mean nothing then.
    """
    if not check_columns(sheet, BASE_COLUMNS, ("interval",), problems):
        return None
    before = problems.count
    bus = buses_of(sheet, "bus", feeder, problems)
    kw, kvar = powers(sheet, "p_kw", problems), powers(sheet, "q_kvar", problems)
    interval = intervals_of(sheet, problems)
    again, first = duplicates(sheet, [interval, np.where(bus < -1, np.nan, bus)])
    problems.rows(
        sheet,
        again,
        lambda at: (
            f"bus {feeder.bus_index[bus[at]]} of interval {interval[at]:g} stands in row "
            f"{first[at]} already"
        ),
    )
    known, at = np.unique(interval[np.isfinite(interval)], return_inverse=True)
    if len(known) * (feeder.bus_count + feeder.branch_count) > STATES_MAX:
        problems.whole(
            sheet.name,
            f"{len(known)} intervals are too many for a feeder of {feeder.bus_count} buses; "
            f"allowed are {STATES_MAX // (feeder.bus_count + feeder.branch_count)}: split it",
        )
        return None
    if not len(known):
        return None
    drawn_kw, drawn_kvar = (np.zeros((len(known), feeder.bus_count)) for _ in range(2))
    if problems.count == before:
        drawn_kw[at, bus], drawn_kvar[at, bus] = kw, kvar
    return BaseCase("interval" in sheet.columns, known.astype(np.int64), drawn_kw, drawn_kvar)


def buses_of(
    sheet: Sheet, column: str, feeder: Feeder, problems: Problems, *, grid: bool = False
) -> Integers:
    """Return bus positions; AGGREGATOR for "grid" where that is allowed, -2 for unknown ones."""
    texts = sheet.text(column)
    positions = {str(number): at for at, number in enumerate(feeder.bus_index.tolist())}
    if grid:
        positions[GRID] = AGGREGATOR
    codes, kinds = pd.factorize(texts)
    found = np.array([positions.get(str(kind).lower(), -2) for kind in kinds], np.int64)[codes]
    also = f", or {GRID!r}" if grid else ""
    numbers_of_buses = feeder.bus_index
    problems.rows(
        sheet,
        found == -2,
        lambda at: (
            f"{column} is {texts[at]!r}, which {feeder.name} does not have; its "
            f"{len(numbers_of_buses)} buses are numbered {numbers_of_buses.min()} to "
            f"{numbers_of_buses.max()}{also}"
        ),
    )
    return np.asarray(found)


def end_text(feeder: Feeder, position: int) -> str:
    """Return one end of a trade in words."""
    return GRID if position == AGGREGATOR else f"bus {feeder.bus_index[position]}"


def intervals_of(sheet: Sheet, problems: Problems, base: BaseCase | None = None) -> Floats:
    """Return the interval of every row, NaN for unusable ones; those of `base` where given."""
    if "interval" not in sheet.columns:
        if base is None or len(base.interval) == 1:
            only = 0.0 if base is None else float(base.interval[0])
            return np.full(len(sheet), only)
        problems.whole(
            sheet.name,
            f"column 'interval' is missing; the base case has {len(base.interval)} intervals",
        )
        return np.full(len(sheet), np.nan)
    interval = whole_numbers(sheet, "interval", problems)
    if base is not None:
        lacking = np.isfinite(interval) & ~np.isin(interval, base.interval)
        has = f"it has {_span(base.interval)}"
        if not base.numbered:
            has = "it has no column 'interval', so it holds interval 0 alone"
        problems.rows(
            sheet,
            lacking,
            lambda at: f"interval {interval[at]:g} is not in the base case; {has}",
        )
    return interval


def _span(interval: Integers) -> str:
    """Return which intervals there are."""
    if len(interval) == 1:
        return f"interval {interval[0]} alone"
    return f"{len(interval)} intervals, {interval[0]} to {interval[-1]}"


def uncovered(base: BaseCase, interval: Integers, what: str) -> list[str]:
    """Return a note if the base case has intervals that nothing is asked for."""
    count = len(base.interval) - len(interval)
    if not count:
        return []
    return [
        f"{count} of {len(base.interval)} intervals of the base case have no {what}: not judged"
    ]
