"""Trades, prices, ledger and bills of made-up days."""

import numpy as np
import pandas as pd

from tests.reports.sample_days import INTERVAL_H, PER_DAY, Days
from tests.reports.sample_feeder import Floats, Options

FULL_FEE, LOCAL_FEE, FULL_LEVY, LOCAL_LEVY = 0.08, 0.04, 0.10, 0.05
RETAIL, FEED_IN = 0.30, 0.03


def trade_table(
    options: Options, days: Days, share: Floats, reason: list[str], element: list[str]
) -> pd.DataFrame:
    rows: list[tuple[int, int, str, str, float, float, str, str, str]] = []
    for t, net in enumerate(days.net if options.trade else []):
        sells, buys = np.clip(-net, 0, None) * INTERVAL_H, np.clip(net, 0, None) * INTERVAL_H
        local = min(sells.sum(), buys.sum())
        pairs = (*_matches(sells, buys, local), *_legs(sells, buys, local))
        for number, (seller, buyer, kwh) in enumerate(pairs):
            solar = days.solar[t, int(seller)] > 0 if seller != "aggregator" else False
            kept = kwh * (share[t] if solar else 1.0)
            verdict = "accepted" if kept == kwh else "rejected" if share[t] < 0.02 else "curtailed"
            why = (reason[t], element[t]) if verdict != "accepted" else ("", "")
            rows.append((t, number, seller, buyer, kwh, kept, verdict, *why))
    columns = [
        "interval",
        "trade",
        "seller",
        "buyer",
        "cleared_kwh",
        "accepted_kwh",
        "verdict",
        "reason",
        "element",
    ]
    return pd.DataFrame(rows, columns=columns).astype(
        {"interval": int, "trade": int, "cleared_kwh": float, "accepted_kwh": float}
    )


def _matches(sells: Floats, buys: Floats, local: float) -> list[tuple[str, str, float]]:
    """Overlap sellers and buyers, each scaled to the traded volume."""
    if local <= 0:
        return []
    seller_end = np.cumsum(sells) / sells.sum() * local
    buyer_end = np.cumsum(buys) / buys.sum() * local
    ends = np.unique(np.concatenate([seller_end, buyer_end]))
    starts = np.concatenate([[0.0], ends[:-1]])
    middle, size = (starts + ends) / 2, ends - starts
    keep = size > 1e-6
    who = np.searchsorted(seller_end, middle[keep]), np.searchsorted(buyer_end, middle[keep])
    return [(str(s), str(b), float(kwh)) for s, b, kwh in zip(*who, size[keep], strict=True)]


def _legs(sells: Floats, buys: Floats, local: float) -> list[tuple[str, str, float]]:
    """Return what is left with the aggregator."""
    legs = []
    for n in range(len(sells)):
        left = sells[n] * (1 - local / max(sells.sum(), 1e-12))
        short = buys[n] * (1 - local / max(buys.sum(), 1e-12))
        if left > 1e-6:
            legs.append((str(n), "aggregator", float(left)))
        if short > 1e-6:
            legs.append(("aggregator", str(n), float(short)))
    return legs


