"""What is offered, and what of it the grid takes, per interval of a day as played."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cosim.game import Game
from cosim.grid.flexibility_margins import Offers, feasible_supply
from cosim.grid.power_flow import PowerFlow
from cosim.market.activation import beyond
from cosim.market.tariff import quotes_of
from cosim.records import Fleet, Floats, Integers, Quotes, Signal, Step
from cosim.results import IntervalRecord, Reason
from cosim.scoring.flexibility import DEVICE_COUNT, WINDOWS, Baseline, Device, sustained
from cosim.scoring.flexibility_metrics import played_baseline
from cosim.studies.flexibility.records import SIGN, Case, PlayedDay

SOLAR_LAST_EUR_PER_KWH: Final = 1.0
"""Mark on solar power given up, so that of equal amounts the one with less of it is called."""

CLASS_OF: Final = {
    Step.BATTERY_HOLD: Device.BATTERY,
    Step.BATTERY_CHARGE: Device.BATTERY,
    Step.VEHICLE: Device.VEHICLE,
    Step.VEHICLE_SPARE: Device.VEHICLE,
    Step.HEAT_PUMP: Device.HEAT_PUMP,
    Step.PV_CURTAIL: Device.SOLAR,
}
"""Class of device behind each slot of an order curve."""


@dataclass(frozen=True, slots=True, eq=False)
class Feasible:
    """Flexibility of T intervals in one direction over one window, kW >= 0."""

    offered_kw: Floats  # (T, N, DEVICE_COUNT) NaN where the window reaches beyond what is known
    feasible_kw: Floats  # (T, N, DEVICE_COUNT) likewise
    reason: Integers  # (T,) Reason that stops more
    element: Integers  # (T,)

    @property
    def total_kw(self) -> Floats:
        """What the grid takes in all, (T,)."""
        return np.asarray(self.feasible_kw.sum(axis=(1, 2)))


def feasible_part(
    power_flow: PowerFlow,
    bus: Integers,
    offered_kw: Floats,
    direction: str,
    base: tuple[Floats, Floats],
) -> Feasible:
    """Return what the grid takes of devices' flexibility beside what is drawn anyway.

    Args:
        power_flow: the feeder.
        bus: (N,) of each prosumer.
        offered_kw: (T, N, DEVICE_COUNT) by class of device; NaN where unknown.
        direction: up or down.
        base: kW and kvar (T, K) drawn at every bus if nothing is called.

    Whoever sits at the same bus gets the same share, solar power given up counted apart: of equal
    amounts the one with less of it is taken.
    """
    known = np.asarray(np.isfinite(offered_kw).all(axis=(1, 2)))
    places, position = np.unique(bus, return_inverse=True)
    intervals, blocks = len(offered_kw), 2 * len(places)
    size = np.zeros((intervals, blocks))
    block = np.repeat(position[:, None], DEVICE_COUNT, axis=1)
    block[:, Device.SOLAR] += len(places)
    for column in range(blocks):
        size[:, column] = np.nan_to_num(offered_kw[:, block == column]).sum(axis=1)
    price = np.repeat([0.0, SOLAR_LAST_EUR_PER_KWH], len(places))
    offers = Offers(np.tile(places, 2), SIGN[direction] * size, price)
    found = feasible_supply(power_flow, offers, *base)
    share = np.divide(np.abs(found.feasible_kw), size, out=np.zeros_like(size), where=size > 0.0)
    return Feasible(
        offered_kw=offered_kw,
        feasible_kw=np.where(known[:, None, None], offered_kw * share[:, block], np.nan),
        reason=np.where(known, found.reason, int(Reason.NONE)),
        element=np.where(known, found.element, -1),
    )


def day_flexibility(
    case: Case, day: PlayedDay, following: Sequence[IntervalRecord]
) -> dict[tuple[str, str], Feasible]:
    """Return flexibility by (direction, window) of every interval of a day.

    `following` are the records behind the day that windows reach into, if there are any.
    """
    game, fleet = case.game, case.game.fleet
    baseline = played_baseline(day.start, [*day.records, *following])
    found = {}
    for window, hours in WINDOWS.items():
        each = sustained(
            fleet,
            baseline,
            case.world.actual,
            window_h=hours,
            interval_h=game.interval_h,
            starts=day.length,
        )
        for direction, kw in (("up", each.up_kw), ("down", each.down_kw)):
            found[direction, window] = feasible_part(
                game.power_flow, fleet.bus[0], kw[:, 0], direction, base_powers(day.records)
            )
    return found


def base_powers(records: Sequence[IntervalRecord]) -> tuple[Floats, Floats]:
    """Return kW and kvar (T, K) drawn at every bus as played."""
    return (
        np.stack([record.validation.bus_kw[0] for record in records]),
        np.stack([record.validation.bus_kvar[0] for record in records]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A supply curve in merit order: steps of order curves beyond what was traded, (O,) each."""

    prosumer: Integers
    device: Integers  # Device
    price_eur_per_kwh: Floats  # on top of what the energy is paid or saved for
    offered_kw: Floats  # > 0
    feasible_kw: Floats


def supply_curve(game: Game, record: IntervalRecord, quotes: Quotes, direction: str) -> Curve:
    """Return the supply curve of an interval in a direction, what the grid takes marked."""
    served = replace(record.clearing, net_kwh=record.validation.net_kwh)
    found = beyond(record.orders, served, quotes, SIGN[direction])
    kw = found.kwh[0] / game.interval_h
    prosumer, part = np.nonzero(kw > 0.0)
    price = found.cost_eur_per_kwh[0][prosumer, part]
    order = np.argsort(price, kind="stable")
    prosumer, part, price = prosumer[order], part[order], price[order]
    offered = kw[prosumer, part]
    feasible = offered
    if len(offered):
        offers = Offers(game.fleet.bus[0][prosumer], SIGN[direction] * offered[None], price)
        taken = feasible_supply(game.power_flow, offers, *base_powers([record]))
        feasible = np.abs(taken.feasible_kw[0])
    classes = np.array([CLASS_OF[Step(s)] for s in range(len(Step))], np.int64)
    return Curve(prosumer, classes[found.step[0][prosumer, part]], price, offered, feasible)


def quotes_at(game: Game, signal: Signal, row: int) -> Quotes:
    """Return the quotes of interval `row` of a day."""
    return quotes_of(
        signal,
        row,
        retail=game.retail_eur_per_kwh,
        passed_on=game.passed_on_eur_per_kwh,
        local_fee=game.local_fee_eur_per_kwh,
    )


def devices_kw(baseline: Baseline, row: int) -> Floats:
    """Return what each device of environment 0 draws, (N, DEVICE_COUNT); solar power < 0."""
    drawn = np.zeros((baseline.solar_kw.shape[2], DEVICE_COUNT))
    drawn[:, Device.BATTERY] = baseline.devices.battery_kw[row, 0]
    drawn[:, Device.VEHICLE] = baseline.devices.vehicle_kw[row, 0]
    drawn[:, Device.HEAT_PUMP] = baseline.devices.heat_pump_kw[row, 0]
    drawn[:, Device.SOLAR] = -baseline.solar_kw[row, 0]
    return drawn


def inverter_kva(fleet: Fleet) -> Floats:
    """Return the rated power of every prosumer's inverters, (N,)."""
    return np.asarray(fleet.battery_kw[0] + fleet.pv_kwp[0])
