"""Prosumers from a CSV file: one a row, columns as the settings of `[[prosumers]]`."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cosim.errors import ScenarioError, SubmissionError
from cosim.scenario import ProsumerSettings
from cosim.submissions.sheet import (
    DECIMAL_COMMA,
    LARGEST_WHOLE,
    PROBLEMS_SHOWN,
    Problems,
    Sheet,
    check_columns,
    read_sheet,
)

PLACE = re.compile(r"prosumers\[(\d+)\](?:\.(\w+))?(?: \([^)]*\))?: (.*)")
"""How problems of a prosumer's settings begin: its number, the setting, which table it is."""

BUS, BUS_NAME = "bus", "bus_name"


def read_prosumers(file: Path) -> dict[int, dict[str, Any]]:
    """Return the settings in a file by the number of their row; the header is row 1.

    What is left out, a column or a cell, has its default. What is no number stands there as it is
    written: settings are judged with all others of a scenario. A bus may be told by its name, see
    `cosim.prosumer_buses`.

    Raises:
        ScenarioError: what is no table, all at once, with row numbers.
    """
    problems = Problems()
    sheet = read_sheet(file, "prosumers", problems, semicolons=True)
    if sheet is not None:
        sheet = _in_small_letters(sheet)
        known = [BUS_NAME, *ProsumerSettings.model_fields]
        needed = [] if BUS_NAME in sheet.columns else [BUS]
        check_columns(sheet, needed, [name for name in known if name not in needed], problems)
    try:
        problems.raise_any()
    except SubmissionError as error:
        raise ScenarioError(error.problems) from error
    if sheet is None:
        raise ScenarioError(f"{file}: cannot be read")  # a reader gave up without a word
    texts = {name: sheet.text(name) for name in sheet.columns}
    return {
        number: {
            name: _value(name, column[at], comma=sheet.separator == ";")
            for name, column in texts.items()
            if column[at]
        }
        for at, number in enumerate(sheet.row.tolist())
    }


def by_row(
    problems: Iterable[str],
    file: Path,
    rows: Iterable[int],
    instead: Mapping[int, str],
) -> tuple[list[str], list[str]]:
    """Return problems of prosumers with their rows of `file`, and all others as they are.

    `instead` says by row what is wrong with a bus that is told by its name. Those of rows are in
    the order of the file, and only the first ones are spelt out.
    """
    numbered, others = list(rows), []
    mine = [(row, sentence) for row, sentence in instead.items()]
    for problem in problems:
        found = PLACE.match(problem)
        if found is None:
            others.append(problem)
            continue
        row, setting, sentence = numbered[int(found[1]) - 1], found[2], found[3]
        if setting == BUS and row in instead:
            continue
        named = setting and not sentence.startswith(f"{BUS} ")
        mine.append((row, f"{setting}: {sentence}" if named else sentence))
    mine.sort(key=lambda each: each[0])
    told = [f"{file.name}, row {row}: {sentence}" for row, sentence in mine[:PROBLEMS_SHOWN]]
    if rest := len(mine) - len(told):
        told.append(f"{file.name}: and {rest} more problem{'s' if rest > 1 else ''}")
    return told, others


def _in_small_letters(sheet: Sheet) -> Sheet:
    """Return the sheet with known columns under their names, also where these are in capitals."""
    known = {BUS_NAME, *ProsumerSettings.model_fields}
    columns = {
        name.lower() if name.lower() in known and name.lower() not in sheet.columns else name: cells
        for name, cells in sheet.columns.items()
    }
    return replace(sheet, columns=columns)


def _value(name: str, text: str, *, comma: bool) -> Any:
    """Return a cell as a number where it is one, the bus as a whole one."""
    if name == BUS_NAME:
        return text
    plain = text.replace(",", ".") if comma and DECIMAL_COMMA.fullmatch(text) else text
    try:
        value = float(plain)
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    whole = name == BUS and value.is_integer() and abs(value) <= LARGEST_WHOLE
    return int(value) if whole else value
