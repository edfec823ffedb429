"""Section 7: what every prosumer pays, against the retailer alone."""

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.reports.arm import Arm
from cosim.reports.bid import price_badges
from cosim.reports.blocks import Block, Column, Figure, Row, Section, Table, Text
from cosim.reports.homes import homes_of, homes_sentence
from cosim.reports.labels import metric_label
from cosim.reports.plotting import (
    CYAN,
    GREY,
    LIMIT_COLOUR,
    PURPLE,
    SAND,
    Spec,
    axis,
    layout,
    plain,
    spec,
)
from cosim.reports.report_data import ReportData, rows_of
from cosim.reports.wording import (
    CENT,
    counted,
    money,
    number,
    percent,
    ratio,
    saving_share,
    saving_words,
    sentence_case,
    signed,
)

REFERENCE = (
    "The bill with the retailer only is a reference without any market: the same devices on the "
    "same days at the retailer's prices. It ignores the limits of the grid."
)
CLASSES = (
    ("solar and battery", CYAN, "circle"),
    ("solar", SAND, "diamond"),
    ("battery, no solar", PURPLE, "square"),
    ("no solar, no battery", GREY, "triangle-up"),
)


def bills_section(data: ReportData, judged: Arm, free: Arm | None) -> Section:
    """Build section 7."""
    bills = judged.tables.bills.sort_values("prosumer", kind="stable")
    if len(bills) == 0:
        return Section("bills", "Bills by prosumer", (Text(("There is no prosumer.",)),))
    told = (*homes_sentence(data), REFERENCE)
    blocks: list[Block] = [Text(told), _scatter(data, bills), _savings(data, bills)]
    fairness = fairness_sentences(data)
    if fairness:
        blocks.append(Text(fairness))
    blocks.append(_table(data, bills, free))
    return Section("bills", "Bills by prosumer", tuple(blocks))


def fairness_sentences(data: ReportData) -> tuple[str, ...]:
    """State the Gini and Jain figures that the metrics hold."""
    found = [
        f"{metric_label(name).label}: {number(float(value), 3)}"
        for name, value in data.metrics.get("with_validation", {}).items()
        if ("gini" in name or "jain" in name) and isinstance(value, (int, float))
    ]
    if not found:
        return ()
    return (
        f"{'; '.join(found)}. Gini: 0 is equal, 1 is all for one; Jain: 1 is equal, 1/N is all for "
        "one.",
    )


def _device_class(devices: str) -> int:
    text = str(devices).lower()
    solar, battery = "solar" in text or "pv" in text, "battery" in text
    return (0 if battery else 1) if solar else (2 if battery else 3)


def _texts(bills: pd.DataFrame) -> list[str]:
    return [
        f"<b>prosumer {row.prosumer}</b>, bus {row.bus}<br>{row.devices or 'no device'}<br>"
        f"pays {money(row.bill_eur)}, with the retailer {money(row.retail_only_bill_eur)}: "
        f"{saving_words(row.retail_only_bill_eur - row.bill_eur, row.retail_only_bill_eur)}"
        for row in rows_of(bills)
    ]


def _scatter(data: ReportData, bills: pd.DataFrame) -> Figure:
    alone, bill = (bills[c].to_numpy(dtype=float) for c in ("retail_only_bill_eur", "bill_eur"))
    kinds = np.array([_device_class(text) for text in bills["devices"]])
    texts = np.array(_texts(bills), dtype=object)
    low = float(min(alone.min(), bill.min(), 0.0))
    high = float(max(alone.max(), bill.max(), 0.0))
    traces: list[Spec] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [low, high],
            "y": [low, high],
            "name": "same as with the retailer",
            "hoverinfo": "skip",
            "line": {"color": LIMIT_COLOUR, "width": 1.2, "dash": "dash"},
        }
    ]
    for kind, (name, colour, symbol) in enumerate(CLASSES):
        chosen = kinds == kind
        if chosen.any():
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "x": plain(alone[chosen], 3),
                    "y": plain(bill[chosen], 3),
                    "text": texts[chosen].tolist(),
                    "hovertemplate": "%{text}<extra></extra>",
                    "marker": {
                        "color": colour,
                        "symbol": symbol,
                        "size": 9,
                        "opacity": 0.9,
                        "line": {"width": 0.7, "color": "#3A4652"},
                    },
                }
            )
    figure_layout = layout(
        xaxis=axis("bill with the retailer only, EUR", zeroline=True, zerolinecolor="#C5CCD3"),
        yaxis=axis("bill in the market, EUR", zeroline=True, zerolinecolor="#C5CCD3"),
        hovermode="closest",
    )
    return Figure(
        "bills",
        "Bill in the market against the retailer only",
        spec(traces, figure_layout),
        _scatter_caption(bills, kinds),
        430,
        price_badges(data),
    )


