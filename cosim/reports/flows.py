"""Section 6: where energy and money go."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cosim.reports.arm import Arm
from cosim.reports.blocks import Column, Figure, Row, Section, Table
from cosim.reports.energy import EnergyUse, energy_use_of
from cosim.reports.labels import PROSUMERS, account_group
from cosim.reports.plotting import (
    AGGREGATOR_COLOUR,
    BATTERY_COLOUR,
    CURTAILED_COLOUR,
    INDIGO,
    LOCAL_COLOUR,
    OLIVE,
    RETAILER_COLOUR,
    ROSE,
    SOLAR_COLOUR,
    WINE,
    Spec,
    axis,
    layout,
    plain,
    spec,
    translucent,
)
from cosim.reports.prices import price_badges
from cosim.reports.report_data import ReportData
from cosim.reports.timeline import Timeline
from cosim.reports.wording import (
    MISSING,
    energy,
    listed,
    money,
    number,
    percent,
    ratio,
    sentence_case,
    signed,
)

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
OTHER_COLOUR = "#777777"


class Part(NamedTuple):
    """A piece of a bar."""

    name: str
    colour: str
    solar_kwh: float
    use_kwh: float


def flows_section(data: ReportData, timeline: Timeline, judged: Arm, free: Arm | None) -> Section:
    """Build section 6."""
    arms = [arm for arm in (free, judged) if arm is not None]
    flows = money_flows(judged)
    return Section("flows", "Energy and money flows", (
        _energy(arms), _average_day(timeline, judged), _money(data, flows),
        _account_table(data, flows), _kind_table(data, flows),
    ))


def _parts(use: EnergyUse) -> tuple[Part, ...]:
    return (
        Part("own solar, used at once", SOLAR_COLOUR, use.solar_at_once_kwh, use.solar_at_once_kwh),
        Part("own battery", BATTERY_COLOUR, use.solar_stored_kwh, use.use_battery_kwh),
        Part("neighbours (local trades)", LOCAL_COLOUR, use.solar_local_kwh, use.use_local_kwh),
        Part("aggregator", AGGREGATOR_COLOUR, use.solar_aggregator_kwh, use.use_aggregator_kwh),
        Part("retailer, untraded", RETAILER_COLOUR, use.solar_other_kwh, use.use_retailer_kwh),
        Part("curtailed", CURTAILED_COLOUR, use.solar_curtailed_kwh, 0.0),
    )


def _energy(arms: list[Arm]) -> Figure:
    uses = [energy_use_of(arm) for arm in arms]
    rows = [*(f"Use {arm.label}" for arm in arms), *(f"Solar {arm.label}" for arm in arms)]
    traces: list[Spec] = []
    for position, part in enumerate(_parts(uses[0])):
        parts = [_parts(use)[position] for use in uses]
        values = [*(p.use_kwh for p in parts), *(p.solar_kwh for p in parts)]
        totals = [*(use.use_kwh for use in uses), *(use.solar_kwh for use in uses)]
        if max(values) < CENT:
            continue
        shares = [ratio(value, total) for value, total in zip(values, totals, strict=True)]
        traces.append({
            "type": "bar", "orientation": "h", "name": part.name, "y": rows,
            "x": plain(values, 2), "marker": {"color": part.colour},
            "text": [percent(share) if share >= 0.03 else "" for share in shares],
            "textposition": "inside", "insidetextanchor": "middle", "textangle": 0,
            "hovertemplate": "%{x:,.1f} kWh<extra>" + part.name + "</extra>",
        })
    figure_layout = layout(barmode="stack", bargap=0.3, xaxis=axis("kWh over the run"),
                           yaxis=axis())
    return Figure(
        name="energy-flows", title="Where solar energy goes, and where used energy comes from",
        spec=spec(traces, figure_layout), caption=_energy_caption(uses[-1]),
        height_px=140 + 46 * len(rows),
    )


def _energy_caption(use: EnergyUse) -> str:
    if use.solar_kwh < CENT:
        return f"Prosumers have no solar energy; they use {energy(use.use_kwh)}."
    whole = use.solar_kwh
    pieces = [
        f"{percent(ratio(value, whole))} {words}" for value, words in (
            (use.solar_at_once_kwh, "is used at once"), (use.solar_stored_kwh, "stored"),
            (use.solar_local_kwh, "sold to neighbours"),
            (use.solar_aggregator_kwh, "sold to the aggregator"),
            (use.solar_curtailed_kwh, "curtailed"),
        ) if value > CENT
    ]
    own = ratio(use.solar_at_once_kwh + use.use_battery_kwh, use.use_kwh)
    near = ratio(use.use_local_kwh, use.use_kwh)
    return (
        f"Of {energy(whole)} of solar energy {listed(pieces)}; of {energy(use.use_kwh)} used "
        f"(devices, and batteries charged from the grid) {percent(own)} is the prosumers' own and "
        f"{percent(near)} comes from neighbours."
    )


def _average_day(timeline: Timeline, arm: Arm) -> Figure:
    local = timeline.local
    minute = (local.hour * 60 + local.minute).to_numpy()
    drawn = (
        ("firm load", "load_kw", "#8C96A0", 1.0), ("vehicles", "vehicle_kw", WINE, 1.0),
        ("heat pumps", "heat_pump_kw", ROSE, 1.0),
    )
    slots = np.unique(minute)
    traces: list[Spec] = []

    def mean(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> "pd.Series[float]":
        return pd.Series(values).groupby(minute).mean().reindex(slots)

    def add(name: str, values: "pd.Series[float]", colour: str, stack: str) -> None:
        if float(values.abs().max()) > CENT:
            traces.append({
                "type": "scatter", "mode": "lines", "name": name, "x": plain(slots / 60, 3),
                "y": plain(values.to_numpy(), 3), "stackgroup": stack,
                "line": {"width": 0.5, "color": colour}, "fillcolor": translucent(colour, 0.75),
            })

    def total(column: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(np.nansum(arm.of_prosumers(column), axis=1))

    for name, column, colour, sign in drawn:
        add(name, sign * mean(total(column)), colour, "drawn")
    battery = np.nan_to_num(arm.of_prosumers("battery_kw"))
    add("charging", mean(np.maximum(battery, 0).sum(axis=1)), BATTERY_COLOUR, "drawn")
    add("solar", -mean(total("pv_kw")), SOLAR_COLOUR, "fed")
    add("discharging", -mean(np.maximum(-battery, 0).sum(axis=1)), "#5A9FC4", "fed")
    add("curtailed", -mean(total("curtailed_kw")), CURTAILED_COLOUR, "fed")
    net = mean(total("net_load_kw"))
    traces.append({
        "type": "scatter", "mode": "lines", "name": "net at the meters", "x": plain(slots / 60, 3),
        "y": plain(net.to_numpy(), 3), "line": {"color": "#1F2933", "width": 2},
    })
    figure_layout = layout(
        xaxis=axis("local hour of day", range=[0, 24], dtick=3), hovermode="x unified",
        yaxis=axis("mean power of all prosumers, kW", zeroline=True, zerolinecolor="#8C96A0"),
    )
    return Figure("average-day", "The average day of all prosumers", spec(traces, figure_layout),
                  _average_caption(net), 350)


def _average_caption(net: "pd.Series[float]") -> str:
    low, high = float(net.min()), float(net.max())

    def clock(minute: float) -> str:
        return f"{int(minute) // 60:02d}:{int(minute) % 60:02d}"

    fed = "feed in most" if low < 0 else "draw least"
    return (
        f"On average prosumers {fed} at {clock(float(net.idxmin()))} ({number(abs(low), 1)} kW) "
        f"and draw most at {clock(float(net.idxmax()))} ({number(high, 1)} kW). Drawn is above "
        "zero, fed in below."
    )


def money_flows(arm: Arm) -> pd.DataFrame:
    """Return payer, payee (account groups), kind and eur > 0, over the run."""
    ledger = arm.tables.ledger
    frame = pd.DataFrame({
        "payer": _groups(ledger["payer"]),
        "payee": _groups(ledger["payee"]),
        "kind": ledger["kind"].astype(str).to_numpy(),
        "eur": ledger["eur"].to_numpy(dtype=float),
    })
    backward = frame["eur"] < 0
    payer = frame["payer"].where(~backward, frame["payee"])
    frame["payee"] = frame["payee"].where(~backward, frame["payer"])
    frame["payer"] = payer
    frame["eur"] = frame["eur"].abs()
    grouped = frame.groupby(["payer", "payee", "kind"], observed=True)["eur"].sum().reset_index()
    return grouped.sort_values(["eur", "payer", "payee", "kind"], ascending=[False, True, True,
                                                                             True])


def _groups(accounts: "pd.Series[str]") -> list[str]:
    codes, names = pd.factorize(accounts)
    groups = np.array([account_group(str(name)) for name in names], dtype=object)
    return list(groups[codes]) if len(groups) else []


def _money(data: ReportData, flows: pd.DataFrame) -> Figure:
    shown = flows[flows["eur"] >= CENT]
    payers, payees = (list(dict.fromkeys(shown[side])) for side in ("payer", "payee"))
    names = [*payers, *payees]
    colours = [ACCOUNT_COLOURS.get(name, OTHER_COLOUR) for name in names]
    paid = [float(shown["eur"][shown["payer"] == name].sum()) for name in payers]
    received = [float(shown["eur"][shown["payee"] == name].sum()) for name in payees]
    sources = [payers.index(name) for name in shown["payer"]]
    trace: Spec = {
        "type": "sankey", "arrangement": "snap", "valueformat": ",.2f", "valuesuffix": " EUR",
        "node": {
            "label": [f"{sentence_case(name)} {verb} {number(eur, 0)} EUR" for name, verb, eur in zip(
                names, ["pay"] * len(payers) + ["get"] * len(payees), [*paid, *received],
                strict=True)],
            "color": colours, "pad": 16, "thickness": 14, "line": {"width": 0},
        },
        "link": {
            "source": sources,
            "target": [len(payers) + payees.index(name) for name in shown["payee"]],
            "value": plain(shown["eur"].to_numpy(), 2),
            "color": [translucent(colours[source], 0.35) for source in sources],
            "label": [kind.replace("_", " ") for kind in shown["kind"]],
        },
    }
    traces = [trace] if len(shown) else []
    return Figure(
        name="money-flows", title="Who pays whom", spec=spec(traces, layout(
            margin={"l": 10, "r": 10, "t": 10, "b": 14})),
        caption=_money_caption(shown), height_px=400, badges=price_badges(data),
    )


def _money_caption(shown: pd.DataFrame) -> str:
    if len(shown) == 0:
        return "No money moved."
    top = shown.iloc[0]
    total = float(shown["eur"].sum())
    return (
        f"The largest flow is {str(top.kind).replace('_', ' ')}, {money(float(top.eur))} from "
        f"{top.payer} to {top.payee} ({percent(float(top.eur) / total)} of all money moved); "
        "payers stand left, payees right, point at a band for its kind."
    )


def _account_table(data: ReportData, flows: pd.DataFrame) -> Table:
    received = flows.groupby("payee", observed=True)["eur"].sum()
    paid = flows.groupby("payer", observed=True)["eur"].sum()
    accounts = sorted({*received.index, *paid.index}, key=lambda name: (
        list(ACCOUNT_COLOURS).index(name) if name in ACCOUNT_COLOURS else len(ACCOUNT_COLOURS),
        name))
    rows, balance = [], 0.0
    for name in accounts:
        gets, pays = float(received.get(name, 0.0)), float(paid.get(name, 0.0))
        balance += gets - pays
        rows.append(Row((sentence_case(name), number(gets, 2), number(pays, 2),
                         signed(gets - pays, 2))))
    rows.append(Row(("Sum", number(float(received.sum()), 2), number(float(paid.sum()), 2),
                     number(balance, 2)), kind="total"))
    closed = "adds up to zero" if abs(balance) < CENT else f"does not add up: {money(balance)}"
    return Table(
        "accounts", "Accounts",
        (Column("Account", numeric=False), Column("Received", "EUR"), Column("Paid", "EUR"),
         Column("Net", "EUR")), tuple(rows),
        f"Every payment has a payer and a payee, so the net column {closed}.", price_badges(data),
    )


def _kind_table(data: ReportData, flows: pd.DataFrame) -> Table:
    rows = [
        Row((sentence_case(row.kind.replace("_", " ")) or MISSING, sentence_case(row.payer),
             sentence_case(row.payee), number(row.eur, 2)))
        for row in flows.itertuples() if row.eur >= CENT
    ]
    return Table(
        "payment-kinds", "All payments by kind",
        (Column("Kind", numeric=False), Column("From", numeric=False), Column("To", numeric=False),
         Column("Amount", "EUR")), tuple(rows), badges=price_badges(data), collapsed=True,
        sortable=True,
    )
