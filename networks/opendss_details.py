"""What pandapower's converter of OpenDSS circuits leaves out: load models, shapes, regulators."""

import re
from collections import Counter
from typing import Any

import pandapower as pp
import pandas as pd

from networks.malformed import ENDS, listed
from networks.voltage_dependence import ZIP_COLUMNS

CONSTANT_POWER, ZIP = 1, 8
SHARES = {
    2: ((100.0, 0.0), (100.0, 0.0)),  # constant impedance
    3: ((0.0, 0.0), (100.0, 0.0)),  # motor: reactive power with the square of the voltage
    4: ((0.0, 100.0), (100.0, 0.0)),  # usual exponents: linear and quadratic
    5: ((0.0, 100.0), (0.0, 100.0)),  # constant current
    7: ((0.0, 0.0), (100.0, 0.0)),  # constant power, reactance
}
"""Percent of impedance and of current in active and in reactive power, by OpenDSS' load model."""

BAKED_TAP = re.compile(r"transformer '(.+)' imported at solved tap \((.+)\) \(")


def read_load_models(net: pp.pandapowerNet, dss: Any) -> list[str]:
    """Give loads the voltage dependence of their model, in place; tell of shapes left out."""
    rows = {str(name).lower(): row for row, name in net.load.name.items()}
    shaped: list[int] = []
    models: dict[int, list[int]] = {}
    more = dss.Loads.First()
    while more:
        row = rows.get(dss.Loads.Name().lower())
        if row is not None:
            if dss.Loads.Daily() or dss.Loads.Yearly() or dss.Loads.Duty():
                shaped.append(row)
            model = int(dss.Loads.Model())
            shares = _zip_shares(dss) if model == ZIP else SHARES.get(model)
            if shares is not None:
                (z_p, i_p), (z_q, i_q) = shares
                net.load.loc[row, list(ZIP_COLUMNS)] = [z_p, z_q, i_p, i_q]
                models.setdefault(model, []).append(row)
        more = dss.Loads.Next()
    notes = [
        f"load {listed(pd.Index(found))}: load model {model} of OpenDSS, read as shares of "
        "constant impedance, current and power"
        for model, found in sorted(models.items())
    ]
    if shaped:
        notes.append(
            f"load {listed(pd.Index(shaped))}: load shapes of the circuit are left out; a run "
            "moves loads by its own profiles, up to their nominal power"
        )
    return notes


def _zip_shares(dss: Any) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the shares of impedance and current of a load with a ZIP model of its own."""
    values = [100.0 * float(value) for value in dss.Loads.ZipV()]
    if len(values) < 6:
        return None
    return (values[0], values[1]), (values[3], values[4])


def regulator_notes(warnings: list[str], dss: Any) -> list[str]:
    """Return the converter's warnings for people, its regulators in one sentence."""
    ratios = {}
    more = dss.RegControls.First()
    while more:
        name, winding = dss.RegControls.Transformer(), dss.RegControls.TapWinding()
        ratios[name.lower()] = _tap(dss, name, int(winding))
        more = dss.RegControls.Next()
    notes = []
    if ratios:
        each = ", ".join(f"{name} {ratio:.4f}" for name, ratio in sorted(ratios.items()))
        notes.append(
            f"regulators stay at the ratio that OpenDSS finds for the circuit's loads: {each}; "
            "with less load voltages behind them are higher"
        )
    for warning in warnings:
        found = BAKED_TAP.match(warning)
        if found is None:
            notes.append(warning)
        elif found[1].lower() not in ratios:
            notes.append(f"transformer {found[1]}: fixed taps, ratios of its windings {found[2]}")
    return notes


def _tap(dss: Any, transformer: str, winding: int) -> float:
    dss.Transformers.Name(transformer)
    dss.Transformers.Wdg(winding)
    return float(dss.Transformers.Tap())


def phantom_switches(net: pp.pandapowerNet) -> list[str]:
    """Tell of closed switches to buses where nothing else is: circuits write open ones so."""
    used = {
        int(bus)
        for kind, columns in ENDS.items()
        for column in columns
        for bus in net[kind].get(column, ())
    }
    switched = net.switch[net.switch.closed.astype(bool) & (net.switch.et == "b")]
    joined = Counter([*switched.bus, *switched.element])
    rows, buses = [], []
    for row, bus, other in zip(switched.index, switched.bus, switched.element, strict=True):
        alone = [end for end in (bus, other) if end not in used and joined[end] == 1]
        if alone:
            rows.append(row)
            buses += [str(net.bus.name.at[end]) for end in alone]
    if not rows:
        return []
    return [
        f"switch {listed(pd.Index(rows))}: closed, but nothing else is at its end "
        f"({', '.join(buses)}), so it works as an open one"
    ]
