"""Worlds of market levers: one environment a case, its prosumers the homes that have a plant.

A case is a deployment at a level. Slot n of an environment holds the n-th home that has a plant
there; what is left of the load at its bus stays passive, so that the sum at every bus is the same
in all cases. Slots that a case does not need own nothing.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cosim.errors import HostingError
from cosim.inputs.fleet import HEAT_PUMP_RESERVE
from cosim.records import Booleans, Exogenous, Fleet, Floats, Integers, World
from cosim.scenario import Community
from cosim.studies.hosting.market_days import MarketDay
from cosim.studies.hosting.records import Deployments

BATTERY_STREAM, TIE_STREAM = 102, 103
"""Name streams of a deployment among those of a seed."""

KNOWN_BY = 8
"""Homes at the head of a deployment that name its streams."""

NOBODY = -1

Number = TypeVar("Number", np.float64, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Who has new plants in `B` cases, in `N` slots."""

    owner: Integers  # (B, N) position among the owners, NOBODY where a slot is empty
    kw: Floats  # (B, N) installed
    battery: Booleans  # (B, N) whether a battery comes with it
    tie_rank: Integers  # (B, N) a permutation per case, by deployment and home


@dataclass(frozen=True, slots=True, eq=False)
class DeploymentDraws:
    """What a deployment draws for every owner besides the order of plants; `S` of them."""

    battery: Floats  # (S, H) in [0, 1), a battery where below the share
    tie: Floats  # (S, H) who comes first among equal orders


def draw_owners(seed: int, deployments: Deployments, owners: int) -> DeploymentDraws:
    """Return the draws of deployments; each is known by the homes that come first in it.

    So they do not hang on which deployments are looked at together, nor on how long they are.

    Raises:
        HostingError: these are layouts by rule, in which nobody owns a plant.
    """
    if deployments.share is not None:
        raise HostingError(
            "deployment.rule: in a layout by rule nobody owns a plant, so that market levers have "
            "nobody to play; choose random or end_of_feeder, or leave the market levers out"
        )

    def each(purpose: int) -> Floats:
        keys = ((purpose, *map(int, homes[:KNOWN_BY])) for homes in deployments.home)
        streams = (np.random.SeedSequence(seed, spawn_key=key) for key in keys)
        return np.stack([np.random.default_rng(it).random(owners) for it in streams])

    return DeploymentDraws(battery=each(BATTERY_STREAM), tie=each(TIE_STREAM))


def owned_kw(deployments: Deployments, level_kw: float, which: int, owners: int) -> Floats:
    """Return what each owner has of deployment `which` at a level, (H,) kW."""
    size = deployments.size_kw[which]
    built = np.clip(level_kw - (np.cumsum(size) - size), 0.0, size)
    return np.asarray(
        np.bincount(deployments.home[which], weights=built, minlength=owners), np.float64
    )


def slots_of(
    deployments: Deployments,
    draws: DeploymentDraws,
    level_kw: Floats,
    which: Integers,
    *,
    battery_share: float,
) -> Slots:
    """Return the slots of cases (deployment `which`, level), each (B,)."""
    owners = draws.tie.shape[1]
    owned = [
        owned_kw(deployments, float(level), int(s), owners)
        for level, s in zip(level_kw, which, strict=True)
    ]
    width = max(1, *(int(np.count_nonzero(kw)) for kw in owned))
    shape = (len(owned), width)
    owner, kw = np.full(shape, NOBODY), np.zeros(shape)
    battery, key = np.zeros(shape, np.bool_), np.ones(shape) + np.arange(width)
    for b, (has, s) in enumerate(zip(owned, which, strict=True)):
        who = np.flatnonzero(has)
        owner[b, : len(who)], kw[b, : len(who)] = who, has[who]
        battery[b, : len(who)] = draws.battery[s, who] < battery_share
        key[b, : len(who)] = draws.tie[s, who]
    rank = np.argsort(np.argsort(key, axis=1, kind="stable"), axis=1, kind="stable")
    return Slots(owner=owner, kw=kw, battery=battery, tie_rank=rank.astype(np.int64))


def world_of(day: MarketDay, slots: Slots, community: Community, technology: str) -> World:
    """Return the world in which the cases of `slots` live through `day`."""
    actual = _exogenous(day, slots, community, technology, forecast=False)
    return World(
        fleet=_fleet(day, slots, community, technology),
        actual=actual,
        forecast=_exogenous(day, slots, community, technology, forecast=True),
        calendar=day.calendar,
        day_ahead_label="",
        imbalance_label="",
    )


def drawn_at_once(day: MarketDay, slots: Slots) -> Floats:
    """Return what is drawn at every bus where nobody steers new plants, (T, B, K) kW."""
    rows = slice(0, day.intervals)
    plants = gathered(day.course[rows], slots.owner) * slots.kw
    return day.total_kw[rows, None, :] + by_bus(plants, day, slots)