def _scatter_caption(
    bills: pd.DataFrame,
    kinds: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> str:
    saving = _saving(bills)
    better, worse = int((saving > CENT).sum()), int((saving < -CENT).sum())
    parts = [
        f"{name} {signed(float(saving[kinds == kind].mean()), 2)} EUR"
        for kind, (name, _, _) in enumerate(CLASSES)
        if (kinds == kind).any()
    ]
    return (
        f"{sentence_case(counted(better, 'prosumer'))} of {number(len(bills))} "
        f"{'pays' if better == 1 else 'pay'} less than with the retailer alone (below the dashed "
        f"line), {number(worse)} more; mean saving by devices: {', '.join(parts)}."
    )


def _saving(bills: pd.DataFrame) -> Floats:
    return np.asarray(
        bills["retail_only_bill_eur"].to_numpy(dtype=float)
        - bills["bill_eur"].to_numpy(dtype=float)
    )


def _savings(data: ReportData, bills: pd.DataFrame) -> Figure:
    saving = _saving(bills)
    order = np.argsort(-saving, kind="stable")
    kinds = np.array([_device_class(text) for text in bills["devices"]])[order]
    texts = np.array(_texts(bills), dtype=object)[order]
    ranked = saving[order]
    rank = np.arange(1, len(ranked) + 1)
    traces: list[Spec] = [
        {
            "type": "bar",
            "name": name,
            "x": rank[kinds == kind].tolist(),
            "width": 0.9,
            "y": plain(ranked[kinds == kind], 3),
            "text": texts[kinds == kind].tolist(),
            "textposition": "none",
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": colour, "line": {"width": 0}},
        }
        for kind, (name, colour, _) in enumerate(CLASSES)
        if (kinds == kind).any()
    ]
    q25, median, q75 = (float(value) for value in np.percentile(saving, [25, 50, 75]))
    top = max(1, round(len(ranked) / 10))
    positive = float(ranked.clip(min=0).sum())
    share = ratio(float(ranked[:top].clip(min=0).sum()), positive)
    caption = (
        f"Half of the prosumers save between {money(q25)} and {money(q75)} (median "
        f"{money(median)})"
        + (
            f"; the {number(top)} with the largest savings hold {percent(share)} of all savings."
            if positive > CENT
            else "."
        )
    )
    figure_layout = layout(
        barmode="overlay",
        bargap=0.1,
        xaxis=axis("prosumers, sorted by saving"),
        yaxis=axis("saving, EUR", zeroline=True, zerolinecolor="#8C96A0"),
    )
    return Figure(
        "savings",
        "Saving of every prosumer",
        spec(traces, figure_layout),
        caption,
        300,
        price_badges(data),
    )


def _table(data: ReportData, bills: pd.DataFrame, free: Arm | None) -> Table:
    columns = [
        Column("Prosumer"),
        Column("Bus"),
        Column("Devices", numeric=False),
        Column("Bill", "EUR"),
        Column("Retailer only", "EUR"),
        Column("Saving", "EUR"),
        Column("Saving", "%"),
    ]
    homes = homes_of(data)
    if homes is not None:
        columns[2:2] = [Column("Homes")]
        columns.append(Column("Saving a home", "EUR"))
    other: dict[int, float] = {}
    if free is not None:
        columns.append(Column("Validation changes bill by", "EUR"))
        table = free.tables.bills
        other = dict(zip(table["prosumer"].tolist(), table["bill_eur"].tolist(), strict=True))
    rows, changes = [], {}
    for row in rows_of(bills):
        saving = row.retail_only_bill_eur - row.bill_eur
        cells = [
            str(row.prosumer),
            str(row.bus),
            str(row.devices or "\u2013"),
            number(row.bill_eur, 2),
            number(row.retail_only_bill_eur, 2),
            signed(saving, 2),
            number(100 * saving_share(saving, row.retail_only_bill_eur), 1),
        ]
        if homes is not None:
            own = float(homes[int(row.prosumer)])
            cells[2:2] = [f"{own:g}"]
            cells.append(signed(ratio(saving, own), 2))
        if free is not None:
            changes[row.prosumer] = row.bill_eur - other.get(row.prosumer, np.nan)
            cells.append(signed(changes[row.prosumer], 2))
        rows.append(Row(tuple(cells)))
    return Table(
        "bill-table",
        "All bills",
        tuple(columns),
        tuple(rows),
        _table_caption(bills, changes),
        price_badges(data),
        scroll=True,
        sortable=True,
    )


def _table_caption(bills: pd.DataFrame, changes: dict[int, float]) -> str:
    text = (
        f"{sentence_case(counted(len(bills), 'prosumer'))}; a bill below zero is paid out, a "
        "saving below zero is paid more. Shares are given where the bill with the retailer is "
        "above 5 EUR. "
        "Click a heading to sort."
    )
    finite = {who: change for who, change in changes.items() if np.isfinite(change)}
    if not finite:
        return text
    who = max(finite, key=lambda name: (abs(finite[name]), -name))
    return (
        f"{text} Validation changes a bill by at most {signed(finite[who], 2)} EUR "
        f"(prosumer {who})."
    )
