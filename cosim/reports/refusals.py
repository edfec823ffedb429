"""What the grid refused, as one table: trades, legs with the aggregator, the wholesale bid."""

import numpy as np
import pandas as pd

from cosim.reports.arm import Arm
from cosim.reports.labels import AGGREGATOR, party_words

LOCAL, SOLD, BOUGHT, BID = (
    "local trades",
    "sales to the aggregator",
    "purchases from the aggregator",
    "day-ahead bid",
)
KINDS = (LOCAL, SOLD, BOUGHT, BID)
CUT_MINIMUM_KWH = 1e-9


def judged_table(arm: Arm) -> pd.DataFrame:
    """Return all that the grid judged, one row each.

    Columns: interval, kind, who, asked_kwh, cut_kwh, verdict, reason, element.
    """
    return pd.concat([_trades(arm), _bids(arm)], ignore_index=True)


def refused(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that were cut."""
    return judged[(judged["cut_kwh"] > CUT_MINIMUM_KWH) | (judged["verdict"] != "accepted")]


def _trades(arm: Arm) -> pd.DataFrame:
    trades = arm.tables.trades
    seller, buyer = trades["seller"].astype(str), trades["buyer"].astype(str)
    kind = np.select([buyer == AGGREGATOR, seller == AGGREGATOR], [SOLD, BOUGHT], LOCAL)
    asked = trades["cleared_kwh"].to_numpy(dtype=float)
    return pd.DataFrame(
        {
            "interval": trades["interval"].to_numpy(dtype=np.int64),
            "kind": kind,
            "seller": seller.to_numpy(),
            "buyer": buyer.to_numpy(),
            "asked_kwh": asked,
            "cut_kwh": asked - trades["accepted_kwh"].to_numpy(dtype=float),
            **_judgement(trades),
        }
    )


def _bids(arm: Arm) -> pd.DataFrame:
    table = arm.tables.wholesale
    offered = table["bid_kwh"].to_numpy(dtype=float)
    return pd.DataFrame(
        {
            "interval": table["interval"].to_numpy(dtype=np.int64),
            "kind": BID,
            "seller": AGGREGATOR,
            "buyer": "wholesale market",
            "asked_kwh": np.abs(offered),
            "cut_kwh": np.abs(offered - table["validated_kwh"].to_numpy(dtype=float)),
            **_judgement(table),
        }
    )


def _judgement(table: pd.DataFrame) -> dict[str, object]:
    return {
        column: table[column].astype(object).where(table[column].notna(), "").to_numpy()
        for column in ("verdict", "reason", "element")
    }


def grouped(cut: pd.DataFrame) -> pd.DataFrame:
    """Return refusals by who, reason and element, the most energy first.

    Columns: who, reason, element, cut_kwh, asked_kwh, intervals, first, last (interval numbers).
    """
    pairs = cut[["kind", "seller", "buyer"]].drop_duplicates()
    words = {row: who_words(*row) for row in pairs.itertuples(index=False, name=None)}
    rows = cut[["kind", "seller", "buyer"]].itertuples(index=False, name=None)
    groups = cut.assign(who=[words[row] for row in rows]).groupby(["who", "reason", "element"])
    table = groups.agg(
        cut_kwh=("cut_kwh", "sum"),
        asked_kwh=("asked_kwh", "sum"),
        intervals=("interval", "nunique"),
        first=("interval", "min"),
        last=("interval", "max"),
    ).reset_index()
    return table.sort_values(
        ["cut_kwh", "who", "reason", "element"], ascending=[False, True, True, True]
    )


def repeated(arm: Arm) -> tuple[int, float]:
    """Return how many prosumers were refused, and in how many intervals each on average."""
    trades = _trades(arm)
    cut = refused(trades)
    who = np.where(cut["seller"] != AGGREGATOR, cut["seller"], cut["buyer"])
    pairs = pd.DataFrame({"who": who, "interval": cut["interval"]}).drop_duplicates()
    count = int(pairs["who"].nunique())
    return count, len(pairs) / count if count else 0.0


def who_words(kind: str, seller: str, buyer: str) -> str:
    """Return who deals with whom, e.g. "prosumer 3 \u2192 aggregator"."""
    if kind == BID:
        return "aggregator, day-ahead"
    return f"{party_words(seller)} \u2192 {'neighbours' if kind == LOCAL else party_words(buyer)}"
