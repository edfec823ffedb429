"""The verdict of the grid on every trade and every aggregator leg of an interval.

The power flow sees net injections only. Every order therefore has a counterfactual: firm load is
drawn anyway, feeding in and flexible consumption do not happen. A trade's effect on the grid is
the difference between the two. The whole clearing is solved first; where it is inside the limits
everything is accepted, at the cost of one power flow.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cosim.grid import limits
from cosim.grid.curtailment import largest_share
from cosim.grid.optimal_acceptance import (
    Groups,
    Point,
    accept_most_value,
    drawn_kw,
    group_effect,
    group_trades,
)
from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import security_rows
from cosim.records import (
    AGGREGATOR,
    Clearing,
    Floats,
    GridState,
    Integers,
    Orders,
    Reason,
    Trades,
    Validation,
    Verdict,
)

RULES = ("optimal", "pro_rata", "none")


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What stands at the buses besides the orders, for B environments."""

    bus: Integers  # (B, N) bus position of each prosumer
    kw: Floats  # (B, K) drawn by those who take no part
    kvar: Floats  # (B, K) drawn by everybody
    interval_h: float


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """What one environment accepts, and why not more; all per trade of the environment."""

    share: Floats  # accepted over cleared
    reason: Integers
    element: Integers
    shadow_eur_per_kwh: Floats
    network_eur_per_kwh: Floats  # (K,)


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
    environments = len(trades.start) - 1
    cleared_kw = at_buses(surroundings, clearing.net_kwh)
    state = power_flow.solve(cleared_kw, surroundings.kvar)
    excess = limits.excess(feeder, state)
    secure = limits.within(excess)
    accepted = trades.cleared_kwh.copy()
    reason = np.full(len(accepted), int(Reason.NONE))
    element = np.full(len(accepted), -1)
    shadow = np.zeros(len(accepted))
    network = np.zeros((environments, feeder.bus_count))
    preexisting = np.zeros(environments, np.bool_)
    broken = np.flatnonzero(~secure)
    if len(broken):
        base_kw = at_buses(surroundings, orders.firm_kwh)
        base = limits.excess(feeder, power_flow.solve(base_kw[broken], surroundings.kvar[broken]))
        preexisting[broken] = ~limits.within(base)
    if len(broken) and rule != "none":
        for position, b in enumerate(broken):
            part = slice(trades.start[b], trades.start[b + 1])
            judge = _Judge(
                power_flow, base_kw[b], surroundings.kvar[b], base[position], surroundings
            )
            cut = judge.cut(_groups(trades, part, surroundings.bus[b]), excess[b], rule)
            accepted[part] = trades.cleared_kwh[part] * cut.share
            reason[part], element[part] = cut.reason, cut.element
            shadow[part], network[b] = cut.shadow_eur_per_kwh, cut.network_eur_per_kwh
        net_kwh = net_of(trades, accepted, clearing.net_kwh.shape)
        bus_kw = at_buses(surroundings, net_kwh)
        state = _replace_states(power_flow, state, bus_kw, surroundings.kvar, broken)
        secure = limits.within(limits.excess(feeder, state))
    else:
        net_kwh, bus_kw = clearing.net_kwh, cleared_kw
    verdict = np.where(
        accepted >= trades.cleared_kwh - 1e-9,
        int(Verdict.ACCEPTED),
        np.where(accepted <= 1e-9, int(Verdict.REJECTED), int(Verdict.CURTAILED)),
    )
    whole = verdict == Verdict.ACCEPTED
    return Validation(
        accepted_kwh=accepted,
        verdict=verdict,
        reason=np.where(whole, int(Reason.NONE), reason),
        element=np.where(whole, -1, element),
        shadow_eur_per_kwh=shadow,
        network_eur_per_kwh=network,
        net_kwh=net_kwh,
        bus_kw=bus_kw,
        bus_kvar=surroundings.kvar,
        state=state,
        secure=secure,
        preexisting=preexisting,
    )


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