def gathered(values: NDArray[Number], owner: Integers) -> NDArray[Number]:
    """Return `values` (R, H) of the owners in slots, (R, B, N); zero where a slot is empty."""
    return np.where(owner == NOBODY, values.dtype.type(0), values[:, owner])


def by_bus(values: Floats, day: MarketDay, slots: Slots) -> Floats:
    """Return the sums of `values` (R, B, N) at buses, (R, B, K)."""
    rows, cases = values.shape[:2]
    buses = day.total_kw.shape[1]
    place = _bus(day, slots) + buses * np.arange(cases)[:, None]
    cell = place + cases * buses * np.arange(rows)[:, None, None]
    total = np.bincount(cell.ravel(), weights=values.ravel(), minlength=rows * cases * buses)
    return np.asarray(total.reshape(rows, cases, buses), np.float64)


def _bus(day: MarketDay, slots: Slots) -> Integers:
    return np.where(slots.owner == NOBODY, day.owner_bus[0], day.owner_bus[slots.owner])


def _exogenous(
    day: MarketDay, slots: Slots, community: Community, technology: str, *, forecast: bool
) -> Exogenous:
    """Return what nobody decides, actual or as forecast."""
    owner, cases = slots.owner, len(slots.owner)
    own_kw, own_kvar = gathered(day.load_kw, owner), gathered(day.load_kvar, owner)
    passive_kw = day.total_kw[:, None, :] - by_bus(own_kw, day, slots)
    passive_kvar = day.total_kvar[:, None, :] - by_bus(own_kvar, day, slots)
    plants = gathered(day.course, owner) * slots.kw
    price = day.day_ahead_eur_per_kwh
    imbalance = day.imbalance_eur_per_kwh
    if forecast:
        error = gathered(day.load_error, owner)
        own_kw, own_kvar = own_kw * error, own_kvar * error
        passive_kw = passive_kw * day.total_error[:, None, :]
        passive_kvar = passive_kvar * day.total_error[:, None, :]
        plants = plants * day.course_error[:, :, None]
        # Nobody knows which way the system will be short.
        price = imbalance = day.day_ahead_forecast_eur_per_kwh
    none = np.zeros_like(plants)
    is_ev = technology == "ev"
    arriving = gathered(day.asked_kwh, owner) * slots.kw * community.vehicle_efficiency
    plugged = (owner != NOBODY) & is_ev
    return Exogenous(
        load_kw=own_kw,
        load_kvar=own_kvar,
        pv_kw=-plants if technology == "pv" else none,
        vehicle_arrival_kwh=arriving if is_ev else none,
        vehicle_departure=np.where(plugged, day.departure[:, owner], -1),
        heat_pump_reference_kw=plants if technology == "heat_pump" else none,
        passive_kw=passive_kw,
        passive_kvar=passive_kvar,
        day_ahead_eur_per_kwh=np.repeat(price[:, None], cases, axis=1),
        imbalance_eur_per_kwh=np.repeat(imbalance[:, None], cases, axis=1),
    )


def _fleet(day: MarketDay, slots: Slots, community: Community, technology: str) -> Fleet:
    """Return what every slot owns, sized as in the settings of a community."""
    shape = slots.kw.shape

    def everywhere(value: float) -> Floats:
        return np.full(shape, value)

    def of(kind: str) -> Floats:
        return slots.kw if technology == kind else everywhere(0.0)

    battery_kwh = np.where(slots.battery, of("pv") * community.battery_kwh_per_kwp, 0.0)
    heat_pump_kw = of("heat_pump")
    most = (gathered(day.course, slots.owner) * heat_pump_kw).max(axis=0)
    mass = community.building_kwh_per_kelvin * heat_pump_kw / community.heat_pump_kw
    target, band = community.comfort_target_celsius, community.comfort_band_kelvin
    return Fleet(
        bus=_bus(day, slots),
        homes=everywhere(1.0),
        pv_kwp=of("pv"),
        battery_kwh=battery_kwh,
        battery_kw=battery_kwh * community.battery_kw_per_kwh,
        battery_charge_efficiency=everywhere(community.battery_charge_efficiency),
        battery_discharge_efficiency=everywhere(community.battery_discharge_efficiency),
        battery_start_kwh=0.5 * battery_kwh,
        vehicle_kw=of("ev"),
        vehicle_efficiency=everywhere(community.vehicle_efficiency),
        heat_pump_kw=np.maximum(heat_pump_kw, HEAT_PUMP_RESERVE * most),
        heat_pump_cop=everywhere(community.heat_pump_cop),
        # Without a heat pump the mass means nothing, but is divided by.
        building_kwh_per_kelvin=np.where(mass > 0.0, mass, community.building_kwh_per_kelvin),
        building_time_constant_h=everywhere(community.building_time_constant_h),
        comfort_min_celsius=everywhere(target - band),
        comfort_max_celsius=everywhere(target + band),
        comfort_target_celsius=everywhere(target),
    )
