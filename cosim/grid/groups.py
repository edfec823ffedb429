"""Trades that are alike for the grid, and what they do to the buses."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.records import Floats, Integers

ACCEPTING_EUR_PER_KWH: Final = 1e-4
"""Least value of a trade, so that one without gain is not refused for nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Trades that are alike for the grid: same ends, same value. They share a cut pro rata."""

    of_trade: Integers  # (M,) group of each trade
    seller_bus: Integers  # (G,) bus position where power is fed in, -1 for none
    buyer_bus: Integers  # (G,) bus position where power is drawn only if accepted, -1 for none
    value_eur_per_kwh: Floats  # (G,) > 0
    placed: Integers  # (G,) turn in which they were placed, later is greater
    cleared_kwh: Floats  # (G,)


def group_trades(
    seller_bus: Integers,
    buyer_bus: Integers,
    surplus_eur_per_kwh: Floats,
    cleared_kwh: Floats,
    placed: Integers | None = None,
) -> Groups:
    """Group trades (M,) that a rule cannot and should not tell apart.

    Alike are trades with the same ends and the same value; where `placed` (M,) is given, only if
    they were also placed in the same turn.
    """
    value = np.maximum(np.round(surplus_eur_per_kwh, 9), ACCEPTING_EUR_PER_KWH)
    turn = np.zeros(len(value)) if placed is None else placed.astype(np.float64)
    order = np.lexsort((turn, value, buyer_bus, seller_bus))
    keys = np.column_stack([seller_bus, buyer_bus, value, turn])[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = np.any(keys[1:] != keys[:-1], axis=1)
    of_trade = np.empty(len(order), np.int64)
    of_trade[order] = np.cumsum(first) - 1
    unique = keys[first]
    return Groups(
        of_trade=of_trade,
        seller_bus=unique[:, 0].astype(np.int64),
        buyer_bus=unique[:, 1].astype(np.int64),
        value_eur_per_kwh=unique[:, 2],
        placed=unique[:, 3].astype(np.int64),
        cleared_kwh=np.bincount(of_trade, weights=cleared_kwh, minlength=len(unique)).astype(
            np.float64
        ),
    )


def drawn_kw(groups: Groups, accepted_kwh: Floats, buses: int, interval_h: float) -> Floats:
    """Return what `accepted_kwh` (G,) adds to the power drawn at each bus, (K,)."""
    power = accepted_kwh / interval_h
    # Index -1, nowhere, is counted in a place of its own that is left out.
    drawn = np.bincount(groups.buyer_bus + 1, weights=power, minlength=buses + 1)
    fed = np.bincount(groups.seller_bus + 1, weights=power, minlength=buses + 1)
    return np.asarray((drawn - fed)[1:])


def group_effect(groups: Groups, slopes: Floats, interval_h: float) -> Floats:
    """Return the change of each row's excess per accepted kWh of each group, (R, G)."""
    padded = np.hstack([slopes, np.zeros((len(slopes), 1))]) / interval_h  # -1 reads the zero
    return np.asarray(padded[:, groups.buyer_bus] - padded[:, groups.seller_bus])
