"""Order curves from reservation prices: always feasible for the devices behind them."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from cosim.prosumers.devices import Ranges, heat_response
from cosim.records import (
    STEP_COUNT,
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
"""Lifts a vehicle's lower bid above an equal quote of the aggregator."""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What an order is made under: the plan's values, the follower's will, outside options."""

    plan: Plan
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
    interval, plan, action = state.interval, terms.plan, terms.action
    load_kwh = exogenous.load_kw[interval] * interval_h
    pv_kwh = exogenous.pv_kw[interval] * interval_h
    offsets = action.value_offset_eur_per_kwh
    half_spread = action.half_spread_eur_per_kwh
    retail = terms.quotes.retail_eur_per_kwh

    bid, ask = battery_prices(fleet, state, limits, plan)
    bid = bid + fleet.battery_charge_efficiency * offsets[:, :, 0] - half_spread
    ask = ask + offsets[:, :, 0] / fleet.battery_discharge_efficiency + half_spread
    # Dearer than the retailer means: kept for later, and nobody could buy it anyway.
    discharge_kwh = np.where(ask <= retail, limits.battery_discharge_kwh, 0.0)

    price = np.empty((*load_kwh.shape, STEP_COUNT))
    price[:, :, Step.BATTERY_HOLD] = np.maximum(ask, bid)
    price[:, :, Step.BATTERY_CHARGE] = bid
    dear, dear_kwh, spare = vehicle_values(
        fleet, state, limits, exogenous, plan=plan, interval_h=interval_h
    )
    price[:, :, Step.VEHICLE] = dear + offsets[:, :, 1]
    # Just above: at equal prices own sun goes into the vehicle rather than to the aggregator.
    price[:, :, Step.VEHICLE_SPARE] = spare + offsets[:, :, 1] + PREFER_OWN_EUR_PER_KWH
    price[:, :, Step.HEAT_PUMP] = (
        heat_price(fleet, state, limits, exogenous, plan=plan, interval_h=interval_h)
        + offsets[:, :, 2]
    )
    price[:, :, Step.PV_CURTAIL] = 0.0
    np.minimum(price, retail, out=price)

    quantity = np.empty_like(price)
    quantity[:, :, Step.BATTERY_HOLD] = discharge_kwh
    quantity[:, :, Step.BATTERY_CHARGE] = limits.battery_charge_kwh
    vehicle_kwh = limits.vehicle_may_kwh - limits.vehicle_must_kwh
    quantity[:, :, Step.VEHICLE] = np.minimum(dear_kwh, vehicle_kwh)
    quantity[:, :, Step.VEHICLE_SPARE] = vehicle_kwh - quantity[:, :, Step.VEHICLE]
    quantity[:, :, Step.HEAT_PUMP] = limits.heat_may_kwh - limits.heat_must_kwh
    quantity[:, :, Step.PV_CURTAIL] = pv_kwh
    firm = load_kwh + limits.vehicle_must_kwh + limits.heat_must_kwh
    return Orders(
        minimum_kwh=firm - pv_kwh - discharge_kwh,
        step_eur_per_kwh=price,
        step_kwh=quantity,
    )


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


