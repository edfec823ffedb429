"""Rule `optimal`: give up the least value, by a sequential linear programme checked by AC.

At an operating point every limit near or beyond its bound becomes a row whose slope is the exact
sensitivity of the AC solution; the programme accepts as much value as the rows allow; a power
flow of the result gives the next point. Curvature is mild, so three or four rounds reach the
limit to within the power flow's accuracy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.grid.limits import TOLERANCE
from cosim.grid.linear_programme import AcceptanceProgramme
from cosim.records import Floats, Integers

MARGIN: Final = 5e-8
"""Kept free below each limit (p.u. or share of rating), so that outcomes end inside."""

WATCHED: Final = 0.02
"""Limits closer than this (p.u. or share of rating) enter the programme from the start."""

MOST_ROUNDS: Final = 10

ACCEPTING_EUR_PER_KWH: Final = 1e-4
"""Least value of a trade, so that one without gain is not refused for nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Trades that are alike for the grid: same ends, same value. They share a cut pro rata."""

    of_trade: Integers  # (M,) group of each trade
    seller_bus: Integers  # (G,) bus position where power is fed in, -1 for none
    buyer_bus: Integers  # (G,) bus position where power is drawn only if accepted, -1 for none
    value_eur_per_kwh: Floats  # (G,) > 0
    cleared_kwh: Floats  # (G,)


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """An operating point: what is accepted, and the excess and slopes there."""

    excess: Floats  # (E,)
    slopes: Callable[[Integers], Floats]  # rows -> (R, K) change of excess per kW drawn at a bus


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Accepted energies of the groups with the multipliers that explain them."""

    accepted_kwh: Floats  # (G,)
    rows: Integers  # (R,) limits in the last programme
    row_eur: Floats  # (R,) their multipliers, EUR per unit of excess
    slopes: Floats  # (R, K) of the last programme
    feasible: bool  # an AC power flow shows no excess beyond what is allowed


def group_trades(
    seller_bus: Integers, buyer_bus: Integers, surplus_eur_per_kwh: Floats, cleared_kwh: Floats
) -> Groups:
    """Group trades (M,) that the programme cannot and should not tell apart."""
    value = np.maximum(np.round(surplus_eur_per_kwh, 9), ACCEPTING_EUR_PER_KWH)
    keys = np.column_stack([seller_bus.astype(np.float64), buyer_bus.astype(np.float64), value])
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    of_trade = inverse.reshape(-1).astype(np.int64)
    return Groups(
        of_trade=of_trade,
        seller_bus=unique[:, 0].astype(np.int64),
        buyer_bus=unique[:, 1].astype(np.int64),
        value_eur_per_kwh=unique[:, 2],
        cleared_kwh=np.bincount(of_trade, weights=cleared_kwh, minlength=len(unique)).astype(
            np.float64
        ),
    )


def drawn_kw(groups: Groups, accepted_kwh: Floats, buses: int, interval_h: float) -> Floats:
    """Return what `accepted_kwh` (G,) adds to the power drawn at each bus, (K,)."""
    power = accepted_kwh / interval_h
    fed, drawn = groups.seller_bus >= 0, groups.buyer_bus >= 0
    return np.asarray(
        np.bincount(groups.buyer_bus[drawn], weights=power[drawn], minlength=buses)
        - np.bincount(groups.seller_bus[fed], weights=power[fed], minlength=buses)
    )


def accept_most_value(
    groups: Groups,
    allowed: Floats,
    solve: Callable[[Floats], Point],
    *,
    programme: AcceptanceProgramme,
    start_kwh: Floats,
    interval_h: float,
) -> Outcome:
    """Return the acceptance of greatest value inside the limits.

    Args:
        groups: what can be accepted.
        allowed: (E,) excess that may remain (what the counterfactual shows).
        solve: AC power flow of an acceptance (G,) with the slopes there.
        programme: the solver.
        start_kwh: (G,) first operating point; its power flow must exist.
        interval_h: length of the interval.
    """
    accepted = start_kwh
    point = solve(accepted)
    rows = np.empty(0, np.int64)
    bound = np.where(allowed > 0.0, allowed, -MARGIN)  # what is broken already needs no margin
    best = None
    for _ in range(MOST_ROUNDS):
        near = np.flatnonzero(point.excess - allowed > -WATCHED)
        rows = np.union1d(rows, near)
        slopes = point.slopes(rows)
        effect = group_effect(groups, slopes, interval_h)
        room = bound[rows] - point.excess[rows] + effect @ accepted
        solution = programme.accept(groups.value_eur_per_kwh, groups.cleared_kwh, effect, room)
        change = float(groups.value_eur_per_kwh @ np.abs(solution.accepted_kwh - accepted))
        accepted = solution.accepted_kwh
        point = solve(accepted)
        feasible = bool(np.all(point.excess <= allowed + TOLERANCE))
        outcome = Outcome(
            accepted_kwh=accepted,
            rows=rows,
            row_eur=solution.row_eur,
            slopes=slopes,
            feasible=feasible,
        )
        worth = float(groups.value_eur_per_kwh @ accepted)
        if feasible and (best is None or worth >= best[0]):
            best = (worth, outcome)
        total = float(groups.value_eur_per_kwh @ groups.cleared_kwh)
        if feasible and change <= 1e-6 * total:
            break
        if not np.all(np.isfinite(point.excess)):
            break
    return outcome if best is None else best[1]


def group_effect(groups: Groups, slopes: Floats, interval_h: float) -> Floats:
    """Return the change of each row's excess per accepted kWh of each group, (R, G)."""
    padded = np.hstack([slopes, np.zeros((len(slopes), 1))]) / interval_h  # -1 reads the zero
    return np.asarray(padded[:, groups.buyer_bus] - padded[:, groups.seller_bus])
