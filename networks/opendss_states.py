"""States of an OpenDSS circuit that pandapower's converter does not read.

What is opened, by what the loads are multiplied, what transformers draw without load; and what is
in the circuit and would be missing in the net, which is refused.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd

from networks.malformed import listed

NOT_READ = (
    *("isource", "fault", "autotrans", "gictransformer", "gicline", "gicsource", "indmach012"),
    *("generic5", "windgen", "upfc", "vccs", "vsconverter"),
)
"""Classes of elements that change voltages and have no counterpart in the net."""

SKIPPED = re.compile(r"[;,] skipped$")
"""How the converter's warnings of what it leaves out end."""

FOLLOWS_MULTIPLIER = 0
"""Status of a load that is neither fixed nor exempt."""

STATED = ("line", "switch", "trafo", "load")


def find_unread(warnings: list[str], dss: Any) -> list[str]:
    """Return a sentence for everything in the circuit that would be missing in the net."""
    skipped = [text for text in warnings if SKIPPED.search(text)]
    names = Counter(kind for kind, _ in _elements(dss))
    found = [f"{kind}: {names[kind]} in the circuit, not read" for kind in NOT_READ if names[kind]]
    if names["vsource"] > 1:
        found.append(f"vsource: {names['vsource']} in the circuit; one is read, which supplies it")
    return [
        f"{text}; without it voltages would be wrong: replace it or disable it"
        for text in (*(SKIPPED.sub(", not read", text) for text in skipped), *found)
    ]


def _elements(dss: Any) -> Iterator[tuple[str, str]]:
    """Yield class and name of every element that is enabled; it is the active one meanwhile."""
    for full in dss.Circuit.AllElementNames():
        dss.Circuit.SetActiveElement(full)
        if dss.CktElement.Enabled():
            kind, name = str(full).lower().split(".", 1)
            yield kind, name


def read_states(net: pp.pandapowerNet, dss: Any) -> list[str]:
    """Bring states of the circuit into its net, in place; return what is to be told."""
    row_of = {
        kind: {str(name).lower(): int(row) for row, name in net[kind].name.items()}
        for kind in STATED
    }
    opened: dict[str, list[int]] = {kind: [] for kind in STATED}
    for kind, name in _elements(dss):
        if kind not in ("line", "transformer", "load"):
            continue
        ends = _open_ends(dss)
        table = {"transformer": "trafo"}.get(kind, kind)
        if kind == "line" and name in row_of["switch"]:
            table = "switch"
        if ends.any() and name in row_of[table]:
            row = row_of[table][name]
            _open(net, table, row, ends)
            opened[table].append(row)
    notes = [
        f"{kind} {listed(pd.Index(rows))}: opened in the circuit, and so in the net"
        for kind, rows in opened.items()
        if rows
    ]
    return [*notes, *_multiply(net, row_of["load"], dss), *_add_iron(net, row_of["trafo"], dss)]


def _open_ends(dss: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return for each end of the active element whether all its phases are opened there."""
    phases = range(1, dss.CktElement.NumPhases() + 1)
    return np.array(
        [
            all(dss.CktElement.IsOpen(end, phase) for phase in phases)
            for end in range(1, dss.CktElement.NumTerminals() + 1)
        ]
    )


def _open(
    net: pp.pandapowerNet, table: str, row: int, ends: np.ndarray[Any, np.dtype[np.bool_]]
) -> None:
    if table == "switch":
        net.switch.loc[row, "closed"] = False
    elif table == "line":
        for end, bus in zip(ends, net.line.loc[row, ["from_bus", "to_bus"]], strict=True):
            if end:
                pp.create_switch(net, int(bus), row, et="l", closed=False)
    else:
        # Which winding became which side is not known, and idle transformers draw next to nothing.
        net[table].loc[row, "in_service"] = False


def _multiply(net: pp.pandapowerNet, row_of: dict[str, int], dss: Any) -> list[str]:
    """Multiply the loads that follow the circuit's load multiplier."""
    factor = float(dss.Solution.LoadMult())
    if factor == 1.0:
        return []
    rows = []
    more = dss.Loads.First()
    while more:
        row = row_of.get(dss.Loads.Name().lower())
        if row is not None and int(dss.Loads.Status()) == FOLLOWS_MULTIPLIER:
            rows.append(row)
        more = dss.Loads.Next()
    if not rows:
        return []
    net.load.loc[rows, "p_mw"] *= factor
    net.load.loc[rows, "q_mvar"] *= factor
    return [f"load {listed(pd.Index(rows))}: multiplied by {factor:g}, loadmult of the circuit"]


def _add_iron(net: pp.pandapowerNet, row_of: dict[str, int], dss: Any) -> list[str]:
    """Give transformers the current and losses that they have without load."""
    rows = []
    more = dss.Transformers.First()
    while more:
        row = row_of.get(dss.Transformers.Name().lower())
        iron, current = (float(dss.Properties.Value(key)) for key in ("%noloadloss", "%imag"))
        if row is not None and (iron or current):
            rated_kva = 1e3 * float(net.trafo.sn_mva.at[row])
            net.trafo.loc[row, "pfe_kw"] = iron / 100.0 * rated_kva
            net.trafo.loc[row, "i0_percent"] = float(np.hypot(iron, current))
            rows.append(row)
        more = dss.Transformers.Next()
    if not rows:
        return []
    return [f"trafo {listed(pd.Index(rows))}: no-load losses and currents of the circuit are read"]
