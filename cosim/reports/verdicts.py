"""Section 4: what the grid said, why, and where it binds."""

import numpy as np
import pandas as pd

from cosim.reports.arm import Arm
from cosim.reports.blocks import (
    Block,
    Column,
    Figure,
    Row,
    Section,
    Table,
    Text,
)
from cosim.reports.broken_limits import broken_table
from cosim.reports.herding import herding_sentence
from cosim.reports.labels import REASONS, element_words, reason_words
from cosim.reports.plotting import REASON_COLOURS, Spec, axis, layout, plain, spec
from cosim.reports.ratings import element_badges
from cosim.reports.refusals import BID, KINDS, grouped, judged_table, refused
from cosim.reports.report_data import ReportData, rows_of
from cosim.reports.timeline import Timeline
from cosim.reports.wording import (
    MISSING,
    counted,
    energy,
    number,
    percent,
    ratio,
    sentence_case,
)

LARGEST = 15
ELEMENTS = 12
HOURS = 24
VERDICTS = ("accepted", "curtailed", "rejected")

HOW_TO_READ = (
    "A trade is a financial label; the grid only feels what each meter draws or feeds in. Each "
    "order therefore has a counterfactual: what its owner does if it is refused.",
    "<b>Accepted</b>: delivered as cleared. <b>Curtailed</b>: only part of it is delivered. "
    "<b>Rejected</b>: nothing of it is.",
    "<b>Reason and element</b> name the limit that binds, e.g. \u201covervoltage, bus 17\u201d: "
    "one kWh more of this trade would push bus 17 above its highest voltage.",
    "Refused solar power is curtailed, refused charging waits or does not happen; firm load is "
    "always served, by the retailer if need be. No refusal leaves all meters as they were.",
)


NOTHING_REFUSED = (
    "The rule none refuses nothing: every trade and the whole day-ahead bid stand as they are, "
    "whatever they do to the grid. Limits that are broken are listed below."
)


def verdicts_section(
    data: ReportData, timeline: Timeline, arm: Arm, free: Arm | None = None
) -> Section:
    """Build section 4."""
    judged = judged_table(arm)
    if data.setting("grid", "rule") == "none":
        told = (NOTHING_REFUSED, *herding_sentence(arm, None))
        table = broken_table(data, timeline, arm)
        return Section("verdicts", "Verdicts", (Text(told), table, _count_table(judged)))
    cut = refused(judged)
    blocks: list[Block] = [_count_table(judged), Text(HOW_TO_READ, "box", "How to read a verdict")]
    if len(cut) == 0:
        sentence = (
            f"Nothing was refused: all {number(len(judged))} trades with neighbours, with the "
            "aggregator and on the day-ahead market were accepted in full."
        )
        return Section("verdicts", "Verdicts", (Text((sentence,)), *blocks))
    badges = _badges(data, cut)
    is_bid = cut["kind"] == BID
    trades, bids = cut[~is_bid], cut[is_bid]
    if len(trades):
        blocks += [
            _where_and_when(data, timeline, trades, badges),
            *(Text((sentence,)) for sentence in herding_sentence(arm, free)),
            _element_table(data, trades, "trades"),
            _grouped_table(data, timeline, trades),
        ]
    if len(bids):
        blocks.append(_element_table(data, bids, "the day-ahead bid"))
    return Section("verdicts", "Verdicts", tuple(blocks))


def _badges(data: ReportData, cut: pd.DataFrame) -> tuple[str, ...]:
    """Return the badge of refusals for the loading of an element with an assumed rating."""
    found = [element_badges(data.feeder, str(name)) for name in cut["element"].unique()]
    return max(found, default=())


def _count_table(judged: pd.DataFrame) -> Table:
    reasons = [reason for reason in REASONS if (judged["reason"] == reason).any()]
    columns = (
        Column("What was judged", numeric=False),
        *(Column(sentence_case(verdict)) for verdict in VERDICTS),
        Column("Asked", "kWh"),
        Column("Cut", "kWh"),
        Column("Cut", "%"),
        *(Column(f"by {reason_words(reason)}", "kWh") for reason in reasons),
    )
    rows = [_count_row(kind, judged[judged["kind"] == kind], reasons) for kind in KINDS]
    cut = judged.groupby("kind", observed=True)["cut_kwh"].sum()
    bid, worst = float(cut.get(BID, 0.0)), cut.drop(BID, errors="ignore")
    caption = "No trade was cut"
    if float(worst.sum()) > 0.0:
        most = percent(ratio(float(worst.max()), float(worst.sum())))
        kind = str(worst.index[int(worst.argmax())])
        caption = f"Of {energy(float(worst.sum()))} cut from trades, {most} falls on {kind}"
    before = f"{energy(bid)} had been cut from" if bid > 0.0 else "nothing had been cut from"
    caption = f"{caption}; {before} the day-ahead bid, which is judged a day earlier on forecasts."
    return Table("verdict-counts", "Verdicts by kind and reason", columns, tuple(rows), caption)


def _count_row(kind: str, rows: pd.DataFrame, reasons: list[str]) -> Row:
    verdicts = rows["verdict"].astype(str)
    asked, cut = float(rows["asked_kwh"].sum()), rows["cut_kwh"]
    by_reason = [float(cut[(rows["reason"] == reason).to_numpy()].sum()) for reason in reasons]
    return Row(
        (
            sentence_case(kind),
            *(number(int((verdicts == verdict).sum())) for verdict in VERDICTS),
            number(asked, 1),
            number(float(cut.sum()), 2),
            number(100.0 * ratio(float(cut.sum()), asked), 2),
            *(number(value, 2) if value > 0 else MISSING for value in by_reason),
        )
    )


