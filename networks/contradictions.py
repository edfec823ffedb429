"""Find numbers of a net that are fine by themselves, but contradict each other."""

from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd

from networks.malformed import in_service, is_yes_or_no, listed, numeric

SAME_LEVEL = 1e-3
"""Share by which nominal voltages that no transformer parts may lie apart."""


def find_contradictions(net: pp.pandapowerNet) -> list[str]:
    """Return one sentence for each kind of contradiction."""
    return [
        *_whole_net(net),
        *_transformers(net),
        *_impedances(net),
        *_motors(net),
        *_shares(net),
        *_joined_levels(net),
    ]


def _whole_net(net: pp.pandapowerNet) -> list[str]:
    """Return numbers of the net itself that are none, or not above 0."""
    found = []
    for name, words in (("f_hz", "frequency in Hz"), ("sn_mva", "reference power in MVA")):
        value = pd.to_numeric(pd.Series([net.get(name)], dtype=object), errors="coerce").iloc[0]
        if not (np.isfinite(value) and value > 0.0):
            found.append(f"{name} of the net is {net.get(name)}; must be above 0 ({words})")
    return found


def _transformers(net: pp.pandapowerNet) -> list[str]:
    trafo = net.trafo.loc[in_service(net.trafo)]
    whole, real = numeric(trafo, "vk_percent"), numeric(trafo, "vkr_percent")
    where = ((np.abs(real) > whole) & (whole > 0.0)).to_numpy(bool)
    if not where.any():
        return []
    pairs = ", ".join(
        f"{part:g} of {all_of_it:g}"
        for part, all_of_it in zip(real[where].head(8), whole[where].head(8), strict=True)
    )
    return [
        f"trafo {listed(trafo.index[where])}: vkr_percent {pairs}; the resistive part of the "
        "short-circuit voltage cannot be above vk_percent"
    ]


def _impedances(net: pp.pandapowerNet) -> list[str]:
    table = _table(net, "impedance")
    nothing = np.zeros(len(table), np.bool_)
    for end in ("ft", "tf"):
        real, reactive = numeric(table, f"r{end}_pu"), numeric(table, f"x{end}_pu")
        nothing |= ((real == 0.0) & (reactive == 0.0)).to_numpy(bool)
    if not nothing.any():
        return []
    rows = listed(table.index[nothing])
    return [f"impedance {rows}: is 0; join the buses by a closed bus-bus switch"]


def _motors(net: pp.pandapowerNet) -> list[str]:
    table = _table(net, "motor")
    above = table.index[(numeric(table, "cos_phi") > 1.0).to_numpy(bool)]
    return [f"motor {listed(above)}: cos_phi is above 1"] if len(above) else []


def _shares(net: pp.pandapowerNet) -> list[str]:
    """Return loads of which more than all is constant impedance or current."""
    load = net.load.loc[in_service(net.load)]
    above = np.zeros(len(load), np.bool_)
    for power in ("p_", "q_"):
        columns = [f"const_{part}_{which}percent" for part in "zi" for which in (power, "")]
        sums = sum(numeric(load, column).fillna(0.0).to_numpy() for column in columns)
        above |= np.asarray(sums) > 100.0 + 1e-9
    if not above.any():
        return []
    return [
        f"load {listed(load.index[above])}: shares of constant impedance and current add up to "
        "more than 100 %"
    ]


def _joined_levels(net: pp.pandapowerNet) -> list[str]:
    """Return lines and closed switches between buses of different nominal voltage.

    Voltages are per unit of the bus, so that these would be transformers of whatever ratio.
    """
    kv = numeric(net.bus[~net.bus.index.duplicated()], "vn_kv")
    line, switch = net.line.loc[in_service(net.line)], net.switch
    if not {"et", "closed", "element"} <= set(switch.columns):
        return _levels("line", line, ("from_bus", "to_bus"), kv)
    closed = np.array([is_yes_or_no(cell) and bool(cell) for cell in switch.closed], np.bool_)
    opened = switch.element[~closed & (switch.et == "l").to_numpy(bool)]
    between = switch[closed & (switch.et == "b").to_numpy(bool)]
    return [
        *_levels("line", line[~line.index.isin(opened)], ("from_bus", "to_bus"), kv),
        *_levels("switch", between, ("bus", "element"), kv),
    ]


def _levels(
    name: str, table: pd.DataFrame, ends: tuple[str, str], kv: "pd.Series[Any]"
) -> list[str]:
    if {*ends} - set(table.columns):
        return []
    first, second = (
        pd.to_numeric(table[end].map(kv), errors="coerce").to_numpy(np.float64) for end in ends
    )
    apart = np.abs(first - second) > SAME_LEVEL * np.abs(first)
    if not apart.any():
        return []
    pairs = ", ".join(
        f"{one:g} and {other:g} kV"
        for one, other in zip(first[apart][:8], second[apart][:8], strict=True)
    )
    return [
        f"{name} {listed(table.index[apart])}: joins buses of {pairs}; only transformers join "
        "voltage levels: correct vn_kv of the buses, or connect it elsewhere"
    ]


def _table(net: pp.pandapowerNet, name: str) -> pd.DataFrame:
    """Return the rows in service of a table that a net need not have."""
    table = net.get(name)
    return table.loc[in_service(table)] if isinstance(table, pd.DataFrame) else pd.DataFrame()
