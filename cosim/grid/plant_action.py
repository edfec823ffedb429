"""What plants do by themselves at the voltages their own action leads to."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.grid.controlled_flow import controlled_voltages
from cosim.grid.controlled_kernel import Scene
from cosim.grid.inverter_response import Ratings, Response, respond_all
from cosim.grid.levers import Control
from cosim.grid.power_flow import PowerFlow
from cosim.records import Booleans, Floats, Integers
from cosim.results import GridState

SETTLED_PU: Final = 1e-9
"""How far the voltage a plant acted on may be from the one the power flow finds afterwards."""

NO_POINTS: Final = np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class Acted:
    """What plants did, n scenarios and K buses."""

    plant_kw: Floats  # (n, K) drawn > 0, fed in < 0
    plant_kvar: Floats  # (n, K) absorbed > 0
    curtailed_kw: Floats  # (n, K) >= 0: offered or wanted, and neither fed in nor drawn
    state: GridState  # of n scenarios
    settled: Booleans  # (n,) the plants do what their control asks at the voltages of `state`
    iterations: Integers  # (n,) Newton steps of voltage control; trials of an envelope; else 1


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """What is drawn without the plants, and what they offer; each (n, K)."""

    base_kw: Floats
    base_kvar: Floats
    plant_kw: Floats  # available feed-in < 0, wanted power > 0
    rating_kva: Floats  # installed


def act_alone(power_flow: PowerFlow, offer: Offer, control: Control) -> Acted:
    """Let plants act as `cosim.grid.inverter_control.act` does, without envelopes."""
    response = _response(control)
    usable = usable_kw(control, offer)
    wanted = np.maximum(usable, 0.0)
    wanted_kvar = wanted * np.tan(np.arccos(control.power_factor))
    ratings = Ratings(
        np.maximum(-usable, 0.0), offer.rating_kva, offer.rating_kva * control.oversizing
    )
    count = len(usable)
    found, steps = np.ones(count, np.bool_), np.ones(count, np.int64)
    voltage = np.ones_like(usable)
    if control.voltage_dependent:
        base = power_flow.model.base_kw
        scene = Scene(
            drawn_p=(offer.base_kw + wanted) / base,
            drawn_q=(offer.base_kvar + wanted_kvar) / base,
            bus=np.flatnonzero(np.any(ratings.available > 0.0, axis=0)),
            ratings=Ratings(*(one / base for one in ratings)),
        )
        voltage, found, steps = controlled_voltages(power_flow, response, scene)
        voltage[~np.isfinite(voltage)] = 1.0
    fed, absorbed = respond_all(response, voltage, ratings)
    plant_kw, plant_kvar = wanted - fed, wanted_kvar + absorbed
    state = power_flow.solve(offer.base_kw + plant_kw, offer.base_kvar + plant_kvar)
    settled = found & state.converged
    if control.voltage_dependent:
        off = np.abs(state.voltage_pu - voltage)
        settled &= ~np.any((off > SETTLED_PU) & (ratings.available > 0.0), axis=1)
    return Acted(
        plant_kw=plant_kw,
        plant_kvar=plant_kvar,
        curtailed_kw=np.maximum(np.abs(offer.plant_kw) - np.abs(plant_kw), 0.0),
        state=state,
        settled=settled,
        iterations=steps,
    )


def _response(control: Control) -> Response:
    """Return the control as arrays."""
    var = (NO_POINTS, NO_POINTS) if control.volt_var is None else control.volt_var.points()
    watt = (NO_POINTS, NO_POINTS) if control.volt_watt is None else control.volt_watt.points()
    factor = np.array([0.0]), np.array([control.power_factor])
    if control.power_factor_curve is not None:
        factor = control.power_factor_curve.points()
    return Response(*var, *watt, *factor, control.watt_first)


def usable_kw(control: Control, offer: Offer) -> Floats:
    """Return what plants (n, K) can do whatever their voltage: feed-in cut to what they may."""
    share = control.oversizing
    if control.volt_var is None and not control.watt_first:
        share = _share_inside_circle(control)
    if control.export_limit_share is not None:
        share = min(share, control.export_limit_share)
    most = share * offer.rating_kva
    if control.export_limit_kw is not None:
        most = np.minimum(most, control.export_limit_kw)
    return np.asarray(np.maximum(offer.plant_kw, -most))


def _share_inside_circle(control: Control) -> float:
    """Return the most kW over installed kW whose power factor leaves them inside the circle."""
    if control.power_factor_curve is None:
        return control.oversizing * control.power_factor
    at, value = control.power_factor_curve.points()
    low, high = 0.0, control.oversizing
    for _ in range(60):  # kW over power factor rises with kW
        middle = 0.5 * (low + high)
        inside = middle <= control.oversizing * float(np.interp(middle, at, value))
        low, high = (middle, high) if inside else (low, middle)
    return low
