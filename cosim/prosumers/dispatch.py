"""Device set-points that deliver exactly what was accepted at the meter."""

from cosim.prosumers.device_kernels import points
from cosim.prosumers.devices import Ranges
from cosim.prosumers.orders import SLOTS
from cosim.records import Exogenous, Floats, Orders
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
    battery, vehicle, heat_pump, pv, curtailed, net = points(
        orders.minimum_kwh,
        orders.step_eur_per_kwh,
        orders.step_kwh,
        net_kwh,
        (limits.vehicle_must_kwh, limits.heat_must_kwh, exogenous.pv_kw[interval]),
        SLOTS,
        interval_h,
    )
    return Dispatch(
        battery_kw=battery,
        vehicle_kw=vehicle,
        heat_pump_kw=heat_pump,
        pv_kw=pv,
        curtailed_kw=curtailed,
        net_kw=net,
    )
