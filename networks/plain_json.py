"""Read pandapower's JSON without making anything but tables.

pandapower's own reader imports the modules and makes the objects that a file names. Here a file is
first reduced to what a net consists of: tables, numbers and words. Whatever else it names is left
out, or the file refused where no net has a reason to name it.
"""

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandapower as pp
import pandas as pd
from packaging.version import InvalidVersion, Version
from pandapower._version import __format_version__

from networks.errors import NetworkError

NET = ("pandapower.auxiliary", "pandapowerNet")
TABLES = (
    ("pandas.core.frame", "DataFrame"),
    ("pandas", "DataFrame"),
    ("pandas.core.series", "Series"),
    ("pandas", "Series"),
)
SEQUENCES = (
    *(("builtins", name) for name in ("tuple", "set", "frozenset")),
    ("numpy", "array"),
)
TABLE_OPTIONS = (
    *("orient", "dtype", "is_multiindex", "is_multicolumn"),
    *("index_name", "index_names", "column_name", "column_names"),
)
"""What a table may say besides its content; other options of pandas' reader are not passed on."""

EXPECTED = ("pandapower", "pandas", "numpy", "networkx", "shapely", "geopandas")
"""Packages of which pandapower itself writes objects: these are left out, not refused."""

UNREADABLE = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, UserWarning),
    *(ImportError, NotImplementedError, RecursionError, AssertionError, OverflowError),
)
"""What pandapower and pandas raise on content that they do not understand."""


@dataclass(slots=True)
class _Found:
    """What was met on the way and is no part of a net."""

    left_out: dict[str, int] = field(default_factory=dict)  # class -> how often
    refused: list[str] = field(default_factory=list)


def read_json(path: Path) -> tuple[pp.pandapowerNet, list[str]]:
    """Return the net in a JSON file of pandapower, and sentences on what was left out.

    No object is made and no module imported, whatever the file names.

    Raises:
        NetworkError: the file is not JSON, holds no net, is of a newer format, or names classes
            that no net has.
    """
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NetworkError(f"{path}: is no text in UTF-8, so no JSON of pandapower") from error
    except RecursionError as error:
        raise NetworkError(f"{path}: is nested too deeply for a net") from error
    except ValueError as error:
        raise NetworkError(
            f"{path}: is not valid JSON ({error}); it may be cut short: save the net again with "
            "pandapower.to_json"
        ) from error
    if not isinstance(content, dict) or not _is_net(content):
        raise NetworkError(
            f"{path}: is JSON, but no net of pandapower; allowed is what pandapower.to_json writes"
        )
    _refuse_newer(path, content.get("_object", content))
    found = _Found()
    try:
        plain = _plain_net(content, found)
    except RecursionError as error:
        raise NetworkError(f"{path}: is nested too deeply for a net") from error
    if found.refused:
        raise NetworkError([f"{path}: {problem}" for problem in dict.fromkeys(found.refused)])
    return _make(path, plain), _told(found)


def _make(path: Path, plain: dict[str, Any]) -> pp.pandapowerNet:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old formats are converted below
            net = pp.from_json_string(json.dumps(plain), convert=True, drop_invalid_geodata=True)
    except UNREADABLE as error:
        raise NetworkError(
            f"{path}: pandapower cannot read it ({type(error).__name__}: {error}); open the net "
            "where it was made and save it again with pandapower.to_json"
        ) from error
    if not isinstance(net, pp.pandapowerNet) or not isinstance(net.get("bus"), pd.DataFrame):
        raise NetworkError(f"{path}: is JSON, but no net of pandapower: it has no table of buses")
    return net


def _is_net(content: dict[str, Any]) -> bool:
    if "_class" in content or "_module" in content:
        return (content.get("_module"), content.get("_class")) == NET
    return "bus" in content and "ext_grid" in content  # the layout before pandapower 2


def _refuse_newer(path: Path, body: Any) -> None:
    given = body.get("format_version") if isinstance(body, dict) else None
    try:
        newer = given is not None and Version(str(given)) > Version(__format_version__)
    except InvalidVersion:
        return  # a net without a sound version is converted as an old one
    if newer:
        raise NetworkError(
            f"{path}: is of pandapower's format {given}, the installed pandapower {pp.__version__} "
            f"reads up to {__format_version__}; update pandapower, or save the net with an older "
            "one"
        )


def _plain_net(content: dict[str, Any], found: _Found) -> dict[str, Any]:
    body = content.get("_object", content) if "_class" in content else content
    if isinstance(body, str):
        body = _parsed(body, found)
    if not isinstance(body, dict):
        found.refused.append("the net is no collection of tables")
        return {}
    plain = {name: _plain(value, found) for name, value in body.items()}
    if "_class" not in content:
        return plain
    return {"_module": NET[0], "_class": NET[1], "_object": plain}


def _plain(value: Any, found: _Found) -> Any:
    """Return `value` with nothing but tables, lists, numbers and words."""
    if isinstance(value, list):
        return [_plain(each, found) for each in value]
    if not isinstance(value, dict):
        return value
    if "_class" not in value and "_module" not in value:
        return {name: _plain(each, found) for name, each in value.items()}
    return _plain_object(value, found)


def _plain_object(value: dict[str, Any], found: _Found) -> Any:
    module, name = str(value.get("_module")), str(value.get("_class"))
    content = value.get("_object")
    if (module, name) in TABLES and isinstance(content, str):
        options = {key: _plain(value[key], found) for key in TABLE_OPTIONS if key in value}
        inner = json.dumps(_plain(_parsed(content, found), found))
        return {"_module": module, "_class": name, "_object": inner, **options}
    if (module, name) in SEQUENCES and isinstance(content, list):
        return _plain(content, found)
    if module == "numpy" and isinstance(content, str | int | float):
        return _number(content)
    told = f"{module}.{name}"
    if module.split(".")[0] in EXPECTED or (module, name) == ("builtins", "complex"):
        found.left_out[told] = found.left_out.get(told, 0) + 1
    else:
        found.refused.append(
            f"names an object of {told}, which no net consists of; nothing of it was run. If the "
            "file comes from somebody you trust, save the net again without it"
        )
    return None


def _parsed(text: str, found: _Found) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        found.refused.append(f"a table is not valid JSON ({error})")
        return {}


def _number(content: str | float) -> Any:
    """Return what stands for a number of numpy."""
    if not isinstance(content, str):
        return content
    if content in ("True", "False"):
        return content == "True"
    try:
        return json.loads(content)
    except ValueError:
        return content


def _told(found: _Found) -> list[str]:
    return [
        f"{count} object{'s' if count > 1 else ''} of {name}: left out, only tables are read"
        for name, count in found.left_out.items()
    ]
