"""Tables that a study leaves in its folder: names, columns, kinds.

Levels and capacities are installed kW of new plants over the feeder; bus, line and transformer
numbers are pandapower's own.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

Columns = Mapping[str, str]

ELEMENT: Final[Columns] = {
    "limiting": "str",  # name of records.Limiting in lower case, "none" for none
    "element_kind": "str",  # "bus", "line", "transformer" or ""
    "element": "int",  # pandapower number, -1 for none
    "element_name": "str",
    "value": "float",  # p.u., percent or kW, at the first level that fails
    "limit": "float",
}
EXTREMES: Final[Columns] = {
    "voltage_max_pu": "float",
    "voltage_min_pu": "float",
    "rise_max_pu": "float",
    "drop_max_pu": "float",
    "line_max_percent": "float",
    "transformer_max_percent": "float",
    "import_max_kw": "float",
    "export_max_kw": "float",
    "loss_kwh": "float",
    "offered_kwh": "float",
    "curtailed_kwh": "float",
}

TABLES: Final[Mapping[str, Columns]] = {
    # One row a lever and scenario.
    "scenarios": {
        "lever": "str",
        "scenario": "int",
        "hosting_kw": "float",
        **ELEMENT,
        "plants": "int",
        "curtailed_share": "float",
        "monotone": "bool",
    },
    # One row a group of limits and scenario: what each group alone would allow, without levers.
    "criteria": {"criterion": "str", "scenario": "int", "hosting_kw": "float", **ELEMENT},
    # Extremes level by level of some scenarios.
    "levels": {
        "lever": "str",
        "scenario": "int",
        "level_kw": "float",
        "violates": "bool",
        "limiting": "str",
        **EXTREMES,
    },
    # One row a lever ("all" limits), and one a group of limits under "fit_and_forget".
    "summary": {
        "lever": "str",
        "criterion": "str",
        "scenarios": "int",
        "first_kw": "float",
        "q05_kw": "float",
        "median_kw": "float",
        "q95_kw": "float",
        "all_kw": "float",
        "mean_kw": "float",
        "first_percent_of_peak": "float",
        "median_percent_of_peak": "float",
        "all_percent_of_peak": "float",
        "median_homes_share": "float",  # NaN without homes
        "limiting": "str",  # most frequent
        "limiting_share": "float",  # of the scenarios
        "not_monotone": "int",  # scenarios that pass again above a failing level
        "curtailed_share": "float",  # mean at the hosting level
        "reference": "str",  # the lever that uplift is against
        "uplift_percent": "float",  # mean of (lever - reference) / reference over scenarios
        "uplift_low": "float",
        "uplift_high": "float",
    },
    # What a lever adds to the one that has everything but one thing: parts of an uplift.
    "steps": {
        "lever": "str",
        "below": "str",
        "reference": "str",
        "median_kw": "float",
        "gained_percent": "float",  # mean of (lever - below) / reference over scenarios
        "gained_low": "float",
        "gained_high": "float",
    },
    # Share of scenarios that violate at a level, and region "A", "B" or "C".
    "regions": {
        "lever": "str",
        "criterion": "str",
        "level_kw": "float",
        "violating_share": "float",
        "region": "str",
    },
    # Quantiles of the hosting capacity over the first so many scenarios, 95 % intervals.
    "running": {
        "lever": "str",
        "quantile": "float",
        "scenarios": "int",
        "value_kw": "float",
        "low_kw": "float",
        "high_kw": "float",
    },
    # How many scenarios each constraint limits, by lever.
    "limiting": {"lever": "str", "limiting": "str", "scenarios": "int", "share": "float"},
    # All new plants at one bus.
    "nodes": {
        "bus": "int",
        "name": "str",
        "x": "float",
        "y": "float",
        "distance_ohm": "float",
        "hosting_kw": "float",
        **ELEMENT,
    },
    "optimal": {"bus": "int", "name": "str", "kw": "float", "total_kw": "float"},
    # Largest uniform generation and load at each local hour.
    "hours": {
        "hour": "int",
        "generation_kw": "float",
        "generation_limiting": "str",
        "load_kw": "float",
        "load_limiting": "str",
    },
    # Of the scenario at the median, at the point in time that breaks first.
    "voltages": {
        "bus": "int",
        "name": "str",
        "distance_ohm": "float",
        "base_pu": "float",
        "hosting_pu": "float",
        "above_pu": "float",
    },
    # Sorted values of the scenario at the median, series only.
    "durations": {
        "state": "str",  # "base", "hosting"
        "quantity": "str",  # voltage_max_pu, voltage_min_pu, line_percent, transformer_percent,
        #                     import_kw (negative: fed in)
        "share_of_time": "float",
        "value": "float",
    },
    "sensitivity": {
        "what": "str",  # load_share, criteria, power_factor, slack_voltage_pu
        "value": "str",
        "is_study": "bool",  # the value that the study itself has
        "first_kw": "float",
        "q05_kw": "float",
        "median_kw": "float",
        "all_kw": "float",
        "limiting": "str",
    },
    "base_case": {
        "quantity": "str",
        "value": "float",
        "limit": "float",  # NaN for none
        "fails": "bool",
        "element_kind": "str",
        "element": "int",
        "element_name": "str",
    },
}
"""By name of the file, without its ending."""

KINDS: Final[Mapping[str, Any]] = {
    "str": object,
    "int": np.int64,
    "float": np.float64,
    "bool": np.bool_,
}


def table(name: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return the columns of table `name` in order; scalars count for every row."""
    kinds = TABLES[name]
    if set(columns) != set(kinds):
        wrong = sorted(set(columns) ^ set(kinds))
        message = f"table {name} needs exactly its columns; missing or too much: {wrong}"
        raise ValueError(message)
    lengths = {len(each) for each in columns.values() if not np.isscalar(each)}
    (rows,) = lengths or {1}
    return pd.DataFrame(
        {column: _column(columns[column], rows, kind) for column, kind in kinds.items()}
    )


def _column(values: Any, rows: int, kind: str) -> Any:
    if np.isscalar(values):
        values = [values] * rows
    made = np.empty(rows, KINDS[kind])
    made[:] = values
    return made


def empty(name: str) -> pd.DataFrame:
    """Return a table without rows."""
    return table(name, {column: [] for column in TABLES[name]})


def joined(name: str, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return parts one below the other."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else empty(name)
