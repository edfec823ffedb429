"""Order curves from reservation prices: always feasible for the devices behind them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.prosumers.devices import Ranges, heat_response
from cosim.prosumers.order_kernels import (
    battery_worth,
    curves,
    heat_worth,
    level_values,
)
from cosim.prosumers.order_kernels import (
    vehicle_prices as vehicle_prices,
)
from cosim.records import (
    Envelopes,
    Exogenous,
    Fleet,
    Floats,
    FollowerAction,
    Orders,
    Plan,
    Quotes,
    State,
    Step,
)

PREFER_OWN_EUR_PER_KWH = 1e-7
"""Lifts a vehicle's lower bid above an equal quote of the aggregator: own sun goes into it."""

SLOTS: Final = (
    int(Step.BATTERY_HOLD),
    int(Step.BATTERY_CHARGE),
    int(Step.VEHICLE),
    int(Step.HEAT_PUMP),
    int(Step.PV_CURTAIL),
    int(Step.VEHICLE_SPARE),
)
"""Positions of the steps, in the order in which compiled code takes them."""


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """What moving energy in an interval is worth by the plan, each (B, N), EUR/kWh."""

    bid_eur_per_kwh: Floats  # most paid for a kWh charged into the battery
    ask_eur_per_kwh: Floats  # least asked for a kWh discharged
    dear_eur_per_kwh: Floats  # what charging the vehicle saves
    dear_kwh: Floats  # for how much of it, kWh
    spare_eur_per_kwh: Floats  # what charging more of it saves
    heat_eur_per_kwh: Floats  # what heating above the comfort minimum saves


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What an order is made under: the plan's values, the follower's will, outside options."""

    worth: Worth
    action: FollowerAction
    quotes: Quotes


def order_curves(
    fleet: Fleet,
    state: State,
    limits: Ranges,
    exogenous: Exogenous,
    terms: Terms,
    *,
    interval_h: float,
) -> Orders:
    """Return the net energy every prosumer wants at each price.

    Firm load, urgent charging and the heat that comfort needs are wanted at any price; solar
    power is given up at a price of zero. A battery charges up to the value of the energy it
    stores and discharges from the value of the energy it gives up, both averaged over the move;
    vehicles and heat pumps likewise for what is not urgent.
    """
    worth, action = terms.worth, terms.action
    least, price, energy = curves(
        (
            worth.bid_eur_per_kwh,
            worth.ask_eur_per_kwh,
            worth.dear_eur_per_kwh,
            worth.dear_kwh,
            worth.spare_eur_per_kwh,
            worth.heat_eur_per_kwh,
        ),
        (action.value_offset_eur_per_kwh, action.half_spread_eur_per_kwh),
        (
            limits.battery_charge_kwh,
            limits.battery_discharge_kwh,
            limits.vehicle_must_kwh,
            limits.vehicle_may_kwh,
            limits.heat_must_kwh,
            limits.heat_may_kwh,
        ),
        (exogenous.load_kw[state.interval], exogenous.pv_kw[state.interval]),
        (fleet.battery_charge_efficiency, fleet.battery_discharge_efficiency),
        (terms.quotes.retail_eur_per_kwh, PREFER_OWN_EUR_PER_KWH, interval_h, SLOTS),
    )
    return Orders(minimum_kwh=least, step_eur_per_kwh=price, step_kwh=energy)


def most_energies(orders: Orders) -> tuple[Floats, Floats]:
    """Return (most fed in, most drawn) of every curve, (B, N), kWh >= 0.

    Giving up solar power makes nobody draw more from the grid than it wants.
    """
    most = orders.minimum_kwh + orders.step_kwh.sum(axis=2)
    wasted = orders.step_kwh[:, :, Step.PV_CURTAIL]
    return np.maximum(-orders.minimum_kwh, 0.0), np.maximum(most - wasted, orders.firm_kwh)


def inside_envelopes(orders: Orders, envelopes: Envelopes) -> Orders:
    """Return the curves with everything cut off that lies outside the envelopes.

    The market sees the cut curves; the devices keep their own, on which every point of a cut
    curve can be delivered.
    """
    order = np.argsort(-orders.step_eur_per_kwh, axis=2, kind="stable")
    sorted_kwh = np.take_along_axis(orders.step_kwh, order, axis=2)
    reached = orders.minimum_kwh[:, :, None] + np.cumsum(sorted_kwh, axis=2)
    edges = np.concatenate([orders.minimum_kwh[:, :, None], reached], axis=2)
    low = -envelopes.most_fed_in_kwh[:, :, None]
    # What was drawn by giving up own solar power never reaches the meter as a purchase.
    high = np.maximum(envelopes.most_drawn_kwh, orders.firm_kwh)[:, :, None]
    kept = np.clip(edges, low, high)
    steps = np.zeros_like(orders.step_kwh)
    np.put_along_axis(steps, order, np.diff(kept, axis=2), axis=2)
    return Orders(
        minimum_kwh=kept[:, :, 0], step_eur_per_kwh=orders.step_eur_per_kwh, step_kwh=steps
    )


def worths(
    fleet: Fleet,
    state: State,
    limits: Ranges,
    exogenous: Exogenous,
    *,
    plan: Plan,
    interval_h: float,
) -> Worth:
    """Return what moves within `limits` in the interval of `state` are worth by `plan`."""
    return Worth(
        *battery_prices(fleet, state, limits, plan),
        *vehicle_values(fleet, state, limits, exogenous, plan=plan, interval_h=interval_h),
        heat_price(fleet, state, limits, exogenous, plan=plan, interval_h=interval_h),
    )


def battery_prices(fleet: Fleet, state: State, limits: Ranges, plan: Plan) -> tuple[Floats, Floats]:
    """Return (most paid for a kWh charged, least asked for a kWh discharged), (B, N), EUR/kWh."""
    bid, ask = battery_worth(
        plan.battery_eur[state.interval - plan.first_interval + 1],
        state.battery_kwh,
        fleet.battery_kwh,
        (limits.battery_charge_kwh, limits.battery_discharge_kwh),
        (fleet.battery_charge_efficiency, fleet.battery_discharge_efficiency),
    )
    return bid, ask


def heat_price(
    fleet: Fleet,
    state: State,
    limits: Ranges,
    exogenous: Exogenous,
    *,
    plan: Plan,
    interval_h: float,
) -> Floats:
    """Return what a kWh of heating above the comfort minimum saves later, (B, N), EUR/kWh."""
    price: Floats = heat_worth(
        plan.heat_eur[state.interval - plan.first_interval + 1],
        (
            state.indoor_celsius,
            fleet.comfort_target_celsius,
            fleet.comfort_min_celsius,
            fleet.comfort_max_celsius,
            exogenous.heat_pump_reference_kw[state.interval],
        ),
        (limits.heat_must_kwh, limits.heat_may_kwh),
        heat_response(fleet, interval_h),
        interval_h,
    )
    return price


def value_at(table: Floats, level: Floats, full: Floats) -> Floats:
    """Return `table` (B, N, G) at `level` of stores that hold `full` (B, N), by straight lines."""
    values: Floats = level_values(table, level, full)
    return values


def vehicle_values(
    fleet: Fleet,
    state: State,
    limits: Ranges,
    exogenous: Exogenous,
    *,
    plan: Plan,
    interval_h: float,
) -> tuple[Floats, Floats, Floats]:
    """Return what charging in the interval of `state` saves later, as `vehicle_prices` does."""
    prices: tuple[Floats, Floats, Floats] = vehicle_prices(
        state.vehicle_missing_kwh / fleet.vehicle_efficiency - limits.vehicle_must_kwh,
        fleet.vehicle_kw * interval_h,
        exogenous.vehicle_departure[state.interval],
        state.interval - plan.first_interval,
        (
            plan.surplus_kwh,
            plan.buy_eur_per_kwh,
            plan.sell_eur_per_kwh,
            plan.missing_eur_per_kwh,
        ),
        plan.first_interval,
    )
    return prices
