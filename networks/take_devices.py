"""Take what prosumers can own out of a net, so that it is theirs and nobody else's.

What is taken becomes a table (`networks.net_devices`); what is left in the net is played as the net
gives it. Sizes are those that the net counts with: power times `scaling`.
"""

import numpy as np
import pandapower as pp
import pandas as pd

from networks.device_kinds import heat_pump_rows, solar_rows, vehicle_rows
from networks.malformed import in_service, listed, numeric
from networks.net_devices import (
    HEAT_PUMP,
    SOLAR,
    STORAGE,
    VEHICLE,
    Floats,
    Integers,
    NetDevices,
    no_devices,
)
from networks.normalise import balance


def take_devices(net: pp.pandapowerNet) -> tuple[NetDevices, list[str]]:
    """Take solar plants, storages, vehicles and heat pumps out of a sound net, in place.

    Returns them, and sentences about what was assumed and about what stays. Devices at the supply
    itself stay: no branch lies above them. A solar plant counts with its power, with its rated one
    where that is zero.
    """
    notes = balance(net)
    supply = buses_of_supply(net)
    parts = []
    untyped: pd.Index[int] = pd.Index([])
    for table, kind in (
        ("sgen", SOLAR),
        ("storage", STORAGE),
        ("load", VEHICLE),
        ("load", HEAT_PUMP),
    ):
        rows = net.get(table)
        if not isinstance(rows, pd.DataFrame) or rows.empty:
            continue
        if kind == SOLAR:
            found, untyped = solar_rows(rows)
        elif kind == STORAGE:
            found = in_service(rows)
        else:
            found = (vehicle_rows if kind == VEHICLE else heat_pump_rows)(rows)
        mine = rows.loc[found]
        mine = mine[~mine.bus.isin(supply)]
        power, capacity = sizes(mine, kind)
        sized = (power > 0.0) | (capacity > 0.0)
        mine = mine[sized]
        notes += _reactive(mine, table)
        parts.append(
            NetDevices(
                np.full(len(mine), kind, np.int64),
                mine.bus.to_numpy(np.int64),
                power[sized],
                capacity[sized],
            )
        )
        net[table] = rows.drop(index=mine.index)
        untyped = untyped.intersection(mine.index) if kind == SOLAR else untyped
    if len(untyped):
        notes.append(f"sgen {listed(untyped)}: without a type; taken for solar plants")
    return _joined(parts), [*notes, *_left(net)]


def sizes(rows: pd.DataFrame, kind: int) -> tuple[Floats, Floats]:
    """Return power, kW, and usable capacity, kWh, of rows of one kind, (D,) each.

    NaN where a storage does not say; not above zero where there is nothing to own.
    """
    scaling = 1e3 * numeric(rows, "scaling").fillna(1.0).to_numpy(np.float64)
    power = numeric(rows, "p_mw").to_numpy(np.float64)
    rated = numeric(rows, "sn_mva").to_numpy(np.float64)
    if kind != STORAGE:
        chosen = np.where((power == 0.0) & (kind == SOLAR), rated, power)
        return np.nan_to_num(chosen * scaling), np.zeros(len(rows))
    ends = [np.abs(numeric(rows, f"{end}_p_mw").to_numpy(np.float64)) for end in ("min", "max")]
    bounds = np.fmax(*ends)
    chosen = np.select(
        [_given(bounds), _given(np.abs(power)), _given(rated)],
        [bounds, np.abs(power), rated],
        np.nan,
    )
    least = numeric(rows, "min_e_mwh").fillna(0.0).to_numpy(np.float64)
    usable = numeric(rows, "max_e_mwh").to_numpy(np.float64) - least
    usable = np.where(_given(usable), usable, np.nan)
    on = scaling > 0.0
    return np.where(on, chosen * scaling, 0.0), np.where(on, usable * scaling, 0.0)


def _given(values: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray(np.isfinite(values) & (values > 0.0))


def buses_of_supply(net: pp.pandapowerNet) -> Integers:
    """Return the buses of external grids and those that closed bus-bus switches join to them."""
    used = net.ext_grid.loc[in_service(net.ext_grid)]
    found = {int(bus) for bus in used.bus}
    joined = net.switch[net.switch.closed.astype(bool) & (net.switch.et == "b")]
    pairs = [(int(bus), int(other)) for bus, other in zip(joined.bus, joined.element, strict=True)]
    while more := {bus for pair in pairs if found & set(pair) for bus in pair} - found:
        found |= more
    return np.array(sorted(found), dtype=np.int64)


def _joined(parts: list[NetDevices]) -> NetDevices:
    parts = [no_devices(), *parts]
    return NetDevices(
        kind=np.concatenate([part.kind for part in parts]),
        bus=np.concatenate([part.bus for part in parts]),
        power_kw=np.concatenate([part.power_kw for part in parts]),
        capacity_kwh=np.concatenate([part.capacity_kwh for part in parts]),
    )


def _reactive(rows: pd.DataFrame, table: str) -> list[str]:
    """Tell of reactive power that goes with what is taken."""
    with_reactive = rows.index[(numeric(rows, "q_mvar").fillna(0.0) != 0.0).to_numpy(bool)]
    if not len(with_reactive):
        return []
    return [
        f"{table} {listed(with_reactive)}: reactive power is left out; devices of prosumers run at "
        "unity power factor"
    ]


def _left(net: pp.pandapowerNet) -> list[str]:
    """Tell of generators that nobody takes over."""
    rows = net.sgen.loc[in_service(net.sgen)]
    if rows.empty:
        return []
    total = float((numeric(rows, "p_mw") * numeric(rows, "scaling")).sum() * 1e3)
    return [
        f"sgen {listed(rows.index)}: {total:,.1f} kW stay existing generation, which nobody owns"
    ]
