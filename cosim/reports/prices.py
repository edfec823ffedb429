"""Section 3: prices, traded volumes and the day-ahead bid."""

import numpy as np

from cosim.records import Floats
from cosim.reports.arm import Arm, is_local, over_time
from cosim.reports.blocks import SYNTHETIC, Figure, Section
from cosim.reports.labels import AGGREGATOR
from cosim.reports.plotting import (
    AGGREGATOR_COLOUR,
    CYAN,
    GREY,
    INDIGO,
    LIMIT_COLOUR,
    LOCAL_COLOUR,
    OLIVE,
    SAND,
    Spec,
    axis,
    plain,
    series,
    spec,
    step,
    time_axis,
    time_layout,
)
from cosim.reports.report_data import ReportData
from cosim.reports.timeline import Timeline
from cosim.reports.wording import counted, energy, number, percent, ratio

PRICE_DECIMALS = 4
AT_QUOTE = 1e-6


def prices_section(data: ReportData, timeline: Timeline, judged: Arm) -> Section:
    """Build section 3."""
    return Section(
        "prices",
        "Prices and volumes",
        (
            _prices(data, timeline, judged),
            _volumes(timeline, judged),
            _bid(data, timeline, judged),
        ),
    )


def price_badges(data: ReportData) -> tuple[str, ...]:
    """Return the badge of everything that rests on synthetic prices."""
    labels = (data.manifest.get(key, "") for key in ("day_ahead_label", "imbalance_label"))
    return (SYNTHETIC,) if any("synthetic" in str(label).lower() for label in labels) else ()


def source_label(data: ReportData, key: str) -> str:
    """Return where a price series comes from, for a legend: ": synthetic (calm)"."""
    label = str(data.manifest.get(key, "")).strip()
    return f": {label}" if label else ""


def _prices(data: ReportData, timeline: Timeline, arm: Arm) -> Figure:
    local = arm.of_intervals("local_price_eur_per_kwh")
    buy, sell = arm.of_intervals("buy_eur_per_kwh"), arm.of_intervals("sell_eur_per_kwh")
    day_ahead = arm.of_wholesale("day_ahead_eur_per_kwh")
    imbalance = arm.of_wholesale("imbalance_eur_per_kwh")

    def line(name: str, values: Floats, style: Spec, **more: object) -> Spec:
        shown = plain(timeline.mean(values), PRICE_DECIMALS)
        return series(timeline, name, shown, line=style, **more)

    traces = [
        line("aggregator charges (buy)", buy, step(AGGREGATOR_COLOUR, 1.6)),
        line("aggregator pays (sell)", sell, step(AGGREGATOR_COLOUR, 1.6, "dot")),
        line(f"day-ahead{source_label(data, 'day_ahead_label')}", day_ahead, step(INDIGO, 1.4)),
        line(
            f"imbalance{source_label(data, 'imbalance_label')}",
            imbalance,
            step(GREY, 1.0),
            visible="legendonly",
        ),
        line("local price", local, step(LOCAL_COLOUR, 2.2)),
    ]
    return Figure(
        name="prices",
        title="Prices",
        spec=spec(traces, time_layout(timeline, "EUR/kWh")),
        caption=_price_caption(local, buy, sell, day_ahead) + timeline.note,
        badges=price_badges(data),
        timeline=True,
    )


def _price_caption(local: Floats, buy: Floats, sell: Floats, day_ahead: Floats) -> str:
    there = np.isfinite(local)
    count = int(there.sum())
    wholesale = (
        f"The day-ahead price runs from {number(float(np.nanmin(day_ahead)), 3)} to "
        f"{number(float(np.nanmax(day_ahead)), 3)} EUR/kWh"
        if np.isfinite(day_ahead).any()
        else "There is no day-ahead price"
    )
    if count == 0:
        return f"{wholesale}; no interval has a local price."
    low = int((local[there] <= sell[there] + AT_QUOTE).sum())
    high = int((local[there] >= buy[there] - AT_QUOTE).sum())
    return (
        f"{wholesale}; the local price is {number(float(local[there].mean()), 3)} EUR/kWh on "
        f"average, at what the aggregator pays in {number(low)}, at what it charges in "
        f"{number(high)} and strictly between in {number(count - low - high)} of "
        f"{counted(len(local), 'interval')}"
        + (f" ({number(len(local) - count)} have no local price)." if count < len(local) else ".")
    )


