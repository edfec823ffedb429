"""Parsers of the accepted price files: text in, stamps and prices out, every problem by line.

Formats are told apart by content:

* SMARD JSON ``{"series": [[milliseconds since epoch, EUR/MWh or null], ...]}``
  (credit for SMARD data: Bundesnetzagentur | SMARD.de, CC BY 4.0);
* Energi Data Service CSV (Energinet, CC BY 4.0): a header with `HourUTC` or `TimeUTC`, usually
  `PriceArea`, and price columns that end in `EUR`;
* plain CSV with two columns, time and price, whose unit and time zone are stated in the settings.
"""

import csv
import datetime
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.errors import PriceError
from cosim.records import Floats, Integers
from cosim.scenario import Prices

ACCEPTED = (
    'SMARD JSON {"series": [[ms since epoch UTC, EUR/MWh], ...]}, Energi Data Service CSV '
    "(columns HourUTC or TimeUTC and a price in EUR), or a plain CSV of two columns, time and price"
)
ENERGI_TIME_COLUMNS = ("HourUTC", "TimeUTC")
MISSING = frozenset({"", "-", "nan", "null", "none", "n/a", "n/e"})
SHOWN = 3
"""So many examples of a kind are named in a message."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?")
_GERMAN_STAMP = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})[ T]+(\d{1,2}):(\d{2})(?::\d{2})?")
_CURRENCY = re.compile(r"\b(DKK|SEK|NOK|GBP|USD|CHF|PLN|CZK|HUF|RON|AUD|CAD|JPY)\b|[£$¥]", re.I)


@dataclass(frozen=True, slots=True, eq=False)
class ParsedPrices:
    """What a file says, in its own order and unit."""

    kind: str  # name of the format
    start_utc: NDArray[np.datetime64]  # (n,) minutes, UTC
    price: Floats  # (n,) NaN where the file has none
    line: Integers  # (n,) line of the file, or place in the JSON series, counted from 1
    unit: str  # "EUR/MWh" or "EUR/kWh"
    notes: tuple[str, ...]  # conversions made
    zone: str  # of the stamps, for messages


def parse_prices(text: str, settings: Prices) -> ParsedPrices:
    """Return the prices in `text`, whose format is recognised by its content.

    Raises PriceError with every problem found; the sentences do not name the file.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith(("{", "[")):
        return _parse_smard(text, settings)
    rows = _rows(text)
    header = [cell.strip() for cell in rows[0][1]] if rows else []
    if any(column in header for column in ENERGI_TIME_COLUMNS):
        return _parse_energi_data_service(rows, settings)
    if rows and len(header) == 2:
        return _parse_plain(rows, settings)
    found = "is empty" if not rows else f"begins with {', '.join(header)[:80]!r}"
    raise PriceError(f"{found}, which is none of the accepted formats: {ACCEPTED}")


def _parse_smard(text: str, settings: Prices) -> ParsedPrices:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise PriceError(f"looks like JSON but is not valid ({error})") from error
    series = content.get("series") if isinstance(content, dict) else None
    if not isinstance(series, list) or not series:
        raise PriceError(f'is JSON without a filled "series"; accepted: {ACCEPTED}')
    problems = _not_applicable(settings, "a SMARD file", ("time_zone", "column", "price_area"))
    problems += _fixed_unit(settings, "a SMARD file")
    bad = [place for place, entry in enumerate(series, 1) if not _is_smard_entry(entry)]
    if bad:
        problems.append(
            f"{len(bad)} entries of the series are not [ms since epoch, price or null], "
            f"first: entry {bad[0]} = {json.dumps(series[bad[0] - 1])[:60]}"
        )
    _raise_if(problems)
    filled = len(series)
    while filled and series[filled - 1][1] is None:
        filled -= 1
    trailing = len(series) - filled
    series = series[:filled]
    milliseconds = np.array([entry[0] for entry in series], dtype=np.int64)
    off_minute = np.flatnonzero(milliseconds % 60_000)
    if len(off_minute):
        raise PriceError(
            f"entry {off_minute[0] + 1}: {milliseconds[off_minute[0]]} ms is not a full minute"
        )
    return ParsedPrices(
        kind="SMARD JSON",
        start_utc=(milliseconds // 60_000).astype("datetime64[m]"),
        price=np.array([np.nan if e[1] is None else e[1] for e in series], dtype=np.float64),
        line=np.arange(1, filled + 1),
        unit="EUR/MWh",
        notes=(f"{trailing} trailing null entries left out",) if trailing else (),
        zone="UTC",
    )


def _is_smard_entry(entry: object) -> bool:
    if not isinstance(entry, list) or len(entry) != 2:
        return False
    stamp, price = entry
    numeric = isinstance(price, int | float) and not isinstance(price, bool)
    return isinstance(stamp, int) and not isinstance(stamp, bool) and (price is None or numeric)


def _parse_energi_data_service(
    rows: list[tuple[int, list[str]]], settings: Prices
) -> ParsedPrices:
    header = [cell.strip() for cell in rows[0][1]]
    problems = _not_applicable(settings, "an Energi Data Service file", ("time_zone",))
    problems += _fixed_unit(settings, "an Energi Data Service file")
    candidates = [name for name in header if name.endswith("EUR")]
    column = settings.column or (candidates[0] if len(candidates) == 1 else None)
    if column not in candidates:
        found = "no column is chosen" if column is None else f'column = "{column}" is not one'
        problems.append(
            f"several price columns in EUR, and {found}; set column to one of: "
            f"{', '.join(candidates)}"
            if candidates
            else f"no price column in EUR (name ends in EUR); columns: {', '.join(header)}"
        )
    short = [line for line, cells in rows[1:] if len(cells) != len(header)]
    if short:
        problems.append(
            f"{len(short)} lines do not have the {len(header)} cells of the header, "
            f"{_lines(short)}"
        )
    body = [(line, cells) for line, cells in rows[1:] if len(cells) == len(header)]
    notes = []
    if "PriceArea" in header:
        place = header.index("PriceArea")
        areas = sorted({cells[place].strip() for _, cells in body})
        area = settings.price_area or (areas[0] if len(areas) == 1 else None)
        if area not in areas:
            found = "none is chosen" if area is None else f'price_area = "{area}" is not one'
            problems.append(f"price areas and {found}; set price_area to one of: {', '.join(areas)}")
        body = [(line, cells) for line, cells in body if cells[place].strip() == area]
        notes.append(f"price area {area}")
    elif settings.price_area is not None:
        problems.append(f'price_area = "{settings.price_area}", but there is no column PriceArea')
    _raise_if(problems)
    stamp_column = next(name for name in ENERGI_TIME_COLUMNS if name in header)
    lines = [line for line, _ in body]
    stamps = [cells[header.index(stamp_column)] for _, cells in body]
    values = [cells[header.index(str(column))] for _, cells in body]
    start_utc, stamp_notes, stamp_problems = _stamps_to_utc(stamps, lines, "UTC")
    price, number_notes, number_problems = _numbers(values, lines, decimal_comma=True)
    _raise_if(stamp_problems + number_problems)
    return ParsedPrices(
        kind="Energi Data Service CSV",
        start_utc=start_utc,
        price=price,
        line=np.array(lines, dtype=np.int64),
        unit="EUR/MWh",
        notes=(f"column {column}", *notes, *stamp_notes, *number_notes),
        zone="UTC",
    )
