"""Find what is wrong with the tables of a pandapower net before anything is solved.

Nets come from files that people edited: columns can be missing, numbers can be text, ends can lie
at buses that do not exist. Nothing here may fail on such a net; everything is told at once.
"""

import re
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd

ENDS = {
    "load": ("bus",),
    "sgen": ("bus",),
    "storage": ("bus",),
    "shunt": ("bus",),
    "ward": ("bus",),
    "motor": ("bus",),
    "asymmetric_load": ("bus",),
    "asymmetric_sgen": ("bus",),
    "ext_grid": ("bus",),
    "gen": ("bus",),
    "line": ("from_bus", "to_bus"),
    "trafo": ("hv_bus", "lv_bus"),
    "trafo3w": ("hv_bus", "mv_bus", "lv_bus"),
    "impedance": ("from_bus", "to_bus"),
}
"""Columns of element tables that hold bus numbers."""

FINITE = {
    "load": ("p_mw", "q_mvar", "scaling"),
    "sgen": ("p_mw", "q_mvar", "scaling"),
    "storage": ("p_mw", "q_mvar", "scaling"),
    "shunt": ("p_mw", "q_mvar", "vn_kv", "step"),
    "ward": ("ps_mw", "qs_mvar", "pz_mw", "qz_mvar"),
    "line": ("r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km"),
    "trafo": ("vkr_percent", "pfe_kw", "i0_percent", "shift_degree"),
    "ext_grid": ("vm_pu", "va_degree"),
    "impedance": ("rft_pu", "xft_pu", "rtf_pu", "xtf_pu"),
    "motor": ("pn_mech_mw", "loading_percent", "scaling"),
    "asymmetric_load": ("scaling",),
    "asymmetric_sgen": ("scaling",),
}
IF_GIVEN = {"line": ("g_us_per_km",), "impedance": ("gf_pu", "bf_pu", "gt_pu", "bt_pu")}
"""Columns that older nets lack, but that must be finite where they are."""

