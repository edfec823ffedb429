"""Rewards of both sides, functions of an interval's record alone. EUR, received > 0."""

import numpy as np

from cosim.records import Floats
from cosim.results import Account, IntervalRecord


def prosumer_rewards(
    record: IntervalRecord, *, wear_eur_per_kwh: float, interval_h: float
) -> Floats:
    """Return what the interval brought every prosumer, (B, N): its money less battery wear.

    Network charges are part of the money, so what a prosumer costs the feeder by its own marginal
    share is in the reward where the market charges for it.
    """
    worn_kwh = np.abs(record.dispatch.battery_kw) * interval_h
    return np.asarray(record.settlement.prosumer_eur.sum(axis=2) - wear_eur_per_kwh * worn_kwh)


def network_penalties(record: IntervalRecord, bus: np.ndarray) -> Floats:
    """Return what binding limits cost by each prosumer's own net energy, (B, N), EUR >= 0.

    The price of voltage and congestion at the own bus times the energy drawn there: the marginal
    share of a prosumer in what the grid had to cut, not the sum over all. Used where the market
    itself does not charge for the network.
    """
    verdicts = record.validation
    price = verdicts.voltage_eur_per_kwh + verdicts.congestion_eur_per_kwh
    own = np.take_along_axis(price, bus, axis=1)
    return np.maximum(own * verdicts.net_kwh, 0.0)


def leader_reward(record: IntervalRecord) -> Floats:
    """Return the aggregator's profit of the interval, (B,): quotes, day-ahead and imbalance."""
    prosumers = record.settlement.prosumer_eur.shape[1]
    return np.asarray(record.settlement.accounts_eur[:, prosumers + Account.AGGREGATOR])
