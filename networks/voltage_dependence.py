"""Loads that draw less at lower voltage, as the constant power that they draw in the base case."""

from typing import Protocol

import numpy as np
import pandapower as pp
import pandas as pd

from networks.errors import NetworkError
from networks.feeder import Floats
from networks.malformed import in_service, listed, numeric

ZIP_COLUMNS = (
    "const_z_p_percent",
    "const_z_q_percent",
    "const_i_p_percent",
    "const_i_q_percent",
)
OLD_ZIP_COLUMNS = {"const_z_percent": "const_z_{}_percent", "const_i_percent": "const_i_{}_percent"}
"""Columns of older nets, that meant active and reactive power alike."""

SETTLED_PU = 1e-10
ROUNDS_MAX = 60


class Solve(Protocol):
    """Solves a net in place; raises NetworkError where there is no power flow."""

    def __call__(self, *, voltage_depend_loads: bool = False, warm: bool = False) -> None:
        """Solve with constant power or pandapower's voltage dependence; `warm` from the last."""


def settle_loads(net: pp.pandapowerNet, name: str, solve: Solve) -> list[str]:
    """Solve a net so that each load draws what its shares say at the voltage of its own bus.

    A scenario moves loads by profiles and knows constant power only, so each load then counts with
    the power that it draws there. At the base case this is exact; elsewhere a constant impedance
    would draw less at low and more at high voltage. pandapower itself applies the shares to the
    sum of all that is at a bus, generators and storages too, so it only gives the first guess.

    Works in place; returns what is to be told.
    """
    rows = voltage_dependent(net)
    if not len(rows):
        solve()
        return []
    load = net.load.loc[rows].copy()
    given_kw = float((load.p_mw * load.scaling).sum() * 1e3)
    solve(voltage_depend_loads=True)
    voltage = _voltages(net, load)
    for _ in range(ROUNDS_MAX):
        for power in ("p_mw", "q_mvar"):
            net.load.loc[rows, power] = load[power].to_numpy(float) * _factor(load, power, voltage)
        solve(warm=True)
        before, voltage = voltage, _voltages(net, load)
        if np.abs(voltage - before).max() <= SETTLED_PU:
            break
    else:
        raise NetworkError(
            f"{name}: load {listed(rows)}: voltage-dependent loads do not settle at a voltage; "
            "make them constant power"
        )
    net.load[list(ZIP_COLUMNS)] = 0.0
    load = net.load.loc[rows]
    drawn_kw = float((load.p_mw * load.scaling).sum() * 1e3)
    return [
        f"load {listed(rows)}: constant-impedance and constant-current shares count with the power "
        f"they draw at the base case's voltages ({given_kw:.1f} kW at 1 p.u., {drawn_kw:.1f} kW "
        "there), each load by itself; runpp applies them to the sum of all that is at a bus"
    ]


def voltage_dependent(net: pp.pandapowerNet) -> "pd.Index[int]":
    """Return the loads in service that draw less at lower voltage, and bring old columns up."""
    load = net.load
    for old, new in OLD_ZIP_COLUMNS.items():
        if old in load:
            for power in ("p", "q"):
                column = new.format(power)
                load[column] = numeric(load, column).fillna(0.0) + numeric(load, old).fillna(0.0)
            del load[old]
    if any(column in load for column in ZIP_COLUMNS):  # pandapower looks for all of them
        for column in ZIP_COLUMNS:
            load[column] = numeric(load, column).fillna(0.0)
    used = load.loc[in_service(load)]
    shares = pd.DataFrame({c: numeric(used, c).fillna(0.0) for c in ZIP_COLUMNS})
    rows: pd.Index[int] = used.index[(shares != 0.0).any(axis=1).to_numpy(bool)]
    return rows


def _factor(load: pd.DataFrame, power: str, voltage: Floats) -> Floats:
    """Return what loads draw at voltages (n,), as a multiple of what they draw at 1 p.u."""
    letter = power[0]
    z = load[f"const_z_{letter}_percent"].to_numpy(float) / 100.0
    i = load[f"const_i_{letter}_percent"].to_numpy(float) / 100.0
    return np.asarray(1.0 - z - i + i * voltage + z * voltage**2)


def _voltages(net: pp.pandapowerNet, load: pd.DataFrame) -> Floats:
    """Return the voltage at each load, p.u.; 1 where there is no supply."""
    return load.bus.map(net.res_bus.vm_pu).fillna(1.0).to_numpy(np.float64)
