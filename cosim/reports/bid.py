"""The day-ahead bid in section 3: the schedule, and what was offered upward and downward."""

import numpy as np
import pandas as pd

from cosim.reports.arm import Arm, over_time
from cosim.reports.blocks import SYNTHETIC, Figure
from cosim.reports.labels import REASONS
from cosim.reports.plotting import (
    CYAN,
    INDIGO,
    LIMIT_COLOUR,
    OLIVE,
    SAND,
    TEAL,
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
from cosim.reports.wording import counted, energy, listed, number, percent, ratio

CHANGED_KWH = 1e-6


def bid_figures(data: ReportData, timeline: Timeline, judged: Arm) -> tuple[Figure, ...]:
    """Return the figure of the schedule, and that of the offers if there are any."""
    offered = [judged.of_wholesale(f"{direction}_offered_kw") for direction in ("up", "down")]
    schedule = _bid(data, timeline, judged)
    if not np.nansum(offered):
        return (schedule,)
    return schedule, _offers(timeline, judged)


def price_badges(data: ReportData) -> tuple[str, ...]:
    """Return the badge of everything that rests on synthetic prices."""
    labels = (data.manifest.get(key, "") for key in ("day_ahead_label", "imbalance_label"))
    return (SYNTHETIC,) if any("synthetic" in str(label).lower() for label in labels) else ()


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
    changed = int(np.nansum(np.abs(offered - validated) > CHANGED_KWH))
    refused = (
        f"The grid cut the day-ahead bid in {counted(changed, 'interval')}, by "
        f"{energy(float(cut))} in all"
        if changed
        else "Nothing of the day-ahead bid was cut"
    )
    caption = (
        f"{refused}; delivery misses the validated bid by "
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


def _offers(timeline: Timeline, arm: Arm) -> Figure:
    traces: list[Spec] = []
    for direction, sign, colour in (("up", 1.0, INDIGO), ("down", -1.0, TEAL)):
        offered, feasible = (
            plain(sign * timeline.mean(arm.of_wholesale(f"{direction}_{what}_kw")), 2)
            for what in ("offered", "feasible")
        )
        traces += [
            series(timeline, f"{direction}, offered", offered, line=step(SAND, 3.2)),
            series(timeline, f"{direction}, feasible", feasible, line=step(colour, 1.6)),
        ]
    caption = " ".join(_offer_sentence(arm, direction) for direction in ("up", "down"))
    return Figure(
        name="balancing-offers",
        title="Balancing capacity: offered, and what the grid can deliver",
        spec=spec(traces, time_layout(timeline, "kW, up > 0, down < 0")),
        caption=(
            f"{caption} Up is more fed in or less drawn, down is more drawn, both on top of the "
            "validated schedule. They are offers: none of it is activated here."
            + timeline.note.replace("prices and medians", "prices, capacities and medians")
        ),
        height_px=300,
        timeline=True,
    )


def _offer_sentence(arm: Arm, direction: str) -> str:
    """Return how much of the offers in a direction the grid can deliver, and what it lacks."""
    offered, feasible = (
        arm.of_wholesale(f"{direction}_{what}_kw") * arm.interval_h
        for what in ("offered", "feasible")
    )
    whole, left = float(np.nansum(offered)), float(np.nansum(feasible))
    if not whole:
        return f"Nothing was offered {direction}."
    table = arm.tables.wholesale
    cut = table[table[f"{direction}_verdict"] != "accepted"]
    told = (
        f"Of {energy(whole)} offered {direction} (capacity times time) the grid can deliver "
        f"{percent(ratio(left, whole))}"
    )
    if not len(cut):
        return f"{told}."
    are = "is" if len(cut) == 1 else "are"
    return f"{told}; {counted(len(cut), 'interval')} {are} cut by {_limits(cut, direction)}."


def _limits(cut: pd.DataFrame, direction: str) -> str:
    """Return the limits that cut offers the most often, in words."""
    limits = cut[[f"{direction}_reason", f"{direction}_element"]].value_counts(sort=True)
    named = [
        f"{REASONS.get(str(reason), reason)} {element} ({number(count)})".replace("  ", " ")
        for (reason, element), count in zip(limits.index[:3], limits.tolist()[:3], strict=True)
    ]
    rest = len(limits) - len(named)
    return listed([*named, f"{number(rest)} more"] if rest else named)
