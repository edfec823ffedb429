"""Small tables of named columns: what a task of a study returns, and their bytes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]
"""One-dimensional arrays of equal length by name: float64, int64, bool, or object holding str."""

ALLOWED = "numbers as float64 or int64, bool or text"
ENTRIES = {"f": "float64", "i": "int64", "b": "bool", "O": "text"}


def checked_columns(result: Any) -> Columns:
    """Return what a task gave as columns.

    Raises:
        ValueError: it is no table of such columns; all problems at once, a line each.
    """
    if not isinstance(result, Mapping) or not result:
        raise ValueError(f"gave {type(result).__name__}, allowed is a mapping of names to columns")
    problems: list[str] = []
    columns: Columns = {}
    for name, values in result.items():
        column = _column(values)
        if isinstance(column, str):
            problems.append(f"column {name!r} {column}")
        elif not isinstance(name, str) or not name:
            problems.append(f"a column is named {name!r}, allowed is text")
        else:
            columns[name] = column
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        problems.append(f"columns have unequal lengths: {lengths}")
    if problems:
        raise ValueError("\n".join(problems))
    return columns


def entries_of(columns: Columns) -> dict[str, str]:
    """Return the kind of entries of every column, in their order."""
    return {name: ENTRIES[column.dtype.kind] for name, column in columns.items()}


def to_bytes(columns: Columns) -> bytes:
    """Return columns as an Arrow stream."""
    import pyarrow as pa

    table = pa.table(
        {
            name: pa.array(column, type=pa.string() if column.dtype == object else None)
            for name, column in columns.items()
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def from_bytes(contents: Sequence[bytes]) -> Columns:
    """Return the rows of one or more Arrow streams of equal columns, one after the other."""
    import pyarrow as pa

    tables = [pa.ipc.open_stream(content).read_all() for content in contents]
    table = pa.concat_tables(tables)
    return {name: table.column(name).to_numpy() for name in table.column_names}


def _column(values: Any) -> NDArray[Any] | str:
    """Return values as an array that can be kept, or what is wrong with them."""
    if isinstance(values, np.ndarray):
        array = values
    elif isinstance(values, Sequence) and not isinstance(values, str):
        if not values:
            return "is an empty list, allowed is an array, which knows what it would hold"
        kinds = {type(each) for each in values}
        if len(kinds) > 1 and not all(issubclass(kind, int | float | np.number) for kind in kinds):
            return f"mixes {', '.join(sorted(kind.__name__ for kind in kinds))}"
        if bool in kinds and len(kinds) > 1:
            return "mixes bool with numbers"
        array = np.asarray(values, dtype=object if kinds == {str} else None)
    else:
        return f"is a {type(values).__name__}, allowed is an array or a list"
    if array.ndim != 1:
        return f"has {array.ndim} dimensions, allowed is 1"
    if array.dtype.kind == "U":
        return array.astype(object)
    if array.dtype == object and all(isinstance(each, str) for each in array):
        return array
    if array.dtype in (np.float64, np.int64, np.bool_):
        return array
    return f"holds {array.dtype}, allowed are {ALLOWED}"
