"""Verdicts, buses, branches and summary of what was judged, as data frames."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.records import Booleans, Floats, Integers
from cosim.results import Reason, Verdict
from cosim.run_columns import element_texts
from cosim.scoring.fairness import gini, jain
from cosim.submissions.base_case import GRID
from cosim.submissions.judge_bid import JudgedBid, Product
from cosim.submissions.judge_trades import JudgedTrades
from cosim.submissions.states import States, broken_text
from networks.feeder import LINE, Feeder

PARTS = ("loss", "voltage", "congestion")
Columns = dict[str, NDArray[Any]]


def trade_verdicts(judged: JudgedTrades, feeder: Feeder) -> pd.DataFrame:
    """Return one row a trade, in the order they were handed over."""
    trades, prices = judged.trades, judged.prices
    ends = {"seller": trades.seller, "buyer": trades.buyer}
    at_end: Columns = {}
    for end, bus in ends.items():
        for part in PARTS:
            known = getattr(prices, f"{part}_eur_per_kwh")[judged.position, bus]
            at_end[f"{end}_{part}_eur_per_kwh"] = np.where(bus >= 0, known, 0.0)
    total = {end: sum(at_end[f"{end}_{part}_eur_per_kwh"] for part in PARTS) for end in ends}
    owners = {} if trades.owners is None else dict(zip(ends, trades.owners, strict=True))
    return pd.DataFrame(
        {
            "trade": trades.name,
            "interval": trades.interval,
            **owners,
            "seller_bus": _end_texts(feeder, trades.seller),
            "buyer_bus": _end_texts(feeder, trades.buyer),
            "asked_kw": trades.power_kw,
            "accepted_kw": judged.accepted_kw,
            **_judgement(judged.verdict, judged.reason, judged.element, feeder),
            "shadow_eur_per_kwh": judged.shadow_eur_per_kwh,
            **at_end,
            "usage_charge_eur_per_h": (total["buyer"] - total["seller"]) * judged.accepted_kw,
        }
    )


def trade_buses(judged: JudgedTrades, feeder: Feeder) -> pd.DataFrame:
    """Return one row a bus and interval: powers and voltages of three states, and prices."""
    prices = {
        f"{part}_eur_per_kwh": getattr(judged.prices, f"{part}_eur_per_kwh").ravel()
        for part in PARTS
    }
    return _bus_table(judged.base.interval, feeder, trade_states(judged), prices)


def trade_states(judged: JudgedTrades) -> dict[str, States]:
    """Return the states of trades by name: all refused, all accepted, as judged."""
    return {
        "base": judged.base_states,
        "asked": judged.asked_states,
        "accepted": judged.accepted_states,
    }


def trade_summary(judged: JudgedTrades, feeder: Feeder) -> pd.DataFrame:
    """Return one row an interval."""
    trades, at = judged.trades, judged.position
    count = len(judged.base.interval)
    worth = np.maximum(trades.bid_eur_per_kwh - trades.ask_eur_per_kwh, 0.0)

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(at, weights=values, minlength=count), np.float64)

    counts = {
        verdict.name.lower(): np.bincount(at[judged.verdict == verdict], minlength=count)
        for verdict in Verdict
    }
    fairness = _fairness(judged.accepted_kw / trades.power_kw, at, count)
    return pd.DataFrame(
        {
            "interval": judged.base.interval,
            "trades": np.bincount(at, minlength=count),
            **counts,
            "asked_kw": total(trades.power_kw),
            "accepted_kw": total(judged.accepted_kw),
            "value_asked_eur_per_h": total(worth * trades.power_kw),
            "value_kept_eur_per_h": total(worth * judged.accepted_kw),
            **fairness,
            **_security(feeder, trade_states(judged)),
        }
    )


def bid_verdicts(judged: JudgedBid, feeder: Feeder) -> pd.DataFrame:
    """Return three rows an interval: schedule, up and down."""
    frames = []
    # A schedule keeps its sign, drawn > 0; up and down are amounts.
    for name, product, sign in (
        ("schedule", judged.schedule, 1.0),
        ("up", judged.up, -1.0),
        ("down", judged.down, 1.0),
    ):
        frames.append(
            pd.DataFrame(
                {
                    "interval": judged.bid.interval,
                    "product": name,
                    "asked_kw": sign * product.asked_kw.sum(axis=1) + 0.0,
                    "feasible_kw": sign * product.feasible_kw.sum(axis=1) + 0.0,
                    **_judgement(product.verdict, product.reason, product.element, feeder),
                    "shadow_kwh_per_kwh": product.shadow,
                    "shadow_eur_per_kwh": product.shadow * judged.bid.price_eur_per_kwh,
                    "moved_kw": moved_kw(product),
                    "cut_kw": cut_kw(judged, product, name == "schedule"),
                }
            )
        )
    table = pd.concat(frames, ignore_index=True)
    return table.sort_values("interval", kind="stable", ignore_index=True)


def moved_kw(product: Product) -> Floats:
    """Return the power that others took over, (T,): moved without changing the sum."""
    change = product.feasible_kw - product.asked_kw
    return np.asarray((np.abs(change).sum(axis=1) - np.abs(change.sum(axis=1))) / 2.0)


def cut_kw(judged: JudgedBid, product: Product, scheduled: bool) -> Floats:
    """Return what was taken from participants beyond what they offered as possible, (T,).

    A schedule may be moved inside its ranges; what lies outside them is a cut, even where others
    make up for it and the sum stays. Of up and down everything that is not feasible is a cut.
    """
    if not scheduled:
        return np.asarray(np.abs(product.asked_kw - product.feasible_kw).sum(axis=1))
    bid, left = judged.bid, product.feasible_kw
    beyond = np.maximum(bid.least_kw - left, 0.0) + np.maximum(left - bid.most_kw, 0.0)
    return np.asarray(np.where(beyond > 1e-6, beyond, 0.0).sum(axis=1))


def bid_buses(judged: JudgedBid, feeder: Feeder) -> pd.DataFrame:
    """Return one row a bus and interval: what is feasible there, states, and prices of cuts."""
    more: Columns = {}
    intervals, buses = judged.base.kw.shape
    for name, product in _products(judged).items():
        at_bus = np.zeros((intervals, buses))
        at_bus[:, judged.bid.bus] = product.feasible_kw
        more[f"{name}_feasible_kw"] = at_bus.ravel()
        more[f"{name}_price_kwh_per_kwh"] = product.price.ravel()
    return _bus_table(judged.bid.interval, feeder, bid_states(judged), more)


def bid_states(judged: JudgedBid) -> dict[str, States]:
    """Return the states of a bid by name; "asked" is the schedule as it was handed in."""
    return {
        "base": judged.base_states,
        "asked": judged.schedule.asked,
        "schedule": judged.schedule.state,
        "up": judged.up.state,
        "down": judged.down.state,
    }


def bid_summary(judged: JudgedBid, feeder: Feeder) -> pd.DataFrame:
    """Return one row an interval."""
    amounts: Columns = {}
    for name, product in _products(judged).items():
        sign = -1.0 if name == "up" else 1.0
        amounts[f"{name}_asked_kw"] = sign * product.asked_kw.sum(axis=1) + 0.0
        amounts[f"{name}_feasible_kw"] = sign * product.feasible_kw.sum(axis=1) + 0.0
    states = bid_states(judged)
    return pd.DataFrame({"interval": judged.bid.interval, **amounts, **_security(feeder, states)})


def branch_table(interval: Integers, feeder: Feeder, states: Mapping[str, States]) -> pd.DataFrame:
    """Return one row a branch and interval with the loading of every state."""
    count = len(interval)
    names = [
        f"{'line' if kind == LINE else 'trafo'} {number}"
        for kind, number in zip(feeder.branch_kind, feeder.branch_index, strict=True)
    ]
    return pd.DataFrame(
        {
            "interval": np.repeat(interval, len(names)),
            "element": np.tile(np.array(names, dtype=object), count),
            "loading_max_percent": np.tile(feeder.loading_max_percent, count),
            **{
                f"loading_{name}_percent": state.loading_percent.ravel()
                for name, state in states.items()
            },
        }
    )


def in_kwh(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with prices counted in kWh of trades, not in money: none was given."""
    names = {column: column.replace("_eur_per_", "_kwh_per_") for column in table.columns}
    return table.rename(columns=names)


