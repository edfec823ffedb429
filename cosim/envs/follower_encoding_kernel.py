"""The compiled part of what followers see: one pass over the homes that look."""

# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call"
# numba functions have no types.

import numpy as np
from numba import njit

from cosim.prosumers.device_kernels import cut

HIGHEST = 10.0
"""Numbers are cut to this size."""


@njit(cache=True, error_model="numpy")
def encode(homes_at, fixed, shared, homes, ahead, values, grid, scales):  # noqa: PLR0913
    """Return what the homes at `homes_at` (R,) see, (R, columns); positions count b * N + n.

    Args:
        homes_at: who looks.
        fixed: columns of what never changes, and their numbers (B, N, columns).
        shared: columns of what all homes of an environment see, and their numbers (B, columns).
        homes: columns of the rest, in the order they are worked out in here; homes stood for,
            stored, capacity, missing in the vehicle, indoor, target, lowest and highest
            temperature, heat pump's power; load, solar and reference power, departure of the
            interval; each (B, N).
        ahead: net loads summed up to each interval, (T + 1, B, N), first and last interval of
            each window, (windows,).
        values: price expected, (B,), and the plan's prices, each (B, N).
        grid: network price (B, N), headroom (B, N, 2), cleared and validated energy of the
            interval before, each (B, N).
        scales: position of the interval, its length, retail less feed-in price.
    """
    fixed_at, fixed_values = fixed
    shared_at, shared_values = shared
    (own_at, stood_for, stored, capacity, missing, indoor, target, lowest, highest, heat_pump_kw,
     load_kw, pv_kw, reference_kw, departure) = homes  # fmt: skip
    so_far, first, last = ahead
    expected, bid, ask, dear, spare, heat = values
    network, headroom, cleared, validated = grid
    interval, interval_h, span = scales
    prosumers = stored.shape[1]
    out = np.empty(
        (len(homes_at), len(fixed_at) + len(shared_at) + len(own_at)), fixed_values.dtype
    )
    own = np.empty(len(own_at))
    for row in range(len(homes_at)):
        b, n = homes_at[row] // prosumers, homes_at[row] % prosumers
        size = max(stood_for[b, n], 1e-9)
        half_band = 0.5 * (highest[b, n] - lowest[b, n])
        own[0] = stored[b, n] / capacity[b, n] if capacity[b, n] > 0.0 else 0.0
        own[1] = load_kw[b, n] / size / 3.0
        own[2] = pv_kw[b, n] / size / 5.0
        own[3] = missing[b, n] / size / 20.0
        own[4] = max(departure[b, n] - interval, 0) * interval_h / 12.0
        own[5] = (indoor[b, n] - target[b, n]) / half_band if half_band > 0.0 else 0.0
        own[6] = reference_kw[b, n] / size / 2.0
        price = expected[b]
        own[7] = _above(bid[b, n], price, span, capacity[b, n])
        own[8] = _above(ask[b, n], price, span, capacity[b, n])
        own[9] = _above(dear[b, n], price, span, missing[b, n])
        own[10] = _above(spare[b, n], price, span, missing[b, n])
        own[11] = _above(heat[b, n], price, span, heat_pump_kw[b, n])
        own[12] = cut(network[b, n] / span, -2.0, 2.0)
        own[13] = cut(headroom[b, n, 0] / 0.05, -2.0, 2.0)
        own[14] = cut(headroom[b, n, 1] / 0.05, -2.0, 2.0)
        own[15] = (cleared[b, n] - validated[b, n]) / size / 2.0
        for w in range(len(first)):
            gathered = so_far[last[w], b, n] - so_far[first[w], b, n]
            own[16 + w] = gathered / ((last[w] - first[w]) * 3.0 * size)
        for k in range(len(own_at)):
            out[row, own_at[k]] = cut(own[k], -HIGHEST, HIGHEST)
        for k in range(len(fixed_at)):
            out[row, fixed_at[k]] = fixed_values[b, n, k]
        for k in range(len(shared_at)):
            out[row, shared_at[k]] = shared_values[b, k]
    return out


@njit(cache=True, error_model="numpy")
def _above(value, price, span, owned):
    """Return how far `value` lies above `price` as a share of `span`; 0 for who owns nothing."""
    return cut((value - price) / span, -2.0, 2.0) if owned > 0.0 else 0.0
