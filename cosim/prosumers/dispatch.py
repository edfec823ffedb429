"""Device set-points that deliver exactly what was accepted at the meter."""

import numpy as np
from numba import njit

from cosim.prosumers.devices import Ranges
from cosim.records import Exogenous, Floats, Orders, Step
from cosim.results import Dispatch


def dispatch(
    orders: Orders,
    limits: Ranges,
    net_kwh: Floats,
    exogenous: Exogenous,
    *,
    interval: int,
    interval_h: float,
) -> Dispatch:
    """Return the set-points whose sum at every meter is `net_kwh` (B, N).

    The steps of a prosumer's own curve are taken in the order of their prices until the meter
    shows the accepted energy: what was refused is stored behind the meter where that is worth
    more than nothing, and given up otherwise.
    """
    taken = take_steps(
        orders.minimum_kwh, orders.step_eur_per_kwh, orders.step_kwh, np.ascontiguousarray(net_kwh)
    )
    pv_kwh = exogenous.pv_kw[interval] * interval_h
    hold = orders.step_kwh[:, :, Step.BATTERY_HOLD] - taken[:, :, Step.BATTERY_HOLD]
    charge = taken[:, :, Step.BATTERY_CHARGE]
    curtailed = taken[:, :, Step.PV_CURTAIL]
    vehicle = taken[:, :, Step.VEHICLE] + taken[:, :, Step.VEHICLE_SPARE]
    return Dispatch(
        battery_kw=(charge - hold) / interval_h,
        vehicle_kw=(limits.vehicle_must_kwh + vehicle) / interval_h,
        heat_pump_kw=(limits.heat_must_kwh + taken[:, :, Step.HEAT_PUMP]) / interval_h,
        pv_kw=(pv_kwh - curtailed) / interval_h,
        curtailed_kw=curtailed / interval_h,
        net_kw=net_kwh / interval_h,
    )


@njit(cache=True)
def take_steps(minimum_kwh, step_eur_per_kwh, step_kwh, net_kwh):  # type: ignore[no-untyped-def]
    """Return how much of each step (B, N, S) is taken so that the net is `net_kwh` (B, N)."""
    environments, prosumers, steps = step_kwh.shape
    taken = np.zeros((environments, prosumers, steps))
    order = np.empty(steps, np.int64)
    for b in range(environments):
        for n in range(prosumers):
            for s in range(steps):  # insertion sort, dearest first
                position = s
                while (
                    position > 0
                    and step_eur_per_kwh[b, n, order[position - 1]] < step_eur_per_kwh[b, n, s]
                ):
                    order[position] = order[position - 1]
                    position -= 1
                order[position] = s
            left = net_kwh[b, n] - minimum_kwh[b, n]
            for position in range(steps):
                s = order[position]
                amount = min(max(left, 0.0), step_kwh[b, n, s])
                taken[b, n, s] = amount
                left -= amount
    return taken
