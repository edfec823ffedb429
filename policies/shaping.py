"""What a follower's reward is measured against, so that an interval can be judged by itself.

Two terms that leave the best policy as it is where one home does not move the price. The bill a
home would have had without shifting anything, at the price that came out, does then not depend on
what it does. The change of a potential, what stored energy is expected to be worth, telescopes over
the day (Ng, Harada, Russell, "Policy invariance under reward transformations", 1999). What is left
is the gain over the plan: of the size of the decision, not of the bill.
"""

import numpy as np

from cosim.interval import Day
from cosim.means import mean_of
from cosim.prosumers.orders import value_at
from cosim.records import Exogenous, Fleet, Floats, State
from cosim.views import FollowerView


def unshifted_bill(view: FollowerView, price_eur_per_kwh: Floats) -> Floats:
    """Return the bill of the interval if nothing had been shifted, (B, N), EUR, paid > 0.

    At the local price (B,) that came out, or the aggregator's quotes where nobody traded. One home
    moves that price by next to nothing, so the bill does not depend on what it did.
    """
    now, row = view.state.interval, view.row
    net_kwh = (
        view.now.load_kw[now] + view.now.heat_pump_reference_kw[now] - view.now.pv_kw[now]
    ) * view.interval_h
    buy = view.day.signal.buy_eur_per_kwh[row]
    sell = view.day.signal.sell_eur_per_kwh[row]
    none = np.isnan(price_eur_per_kwh)
    charged = np.minimum(price_eur_per_kwh + view.local_fee_eur_per_kwh, buy)
    paid = np.maximum(price_eur_per_kwh, sell)
    charged, paid = np.where(none, buy, charged), np.where(none, sell, paid)
    return np.asarray(net_kwh * np.where(net_kwh > 0.0, charged[:, None], paid[:, None]))


def potential(fleet: Fleet, day: Day, state: State, exogenous: Exogenous | None) -> Floats:
    """Return what stores hold and owe is worth at the start of an interval, (B, N), EUR.

    Batteries and rooms by the plan's cost-to-go against that of an empty store; what vehicles
    miss costs the mean price of the day, or what it costs where the plan ends. `exogenous` adds
    the vehicles that arrive now.
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
    mean = mean_of(plan.buy_eur_per_kwh[: day.length])[:, None]
    dear = plan.missing_eur_per_kwh if plan.missing_eur_per_kwh > 0.0 else mean
    return np.asarray(
        battery[:, :, 0]
        - value_at(battery, state.battery_kwh, fleet.battery_kwh)
        + np.where(fleet.heat_pump_kw > 0.0, heat[:, :, 0] - value_at(heat, warmth, band), 0.0)
        - missing / np.maximum(fleet.vehicle_efficiency, 1e-9) * dear
    )