def _volumes(timeline: Timeline, arm: Arm) -> Figure:
    trades = arm.tables.trades
    count = len(arm.preexisting)
    interval = trades["interval"].to_numpy(dtype=np.int64)
    kwh = trades["accepted_kwh"].to_numpy(dtype=float)
    kinds = (
        ("local, prosumer to prosumer", is_local(trades), LOCAL_COLOUR, 1.0),
        (
            "aggregator to prosumers",
            (trades["seller"] == AGGREGATOR).to_numpy(dtype=bool),
            AGGREGATOR_COLOUR,
            1.0,
        ),
        (
            "prosumers to aggregator",
            (trades["buyer"] == AGGREGATOR).to_numpy(dtype=bool),
            "#DDA8DD",
            -1.0,
        ),
    )
    traces: list[Spec] = []
    totals = []
    for name, chosen, colour, sign in kinds:
        values = np.bincount(interval[chosen], kwh[chosen], minlength=count).astype(np.float64)
        totals.append(float(values.sum()))
        traces.append(
            {
                "type": "bar",
                "name": name,
                "y": plain(sign * timeline.total(values), 3),
                "marker": {"color": colour, "line": {"width": 0}},
                **timeline.axis,
                "offset": 0,
            }
        )
    whole = sum(totals)
    caption = (
        f"Of {energy(whole)} accepted, {energy(totals[0])} ({percent(ratio(totals[0], whole))}) "
        f"stay between prosumers, {energy(totals[1])} come from and {energy(totals[2])} go to the "
        "aggregator (drawn below zero)."
        if whole
        else "No energy was traded."
    )
    figure_layout = time_layout(
        timeline, f"kWh per {timeline.point_h * 60:g} min", barmode="relative", bargap=0
    )
    return Figure(
        name="volumes",
        title="Accepted energy by counterpart",
        spec=spec(traces, figure_layout),
        caption=caption + timeline.note,
        height_px=290,
        timeline=True,
    )


def _bid(data: ReportData, timeline: Timeline, arm: Arm) -> Figure:
    count = len(arm.preexisting)
    table = arm.tables.wholesale
    offered, validated, delivered, imbalance = (
        over_time(table, column, count)
        for column in ("bid_kwh", "validated_kwh", "delivered_kwh", "imbalance_kwh")
    )
    traces = [
        series(timeline, "offered", plain(timeline.total(offered), 3), line=step(SAND, 3.2)),
        series(
            timeline,
            "validated by the grid",
            plain(timeline.total(validated), 3),
            line=step(LIMIT_COLOUR, 1.6),
        ),
        series(timeline, "delivered", plain(timeline.total(delivered), 3), line=step(CYAN, 1.8)),
        {
            "type": "bar",
            "name": "imbalance",
            "y": plain(timeline.total(imbalance), 3),
            "marker": {"color": OLIVE, "line": {"width": 0}},
            "yaxis": "y2",
            "offset": 0,
            **timeline.axis,
        },
    ]
    unit = f"kWh per {timeline.point_h * 60:g} min"
    figure_layout = time_layout(
        timeline,
        f"sold, {unit}",
        bargap=0,
        yaxis=axis(f"sold, {unit}", domain=[0.36, 1.0]),
        yaxis2=axis("imbalance", domain=[0.0, 0.28]),
        xaxis=time_axis(timeline, anchor="y2"),
    )
    cut = np.nansum(np.abs(offered - validated))
    changed = int(np.nansum(np.abs(offered - validated) > AT_QUOTE))
    caption = (
        f"The grid cut the day-ahead bid in {counted(changed, 'interval')}, by "
        f"{energy(float(cut))} in all; delivery misses the validated bid by "
        f"{energy(float(np.nansum(np.abs(imbalance))))} (sum of sizes), net "
        f"{energy(float(np.nansum(imbalance)))}. Sold is above zero, bought below."
    )
    return Figure(
        name="day-ahead-bid",
        title="Day-ahead bid: offered, validated, delivered",
        spec=spec(traces, figure_layout),
        caption=caption + timeline.note,
        height_px=400,
        badges=price_badges(data),
        timeline=True,
    )
