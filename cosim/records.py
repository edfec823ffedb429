"""What the stages of a market interval hand to each other: frozen records of arrays.

Axes, used everywhere
    `B` environments, `N` prosumers, `T` intervals (time comes first, so that one interval is one
    contiguous slice), `S` steps of an order curve, `M` trades of all environments in one flat
    list, `K` buses, `L` branches.

Signs
    power > 0 is drawn from the grid; an order quantity > 0 buys; money > 0 is received.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cosim.price_provenance import PriceProvenance

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Complexes = NDArray[np.complex128]

AGGREGATOR = -1
"""Stands in `Trades.seller` or `Trades.buyer` for the aggregator."""


class Step(IntEnum):
    """Slots of an order curve: what moves when the price falls below the step's price."""

    BATTERY_HOLD = 0  # stops discharging
    BATTERY_CHARGE = 1  # starts charging
    VEHICLE = 2  # charges what is not yet urgent
    HEAT_PUMP = 3  # heats above what comfort needs
    PV_CURTAIL = 4  # gives up solar power


STEP_COUNT = len(Step)


class Verdict(IntEnum):
    """What the grid says about a trade, an aggregator leg or a wholesale bid."""

    ACCEPTED = 0
    CURTAILED = 1
    REJECTED = 2


class Reason(IntEnum):
    """Why the grid cut something."""

    NONE = 0
    OVERVOLTAGE = 1
    UNDERVOLTAGE = 2
    LINE_OVERLOAD = 3
    TRANSFORMER_OVERLOAD = 4
    NO_POWER_FLOW = 5


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """What every prosumer owns; constant over a run. Zero power or capacity means "has none"."""

    bus: Integers  # (B, N) position in Feeder.bus_index
    homes: Floats  # (B, N) number of like homes a prosumer stands for
    pv_kwp: Floats  # (B, N) installed solar power
    battery_kwh: Floats  # (B, N) usable capacity
    battery_kw: Floats  # (B, N) charging and discharging power at the meter
    battery_charge_efficiency: Floats  # (B, N) stored per drawn energy
    battery_discharge_efficiency: Floats  # (B, N) delivered per taken energy
    battery_start_kwh: Floats  # (B, N) state of charge when the run begins
    vehicle_kw: Floats  # (B, N) charging power at the meter
    vehicle_efficiency: Floats  # (B, N) energy in the vehicle per drawn energy
    heat_pump_kw: Floats  # (B, N) largest electric power
    heat_pump_cop: Floats  # (B, N) heat per electric energy
    building_kwh_per_kelvin: Floats  # (B, N) thermal mass
    building_time_constant_h: Floats  # (B, N) thermal mass over heat loss coefficient
    comfort_min_celsius: Floats  # (B, N)
    comfort_max_celsius: Floats  # (B, N)
    comfort_target_celsius: Floats  # (B, N) temperature at which the reference power holds it


