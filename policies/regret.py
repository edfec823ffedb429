"""What followers could have saved, looking back: each alone on the prices that came about.

Every prosumer is given the price path of what happened, its own actual load and sun, and the
outside options: it buys at the lower of the aggregator's quote and the local price plus local
fees, and sells at the higher of quote and local price, any amount. Its least cost there against
what it really paid is its hindsight regret. It is an upper bound of what better bidding could
have saved: it holds the value of knowing the future, and a price taker does not move prices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cosim.game import Game
from cosim.records import Floats, Integers, State, World
from cosim.results import DayRecord
from policies.community_programme import CommunityProgramme
from policies.yardstick_case import (
    Case,
    Schedule,
    Span,
    carry_out,
    case_of,
    one_prosumer,
    played_costs_eur,
    signal_of,
)

LEAST_SAVING_EUR: Final = 0.10
"""Prosumers whose devices can save less than this have no share of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Regret:
    """Costs of prosumers on the prices that came about, (N,) each, EUR."""

    played_eur: Floats  # what it really paid
    least_eur: Floats  # knowing everything
    idle_eur: Floats  # batteries idle, vehicles charged at once, rooms held at target

    @property
    def regret_eur(self) -> Floats:
        """What hindsight would have saved, (N,); never below zero without locational charges."""
        return self.played_eur - self.least_eur

    @property
    def share(self) -> Floats:
        """Regret over what the devices can save, (N,); NaN where that is next to nothing."""
        saving = self.idle_eur - self.least_eur
        share = np.full(len(saving), np.nan)
        some = saving > LEAST_SAVING_EUR
        share[some] = self.regret_eur[some] / saving[some]
        return share

    @property
    def mean_share(self) -> float:
        """Regret of all that can save something over what they all can save; NaN for nobody."""
        some = ~np.isnan(self.share)
        if not some.any():
            return float("nan")
        saving = (self.idle_eur - self.least_eur)[some].sum()
        return float(self.regret_eur[some].sum() / saving)

    @property
    def worst_share(self) -> float:
        """Largest share of any prosumer; NaN where nobody can save anything."""
        known = self.share[~np.isnan(self.share)]
        return float(known.max()) if len(known) else float("nan")


def follower_regret(
    game: Game,
    world: World,
    days: Sequence[DayRecord],
    state: State,
    *,
    environment: int = 0,
    wear_eur_per_kwh: float = 0.0,
) -> Regret:
    """Return the hindsight regret of every follower of played days.

    Args:
        game: fleet and tariff.
        world: what the days were played on.
        days: what happened, one day after the other.
        state: before the first of them, (B, N).
        environment: which of the B.
        wear_eur_per_kwh: cost of a kWh through a battery at the meter, each way.
    """
    first = days[0].first_interval
    records = [record for day in days for record in day.intervals]
    span = Span(first, first + len(records), environment, wear_eur_per_kwh)
    case = case_of(game, world.actual, signal_of(days), state, span)
    local = np.array([record.clearing.price_eur_per_kwh[environment] for record in records])
    played = played_costs_eur(
        game, days, environment=environment, wear_eur_per_kwh=wear_eur_per_kwh
    )
    return regret_of(case, local, played, np.arange(case.fleet.bus.shape[1]))


def regret_of(
    case: Case, local_eur_per_kwh: Floats, played_eur: Floats, prosumers: Integers
) -> Regret:
    """Return the hindsight regret of some prosumers (P,), in their order.

    Args:
        case: what was played, at the announced prices.
        local_eur_per_kwh: local prices that came about, (T,), NaN where there were none.
        played_eur: what all prosumers paid, (N,), by the rules of all yardsticks.
        prosumers: who is looked at.
    """
    at_best = on_prices(case, local_eur_per_kwh)
    return Regret(
        played_eur=played_eur[prosumers],
        least_eur=np.array([least_cost_alone(one_prosumer(at_best, int(n))) for n in prosumers]),
        idle_eur=costs_alone_eur(at_best, idle_schedule(at_best))[prosumers],
    )


def on_prices(case: Case, local_eur_per_kwh: Floats) -> Case:
    """Return the case at the better of quotes and local prices (T,), NaN where there was none."""
    buy, sell = case.buy_eur_per_kwh, case.sell_eur_per_kwh
    return replace(
        case,
        buy_eur_per_kwh=np.fmin(buy, local_eur_per_kwh + case.local_fee_eur_per_kwh),
        sell_eur_per_kwh=np.fmax(sell, local_eur_per_kwh),
    )


def least_cost_alone(case: Case) -> float:
    """Return the least cost of a case whose meters cannot be matched with each other."""
    return CommunityProgramme(case, local_trade=False).solve().cost_eur


def costs_alone_eur(case: Case, schedule: Schedule) -> Floats:
    """Return what a schedule costs each prosumer at the case's prices, (N,), nobody matched."""
    done = carry_out(case, schedule)
    buying = np.maximum(done.net_kwh, 0.0).T @ case.buy_eur_per_kwh
    selling = np.maximum(-done.net_kwh, 0.0).T @ case.sell_eur_per_kwh
    return np.asarray(buying - selling + done.prosumer_wear_eur - done.prosumer_open_eur)


def idle_schedule(case: Case) -> Schedule:
    """Return what devices do that nobody steers.

    Batteries idle, vehicles charge as soon as they can, heat pumps hold the target, no solar
    power is given up.
    """
    shape = case.fixed_kwh.shape
    endless = np.full(shape, np.inf)
    return Schedule(
        battery_kwh=np.zeros(shape),
        vehicle_kwh=endless,
        heat_pump_kwh=case.exogenous.heat_pump_reference_kw[:, 0] * case.interval_h,
        curtailed_kwh=np.zeros(shape),
    )