def _products(judged: JudgedBid) -> dict[str, Product]:
    return {"schedule": judged.schedule, "up": judged.up, "down": judged.down}


def _bus_table(
    interval: Integers, feeder: Feeder, states: Mapping[str, States], more: Columns
) -> pd.DataFrame:
    count = len(interval)
    first = next(iter(states.values()))
    return pd.DataFrame(
        {
            "interval": np.repeat(interval, feeder.bus_count),
            "bus": np.tile(feeder.bus_index, count),
            "q_kvar": first.bus_kvar.ravel(),
            **{f"p_{name}_kw": state.bus_kw.ravel() for name, state in states.items()},
            **{f"vm_{name}_pu": state.voltage_pu.ravel() for name, state in states.items()},
            **more,
        }
    )


def _judgement(verdict: Integers, reason: Integers, element: Integers, feeder: Feeder) -> Columns:
    """Return verdict, reason and element as text; no reason for what was accepted."""
    why = np.where(verdict == Verdict.ACCEPTED, int(Reason.NONE), reason)
    reasons = np.array(["", *(r.name.lower() for r in Reason if r != Reason.NONE)], dtype=object)
    return {
        "verdict": np.array([v.name.lower() for v in Verdict], dtype=object)[verdict],
        "reason": reasons[why],
        "element": element_texts(why, element, feeder),
    }


def _end_texts(feeder: Feeder, bus: Integers) -> NDArray[np.object_]:
    """Return the ends of trades as they were handed over."""
    return np.asarray(np.array([*map(str, feeder.bus_index.tolist()), GRID], dtype=object)[bus])


def _security(feeder: Feeder, states: Mapping[str, States]) -> Columns:
    """Return for every state whether it is secure and what it breaks."""
    columns: Columns = {f"secure_{name}": state.secure for name, state in states.items()}
    for name, state in states.items():
        texts = np.full(len(state.bus_kw), "", dtype=object)
        for at in np.flatnonzero(~state.secure).tolist():
            texts[at] = broken_text(feeder, state, at)
        columns[f"broken_{name}"] = texts
    return columns


def _fairness(share: Floats, at: Integers, count: int) -> Columns:
    """Return Jain's index and the Gini coefficient of accepted shares by interval."""
    whole = share >= 1.0 - 1e-12
    cut: Booleans = np.bincount(at[~whole], minlength=count) > 0
    evenness, spread = np.ones(count), np.zeros(count)
    order = np.argsort(at, kind="stable")
    start = np.searchsorted(at[order], np.arange(count + 1))
    for interval in np.flatnonzero(cut).tolist():
        mine = share[order[start[interval] : start[interval + 1]]]
        evenness[interval], spread[interval] = jain(mine), gini(mine)
    return {"jain_accepted": evenness, "gini_accepted": spread}
