"""The verdict of the grid on every trade and every aggregator leg of an interval.

The power flow sees net injections only. Every order therefore has a counterfactual: firm load is
drawn anyway, feeding in and flexible consumption do not happen. A trade's effect on the grid is
the difference between the two. The whole clearing is solved first; where it is inside the limits
everything is accepted, at the cost of one power flow.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cosim.grid import limits
from cosim.grid.groups import Groups, group_trades
from cosim.grid.judge import Cut, Judge
from cosim.grid.linear_programme import shared_programme
from cosim.grid.power_flow import PowerFlow
from cosim.grid.together import decide_together
from cosim.records import AGGREGATOR, Clearing, Floats, Integers, Orders, Trades
from cosim.results import GridState, Reason, Validation, Verdict

RULES = ("optimal", "pro_rata", "merit", "lifo", "max_min", "none")


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What stands at the buses besides the orders, for B environments."""

    bus: Integers  # (B, N) bus position of each prosumer
    kw: Floats  # (B, K) drawn by those who take no part
    kvar: Floats  # (B, K) drawn by everybody
    interval_h: float


def validate(
    power_flow: PowerFlow,
    surroundings: Surroundings,
    orders: Orders,
    clearing: Clearing,
    *,
    rule: str,
) -> Validation:
    """Judge every trade of `clearing` and return the state that the verdicts leave.

    `rule` is one of RULES: "none" accepts everything and only reports.
    """
    feeder, trades = power_flow.feeder, clearing.trades
    cleared_kw = at_buses(surroundings, clearing.net_kwh)
    state = power_flow.solve(cleared_kw, surroundings.kvar)
    excess = limits.excess(feeder, state)
    secure = limits.within(excess)
    verdicts = _Verdicts.all_accepted(trades, feeder.bus_count)
    preexisting = np.zeros(len(secure), np.bool_)
    broken = np.flatnonzero(~secure)
    if len(broken):
        base_kw = at_buses(surroundings, orders.firm_kwh)
        base = limits.excess(feeder, power_flow.solve(base_kw[broken], surroundings.kvar[broken]))
        preexisting[broken] = ~limits.within(base)
    if len(broken) and rule != "none":
        programme = shared_programme()
        parts = [slice(trades.start[b], trades.start[b + 1]) for b in broken]
        cutting = [
            Judge(
                power_flow,
                programme,
                base_kw=base_kw[b],
                kvar=surroundings.kvar[b],
                base_excess=base_excess,
                interval_h=surroundings.interval_h,
            ).cutting(_groups(trades, part, surroundings.bus[b], rule), excess[b], rule)
            for b, part, base_excess in zip(broken, parts, base, strict=True)
        ]
        for b, part, cut in zip(broken, parts, decide_together(power_flow, cutting), strict=True):
            verdicts.enter(int(b), part, cut)
        net_kwh = net_of(trades, verdicts.share * trades.cleared_kwh, clearing.net_kwh.shape)
        bus_kw = at_buses(surroundings, net_kwh)
        state = _replace_states(power_flow, state, bus_kw, surroundings.kvar, broken)
        secure = limits.within(limits.excess(feeder, state))
    else:
        net_kwh, bus_kw = clearing.net_kwh, cleared_kw
    return Validation(
        **verdicts.per_trade(trades),
        voltage_eur_per_kwh=verdicts.voltage_eur_per_kwh,
        congestion_eur_per_kwh=verdicts.congestion_eur_per_kwh,
        net_kwh=net_kwh,
        bus_kw=bus_kw,
        bus_kvar=surroundings.kvar,
        state=state,
        secure=secure,
        preexisting=preexisting,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Verdicts:
    """Verdicts of all environments while they come in."""

    share: Floats  # (M,) accepted over cleared
    reason: Integers  # (M,)
    element: Integers  # (M,)
    shadow_eur_per_kwh: Floats  # (M,)
    voltage_eur_per_kwh: Floats  # (B, K)
    congestion_eur_per_kwh: Floats  # (B, K)

    @classmethod
    def all_accepted(cls, trades: Trades, buses: int) -> Self:
        """Return verdicts that let every trade pass."""
        count = len(trades.seller)
        return cls(
            share=np.ones(count),
            reason=np.full(count, int(Reason.NONE)),
            element=np.full(count, -1),
            shadow_eur_per_kwh=np.zeros(count),
            voltage_eur_per_kwh=np.zeros((len(trades.start) - 1, buses)),
            congestion_eur_per_kwh=np.zeros((len(trades.start) - 1, buses)),
        )

    def enter(self, environment: int, part: slice, cut: Cut) -> None:
        """Write what one environment accepts; `part` are its trades."""
        self.share[part] = cut.share
        self.reason[part], self.element[part] = cut.reason, cut.element
        self.shadow_eur_per_kwh[part] = cut.shadow_eur_per_kwh
        self.voltage_eur_per_kwh[environment] = cut.voltage_eur_per_kwh
        self.congestion_eur_per_kwh[environment] = cut.congestion_eur_per_kwh

    def per_trade(self, trades: Trades) -> dict[str, NDArray[Any]]:
        """Return the fields of a Validation that have one entry a trade."""
        accepted = self.share * trades.cleared_kwh
        verdict = np.where(
            accepted >= trades.cleared_kwh - 1e-9,
            int(Verdict.ACCEPTED),
            np.where(accepted <= 1e-9, int(Verdict.REJECTED), int(Verdict.CURTAILED)),
        )
        whole = verdict == Verdict.ACCEPTED
        return {
            "accepted_kwh": accepted,
            "verdict": verdict,
            "reason": np.where(whole, int(Reason.NONE), self.reason),
            "element": np.where(whole, -1, self.element),
            "shadow_eur_per_kwh": self.shadow_eur_per_kwh,
        }


def at_buses(surroundings: Surroundings, net_kwh: Floats) -> Floats:
    """Return the power drawn at every bus, (B, K) kW, with prosumers at `net_kwh` (B, N)."""
    environments, buses = surroundings.kw.shape
    index = surroundings.bus + buses * np.arange(environments)[:, None]
    added = np.bincount(index.ravel(), weights=net_kwh.ravel(), minlength=environments * buses)
    return np.asarray(
        surroundings.kw + added.reshape(environments, buses) / surroundings.interval_h
    )


def net_of(trades: Trades, accepted_kwh: Floats, shape: tuple[int, ...]) -> Floats:
    """Return the net energy (B, N) at the meters: accepted trades plus refused firm load."""
    prosumers = shape[1]
    cells = shape[0] * prosumers
    served = np.where(trades.firm, trades.cleared_kwh, accepted_kwh)
    selling, buying = trades.seller != AGGREGATOR, trades.buyer != AGGREGATOR
    row = trades.environment * prosumers
    bought = np.bincount((row + trades.buyer)[buying], weights=served[buying], minlength=cells)
    sold = np.bincount(
        (row + trades.seller)[selling], weights=accepted_kwh[selling], minlength=cells
    )
    return np.asarray((bought - sold).reshape(shape))


def _groups(trades: Trades, part: slice, bus: Integers, rule: str) -> Groups:
    """Group the trades of one environment by what the rule can tell apart."""
    seller, buyer = trades.seller[part], trades.buyer[part]
    seller_bus = np.where(seller == AGGREGATOR, -1, bus[seller])
    flexible = (buyer != AGGREGATOR) & ~trades.firm[part]
    buyer_bus = np.where(flexible, bus[buyer], -1)
    return group_trades(
        seller_bus,
        buyer_bus,
        trades.surplus_eur_per_kwh[part],
        trades.cleared_kwh[part],
        trades.placed[part] if rule == "lifo" else None,
    )


def _replace_states(
    power_flow: PowerFlow, state: GridState, bus_kw: Floats, bus_kvar: Floats, which: Integers
) -> GridState:
    """Return `state` with the environments `which` solved anew."""
    new = power_flow.solve(bus_kw[which], bus_kvar[which])
    fields = {}
    for name in GridState.__slots__:
        values = getattr(state, name).copy()
        values[which] = getattr(new, name)
        fields[name] = values
    return replace(state, **fields)
