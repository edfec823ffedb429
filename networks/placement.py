"""Who sits at which bus, with which devices, and who stays passive load.

Published peak loads are the measure: homes where people live, trades in commercial and
industrial zones, whole areas on medium voltage. Homes that own a device are prosumers; all
others are load that nobody can refuse.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from networks.errors import NetworkError
from networks.feeder import Feeder
from networks.homes import (
    LOW_VOLTAGE_KV,
    PEAK_PER_HOME_KW,
    Booleans,
    DeviceMix,
    Homes,
    candidates,
    draw_homes,
    give_devices,
    home_counts_by_peak,
    is_residential,
    join,
    select,
)
from networks.shifts import SHIFT_COUNT
from networks.simbench_profiles import AREAS, BLOCKS, SOLAR, Floats, Integers, YearProfiles

PASSIVE = -1
"""Stands in `Placement.prosumer` for a home that takes no part."""

PROSUMERS_USUAL = 300
"""Most prosumers where nobody says how many, unless more buses have owners of devices."""

COMMERCIAL_SHAPE = "G0-A"
INDUSTRIAL_SHAPE = "G0-M"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One prosumer given by hand."""

    bus: int  # pandapower number
    homes: float = 1.0  # scales the firm load
    pv_kwp: float = 0.0
    battery_kwh: float = 0.0
    battery_kw: float = 0.0
    vehicle_kw: float = 0.0
    heat_pump_kw: float = 0.0
    building_kwh_per_kelvin: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Firm load without homes of its own, ``peak_kw * BLOCKS[shape]``; `J` of them."""

    bus: Integers  # (J,) position in Feeder.bus_index
    shape: Integers  # (J,) position in BLOCKS
    peak_kw: Floats  # (J,)
    peak_kvar: Floats  # (J,)
    prosumer: Integers  # (J,) whom it belongs to, PASSIVE for nobody


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Everything that draws power at a feeder's buses; `H` homes, `N` prosumers.

    A prosumer is one home, or several at one bus.
    """

    homes: Homes
    prosumer: Integers  # (H,) whom a home belongs to, PASSIVE for nobody
    counted: Booleans  # (H,) False: its load is in a block
    prosumer_bus: Integers  # (N,) position in Feeder.bus_index
    prosumer_homes: Floats  # (N,) number of homes a prosumer stands for
    blocks: Blocks
    passive_homes: Floats  # (K,) homes of each bus that take no part; for blocks, as many as fit

    @property
    def prosumer_count(self) -> int:
        """Number of prosumers N."""
        return len(self.prosumer_bus)


def place(
    feeder: Feeder,
    profiles: YearProfiles,
    mix: DeviceMix,
    *,
    generator: np.random.Generator,
    sites: Sequence[Site] = (),
) -> Placement:
    """Draw who lives on `feeder`.

    With `sites`, those are the only prosumers: they come in addition to the published load,
    all of which stays passive.

    Raises:
        NetworkError: a site's bus does not exist, has no supply or is the supply, or
            `mix.prosumers_max` is below the number of buses where prosumers live. All problems at
            once.
    """
    home_draws, device_draws, site_draws = generator.spawn(3)
    low_voltage = feeder.bus_nominal_kv < LOW_VOLTAGE_KV
    homes = live(feeder, profiles, home_draws)
    if sites:
        neighbours = select(homes, low_voltage[homes.bus])
        added, owner = settle_sites(feeder, profiles, sites, site_draws)
        homes = join([neighbours, added])
        prosumer = np.concatenate([np.full(len(neighbours), PASSIVE), owner])
        prosumer_homes = np.array([site.homes for site in sites])
        left = np.ones(feeder.bus_count)
    else:
        homes = give_devices(homes, mix, device_draws)
        prosumer = group(homes, mix.prosumers_max)
        prosumer_homes = np.bincount(prosumer[prosumer != PASSIVE]).astype(np.float64)
        everyone = np.bincount(homes.bus, minlength=feeder.bus_count)
        passive = np.bincount(homes.bus[prosumer == PASSIVE], minlength=feeder.bus_count)
        left = np.where(low_voltage | (everyone == 0), 1.0, passive / np.maximum(everyone, 1))
    prosumer_bus = np.zeros(len(prosumer_homes), np.int64)
    prosumer_bus[prosumer[prosumer != PASSIVE]] = homes.bus[prosumer != PASSIVE]
    counted = low_voltage[homes.bus] | (prosumer != PASSIVE)
    blocks = blocks_of(feeder, left)
    still = np.bincount(
        homes.bus[counted & (prosumer == PASSIVE)], minlength=feeder.bus_count
    ).astype(np.float64)
    still[blocks.bus] += blocks.peak_kw / PEAK_PER_HOME_KW
    return Placement(
        homes=homes,
        prosumer=prosumer,
        counted=counted,
        prosumer_bus=prosumer_bus,
        prosumer_homes=prosumer_homes,
        blocks=blocks,
        passive_homes=still,
    )


