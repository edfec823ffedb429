"""Homes on a feeder: how many at which bus, and what each of them owns.

A low-voltage bus gets as many homes as it takes for the yearly peak of their sum to reach the
published peak load of the bus. A medium-voltage bus feeds whole villages: their number follows
from the coincident peak per home, and only homes that own a device are followed one by one.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from networks.feeder import Feeder
from networks.shifts import SHIFT_COUNT, shifted_rows
from networks.simbench_profiles import (
    HEAT_PUMPS,
    HOUSEHOLDS,
    QUARTER_HOURS,
    SOLAR,
    Floats,
    Integers,
    YearProfiles,
)

Booleans = NDArray[np.bool_]

PEAK_PER_HOME_KW = 0.75
"""Coincident yearly peak of a home among many."""

LOW_VOLTAGE_KV = 1.0
SIZE_RANGE = (0.6, 1.4)
"""Solar systems and buildings are drawn evenly between these multiples of the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMix:
    """Who owns what. Shares are between 0 and 1."""

    pv_share: float = 0.0
    pv_kwp: float = 0.0  # mean of a home that has solar panels
    battery_share_of_pv: float = 0.0  # of the homes with solar panels
    battery_kwh_per_kwp: float = 0.0
    battery_kw_per_kwh: float = 0.0
    vehicle_share: float = 0.0
    vehicle_kw: float = 0.0
    heat_pump_share: float = 0.0
    heat_pump_kw: float = 0.0
    building_kwh_per_kelvin: float = 0.0  # mean of a home that has a heat pump
    prosumers_max: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Homes:
    """A table of `H` homes. Zero power means "has none"."""

    bus: Integers  # (H,) position in Feeder.bus_index
    household: Integers  # (H,) position in HOUSEHOLDS
    nominal_kw: Floats  # (H,) what the household profile is multiplied with
    nominal_kvar: Floats  # (H,)
    shift: Integers  # (H,) position in shifts.OFFSETS, of household and heat-pump profile
    pv_kwp: Floats  # (H,)
    solar: Integers  # (H,) position in SOLAR
    battery_kwh: Floats  # (H,)
    battery_kw: Floats  # (H,)
    vehicle_kw: Floats  # (H,)
    heat_pump_kw: Floats  # (H,) what the heat-pump profile is multiplied with
    heat_pump: Integers  # (H,) position in HEAT_PUMPS
    building_kwh_per_kelvin: Floats  # (H,)

    def __len__(self) -> int:
        """Return the number of homes H."""
        return len(self.bus)

    @property
    def owns_device(self) -> Booleans:
        """Whether a home has solar panels, a vehicle or a heat pump, (H,)."""
        return np.asarray((self.pv_kwp > 0) | (self.vehicle_kw > 0) | (self.heat_pump_kw > 0))


def join(tables: list[Homes]) -> Homes:
    """Return one table of all homes, in the given order."""
    return Homes(
        **{
            field.name: np.concatenate([getattr(table, field.name) for table in tables])
            for field in fields(Homes)
        }
    )


def select(homes: Homes, which: Booleans) -> Homes:
    """Return the homes where `which` (H,) is true."""
    return Homes(**{field.name: getattr(homes, field.name)[which] for field in fields(Homes)})


def is_residential(zone: str) -> bool:
    """Tell whether homes live in a zone; a feeder without zones is residential."""
    return zone == "" or zone.lower().startswith("resid")


def home_counts_by_peak(feeder: Feeder, profiles: YearProfiles, draws: Homes) -> Integers:
    """Return how many homes of `draws`, in order, reach each bus's published peak, (K,).

    Counts are those whose yearly peak comes closest, at least one where there is any load.
    `draws` holds enough candidates for every bus (see `candidates`).
    """
    counts = np.zeros(feeder.bus_count, np.int64)
    copies = shifted_rows(profiles, np.arange(SHIFT_COUNT), np.arange(QUARTER_HOURS))
    by_bus = np.argsort(draws.bus, kind="stable")
    buses, first = np.unique(draws.bus[by_bus], return_index=True)
    last = np.searchsorted(draws.bus[by_bus], buses, side="right")
    for bus, start, end in zip(buses, first, last, strict=True):
        target = feeder.nominal_load_kw[bus]
        total = np.zeros(QUARTER_HOURS)
        before = 0.0
        for home in by_bus[start:end]:
            rows = copies[draws.shift[home]]
            total += draws.nominal_kw[home] * profiles.household_pu[draws.household[home], rows]
            peak = float(total.max())
            if peak > target:
                closer = peak - target < target - before
                counts[bus] += int(closer or counts[bus] == 0)
                break
            counts[bus] += 1
            before = peak
    return counts


