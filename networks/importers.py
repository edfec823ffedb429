"""Read a feeder from a file: pandapower JSON or Excel, OpenDSS, MATPOWER.

::

    from networks.importers import read_net

    found = read_net("my_net.json")
    found.net, found.notes
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
from pandapower.toolbox import clear_result_tables

from networks.assumed_ratings import assume_by_flow, unrated
from networks.base_case import solved_copy
from networks.errors import NetworkError
from networks.file_kinds import ALLOWED, KINDS
from networks.inspection import find_problems
from networks.matpower_cases import read_case
from networks.opendss_circuits import read_circuit
from networks.plain_json import read_json
from networks.plain_tables import make_plain
from networks.workbooks import read_workbook

SAVED_WITH = "cosim_feeder"
"""Entry of a net that was saved beside a run: what was told of the feeder."""


@dataclass(frozen=True, slots=True, eq=False)
class ImportedNet:
    """A net from a file, and what is to be told about it."""

    net: pp.pandapowerNet
    kind: str  # one of `networks.file_kinds.KINDS`
    notes: tuple[str, ...]  # assumptions and repairs, one sentence each
    lines_assumed: bool  # whether ratings of lines are assumed
    transformers_assumed: bool
    saved: dict[str, Any] | None = None  # what was told where the net comes from a run folder


def read_net(path: Path | str) -> ImportedNet:
    """Return the net in a file; everything that was assumed or repaired stands in its notes.

    Raises:
        NetworkError: there is no such file, it is of a kind that is not read, or cannot be read;
            all problems of the file at once. Elements that are not modelled are told by
            `networks.inspection.find_problems`.
    """
    path = Path(path)
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise NetworkError(f"{path}: files of this kind are not read; allowed are {ALLOWED}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise NetworkError(f"{path}: cannot be read ({error.strerror})") from error
    assumed = False
    if kind == KINDS[".dss"]:
        net, notes, assumed = read_circuit(path)
    else:
        reader = {".json": read_json, ".xlsx": read_workbook, ".m": read_case}[path.suffix.lower()]
        net, notes = reader(path)
    saved = _tidy(net, notes)
    lines = transformers = False
    fine = not find_problems(net)
    if fine:
        notes = [*notes, *make_plain(net)]
    if fine and any(map(len, unrated(net))):
        told, lines, transformers = assume_by_flow(net, solved_copy(net))
        notes = [*notes, *told]
    if kind != KINDS[".json"]:  # through JSON, so that it has the hash of what a run saves of it
        net = pp.from_json_string(pp.to_json(net))
    return ImportedNet(
        net=net,
        kind=kind,
        notes=tuple(notes),
        lines_assumed=assumed or lines,
        transformers_assumed=transformers,
        saved=saved,
    )


def _tidy(net: pp.pandapowerNet, notes: list[str]) -> dict[str, Any] | None:
    """Take out results and options, in place; return what was told of a net that a run saved."""
    if net.get("user_pf_options"):
        notes.append("user_pf_options: left out; the power flow has its own options")
    net["user_pf_options"] = {}
    for name in ("_options", "mpc_additional_data"):
        net.pop(name, None)
    clear_result_tables(net)
    net["converged"] = False
    for name, value in list(net.items()):
        if isinstance(value, np.generic):  # as a plain number, which JSON gives back as it was
            net[name] = value.item()
    saved = net.pop(SAVED_WITH, None)
    return saved if isinstance(saved, dict) else None
