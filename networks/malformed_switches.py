"""Find switches that switch nothing, or of which it is not clear whether they are closed."""

import numpy as np
import pandapower as pp
import pandas as pd

from networks.malformed import ENDS, is_yes_or_no, listed, numeric

TABLE_OF = {"l": "line", "t": "trafo", "b": "bus", "t3": "trafo3w"}
"""What a switch switches between a bus and something else, by the letter in column et."""

NEEDED = ("et", "element", "bus", "closed")


def find_malformed_switches(net: pp.pandapowerNet) -> list[str]:
    """Return one sentence for each kind of switch that pandapower would ignore or misread."""
    switch = net.switch
    if switch.empty:
        return []
    missing = [column for column in NEEDED if column not in switch]
    if missing:
        return [f"switch: columns {', '.join(NEEDED)} are needed; {', '.join(missing)} is missing"]
    return [*_unclear(switch), *_dangling(net), *_apart(net)]


def _unclear(switch: pd.DataFrame) -> list[str]:
    """Return switches of unknown kind, state or impedance."""
    found = []
    odd = switch[~switch.et.isin(list(TABLE_OF)).to_numpy(bool)]
    if len(odd):
        shown = ", ".join(repr(kind) for kind in odd.et.head(8))
        allowed = ", ".join(f"{letter} ({name})" for letter, name in TABLE_OF.items())
        found.append(f"switch {listed(odd.index)}: et is {shown}; allowed are {allowed}")
    unclear = switch[[not is_yes_or_no(cell) for cell in switch.closed]]
    if len(unclear):
        shown = ", ".join(repr(cell) for cell in unclear.closed.head(8))
        found.append(f"switch {listed(unclear.index)}: closed is {shown}; must be true or false")
    if "z_ohm" in switch:
        fine = (switch.et != "b") | (numeric(switch, "z_ohm") >= 0.0)
        wrong = switch.index[~fine.to_numpy(bool)]
        if len(wrong):
            found.append(
                f"switch {listed(wrong)}: z_ohm is missing, no number or below 0; give 0 where the "
                "switch has no impedance"
            )
    return found


def _dangling(net: pp.pandapowerNet) -> list[str]:
    """Return switches whose bus or element does not exist."""
    found = []
    switch = net.switch
    nowhere = switch[~switch.bus.isin(net.bus.index).to_numpy(bool)]
    if len(nowhere):
        at = ", ".join(str(bus) for bus in nowhere.bus.head(8))
        found.append(f"switch {listed(nowhere.index)}: bus {at} does not exist")
    for kind, name in TABLE_OF.items():
        table = net.get(name)
        known = table.index if isinstance(table, pd.DataFrame) else pd.Index([])
        rows = switch[switch.et == kind]
        lost = rows.index[~rows.element.isin(known).to_numpy(bool)]
        if len(lost):
            found.append(f"switch {listed(lost)}: the {name} it switches does not exist")
    return found


def _apart(net: pp.pandapowerNet) -> list[str]:
    """Return switches at a bus that is no end of what they switch: pandapower ignores these."""
    found = []
    for kind, name in TABLE_OF.items():
        table = net.get(name)
        if kind == "b" or not isinstance(table, pd.DataFrame):
            continue
        if {*ENDS[name]} - set(table.columns):
            continue
        table = table[~table.index.duplicated()]
        chosen = (net.switch.et == kind) & net.switch.element.isin(table.index)
        rows = net.switch[chosen.to_numpy(bool) & net.switch.bus.isin(net.bus.index).to_numpy(bool)]
        ends = table.loc[rows.element, list(ENDS[name])].to_numpy(object)
        at_end = np.array(
            [bus in tuple(pair) for bus, pair in zip(rows.bus, ends, strict=True)], np.bool_
        )
        apart = rows[~at_end]
        if len(apart):
            which = ", ".join(
                f"bus {bus} at {name} {element}"
                for bus, element in zip(apart.bus.head(8), apart.element.head(8), strict=True)
            )
            found.append(
                f"switch {listed(apart.index)}: {which}; a switch must be at one of the ends"
            )
    return found
