"""Bring what real nets contain into the form that is solved, and say what was assumed.

Works in place on a copy of a net. Every assumption becomes a sentence for people.
"""

import numpy as np
import pandapower as pp
import pandas as pd
from numpy.typing import NDArray

from networks.malformed import in_service, listed, numeric
from networks.plain_tables import make_plain

TABULAR = "Tabular"
TAP_CHANGERS = ("Ratio", "Symmetrical", "Ideal", TABULAR)
"""Kinds of tap changers that pandapower knows, spelt as it does."""


def complete(net: pp.pandapowerNet) -> list[str]:
    """Add what nets of older pandapower versions lack, as pandapower itself would assume it.

    Cells of edited nets become what pandapower takes, see `networks.plain_tables`; what was
    assumed of them is returned.
    """
    for table, column in (
        ("trafo", "tap_dependency_table"),
        ("trafo3w", "tap_dependency_table"),
        ("shunt", "step_dependency_table"),
    ):
        if isinstance(net.get(table), pd.DataFrame) and column not in net[table]:
            net[table][column] = False
    return make_plain(net)


def balance(net: pp.pandapowerNet) -> list[str]:
    """Replace loads and generators of single phases by their sum over the phases."""
    notes = []
    for kind, create in (("load", pp.create_load), ("sgen", pp.create_sgen)):
        table = net.get(f"asymmetric_{kind}")
        if not isinstance(table, pd.DataFrame) or table.empty:
            continue
        used = table.loc[in_service(table)]
        for row, element in used.iterrows():
            sums = [
                sum(float(element[f"{p}_{x}_{u}"]) for x in "abc")
                for p, u in (("p", "mw"), ("q", "mvar"))
            ]
            create(
                net,
                int(element["bus"]),
                p_mw=sums[0],
                q_mvar=sums[1],
                scaling=float(element.get("scaling", 1.0)),
                name=f"asymmetric_{kind} {row}",
            )
        net[f"asymmetric_{kind}"] = table.iloc[:0]
        if len(used):
            notes.append(
                f"asymmetric_{kind} {listed(used.index)}: the sum over the phases is taken, spread "
                "evenly; unbalance is not modelled"
            )
    return notes


def ignored_taps(net: pp.pandapowerNet) -> list[str]:
    """Tell of transformers with a tap position that the power flow ignores, and why it does."""
    trafo = net.trafo.loc[in_service(net.trafo)]
    if "tap_pos" not in trafo:
        return []
    position, neutral = numeric(trafo, "tap_pos"), numeric(trafo, "tap_neutral").fillna(0.0)
    step = numeric(trafo, "tap_step_percent").fillna(0.0)
    degrees = numeric(trafo, "tap_step_degree").fillna(0.0)
    kind = _words(trafo, "tap_changer_type")
    moved = position.notna() & (position != neutral)
    moved &= (step != 0.0) | (degrees != 0.0) | (kind == TABULAR)
    tabled = (numeric(trafo, "tap_dependency_table") == 1.0).to_numpy(bool)
    side = _words(trafo, "tap_side")
    reasons = {
        'tap_changer_type is empty, so the tap does not count, as in runpp; set it to "Ratio" if '
        "it should": kind == "",
        f"tap_changer_type is none of {', '.join(TAP_CHANGERS)}, so the tap does not count, as in "
        "runpp; mind capital letters": (kind != "") & ~np.isin(kind, TAP_CHANGERS),
        "tap_changer_type is Tabular, but tap_dependency_table is not true, so the tap does not "
        "count, as in runpp": (kind == TABULAR) & ~tabled,
        'tap_side is neither "hv" nor "lv", so the tap does not count, as in runpp': (
            np.isin(kind, TAP_CHANGERS) & ~np.isin(side, ("hv", "lv"))
        ),
    }
    notes = []
    for reason, where in reasons.items():
        rows = trafo.index[moved.to_numpy(bool) & where]
        if len(rows):
            notes.append(f"trafo {listed(rows)}: tap_pos is set, but {reason}")
    return notes


def _words(table: pd.DataFrame, column: str) -> NDArray[np.str_]:
    """Return a column as words, "" where there is none."""
    cells = table[column] if column in table else [""] * len(table)
    return np.array([cell if isinstance(cell, str) else "" for cell in cells], np.str_)


def counted_as_given(net: pp.pandapowerNet) -> list[str]:
    """Tell of elements that keep their power in a solved net, and of those not judged."""
    notes = []
    supplied = net.bus.index[net.res_bus.vm_pu.notna().to_numpy(bool)]
    for kind, words in (("storage", "storages"), ("motor", "motors"), ("ward", "wards")):
        table = net.get(kind)
        if not isinstance(table, pd.DataFrame) or not len(rows := in_service(table)):
            continue
        fed = table.bus.loc[rows].isin(supplied).to_numpy(bool)
        if fed.any():
            notes.append(f"{kind} {listed(rows[fed])}: {words} keep the power the net gives them")
        if not fed.all():
            notes.append(f"{kind} {listed(rows[~fed])}: without supply, left out")
    table = net.get("impedance")
    if isinstance(table, pd.DataFrame) and len(rows := in_service(table)):
        notes.append(f"impedance {listed(rows)}: has no rating, so its loading is not judged")
    return notes


def cut_off(net: pp.pandapowerNet) -> list[str]:
    """Tell of loads and generators in service, in a solved net, whose bus has no supply."""
    dark = net.bus.index[(net.bus.in_service & net.res_bus.vm_pu.isna()).to_numpy(bool)]
    notes = []
    if len(dark):
        notes.append(
            f"bus {listed(dark)}: cut off from the slack and left out; a switch may be open"
        )
    for kind in ("load", "sgen"):
        table = net[kind].loc[in_service(net[kind])]
        lost = table.index[table.bus.isin(dark).to_numpy()]
        if len(lost):
            power = float((table.loc[lost].p_mw * table.loc[lost].scaling).sum() * 1e3)
            notes.append(
                f"{kind} {listed(lost)}: {power:.1f} kW at buses without supply are left out"
            )
    return notes
