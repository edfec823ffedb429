"""What an inverter does at a voltage: one plant, compiled, and many at once.

Feed-in and voltage decide. First the available feed-in is cut by volt-watt, then reactive power
follows from volt-var or from the power factor at what is fed in, and both are brought inside the
circle of the apparent power. Derivatives come along for the power flow's Newton steps.
"""

from typing import NamedTuple

import numba
import numpy as np

from cosim.grid.power_flow_kernel import Floats

# Numba notices changes here in its callers only once their cached code is deleted.
LEAST_ROOM = 1e-6
"""Share of the apparent power below which slopes on the circle are no longer followed."""


class Response(NamedTuple):
    """How every inverter of a batch responds; a curve without points does not act."""

    var_at: Floats  # p.u.
    var_value: Floats  # fed in > 0, share of the apparent power
    watt_at: Floats  # p.u.
    watt_value: Floats  # most fed in, share of the installed power
    factor_at: Floats  # share of the installed power
    factor_value: Floats  # power factor, absorbing; at least one point
    watt_first: bool  # on the circle reactive power gives way, not active power


class Ratings(NamedTuple):
    """Plants of n scenarios at K buses, in one unit; `available` is at most `apparent`."""

    available: Floats  # (n, K) feed-in, >= 0
    installed: Floats  # (n, K) active power, > 0 where something is available
    apparent: Floats  # (n, K)


_compile = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")


@_compile
def interpolate(at: Floats, value: Floats, place: float) -> tuple[float, float]:
    """Return (value, slope) of a piecewise-linear curve that is constant beyond its ends."""
    if place <= at[0]:
        return value[0], 0.0
    for p in range(1, at.size):
        if place <= at[p]:
            slope = (value[p] - value[p - 1]) / (at[p] - at[p - 1])
            return value[p - 1] + slope * (place - at[p - 1]), slope
    return value[-1], 0.0


@_compile
def respond(
    response: Response, voltage_pu: float, available: float, installed: float, apparent: float
) -> tuple[float, float, float, float]:
    """Return (fed in, absorbed, and the slopes of both per p.u. of voltage).

    `available`, `installed` and `apparent` are in one unit, the first at most the last.
    """
    if available <= 0.0:
        return 0.0, 0.0, 0.0, 0.0
    fed, fed_slope = available, 0.0
    if response.watt_at.size:
        share, slope = interpolate(response.watt_at, response.watt_value, voltage_pu)
        if share * installed < fed:
            fed, fed_slope = share * installed, slope * installed
    if response.var_at.size:
        share, slope = interpolate(response.var_at, response.var_value, voltage_pu)
        absorbed, absorbed_slope = -share * apparent, -slope * apparent
    else:
        factor, slope = interpolate(response.factor_at, response.factor_value, fed / installed)
        sine = np.sqrt(1.0 - factor * factor)
        tangent = sine / factor
        absorbed = tangent * fed
        per_kw = tangent
        if slope < 0.0:
            per_kw -= fed / installed * slope / (factor * factor * max(sine, LEAST_ROOM))
        absorbed_slope = per_kw * fed_slope
    if response.watt_first:
        room = np.sqrt(max(apparent * apparent - fed * fed, 0.0))
        if abs(absorbed) > room:
            sign = 1.0 if absorbed > 0.0 else -1.0
            absorbed = sign * room
            absorbed_slope = -sign * fed * fed_slope / max(room, LEAST_ROOM * apparent)
    else:
        room = np.sqrt(max(apparent * apparent - absorbed * absorbed, 0.0))
        if fed > room:
            fed = room
            fed_slope = -absorbed * absorbed_slope / max(room, LEAST_ROOM * apparent)
    return fed, absorbed, fed_slope, absorbed_slope


@_compile
def respond_all(response: Response, voltage_pu: Floats, ratings: Ratings) -> tuple[Floats, Floats]:
    """Return what is fed in and absorbed, (n, K) like voltages and ratings."""
    fed, absorbed = np.empty_like(voltage_pu), np.empty_like(voltage_pu)
    for n in range(voltage_pu.shape[0]):
        for bus in range(voltage_pu.shape[1]):
            there = respond(
                response,
                voltage_pu[n, bus],
                ratings.available[n, bus],
                ratings.installed[n, bus],
                ratings.apparent[n, bus],
            )
            fed[n, bus], absorbed[n, bus] = there[0], there[1]
    return fed, absorbed
