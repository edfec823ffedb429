"""Judge a list of trades: one interval is one environment of the market's own validation."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.errors import SubmissionError
from cosim.grid.charges import network_prices
from cosim.grid.groups import group_trades
from cosim.grid.power_flow import PowerFlow
from cosim.grid.validation import Surroundings, validate
from cosim.records import Booleans, Clearing, Floats, Integers, Orders, Trades
from cosim.results import NetworkPrices, Validation
from cosim.submissions.base_case import BaseCase
from cosim.submissions.states import States, at_buses, solve_states
from cosim.submissions.trade_list import TradeList

INTERVAL_H: Final = 1.0
"""Powers are judged, so that a kW of the list is a kWh of the market's records."""

CHUNK: Final = 2048
"""Intervals judged at once: bounds memory."""

GROUPS_MAX: Final = {"merit": 4000, "lifo": 4000, "max_min": 1000}
"""Different trades of one interval that a rule can put in order; effort grows with the square."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedTrades:
    """Verdicts of M trades in T intervals, and the states before and after."""

    base: BaseCase
    trades: TradeList
    position: Integers  # (M,) of each trade's interval
    accepted_kw: Floats  # (M,)
    verdict: Integers  # (M,)
    reason: Integers  # (M,)
    element: Integers  # (M,)
    shadow_eur_per_kwh: Floats  # (M,)
    prices: NetworkPrices  # (T, K)
    base_states: States
    asked_states: States
    accepted_states: States


def judge_trades(
    power_flow: PowerFlow,
    base: BaseCase,
    trades: TradeList,
    base_states: States,
    *,
    rule: str,
    energy_eur_per_kwh: float,
) -> JudgedTrades:
    """Return the verdict on every trade; `base` has the intervals of the trades and no others.

    Raises:
        SubmissionError: an interval that breaks a limit has more trades than a rule can order.
    """
    position = np.searchsorted(base.interval, trades.interval)
    asked = _asked_states(power_flow, base, trades, position)
    if rule in GROUPS_MAX:
        _check_groups(trades, position, base.interval, ~asked.secure, rule)
    order = np.argsort(position, kind="stable")
    start = np.searchsorted(position[order], np.arange(len(base.interval) + 1))
    parts: list[tuple[Validation, NetworkPrices]] = []
    for first in range(0, len(base.interval), CHUNK):
        last = min(first + CHUNK, len(base.interval))
        mine = order[start[first] : start[last]]
        validation = _validate(power_flow, base, trades, mine, (first, last), rule)
        energy = np.full(last - first, energy_eur_per_kwh)
        parts.append((validation, _prices(power_flow, validation, energy)))
    back = np.argsort(order, kind="stable")
    found = [validation for validation, _ in parts]

    def per_trade(name: str) -> Floats:
        return np.asarray(np.concatenate([getattr(v, name) for v in found])[back])

    return JudgedTrades(
        base=base,
        trades=trades,
        position=position,
        accepted_kw=per_trade("accepted_kwh"),
        verdict=per_trade("verdict").astype(np.int64),
        reason=per_trade("reason").astype(np.int64),
        element=per_trade("element").astype(np.int64),
        shadow_eur_per_kwh=per_trade("shadow_eur_per_kwh"),
        prices=NetworkPrices(
            *(
                np.concatenate([getattr(prices, name) for _, prices in parts])
                for name in NetworkPrices.__slots__
            )
        ),
        base_states=base_states,
        asked_states=asked,
        accepted_states=solve_states(
            power_flow, np.concatenate([v.bus_kw for v in found]), base.kvar
        ),
    )


def _asked_states(
    power_flow: PowerFlow, base: BaseCase, trades: TradeList, position: Integers
) -> States:
    """Return the states if every trade is accepted. What is firm is in the base already."""
    flexible = np.where(trades.firm, -1, trades.buyer)
    drawn = at_buses(position, flexible, trades.power_kw, base.kw.shape)
    fed = at_buses(position, trades.seller, trades.power_kw, base.kw.shape)
    return solve_states(power_flow, base.kw + drawn - fed, base.kvar)


def _validate(
    power_flow: PowerFlow,
    base: BaseCase,
    trades: TradeList,
    mine: Integers,
    span: tuple[int, int],
    rule: str,
) -> Validation:
    """Judge the trades `mine`, grouped by interval; every bus stands for one prosumer."""
    first, last = span
    shape = (last - first, base.kw.shape[1])
    environment = np.searchsorted(base.interval, trades.interval[mine]) - first
    firm, power = trades.firm[mine], trades.power_kw[mine]
    buyer, seller = trades.buyer[mine], trades.seller[mine]
    firm_kw = at_buses(environment, np.where(firm, buyer, -1), power, shape)
    drawn = at_buses(environment, buyer, power, shape)
    fed = at_buses(environment, seller, power, shape)
    nothing = np.zeros(len(mine))
    clearing = Clearing(
        price_eur_per_kwh=np.full(shape[0], np.nan),
        net_kwh=drawn - fed,
        trades=Trades(
            start=np.searchsorted(environment, np.arange(shape[0] + 1)),
            environment=environment,
            seller=seller,
            buyer=buyer,
            cleared_kwh=power,
            price_eur_per_kwh=nothing,
            ask_eur_per_kwh=trades.ask_eur_per_kwh[mine],
            bid_eur_per_kwh=trades.bid_eur_per_kwh[mine],
            fee_eur_per_kwh=nothing,
            firm=firm,
            placed=trades.placed[mine],
        ),
    )
    around = Surroundings(
        bus=np.tile(np.arange(shape[1]), (shape[0], 1)),
        kw=base.kw[first:last] - firm_kw,
        kvar=base.kvar[first:last],
        interval_h=INTERVAL_H,
    )
    no_steps = np.zeros((*shape, 0))
    orders = Orders(minimum_kwh=firm_kw, step_eur_per_kwh=no_steps, step_kwh=no_steps)
    return validate(power_flow, around, orders, clearing, rule=rule)


def _prices(
    power_flow: PowerFlow, validation: Validation, energy_eur_per_kwh: Floats
) -> NetworkPrices:
    """Return locational prices; those of losses are only worked out where energy has a price."""
    if np.any(energy_eur_per_kwh):
        return network_prices(power_flow, validation, energy_eur_per_kwh)
    return NetworkPrices(
        energy_eur_per_kwh=energy_eur_per_kwh,
        loss_eur_per_kwh=np.zeros_like(validation.bus_kw),
        voltage_eur_per_kwh=validation.voltage_eur_per_kwh,
        congestion_eur_per_kwh=validation.congestion_eur_per_kwh,
    )


def _check_groups(
    trades: TradeList, position: Integers, interval: Integers, broken: Booleans, rule: str
) -> None:
    """Raise SubmissionError where an interval has more different trades than `rule` can order."""
    crowded = np.bincount(position, minlength=len(interval)) > GROUPS_MAX[rule]
    problems = []
    for at in np.flatnonzero(crowded & broken):
        mine = np.flatnonzero(position == at)
        groups = group_trades(
            trades.seller[mine],
            np.where(trades.firm[mine], -1, trades.buyer[mine]),
            trades.bid_eur_per_kwh[mine] - trades.ask_eur_per_kwh[mine],
            trades.power_kw[mine],
            trades.placed[mine] if rule == "lifo" else None,
        )
        if len(groups.cleared_kwh) > GROUPS_MAX[rule]:
            problems.append(
                f"interval {interval[at]}: {len(groups.cleared_kwh)} trades that differ in ends, "
                f"value or time break a limit; the rule {rule} puts {GROUPS_MAX[rule]} in order at "
                "the most (optimal and pro_rata take any number)"
            )
    if problems:
        raise SubmissionError(problems[:10])
