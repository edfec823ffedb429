"""Parsers of the accepted price files: text in, stamps and prices out, every problem by line.

Formats are told apart by content:

* SMARD JSON ``{"series": [[milliseconds since epoch, EUR/MWh or null], ...]}``
  (credit for SMARD data: Bundesnetzagentur | SMARD.de, CC BY 4.0);
* Energi Data Service CSV (credit: Energinet, Energi Data Service, CC BY 4.0): a header with
  `HourUTC` or `TimeUTC`, usually `PriceArea`, and price columns that end in `EUR`;
* plain CSV of two columns, time and price, whose unit and time zone are stated in the settings.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.errors import PriceError
from cosim.inputs.price_cells import (
    Table,
    is_price,
    parse_numbers,
    parse_stamps,
    read_table,
)
from cosim.records import Floats, Integers
from cosim.scenario import Prices

ACCEPTED = (
    'SMARD JSON {"series": [[ms since epoch UTC, EUR/MWh], ...]}, Energi Data Service CSV '
    "(columns HourUTC or TimeUTC and a price in EUR), or a plain CSV of two columns, time and price"
)
SMARD = "SMARD JSON"
ENERGI_TIME_COLUMNS = ("HourUTC", "TimeUTC")

_OTHER_CURRENCY = re.compile(
    r"\b(DKK|SEK|NOK|GBP|USD|CHF|PLN|CZK|HUF|RON|AUD|CAD|JPY)\b|[£$¥]", re.IGNORECASE
)
_ENERGY_UNIT = re.compile(r"(?:EUR|€|/)\s*/?\s*(MWh|kWh)|ct\s*/?\s*kWh", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class ParsedPrices:
    """What a file says, in its own order and unit."""

    kind: str  # name of the format
    start_utc: NDArray[np.datetime64]  # (n,) minutes
    price: Floats  # (n,) in `unit`, NaN where the file has none
    line: Integers  # (n,) line of the file, or place in the JSON series, from 1
    unit: str  # "EUR/MWh" or "EUR/kWh"
    column: str | None  # that was picked, where there is a choice
    notes: tuple[str, ...]  # conversions made
    local_time_zone: str | None  # of stamps that are local wall-clock time

    @property
    def place_noun(self) -> str:
        """What `line` counts."""
        return "entries" if self.kind == SMARD else "lines"


def parse_prices(text: str, settings: Prices) -> ParsedPrices:
    """Return the prices in `text`, whose format is recognised by its content.

    Raises PriceError with the problems found; the sentences do not name the file.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith(("{", "[")):
        return _parse_smard(text, settings)
    table = read_table(text)
    if any(column in table.header for column in ENERGI_TIME_COLUMNS):
        return _parse_energi_data_service(table, settings)
    if len(table.header) == 2:
        return _parse_plain(table, settings)
    begin = ", ".join(table.header)[:80]
    raise PriceError(f"begins with {begin!r}, which is none of the accepted formats: {ACCEPTED}")