def _where_and_when(
    data: ReportData, timeline: Timeline, cut: pd.DataFrame, badges: tuple[str, ...]
) -> Figure:
    by_element = cut.groupby("element", observed=True)["cut_kwh"].sum().sort_values()
    names = [str(name) for name in by_element.index[-ELEMENTS:]]
    hours = timeline.hour[cut["interval"].to_numpy()]
    traces: list[Spec] = []
    by_hour = np.zeros(HOURS)
    for reason in REASONS:
        chosen = (cut["reason"] == reason).to_numpy()
        if not chosen.any():
            continue
        kwh = cut["cut_kwh"].to_numpy()[chosen]
        at = cut["element"].astype(str).to_numpy()[chosen]
        per_hour = np.bincount(hours[chosen], kwh, minlength=HOURS)
        by_hour += per_hour
        bar: Spec = {
            "type": "bar",
            "name": reason_words(reason),
            "legendgroup": reason,
            "marker": {"color": REASON_COLOURS[reason]},
        }
        traces += [
            bar
            | {
                "orientation": "h",
                "y": [_short(data, name) for name in names],
                "x": plain([kwh[at == name].sum() for name in names], 3),
            },
            bar
            | {
                "x": list(range(HOURS)),
                "y": plain(per_hour, 3),
                "xaxis": "x2",
                "yaxis": "y2",
                "showlegend": False,
            },
        ]
    figure_layout = layout(
        barmode="stack",
        bargap=0.25,
        xaxis=axis("kWh cut, by element that binds", domain=[0.0, 0.42]),
        yaxis=axis(),
        xaxis2=axis("local hour of day", domain=[0.55, 1.0], range=[-0.6, 23.6], dtick=3),
        yaxis2=axis("kWh cut", anchor="x2"),
    )
    peak = int(by_hour.argmax())
    top = str(by_element.index[-1])
    caption = (
        f"{percent(ratio(float(by_element.iloc[-1]), float(by_element.sum())))} of the cut energy "
        f"is due to {element_words(data.feeder, top)}; most is cut between {peak:02d}:00 and "
        f"{(peak + 1) % HOURS:02d}:00 ({percent(ratio(float(by_hour[peak]), float(by_hour.sum())))}"
        "). Local trades and legs with the aggregator are counted together."
    )
    return Figure(
        "refusals",
        "Where and when energy is cut",
        spec(traces, figure_layout),
        caption,
        max(280, 34 * len(names) + 120),
        badges,
    )


def _short(data: ReportData, element: str) -> str:
    return element_words(data.feeder, element) if element else "no single element"


def _element_table(data: ReportData, cut: pd.DataFrame, what: str) -> Table:
    groups = cut.groupby(["element", "reason"], observed=True)
    table = groups.agg(
        kwh=("cut_kwh", "sum"), judged=("cut_kwh", "size"), intervals=("interval", "nunique")
    ).sort_values("kwh", ascending=False)
    total = float(cut["cut_kwh"].sum())
    rows = [
        Row(
            (
                _short(data, str(element)),
                reason_words(str(reason)),
                number(int(row.intervals)),
                number(int(row.judged)),
                number(float(row.kwh), 2),
                number(100.0 * ratio(float(row.kwh), total), 1),
            ),
            badges=element_badges(data.feeder, str(element)),
        )
        for (element, reason), row in zip(table.index, rows_of(table), strict=True)
    ][:ELEMENTS]
    columns = (
        Column("Element", numeric=False),
        Column("Limit", numeric=False),
        Column("Intervals"),
        Column("Refusals"),
        Column("Cut", "kWh"),
        Column("Share", "%"),
    )
    return Table(
        f"binding-{what.split(' ')[-1]}",
        f"Elements that bind {what}",
        columns,
        tuple(rows),
        f"{sentence_case(counted(len(table), 'pair'))} of element and limit "
        f"{'binds' if len(table) == 1 else 'bind'} at some time.",
    )


def _grouped_table(data: ReportData, timeline: Timeline, cut: pd.DataFrame) -> Table:
    groups = grouped(cut)
    rows = [
        Row(
            (
                row.who,
                reason_words(row.reason),
                _short(data, row.element),
                number(row.cut_kwh, 2),
                number(100.0 * ratio(row.cut_kwh, row.asked_kwh), 1),
                number(row.intervals),
                timeline.when(int(row.first)),
                timeline.when(int(row.last)),
            )
        )
        for row in rows_of(groups.head(LARGEST))
    ]
    columns = (
        Column("Who", numeric=False),
        Column("Limit", numeric=False),
        Column("Element", numeric=False),
        Column("Refused", "kWh"),
        Column("of what was asked", "%"),
        Column("Intervals"),
        Column("First", numeric=False),
        Column("Last", numeric=False),
    )
    total = float(groups["cut_kwh"].sum())
    share = percent(ratio(float(groups["cut_kwh"].head(LARGEST).sum()), total))
    named = f"{number(len(rows))} of {counted(len(groups), 'group')}"
    return Table(
        "grouped-refusals",
        "Who was refused, why and how often",
        columns,
        tuple(rows),
        f"{sentence_case(named)}, the largest first, with {share} of all energy cut from trades. "
        "Energy that is refused may be offered again in the next interval and be refused again.",
        sortable=True,
    )
