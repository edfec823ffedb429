"""Batteries' best answers to prices, exactly and without a linear programme.

What the rest of a day costs is convex in the energy stored and made of straight pieces. Going back
an interval adds two pieces, one for charging at ``price / eta`` a kWh stored and one for
discharging at ``price eta``, and cuts off what the battery cannot hold: the pieces are merged by
their slopes. Going forward a battery charges up to the level from which stored energy is worth less
than charging costs, and discharges down to that from which it is worth more than is paid for it.

All prices have to be above zero. Of equally good answers this is one, not a particular one.
"""

import numpy as np
from numba import njit

from cosim.records import Floats
from policies.leader_problem import LeaderProblem, Schedules


def answers_to(problem: LeaderProblem, price_eur_per_kwh: Floats) -> Schedules:
    """Return a best answer of all batteries to prices (T,) above zero."""
    before = np.empty((*problem.load_kwh.shape[:1], problem.load_kwh.shape[1] + 1))
    before[:, 0] = problem.initial_kwh
    for row, (capacity, power, eta, initial) in enumerate(
        zip(
            problem.capacity_kwh,
            problem.power_kwh,
            problem.efficiency,
            problem.initial_kwh,
            strict=True,
        )
    ):
        before[row, 1:] = _levels(price_eur_per_kwh, capacity, power, eta, initial)
    change = np.diff(before, axis=1)
    eta = problem.efficiency[:, None]
    return Schedules(
        charge_kwh=np.maximum(change, 0.0) / eta,
        discharge_kwh=np.maximum(-change, 0.0) * eta,
        stored_kwh=before[:, 1:],
    )


@njit(cache=True)
def _levels(
    price: Floats, capacity: float, power: float, eta: float, initial: float
) -> Floats:  # pragma: no cover - compiled
    """Return the energy stored (T,) at the end of each interval."""
    length = len(price)
    slopes = np.empty((length + 1, 2 * length))
    lengths = np.empty((length + 1, 2 * length))
    counts = np.zeros(length + 1, np.int64)
    lowest = np.empty(length + 1)
    lowest[length] = initial
    for t in range(length - 1, 0, -1):
        count = counts[t + 1]
        slopes[t, :count] = slopes[t + 1, :count]
        lengths[t, :count] = lengths[t + 1, :count]
        count = _insert(slopes[t], lengths[t], count, -price[t] / eta, power * eta)
        count = _insert(slopes[t], lengths[t], count, -price[t] * eta, power / eta)
        first = lowest[t + 1] - power * eta
        lowest[t] = max(first, 0.0)
        counts[t] = _cut(slopes[t], lengths[t], count, lowest[t] - first, capacity - lowest[t])
    stored = np.empty(length)
    now = initial
    for t in range(length):
        low = high = end = lowest[t + 1]
        for j in range(counts[t + 1]):
            end += lengths[t + 1, j]
            if slopes[t + 1, j] < -price[t] / eta:
                low = end
            if slopes[t + 1, j] < -price[t] * eta:
                high = end
        wanted = min(max(now, low), high)
        wanted = min(max(wanted, now - power / eta, lowest[t + 1]), now + power * eta, end)
        stored[t] = now = wanted
    return stored


@njit(cache=True)
def _insert(
    slopes: Floats, lengths: Floats, count: int, slope: float, length: float
) -> int:  # pragma: no cover - compiled
    """Add a piece to those sorted by slope; return how many there are."""
    at = count
    while at > 0 and slopes[at - 1] > slope:
        slopes[at], lengths[at] = slopes[at - 1], lengths[at - 1]
        at -= 1
    slopes[at], lengths[at] = slope, length
    return count + 1


@njit(cache=True)
def _cut(
    slopes: Floats, lengths: Floats, count: int, skip: float, room: float
) -> int:  # pragma: no cover - compiled
    """Leave out the first `skip` kWh and what is beyond `room` kWh; return how many pieces stay."""
    kept = 0
    for j in range(count):
        left = lengths[j] - min(skip, lengths[j])
        skip -= lengths[j] - left
        left = min(left, room)
        room -= left
        if left > 0.0:
            slopes[kept], lengths[kept] = slopes[j], left
            kept += 1
    return kept
