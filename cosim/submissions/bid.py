"""An aggregator's bid, as a record; or every problem in it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cosim.records import Floats, Integers
from cosim.submissions.base_case import BaseCase, buses_of, intervals_of, uncovered
from cosim.submissions.sheet import Problems, Sheet, check_columns, duplicates, numbers, powers
from networks.feeder import Feeder

BID_COLUMNS = ("interval", "bus", "schedule_kw", "up_kw", "down_kw")
BID_OPTIONS = ("least_kw", "most_kw", "price_eur_per_kwh")


@dataclass(frozen=True, slots=True, eq=False)
class Bid:
    """An aggregator's bid of P participants (buses) over T intervals, changes against the base."""

    interval: Integers  # (T,) ascending, without a gap
    bus: Integers  # (P,) bus position
    schedule_kw: Floats  # (T, P) drawn > 0
    up_kw: Floats  # (T, P) >= 0, fed in on top
    down_kw: Floats  # (T, P) >= 0, drawn on top
    least_kw: Floats  # (T, P) range of the schedule
    most_kw: Floats  # (T, P)
    price_eur_per_kwh: Floats  # (T,) NaN where none is given
    notes: tuple[str, ...]


def read_bid(sheet: Sheet, feeder: Feeder, base: BaseCase | None, problems: Problems) -> Bid | None:
    """Return the bid, None if any of it cannot be judged. `base` is None if unusable."""
    if not check_columns(sheet, BID_COLUMNS, BID_OPTIONS, problems):
        return None
    before = problems.count
    bus = buses_of(sheet, "bus", feeder, problems)
    interval = intervals_of(sheet, problems, base)
    amounts = {"schedule_kw": powers(sheet, "schedule_kw", problems)}
    for column in ("up_kw", "down_kw"):
        amounts[column] = powers(sheet, column, problems, least=0.0)
    amounts |= _ranges(sheet, amounts["schedule_kw"], problems)
    price = _interval_price(sheet, interval, problems)
    _check_cover(sheet, feeder, interval, bus, problems)
    if base is not None:
        _check_ends(sheet, interval, base, problems)
    if problems.count > before or base is None:
        return None
    known, row = np.unique(interval, return_inverse=True)
    buses, column_of = np.unique(bus, return_inverse=True)
    tables = {}
    for column, values in amounts.items():
        tables[column] = np.zeros((len(known), len(buses)))
        tables[column][row, column_of] = values
    prices = np.full(len(known), np.nan)
    prices[row] = price
    intervals = known.astype(np.int64)
    return Bid(
        interval=intervals,
        bus=buses,
        **tables,
        price_eur_per_kwh=prices,
        notes=tuple(uncovered(base, intervals, "bid")),
    )


def _ranges(sheet: Sheet, schedule: Floats, problems: Problems) -> dict[str, Floats]:
    """Return the range of every participant's schedule; the schedule alone where none is given."""
    ranges = {}
    for column, word in (("least_kw", "above"), ("most_kw", "below")):
        ranges[column] = schedule
        if column not in sheet.columns:
            continue
        values = ranges[column] = powers(sheet, column, problems)
        wrong = values > schedule if column == "least_kw" else values < schedule
        problems.rows(
            sheet,
            wrong,
            lambda at, column=column, word=word, values=values: (  # type: ignore[misc] # bound now
                f"{column} is {values[at]:g}, {word} the schedule of {schedule[at]:g}"
            ),
        )
    return ranges


def _interval_price(sheet: Sheet, interval: Floats, problems: Problems) -> Floats:
    """Return the price of every row's interval, NaN where none is given."""
    column = "price_eur_per_kwh"
    if column not in sheet.columns:
        return np.full(len(sheet), np.nan)
    price = numbers(sheet, column, problems)
    first = pd.Series(price).groupby(interval).transform("first").to_numpy(dtype=np.float64)
    problems.rows(
        sheet,
        np.isfinite(price) & (price != first) & np.isfinite(first),
        lambda at: (
            f"{column} is {price[at]:g}, but {first[at]:g} in an earlier row of interval "
            f"{interval[at]:g}; a price holds for all buses"
        ),
    )
    return price


def _check_cover(
    sheet: Sheet, feeder: Feeder, interval: Floats, bus: Integers, problems: Problems
) -> None:
    """Tell of rows that stand there twice, of missing intervals and of missing buses."""
    known = np.isfinite(interval) & (bus >= 0)
    again, first = duplicates(sheet, [np.where(known, interval, np.nan), bus])
    problems.rows(
        sheet,
        again,
        lambda at: (
            f"bus {feeder.bus_index[bus[at]]} of interval {interval[at]:g} stands in row "
            f"{first[at]} already"
        ),
    )
    if not known.any():
        return
    there = np.unique(interval[known])
    gaps = np.flatnonzero(np.diff(there) > 1.0)
    for gap in gaps.tolist():
        low, high = there[gap] + 1, there[gap + 1] - 1
        which = f"interval {low:g} is" if low == high else f"intervals {low:g} to {high:g} are"
        problems.whole(sheet.name, f"{which} missing; a bid has no gaps")
    counts = pd.Series(interval[known & ~again]).groupby(bus[known & ~again]).nunique()
    for position, count in counts[counts < len(there)].items():
        missing = np.setdiff1d(there, interval[known & (bus == position)])
        problems.whole(
            sheet.name,
            f"bus {feeder.bus_index[int(str(position))]} has rows for {count} of {len(there)} "
            f"intervals, the first missing is {missing[0]:g}; write schedule_kw 0 where it does "
            "nothing",
        )


def _check_ends(sheet: Sheet, interval: Floats, base: BaseCase, problems: Problems) -> None:
    """Tell of intervals of the base case before the bid's first and after its last one."""
    there = interval[np.isin(interval, base.interval)]
    if not len(there):
        return
    missing = base.interval[(base.interval < there.min()) | (base.interval > there.max())]
    if len(missing):
        shown = ", ".join(map(str, missing[:8])) + (", ..." if len(missing) > 8 else "")
        problems.whole(
            sheet.name,
            f"has no rows for {len(missing)} of {len(base.interval)} intervals of the base case "
            f"({shown}); write schedule_kw 0 where nothing is bid, or leave them out of the base "
            "case",
        )
