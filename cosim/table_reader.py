"""Read the tables of a run that may have been damaged or changed since it was written."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cosim.errors import RunFolderError
from cosim.records import Floats, Integers
from cosim.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class TableReader:
    """Reads tables of one playing of the days and tells which of them cannot be used."""

    run: RunFolder
    without_validation: bool

    def table(self, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
        """Return a table that has `columns`; raise RunFolderError otherwise."""
        try:
            table = self.run.table(name, without_validation=self.without_validation)
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.where(name)} cannot be read ({error})") from error
        missing = [column for column in columns if column not in table]
        if missing:
            raise RunFolderError(f"{self.where(name)} has no column {', '.join(missing)}")
        return table

    def matrices(
        self,
        name: str,
        columns: tuple[str, ...],
        *,
        intervals: Integers,
        key: str,
        elements: Integers,
    ) -> dict[str, Floats]:
        """Return `columns` as (intervals, elements), whatever the order of the rows."""
        table = self.table(name, ("interval", key, *columns))
        expected = pd.MultiIndex.from_product([intervals, elements])
        given = pd.MultiIndex.from_frame(table[["interval", key]])
        if len(given) != len(expected) or not (given.is_unique and expected.isin(given).all()):
            raise RunFolderError(
                f"{self.where(name)} must hold {len(intervals)} intervals x {len(elements)} "
                f"elements of the feeder, each once; it holds {len(given)} rows"
            )
        rows = table.set_index(given)[list(columns)].reindex(expected)
        shape = (len(intervals), len(elements))
        return {column: rows[column].to_numpy(np.float64).reshape(shape) for column in columns}

    def where(self, name: str) -> str:
        """Return the file of a table, for the beginning of a sentence."""
        inner = "without_validation/" if self.without_validation else ""
        return f"{self.run.path}/{inner}{name}.parquet:"