def candidates(feeder: Feeder, low_voltage: bool) -> Integers:
    """Return how many homes to draw for each bus, (K,).

    On low voltage that is ample for the peak to be reached; on medium voltage it is the number
    that the peak stands for.
    """
    residential = np.array([is_residential(zone) for zone in feeder.bus_zone])
    is_low = feeder.bus_nominal_kv < LOW_VOLTAGE_KV
    lived_in = (
        residential
        & (is_low == low_voltage)
        & (feeder.nominal_load_kw > 0.0)
        & (feeder.node_of_bus >= 0)
    )
    expected = feeder.nominal_load_kw / PEAK_PER_HOME_KW
    wanted = np.ceil(3.0 * expected) + 20.0 if low_voltage else np.maximum(np.rint(expected), 1.0)
    return np.where(lived_in, wanted, 0.0).astype(np.int64)


def draw_homes(counts: Integers, profiles: YearProfiles, generator: np.random.Generator) -> Homes:
    """Draw `counts` (K,) homes per bus, without devices: profiles in turn, sizes by SimBench.

    Each bus has its own stream, so that its homes do not depend on those of other buses.
    """
    tables = []
    for bus, stream in enumerate(generator.spawn(len(counts))):
        count = int(counts[bus])
        if count == 0:
            continue
        household = np.arange(count) % len(HOUSEHOLDS)
        shift = stream.integers(SHIFT_COUNT, size=count)
        place = stream.random(count)
        kw, kvar = np.zeros(count), np.zeros(count)
        for kind, table in enumerate(profiles.nominal_kw):
            mine = household == kind
            pick = (place[mine] * len(table)).astype(np.int64)
            kw[mine], kvar[mine] = table[pick], profiles.nominal_kvar[kind][pick]
        tables.append(
            plain_homes(np.full(count, bus), household, kw=kw, kvar=kvar, shift=shift),
        )
    return join(tables) if tables else no_homes()


def plain_homes(
    bus: Integers, household: Integers, *, kw: Floats, kvar: Floats, shift: Integers
) -> Homes:
    """Return homes that own no device."""
    none, first = np.zeros(len(bus)), np.zeros(len(bus), np.int64)
    return Homes(
        bus=bus,
        household=household,
        nominal_kw=kw,
        nominal_kvar=kvar,
        shift=shift,
        pv_kwp=none,
        solar=first,
        battery_kwh=none,
        battery_kw=none,
        vehicle_kw=none,
        heat_pump_kw=none,
        heat_pump=first,
        building_kwh_per_kelvin=none,
    )


def no_homes() -> Homes:
    """Return an empty table."""
    nothing = np.zeros(0)
    nowhere = np.zeros(0, np.int64)
    return plain_homes(nowhere, nowhere, kw=nothing, kvar=nothing, shift=nowhere)


def give_devices(homes: Homes, mix: DeviceMix, generator: np.random.Generator) -> Homes:
    """Return `homes` with devices by share.

    One number is drawn for every home and device and compared with the share: the same
    generator and a higher share give the same owners and further ones, and one device's share
    changes nothing about the other devices.
    """
    pv, battery, vehicle, heat, kind = (
        stream.random((2, len(homes))) for stream in generator.spawn(5)
    )
    low, high = SIZE_RANGE
    has_pv, has_heat_pump = pv[0] < mix.pv_share, heat[0] < mix.heat_pump_share
    has_battery = has_pv & (battery[0] < mix.battery_share_of_pv)
    kwp = np.where(has_pv, mix.pv_kwp * (low + (high - low) * pv[1]), 0.0)
    kwh = np.where(has_battery, kwp * mix.battery_kwh_per_kwp, 0.0)
    mass = mix.building_kwh_per_kelvin * (low + (high - low) * heat[1])
    return replace(
        homes,
        pv_kwp=kwp,
        solar=(kind[0] * len(SOLAR)).astype(np.int64),
        battery_kwh=kwh,
        battery_kw=kwh * mix.battery_kw_per_kwh,
        vehicle_kw=np.where(vehicle[0] < mix.vehicle_share, mix.vehicle_kw, 0.0),
        heat_pump_kw=np.where(has_heat_pump, mix.heat_pump_kw, 0.0),
        heat_pump=(kind[1] * len(HEAT_PUMPS)).astype(np.int64),
        building_kwh_per_kelvin=np.where(has_heat_pump, mass, 0.0),
    )
