"""Section 3: prices, traded volumes and the day-ahead bid (`cosim.reports.bid`)."""

import numpy as np

from cosim.records import Floats
from cosim.reports.arm import Arm, is_local
from cosim.reports.bid import bid_figures, price_badges
from cosim.reports.blocks import Figure, Section
from cosim.reports.labels import AGGREGATOR
from cosim.reports.mechanism import (
    is_pay_as_bid,
    local_ceiling,
    local_fees_eur_per_kwh,
    local_price_words,
    mechanism_sentence,
    paid_price,
    trades_locally,
)
from cosim.reports.plotting import (
    AGGREGATOR_COLOUR,
    GREY,
    INDIGO,
    LIMIT_COLOUR,
    LOCAL_COLOUR,
    Spec,
    plain,
    series,
    spec,
    step,
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
            *bid_figures(data, timeline, judged),
        ),
    )


def source_label(data: ReportData, key: str) -> str:
    """Return where a price series comes from, for a legend: ": synthetic (calm)"."""
    label = str(data.manifest.get(key, "")).strip()
    return f": {label}" if label else ""


def _prices(data: ReportData, timeline: Timeline, arm: Arm) -> Figure:
    local = arm.of_intervals("local_price_eur_per_kwh")
    paid = paid_price(data, arm)
    buy, sell = arm.of_intervals("buy_eur_per_kwh"), arm.of_intervals("sell_eur_per_kwh")
    ceiling = local_ceiling(data, arm)
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
    ]
    if trades_locally(data):
        traces.append(line("ceiling of the local price", ceiling, step(LOCAL_COLOUR, 1.2, "dash")))
        own = step(LOCAL_COLOUR, 1.2 if paid is not None else 2.2)
        traces.append(line(local_price_words(data), local, own))
    if paid is not None:
        traces.append(line("local price paid (mean)", paid, step(LIMIT_COLOUR, 1.8)))
    return Figure(
        name="prices",
        title="Prices",
        spec=spec(traces, time_layout(timeline, "EUR/kWh")),
        caption=_price_caption(data, arm, day_ahead) + timeline.note,
        height_px=360,
        badges=price_badges(data),
        timeline=True,
    )


def _price_caption(data: ReportData, arm: Arm, day_ahead: Floats) -> str:
    wholesale = (
        f"The day-ahead price runs from {number(float(np.nanmin(day_ahead)), 3)} to "
        f"{number(float(np.nanmax(day_ahead)), 3)} EUR/kWh"
        if np.isfinite(day_ahead).any()
        else "There is no day-ahead price"
    )
    how = " ".join(mechanism_sentence(data))
    if not trades_locally(data):
        return f"{wholesale}. {how}"
    local = arm.of_intervals("local_price_eur_per_kwh")
    there = np.isfinite(local)
    if not there.any():
        return f"{wholesale}; no interval has a local price. {how}"
    fees = local_fees_eur_per_kwh(data)
    return (
        f"{wholesale}; {_local_words(data, arm, local[there])}{_where_words(data, arm, local)}. "
        f"{how} The floor is what the aggregator pays, the ceiling what it charges less the "
        f"{number(fees, 3)} EUR/kWh of fees and levies that a local buyer pays on top."
    )


def _local_words(data: ReportData, arm: Arm, local: Floats) -> str:
    """Return the mean local price, and the one really paid where it is another."""
    text = f"the {local_price_words(data)} is {number(float(local.mean()), 3)} EUR/kWh on average"
    paid = paid_price(data, arm)
    if paid is None:
        return text
    kwh = np.where(np.isfinite(paid), arm.of_intervals("local_kwh"), 0.0)
    mean = ratio(float(np.nansum(paid * kwh)), float(np.nansum(kwh)))
    return f"local trades pay {number(mean, 3)} EUR/kWh on average by volume, {text}"


def _where_words(data: ReportData, arm: Arm, local: Floats) -> str:
    """Return in how many intervals the price is at its floor, at its ceiling or between."""
    there = np.isfinite(local)
    count = int(there.sum())
    at_floor = there & (local <= arm.of_intervals("sell_eur_per_kwh") + AT_QUOTE)
    at_ceiling = there & ~at_floor & (local >= local_ceiling(data, arm) - AT_QUOTE)
    low, high = int(at_floor.sum()), int(at_ceiling.sum())
    missing = len(local) - count
    whose = "that price is " if is_pay_as_bid(data) else ""
    return (
        f", {whose}at its floor in {number(low)}, at its ceiling in {number(high)} and between "
        f"in {number(count - low - high)} of {counted(len(local), 'interval')}"
        + (f" ({number(missing)} have no local price)" if missing else "")
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