POSITIVE = {
    "bus": ("vn_kv",),
    "line": ("length_km", "max_i_ka", "df", "parallel"),
    "trafo": ("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "df", "parallel"),
    "ext_grid": ("vm_pu",),
    "impedance": ("sn_mva",),
    "motor": ("efficiency_percent", "cos_phi"),
}
ADVICE = {
    "length_km": "give its length; a coupling without impedance is a closed bus-bus switch",
    "max_i_ka": "give the conductor's rated current in kA",
    "sn_mva": "give the rated power in MVA",
    "vk_percent": "give the short-circuit voltage in percent",
}

DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
REQUIRED = ("bus", "line", "trafo", "load", "sgen", "ext_grid", "switch")
FAR_KV = 0.3
"""Share by which a transformer's rated voltage may lie beside its bus's."""


def find_malformed(net: pp.pandapowerNet) -> list[str]:
    """Return one sentence for each kind of thing that cannot be right."""
    missing = [name for name in REQUIRED if not isinstance(net.get(name), pd.DataFrame)]
    if missing:
        return [f"table {name} is missing; this is no complete pandapower net" for name in missing]
    if net.bus.empty:
        return ["bus: there is none; a net needs buses"]
    return [
        *_duplicates(net),
        *_negative_numbers(net),
        *_dangling(net),
        *_unclear_service(net),
        *_numbers(net),
        *_without_impedance(net),
        *_wrong_side(net),
    ]


def in_service(table: pd.DataFrame) -> "pd.Index[Any]":
    """Return the rows of an element table that are in service, all where it does not say."""
    if "in_service" not in table:
        return table.index
    # Cells of edited files may hold anything; what is empty is not in service.
    used = [bool(pd.notna(cell)) and bool(cell) for cell in table.in_service]
    return table.index[np.array(used, np.bool_)]


def listed(rows: "pd.Index[Any]", most: int = 8) -> str:
    """Return the first of some row numbers as text, and how many more there are."""
    shown = ", ".join(str(row) for row in rows[:most])
    return shown if len(rows) <= most else f"{shown} and {len(rows) - most} more"


def numeric(table: pd.DataFrame, column: str) -> "pd.Series[Any]":
    """Return a column as floats, NaN where it is missing or holds no number."""
    if column not in table:
        return pd.Series(np.nan, index=table.index)
    return pd.to_numeric(table[column], errors="coerce").astype(np.float64)


def _tables(net: pp.pandapowerNet, names: "tuple[str, ...]") -> "list[tuple[str, pd.DataFrame]]":
    found = [(name, net.get(name)) for name in names]
    return [(name, table) for name, table in found if isinstance(table, pd.DataFrame)]


def _duplicates(net: pp.pandapowerNet) -> list[str]:
    found = []
    for name, table in _tables(net, ("bus", *ENDS)):
        again = table.index[table.index.duplicated()].unique()
        if len(again):
            found.append(f"{name} {listed(again)}: number given twice; numbers must be unique")
    return found


def _negative_numbers(net: pp.pandapowerNet) -> list[str]:
    """Return buses that pandapower's tables would look for from their end."""
    numbers = pd.to_numeric(pd.Series(net.bus.index), errors="coerce")
    wrong = net.bus.index[~(numbers >= 0.0).to_numpy(bool)]
    if not len(wrong):
        return []
    return [f"bus {listed(wrong)}: numbers of buses must be 0 or above; number the buses anew"]


def _unclear_service(net: pp.pandapowerNet) -> list[str]:
    """Return elements of which no yes or no says whether they are in service; empty means no."""
    found = []
    for name, table in _tables(net, ("bus", *ENDS)):
        if "in_service" not in table:
            continue
        unclear = table[[pd.notna(cell) and not is_yes_or_no(cell) for cell in table.in_service]]
        if len(unclear):
            shown = ", ".join(repr(cell) for cell in unclear.in_service.head(8))
            found.append(
                f"{name} {listed(unclear.index)}: in_service is {shown}; must be true or false"
            )
    return found


def is_yes_or_no(cell: object) -> bool:
    """Tell whether a cell is true or false, or 1 or 0."""
    return isinstance(cell, bool | np.bool_ | int | float | np.number) and cell in (0, 1)


def _dangling(net: pp.pandapowerNet) -> list[str]:
    found = []
    for name, table in _tables(net, tuple(ENDS)):
        table = table.loc[in_service(table)]
        for column in ENDS[name]:
            if column not in table:
                if len(table):
                    found.append(f"{name}: column {column} is missing")
                continue
            nowhere = table.index[~table[column].isin(net.bus.index).to_numpy()]
            if len(nowhere):
                at = ", ".join(str(bus) for bus in table.loc[nowhere[:8], column])
                found.append(
                    f"{name} {listed(nowhere)}: {column} {at} does not exist; connect it to a bus "
                    "of the net or take it out of service"
                )
    return found


def _numbers(net: pp.pandapowerNet) -> list[str]:
    found = []
    for wanted, words in ((FINITE, "must be finite"), (POSITIVE, "must be above 0")):
        for name, table in _tables(net, tuple(wanted)):
            table = table.loc[in_service(table)]
            given = [column for column in IF_GIVEN.get(name, ()) if column in table]
            for column in (*wanted[name], *(given if wanted is FINITE else ())):
                values = numeric(table, column)
                fine = np.isfinite(values) & ((values > 0.0) | (wanted is FINITE))
                wrong = table[~fine.to_numpy(bool)]
                if len(wrong):
                    advice = f"; {ADVICE[column]}" if column in ADVICE else ""
                    what = _found(wrong, column)
                    found.append(f"{name} {listed(wrong.index)}: {column} {what}; {words}{advice}")
    return found


def _found(wrong: pd.DataFrame, column: str) -> str:
    """Return what stands in a column, for the first of some rows."""
    if column not in wrong or wrong[column].isna().all():
        return "is missing"
    return f"is {', '.join(_shown(cell) for cell in wrong[column].head(8))}"


def _shown(cell: Any) -> str:
    """Return a cell as text; words in quotes, with a hint where a comma stands for the point."""
    if isinstance(cell, str):
        hint = " (write a point, not a comma)" if DECIMAL_COMMA.fullmatch(cell.strip()) else ""
        return f"{cell!r}{hint}"
    if isinstance(cell, float | int | np.number):
        return "missing" if np.isnan(cell) else f"{cell:g}"
    return "missing" if cell is None else repr(cell)


def _without_impedance(net: pp.pandapowerNet) -> list[str]:
    line = net.line.loc[in_service(net.line)]
    resistance, reactance = numeric(line, "r_ohm_per_km"), numeric(line, "x_ohm_per_km")
    nothing = line.index[((resistance == 0.0) & (reactance == 0.0)).to_numpy(bool)]
    if not len(nothing):
        return []
    return [
        f"line {listed(nothing)}: has no impedance; give r_ohm_per_km and x_ohm_per_km, or join "
        "the buses by a closed bus-bus switch"
    ]


def _wrong_side(net: pp.pandapowerNet) -> list[str]:
    """Return transformers whose rated voltages do not belong to the buses they connect."""
    found = []
    trafo = net.trafo.loc[in_service(net.trafo)]
    for side in ("hv", "lv"):
        if f"{side}_bus" not in trafo:
            continue
        bus_kv = numeric(net.bus[~net.bus.index.duplicated()], "vn_kv")
        at = trafo[f"{side}_bus"].map(bus_kv)
        rated = numeric(trafo, f"vn_{side}_kv")
        far = trafo.index[(np.abs(rated / at - 1.0) > FAR_KV).to_numpy(bool)]
        if len(far):
            pairs = ", ".join(f"{rated[row]:g} at {at[row]:g} kV" for row in far[:8])
            found.append(
                f"trafo {listed(far)}: vn_{side}_kv {pairs}; rated voltage and bus voltage must "
                "be of the same level (are the sides swapped?)"
            )
    return found
