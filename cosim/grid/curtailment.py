"""The largest part of a change that the grid bears: bisection, and first come first served."""

from collections.abc import Callable
from typing import Final

import numpy as np

from cosim.grid.limits import excess
from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats

LADDER: Final = 16
"""Shares tried at once: as many as the power flow solves for the price of one."""

ROUNDS: Final = 8
"""Each round narrows the share by LADDER - 1: eight reach 4e-10."""


def largest_share(
    power_flow: PowerFlow,
    base_kw: Floats,
    added_kw: Floats,
    kvar: Floats,
    allowed: Floats,
    *,
    rounds: int = ROUNDS,
) -> Floats:
    """Return, per environment, the largest share of a change that stays inside the limits.

    Args:
        power_flow: the feeder.
        base_kw: (B, K) counterfactual, which counts as admissible.
        added_kw: (B, K) the whole change.
        kvar: (B, K) reactive power.
        allowed: (B, E) excess that may remain.
        rounds: of narrowing; fewer give a share that is safe, and short of the largest.
    """

    def along(shares: Floats) -> Floats:
        return np.asarray(base_kw[:, None] + shares[:, :, None] * added_kw[:, None])

    return largest_step(power_flow, along, kvar, allowed, rounds=rounds)


def largest_step(
    power_flow: PowerFlow,
    along: Callable[[Floats], Floats],
    kvar: Floats,
    allowed: Floats,
    *,
    rounds: int = ROUNDS,
) -> Floats:
    """Return, per environment, how far one can go along a path without leaving the limits.

    Args:
        power_flow: the feeder.
        along: bus powers (B, R, K) at shares (B, R) of the path; share 0 counts as admissible.
        kvar: (B, K) reactive power.
        allowed: (B, E) excess that may remain.
        rounds: of narrowing.

    Returns:
        (B,) shares in [0, 1]. Below the first share that breaks a limit all tried ones hold, so
        an interval of safe shares is never left for an island of safe ones behind a broken one.
    """
    environments, buses = kvar.shape
    low = np.zeros(environments)
    high = np.ones(environments)
    steps = np.arange(1, LADDER + 1) / LADDER
    for round_ in range(rounds):
        if round_:  # the upper end is known to break a limit: do not spend a lane on it
            steps = np.arange(1, LADDER) / LADDER
        shares = low[:, None] + (high - low)[:, None] * steps
        tried = len(steps)
        state = power_flow.solve(
            along(shares).reshape(environments * tried, buses), np.repeat(kvar, tried, axis=0)
        )
        rows = excess(power_flow.feeder, state).reshape(environments, tried, -1)
        inside = np.all(rows <= allowed[:, None, :], axis=2)
        held = np.cumprod(inside, axis=1).sum(axis=1)  # shares before the first broken one
        edges = np.concatenate([low[:, None], shares, high[:, None]], axis=1)
        index = np.arange(environments)
        low = edges[index, held]
        high = edges[index, np.minimum(held + 1, edges.shape[1] - 1)]
        if np.all(low >= 1.0):
            break
    return np.minimum(low, 1.0)


def longest_prefix(
    power_flow: PowerFlow, base_kw: Floats, added_kw: Floats, kvar: Floats, allowed: Floats
) -> Floats:
    """Return how much of each change is kept if they are taken in order until a limit stops them.

    Args:
        power_flow: the feeder.
        base_kw: (K,) counterfactual, which counts as admissible.
        added_kw: (G, K) the changes, first come first.
        kvar: (K,) reactive power.
        allowed: (E,) excess that may remain.

    Returns:
        (G,) shares: ones, then at most one between, then zeros. The longest prefix that an AC
        power flow finds inside the limits is kept, and of the next change what still fits.
    """
    count = len(added_kw)
    reached = base_kw + np.cumsum(added_kw, axis=0)
    rows = excess(power_flow.feeder, power_flow.solve(reached, np.tile(kvar, (count, 1))))
    inside = np.flatnonzero(np.all(rows <= allowed, axis=1))
    kept = int(inside[-1]) + 1 if len(inside) else 0
    share = np.zeros(count)
    share[:kept] = 1.0
    if kept < count:
        before = reached[kept - 1] if kept else base_kw
        share[kept] = largest_share(
            power_flow, before[None], added_kw[kept][None], kvar[None], allowed[None]
        )[0]
    return share
