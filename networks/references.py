"""Feeders that are files: told apart from names, opened once, saved beside what is done with them.

`networks.catalog` asks here first, so that a path may stand wherever a feeder's name may.
"""

import copy
import math
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandapower as pp
import pandas as pd

from networks.assumed_ratings import placeholder_rating
from networks.compile import Description
from networks.entry import Entry
from networks.errors import NetworkError
from networks.file_kinds import ALLOWED, KINDS
from networks.importers import SAVED_WITH, ImportedNet, read_net
from networks.limits import Limits
from networks.malformed import listed, numeric

KEPT_OPEN = 4
"""So many files are kept in memory; one that changed on disk is read again."""

ZONES = {"resid": "residential", "commer": "commercial", "indus": "industrial"}
"""How a zone begins that says who lives there, and what it then is."""

GIVEN = "Line and transformer ratings as the file gives them."


def open_file(name: str) -> Entry:
    """Return the feeder in a file: its net, limits, zones, and all that was assumed.

    Raises:
        NetworkError: the file cannot be read, with every problem of it.
    """
    found = _read(Path(name))
    limits, told_limits = limits_of_net(found.net)
    zones, told_zones = zones_of_net(found.net)
    about = _about(Path(name), found)
    return Entry(
        description=Description(
            name=about.name,
            title=about.title,
            source=about.source,
            ratings_assumed=about.ratings_assumed,
            ratings_source=about.ratings_source,
        ),
        build=lambda: copy.deepcopy(found.net),
        limits=limits,
        zones=lambda _net: zones,
        notes=tuple(
            dict.fromkeys((*about.notes, *told_limits, *told_zones, *placeholder_rating(found.net)))
        ),
        transformer_ratings_assumed=about.transformer_ratings_assumed,
    )


def net_text(name: str) -> str:
    """Return the net of a feeder that is a file, as it is after repairs, as pandapower JSON.

    What was told of the feeder is part of it: opened again it is the same feeder.
    """
    entry = open_file(name)
    net = entry.build()
    net[SAVED_WITH] = {
        "name": entry.description.name,
        "title": entry.description.title,
        "source": entry.description.source,
        "ratings_assumed": entry.description.ratings_assumed,
        "ratings_source": entry.description.ratings_source,
        "transformer_ratings_assumed": entry.transformer_ratings_assumed,
        "notes": list(entry.notes),
    }
    return str(pp.to_json(net))


@dataclass(frozen=True, slots=True)
class _About:
    """What is told about a feeder."""

    name: str
    title: str
    source: str
    ratings_assumed: bool
    ratings_source: str
    transformer_ratings_assumed: bool
    notes: tuple[str, ...]


def _about(path: Path, found: ImportedNet) -> _About:
    """Return what is told of a file, or was told when a run saved it."""
    if found.saved is not None:
        try:
            return _About(**{**found.saved, "notes": tuple(map(str, found.saved["notes"]))})
        except (TypeError, KeyError):
            pass  # not written by `save_net`: told like any other file
    given = found.net.get("name")
    called = given.strip() if isinstance(given, str) else ""
    assumed = found.lines_assumed or found.transformers_assumed
    return _About(
        name=path.name,
        title=called or f"Feeder of {path.name}",
        source=f"{path.name}, {found.kind}",
        ratings_assumed=assumed,
        ratings_source=(
            "Assumed where the file gives none, as the notes say." if assumed else GIVEN
        ),
        transformer_ratings_assumed=found.transformers_assumed,
        notes=found.notes,
    )


def limits_of_net(net: pp.pandapowerNet) -> tuple[Limits, list[str]]:
    """Return the limits that most buses and branches of a net share, and what was assumed.

    What the net does not say is taken from the defaults of `Limits`.
    """
    usual = Limits()
    low, low_told = _shared(net.bus, "min_vm_pu", usual.voltage_min_pu)
    high, high_told = _shared(net.bus, "max_vm_pu", usual.voltage_max_pu)
    if not low < high:
        low_told = high_told = [
            f"voltage limits of the net, {low:g} to {high:g} p.u., leave nothing between them: "
            f"{usual.voltage_min_pu:g} to {usual.voltage_max_pu:g} p.u. are assumed"
        ]
        low, high = usual.voltage_min_pu, usual.voltage_max_pu
    columns = ("max_loading_percent",)
    branches = [table[[c for c in columns if c in table]] for table in (net.line, net.trafo)]
    loading, told = _shared(pd.concat(branches), columns[0], usual.loading_max_percent)
    return Limits(low, high, loading), [*dict.fromkeys([*low_told, *high_told]), *told]


def _shared(table: pd.DataFrame, column: str, usual: float) -> tuple[float, list[str]]:
    """Return the most common value of a column and whether it was assumed or is not of all."""
    values = numeric(table, column)
    values = values[(values > 0.0) & (values < math.inf)]
    if values.empty:
        return usual, [f"{column}: the net gives none, {usual:g} is assumed"]
    value = float(values.mode().iloc[0])
    others = values.index[(values != value).to_numpy(bool)]
    if not len(others):
        return value, []
    return value, [
        f"{column}: {len(others)} of {len(values)} rows give another value than {value:g} and are "
        "held to it too"
    ]


def zones_of_net(net: pp.pandapowerNet) -> tuple[dict[int, str], list[str]]:
    """Return who lives at each bus that says so, by bus number; homes live at all others."""
    if "zone" not in net.bus:
        return {}, []
    found, unknown = {}, []
    for bus, zone in net.bus.zone.items():
        word = zone.strip().lower() if isinstance(zone, str) else ""
        known = next((full for begin, full in ZONES.items() if word.startswith(begin)), "")
        if known:
            found[int(bus)] = known
        elif word:
            unknown.append(bus)
    if not unknown:
        return found, []
    return found, [
        f"bus {listed(pd.Index(unknown))}: zone says nothing of who lives there (residential, "
        "commercial, industrial), so homes do"
    ]


_OPEN: "OrderedDict[tuple[Any, ...], ImportedNet]" = OrderedDict()


def _read(path: Path) -> ImportedNet:
    """Return the net in a file, from memory where nothing on disk changed since."""
    if path.suffix.lower() not in KINDS:
        raise NetworkError(f"{path}: files of this kind are not read; allowed are {ALLOWED}")
    key = _state(path)
    if key not in _OPEN:
        _OPEN[key] = read_net(path)
        while len(_OPEN) > KEPT_OPEN:
            _OPEN.popitem(last=False)
    _OPEN.move_to_end(key)
    return _OPEN[key]


def _state(path: Path) -> tuple[Any, ...]:
    """Return what changes with a file, and with those beside it that a circuit may include."""
    try:
        beside = [path]
        if path.suffix.lower() == ".dss":
            beside = [*path.parent.glob("*"), *path.parent.glob("*/*")]
        stats = [(file.name, file.stat()) for file in sorted(beside) if file.is_file()]
    except OSError:
        stats = []
    return (str(path.absolute()), *((n, s.st_mtime_ns, s.st_size) for n, s in stats))
