"""Prosumers of the devices that a net already has, at the buses where they are connected.

Who is connected at a bus with devices is a prosumer with the whole firm load of the bus. Several
devices of one kind belong to as many prosumers, between whom the load is divided.
"""

from dataclasses import replace

import numpy as np

from networks.feeder import Feeder
from networks.homes import (
    PEAK_PER_HOME_KW,
    DeviceMix,
    Homes,
    join,
    plain_homes,
)
from networks.net_devices import (
    HEAT_PUMP,
    SOLAR,
    STORAGE,
    VEHICLE,
    WORDS,
    NetDevices,
    require_devices,
)
from networks.placement import (
    PASSIVE,
    Blocks,
    Placement,
    blocks_of,
    groups_per_bus,
    homes_on_low_voltage,
    most_prosumers,
)
from networks.shifts import SHIFT_COUNT
from networks.simbench_profiles import SOLAR as SOLAR_PROFILES
from networks.simbench_profiles import Floats, Integers, YearProfiles


def place_from_net(
    feeder: Feeder, profiles: YearProfiles, mix: DeviceMix, *, generator: np.random.Generator
) -> Placement:
    """Return who owns `Feeder.devices`; every device is a row of the table of homes.

    Of `mix`, no share counts: the battery's power per capacity completes storages that give one
    of the two, the building's mass is that of its heat pump's size, and `prosumers_max` holds.
    Low-voltage homes are those of `placement.place` with the same generator.

    Raises:
        NetworkError: the net has no such device, or `mix.prosumers_max` is below the number of
            buses that have some.
    """
    devices = require_devices(feeder.devices, feeder.name)
    home_draws, device_draws, _ = generator.spawn(3)
    neighbours = homes_on_low_voltage(feeder, profiles, home_draws.spawn(2)[0])
    at = positions(feeder, devices)
    of_bus = prosumers_per_bus(feeder, neighbours, devices, at, mix.prosumers_max)
    first = np.cumsum(of_bus) - of_bus
    prosumer = np.concatenate(
        [
            dealt(neighbours.bus, neighbours.bus, first, of_bus),
            dealt(at, at * len(WORDS) + devices.kind, first, of_bus),
        ]
    )
    homes = join([neighbours, rows_of(devices, at, mix, device_draws)])
    blocks = shared(blocks_of(feeder, np.ones(feeder.bus_count)), first, of_bus)
    count = int(of_bus.sum())
    lived_in = prosumer[: len(neighbours)]
    worth = np.bincount(lived_in[lived_in != PASSIVE], minlength=count).astype(np.float64)
    mine = blocks.prosumer != PASSIVE
    worth[blocks.prosumer[mine]] += blocks.peak_kw[mine] / PEAK_PER_HOME_KW
    still = np.bincount(neighbours.bus[lived_in == PASSIVE], minlength=feeder.bus_count).astype(
        np.float64
    )
    still[blocks.bus[~mine]] += blocks.peak_kw[~mine] / PEAK_PER_HOME_KW
    return Placement(
        homes=homes,
        prosumer=prosumer,
        counted=np.ones(len(homes), np.bool_),
        prosumer_bus=np.repeat(np.arange(feeder.bus_count), of_bus),
        prosumer_homes=np.maximum(np.rint(worth), 1.0),
        blocks=blocks,
        passive_homes=still,
    )


def positions(feeder: Feeder, devices: NetDevices) -> Integers:
    """Return where in `Feeder.bus_index` each device is connected, (D,)."""
    position_of = {int(number): place for place, number in enumerate(feeder.bus_index)}
    return np.array([position_of[int(bus)] for bus in devices.bus], np.int64)


def prosumers_per_bus(
    feeder: Feeder, neighbours: Homes, devices: NetDevices, at: Integers, prosumers_max: int | None
) -> Integers:
    """Return how many prosumers each bus has, (K,): as many as devices of its commonest kind.

    Not more than there are homes at a bus where homes live; together not more than
    `prosumers_max`.
    """
    of_kind = np.zeros((feeder.bus_count, len(WORDS)), np.int64)
    np.add.at(of_kind, (at, devices.kind), 1)
    most: Integers = of_kind.max(axis=1)
    homes = np.bincount(neighbours.bus, minlength=feeder.bus_count)
    most = np.where(homes > 0, np.minimum(most, homes), most)
    buses = np.flatnonzero(most)
    most[buses] = groups_per_bus(most[buses], most_prosumers(prosumers_max, len(buses)))
    return most


def dealt(bus: Integers, heap: Integers, first: Integers, of_bus: Integers) -> Integers:
    """Return whom each of some rows belongs to: those of one `heap` are dealt out in turn.

    `bus` and `heap` are (X,); `first` and `of_bus`, (K,), are the first prosumer and the number
    of prosumers of a bus. PASSIVE at a bus without.
    """
    order = np.argsort(heap, kind="stable")
    ordered = heap[order]
    turn = np.empty(len(heap), np.int64)
    turn[order] = np.arange(len(heap)) - np.searchsorted(ordered, ordered)
    whom = first[bus] + turn % np.maximum(of_bus[bus], 1)
    return np.where(of_bus[bus] > 0, whom, PASSIVE)


def rows_of(
    devices: NetDevices, at: Integers, mix: DeviceMix, generator: np.random.Generator
) -> Homes:
    """Return one row of the table of homes for each device, without a household."""
    count = len(devices)
    shift = generator.integers(SHIFT_COUNT, size=count)
    solar = generator.integers(len(SOLAR_PROFILES), size=count)
    nothing = np.zeros(count)
    bare = plain_homes(at, np.zeros(count, np.int64), kw=nothing, kvar=nothing, shift=shift)

    def only(kind: int, values: Floats) -> Floats:
        return np.where(devices.kind == kind, values, 0.0)

    power, capacity = devices.power_kw, devices.capacity_kwh
    heat_pump_kw = only(HEAT_PUMP, power)
    return replace(
        bare,
        pv_kwp=only(SOLAR, power),
        solar=solar,
        battery_kw=only(
            STORAGE, np.where(np.isnan(power), capacity * mix.battery_kw_per_kwh, power)
        ),
        battery_kwh=only(
            STORAGE, np.where(np.isnan(capacity), power / mix.battery_kw_per_kwh, capacity)
        ),
        vehicle_kw=only(VEHICLE, power),
        heat_pump_kw=heat_pump_kw,
        building_kwh_per_kelvin=mix.building_kwh_per_kelvin * heat_pump_kw / mix.heat_pump_kw,
    )


def shared(blocks: Blocks, first: Integers, of_bus: Integers) -> Blocks:
    """Return firm load divided evenly between the prosumers of its bus, where there are any."""
    parts = np.maximum(of_bus[blocks.bus], 1)
    bus = np.repeat(blocks.bus, parts)
    return Blocks(
        bus=bus,
        shape=np.repeat(blocks.shape, parts),
        peak_kw=np.repeat(blocks.peak_kw / parts, parts),
        peak_kvar=np.repeat(blocks.peak_kvar / parts, parts),
        prosumer=dealt(bus, bus, first, of_bus),
    )
