"""By how much a battery can change its schedule and keep that up, compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Arguments of compiled functions have no types.

import numpy as np
from numba import njit

HALVINGS = 45
"""Of a battery's constant change; leaves less than a billionth of its power."""

TOLERANCE_KWH = 1e-9


@njit(cache=True)
def constant_changes(sign, owned, stored_kwh, base_kw, size):
    """Return the largest constant change of every battery and window, (starts, B, N), by halving.

    Args:
        sign: -1 for less drawn, 1 for more.
        owned: power at the meter, capacity and both efficiencies, (B, N) each.
        stored_kwh: (starts, B, N) energy before each window.
        base_kw: (T, B, N) schedule that is changed, charging > 0.
        size: intervals of a window, and hours of an interval.
    """
    power, capacity, into, out = owned
    width, interval_h = size
    starts, environments, prosumers = stored_kwh.shape
    found = np.zeros(stored_kwh.shape)
    for t in range(starts):
        for b in range(environments):
            for n in range(prosumers):
                window_kw = base_kw[t : t + width, b, n]
                most = np.min(power[b, n] - sign * window_kw)
                if power[b, n] > 0.0 and most > 0.0:
                    battery = (capacity[b, n], into[b, n], out[b, n], stored_kwh[t, b, n])
                    found[t, b, n] = _largest(sign, most, battery, window_kw, interval_h)
    return found


@njit(cache=True)
def _largest(sign, most, battery, window_kw, interval_h):
    low = 0.0
    high = most
    change = most
    for _ in range(HALVINGS):
        if _fits(sign * change, battery, window_kw, interval_h):
            low = change
            if change == most:
                break
        else:
            high = change
        change = 0.5 * (low + high)
    return low


@njit(cache=True)
def _fits(change, battery, window_kw, interval_h):
    """Return whether the store stays inside its range."""
    capacity, into, out, stored = battery
    for k in range(len(window_kw)):
        kwh = (window_kw[k] + change) * interval_h
        stored += kwh * into if kwh > 0.0 else kwh / out
        if stored < -TOLERANCE_KWH or stored > capacity + TOLERANCE_KWH:
            return False
    return True
