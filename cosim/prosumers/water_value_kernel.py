"""The compiled recursion of the water values."""

# mypy: disable-error-code="no-untyped-def"
# Arguments of compiled functions have no types.

from typing import NamedTuple

import numpy as np
from numba import njit

from cosim.records import Floats


class Store(NamedTuple):
    """Stores whose level moves as ``level' = remaining level + drift + gain charge - give-off``."""

    full: Floats  # (B, N) highest level; 0 for none
    remaining: Floats  # (B, N) share of a level that an interval leaves
    drift: Floats  # (T, B, N) what an interval adds by itself
    gain: Floats  # (B, N) level per kWh charged
    give: Floats  # (B, N) kWh delivered per level taken
    charge_kwh: Floats  # (B, N) most in an interval
    discharge_kwh: Floats  # (B, N) most in an interval
    wear_eur_per_kwh: float  # of what moves at the meter, each way
    keep: float  # share of what comes later that an interval counts
    final_eur: Floats  # (B, N, G) cost of ending at a level, < 0 where it is worth something


@njit(cache=True)
def recursion(store, net_kwh, buy, sell, out):
    """Fill `out` (kept + 1, B, N, G) with the cost-to-go of every store."""
    length, environments, prosumers = net_kwh.shape
    kept, levels = out.shape[0], out.shape[3]
    following = np.empty(levels)
    current = np.empty(levels)
    for b in range(environments):
        for n in range(prosumers):
            if store.full[b, n] <= 0.0:
                continue
            width = store.full[b, n] / (levels - 1)
            following[:] = store.keep * store.final_eur[b, n]
            if length < kept:
                out[length, b, n, :] = store.final_eur[b, n]
            for t in range(length - 1, -1, -1):
                for g in range(levels):
                    start = store.remaining[b, n] * g * width + store.drift[t, b, n]
                    current[g] = _least_cost(
                        store, b, n, start, net_kwh[t, b, n], buy[t, b], sell[t, b], following
                    )
                following[:] = store.keep * current
                if t < kept:
                    out[t, b, n, :] = current


@njit(cache=True)
def _least_cost(store, b, n, start, net, buy, sell, following):  # noqa: PLR0913 # scalars of a loop
    """Return the least cost of an interval and all that follow, from the level `start`."""
    gain, give, full = store.gain[b, n], store.give[b, n], store.full[b, n]
    width = full / (len(following) - 1)
    lowest = min(max(start - store.discharge_kwh[b, n] / give, 0.0), full)
    highest = max(min(start + store.charge_kwh[b, n] * gain, full), lowest)
    kink = start - (net * gain if net < 0.0 else net / give)  # where the meter shows nothing
    first = int(np.ceil(lowest / width))
    last = int(highest / width)
    best = np.inf
    for candidate in range(first - 4, last + 1):
        level = candidate * width
        if candidate == first - 4:
            level = lowest
        elif candidate == first - 3:
            level = highest
        elif candidate == first - 2:
            level = min(max(start, lowest), highest)
        elif candidate == first - 1:
            level = min(max(kink, lowest), highest)
        move = level - start
        moved = move / gain if move > 0.0 else move * give
        meter = net + moved
        cost = meter * (buy if meter > 0.0 else sell) + store.wear_eur_per_kwh * abs(moved)
        cell = min(int(level / width), len(following) - 2)
        share = level / width - cell
        best = min(best, cost + following[cell] + share * (following[cell + 1] - following[cell]))
    return best