def live(feeder: Feeder, profiles: YearProfiles, generator: np.random.Generator) -> Homes:
    """Return the homes of all buses, in the order of the buses, without devices."""
    by_peak, by_number = generator.spawn(2)
    low = homes_on_low_voltage(feeder, profiles, by_peak)
    many = draw_homes(candidates(feeder, low_voltage=False), profiles, by_number)
    return join([low, many])


def homes_on_low_voltage(
    feeder: Feeder, profiles: YearProfiles, generator: np.random.Generator
) -> Homes:
    """Return as many homes as the published peak of each low-voltage bus is worth."""
    draws = draw_homes(candidates(feeder, low_voltage=True), profiles, generator)
    counts = home_counts_by_peak(feeder, profiles, draws)
    order = np.arange(len(draws)) - np.searchsorted(draws.bus, draws.bus)
    return select(draws, order < counts[draws.bus])


def settle_sites(
    feeder: Feeder, profiles: YearProfiles, sites: Sequence[Site], generator: np.random.Generator
) -> tuple[Homes, Integers]:
    """Return the homes of prosumers given by hand and whom each belongs to.

    A site of several homes has as many copies of household and heat pump, so that they do not
    keep step; its battery and its vehicle are one. Household profiles and sizes are drawn.
    """
    position = site_positions(feeder, sites)
    copies = np.array([max(1, int(np.ceil(site.homes))) for site in sites])
    owner = np.repeat(np.arange(len(sites)), copies)
    first = np.concatenate([[True], np.diff(owner) > 0])
    drawn = draw_homes(np.array([copies.sum()]), profiles, generator)

    def per_home(values: list[float]) -> Floats:
        return np.asarray((np.array(values) / copies)[owner])

    def whole(values: list[float]) -> Floats:
        return np.asarray(np.where(first, np.array(values)[owner], 0.0))

    scale = per_home([site.homes for site in sites])
    homes = replace(
        drawn,
        bus=position[owner],
        nominal_kw=drawn.nominal_kw * scale,
        nominal_kvar=drawn.nominal_kvar * scale,
        pv_kwp=per_home([site.pv_kwp for site in sites]),
        solar=np.arange(len(owner)) % len(SOLAR),
        battery_kwh=whole([site.battery_kwh for site in sites]),
        battery_kw=whole([site.battery_kw for site in sites]),
        vehicle_kw=whole([site.vehicle_kw for site in sites]),
        heat_pump_kw=per_home([site.heat_pump_kw for site in sites]),
        building_kwh_per_kelvin=per_home([site.building_kwh_per_kelvin for site in sites]),
    )
    return homes, owner


def site_positions(feeder: Feeder, sites: Sequence[Site]) -> Integers:
    """Return the bus position of every site; raise NetworkError with all that have none."""
    position_of = {int(number): place for place, number in enumerate(feeder.bus_index)}
    usable = places_for_prosumers(feeder)
    allowed = f"allowed buses of {feeder.name}: {listing(feeder.bus_index[usable])}"
    problems = []
    for number, site in enumerate(sites, 1):
        place, where = position_of.get(site.bus), f"prosumers[{number}].bus"
        if place is None:
            problems.append(f"{where}: there is no bus {site.bus} ({allowed})")
        elif feeder.node_of_bus[place] < 0:
            problems.append(f"{where}: bus {site.bus} has no supply ({allowed})")
        elif not usable[place]:
            problems.append(f"{where}: bus {site.bus} is the supply itself ({allowed})")
    if problems:
        raise NetworkError(problems)
    return np.array([position_of[site.bus] for site in sites])


