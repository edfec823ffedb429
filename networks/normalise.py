"""Bring what real nets contain into the form that is solved, and say what was assumed.

Works in place on a copy of a net. Every assumption becomes a sentence for people.
"""

import numpy as np
import pandapower as pp
import pandas as pd

from networks.malformed import in_service, listed, numeric
from networks.plain_tables import make_plain

ZIP_COLUMNS = (
    "const_z_p_percent",
    "const_z_q_percent",
    "const_i_p_percent",
    "const_i_q_percent",
)
OLD_ZIP_COLUMNS = {"const_z_percent": "const_z_{}_percent", "const_i_percent": "const_i_{}_percent"}
"""Columns of older nets, that meant active and reactive power alike."""


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


def voltage_dependent(net: pp.pandapowerNet) -> "pd.Index[int]":
    """Return the loads in service that draw less at lower voltage, and bring old columns up."""
    load = net.load
    for old, new in OLD_ZIP_COLUMNS.items():
        if old in load:
            for power in ("p", "q"):
                column = new.format(power)
                load[column] = numeric(load, column).fillna(0.0) + numeric(load, old).fillna(0.0)
            del load[old]
    used = load.loc[in_service(load)]
    shares = pd.DataFrame({c: numeric(used, c).fillna(0.0) for c in ZIP_COLUMNS})
    rows: pd.Index[int] = used.index[(shares != 0.0).any(axis=1).to_numpy(bool)]
    return rows


def make_constant(net: pp.pandapowerNet, rows: "pd.Index[int]") -> list[str]:
    """Let loads count with what they draw at the solved voltages of `net`; see `voltage_dependent`.

    A scenario moves loads by profiles and knows constant power only. At the base case this is
    exact; elsewhere a constant impedance would draw less at low and more at high voltage.
    """
    if not len(rows):
        return []
    load = net.load.loc[rows]
    voltage = load.bus.map(net.res_bus.vm_pu).to_numpy(np.float64)
    before = float((load.p_mw * load.scaling).sum() * 1e3)
    for power, unit in (("p", "mw"), ("q", "mvar")):
        z = numeric(load, f"const_z_{power}_percent").fillna(0.0).to_numpy(float) / 100.0
        i = numeric(load, f"const_i_{power}_percent").fillna(0.0).to_numpy(float) / 100.0
        factor = np.where(np.isnan(voltage), 1.0, 1.0 - z - i + i * voltage + z * voltage**2)
        net.load.loc[rows, f"{power}_{unit}"] = load[f"{power}_{unit}"].to_numpy(float) * factor
    for column in ZIP_COLUMNS:
        if column in net.load:
            net.load[column] = 0.0
    load = net.load.loc[rows]
    after = float((load.p_mw * load.scaling).sum() * 1e3)
    return [
        f"load {listed(rows)}: constant-impedance and constant-current shares count with the power "
        f"they draw at the base case's voltages ({before:.1f} kW at 1 p.u., {after:.1f} kW there)"
    ]


def ignored_taps(net: pp.pandapowerNet) -> list[str]:
    """Tell of transformers with a tap position that the power flow ignores."""
    trafo = net.trafo.loc[in_service(net.trafo)]
    if "tap_pos" not in trafo:
        return []
    position, neutral = numeric(trafo, "tap_pos"), numeric(trafo, "tap_neutral").fillna(0.0)
    step = numeric(trafo, "tap_step_percent").fillna(0.0)
    degrees = numeric(trafo, "tap_step_degree").fillna(0.0)
    moved = position.notna() & (position != neutral) & ((step != 0.0) | (degrees != 0.0))
    kind = trafo.get("tap_changer_type")
    unknown = pd.Series(True, index=trafo.index) if kind is None else kind.isna() | (kind == "")
    rows = trafo.index[(moved & unknown).to_numpy(bool)]
    if not len(rows):
        return []
    return [
        f"trafo {listed(rows)}: tap_pos is set, but tap_changer_type is empty, so the tap does not "
        'count, as in runpp; set tap_changer_type to "Ratio" if it should'
    ]


def counted_as_given(net: pp.pandapowerNet) -> list[str]:
    """Tell of elements that keep their power throughout a scenario, and of those not judged."""
    notes = []
    for kind, words in (("storage", "storages"), ("motor", "motors"), ("ward", "wards")):
        table = net.get(kind)
        if isinstance(table, pd.DataFrame) and len(rows := in_service(table)):
            notes.append(f"{kind} {listed(rows)}: {words} keep the power the net gives them")
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