def draw_prices(options: Options) -> dict[str, Floats]:
    count = options.days * PER_DAY
    hour = np.floor((np.arange(count) * INTERVAL_H) % 24)
    noise = np.repeat(np.random.default_rng(options.seed + 1).normal(0, 0.012, count // 4), 4)
    day_ahead = (
        0.075
        + 0.03 * np.cos((hour - 19) / 24 * 4 * np.pi)
        - 0.04 * (np.exp(-((hour - 13) ** 2) / 8))
        + noise
    )
    block = np.select([hour < 6, hour < 10, hour < 16, hour < 21], [0.05, 0.08, 0.04, 0.1], 0.07)
    return {
        "day_ahead": day_ahead,
        "imbalance": day_ahead + 2 * noise,
        "sell": np.maximum(block - 0.02, FEED_IN),
        "buy": np.minimum(block + 0.2, RETAIL),
        "local": block + 0.02 + 0.5 * noise,
    }


def trade_prices(trades: pd.DataFrame, prices: dict[str, Floats]) -> Floats:
    t = trades["interval"].to_numpy()
    kind = np.select([trades["buyer"] == "aggregator", trades["seller"] == "aggregator"], [0, 1], 2)
    energy_only = prices["buy"] - FULL_FEE - FULL_LEVY
    return np.choose(kind, [prices["sell"][t], energy_only[t], prices["local"][t]])


def prosumer_table(days: Days, curtailed: Floats, net: Floats) -> pd.DataFrame:
    table = long_table(
        {
            "load_kw": days.load,
            "pv_kw": days.solar - curtailed,
            "battery_kw": days.battery,
            "soc_kwh": days.soc,
            "vehicle_kw": days.vehicle,
            "vehicle_missing_kwh": days.vehicle_missing,
            "heat_pump_kw": days.heat_pump,
            "indoor_celsius": days.indoor,
            "curtailed_kw": curtailed,
            "net_load_kw": net,
        },
        "prosumer",
    )
    table.insert(2, "bus", np.tile(days.bus, len(net)))
    return table


def wholesale_table(
    options: Options, days: Days, net: Floats, prices: dict[str, Floats]
) -> pd.DataFrame:
    rng = np.random.default_rng(options.seed + 2)
    delivered = -net.sum(axis=1) * INTERVAL_H
    bid = -days.net.sum(axis=1) * INTERVAL_H * rng.uniform(0.85, 1.15, len(net))
    cap = 0.9 * options.transformer_kw * INTERVAL_H
    validated = np.minimum(bid, cap)
    cut = validated < bid
    up_kw = 0.3 * days.solar.sum(axis=1)
    up_left_kw = np.where(cut, 0.25 * up_kw, up_kw)
    short = up_left_kw < up_kw
    return pd.DataFrame(
        {
            "interval": np.arange(len(net)),
            "bid_kwh": bid,
            "validated_kwh": validated,
            "verdict": np.where(cut, "curtailed", "accepted"),
            "reason": np.where(cut, "transformer_overload", ""),
            "element": np.where(cut, "trafo 0", ""),
            "up_offered_kw": up_kw,
            "up_feasible_kw": up_left_kw,
            "up_verdict": np.where(short, "curtailed", "accepted"),
            "up_reason": np.where(short, "transformer_overload", ""),
            "up_element": np.where(short, "trafo 0", ""),
            "down_offered_kw": np.full(len(net), 12.0),
            "down_feasible_kw": np.full(len(net), 12.0),
            "down_verdict": "accepted",
            "down_reason": "",
            "down_element": "",
            "delivered_kwh": delivered,
            "imbalance_kwh": delivered - validated,
            "day_ahead_eur_per_kwh": prices["day_ahead"],
            "imbalance_eur_per_kwh": prices["imbalance"],
        }
    )


def ledger_table(trades: pd.DataFrame, wholesale: pd.DataFrame, net: Floats) -> pd.DataFrame:
    local = (trades["seller"] != "aggregator") & (trades["buyer"] != "aggregator")
    bought = trades["buyer"] != "aggregator"
    kwh, parts = trades["accepted_kwh"], []

    def post(rows: pd.DataFrame, payer: object, payee: object, kind: str, eur: object) -> None:
        parts.append(
            pd.DataFrame(
                {
                    "interval": rows["interval"],
                    "payer": payer,
                    "payee": payee,
                    "kind": kind,
                    "eur": eur,
                }
            )
        )

    kinds = local.map({True: "local_energy", False: "aggregator_energy"})
    post(trades, trades["buyer"], trades["seller"], "", kwh * trades["price_eur_per_kwh"])
    parts[0]["kind"] = kinds
    for payee, full, near, kind in (
        ("network_operator", FULL_FEE, LOCAL_FEE, "network_fee"),
        ("state", FULL_LEVY, LOCAL_LEVY, "levies"),
    ):
        fee = local.map({True: near, False: full}).astype(float)
        post(trades[bought], trades["buyer"][bought], payee, kind, (fee * kwh)[bought])
    for kind, payer, energy, price in (
        ("day_ahead", "wholesale_market", "validated_kwh", "day_ahead_eur_per_kwh"),
        ("imbalance", "balance_operator", "imbalance_kwh", "imbalance_eur_per_kwh"),
    ):
        post(wholesale, payer, "aggregator", kind, wholesale[energy] * wholesale[price])
    loss = 0.02 * np.abs(net.sum(axis=1)) * INTERVAL_H
    post(
        wholesale,
        "network_operator",
        "wholesale_market",
        "losses",
        loss * wholesale["day_ahead_eur_per_kwh"],
    )
    return pd.concat(parts, ignore_index=True)


def bill_table(days: Days, ledger: pd.DataFrame) -> pd.DataFrame:
    size = len(days.bus)
    paid = ledger.groupby("payer")["eur"].sum()
    received = ledger.groupby("payee")["eur"].sum()
    names = [str(n) for n in range(size)]
    bill = paid.reindex(names, fill_value=0.0) - received.reindex(names, fill_value=0.0)
    alone = days.net * INTERVAL_H
    retail = (RETAIL * np.clip(alone, 0, None) + FEED_IN * np.clip(alone, None, 0)).sum(axis=0)
    fleet = days.fleet
    devices = [
        ", ".join(
            text
            for text, size_of in (
                (f"solar {fleet.pv_kwp[0, n]:.1f} kWp", fleet.pv_kwp[0, n]),
                (f"battery {fleet.battery_kwh[0, n]:.1f} kWh", fleet.battery_kwh[0, n]),
                ("vehicle", fleet.vehicle_kw[0, n]),
                ("heat pump", fleet.heat_pump_kw[0, n]),
            )
            if size_of > 0
        )
        for n in range(size)
    ]
    return pd.DataFrame(
        {
            "prosumer": np.arange(size),
            "bus": days.bus,
            "devices": devices,
            "bill_eur": bill.to_numpy(),
            "retail_only_bill_eur": retail,
        }
    )


def long_table(columns: dict[str, Floats], key: str) -> pd.DataFrame:
    count, width = next(iter(columns.values())).shape
    frame = {"interval": np.repeat(np.arange(count), width), key: np.tile(np.arange(width), count)}
    return pd.DataFrame(frame | {name: values.ravel() for name, values in columns.items()})
