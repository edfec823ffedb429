"""Repair what the conversion of OpenDSS circuits leaves behind; every repair is said.

The converter makes balanced equivalents: each one-phase regulator becomes a transformer of its own
between the same two buses, and with unequal taps these drive currents around in circles that no
feeder has. Coupling transformers have next to no impedance. Works in place.
"""

import numpy as np
import pandapower as pp

from networks.assumed_ratings import assume_by_resistance
from networks.base_case import solved_copy
from networks.malformed import listed

SHORT_CIRCUIT_MIN_PERCENT = 0.5
DEFAULT_KA = 0.4
"""Rated current that OpenDSS gives a line that says nothing of it."""

Pair = tuple[int, int]


def repair_circuit(net: pp.pandapowerNet) -> tuple[list[str], bool]:
    """Repair a converted circuit; return what was done, and whether ratings were assumed."""
    notes = [*merge_regulators(net), *drop_jumpers(net)]
    if solved_copy(net) is None:
        notes += raise_impedances(net)
    default = net.line.index[np.isclose(net.line.max_i_ka, DEFAULT_KA, rtol=1e-9, atol=0.0)]
    if len(default):
        notes.append(
            f"line {listed(default)}: 400 A is what OpenDSS takes where normamps is not given, not "
            "a rating"
        )
    notes += assume_by_resistance(net, default)
    return notes, bool(len(default))


def merge_regulators(net: pp.pandapowerNet) -> list[str]:
    """Keep one of several regulators between the same buses: mean ratio, sum of the powers."""
    notes = []
    for rows in _regulators(net).values():
        if len(rows) < 2:
            continue
        first, others = rows[0], rows[1:]
        several = net.trafo.loc[rows]
        # The converter may turn one of them around.
        turned = (several.hv_bus != several.hv_bus.iloc[0]).to_numpy(bool)
        high = np.where(turned, several.vn_lv_kv, several.vn_hv_kv)
        low = np.where(turned, several.vn_hv_kv, several.vn_lv_kv)
        net.trafo.loc[first, ["vn_hv_kv", "vn_lv_kv"]] = [float(high.mean()), float(low.mean())]
        for column in ("vk_percent", "vkr_percent"):
            net.trafo.loc[first, column] = float(several[column].mean())
        net.trafo.loc[first, "i0_percent"] = float(several.i0_percent.mean())
        for column in ("sn_mva", "pfe_kw"):
            net.trafo.loc[first, column] = float(several[column].sum())
        names = ", ".join(str(name) for name in several.name)
        net.trafo = net.trafo.drop(index=others)
        notes.append(
            f"trafo {listed(several.index)} ({names}): regulators of single phases between the "
            f"same buses; one with their mean ratio {low.mean() / high.mean():.4f} and the sum of "
            f"their powers is kept, as trafo {first}"
        )
    return notes


def drop_jumpers(net: pp.pandapowerNet) -> list[str]:
    """Take out lines and closed switches that bridge a regulator."""
    bridged = set(_regulators(net))
    notes = []
    lines = net.line.index[
        [
            _pair(start, end) in bridged
            for start, end in zip(net.line.from_bus, net.line.to_bus, strict=True)
        ]
    ]
    if len(lines):
        names = ", ".join(str(name) for name in net.line.loc[lines].name)
        net.line = net.line.drop(index=lines)
        notes.append(f"line {listed(lines)} ({names}): bridges a regulator; taken out")
    switch = net.switch
    rows = switch.index[
        [
            kind == "b" and bool(closed) and _pair(bus, element) in bridged
            for kind, closed, bus, element in zip(
                switch.et, switch.closed, switch.bus, switch.element, strict=True
            )
        ]
    ]
    if len(rows):
        net.switch = switch.drop(index=rows)
        notes.append(f"switch {listed(rows)}: bridges a regulator; taken out")
    return notes


def raise_impedances(net: pp.pandapowerNet) -> list[str]:
    """Give transformers next to without impedance the least short-circuit voltage.

    Worth its error only where the power flow is not solvable otherwise.
    """
    low = net.trafo.index[(net.trafo.vk_percent < SHORT_CIRCUIT_MIN_PERCENT).to_numpy(bool)]
    if not len(low):
        return []
    given = net.trafo.vk_percent.loc[low]
    told = f"{given.min():.2g} to {given.max():.2g}" if len(low) > 1 else f"{given.iloc[0]:.2g}"
    net.trafo.loc[low, "vk_percent"] = SHORT_CIRCUIT_MIN_PERCENT
    return [
        f"trafo {listed(low)}: short-circuit voltage of {told} % raised to "
        f"{SHORT_CIRCUIT_MIN_PERCENT:g} %, or the power flow would not be solvable"
    ]


def _regulators(net: pp.pandapowerNet) -> dict[Pair, list[int]]:
    """Return transformers between buses of the same voltage, by the buses they join."""
    found: dict[Pair, list[int]] = {}
    for row in net.trafo.itertuples():
        if np.isclose(net.bus.vn_kv.at[row.hv_bus], net.bus.vn_kv.at[row.lv_bus]):
            found.setdefault(_pair(row.hv_bus, row.lv_bus), []).append(int(row.Index))
    return found


def _pair(start: int, end: int) -> Pair:
    return min(int(start), int(end)), max(int(start), int(end))
