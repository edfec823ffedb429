"""What comes out of an interval: verdicts, charges, set-points, money, and whole days of them.

Axes and signs as in `cosim.records`.
"""

from dataclasses import dataclass
from enum import IntEnum

from cosim.records import (
    Booleans,
    Clearing,
    Complexes,
    Envelopes,
    Floats,
    Integers,
    Orders,
    Signal,
    State,
)


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
class BalancingOffer:
    """Capacity offered on top of the validated schedule in one direction, and what of it can be.

    Up is more fed in or less drawn, down is more drawn; both >= 0. Nothing of it is activated.
    """

    offered_kwh: Floats  # (T, B) if called for the whole interval
    feasible_kwh: Floats  # (T, B) what goes to the market
    verdict: Integers  # (T, B) Verdict
    reason: Integers  # (T, B) Reason
    element: Integers  # (T, B) bus position for voltages, branch position for overloads, -1 none
    shadow: Floats  # (T, B) kWh of it lost per further kWh where the binding limits feel it most
    bus_kw: Floats  # (T, B, K) expected to be drawn at each bus with all that is feasible


@dataclass(frozen=True, slots=True, eq=False)
class WholesaleBid:
    """The aggregator's day-ahead schedule and offers, and what the grid let through. Sold > 0."""

    offered_kwh: Floats  # (T, B) from the play-through on forecasts
    validated_kwh: Floats  # (T, B) what goes to the market
    verdict: Integers  # (T, B) Verdict
    reason: Integers  # (T, B) Reason
    element: Integers  # (T, B) bus position for voltages, branch position for overloads, -1 none
    shadow: Floats  # (T, B) kWh of the sum lost per further kWh where binding limits feel it most
    price: Floats  # (T, B, K) kWh of the sum lost per further kWh drawn at a bus
    firm_bus_kw: Floats  # (T, B, K) drawn at each bus if nothing is bid
    offered_bus_kw: Floats  # (T, B, K) expected to be drawn at each bus under the offered schedule
    validated_bus_kw: Floats  # (T, B, K) and under the validated one
    bus_kvar: Floats  # (T, B, K)
    up: BalancingOffer
    down: BalancingOffer


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