@dataclass(frozen=True, slots=True, eq=False)
class Exogenous:
    """What nobody decides: profiles and wholesale prices, actual or as forecast.

    Holds T intervals of a run plus, behind them, as many as planning looks ahead.
    """

    load_kw: Floats  # (T, B, N) firm load of prosumers
    load_kvar: Floats  # (T, B, N)
    pv_kw: Floats  # (T, B, N) available solar power, >= 0
    vehicle_arrival_kwh: Floats  # (T, B, N) energy asked for by a vehicle that plugs in now
    vehicle_departure: Integers  # (T, B, N) first interval after the stay, -1 while not plugged in
    heat_pump_reference_kw: Floats  # (T, B, N) electric power that holds the target temperature
    passive_kw: Floats  # (T, B, K) load of all that takes no part
    passive_kvar: Floats  # (T, B, K)
    day_ahead_eur_per_kwh: Floats  # (T, B)
    imbalance_eur_per_kwh: Floats  # (T, B)


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """When the intervals of a run are. Days begin at local midnight and may have 23 or 25 hours."""

    start_utc: NDArray[np.datetime64]  # (T + lookahead,) start of each interval, minutes, UTC
    local_hour: Floats  # (T + lookahead,) local hour of day at the start, 0 <= h < 24
    day_start: Integers  # (D + 1,) first interval of each day; the last entry is the run's end
    interval_h: float  # length of an interval
    time_zone: str  # of local time


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """All that a simulation is played on; drawn once, before the first interval."""

    fleet: Fleet
    actual: Exogenous
    forecast: Exogenous
    calendar: Calendar
    day_ahead_label: str  # e.g. "synthetic (calm)" or "smard_2019.json, EUR/MWh"
    imbalance_label: str
    day_ahead_provenance: PriceProvenance | None = None  # None where synthetic
    imbalance_provenance: PriceProvenance | None = None


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What carries over from one interval to the next."""

    interval: int  # position in the run
    battery_kwh: Floats  # (B, N) energy stored
    vehicle_missing_kwh: Floats  # (B, N) energy to be in the vehicle at departure, not yet there
    indoor_celsius: Floats  # (B, N)


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """What the leader announces for a day: all-in prices a prosumer pays and is paid."""

    buy_eur_per_kwh: (
        Floats  # (T, B) charged for a kWh from the aggregator, fees and levies included
    )
    sell_eur_per_kwh: Floats  # (T, B) paid for a kWh to the aggregator


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What storage is worth over the day, from the announced prices and the forecasts.

    Cost-to-go tables have `G` equally spaced levels from empty to full.
    """

    first_interval: int  # position in the run of the first row
    battery_eur: Floats  # (T + 1, B, N, G) cost-to-go by energy stored
    heat_eur: Floats  # (T + 1, B, N, G) cost-to-go by temperature within the comfort band
    surplus_kwh: Floats  # (T + lookahead, B, N) solar energy a home is expected to have left
    buy_eur_per_kwh: Floats  # (T + lookahead, B) announced, repeated behind the day
    sell_eur_per_kwh: Floats  # (T + lookahead, B)


@dataclass(frozen=True, slots=True, eq=False)
class FollowerAction:
    """What followers decide: reservation prices, as distance from the plan's values."""

    value_offset_eur_per_kwh: Floats  # (B, N, 3) battery, vehicle, heat pump
    half_spread_eur_per_kwh: Floats  # (B, N) least gain for which a battery moves


