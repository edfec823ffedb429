"""Who pays whom: the ledger by groups of accounts."""

import numpy as np
import pandas as pd

from cosim.reports.arm import Arm
from cosim.reports.bid import price_badges
from cosim.reports.blocks import Column, Figure, Row, Table
from cosim.reports.labels import PROSUMERS, account_group
from cosim.reports.plotting import (
    AGGREGATOR_COLOUR,
    INDIGO,
    LOCAL_COLOUR,
    OLIVE,
    RETAILER_COLOUR,
    ROSE,
    WINE,
    Spec,
    layout,
    plain,
    spec,
    translucent,
)
from cosim.reports.report_data import ReportData, rows_of
from cosim.reports.wording import MISSING, money, number, percent, sentence_case, signed

CENT = 0.005
ACCOUNT_COLOURS = {
    PROSUMERS: LOCAL_COLOUR,
    "aggregator": AGGREGATOR_COLOUR,
    "retailer": RETAILER_COLOUR,
    "network operator": OLIVE,
    "state": ROSE,
    "wholesale market": INDIGO,
    "balance operator": WINE,
}
KINDS = {"day_ahead": "day-ahead energy"}
OTHER_COLOUR = "#777777"


def money_flows(arm: Arm) -> pd.DataFrame:
    """Return payer, payee (account groups), kind and eur > 0, over the run."""
    ledger = arm.tables.ledger
    frame = pd.DataFrame(
        {
            "payer": _groups(ledger["payer"]),
            "payee": _groups(ledger["payee"]),
            "kind": ledger["kind"].astype(str).to_numpy(),
            "eur": ledger["eur"].to_numpy(dtype=float),
        }
    )
    backward = frame["eur"] < 0
    payer = frame["payer"].where(~backward, frame["payee"])
    frame["payee"] = frame["payee"].where(~backward, frame["payer"])
    frame["payer"] = payer
    frame["eur"] = frame["eur"].abs()
    grouped = frame.groupby(["payer", "payee", "kind"], observed=True)["eur"].sum().reset_index()
    return grouped.sort_values(
        ["eur", "payer", "payee", "kind"], ascending=[False, True, True, True]
    )


def kind_words(kind: str) -> str:
    """Return what a payment is for, in words."""
    return KINDS.get(kind, kind.replace("_", " "))


def _groups(accounts: "pd.Series[str]") -> list[str]:
    codes, names = pd.factorize(accounts)
    groups = np.array([account_group(str(name)) for name in names], dtype=object)
    return list(groups[codes]) if len(groups) else []


def money_figure(data: ReportData, flows: pd.DataFrame) -> Figure:
    """Draw payments from payers on the left to payees on the right."""
    shown = flows[flows["eur"] >= CENT]
    payers, payees = (list(dict.fromkeys(shown[side])) for side in ("payer", "payee"))
    names = [*payers, *payees]
    colours = [ACCOUNT_COLOURS.get(name, OTHER_COLOUR) for name in names]
    paid = [float(shown["eur"][shown["payer"] == name].sum()) for name in payers]
    received = [float(shown["eur"][shown["payee"] == name].sum()) for name in payees]
    sources = [payers.index(name) for name in shown["payer"]]
    trace: Spec = {
        "type": "sankey",
        "arrangement": "snap",
        "valueformat": ",.2f",
        "valuesuffix": " EUR",
        "node": {
            "label": [
                f"{sentence_case(name)}: {number(eur, 2)} EUR"
                for name, eur in zip(names, [*paid, *received], strict=True)
            ],
            "color": colours,
            "pad": 16,
            "thickness": 14,
            "line": {"width": 0},
        },
        "link": {
            "source": sources,
            "target": [len(payers) + payees.index(name) for name in shown["payee"]],
            "value": plain(shown["eur"].to_numpy(), 2),
            "color": [translucent(colours[source], 0.35) for source in sources],
            "label": [kind_words(kind) for kind in shown["kind"]],
        },
    }
    traces = [trace] if len(shown) else []
    return Figure(
        name="money-flows",
        title="Who pays whom",
        spec=spec(
            traces,
            layout(
                margin={"l": 10, "r": 44, "t": 46, "b": 14},
                annotations=[_heading("pays", 0.0, "left"), _heading("receives", 1.0, "right")],
            ),
        ),
        caption=_money_caption(shown),
        height_px=400,
        badges=price_badges(data),
    )


def _heading(text: str, x: float, anchor: str) -> Spec:
    return {
        "text": f"<b>{text}</b>",
        "x": x,
        "xanchor": anchor,
        "y": 1.0,
        "yanchor": "bottom",
        "xref": "paper",
        "yref": "paper",
        "showarrow": False,
    }


def _money_caption(shown: pd.DataFrame) -> str:
    if len(shown) == 0:
        return "No money moved."
    top = shown.iloc[0]
    total = float(shown["eur"].sum())
    return (
        f"The largest flow is {kind_words(str(top.kind))}, {money(float(top.eur))} from "
        f"{top.payer} to {top.payee} ({percent(float(top.eur) / total)} of all money moved); "
        "payers stand left, payees right, point at a band for its kind."
    )


def account_table(data: ReportData, flows: pd.DataFrame) -> Table:
    """List what every account received and paid; the net column sums to zero."""
    received = flows.groupby("payee", observed=True)["eur"].sum()
    paid = flows.groupby("payer", observed=True)["eur"].sum()
    accounts = sorted(
        {*received.index, *paid.index},
        key=lambda name: (
            list(ACCOUNT_COLOURS).index(name) if name in ACCOUNT_COLOURS else len(ACCOUNT_COLOURS),
            name,
        ),
    )
    rows, balance = [], 0.0
    for name in accounts:
        gets, pays = float(received.get(name, 0.0)), float(paid.get(name, 0.0))
        balance += gets - pays
        rows.append(
            Row((sentence_case(name), number(gets, 2), number(pays, 2), signed(gets - pays, 2)))
        )
    rows.append(
        Row(
            (
                "Sum",
                number(float(received.sum()), 2),
                number(float(paid.sum()), 2),
                number(balance, 2),
            ),
            kind="total",
        )
    )
    closed = "adds up to zero" if abs(balance) < CENT else f"does not add up: {money(balance)}"
    return Table(
        "accounts",
        "Accounts",
        (
            Column("Account", numeric=False),
            Column("Received", "EUR"),
            Column("Paid", "EUR"),
            Column("Net", "EUR"),
        ),
        tuple(rows),
        f"Every payment has a payer and a payee, so the net column {closed}.",
        price_badges(data),
    )


def kind_table(data: ReportData, flows: pd.DataFrame) -> Table:
    """List every kind of payment between two account groups."""
    rows = [
        Row(
            (
                sentence_case(kind_words(row.kind)) or MISSING,
                sentence_case(row.payer),
                sentence_case(row.payee),
                number(row.eur, 2),
            )
        )
        for row in rows_of(flows)
        if row.eur >= CENT
    ]
    return Table(
        "payment-kinds",
        "All payments by kind",
        (
            Column("Kind", numeric=False),
            Column("From", numeric=False),
            Column("To", numeric=False),
            Column("Amount", "EUR"),
        ),
        tuple(rows),
        badges=price_badges(data),
        collapsed=True,
        sortable=True,
    )
