"""Find everything in a pandapower net that a `Feeder` cannot hold, as sentences for people."""

from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd

NOT_MODELLED = {
    "gen": "voltage-controlled generators (PV buses)",
    "dcline": "DC lines",
    "trafo3w": "three-winding transformers",
    "impedance": "impedance elements",
    "xward": "extended wards (PV buses)",
    "asymmetric_load": "unbalanced loads",
    "asymmetric_sgen": "unbalanced generators",
    "svc": "static var compensators",
    "ssc": "static synchronous compensators",
    "tcsc": "series compensators",
    "vsc": "voltage source converters",
    "controller": "controllers (taps are fixed)",
}
"""Element tables of which no row may be in service."""

ZIP_COLUMNS = (
    "const_z_p_percent",
    "const_z_q_percent",
    "const_i_p_percent",
    "const_i_q_percent",
)


def find_problems(net: pp.pandapowerNet) -> list[str]:
    """Return one sentence for each kind of element or number that cannot be modelled."""
    return [
        *_find_elements_not_modelled(net),
        *_find_slack_problems(net),
        *_find_load_problems(net),
        *_find_rating_problems(net),
    ]


def find_supply_problems(net: pp.pandapowerNet) -> list[str]:
    """Return a sentence for loads in service, in a solved net, whose bus has no supply."""
    dark = net.bus.index[(net.bus.in_service & net.res_bus.vm_pu.isna()).to_numpy()]
    found = []
    for kind in ("load", "sgen"):
        table = net[kind]
        lost = table.index[(table.in_service & table.bus.isin(dark)).to_numpy()]
        if len(lost):
            found.append(
                f"{kind} {_numbers(lost)} in service at buses that are cut off from the slack; "
                "close a switch or take them out of service"
            )
    return found


def _find_elements_not_modelled(net: pp.pandapowerNet) -> list[str]:
    found = []
    for kind, words in NOT_MODELLED.items():
        table = net.get(kind)
        if not isinstance(table, pd.DataFrame) or table.empty:
            continue
        rows = _in_service(table)
        if len(rows):
            found.append(
                f"{kind} {_numbers(rows)}: {words} are not modelled; allowed are lines, "
                "two-winding transformers, constant-power loads and one slack"
            )
    return found


def _find_slack_problems(net: pp.pandapowerNet) -> list[str]:
    rows = _in_service(net.ext_grid)
    if len(rows) == 1:
        return []
    where = ", ".join(f"{row} at bus {net.ext_grid.bus.at[row]}" for row in rows) or "none"
    return [f"ext_grid in service: {where}; there must be exactly one slack"]


def _find_load_problems(net: pp.pandapowerNet) -> list[str]:
    found = []
    columns = [column for column in ZIP_COLUMNS if column in net.load]
    load = net.load.loc[_in_service(net.load)]
    dependent = load.index[(load[columns].fillna(0.0) != 0.0).any(axis=1).to_numpy()]
    if len(dependent):
        found.append(
            f"load {_numbers(dependent)}: voltage-dependent shares ({', '.join(columns)}) are "
            "not modelled; loads must be constant power"
        )
    for kind in ("load", "sgen"):
        table = net[kind].loc[_in_service(net[kind])]
        values = table[["p_mw", "q_mvar", "scaling"]].to_numpy(np.float64)
        broken = table.index[~np.isfinite(values).all(axis=1)]
        if len(broken):
            found.append(f"{kind} {_numbers(broken)}: p_mw, q_mvar and scaling must be finite")
    return found


def _find_rating_problems(net: pp.pandapowerNet) -> list[str]:
    found = []
    rated = (
        ("line", ("max_i_ka", "df", "parallel")),
        ("trafo", ("sn_mva", "vn_hv_kv", "vn_lv_kv", "df", "parallel")),
    )
    for kind, columns in rated:
        table = net[kind].loc[_in_service(net[kind])]
        for column in columns:
            values = (
                pd.to_numeric(table[column], errors="coerce")
                if column in table
                else pd.Series(np.nan, index=table.index)
            )
            broken = table.index[~(np.isfinite(values) & (values > 0.0)).to_numpy(bool)]
            if len(broken):
                found.append(f"{kind} {_numbers(broken)}: {column} is missing; must be above 0")
    return found


def _in_service(table: pd.DataFrame) -> "pd.Index[Any]":
    if "in_service" not in table:
        return table.index
    return table.index[table.in_service.to_numpy(bool)]


def _numbers(rows: "pd.Index[Any]", most: int = 8) -> str:
    shown = ", ".join(str(row) for row in rows[:most])
    return shown if len(rows) <= most else f"{shown} and {len(rows) - most} more"
