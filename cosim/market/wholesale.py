"""Imbalance prices."""

import numpy as np

from cosim.records import Booleans, Floats


def imbalance_price(
    imbalance_kwh: Floats,
    day_ahead_eur_per_kwh: Floats,
    imbalance_eur_per_kwh: Floats,
    *,
    two_price: bool,
) -> Floats:
    """Return the price applied to an imbalance (long > 0), (B,), EUR/kWh.

    One price: the imbalance price whatever the direction. Two prices: the system is short where
    the imbalance price is above day-ahead; who makes it worse faces the imbalance price, who
    helps gets the day-ahead price and no more.
    """
    if not two_price:
        return imbalance_eur_per_kwh
    system_short = imbalance_eur_per_kwh > day_ahead_eur_per_kwh
    makes_worse: Booleans = np.where(system_short, imbalance_kwh < 0.0, imbalance_kwh > 0.0)
    return np.where(makes_worse, imbalance_eur_per_kwh, day_ahead_eur_per_kwh)