@dataclass(frozen=True, slots=True, eq=False)
class Quotes:
    """The outside options of an interval and what is paid on top of a local price."""

    buy_eur_per_kwh: Floats  # (B,) charged by the aggregator, fees and levies included
    sell_eur_per_kwh: Floats  # (B,) paid by the aggregator
    retail_eur_per_kwh: float  # all-in retail price: what firm load pays at the most
    passed_on_eur_per_kwh: float  # fees and levies inside the aggregator's charge
    local_fee_eur_per_kwh: float  # fees and levies on a local trade


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """Order curves: the net energy each prosumer wants at each price.

    ``wanted(price) = minimum_kwh + sum of step_kwh where step_eur_per_kwh >= price``. The point
    on the curve where a prosumer feeds nothing in and draws only what it cannot do without is the
    counterfactual of its order. What is offered can always be given up: the steps of a curve that
    starts below zero reach back to zero at least.
    """

    minimum_kwh: Floats  # (B, N) wanted at the highest price; < 0 offers
    step_eur_per_kwh: Floats  # (B, N, S) price at or below which the step is taken
    step_kwh: Floats  # (B, N, S) energy of the step, >= 0

    @property
    def firm_kwh(self) -> Floats:
        """Energy drawn from the grid if every order is refused, (B, N), >= 0."""
        return np.maximum(self.minimum_kwh, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Envelopes:
    """What each prosumer may feed in and draw at the most, given out before bidding."""

    most_fed_in_kwh: Floats  # (B, N) >= 0
    most_drawn_kwh: Floats  # (B, N) >= what is firm


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """All matches of an interval, local ones and legs with the aggregator, in one flat list.

    Entries are grouped by environment: those of environment b are `start[b]:start[b + 1]`.
    """

    start: Integers  # (B + 1,)
    environment: Integers  # (M,)
    seller: Integers  # (M,) prosumer, or AGGREGATOR
    buyer: Integers  # (M,) prosumer, or AGGREGATOR
    cleared_kwh: Floats  # (M,) > 0
    price_eur_per_kwh: Floats  # (M,) received by the seller; buyers add the fees of the leg
    ask_eur_per_kwh: Floats  # (M,) least the seller wants
    bid_eur_per_kwh: Floats  # (M,) most the buyer pays, fees included
    fee_eur_per_kwh: Floats  # (M,) fees and levies the buyer pays on top of the price
    firm: Booleans  # (M,) the buyer draws this energy even if the trade is refused
    placed: Integers  # (M,) turn in which the later of its two orders came in

    @property
    def local(self) -> Booleans:
        """Whether both ends are prosumers, (M,)."""
        return np.asarray((self.seller != AGGREGATOR) & (self.buyer != AGGREGATOR))

    @property
    def surplus_eur_per_kwh(self) -> Floats:
        """What both ends together gain by a kWh of the trade, fees deducted, (M,)."""
        return np.asarray(self.bid_eur_per_kwh - self.fee_eur_per_kwh - self.ask_eur_per_kwh)


@dataclass(frozen=True, slots=True, eq=False)
class Clearing:
    """Outcome of the auction before the grid has looked at it."""

    price_eur_per_kwh: Floats  # (B,) local price, received by sellers; NaN where none exists
    net_kwh: Floats  # (B, N) cleared net energy, bought > 0
    trades: Trades


@dataclass(frozen=True, slots=True, eq=False)
class GridState:
    """A solved power flow for each of B scenarios."""

    node_voltage_pu: Complexes  # (B, n) complex voltages of the nodes
    voltage_pu: Floats  # (B, K) magnitudes at the buses
    loading_percent: Floats  # (B, L) larger end of each branch
    slack_kw: Floats  # (B,) active power into the feeder from the grid above
    slack_kvar: Floats  # (B,)
    loss_kw: Floats  # (B,)
    converged: Booleans  # (B,)
    iterations: Integers  # (B,)


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """What the grid says of a clearing, and the state it leaves."""

    accepted_kwh: Floats  # (M,)
    verdict: Integers  # (M,) Verdict
    reason: Integers  # (M,) Reason
    element: Integers  # (M,) bus position for voltages, branch position for overloads, -1 for none
    shadow_eur_per_kwh: Floats  # (M,) what binding limits would take from a further kWh of it
    voltage_eur_per_kwh: Floats  # (B, K) what a further kWh drawn costs through voltage limits
    congestion_eur_per_kwh: Floats  # (B, K) and through thermal limits
    net_kwh: Floats  # (B, N) at the meter after the verdicts, firm load always served
    bus_kw: Floats  # (B, K) everything drawn at each bus
    bus_kvar: Floats  # (B, K)
    state: GridState
    secure: Booleans  # (B,) no limit is broken
    preexisting: Booleans  # (B,) the counterfactual breaks a limit by itself


@dataclass(frozen=True, slots=True, eq=False)
class NetworkPrices:
    """Price of a further kWh drawn at a bus, in its parts."""

    energy_eur_per_kwh: Floats  # (B,) at the slack
    loss_eur_per_kwh: Floats  # (B, K)
    voltage_eur_per_kwh: Floats  # (B, K)
    congestion_eur_per_kwh: Floats  # (B, K)

    @property
    def network_eur_per_kwh(self) -> Floats:
        """All parts but energy, (B, K)."""
        return self.loss_eur_per_kwh + self.voltage_eur_per_kwh + self.congestion_eur_per_kwh


@dataclass(frozen=True, slots=True, eq=False)
class Charges:
    """What trades pay the network operator for the use of the network; < 0 is a reward."""

    prices: NetworkPrices
    seller_eur: Floats  # (M,) paid by the seller
    buyer_eur: Floats  # (M,) paid by the buyer

    @property
    def trade_eur(self) -> Floats:
        """Usage charge of each trade, (M,)."""
        return self.seller_eur + self.buyer_eur


@dataclass(frozen=True, slots=True, eq=False)
class Dispatch:
    """Device set-points that deliver exactly what was accepted."""

    battery_kw: Floats  # (B, N) charging > 0
    vehicle_kw: Floats  # (B, N)
    heat_pump_kw: Floats  # (B, N)
    pv_kw: Floats  # (B, N) solar power used, >= 0
    curtailed_kw: Floats  # (B, N) solar power given up
    net_kw: Floats  # (B, N) at the meter


class Account(IntEnum):
    """Accounts that are not prosumers, in the order they follow them."""

    AGGREGATOR = 0
    RETAILER = 1
    NETWORK_OPERATOR = 2
    STATE = 3  # levies and taxes
    WHOLESALE_MARKET = 4
    BALANCE_OPERATOR = 5


class Payment(IntEnum):
    """What a prosumer is paid for (> 0) or pays (< 0)."""

    LOCAL_ENERGY = 0
    AGGREGATOR_ENERGY = 1
    RETAIL_ENERGY = 2
    NETWORK_FEE = 3
    LEVIES = 4
    NETWORK_CHARGE = 5


@dataclass(frozen=True, slots=True, eq=False)
class Settlement:
    """Money of an interval, received > 0. Every payment has a payer and a payee.

    `accounts` hold prosumers first, then those of `Account` in order, and sum to zero.
    """

    prosumer_eur: Floats  # (B, N, kinds) by `Payment`
    accounts_eur: Floats  # (B, N + number of accounts)
    retailer_kwh: Floats  # (B, N) firm energy served by the retailer after a refusal
    delivered_kwh: Floats  # (B,) metered by the aggregator's customers, fed in > 0
    imbalance_kwh: Floats  # (B,) delivered minus sold day-ahead
    imbalance_price_eur_per_kwh: Floats  # (B,) applied to it
    loss_kwh: Floats  # (B,) bought by the network operator


@dataclass(frozen=True, slots=True, eq=False)
class WholesaleBid:
    """The aggregator's day-ahead schedule and what the grid let through. Sold > 0."""

    offered_kwh: Floats  # (T, B) from the play-through on forecasts
    validated_kwh: Floats  # (T, B) what goes to the market
    verdict: Integers  # (T, B) Verdict
    reason: Integers  # (T, B) Reason
    element: Integers  # (T, B) bus position for voltages, branch position for overloads, -1 none
    offered_bus_kw: Floats  # (T, B, K) expected to be drawn at each bus under the offered schedule
    validated_bus_kw: Floats  # (T, B, K) and under the validated one
    bus_kvar: Floats  # (T, B, K)


@dataclass(frozen=True, slots=True, eq=False)
class IntervalRecord:
    """Everything that happened in one interval, for all environments."""

    interval: int  # position in the run
    orders: Orders
    envelopes: Envelopes | None  # None where the grid gave none
    clearing: Clearing
    validation: Validation
    charges: Charges
    dispatch: Dispatch
    settlement: Settlement
    state: State  # at the end of the interval


@dataclass(frozen=True, slots=True, eq=False)
class DayRecord:
    """One day: what was announced, what was bid, what happened."""

    first_interval: int  # position in the run
    signal: Signal
    bid: WholesaleBid
    intervals: tuple[IntervalRecord, ...]
