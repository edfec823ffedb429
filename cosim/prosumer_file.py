"""Prosumers from a CSV file: one a row, columns as the settings of `[[prosumers]]`."""

from pathlib import Path

from pydantic import ValidationError

from cosim.errors import ScenarioError, SubmissionError
from cosim.scenario import ProsumerSettings
from cosim.setting_errors import error_sentences
from cosim.submissions.sheet import Problems, check_columns, numbers, read_sheet, whole_numbers


def read_prosumers(file: Path) -> list[dict[str, float]]:
    """Return the settings of every row; a column that is left out has its default.

    Raises:
        ScenarioError: everything wrong with the file, with row numbers (the header is row 1).
    """
    problems = Problems()
    rows: list[dict[str, float]] = []
    columns = [name for name in ProsumerSettings.model_fields if name != "bus"]
    sheet = read_sheet(file, "prosumers", problems)
    if sheet is not None and check_columns(sheet, ("bus",), columns, problems):
        values = {"bus": whole_numbers(sheet, "bus", problems)}
        values |= {
            name: numbers(sheet, name, problems) for name in columns if name in sheet.columns
        }
        if not problems.count:
            rows = [
                {name: float(column[at]) for name, column in values.items()}
                for at in range(len(sheet))
            ]
        for number, row in zip(sheet.row.tolist(), rows, strict=False):
            row["bus"] = int(row["bus"])
            try:
                ProsumerSettings.model_validate(row)
            except ValidationError as error:
                for sentence in error_sentences(error, ProsumerSettings):
                    problems.row(sheet.name, number, sentence.removeprefix(": "))
    try:
        problems.raise_any()
    except SubmissionError as error:
        raise ScenarioError(error.problems) from error
    return rows
