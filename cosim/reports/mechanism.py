"""What a local trade costs under the mechanism of the run, and what to call it."""

import numpy as np

from cosim.records import Floats
from cosim.reports.arm import Arm
from cosim.reports.report_data import ReportData

LOCAL_FEES = ("local_network_fee_eur_per_kwh", "local_levies_eur_per_kwh")
WORDS = {
    "uniform": "uniform price",
    "pay_as_bid": "pay as bid",
    "mid_market_rate": "mid-market rate",
    "none": "no local trade",
}


def mechanism_words(data: ReportData) -> str:
    """Return the market mechanism of the run in words, "" where the settings have none."""
    name = data.setting("market", "mechanism")
    return WORDS.get(name, name.replace("_", " "))


def is_pay_as_bid(data: ReportData) -> bool:
    """Return whether every match has its own price."""
    return data.setting("market", "mechanism") == "pay_as_bid"


def trades_locally(data: ReportData) -> bool:
    """Return whether there is a local market at all."""
    return data.setting("market", "mechanism") != "none"


def local_price_words(data: ReportData) -> str:
    """Return what the local price of the intervals table is."""
    return "uniform price of the same matches" if is_pay_as_bid(data) else "local price"


def paid_price(data: ReportData, arm: Arm) -> Floats | None:
    """Return the mean price that local trades paid where each pays its own, (T,), else None."""
    if not is_pay_as_bid(data) or "local_paid_eur_per_kwh" not in arm.tables.intervals:
        return None
    return arm.of_intervals("local_paid_eur_per_kwh")


def local_fees_eur_per_kwh(data: ReportData) -> float:
    """Return the network fee and levies on a local trade, 0 where the settings have none."""
    return sum(float(data.setting("tariff", key) or 0.0) for key in LOCAL_FEES)


def local_ceiling(data: ReportData, arm: Arm) -> Floats:
    """Return the highest price a buyer can pay a neighbour and not rather buy elsewhere, (T,)."""
    return np.asarray(arm.of_intervals("buy_eur_per_kwh") - local_fees_eur_per_kwh(data))


def mechanism_sentence(data: ReportData) -> tuple[str, ...]:
    """Say how local trades are priced."""
    texts = {
        "uniform": "All local trades of an interval have one price, where the order curves cross.",
        "pay_as_bid": "Every local trade is paid at the middle of its own bid and ask "
        "(pay as bid).",
        "mid_market_rate": "Local trades are paid at the middle of the aggregator's quotes "
        "(mid-market rate).",
        "none": "There is no local market (mechanism none): all is traded with the aggregator.",
    }
    text = texts.get(data.setting("market", "mechanism"))
    return (text,) if text else ()
