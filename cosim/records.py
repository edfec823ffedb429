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
    VEHICLE = 2  # charges what dear hours would have to give later
    HEAT_PUMP = 3  # heats above what comfort needs
    PV_CURTAIL = 4  # gives up solar power
    VEHICLE_SPARE = 5  # charges what cheaper hours or own sun could give later too


STEP_COUNT = len(Step)


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
class Intentions:
    """What every prosumer's devices are expected to do on a day, charging > 0."""

    battery_kw: Floats  # (T, B, N)
    vehicle_kw: Floats  # (T, B, N)
    heat_pump_kw: Floats  # (T, B, N)


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """What the local market of a day is expected to do, from playing it on forecasts."""

    price_eur_per_kwh: Floats  # (T, B) received by local sellers; NaN where nobody trades locally
    bought_kwh: Floats  # (T, B) by all prosumers, at their meters
    sold_kwh: Floats  # (T, B)
    intended: Intentions


@dataclass(frozen=True, slots=True)
class Closing:
    """When a run ends and what stores then hold and owe is worth, known to all from the start."""

    interval: int  # first one behind the run
    retail_eur_per_kwh: float  # for what vehicles miss and rooms lack
    feed_in_eur_per_kwh: float  # for what is stored


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What plans know besides prices and forecasts."""

    intended: Intentions | None = None  # what the own devices are expected to do on the day
    closing: Closing | None = None  # None: life goes on behind the run


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What storage is worth over the day, from the prices planned with and the forecasts.

    Cost-to-go tables have `G` equally spaced levels from empty to full.
    """

    first_interval: int  # position in the run of the first row
    battery_eur: Floats  # (T + 1, B, N, G) cost-to-go by energy stored
    heat_eur: Floats  # (T + 1, B, N, G) cost-to-go by temperature within the comfort band
    surplus_kwh: Floats  # (T + lookahead, B, N) solar energy a home is expected to have left
    buy_eur_per_kwh: Floats  # (T + lookahead, B) planned with, repeated behind the day
    sell_eur_per_kwh: Floats  # (T + lookahead, B)
    missing_eur_per_kwh: float = 0.0  # for what vehicles miss where the plan ends; 0: it goes on


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
