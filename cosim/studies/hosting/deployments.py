"""Deployments: where new plants come, one after the other.

Homes of the feeder (`networks.placement`) come in random order, each with a plant of random size.
When every home has one a second round begins in a new order, and so on, so that no capacity is cut
off by the number of homes. A feeder without homes (medium voltage, trades alone) has sites
instead, their number in proportion to the published load. Deployment s follows from the seed and s
alone: 100 deployments are the first 100 of 1000, and more rounds leave earlier plants as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from cosim.errors import HostingError
from cosim.records import Floats, Integers
from cosim.studies.hosting.distances import impedance_to_supply
from cosim.studies.hosting.records import Deployments
from cosim.studies.hosting.settings import SIZE_SPREAD, HostingSettings
from networks.feeder import Feeder
from networks.homes import LOW_VOLTAGE_KV, PEAK_PER_HOME_KW
from networks.placement import Placement, listing, places_for_prosumers

STREAM = 101
"""Names the stream of deployments among those of a seed."""

SITE_KW = 50.0
"""Published load that one site of medium voltage stands for."""

PLANTS_MOST = 200_000
"""Longest order of plants."""


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Where plants may come: `H` homes, or sites where there are no homes."""

    bus: Integers  # (H,) position in Feeder.bus_index
    home: Integers  # (H,) position among all homes of the placement; among sites if not `are_homes`
    mean_kw: Floats  # (H,) mean size of a plant there
    are_homes: bool

    def __len__(self) -> int:
        """Return the number of sites H."""
        return len(self.bus)


def sites_of(settings: HostingSettings, feeder: Feeder, placed: Placement) -> Sites:
    """Return where plants may come.

    Raises:
        HostingError: a bus that is unknown, without supply or the supply itself, or no site at
            all; all problems at once.
    """
    usable = places_for_prosumers(feeder)
    wanted = _wanted_buses(settings, feeder)
    low = feeder.bus_nominal_kv < LOW_VOLTAGE_KV
    home = np.flatnonzero(low[placed.homes.bus])
    home = home[(usable & wanted)[placed.homes.bus[home]]]
    has_homes = np.isin(np.arange(feeder.bus_count), placed.homes.bus[home])
    is_named = settings.deployment.buses is not None
    if len(home) and (not is_named or has_homes[wanted].all()):
        bus = placed.homes.bus[home]
        return Sites(bus, home, np.full(len(bus), settings.mean_plant_kw), are_homes=True)
    named = wanted if is_named else feeder.nominal_load_kw > 0.0
    count = np.where(
        low,
        np.rint(feeder.nominal_load_kw / PEAK_PER_HOME_KW),
        np.rint(feeder.nominal_load_kw / SITE_KW),
    )
    count = np.where(named & usable, np.maximum(count, 1.0), 0.0).astype(np.int64)
    bus = np.repeat(np.arange(feeder.bus_count), count)
    if not len(bus):
        message = f"no bus of {feeder.name} has homes or load: name buses in deployment.buses"
        raise HostingError(message)
    mean = np.where(low[bus], settings.mean_plant_kw, settings.mean_site_plant_kw)
    return Sites(bus, np.arange(len(bus)), mean, are_homes=False)


def _wanted_buses(settings: HostingSettings, feeder: Feeder) -> np.ndarray:
    """Return which buses may have plants, (K,); raise for those that cannot be meant."""
    given = settings.deployment.buses
    if given is None:
        return np.ones(feeder.bus_count, np.bool_)
    usable = places_for_prosumers(feeder)
    allowed = f"allowed buses of {feeder.name}: {listing(feeder.bus_index[usable])}"
    if not given:
        raise HostingError([f"deployment.buses is empty: no bus may have a plant ({allowed})"])
    unknown = sorted(set(given) - set(feeder.bus_index.tolist()))
    unusable = sorted(set(given) & set(feeder.bus_index[~usable].tolist()))
    problems = []
    if unknown:
        problems.append(f"deployment.buses: there is no bus {_numbers(unknown)} ({allowed})")
    if unusable:
        problems.append(
            f"deployment.buses: no supply at, or the supply itself: bus {_numbers(unusable)} "
            f"({allowed})"
        )
    if problems:
        raise HostingError(problems)
    return np.isin(feeder.bus_index, np.array(given))


def _numbers(numbers: list[int]) -> str:
    return ", ".join(str(number) for number in numbers)


