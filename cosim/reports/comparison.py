"""The report of a comparison: one HTML file that needs nothing else."""

import json
import math
from html import escape
from pathlib import Path

import plotly.offline

from cosim.reports.blocks import Figure, Section, Table, Text, Tile, Tiles
from cosim.reports.comparison_figures import (
    cost_figure,
    difference_figure,
    grid_figure,
    market_figure,
)
from cosim.reports.comparison_tables import (
    COMPARED,
    difference_table,
    metric_table,
    with_interval,
)
from cosim.reports.pages import template
from cosim.reports.wording import UNIT_SPACE, counted, listed, number
from cosim.studies.comparison_folder import ComparisonContent, capture_words, probe_facts
from cosim.studies.comparison_summary import CAPTURE, FEW_SEEDS
from cosim.studies.statistics import RESAMPLES


def write_comparison_report(content: ComparisonContent, path: Path) -> None:
    """Write the report of a comparison to `path`."""
    path.write_text(render_comparison(content), encoding="utf-8")


def render_comparison(content: ComparisonContent) -> str:
    """Return the report of a comparison as HTML."""
    sections = (
        _result(content),
        _figures(content),
        _differences(content),
        _players(content),
        _method(content),
    )
    specs = {
        block.name: {**block.spec, "timeline": False}
        for section in sections
        for block in section.blocks
        if isinstance(block, Figure)
    }
    text = json.dumps(specs, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return template("report.html").render(
        title=f"Comparison on {content.feeder}",
        facts=_facts(content),
        sections=sections,
        ratings_assumed=content.ratings_assumed,
        notices=(content.notice,),
        figures=text.replace("<", "\\u003c"),
        plotly=plotly.offline.get_plotlyjs(),
    )


def _facts(content: ComparisonContent) -> tuple[tuple[str, str], ...]:
    return (
        ("Feeder", content.feeder),
        ("Held-out days", _span_words(content)),
        ("Seeds", number(content.summary.seeds)),
        ("Prosumers", number(content.world.fleet.bus.shape[1])),
        ("Day-ahead prices", content.world.day_ahead_label),
        ("Reference", content.summary.reference),
    )


def _span_words(content: ComparisonContent) -> str:
    count = len(content.starts)
    return (
        counted(count, "day")
        if content.days == 1
        else f"{counted(count, 'span')} of " + counted(content.days, "day")
    )


def _result(content: ComparisonContent) -> Section:
    return Section(
        "result",
        "Result",
        (
            Text((_headline(content),), "lead"),
            _tiles(content),
            *_warnings(content),
            metric_table(content.summary, "money"),
            metric_table(content.summary, "grid-and-market", content.decision_s),
            *_incentives(content),
        ),
    )


def _incentives(content: ComparisonContent) -> tuple[Table, ...]:
    return (metric_table(content.summary, "incentives"),) if probe_facts(content) else ()


def _headline(content: ComparisonContent) -> str:
    """Return the result in a sentence or two."""
    found = content.summary.estimates
    names = [player.name for player in content.line_up.players]
    best = min(names, key=lambda name: found[name]["cost_eur_per_day"].value)
    baseline = content.line_up.baseline.name
    cost = found[best]["cost_eur_per_day"].value
    words = f"{best} is the cheapest way to play for the community: {_eur(cost)} a day"
    if baseline in found and best != baseline:
        words += f", against {_eur(found[baseline]['cost_eur_per_day'].value)} for {baseline}"
    capture = found[best][CAPTURE]
    if math.isfinite(capture.value):
        words += f". It captures {with_interval(capture, 1)}{UNIT_SPACE}% of what perfect "
        words += "foresight could have saved"
    return f"{words}."


def _eur(value: float) -> str:
    return f"{number(value, 2)}{UNIT_SPACE}EUR"


def _tiles(content: ComparisonContent) -> Tiles:
    found, names = content.summary.estimates, [each.name for each in content.line_up.players]
    best = min(names, key=lambda name: found[name]["cost_eur_per_day"].value)
    broken = {
        name: sum(
            float(span.figures["violation_intervals"].sum())
            for span in content.comparison.spans
            if span.player == name
        )
        for name in names
    }
    total = sum(broken.values())
    who = [name for name, count in broken.items() if count]
    richest = max(names, key=lambda name: found[name]["leader_eur_per_day"].value)
    return Tiles(
        (
            Tile("Cheapest", number(found[best]["cost_eur_per_day"].value, 2), "EUR/day", best),
            Tile(
                "AC violations, all players",
                number(total),
                "intervals",
                f"by {listed(who)}" if who else "beyond what firm load alone breaks",
                "alert" if total else "good",
            ),
            Tile(
                "Highest leader profit",
                number(found[richest]["leader_eur_per_day"].value, 2),
                "EUR/day",
                richest,
            ),
        )
    )


def _warnings(content: ComparisonContent) -> tuple[Text, ...]:
    words = []
    if content.summary.seeds < FEW_SEEDS:
        words.append(
            f"{counted(content.summary.seeds, 'seed')}: intervals of fewer than {FEW_SEEDS} say "
            "little, and are too narrow rather than too wide."
        )
    if content.line_up.optimum is None:
        words.append("Value capture is empty: no perfect-foresight optimum was computed.")
    return (Text(tuple(words), "box", "Read with care"),) if words else ()


def _figures(content: ComparisonContent) -> Section:
    summary = content.summary
    return Section(
        "charts",
        "Side by side",
        (
            cost_figure(summary, with_capture=content.line_up.optimum is not None),
            market_figure(summary),
            grid_figure(summary),
        ),
    )


def _differences(content: ComparisonContent) -> Section:
    summary = content.summary
    if not summary.differences:
        return Section("paired", "Against the reference", (Text(("Nobody else played.",)),))
    table = difference_table(summary, COMPARED)
    return Section(
        "paired", "Against the reference", (difference_figure(content.comparison, summary), table)
    )


def _players(content: ComparisonContent) -> Section:
    line_up = content.line_up
    told = [
        f"<b>{escape(each.name)}</b> ({escape(each.kind)}): {escape(each.told)}"
        for each in line_up.players
    ]
    told += [
        f"<b>{escape(each.name)}</b> (yardstick): {escape(each.told)}"
        for each in line_up.yardsticks
    ]
    return Section("players", "Who plays", (Text(tuple(told), "list", "Players and yardsticks"),))


def _method(content: ComparisonContent) -> Section:
    line_up, summary = content.line_up, content.summary
    statements = (
        f"Days: {listed(content.starts)}; {counted(content.days, 'day')} from each. They are "
        "held out: training uses neither these weeks nor these seeds.",
        "Everybody plays the same worlds. Who lives where is the scenario's; household profiles, "
        "vehicles, prices and forecast errors are drawn anew for each seed and span. Profiles of "
        "the first seed are those of the placed homes on all days: what its days have in common "
        "is not in the intervals.",
        "Cost: what prosumers together pay to everybody outside, plus battery wear of "
        f"{content.scenario.community.battery_wear_eur_per_kwh:g} EUR/kWh, less what the worth of "
        "open positions gained. Stored energy is worth the feed-in price, missing energy costs the "
        "retail price.",
        f"Value capture: {escape(capture_words(line_up))}.",
        "Prosumer surplus: against the retailer alone, without any flexibility. Worse off and "
        "fairness: against what the same bidders pay the retailer alone.",
        "AC violations: intervals that break a limit which firm load alone does not break.",
        f"Intervals: stratified bootstrap, {number(RESAMPLES)} resamples, seeds drawn anew within "
        f"each span; {counted(summary.seeds, 'seed')}. The mean leaves out a quarter of the seeds, "
        "rounded down, at each end.",
        "Plans know where the span ends and what stored energy is worth then, as the optimum does.",
        f"Validation by rule {escape(content.scenario.grid.rule)}; local market: "
        f"{escape(content.scenario.market.mechanism)}.",
        *_incentive_words(content),
    )
    return Section("method", "Method and assumptions", (Text(statements, "list", "What holds"),))


def _incentive_words(content: ComparisonContent) -> tuple[str, ...]:
    facts = probe_facts(content).get("incentives")
    if facts is None:
        return ()
    looked_at = counted(facts["prosumers"], "prosumer")
    return (*facts["told"], f"Both are measured on {looked_at}, evenly spread over all owners.")
