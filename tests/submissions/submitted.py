"""Trades, bids and base cases to hand over."""

import numpy as np
import pandas as pd

from networks.catalog import load_feeder
from networks.feeder import Feeder


def worked_base() -> pd.DataFrame:
    """Firm loads of the worked example in docs/verdicts.md."""
    return pd.DataFrame({"bus": [1, 2], "p_kw": [12.0, 4.0], "q_kvar": [0.0, 0.0]})


def worked_trades() -> pd.DataFrame:
    """Trades of the worked example, in the order of its table."""
    return pd.DataFrame(
        {
            "trade": ["B firm", "C firm", "C vehicle", "B battery", "aggregator"],
            "seller": "A",
            "buyer": ["B", "C", "C", "B", "aggregator"],
            "seller_bus": 2,
            "buyer_bus": [1, 2, 2, 1, "grid"],
            "power_kw": [12.0, 4.0, 8.0, 10.0, 46.0],
            "bid_eur_per_kwh": [0.30, 0.30, 0.25, 0.19, 0.08],
            "ask_eur_per_kwh": 0.0,
            "firm": ["yes", "yes", "no", "no", "no"],
            "time": [1, 2, 2, 1, 0],
        }
    )


def loaded_buses(feeder: Feeder) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions of the buses with a load."""
    return np.flatnonzero(feeder.nominal_load_kw > 0.0)


def town_base(shares: np.ndarray[tuple[int], np.dtype[np.float64]]) -> pd.DataFrame:
    """Loads of cigre_lv at these shares of their nominal values, an interval each."""
    feeder = load_feeder("cigre_lv")
    buses = loaded_buses(feeder)
    return pd.DataFrame(
        {
            "interval": np.repeat(np.arange(len(shares)), len(buses)),
            "bus": np.tile(feeder.bus_index[buses], len(shares)),
            "p_kw": np.outer(shares, feeder.nominal_load_kw[buses]).ravel(),
            "q_kvar": np.outer(shares, feeder.nominal_load_kvar[buses]).ravel(),
        }
    )


def town_trades(intervals: int, count: int, most_kw: float, seed: int = 0) -> pd.DataFrame:
    """Random trades on cigre_lv, `count` an interval, every fourth with the grid."""
    random = np.random.default_rng(seed)
    feeder = load_feeder("cigre_lv")
    buses = feeder.bus_index[loaded_buses(feeder)]
    total = intervals * count
    seller = random.integers(0, len(buses), total)
    buyer = (seller + random.integers(1, len(buses), total)) % len(buses)
    number = np.tile(np.arange(count), intervals)
    return pd.DataFrame(
        {
            "trade": number,
            "interval": np.repeat(np.arange(intervals), count),
            "seller_bus": buses[seller],
            "buyer_bus": np.where(number % 4 == 0, "grid", buses[buyer].astype(str)),
            "power_kw": random.uniform(0.1, most_kw, total),
            "bid_eur_per_kwh": random.uniform(0.15, 0.3, total),
            "ask_eur_per_kwh": random.uniform(0.0, 0.1, total),
            "time": number,
        }
    )


def worked_bid(schedule_kw: float, spare_kw: float = 0.0) -> pd.DataFrame:
    """Feed in `schedule_kw` at bus 2; bus 1 could take over `spare_kw`."""
    return pd.DataFrame(
        {
            "interval": 0,
            "bus": [1, 2],
            "schedule_kw": [0.0, -schedule_kw],
            "up_kw": [10.0, 10.0],
            "down_kw": [5.0, 10.0],
            "least_kw": [-spare_kw, -schedule_kw],
            "most_kw": [0.0, -schedule_kw],
        }
    )
