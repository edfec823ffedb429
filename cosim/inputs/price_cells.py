"""Cells of a price table: delimiter, time stamps and numbers, every problem by line."""

import csv
import datetime
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.errors import PriceError
from cosim.records import Booleans, Floats

MISSING = frozenset({"", "-", "nan", "null", "none", "n/a", "n/e"})
"""Cells that stand for "no price", in lower case."""

_EXAMPLES = 3
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_COMMA_NUMBER = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d*)?")
_GERMAN_STAMP = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})[ T]+(\d{1,2}:\d{2}(:\d{2})?)")
_IGNORED_IN_NUMBERS = str.maketrans({"\u2212": "-", "\u00a0": None, "\u202f": None, " ": None})


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of a delimited text, blank ones left out."""

    header: tuple[str, ...]
    header_line: int
    rows: tuple[tuple[int, tuple[str, ...]], ...]  # (line, cells), as many cells as the header
    ragged: tuple[int, ...]  # lines with another number of cells
    decimal_comma: bool  # the delimiter leaves room for one


def read_table(text: str) -> Table:
    """Split `text` at semicolons, tabs or commas, whichever its first line has.

    Raises PriceError if there is no line, or quotes do not match.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((mark for mark in ";\t" if mark in first), ",")
    reader = csv.reader(text.splitlines(), delimiter=delimiter, strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise PriceError(f"line {reader.line_num}: is not valid CSV ({error})") from error
    rows = [(line, cells) for line, cells in rows if any(cells)]
    if not rows:
        raise PriceError("is empty")
    header_line, header = rows[0]
    while not header[-1]:
        header = header[:-1]
    width = len(header)
    fits = [len(cells) >= width and not any(cells[width:]) for _, cells in rows]
    return Table(
        header=tuple(header),
        header_line=header_line,
        rows=tuple(
            (line, tuple(cells[:width]))
            for (line, cells), fit in zip(rows[1:], fits[1:], strict=True)
            if fit
        ),
        ragged=tuple(line for (line, _), fit in zip(rows, fits, strict=True) if not fit),
        decimal_comma=delimiter != ",",
    )


def is_price(cell: str) -> bool:
    """Tell whether a cell holds a price or stands for a missing one."""
    cell = cell.translate(_IGNORED_IN_NUMBERS)
    return cell.lower() in MISSING or bool(_NUMBER.fullmatch(cell) or _COMMA_NUMBER.fullmatch(cell))


def parse_numbers(
    cells: Sequence[str], lines: Sequence[int], *, decimal_comma: bool
) -> tuple[Floats, list[str]]:
    """Return prices (n,), NaN where missing, and notes on what was converted.

    Where `decimal_comma` is possible and any cell has a comma, all are read as ``-1.234,56``.
    Raises PriceError that names the lines that are no numbers.
    """
    cells = [cell.translate(_IGNORED_IN_NUMBERS) for cell in cells]
    comma = any("," in cell for cell in cells) and decimal_comma
    pattern = _COMMA_NUMBER if comma else _NUMBER
    missing = [cell.lower() in MISSING for cell in cells]
    bad = [
        (line, cell)
        for cell, line, none in zip(cells, lines, missing, strict=True)
        if not none and not pattern.fullmatch(cell)
    ]
    if bad:
        allowed = "-1.234,56 or -1234,56" if comma else "-1234.56"
        hint = "" if decimal_comma else "; a decimal comma needs ';' between the columns"
        raise PriceError(f"{_count(bad, 'price')} no number, allowed: {allowed}{hint}")
    notes = ["decimal comma"] if comma else []
    if comma and any("." in cell for cell in cells):
        notes.append("thousands point")
    if comma:
        cells = [cell.replace(".", "").replace(",", ".") for cell in cells]
    values = [np.nan if none else float(cell) for cell, none in zip(cells, missing, strict=True)]
    return np.array(values, dtype=np.float64), notes


def parse_stamps(
    cells: Sequence[str], lines: Sequence[int], time_zone: str | None
) -> tuple[NDArray[np.datetime64], list[str]]:
    """Return starts in UTC (n,), minutes, and notes on what was converted.

    Stamps with an offset ("+01:00", "Z") are taken at their word; others are local time of
    `time_zone`. The hour that occurs twice in autumn is told apart by its order in the file.
    Raises PriceError that names the lines that are no stamps or never happened.
    """
    stamps = [_parse_stamp(cell) for cell in cells]
    bad = [(n, c) for n, c, stamp in zip(lines, cells, stamps, strict=True) if stamp is None]
    if bad:
        raise PriceError(
            f"{_count(bad, 'time stamp')} not readable, allowed: 2019-12-31 23:00, "
            "2019-12-31T23:00+01:00, 31.12.2019 23:00; a stamp is the start of its period, "
            "so 24:00 does not occur"
        )
    known = [stamp for stamp in stamps if stamp is not None]
    with_offset = [stamp.tzinfo is not None for stamp in known]
    if any(with_offset) and not all(with_offset):
        line = lines[with_offset.index(not with_offset[0])]
        raise PriceError(f"line {line}: stamps with and without a UTC offset in one file")
    if any(with_offset):
        moments = [stamp.astimezone(datetime.UTC).replace(tzinfo=None) for stamp in known]
        return np.array(moments, dtype="datetime64[m]"), ["UTC offsets in the stamps"]
    wall = np.array(known, dtype="datetime64[m]")
    return _local_to_utc(wall, lines, _known_time_zone(time_zone))


def _known_time_zone(time_zone: str | None) -> str:
    """Return `time_zone`; raise PriceError if it is not stated or unknown."""
    if time_zone is None:
        raise PriceError(
            "time_zone must be stated for stamps without a UTC offset, e.g. "
            'time_zone = "UTC" or "Europe/Berlin"'
        )
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PriceError(
            f'time_zone = "{time_zone}" is unknown; allowed: names of the IANA data base, '
            'e.g. "UTC" or "Europe/Berlin"'
        ) from error
    return time_zone


def _parse_stamp(cell: str) -> datetime.datetime | None:
    """Return the stamp of a cell, or None where it is none or not a full minute."""
    german = _GERMAN_STAMP.fullmatch(cell)
    if german:
        day, month, year, clock = german.group(1, 2, 3, 4)
        cell = f"{year}-{month:0>2}-{day:0>2} {clock:0>5}"
    try:
        stamp = datetime.datetime.fromisoformat(cell)
    except ValueError:
        return None
    return None if stamp.second or stamp.microsecond else stamp


def _local_to_utc(
    wall: NDArray[np.datetime64], lines: Sequence[int], time_zone: str
) -> tuple[NDArray[np.datetime64], list[str]]:
    """Convert wall-clock stamps; of two like ones the earlier in time is summer time."""
    newest_first = bool(wall[0] > wall[-1])
    ordered = wall[::-1] if newest_first else wall
    first_seen = (~pd.Series(ordered).duplicated()).to_numpy()
    utc = _localize(ordered, time_zone, first_seen)
    twice = int(np.sum(utc != _localize(ordered, time_zone, ~first_seen)) - np.isnat(utc).sum())
    if newest_first:
        utc = utc[::-1]
    never = np.flatnonzero(np.isnat(utc))
    if len(never):
        bad = [(lines[place], str(wall[place]).replace("T", " ")) for place in never.tolist()]
        raise PriceError(
            f"{_count(bad, 'time stamp')} skipped when clocks go forward in {time_zone}; "
            'a file without daylight saving needs a fixed zone, e.g. time_zone = "UTC" or '
            '"Etc/GMT-1" for UTC+1 all year'
        )
    notes = [] if time_zone == "UTC" else [f"local time of {time_zone} to UTC"]
    if twice:
        notes.append(f"{twice} stamps of the hour that occurs twice told apart by order")
    return utc, notes


def _localize(
    wall: NDArray[np.datetime64], time_zone: str, summer: Booleans
) -> NDArray[np.datetime64]:
    """Return UTC minutes of wall-clock stamps, NaT for those that never happened."""
    index = pd.DatetimeIndex(wall).tz_localize(time_zone, ambiguous=summer, nonexistent="NaT")
    return np.asarray(index.tz_convert(None).to_numpy().astype("datetime64[m]"))


def _count(bad: Iterable[tuple[int, str]], noun: str) -> str:
    """Return e.g. "2 prices (line 7: 'x', line 9: 'y') are"."""
    bad = list(bad)
    shown = ", ".join(f"line {line}: {cell!r}" for line, cell in bad[:_EXAMPLES])
    more = ", ..." if len(bad) > _EXAMPLES else ""
    plural, verb = ("", "is") if len(bad) == 1 else ("s", "are")
    return f"{len(bad)} {noun}{plural} ({shown}{more}) {verb}"
