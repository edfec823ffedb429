"""Activations: what an operator asked for, what came, and what it cost."""

import math

import numpy as np
import pandas as pd

from cosim.reports.blocks import Column, Figure, Row, Table
from cosim.reports.drawn import Drawn
from cosim.reports.flexibility_data import UP, FlexibilityReportData
from cosim.reports.flexibility_sliders import SPACE_PX, restyle, slider
from cosim.reports.flexibility_words import (
    ASKED_COLOUR,
    DECLARED_COLOUR,
    DELIVERED_COLOUR,
    DIRECTION_WORDS,
    TWIN_COLOUR,
)
from cosim.reports.plotting import Spec, axis, layout, plain, spec, time_axis, translucent
from cosim.reports.wording import MISSING, number, percent, sentence_case

FIGURES_MAX = 4
"""Requests that get a figure each; with more of them one figure has a slider over all."""
KEYS = ("x", "y")
EXPECTED = ("device_kw", "feasible_kw", "accepted_kw")
SHORT = 0.9
"""Share of the accepted power below which a delivery is shown as short."""
LINES = (
    ("declared_kw", "declared baseline", DECLARED_COLOUR, "dash", 1.8),
    ("twin_kw", "twin without activation", TWIN_COLOUR, "dot", 2.0),
    ("net_kw", "as delivered", DELIVERED_COLOUR, "solid", 2.6),
)


def requests_table(data: FlexibilityReportData) -> Table:
    """Return every request with what was accepted of it and why."""
    table = data.table("requests")
    several = table["way"].nunique() > 1
    rows = tuple(
        Row(
            (
                str(told(each["request"])),
                start_words(each["start_local"]),
                str(each["direction"]),
                *([str(each["way"])] if several else []),
                number(float(each["asked_kw"]), 1),
                f"{float(each['duration_h']):g}",
                f"{float(each['lead_h']):g}",
                *(number(float(each[name]), 1) for name in EXPECTED),
                str(each["verdict"]),
                _text(each["reason"]),
                _text(each["nearest"]),
            ),
            kind="alert" if str(each["verdict"]) == "refused" else "",
        )
        for _, each in table.iterrows()
    )
    through = "" if several else f" Way: all go through {table['way'].iloc[0]}."
    return Table(
        "requests",
        "Requests of the network operator",
        (
            Column("request"),
            Column("start", numeric=False),
            Column("direction", numeric=False),
            *([Column("way", numeric=False)] if several else []),
            Column("asked", "kW"),
            Column("for", "h"),
            Column("lead", "h"),
            Column("devices", "kW"),
            Column("let through", "kW"),
            Column("accepted", "kW"),
            Column("verdict", numeric=False),
            Column("reason", numeric=False),
            Column("nearest feasible request", numeric=False),
        ),
        rows,
        "Up is less drawn, down is more drawn. Devices: what they were expected to keep up over "
        "the request when it was called. Let through: the part of it within the network's limits. "
        f"Refused requests are in colour.{through}",
    )


def delivery_table(data: FlexibilityReportData) -> Table:
    """Return what came of the requests that were accepted, and the money."""
    table = data.table("requests")
    accepted = table[table["accepted_kw"] > 0.0]
    rows = tuple(
        Row(
            (
                str(told(each["request"])),
                number(float(each["accepted_kw"]), 1),
                number(float(each["delivered_kw"]), 1),
                number(float(each["delivered_twin_kw"]), 1),
                _share(each["accuracy_declared"]),
                _share(each["accuracy_twin"]),
                number(float(each["activated_kwh"]), 1),
                number(float(each["rebound_kwh"]), 1),
                _share(each["rebound"]),
                number(float(each["price_eur_per_kwh"]), 4),
                number(float(each["payment_eur"]), 2),
                number(float(each["penalty_eur"]), 2),
                number(float(each["violations"])),
            ),
            kind="alert"
            if each["violations"] or each["delivered_kw"] < SHORT * each["accepted_kw"]
            else "",
        )
        for _, each in accepted.iterrows()
    )
    return Table(
        "deliveries",
        "Deliveries and payments",
        (
            Column("request"),
            Column("accepted", "kW"),
            Column("delivered, declared", "kW"),
            Column("delivered, twin", "kW"),
            Column("accuracy, declared"),
            Column("accuracy, twin"),
            Column("activated", "kWh"),
            Column("rebound", "kWh"),
            Column("rebound"),
            Column("price", "EUR/kWh"),
            Column("payment", "EUR"),
            Column("non-delivery", "EUR"),
            Column("limits broken"),
        ),
        rows,
        "Declared: against the schedule played on forecasts when the request was called, which is "
        "what is settled. Twin: against the same days without the activation, which shows what "
        "truly changed. Accuracy is one less the share of the accepted power that did not come or "
        "came too much. Rebound is what goes the other way afterwards, per energy activated, twin. "
        "Limits broken counts intervals of the window that break a limit the twin keeps. Rows in "
        "colour fell short by more than a tenth or broke a limit.",
    )


def told(request: object) -> int:
    """Return the number of a request as people count, from 1; tables count from 0."""
    return int(str(request)) + 1


def start_words(text: object) -> str:
    """Return a local time as people read it, e.g. "Mon 13 Jun 18:00"."""
    return str(pd.Timestamp(str(text)).strftime("%a %d %b %H:%M"))


def _text(value: object) -> str:
    text = "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)
    return MISSING if text in ("", "none") else sentence_case(text)


def _share(value: object) -> str:
    share = float(str(value)) if value is not None else math.nan
    return percent(share) if math.isfinite(share) else MISSING


