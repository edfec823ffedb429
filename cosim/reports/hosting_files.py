"""Every figure and table of a hosting-capacity report as CSV, for people who go on with it."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from cosim.reports.blocks import Table
from cosim.reports.hosting_data import Drawn
from cosim.reports.wording import MINUS, MISSING, NARROW_SPACE, UNIT_SPACE

FIGURES, TABLES = "figures", "tables"


def figure_path(name: str) -> str:
    """Return where the numbers of a figure lie, relative to the report."""
    return f"{FIGURES}/{name}.csv"


def table_path(name: str) -> str:
    """Return where a table lies, relative to the report."""
    return f"{TABLES}/{name}.csv"


def write_csv_files(folder: Path, drawn: Iterable[Drawn], tables: Iterable[Table]) -> None:
    """Write the numbers of all figures and the cells of all tables under `folder`."""
    for part in (FIGURES, TABLES):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for each in drawn:
        path = folder / figure_path(each.figure.name)
        each.numbers.to_csv(path, index=False, lineterminator="\n", float_format="%.8g")
    for table in tables:
        (folder / table_path(table.name)).write_text(table_csv(table), encoding="utf-8")


def table_csv(table: Table) -> str:
    """Return the cells of a table as CSV: numbers without grouping, nothing for a dash."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([f"{each.title} {each.unit}".strip() for each in table.columns])
    for row in table.rows:
        cells = [_plain(each) for each in row.cells]
        writer.writerow([*cells, *[""] * (len(table.columns) - len(cells))])
    return text.getvalue()


def _plain(cell: str) -> str:
    if cell == MISSING:
        return ""
    return cell.replace(NARROW_SPACE, "").replace(MINUS, "-").replace(UNIT_SPACE, " ")
