"""Prosumers from a CSV file: one a row, columns as the settings of `[[prosumers]]`."""

import re
from collections.abc import Iterable
from pathlib import Path

from cosim.errors import ScenarioError, SubmissionError
from cosim.scenario import ProsumerSettings
from cosim.submissions.sheet import Problems, check_columns, numbers, read_sheet, whole_numbers

PLACE = re.compile(r"prosumers\[(\d+)\](?:\.(\w+))?(?: \([^)]*\))?: (.*)")
"""How problems of a prosumer's settings begin: its number, the setting, which table it is."""


def read_prosumers(file: Path) -> dict[int, dict[str, float]]:
    """Return the settings in a file by the number of their row; the header is row 1.

    A column that is left out has its default. Settings are not judged here: that is done with all
    others of a scenario.

    Raises:
        ScenarioError: what is no table of numbers, all at once, with row numbers.
    """
    problems = Problems()
    values = {}
    columns = [name for name in ProsumerSettings.model_fields if name != "bus"]
    sheet = read_sheet(file, "prosumers", problems)
    if sheet is not None and check_columns(sheet, ("bus",), columns, problems):
        values["bus"] = whole_numbers(sheet, "bus", problems)
        values |= {
            name: numbers(sheet, name, problems) for name in columns if name in sheet.columns
        }
    try:
        problems.raise_any()
    except SubmissionError as error:
        raise ScenarioError(error.problems) from error
    if sheet is None:
        raise ScenarioError(f"{file}: cannot be read")  # a reader gave up without a word
    return {
        number: {
            name: int(column[at]) if name == "bus" else float(column[at])
            for name, column in values.items()
        }
        for at, number in enumerate(sheet.row.tolist())
    }


def by_row(problems: Iterable[str], file: Path, rows: Iterable[int]) -> tuple[list[str], list[str]]:
    """Return problems of prosumers with their rows of `file`, and all others as they are."""
    numbered, mine, others = list(rows), [], []
    for problem in problems:
        found = PLACE.match(problem)
        if found is None:
            others.append(problem)
            continue
        setting = f"{found[2]}: " if found[2] and found[2] != "bus" else ""
        mine.append(f"{file.name}, row {numbered[int(found[1]) - 1]}: {setting}{found[3]}")
    return mine, others
