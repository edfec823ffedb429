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
    """Fill `out` (kept + 1, B, N, G) with the cost-to-go of every store.

    Each row is counted as the interval before counts it, `keep` included: by that it bids.
    """
    length, environments, prosumers = net_kwh.shape
    kept, levels = out.shape[0], out.shape[3]
    following = np.empty(levels)
    current = np.empty(levels)
    for b in range(environments):
        for n in range(prosumers):
            full = store.full[b, n]
            if full <= 0.0:
                continue
            width = full / (levels - 1)
            device = (
                *(full, width, 1.0 / width, 1.0 / store.gain[b, n], store.give[b, n]),
                *(store.discharge_kwh[b, n] / store.give[b, n],),
                *(store.charge_kwh[b, n] * store.gain[b, n], store.wear_eur_per_kwh),
            )
            remaining = store.remaining[b, n]
            following[:] = store.keep * store.final_eur[b, n]
            if length < kept:
                out[length, b, n, :] = store.final_eur[b, n]  # of an end: nothing comes later
            for t in range(length - 1, -1, -1):
                terms = net_kwh[t, b, n], buy[t, b], sell[t, b]
                drift = store.drift[t, b, n]
                for g in range(levels):
                    current[g] = _least_cost(
                        device, remaining * (g * width) + drift, terms, following
                    )
                following[:] = store.keep * current
                if t < kept:
                    out[t, b, n, :] = following


@njit(cache=True)
def _least_cost(device, start, terms, following):
    """Return the least cost of an interval and all that follow, from the level `start`."""
    full, width, per_width, per_gain, give, most_down, most_up, wear = device
    net, buy, sell = terms
    lowest = min(max(start - most_down, 0.0), full)
    highest = max(min(start + most_up, full), lowest)
    kink = start - (net / per_gain if net < 0.0 else net / give)  # where the meter shows nothing
    best = np.inf
    for level in (
        lowest,
        highest,
        min(max(start, lowest), highest),
        min(max(kink, lowest), highest),
    ):
        move = level - start
        moved = move * per_gain if move > 0.0 else move * give
        meter = net + moved
        cost = meter * (buy if meter > 0.0 else sell) + wear * abs(moved)
        cell = min(int(level * per_width), len(following) - 2)
        share = level * per_width - cell
        best = min(best, cost + following[cell] + share * (following[cell + 1] - following[cell]))
    for candidate in range(int(np.ceil(lowest * per_width)), int(highest * per_width) + 1):
        move = candidate * width - start
        moved = move * per_gain if move > 0.0 else move * give
        meter = net + moved
        cost = meter * (buy if meter > 0.0 else sell) + wear * abs(moved)
        best = min(best, cost + following[candidate])
    return best