def _parse_smard(text: str, settings: Prices) -> ParsedPrices:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise PriceError(f"looks like JSON but is not valid ({error})") from error
    series = content.get("series") if isinstance(content, dict) else None
    if not isinstance(series, list):
        raise PriceError(f'is JSON without a list "series"; accepted: {ACCEPTED}')
    problems = _fixed_settings(settings, "SMARD", ("time_zone", "column", "price_area"))
    bad = [place for place, entry in enumerate(series, 1) if not _is_smard_entry(entry)]
    if bad:
        found = json.dumps(series[bad[0] - 1])[:60]
        problems.append(
            f"{len(bad)} entries of the series are not [ms since epoch in full minutes, price or "
            f"null], first: entry {bad[0]} = {found}"
        )
    _raise_if(problems)
    filled = len(series)
    while filled and series[filled - 1][1] is None:
        filled -= 1
    trailing = len(series) - filled
    stamps = np.array([entry[0] // 60_000 for entry in series[:filled]], dtype=np.int64)
    prices = [np.nan if entry[1] is None else entry[1] for entry in series[:filled]]
    return ParsedPrices(
        kind=SMARD,
        start_utc=stamps.astype("datetime64[m]"),
        price=np.array(prices, dtype=np.float64),
        line=np.arange(1, filled + 1),
        unit="EUR/MWh",
        column=None,
        notes=(f"{trailing} trailing null entries left out",) if trailing else (),
        local_time_zone=None,
    )


def _is_smard_entry(entry: object) -> bool:
    if not isinstance(entry, list) or len(entry) != 2:
        return False
    stamp, price = entry
    whole = isinstance(stamp, int) and abs(stamp) < 10**14 and stamp % 60_000 == 0
    number = isinstance(price, int | float) and not isinstance(price, bool) and np.isfinite(price)
    return whole and (price is None or bool(number))


def _parse_energi_data_service(table: Table, settings: Prices) -> ParsedPrices:
    problems = _fixed_settings(settings, "Energi Data Service", ("time_zone",))
    problems += _ragged(table)
    column, column_problems = _pick(
        "column", settings.column, [name for name in table.header if name.endswith("EUR")]
    )
    rows, area, area_problems = _rows_of_area(table, settings.price_area)
    _raise_if(problems + column_problems + area_problems)
    lines = [line for line, _ in rows]
    time_place = next(table.header.index(n) for n in ENERGI_TIME_COLUMNS if n in table.header)
    price_place = table.header.index(column)
    start_utc, price, notes = _parse_columns(
        (
            lines,
            [cells[time_place] for _, cells in rows],
            [cells[price_place] for _, cells in rows],
        ),
        "UTC",
        decimal_comma=table.decimal_comma,
    )
    return ParsedPrices(
        kind="Energi Data Service CSV",
        start_utc=start_utc,
        price=price,
        line=np.array(lines, dtype=np.int64),
        unit="EUR/MWh",
        column=column,
        notes=(f"column {column}", *([f"price area {area}"] if area else []), *notes),
        local_time_zone=None,
    )


def _rows_of_area(
    table: Table, wanted: str | None
) -> tuple[Sequence[tuple[int, tuple[str, ...]]], str | None, list[str]]:
    """Return the rows of one price area, its name, and what is wrong with the choice."""
    if "PriceArea" not in table.header:
        unknown = [] if wanted is None else [f'price_area = "{wanted}": no column PriceArea']
        return table.rows, None, unknown
    place = table.header.index("PriceArea")
    areas = sorted({cells[place] for _, cells in table.rows})
    area, problems = _pick("price_area", wanted, areas)
    return [row for row in table.rows if row[1][place] == area], area, problems


def _pick(setting: str, wanted: str | None, candidates: list[str]) -> tuple[str, list[str]]:
    """Return the wanted or only candidate, and what is wrong with the choice."""
    listed = ", ".join(candidates) or "none in this file"
    if wanted is None and len(candidates) == 1:
        return candidates[0], []
    if wanted is None:
        return "", [f"{setting} must be chosen; allowed: {listed}"]
    if wanted not in candidates:
        return "", [f'{setting} = "{wanted}" cannot be used; allowed: {listed}']
    return wanted, []


def _parse_plain(table: Table, settings: Prices) -> ParsedPrices:
    headed = not is_price(table.header[1])
    rows = table.rows if headed else ((table.header_line, table.header), *table.rows)
    problems = _ragged(table)
    problems += _not_applicable(settings, "a two-column CSV", ("column", "price_area"))
    problems += _header_problems(table.header, settings.unit) if headed else []
    if settings.unit is None:
        problems.append('unit must be stated: unit = "EUR/MWh" or unit = "EUR/kWh"')
    lines = [line for line, _ in rows]
    try:
        start_utc, price, notes = _parse_columns(
            (lines, [cells[0] for _, cells in rows], [cells[1] for _, cells in rows]),
            settings.time_zone,
            decimal_comma=table.decimal_comma,
        )
    except PriceError as error:
        raise PriceError([*problems, *error.problems]) from error
    _raise_if(problems)
    return ParsedPrices(
        kind="plain CSV",
        start_utc=start_utc,
        price=price,
        line=np.array(lines, dtype=np.int64),
        unit=str(settings.unit),
        column=None,
        notes=tuple(notes),
        local_time_zone=None if "UTC offsets in the stamps" in notes else settings.time_zone,
    )


def _parse_columns(
    columns: tuple[list[int], list[str], list[str]], time_zone: str | None, *, decimal_comma: bool
) -> tuple[NDArray[np.datetime64], Floats, list[str]]:
    """Return starts in UTC, prices and notes of (lines, stamps, prices), all problems at once."""
    lines, stamps, prices = columns
    if not lines:
        raise PriceError("has a header but no prices")
    problems: list[str] = []
    start_utc, price = np.empty(0, dtype="datetime64[m]"), np.empty(0)
    notes: list[str] = []
    try:
        start_utc, stamp_notes = parse_stamps(stamps, lines, time_zone)
        notes += stamp_notes
    except PriceError as error:
        problems += error.problems
    try:
        price, price_notes = parse_numbers(prices, lines, decimal_comma=decimal_comma)
        notes += price_notes
    except PriceError as error:
        problems += error.problems
    _raise_if(problems)
    return start_utc, price, notes


def _header_problems(header: tuple[str, ...], unit: str | None) -> list[str]:
    """Return what a header says against the stated unit."""
    currency = _OTHER_CURRENCY.search(header[1])
    if currency:
        return [f"header {header[1]!r} names {currency.group()}; prices must be in EUR"]
    energy = _ENERGY_UNIT.search(header[1])
    if energy is None:
        return []
    if energy.group(1) is None:
        return [f"header {header[1]!r} names ct/kWh; allowed: EUR/MWh or EUR/kWh"]
    named = "EUR/MWh" if energy.group(1).lower() == "mwh" else "EUR/kWh"
    if unit is None or named == unit:
        return []
    return [f'header {header[1]!r} names {named}, but unit = "{unit}" is stated']


def _ragged(table: Table) -> list[str]:
    if not table.ragged:
        return []
    count, width = len(table.ragged), len(table.header)
    return [
        f"{count} lines do not have the {width} cells of the header, first: line {table.ragged[0]}"
        + ("" if table.decimal_comma else "; a decimal comma needs ';' between the columns")
    ]


def _fixed_settings(settings: Prices, kind: str, names: tuple[str, ...]) -> list[str]:
    """Return which settings contradict a format that fixes its own unit and time zone."""
    problems = _not_applicable(settings, f"a file of {kind}", names)
    if settings.unit == "EUR/kWh":
        problems.append(f'unit = "EUR/kWh" is stated, but files of {kind} are in EUR/MWh')
    return problems


def _not_applicable(settings: Prices, kind: str, names: tuple[str, ...]) -> list[str]:
    return [
        f'{name} = "{getattr(settings, name)}" has no meaning for {kind}; leave it out'
        for name in names
        if getattr(settings, name) is not None
    ]


def _raise_if(problems: list[str]) -> None:
    if problems:
        raise PriceError(problems)
