"""Every figure and table of a study's report as CSV, for people who go on with it."""

import csv
import io
from collections.abc import Iterable

from cosim.reports.blocks import Table
from cosim.reports.drawn import Drawn
from cosim.reports.wording import MINUS, MISSING, NARROW_SPACE, UNIT_SPACE

REPORT = "report.html"
FIGURES, TABLES = "figures", "tables"


def figure_path(name: str) -> str:
    """Return where the numbers of a figure lie, relative to the report."""
    return f"{FIGURES}/{name}.csv"


def table_path(name: str) -> str:
    """Return where a table lies, relative to the report."""
    return f"{TABLES}/{name}.csv"


def csv_files(drawn: Iterable[Drawn], tables: Iterable[Table]) -> dict[str, str]:
    """Return the numbers of all figures and the cells of all tables as CSV, by relative path."""
    figures = {
        figure_path(each.figure.name): each.numbers.to_csv(
            index=False, lineterminator="\n", float_format="%.8g"
        )
        for each in drawn
    }
    return figures | {table_path(each.name): table_csv(each) for each in tables}


def table_csv(table: Table) -> str:
    """Return the cells of a table as CSV: numbers without grouping, nothing for a dash."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([f"{each.title} {each.unit}".strip() for each in table.columns])
    for row in table.rows:
        cells = ["" if each == MISSING else plain_text(each) for each in row.cells]
        writer.writerow([*cells, *[""] * (len(table.columns) - len(cells))])
    return text.getvalue()


def plain_text(text: str) -> str:
    """Return a text with plain spaces and minus signs, numbers without grouping."""
    return text.replace(NARROW_SPACE, "").replace(MINUS, "-").replace(UNIT_SPACE, " ")
