"""Take what prosumers can own out of a net, so that it is theirs and nobody else's.

What is taken becomes a table (`networks.net_devices`); what is left in the net is played as the net
gives it. Sizes are those that the net counts with: power times `scaling`.
"""

import numpy as np
import pandapower as pp
import pandas as pd

from networks.device_kinds import heat_pump_rows, solar_rows, vehicle_rows, work_rows
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
    untyped = solar_rows(net.sgen)[1]
    finders = (
        ("sgen", SOLAR, lambda table: solar_rows(table)[0]),
        ("storage", STORAGE, in_service),
        ("load", VEHICLE, vehicle_rows),
        ("load", HEAT_PUMP, heat_pump_rows),
    )
    for name, kind, rows_in in finders:
        table = net.get(name)
        if not isinstance(table, pd.DataFrame) or table.empty:
            continue
        rows = table.loc[rows_in(table)]
        rows = rows[~rows.bus.isin(supply)]
        power, capacity = sizes(rows, kind)
        sized = (power > 0.0) | (capacity > 0.0)
        rows, power, capacity = rows[sized], power[sized], capacity[sized]
        bus = rows.bus.to_numpy(np.int64)
        parts.append(NetDevices(np.full(len(rows), kind, np.int64), bus, power, capacity))
        net[name] = table.drop(index=rows.index)
        notes += _assumed(rows, name, power, capacity)
    taken = untyped[~untyped.isin(net.sgen.index)]
    if len(taken):
        notes.append(f"sgen {listed(taken)}: without a type; taken for solar plants")
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


def _assumed(rows: pd.DataFrame, name: str, power: Floats, capacity: Floats) -> list[str]:
    """Tell what taken rows do not say, and of reactive power that goes with them."""
    missing = {
        "capacity": rows.index[np.isnan(capacity)],
        "power": rows.index[np.isnan(power)],
    }
    notes = [
        f"{name} {listed(found)}: gives no {word}; it follows from community.battery_kw_per_kwh"
        for word, found in missing.items()
        if len(found)
    ]
    reactive = rows.index[(numeric(rows, "q_mvar").fillna(0.0) != 0.0).to_numpy(bool)]
    if len(reactive):
        notes.append(
            f"{name} {listed(reactive)}: reactive power is left out; devices of prosumers run at "
            "unity power factor"
        )
    return notes


def _left(net: pp.pandapowerNet) -> list[str]:
    """Tell of generators and of vehicles at work that nobody takes over."""
    notes = []
    rows = net.sgen.loc[in_service(net.sgen)]
    if len(rows):
        total = float((numeric(rows, "p_mw") * numeric(rows, "scaling")).sum() * 1e3)
        notes.append(
            f"sgen {listed(rows.index)}: {total:,.1f} kW stay existing generation, which nobody "
            "owns"
        )
    at_work = work_rows(net.load)
    if len(at_work):
        total = float((net.load.p_mw * net.load.scaling).loc[at_work].sum() * 1e3)
        notes.append(
            f"load {listed(at_work)}: {total:,.1f} kW of vehicles that charge at work stay firm "
            "load; prosumers' vehicles charge at home"
        )
    return notes
