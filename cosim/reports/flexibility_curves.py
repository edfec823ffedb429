"""Supply curves: what a change of power costs, step by step, and what of it the network takes."""

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.reports.blocks import Figure
from cosim.reports.drawn import Drawn
from cosim.reports.flexibility_data import UP, FlexibilityReportData
from cosim.reports.flexibility_sliders import (
    SPACE_PX,
    later,
    restyle,
    slider,
    thinned,
    thinned_words,
)
from cosim.reports.flexibility_words import (
    DIRECTION_WORDS,
    FEASIBLE_COLOUR,
)
from cosim.reports.plotting import Spec, axis, layout, plain, spec, translucent
from cosim.studies.flexibility.tables import DIRECTIONS

STEPS_SHOWN = 60
"""Steps of a curve that are drawn; neighbours in price are put together beyond."""
CURVES_MAX = 96
KEYS = ("x", "y")
OFFERED = "offered by devices"
FEASIBLE = "let through by the network"


def supply_figure(data: FlexibilityReportData) -> Drawn:
    """Return the supply curve of every interval, up and down, with a slider over time."""
    table, timeline = data.table("offers"), data.timeline
    every = sorted(int(at) for at in table["interval"].unique())
    places = thinned(every, CURVES_MAX)
    chosen = table[table["interval"].isin(places)]
    rows = {int(str(at)): each for at, each in chosen.groupby("interval")}
    shown = {at: _traces(rows[at]) for at in places}
    most = chosen.groupby(["interval", "direction"])["feasible_kw"].sum().unstack()
    most = most.loc[later(places)]
    start = int(str(most.min(axis=1).idxmax()))  # where both ways have something to show
    prices = table["price_eur_per_kwh"].to_numpy(float)
    low, high = float(np.nanmin(prices)), float(np.nanmax(prices))
    room = 0.06 * max(high - low, 0.01)
    entries: Spec = {}
    for number, direction in enumerate(DIRECTIONS):
        suffix = "" if number == 0 else "2"
        ways = chosen[chosen["direction"] == direction]
        widest = float(ways.groupby("interval")["offered_kw"].sum().max()) if len(ways) else 1.0
        entries[f"xaxis{suffix}"] = axis(
            f"{DIRECTION_WORDS[direction].capitalize()}, kW",
            anchor=f"y{suffix}",
            range=[0, round(1.04 * max(widest, 0.1), 2)],
            tickformat=",~r",
        )
        entries[f"yaxis{suffix}"] = axis(
            "EUR/kWh",
            anchor=f"x{suffix}",
            domain=[0.58, 1.0] if number == 0 else [0.0, 0.42],
            range=[round(min(low, 0.0) - room, 4), round(high + room, 4)],
        )
    figure = Figure(
        "supply",
        "Supply curves: what a change of power costs",
        spec(
            shown[start],
            layout(
                **entries,
                hovermode="closest",
                margin={"l": 74, "r": 40, "t": 40, "b": 44 + SPACE_PX},
                sliders=[
                    slider(
                        [timeline.when(at) for at in places],
                        [restyle(shown[at], KEYS) for at in places],
                        places.index(start),
                    )
                ],
            ),
        ),
        "Steps of the prosumers' own orders in merit order, cheapest first; prices come on top of "
        "what the traded energy is paid or saved for. The blue curve holds what "
        "the network lets through of each step; where it ends to the left of the grey one, "
        f"the rest cannot be called. Curves with more than {STEPS_SHOWN} steps are drawn with "
        f"neighbours put together.{thinned_words(len(places), len(every), 'intervals')}",
        height_px=660,
    )
    return Drawn(figure, table.reset_index(drop=True))


def _traces(rows: pd.DataFrame) -> list[Spec]:
    """Return both curves of both directions; always four, so that a slider may swap them."""
    traces: list[Spec] = []
    for number, direction in enumerate(DIRECTIONS):
        suffix = "" if number == 0 else "2"
        ways = rows[rows["direction"] == direction]
        price, offered, feasible = merit_order(ways)
        for name, cumulative in ((OFFERED, offered), (FEASIBLE, feasible)):
            is_feasible = name == FEASIBLE
            moves = np.diff(cumulative, prepend=-1.0) > 0.0 if is_feasible else cumulative >= 0.0
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "legendgroup": name,
                    "showlegend": direction == UP,
                    "x": plain(cumulative[moves], 3),
                    "y": plain(price[moves], 4),
                    "xaxis": f"x{suffix}",
                    "yaxis": f"y{suffix}",
                    "line": {
                        "shape": "vh",
                        "color": FEASIBLE_COLOUR if is_feasible else "#66727F",
                        "width": 2.6 if is_feasible else 1.8,
                        "dash": "solid" if is_feasible else "dash",
                    },
                    **(
                        {"fill": "tozeroy", "fillcolor": translucent(FEASIBLE_COLOUR, 0.16)}
                        if is_feasible
                        else {}
                    ),
                    "hovertemplate": f"%{{x:,.1f}} kW at up to %{{y:.4f}} EUR/kWh, {name}"
                    "<extra></extra>",
                }
            )
    return traces


def merit_order(rows: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Return price, and kW offered and feasible up to it, from a point at 0 kW on.

    Nobody's kW is lost where steps are put together: the dearest price of a group stands for it.
    """
    ordered = rows.sort_values("step", kind="stable")
    price = ordered["price_eur_per_kwh"].to_numpy(float)
    offered = np.cumsum(ordered["offered_kw"].to_numpy(float))
    feasible = np.cumsum(np.nan_to_num(ordered["feasible_kw"].to_numpy(float)))
    if not len(price):
        return np.zeros(0), np.zeros(0), np.zeros(0)
    last = np.append(np.diff(np.round(price, 4)) > 0.0, True)
    places = np.flatnonzero(last)
    if len(places) > STEPS_SHOWN:
        even = np.linspace(0, len(places) - 1, STEPS_SHOWN).round().astype(np.int64)
        places = places[np.unique(even)]
    kept = price[places]
    return (
        np.concatenate([kept[:1], kept]),
        np.concatenate([[0.0], offered[places]]),
        np.concatenate([[0.0], feasible[places]]),
    )
