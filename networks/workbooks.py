"""Read pandapower's Excel files without making anything but tables."""

import json
import logging
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pandapower as pp
import pandas as pd
from packaging.version import InvalidVersion, Version
from pandapower._version import __format_version__
from pandapower.convert_format import convert_format
from pandapower.io_utils import from_dict_of_dfs

from networks.errors import NetworkError
from networks.plain_json import UNREADABLE

NEEDED = ("bus", "ext_grid")
BRANCHES = ("line", "trafo")
OBJECTS = ("object", "recycle", "q_max_characteristic", "q_min_characteristic")
"""Columns from whose text pandapower would make objects."""


def read_workbook(path: Path) -> tuple[pp.pandapowerNet, list[str]]:
    """Return the net in an Excel file of pandapower, and sentences on what was left out.

    Raises:
        NetworkError: the file is no workbook, sheets are missing, or it is of a newer format.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validation that no net has
            sheets = pd.read_excel(path, sheet_name=None, index_col=0, engine="openpyxl")
    except ImportError as error:
        raise NetworkError(
            f"{path}: Excel files are read by the package openpyxl, which is not installed; "
            "`pip install openpyxl` provides it"
        ) from error
    except (zipfile.BadZipFile, OSError, *UNREADABLE) as error:
        raise NetworkError(
            f"{path}: is no Excel workbook ({error}); allowed is what pandapower.to_excel writes"
        ) from error
    _check(path, sheets)
    notes = _drop_objects(sheets)
    places = {
        name: sheets[name].pop("geo") for name in ("bus", "line") if "geo" in sheets.get(name, ())
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old formats are converted right here
            net = _make(sheets)
            convert_format(net, drop_invalid_geodata=True)
    except UNREADABLE as error:
        raise NetworkError(
            f"{path}: pandapower cannot read it ({type(error).__name__}: {error}); compare its "
            "sheets with those that pandapower.to_excel writes"
        ) from error
    for name, texts in places.items():
        net[name]["geo"] = [_place(text) for text in texts]
    return net, notes


def _make(sheets: dict[str, pd.DataFrame]) -> pp.pandapowerNet:
    """Return the net; where a cell does not fit the type noted for its column, without types."""
    try:
        return from_dict_of_dfs({name: sheet.copy() for name, sheet in sheets.items()})
    except UNREADABLE:
        logging.getLogger(__name__).debug("noted types do not fit", exc_info=True)
        bare = {name: sheet.copy() for name, sheet in sheets.items() if name != "dtypes"}
        return from_dict_of_dfs(bare)


def _check(path: Path, sheets: dict[str, pd.DataFrame]) -> None:
    """Raise NetworkError with all that keeps the sheets from being a net."""
    problems = [
        f"{path}: sheet {name} is missing; allowed is what pandapower.to_excel writes"
        for name in NEEDED
        if name not in sheets
    ]
    if not any(name in sheets for name in BRANCHES):
        problems.append(
            f"{path}: sheets line and trafo are both missing; a feeder needs one of them at least"
        )
    parameters = sheets.get("parameters")
    if parameters is not None and "format_version" in parameters and len(parameters):
        given = parameters["format_version"].iloc[0]
        try:
            newer = Version(str(given)) > Version(__format_version__)
        except InvalidVersion:
            newer = False
        if newer:
            problems.append(
                f"{path}: is of pandapower's format {given}, the installed pandapower "
                f"{pp.__version__} reads up to {__format_version__}; update pandapower, or save "
                "the net with an older one"
            )
    if problems:
        raise NetworkError(problems)


def _drop_objects(sheets: dict[str, pd.DataFrame]) -> list[str]:
    """Empty what pandapower would make objects from, and tell of it."""
    notes = []
    for name, sheet in sheets.items():
        columns = [column for column in OBJECTS if column in sheet.columns]
        for column in columns:
            del sheet[column]
        if columns and len(sheet):
            notes.append(f"{name}: {', '.join(columns)} left out, only tables are read")
    return notes


def _place(text: Any) -> str | None:
    """Return a cell as a GeoJSON geometry in text, None where it is none.

    pandapower writes the text of a geometry as JSON once more.
    """
    content = text
    for _ in range(2):
        if not isinstance(content, str):
            break
        try:
            content = json.loads(content)
        except ValueError:
            return None
    if not isinstance(content, dict) or "coordinates" not in content or "_module" in content:
        return None
    return json.dumps(content)
