"""Tables of a comparison: what everybody reached, and how far from the reference."""

import math
from collections.abc import Mapping, Sequence

from cosim.reports.blocks import Column, Row, Table
from cosim.reports.comparison_figures import metric_named
from cosim.reports.wording import MISSING, number, signed
from cosim.studies.comparison_summary import CAPTURE, Metric, Summary, verdict
from cosim.studies.incentives import EXPLOITABILITY, GAIN, REGRET
from cosim.studies.statistics import Difference, Estimate

COMPARED = ("cost_eur_per_day", CAPTURE, "leader_eur_per_day", "surplus_eur_per_day")
MICRO = 1e6
DECISION_TIME = (
    "Decision time is what followers take an interval and prosumer, wall clock; it differs from "
    "machine to machine."
)
TABLES = {
    "money": (
        "Money",
        (*COMPARED, "worse_off_percent", "jain_saving"),
        "Interquartile mean over seeds with its 95 % bootstrap interval. Surplus is against the "
        "retailer alone without any flexibility, worse off and fairness against what the same "
        "bidders pay the retailer alone.",
    ),
    "grid-and-market": (
        "Grid and market",
        (
            *("violation_intervals_per_day", "curtailed_percent", "local_percent"),
            *("peak_import_kw", "peak_export_kw"),
        ),
        "",
    ),
    "incentives": (
        "What one follower could gain by acting otherwise",
        (EXPLOITABILITY, GAIN, REGRET),
        "Exploitability is measured in the game as forecast, regret on what really came about; "
        "both on a sample of prosumers, named under the method.",
    ),
}
"""Title, metrics and caption of the tables of figures, by name."""


def metric_table(
    summary: Summary, name: str, decision_s: Mapping[str, float] | None = None
) -> Table:
    """Return one of `TABLES`: a row for everybody who has any of its metrics.

    `decision_s` is how long followers took, an interval and prosumer, by player.
    """
    title, chosen, caption = TABLES[name]
    metrics = [metric_named(each) for each in chosen]
    rows = []
    for player, found in summary.estimates.items():
        if not any(metric.name in found for metric in metrics):
            continue
        cells = [player]
        cells += [
            with_interval(found[each.name], each.decimals) if each.name in found else MISSING
            for each in metrics
        ]
        if decision_s is not None:
            cells.append(number(MICRO * decision_s[player], 1))
        rows.append(Row(tuple(cells)))
    columns = [Column("player", numeric=False)]
    columns += [Column(metric.title, metric.unit) for metric in metrics]
    if decision_s is not None:
        columns.append(Column("decision time", "\u00b5s"))
        caption = f"{caption} {DECISION_TIME}".strip()
    return Table(name, title, tuple(columns), tuple(rows), caption, sortable=True)


def difference_table(summary: Summary, metrics: Sequence[str]) -> Table:
    """Return how far everybody lies above the reference in some of the metrics."""
    rows = []
    for name, found in summary.differences.items():
        rows.append(Row((name,), "group"))
        rows += [difference_row(found[each], metric_named(each)) for each in metrics]
    return Table(
        "paired",
        f"Differences to {summary.reference}, on the same days and seeds",
        (
            Column("figure", numeric=False),
            Column("difference"),
            Column("95 % interval"),
            Column("verdict", numeric=False),
        ),
        tuple(rows),
        "Not worse: shown by the one-sided 95 % bound of the difference. Worse: shown by the bound "
        "on the other side. Open: neither is.",
    )


def difference_row(found: Difference, metric: Metric) -> Row:
    """Return a difference with its interval and verdict."""
    value, shown = found.estimate, MISSING
    if math.isfinite(value.low):
        low, high = (signed(each, metric.decimals) for each in (value.low, value.high))
        shown = f"{low} to {high}"
    said = verdict(found, metric.better) if math.isfinite(found.at_least) else MISSING
    return Row(
        (
            f"{metric.title}, {metric.unit}",
            signed(value.value, metric.decimals),
            shown,
            said,
        )
    )


def with_interval(found: Estimate, decimals: int) -> str:
    """Return a figure with its interval, where it has one."""
    shown = number(found.value, decimals)
    low, high = number(found.low, decimals), number(found.high, decimals)
    if not math.isfinite(found.low) or low == shown == high:
        return shown
    return f"{shown} ({low} to {high})"