def activation_figures(data: FlexibilityReportData) -> list[Drawn]:
    """Return one figure a request, or one with a slider where there are many."""
    table = data.table("activations")
    found = {int(str(name)): each for name, each in table.groupby("request", sort=True)}
    if len(found) <= FIGURES_MAX:
        return [_single(data, name, rows) for name, rows in found.items()]
    return [_sliding(data, found)]


def _single(data: FlexibilityReportData, name: int, rows: pd.DataFrame) -> Drawn:
    figure = Figure(
        f"activation-{told(name)}",
        f"Activation of request {told(name)}: {_request_words(data, name)}",
        spec(_traces(data, rows), _layout(data)),
        "Net power of the community. The shade is the window of the request, its edge what was "
        "accepted measured from the declared baseline.",
        height_px=360,
    )
    return Drawn(figure, rows.reset_index(drop=True))


def _sliding(data: FlexibilityReportData, found: dict[int, pd.DataFrame]) -> Drawn:
    names = list(found)
    worst = _worst(data, names)
    shown = {name: _traces(data, rows) for name, rows in found.items()}
    labels = [_label(data, name) for name in names]
    updates = [restyle(shown[name], KEYS) for name in names]
    figure_layout = _layout(data) | {
        "sliders": [slider(labels, updates, names.index(worst), below_px=74, prefix="request ")],
        "margin": {"l": 74, "r": 40, "t": 58, "b": 84 + SPACE_PX},
    }
    figure = Figure(
        "activations",
        "Activations, one request at a time",
        spec(shown[worst], figure_layout),
        "Net power of the community. The shade is the window of the request, its edge what was "
        "accepted measured from the declared baseline. The slider goes through all requests; the "
        "least accurate one is shown first.",
        height_px=500,
    )
    rows = pd.concat(list(found.values()), ignore_index=True)
    return Drawn(figure, rows)


def _worst(data: FlexibilityReportData, names: list[int]) -> int:
    table = data.table("requests")
    table = table[table["request"].astype(int).isin(names)]
    accuracy = table["accuracy_declared"].to_numpy(float)
    if not np.isfinite(accuracy).any():
        return names[0]
    return int(table["request"].iloc[int(np.nanargmin(accuracy))])


def _label(data: FlexibilityReportData, name: int) -> str:
    rows = data.table("requests")
    rows = rows[rows["request"].astype(int) == name]
    start = f": {start_words(rows['start_local'].iloc[0])}" if len(rows) else ""
    return f"{told(name)}{start}"


def _request_words(data: FlexibilityReportData, name: int) -> str:
    table = data.table("requests")
    rows = table[table["request"].astype(int) == name]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    words = DIRECTION_WORDS.get(str(row["direction"]), str(row["direction"]))
    return (
        f"{number(float(row['asked_kw']), 1)} kW {words} from "
        f"{start_words(row['start_local'])} "
        f"for {float(row['duration_h']):g} h"
    )


def _traces(data: FlexibilityReportData, rows: pd.DataFrame) -> list[Spec]:
    """Return the accepted band and the three lines; always four, so that a slider swaps them."""
    ordered = rows.sort_values("interval", kind="stable")
    timeline = data.timeline
    starts = pd.Timestamp(timeline.axis_start)
    step = pd.Timedelta(hours=data.facts.interval_h)
    times = [starts + step * int(at) for at in ordered["interval"]]
    times.append(times[-1] + step)
    shown = [each.strftime("%Y-%m-%d %H:%M") for each in times]
    traces = [_band(data, ordered, shown)]
    for column, name, colour, dash, width in LINES:
        values = plain(ordered[column].to_numpy(float), 2)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": shown,
                "y": [*values, values[-1]],
                "line": {"color": colour, "dash": dash, "width": width, "shape": "hv"},
                "hovertemplate": f"%{{y:,.1f}} kW {name}<extra></extra>",
            }
        )
    return traces


def _band(data: FlexibilityReportData, rows: pd.DataFrame, times: list[str]) -> Spec:
    """Return the area between declared baseline and what was accepted, within the window."""
    accepted = rows["accepted_kw"].fillna(0.0).to_numpy(float)
    declared = rows["declared_kw"].to_numpy(float)
    sign = -1.0 if _direction(data, rows) == UP else 1.0
    inside = np.flatnonzero(accepted > 0.0)
    across: list[str] = []
    near: list[float | None] = []
    far: list[float | None] = []
    for at in inside:
        across += [times[at], times[at + 1]]
        near += plain([declared[at]] * 2, 2)
        far += plain([declared[at] + sign * accepted[at]] * 2, 2)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "accepted",
        "x": [*across, *across[::-1]],
        "y": [*near, *far[::-1]],
        "fill": "toself",
        "fillcolor": translucent(ASKED_COLOUR, 0.16),
        "line": {"color": ASKED_COLOUR, "width": 1},
        "hoverinfo": "skip",
    }


def _direction(data: FlexibilityReportData, rows: pd.DataFrame) -> str:
    table = data.table("requests")
    found = table[table["request"].astype(int) == int(rows["request"].iloc[0])]
    return str(found["direction"].iloc[0]) if len(found) else UP


def _layout(data: FlexibilityReportData) -> Spec:
    return layout(
        xaxis=time_axis(data.timeline),
        yaxis=axis("Net power of the community, kW", tickformat=",~r"),
        hovermode="x unified",
        margin={"l": 74, "r": 40, "t": 58, "b": 44},
    )