def draw_deployments(
    settings: HostingSettings,
    feeder: Feeder,
    sites: Sites,
    which: Sequence[int],
    *,
    reach_kw: float,
) -> Deployments:
    """Return deployments number `which` of a study, each long enough for `reach_kw`.

    Rules but `random` give one deployment, whatever `which` says.

    Raises:
        HostingError: more plants than PLANTS_MOST would be needed.
    """
    rule = settings.deployment.rule
    if rule in ("uniform", "load_proportional"):
        loads = np.zeros(feeder.bus_count)
        loads[np.unique(sites.bus)] = 1.0
        if settings.deployment.buses is None:
            loads = (feeder.nominal_load_kw > 0.0) * places_for_prosumers(feeder).astype(float)
        weight = loads if rule == "uniform" else loads * feeder.nominal_load_kw
        if not weight.any():
            raise HostingError([f"deployment.rule = {rule}: none of the buses has load"])
        return by_share(settings.technology, (weight / weight.sum())[None])
    length = _length(settings, sites, reach_kw)
    if rule == "end_of_feeder":
        far = impedance_to_supply(feeder)[sites.bus]
        order = np.argsort(-far, kind="stable")
        turns = np.resize(order, length)[None]
        return Deployments(
            settings.technology, sites.bus[turns], sites.home[turns], sites.mean_kw[turns]
        )
    turns = np.empty((len(which), length), np.int64)
    size = np.empty((len(which), length))
    low, high = SIZE_SPREAD[settings.technology]
    count = len(sites)
    for row, number in enumerate(which):
        seeds = np.random.SeedSequence(settings.seed, spawn_key=(STREAM, number))
        generator = np.random.default_rng(seeds)
        for first in range(0, length, count):
            order, draw = generator.permutation(count), generator.random(count)
            taken = min(count, length - first)
            turns[row, first : first + taken] = order[:taken]
            size[row, first : first + taken] = low + (high - low) * draw[:taken]
    return Deployments(
        settings.technology, sites.bus[turns], sites.home[turns], size * sites.mean_kw[turns]
    )


def by_share(technology: str, share: Floats) -> Deployments:
    """Return layouts that split every level over buses by `share` (S, K), rows summing to 1."""
    nothing = np.empty((len(share), 0), np.int64)
    return Deployments(technology, nothing, nothing, nothing.astype(np.float64), share)


def longest_reach(settings: HostingSettings, sites: Sites) -> float:
    """Return the level that the longest order of plants surely reaches; infinite by share."""
    if settings.deployment.rule in ("uniform", "load_proportional"):
        return float("inf")
    return (PLANTS_MOST - 2) * _smallest(settings, sites)


def _smallest(settings: HostingSettings, sites: Sites) -> float:
    return SIZE_SPREAD[settings.technology][0] * float(sites.mean_kw.min())


def _length(settings: HostingSettings, sites: Sites, reach_kw: float) -> int:
    """Return how many plants surely reach a level: all as small as they can be."""
    length = int(np.ceil(reach_kw / _smallest(settings, sites))) + 1
    if length > PLANTS_MOST:
        message = (
            f"deployment.plant_kw: plants of {sites.mean_kw.min():g} kW would have to be "
            f"{length} to reach {reach_kw:g} kW; allowed are {PLANTS_MOST}: choose larger plants"
        )
        raise HostingError([message])
    return length


def installed_kw(
    deployments: Deployments, level_kw: Floats, which: Integers, bus_count: int
) -> Floats:
    """Return what is installed at each bus, (n, K), of deployments `which` (n,) at levels (n,)."""
    if deployments.share is not None:
        return np.asarray(level_kw[:, None] * deployments.share[which])
    installed = np.zeros((len(which), bus_count))
    _fill(deployments.bus, deployments.size_kw, level_kw, which, installed)
    return installed


def plants_begun(deployments: Deployments, level_kw: Floats, which: Integers) -> Integers:
    """Return how many plants stand at least in part at levels (n,), (n,).

    Of a layout by share: the number of buses with plants.
    """
    if deployments.share is not None:
        buses = (deployments.share[which] > 0.0).sum(axis=1)
        return np.where(level_kw > 0.0, buses, 0).astype(np.int64)
    count = np.zeros(len(which), np.int64)
    _count(deployments.size_kw, level_kw, which, count)
    return count


@numba.njit(cache=True)
def _fill(
    bus: Integers, size_kw: Floats, level_kw: Floats, which: Integers, installed: Floats
) -> None:
    for case in range(which.size):
        row, left = which[case], level_kw[case]
        for plant in range(bus.shape[1]):
            if left <= 0.0:
                break
            here = min(left, size_kw[row, plant])
            installed[case, bus[row, plant]] += here
            left -= here


@numba.njit(cache=True)
def _count(size_kw: Floats, level_kw: Floats, which: Integers, count: Integers) -> None:
    for case in range(which.size):
        row, left = which[case], level_kw[case]
        for plant in range(size_kw.shape[1]):
            if left <= 0.0:
                break
            left -= size_kw[row, plant]
            count[case] += 1
