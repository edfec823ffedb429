"""Acceptance by sequential linear programmes that AC power flows check.

At an operating point every limit near or beyond its bound becomes a row whose slope is the exact
sensitivity of the AC solution; a programme accepts as much as the rows allow, by value (rule
`optimal`) or evenly (rule `max_min`); a power flow of the result gives the next point. Curvature
is mild, so two to four rounds reach the limit to within the power flow's accuracy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.grid.limits import TOLERANCE
from cosim.grid.linear_programme import Acceptance
from cosim.records import Floats, Integers

MARGIN: Final = 5e-8
"""Kept free below each limit (p.u. or share of rating), so that outcomes end inside."""

WATCHED: Final = 0.02
"""Limits closer than this (p.u. or share of rating) enter the programme from the start."""

MOST_ROUNDS: Final = 60

GOOD, POOR = 0.75, 0.25
"""Shares of a promised improvement from which a round may go further, below which less far."""

EXCESS_WEIGHT: Final = 100.0
"""What an excess of 1 p.u. (or of a whole rating) costs, in units of all value: 0.01 takes all."""

SETTLED: Final = 1e-6
"""A round that moves less than this share of the energy, or promises less worth, is the last."""

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
    keys = np.column_stack(
        [seller_bus.astype(np.float64), buyer_bus.astype(np.float64), value, turn]
    )
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    of_trade = inverse.reshape(-1).astype(np.int64)
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
    fed, drawn = groups.seller_bus >= 0, groups.buyer_bus >= 0
    return np.asarray(
        np.bincount(groups.buyer_bus[drawn], weights=power[drawn], minlength=buses)
        - np.bincount(groups.seller_bus[fed], weights=power[fed], minlength=buses)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The linear programme of a round: what it may choose from."""

    effect: Floats  # (R, G) change of each row's excess per accepted kWh
    room: Floats  # (R,) excess still allowed, in absolute terms of the accepted energies
    least_kwh: Floats  # (G,) bounds of the round
    most_kwh: Floats  # (G,)


@dataclass(frozen=True, slots=True, eq=False)
class Preference:
    """What is wanted inside the limits."""

    choose: Callable[[Step], Acceptance]  # best answer to a step
    worth: Callable[[Floats], float]  # of accepted energies (G,), about 0 to 1: nothing to all


def accept_inside_limits(
    groups: Groups,
    allowed: Floats,
    solve: Callable[[Floats], Point],
    preference: Preference,
    *,
    start_kwh: Floats,
    interval_h: float,
) -> Outcome:
    """Return the acceptance that is preferred inside the limits.

    A round that makes things worse (more excess than its value is worth, or no power flow) is
    undone, and the next may move a quarter as far: without this trust region rounds can jump to
    and fro between two linearisations for ever.

    Args:
        groups: what can be accepted.
        allowed: (E,) excess that may remain (what the counterfactual shows).
        solve: AC power flow of an acceptance (G,) with the slopes there.
        preference: which of all acceptances inside the limits.
        start_kwh: (G,) first operating point; its power flow must exist.
        interval_h: length of the interval.

    Returns:
        The best outcome that an AC power flow found inside the limits; the last of all, marked
        as not feasible, if there was none.
    """
    whole = groups.cleared_kwh
    total = max(float(whole.sum()), 1e-12)
    bound = np.where(allowed > 0.0, allowed, -MARGIN)  # what is broken already needs no margin
    at, point = start_kwh, solve(start_kwh)
    rows = np.flatnonzero(point.excess - allowed > -WATCHED)
    trust = 1.0
    inside = latest = None
    best = -np.inf
    for _ in range(MOST_ROUNDS):
        slopes = point.slopes(rows)
        effect = group_effect(groups, slopes, interval_h)
        step = Step(
            effect=effect,
            room=bound[rows] - point.excess[rows] + effect @ at,
            least_kwh=np.maximum(at - trust * whole, 0.0),
            most_kwh=np.minimum(at + trust * whole, whole),
        )
        solution = preference.choose(step)
        tried = np.clip(solution.accepted_kwh, step.least_kwh, step.most_kwh)
        found = solve(tried)
        latest = Outcome(
            accepted_kwh=tried,
            rows=rows,
            row_eur=solution.row_eur,
            slopes=slopes,
            feasible=bool(np.all(found.excess <= allowed + TOLERANCE)),
        )
        worth = preference.worth(tried)
        # The programme bounds what this neighbourhood can still give: stop where that is nothing.
        promised = worth - best
        if latest.feasible and worth >= best:
            inside, best = latest, worth
        change = float(np.abs(tried - at).sum()) / total
        if (latest.feasible and change <= SETTLED) or promised <= SETTLED:
            break
        rows = np.union1d(rows, np.flatnonzero(found.excess - allowed > -WATCHED))
        before = _merit(preference.worth(at), point.excess - allowed)
        gained = _merit(worth, found.excess - allowed) - before
        # How much of what the slopes promised came true says how far they may be trusted.
        kept = gained / max(worth - before, 1e-12)
        if kept > 0.0:
            at, point = tried, found
        if kept > GOOD:
            trust = min(1.0, 2.0 * trust)
        elif kept < POOR:
            trust *= 0.25
            if trust < SETTLED:
                break
    if inside is not None:
        return inside
    if latest is None:
        raise AssertionError  # MOST_ROUNDS is at least one
    return latest


def _merit(worth: float, beyond: Floats) -> float:
    """Return worth less a penalty for excess beyond what is allowed; -inf without a power flow."""
    if not np.all(np.isfinite(beyond)):
        return -np.inf
    return worth - EXCESS_WEIGHT * float(np.maximum(beyond, 0.0).sum())


def group_effect(groups: Groups, slopes: Floats, interval_h: float) -> Floats:
    """Return the change of each row's excess per accepted kWh of each group, (R, G)."""
    padded = np.hstack([slopes, np.zeros((len(slopes), 1))]) / interval_h  # -1 reads the zero
    return np.asarray(padded[:, groups.buyer_bus] - padded[:, groups.seller_bus])