def places_for_prosumers(feeder: Feeder) -> Booleans:
    """Return where a prosumer may sit, (K,): supplied, and not at the supply itself.

    The supply holds its voltage whatever is drawn there, and no branch lies above it.
    """
    node = feeder.node_of_bus
    return np.asarray((node >= 0) & (node != feeder.slack_node))


def listing(numbers: Integers) -> str:
    """Return sorted numbers as ranges, e.g. "0-3, 7"."""
    ordered = np.unique(numbers)
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
    return ", ".join(
        f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs if run.size
    )


def group(homes: Homes, prosumers_max: int | None) -> Integers:
    """Return which prosumer each home belongs to, PASSIVE where it owns no device.

    Every owner is a prosumer of its own unless there are more than `prosumers_max`. Then the
    owners at a bus are sorted by what they own and cut into groups of nearly equal size; the
    number of groups grows with the square root of the bus's owners, so that a large bus next
    to the substation does not leave the rest of the feeder without detail. Left out, it is
    PROSUMERS_USUAL, or as many as there are buses with owners.
    """
    owners = np.flatnonzero(homes.owns_device)
    prosumer = np.full(len(homes), PASSIVE)
    buses, at_bus = np.unique(homes.bus[owners], return_counts=True)
    most = most_prosumers(prosumers_max, len(buses))
    if len(owners) <= most:
        prosumer[owners] = np.arange(len(owners))
        return prosumer
    groups = groups_per_bus(at_bus, most)
    kind = (
        8 * (homes.pv_kwp > 0)
        + 4 * (homes.battery_kwh > 0)
        + 2 * (homes.vehicle_kw > 0)
        + (homes.heat_pump_kw > 0)
    )
    first = 0
    for bus, count in zip(buses, groups, strict=True):
        mine = owners[homes.bus[owners] == bus]
        mine = mine[np.argsort(kind[mine], kind="stable")]
        prosumer[mine] = first + np.arange(len(mine)) * count // len(mine)
        first += int(count)
    return prosumer


def most_prosumers(prosumers_max: int | None, buses: int) -> int:
    """Return how many prosumers there may be where devices are owned at so many buses."""
    return max(PROSUMERS_USUAL, buses) if prosumers_max is None else prosumers_max


def groups_per_bus(owners: Integers, prosumers_max: int) -> Integers:
    """Return how many prosumers the owners at each bus form: at least one, at most all."""
    if len(owners) > prosumers_max:
        raise NetworkError(
            f"community.prosumers_max = {prosumers_max} is too low: homes with devices live at "
            f"{len(owners)} buses, and a prosumer sits at one bus; allowed: {len(owners)} or more"
        )
    groups = np.ones(len(owners), np.int64)
    for _ in range(prosumers_max - len(owners)):
        room = groups < owners
        if not room.any():
            break
        groups[np.argmax(np.where(room, np.sqrt(owners) / groups, 0.0))] += 1
    return groups


def blocks_of(feeder: Feeder, left: Floats) -> Blocks:
    """Return the passive load without homes of its own; `left` (K,) of the peak remains.

    Trades take their shape by zone at their published peak. On medium voltage the homes that
    own no device follow the shapes of whole areas. Reactive power is as published.
    """
    residential = np.array([is_residential(zone) for zone in feeder.bus_zone])
    industrial = np.array([zone.lower().startswith("indus") for zone in feeder.bus_zone])
    bus = np.flatnonzero(
        (feeder.nominal_load_kw > 0.0)
        & (feeder.node_of_bus >= 0)
        & ~(residential & (feeder.bus_nominal_kv < LOW_VOLTAGE_KV))
        & (left > 0.0)
    )
    areas = np.array([BLOCKS.index(name) for name in AREAS])
    trade = np.where(
        industrial[bus], BLOCKS.index(INDUSTRIAL_SHAPE), BLOCKS.index(COMMERCIAL_SHAPE)
    )
    return Blocks(
        bus=bus,
        shape=np.where(residential[bus], areas[np.arange(len(bus)) % len(areas)], trade),
        peak_kw=feeder.nominal_load_kw[bus] * left[bus],
        peak_kvar=feeder.nominal_load_kvar[bus] * left[bus],
        prosumer=np.full(len(bus), PASSIVE),
    )


def redraw_shifts(placed: Placement, generator: np.random.Generator) -> Integers:
    """Draw other shifts for all homes, (H,): the same people, another week of their lives."""
    return generator.integers(SHIFT_COUNT, size=len(placed.homes))