def battery_prices(fleet: Fleet, state: State, limits: Ranges, plan: Plan) -> tuple[Floats, Floats]:
    """Return (most paid for a kWh charged, least asked for a kWh discharged), (B, N), EUR/kWh."""
    table = plan.battery_eur[state.interval - plan.first_interval + 1]
    stored = state.battery_kwh
    up = limits.battery_charge_kwh * fleet.battery_charge_efficiency
    down = limits.battery_discharge_kwh / fleet.battery_discharge_efficiency
    here = value_at(table, stored, fleet.battery_kwh)
    gained = here - value_at(table, stored + up, fleet.battery_kwh)
    lost = value_at(table, stored - down, fleet.battery_kwh) - here
    worth_up = np.divide(gained, up, out=np.zeros_like(up), where=up > 1e-9)
    worth_down = np.divide(lost, down, out=np.zeros_like(down), where=down > 1e-9)
    return (
        worth_up * fleet.battery_charge_efficiency,
        worth_down / fleet.battery_discharge_efficiency,
    )


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
    table = plan.heat_eur[state.interval - plan.first_interval + 1]
    remaining, gain = heat_response(fleet, interval_h)
    target = fleet.comfort_target_celsius
    reference = exogenous.heat_pump_reference_kw[state.interval] * interval_h
    drifted = target + remaining * (state.indoor_celsius - target)
    band = fleet.comfort_max_celsius - fleet.comfort_min_celsius
    low = drifted + gain * (limits.heat_must_kwh - reference) - fleet.comfort_min_celsius
    high = drifted + gain * (limits.heat_may_kwh - reference) - fleet.comfort_min_celsius
    energy = limits.heat_may_kwh - limits.heat_must_kwh
    saved = value_at(table, low, band) - value_at(table, high, band)
    return np.divide(saved, energy, out=np.zeros_like(energy), where=energy > 1e-9)


def value_at(table: Floats, level: Floats, full: Floats) -> Floats:
    """Interpolate cost-to-go `table` (B, N, G) at `level` (B, N) of a store of size `full`."""
    cells = table.shape[2] - 1
    position = np.divide(level * cells, full, out=np.zeros_like(level), where=full > 0.0)
    position = np.clip(position, 0.0, cells)
    lower = np.minimum(position.astype(np.int64), cells - 1)
    share = position - lower
    below = np.take_along_axis(table, lower[:, :, None], axis=2)[:, :, 0]
    above = np.take_along_axis(table, lower[:, :, None] + 1, axis=2)[:, :, 0]
    return np.asarray(below + share * (above - below))


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


@njit(cache=True)
def vehicle_prices(  # type: ignore[no-untyped-def]
    missing_kwh, power_kwh, departure, row, expected, first_interval
):
    """Return (price, energy it holds for, price beyond it), each (B, N): what charging now saves.

    Later intervals offer own surplus at the price it would be sold for, and the rest of the
    charging power at the price of buying. A vehicle would take the cheapest of these offers until
    nothing is missing. The first kWh now saves the dearest offer it would take; once enough is
    charged for that one to be left out, a further kWh saves only the next cheaper one. `expected`
    holds surplus (T, B, N), the prices of buying and selling (T, B) of the plan, and what a kWh
    still missing costs where the plan ends before the vehicle leaves; `row` is the interval's.
    """
    surplus_kwh, buy, sell, closing = expected
    environments, prosumers = missing_kwh.shape
    dear = np.zeros((environments, prosumers))
    dear_kwh = np.zeros((environments, prosumers))
    spare = np.zeros((environments, prosumers))
    for b in range(environments):
        for n in range(prosumers):
            missing = missing_kwh[b, n]
            if departure[b, n] < 0 or missing <= 1e-9 or power_kwh[b, n] <= 0.0:
                continue
            last = min(departure[b, n] - first_interval, surplus_kwh.shape[0])
            later = last - row - 1
            stays = closing > 0.0 and departure[b, n] - first_interval > surplus_kwh.shape[0]
            if later <= 0 and not stays:
                continue
            price = np.full(2 * later + 1, closing)
            energy = np.zeros(2 * later + 1)
            energy[2 * later] = missing if stays else 0.0
            for k in range(later):
                t = row + 1 + k
                energy[k] = min(surplus_kwh[t, b, n], power_kwh[b, n])
                price[k] = sell[t, b]
                energy[later + k] = power_kwh[b, n] - energy[k]
                price[later + k] = buy[t, b]
            gathered = 0.0
            cheaper = 0.0  # energy of the offers below the dearest one taken
            for k in np.argsort(price, kind="mergesort"):
                if energy[k] <= 0.0:
                    continue
                if price[k] > dear[b, n]:
                    cheaper = gathered
                    spare[b, n] = dear[b, n]
                    dear[b, n] = price[k]
                gathered += energy[k]
                if gathered >= missing - 1e-9:
                    break
            dear_kwh[b, n] = max(missing - cheaper, 0.0)
    return dear, dear_kwh, spare
