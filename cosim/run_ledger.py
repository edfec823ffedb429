"""The ledger of a run: every payment with its payer, its payee and what it is for.

Parties are numbers while the rows are made: prosumers 0 to N - 1, then those of `Account`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from cosim.records import AGGREGATOR, Floats, Integers, World
from cosim.results import Account, DayRecord, IntervalRecord
from cosim.scenario import Tariff


class Kind(IntEnum):
    """What a payment is for."""

    LOCAL_ENERGY = 0
    AGGREGATOR_ENERGY = 1
    RETAIL_ENERGY = 2
    NETWORK_FEE = 3
    LEVIES = 4
    DAY_AHEAD = 5
    IMBALANCE = 6
    LOSSES = 7
    NETWORK_CHARGE = 8


@dataclass(frozen=True, slots=True, eq=False)
class Payments:
    """Rows of the ledger."""

    interval: Integers  # (R,)
    payer: Integers  # (R,) prosumer, or N + Account
    payee: Integers  # (R,)
    kind: Integers  # (R,) Kind
    eur: Floats  # (R,) > 0


def ledger(days: Sequence[DayRecord], world: World, tariff: Tariff) -> Payments:
    """Return all payments of environment 0 in the order of the intervals.

    Amounts below zero (energy at a negative price) change payer and payee; amounts of zero are
    left out. What each party received minus what it paid is its entry in
    `Settlement.accounts_eur`.
    """
    groups = [
        _Group(record.interval, payer, payee, kind, eur)
        for day in days
        for record in day.intervals
        for payer, payee, kind, eur in _payments(day, record, world, tariff)
    ]
    if not groups:
        nothing = np.empty(0, np.int64)
        return Payments(nothing, nothing, nothing, nothing, np.empty(0))
    eur = np.concatenate([group.eur for group in groups])
    interval = np.repeat([group.interval for group in groups], [len(g.eur) for g in groups])
    kind = np.repeat([group.kind for group in groups], [len(g.eur) for g in groups])
    payer = np.concatenate([np.broadcast_to(g.payer, g.eur.shape) for g in groups])
    payee = np.concatenate([np.broadcast_to(g.payee, g.eur.shape) for g in groups])
    backwards, kept = eur < 0.0, eur != 0.0
    return Payments(
        interval=interval[kept].astype(np.int64),
        payer=np.where(backwards, payee, payer)[kept],
        payee=np.where(backwards, payer, payee)[kept],
        kind=kind[kept].astype(np.int64),
        eur=np.abs(eur)[kept],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Payments of one kind in one interval; amounts may still be negative."""

    interval: int
    payer: Integers | int
    payee: Integers | int
    kind: Kind
    eur: Floats


_Flow = tuple[Integers | int, Integers | int, Kind, Floats]


def _payments(
    day: DayRecord, record: IntervalRecord, world: World, tariff: Tariff
) -> Iterator[_Flow]:
    """Yield the payments of an interval: payer, payee, kind, amount."""
    yield from _trade_payments(record, world, tariff)
    yield from _retail_payments(record, tariff)
    yield from _wholesale_payments(day, record, world)


def _trade_payments(record: IntervalRecord, world: World, tariff: Tariff) -> Iterator[_Flow]:
    """Yield what trades and aggregator legs move; fees are paid by prosumers that buy."""
    prosumers = world.fleet.bus.shape[1]
    trades = record.clearing.trades
    mine = slice(int(trades.start[0]), int(trades.start[1]))
    seller, buyer = trades.seller[mine], trades.buyer[mine]
    kwh = record.validation.accepted_kwh[mine]
    energy = kwh * trades.price_eur_per_kwh[mine]
    local = trades.local[mine]
    payer = np.where(buyer == AGGREGATOR, prosumers + Account.AGGREGATOR, buyer)
    payee = np.where(seller == AGGREGATOR, prosumers + Account.AGGREGATOR, seller)
    yield payer[local], payee[local], Kind.LOCAL_ENERGY, energy[local]
    yield payer[~local], payee[~local], Kind.AGGREGATOR_ENERGY, energy[~local]
    network_fee = np.where(
        local, tariff.local_network_fee_eur_per_kwh, tariff.network_fee_eur_per_kwh
    )
    levies = np.where(local, tariff.local_levies_eur_per_kwh, tariff.levies_eur_per_kwh)
    charged = buyer != AGGREGATOR
    operator = prosumers + Account.NETWORK_OPERATOR
    yield payer[charged], operator, Kind.NETWORK_FEE, (kwh * network_fee)[charged]
    yield payer[charged], prosumers + Account.STATE, Kind.LEVIES, (kwh * levies)[charged]
    for end, paid in ((seller, record.charges.seller_eur), (buyer, record.charges.buyer_eur)):
        known = end != AGGREGATOR
        yield end[known], operator, Kind.NETWORK_CHARGE, paid[mine][known]


def _retail_payments(record: IntervalRecord, tariff: Tariff) -> Iterator[_Flow]:
    """Yield what firm load served by the retailer costs."""
    kwh = record.settlement.retailer_kwh[0]
    prosumers = np.arange(len(kwh))
    for account, kind, price in (
        (Account.RETAILER, Kind.RETAIL_ENERGY, tariff.energy_eur_per_kwh),
        (Account.NETWORK_OPERATOR, Kind.NETWORK_FEE, tariff.network_fee_eur_per_kwh),
        (Account.STATE, Kind.LEVIES, tariff.levies_eur_per_kwh),
    ):
        yield prosumers, len(kwh) + account, kind, kwh * price


def _wholesale_payments(day: DayRecord, record: IntervalRecord, world: World) -> Iterator[_Flow]:
    """Yield day-ahead, imbalance and loss payments."""
    prosumers = world.fleet.bus.shape[1]
    settlement = record.settlement
    day_ahead = world.actual.day_ahead_eur_per_kwh[record.interval, :1]
    sold = day.bid.validated_kwh[record.interval - day.first_interval, :1]
    market = prosumers + Account.WHOLESALE_MARKET
    aggregator = prosumers + Account.AGGREGATOR
    yield market, aggregator, Kind.DAY_AHEAD, sold * day_ahead
    imbalance = settlement.imbalance_kwh[:1] * settlement.imbalance_price_eur_per_kwh[:1]
    yield prosumers + Account.BALANCE_OPERATOR, aggregator, Kind.IMBALANCE, imbalance
    losses = settlement.loss_kwh[:1] * day_ahead
    yield prosumers + Account.NETWORK_OPERATOR, market, Kind.LOSSES, losses