def _groups(trades: Trades, part: slice, bus: Integers) -> Groups:
    """Group the trades of one environment by what the grid can tell apart."""
    seller, buyer = trades.seller[part], trades.buyer[part]
    seller_bus = np.where(seller == AGGREGATOR, -1, bus[seller])
    flexible = (buyer != AGGREGATOR) & ~trades.firm[part]
    buyer_bus = np.where(flexible, bus[buyer], -1)
    return group_trades(
        seller_bus, buyer_bus, trades.surplus_eur_per_kwh[part], trades.cleared_kwh[part]
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


class _Judge:
    """The grid of one environment: solves acceptances and explains what was cut."""

    def __init__(
        self,
        power_flow: PowerFlow,
        base_kw: Floats,
        kvar: Floats,
        base_excess: Floats,
        surroundings: Surroundings,
    ) -> None:
        """Keep the counterfactual and what it allows."""
        self.power_flow = power_flow
        self.base_kw = base_kw
        self.kvar = kvar
        self.base_excess = base_excess
        self.allowed = limits.allowed_excess(base_excess)
        self.interval_h = surroundings.interval_h

    def cut(self, groups: Groups, cleared_excess: Floats, rule: str) -> _Cut:
        """Return what is accepted under `rule`, per trade."""
        buses = len(self.base_kw)
        trades = len(groups.of_trade)
        if not np.all(np.isfinite(self.base_excess)):
            return _Cut(
                share=np.zeros(trades),
                reason=np.full(trades, int(Reason.NO_POWER_FLOW)),
                element=np.full(trades, -1),
                shadow_eur_per_kwh=np.zeros(trades),
                network_eur_per_kwh=np.zeros(buses),
            )
        start = groups.cleared_kwh
        if rule == "pro_rata" or not np.all(np.isfinite(cleared_excess)):
            start = start * self._share(groups, start)
        if rule == "pro_rata":
            return self._explain(groups, start, cleared_excess, np.zeros((0, buses)))
        outcome = accept_most_value(
            groups, self.allowed, self._solve(groups), start_kwh=start, interval_h=self.interval_h
        )
        accepted = outcome.accepted_kwh
        if not outcome.feasible:
            accepted = accepted * self._share(groups, accepted)
        weighted = outcome.row_eur[:, None] * outcome.slopes
        return self._explain(groups, accepted, cleared_excess, weighted, outcome.rows)

    def _share(self, groups: Groups, accepted_kwh: Floats) -> float:
        """Return the largest share of `accepted_kwh` that stays inside the limits."""
        drawn = drawn_kw(groups, accepted_kwh, len(self.base_kw), self.interval_h)
        share = largest_share(
            self.power_flow,
            self.base_kw[None],
            drawn[None],
            self.kvar[None],
            self.allowed[None] + 0.5 * limits.TOLERANCE,
        )
        return float(share[0])

    def _solve(self, groups: Groups) -> Callable[[Floats], Point]:
        """Return the AC power flow of an acceptance as a function."""
        feeder = self.power_flow.feeder
        buses = feeder.bus_count

        def solve(accepted_kwh: Floats) -> Point:
            bus_kw = self.base_kw + drawn_kw(groups, accepted_kwh, buses, self.interval_h)
            state = self.power_flow.solve(bus_kw[None], self.kvar[None])
            voltages = state.node_voltage_pu[0]

            def slopes(rows: Integers) -> Floats:
                over, rest = rows[rows < buses], rows[rows >= buses]
                under = rest[rest < 2 * buses] - buses
                branches = rest[rest >= 2 * buses] - 2 * buses
                volts, loads, _ = security_rows(
                    self.power_flow,
                    voltages,
                    bus_kw,
                    self.kvar,
                    np.concatenate([over, under]),
                    branches,
                )
                volts[len(over) :] *= -1.0
                return np.vstack([volts, loads / 100.0])

            return Point(excess=limits.excess(feeder, state)[0], slopes=slopes)

        return solve

    def _explain(
        self,
        groups: Groups,
        accepted_kwh: Floats,
        cleared_excess: Floats,
        weighted: Floats,
        rows: Integers | None = None,
    ) -> _Cut:
        """Spread a cut over the trades and name the limit that asked for it.

        `weighted` (R, K) holds multiplier times slope of each row of the programme. A cut group
        names the row that costs it most; without multipliers, the worst of the clearing.
        """
        feeder = self.power_flow.feeder
        beyond = cleared_excess - self.allowed
        worst = limits.reason_of(feeder, int(np.argmax(beyond)))
        if not np.all(np.isfinite(cleared_excess)):
            worst = (Reason.NO_POWER_FLOW, -1)
        count = len(accepted_kwh)
        reason = np.full(count, int(worst[0]))
        element = np.full(count, worst[1])
        shadow = np.zeros(count)
        if rows is not None and len(rows):
            costs = group_effect(groups, weighted, self.interval_h)
            shadow = costs.sum(axis=0)
            for group in np.flatnonzero(costs.max(axis=0) > 0.0):
                named = limits.reason_of(feeder, int(rows[np.argmax(costs[:, group])]))
                reason[group], element[group] = int(named[0]), named[1]
        share = np.divide(
            accepted_kwh, groups.cleared_kwh, out=np.zeros(count), where=groups.cleared_kwh > 0.0
        )
        of = groups.of_trade
        return _Cut(
            share=np.minimum(share, 1.0)[of],
            reason=reason[of],
            element=element[of],
            shadow_eur_per_kwh=shadow[of],
            network_eur_per_kwh=weighted.sum(axis=0) / self.interval_h,
        )
