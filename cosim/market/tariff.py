"""Outside options of an interval: what the aggregator charges and pays."""

import numpy as np

from cosim.records import Floats, Quotes, Signal


def quotes_of(
    signal: Signal, row: int, *, retail: float, passed_on: float, local_fee: float
) -> Quotes:
    """Return the quotes of row `row` of the day's signal.

    Args:
        signal: what the leader announced, (T, B).
        row: interval of the day.
        retail: all-in retail price, EUR/kWh.
        passed_on: fees and levies inside what the aggregator charges, EUR/kWh.
        local_fee: fees and levies on a local trade, EUR/kWh.
    """
    return Quotes(
        buy_eur_per_kwh=signal.buy_eur_per_kwh[row],
        sell_eur_per_kwh=signal.sell_eur_per_kwh[row],
        retail_eur_per_kwh=retail,
        passed_on_eur_per_kwh=passed_on,
        local_fee_eur_per_kwh=local_fee,
    )


def within_tariff(
    buy_eur_per_kwh: Floats, sell_eur_per_kwh: Floats, *, retail: float, feed_in: float
) -> Signal:
    """Return a price pair inside what the retailer offers, ``feed_in <= sell <= buy <= retail``.

    Prosumers may always fall back on the retailer, so no announcement outside could hold.
    """
    buy = np.clip(buy_eur_per_kwh, feed_in, retail)
    sell = np.clip(sell_eur_per_kwh, feed_in, buy)
    return Signal(buy_eur_per_kwh=buy, sell_eur_per_kwh=sell)
