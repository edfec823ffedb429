"""What a follower's reward is measured against, so that an interval can be judged by itself.

Two terms that leave the best policy as it is. The bill a home would have without shifting
anything, at the expected prices, does not depend on what is done. The change of a potential, what
stored energy is expected to be worth, telescopes over the day (Ng, Harada, Russell, "Policy
invariance under reward transformations", 1999). What is left is the gain over the plan: of the
size of the decision, not of the bill.
"""

import numpy as np

from cosim.interval import Day
from cosim.prosumers.orders import value_at
from cosim.records import Exogenous, Fleet, Floats, State
from cosim.views import FollowerView


def expected_bill(view: FollowerView) -> Floats:
    """Return the bill of the interval if nothing were shifted, (B, N), EUR, paid > 0."""
    now, row = view.state.interval, view.row
    net_kwh = (
        view.now.load_kw[now] + view.now.heat_pump_reference_kw[now] - view.now.pv_kw[now]
    ) * view.interval_h
    buy, sell = expected_prices(view.day, view.local_fee_eur_per_kwh)
    price = np.where(net_kwh > 0.0, buy[row][:, None], sell[row][:, None])
    return np.asarray(net_kwh * price)


def expected_prices(day: Day, local_fee_eur_per_kwh: float) -> tuple[Floats, Floats]:
    """Return what buying and selling are expected to cost and bring, (T, B), EUR/kWh."""
    buy, sell = day.signal.buy_eur_per_kwh, day.signal.sell_eur_per_kwh
    if day.expected is None:
        return buy, sell
    price = day.expected.price_eur_per_kwh
    price = np.concatenate([np.full((len(buy) - len(price), price.shape[1]), np.nan), price])
    known = ~np.isnan(price)
    return (
        np.where(known, np.minimum(price + local_fee_eur_per_kwh, buy), buy),
        np.where(known, np.maximum(price, sell), sell),
    )


def potential(fleet: Fleet, day: Day, state: State, exogenous: Exogenous | None) -> Floats:
    """Return what stores hold and owe is worth at the start of an interval, (B, N), EUR.

    Batteries and rooms by the plan's cost-to-go against that of an empty store; what vehicles
    miss costs the mean price of the day. `exogenous` adds the vehicles that arrive now.
    """
    plan, row = day.plan, state.interval - day.first_interval
    battery = plan.battery_eur[row]
    band = fleet.comfort_max_celsius - fleet.comfort_min_celsius
    warmth = np.clip(state.indoor_celsius - fleet.comfort_min_celsius, 0.0, band)
    heat = plan.heat_eur[row]
    missing = state.vehicle_missing_kwh
    if exogenous is not None:
        arriving = exogenous.vehicle_arrival_kwh[state.interval]
        missing = np.where(arriving > 0.0, arriving, missing)
    dear = plan.buy_eur_per_kwh[: day.length].mean(axis=0)[:, None]
    return np.asarray(
        battery[:, :, 0]
        - value_at(battery, state.battery_kwh, fleet.battery_kwh)
        + np.where(fleet.heat_pump_kw > 0.0, heat[:, :, 0] - value_at(heat, warmth, band), 0.0)
        - missing / np.maximum(fleet.vehicle_efficiency, 1e-9) * dear
    )
