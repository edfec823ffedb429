"""Bring cells of edited nets into the kinds of numbers that pandapower's compiled code takes.

A column with one empty cell comes back from a file as decimals or as words. pandapower indexes by
bus numbers and by what is in service without a look at them.
"""

import numpy as np
import pandapower as pp
import pandas as pd

from networks.malformed import ENDS, in_service, listed, numeric

WHOLE = {"switch": ("bus", "element"), "line": ("parallel",), "trafo": ("parallel",)}
"""Columns beside `networks.malformed.ENDS` that hold whole numbers."""


def make_plain(net: pp.pandapowerNet) -> list[str]:
    """Make bus numbers whole and "in service" true or false, in place; tell of cells left empty.

    Elements out of service whose bus does not exist are taken out: they do nothing, and pandapower
    would look for their bus. Columns of which a cell in use holds something else stay as they are:
    `networks.malformed.find_malformed` tells of these.
    """
    notes = []
    for name in ("bus", *ENDS):
        table = net.get(name)
        if not isinstance(table, pd.DataFrame):
            continue
        if "in_service" in table and table.in_service.dtype != np.bool_:
            empty = table.index[table.in_service.isna().to_numpy(bool)]
            if len(empty):
                notes.append(f"{name} {listed(empty)}: in_service is empty; counts as false")
            used = table.index.isin(in_service(table))
            table = table.assign(in_service=np.asarray(used, np.bool_))
        ends = [column for column in ENDS.get(name, ()) if column in table]
        if ends and "in_service" in table:
            nowhere = ~table[ends].isin(net.bus.index).all(axis=1)
            idle = (nowhere & ~table.in_service).to_numpy(bool)
            table = table.loc[~idle] if idle.any() else table
        net[name] = table
    for name, columns in (*ENDS.items(), *WHOLE.items()):
        table = net.get(name)
        if isinstance(table, pd.DataFrame):
            net[name] = _whole(table, columns)
    return notes


def _whole(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    for column in columns:
        if column not in table or pd.api.types.is_integer_dtype(table[column].dtype):
            continue
        values = numeric(table, column)
        if np.isfinite(values).all() and (values == np.rint(values)).all():
            table = table.assign(**{column: values.astype(np.int64)})
    return table
