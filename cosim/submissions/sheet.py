"""Tables that people hand over: read as they are, every problem told with file and row.

A row is named as a spreadsheet numbers it: the header is row 1. Nothing is dropped but rows whose
cells are all empty.
"""

import csv
import difflib
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from cosim.errors import SubmissionError
from cosim.records import Booleans, Floats, Integers

ROWS_MAX: Final = 1_000_000
PROBLEMS_SHOWN: Final = 50
TOLD_MAX: Final = 10_000
"""Sentences that are made at all; further problems are only counted."""
LARGEST_WHOLE: Final = 2.0**53
"""Beyond it, a number does not tell whole numbers apart."""

LARGEST_KW: Final = 1e6
"""Power of one row. A gigawatt is beyond any distribution feeder, and beside such numbers the
power flow's accuracy of a watt is lost."""

DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")
Source = str | Path | pd.DataFrame


class Problems:
    """Everything found wrong, in the order of files and rows; only the first ones are spelt out."""

    def __init__(self) -> None:
        """Begin with none."""
        self._told: list[tuple[int, int, str]] = []
        self._unspoken = 0
        self._files: dict[str, int] = {}

    def whole(self, name: str, sentence: str) -> None:
        """Add what is wrong with the file `name` as a whole."""
        self._told.append((self._order(name), 0, f"{name}: {sentence}"))

    def rows(self, sheet: "Sheet", wrong: Booleans, tell: Callable[[int], str]) -> None:
        """Add a sentence for every row that is `wrong`; `tell` gets its position."""
        positions = np.flatnonzero(wrong)
        self._unspoken += max(0, len(positions) - PROBLEMS_SHOWN)
        for position in positions[:PROBLEMS_SHOWN].tolist():
            self.row(sheet.name, int(sheet.row[position]), tell(position))

    def row(self, name: str, row: int, sentence: str) -> None:
        """Add what is wrong with one row."""
        if len(self._told) < TOLD_MAX:
            self._told.append((self._order(name), row, f"{name}, row {row}: {sentence}"))
        else:
            self._unspoken += 1

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._told) + self._unspoken

    def sentences(self) -> list[str]:
        """Return the first of them and how many more there are."""
        told = [sentence for _, _, sentence in sorted(self._told)]
        rest = self.count - min(len(told), PROBLEMS_SHOWN)
        more = f"and {rest} more problem{'' if rest == 1 else 's'}"
        return told[:PROBLEMS_SHOWN] + ([more] if rest else [])

    def raise_any(self) -> None:
        """Raise SubmissionError if there are any."""
        if self.count:
            raise SubmissionError(self.sentences())

    def _order(self, name: str) -> int:
        return self._files.setdefault(name, len(self._files))


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A table as it was handed over: cells are text, or what a data frame holds."""

    name: str  # of the file, or what the table is
    columns: dict[str, "pd.Series[Any]"]
    row: Integers  # number of each row
    separator: str = ","  # between the values of a file

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.row)

    def text(self, column: str) -> NDArray[np.object_]:
        """Return a column as stripped text, "" where nothing stands."""
        cells = self.columns[column]
        plain = cells.astype(object).where(cells.notna(), "").astype(str).str.strip()
        if pd.api.types.is_float_dtype(cells.dtype):  # 17.0 in a data frame is bus 17
            plain = plain.str.removesuffix(".0")
        return plain.to_numpy(dtype=object)


def read_sheet(
    source: Source, name: str, problems: Problems, *, semicolons: bool = False
) -> Sheet | None:
    """Return a CSV file or data frame as a sheet, None if it cannot be read as a table.

    `name` is what a data frame is called in problems; a file is called by its own name. With
    `semicolons`, they may separate the values of a file, as spreadsheets write it where numbers
    have a decimal comma.
    """
    if isinstance(source, pd.DataFrame):
        return _from_frame(source, name, problems)
    path = Path(source)
    try:
        with path.open("rb") as file:
            header = file.readline()
            lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except OSError as error:
        problems.whole(str(path), f"cannot be read ({error.strerror})")
        return None
    european = semicolons and b";" in header and b"," not in header
    columns = _header(header, path.name, problems, separator=";" if european else ",")
    if columns is None:
        return None
    if lines > ROWS_MAX:
        problems.whole(path.name, _too_long(lines))
        return None
    return _from_csv(path, columns, problems, separator=";" if european else ",")


def check_columns(
    sheet: Sheet, needed: Collection[str], optional: Collection[str], problems: Problems
) -> bool:
    """Return whether all `needed` columns are there; tell of those and of unknown ones."""
    known = [*needed, *optional]
    for column in sheet.columns:
        if column not in known:
            word = column.lower()
            near = difflib.get_close_matches(word, known, n=1)
            near = near or [each for each in known if each.startswith(word)]
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            problems.whole(
                sheet.name, f"unknown column {column!r}{hint}; known are {', '.join(known)}"
            )
    missing = [column for column in needed if column not in sheet.columns]
    for column in missing:
        problems.whole(sheet.name, f"column {column!r} is missing; needed are {', '.join(needed)}")
    return not missing


def numbers(sheet: Sheet, column: str, problems: Problems, *, least: float | None = None) -> Floats:
    """Return a column of finite numbers, NaN where a cell is none or is below `least` (told)."""
    return _bounded(sheet, column, problems, -np.inf if least is None else least, np.inf)


def powers(sheet: Sheet, column: str, problems: Problems, *, least: float | None = None) -> Floats:
    """Return a column of powers, kW or kvar, as `numbers`; beyond LARGEST_KW is told too."""
    return _bounded(sheet, column, problems, -LARGEST_KW if least is None else least, LARGEST_KW)


def _bounded(sheet: Sheet, column: str, problems: Problems, least: float, most: float) -> Floats:
    cells = sheet.columns[column]
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~np.isfinite(values)
    problems.rows(sheet, wrong, lambda at: f"{column} {_not_a_number(cells.iloc[at])}")
    low, high = ~wrong & (values < least), ~wrong & (values > most)
    for outside, allowed in ((low, f"at least {least:g}"), (high, f"at most {most:g}")):

        def tell(at: int, allowed: str = allowed) -> str:
            return f"{column} is {values[at]:g}; allowed is {allowed}"

        problems.rows(sheet, outside, tell)
    return np.where(wrong | low | high, np.nan, values)


def whole_numbers(sheet: Sheet, column: str, problems: Problems) -> Floats:
    """Return a column of whole numbers as floats, NaN where a cell is none (which is told)."""
    values = numbers(sheet, column, problems)
    known = np.isfinite(values)
    broken = known & ((np.round(values) != values) | (np.abs(values) > LARGEST_WHOLE))
    problems.rows(
        sheet, broken, lambda at: f"{column} is {values[at]:g}; allowed is a whole number"
    )
    return np.where(broken, np.nan, values)


def duplicates(sheet: Sheet, keys: Iterable[NDArray[Any]]) -> tuple[Booleans, Integers]:
    """Return which rows repeat an earlier one, and the number of the row each one repeats."""
    frame = pd.DataFrame(dict(enumerate(keys)))
    known = frame.notna().all(axis=1).to_numpy()
    again = frame.duplicated().to_numpy() & known
    if not again.any():
        return again, sheet.row
    first = frame.assign(row=sheet.row).groupby(list(frame.columns), dropna=False, sort=False)
    return again, first["row"].transform("first").to_numpy(dtype=np.int64)


def _from_frame(frame: pd.DataFrame, name: str, problems: Problems) -> Sheet | None:
    names = [str(column).strip() for column in frame.columns]
    if not _columns_differ(names, name, problems):
        return None
    if len(frame) > ROWS_MAX:
        problems.whole(name, _too_long(len(frame)))
        return None
    columns = {column: frame.iloc[:, at].reset_index(drop=True) for at, column in enumerate(names)}
    return _sheet(name, columns, np.arange(2, len(frame) + 2), problems)


def _header(line: bytes, name: str, problems: Problems, *, separator: str) -> list[str] | None:
    """Return the column names of a CSV file."""
    if not line.strip():
        problems.whole(name, "is empty; the first row must name the columns")
        return None
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        problems.whole(name, "is not UTF-8 text; save it as CSV (UTF-8)")
        return None
    if "\r" in text.rstrip("\r\n"):
        problems.whole(name, "ends its lines with carriage returns alone; save it with line feeds")
        return None
    columns = [column.strip() for column in next(csv.reader([text], delimiter=separator))]
    for other, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(columns) == 1 and other in text:
            problems.whole(
                name,
                f"is separated by {word}; allowed are commas between values and points in numbers",
            )
            return None
    return columns if _columns_differ(columns, name, problems) else None


def _columns_differ(columns: list[str], name: str, problems: Problems) -> bool:
    """Return whether every column has a name of its own."""
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    for column in twice:
        problems.whole(name, f"column {column!r} stands there {columns.count(column)} times")
    if "" in columns:
        problems.whole(name, f"column {columns.index('') + 1} has no name")
    return not twice and "" not in columns


def _from_csv(
    path: Path, columns: list[str], problems: Problems, *, separator: str
) -> Sheet | None:
    """Read the rows below the header, all cells as text."""
    ragged: list[int] = []

    def refuse(row: Any) -> str:
        ragged.append(int(row.number))
        problems.row(path.name, int(row.number), _ragged(row, len(columns)))
        return "skip"

    try:
        table = arrow_csv.read_csv(
            path,
            arrow_csv.ReadOptions(use_threads=False, column_names=columns, skip_rows=1),
            arrow_csv.ParseOptions(
                delimiter=separator, invalid_row_handler=refuse, ignore_empty_lines=False
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        if "skip initial" not in str(error):  # a header without a line end has nothing below it
            problems.whole(path.name, f"cannot be read as CSV in UTF-8 ({error})")
            return None
        table = pa.table({column: pa.array([], pa.string()) for column in columns})
    numbers_of_rows = np.arange(2, len(table) + len(ragged) + 2)
    row = np.setdiff1d(numbers_of_rows, ragged, assume_unique=True)
    cells = {column: table.column(column).to_pandas() for column in columns}
    sheet = _sheet(path.name, cells, row, problems, told=bool(ragged))
    return None if sheet is None else replace(sheet, separator=separator)


def _sheet(
    name: str,
    columns: dict[str, "pd.Series[Any]"],
    row: Integers,
    problems: Problems,
    *,
    told: bool = False,
) -> Sheet | None:
    """Return a sheet without its empty rows; one without any row is a problem."""
    if not columns:
        problems.whole(name, "is empty; the first row must name the columns")
        return None
    filled = np.zeros(len(row), np.bool_)
    for cells in columns.values():
        empty = cells.isna()
        if cells.dtype == object or pd.api.types.is_string_dtype(cells.dtype):
            empty = empty | (cells.astype(str).str.strip() == "")
        filled |= ~empty.to_numpy(dtype=np.bool_)
    if not filled.any():
        if not told:
            problems.whole(name, "has a header but no rows")
        return None
    if filled.all():
        return Sheet(name, columns, row)
    kept = {column: cells[filled].reset_index(drop=True) for column, cells in columns.items()}
    return Sheet(name, kept, row[filled])


def _ragged(row: Any, columns: int) -> str:
    """Return what is wrong with a row that has too few or too many values."""
    found = f"has {row.actual_columns} values, the header names {columns} columns"
    if row.actual_columns > columns:
        return f"{found}; numbers are written with a point, not a comma"
    if ";" in row.text:
        return f"{found}; values are separated by commas, not semicolons"
    return found


def _not_a_number(cell: object) -> str:
    """Return what is wrong with a cell that should hold a finite number."""
    text = "" if cell is None or cell is pd.NA else str(cell)
    if not text.strip():
        return "is empty; allowed is a number"
    if DECIMAL_COMMA.fullmatch(text):
        return f"is {text.strip()!r}; numbers are written with a point, not a comma"
    return f"is {text.strip()!r}; allowed is a finite number"


def _too_long(rows: int) -> str:
    return f"has {rows} rows; allowed are {ROWS_MAX} at the most"
