"""Learned policies beside the yardsticks: what those that act in a run reached on held-out days."""

import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

import pandas as pd

from cosim.errors import RunFolderError
from cosim.reports.blocks import Block, Section, Text
from cosim.reports.comparison_figures import cost_figure
from cosim.reports.comparison_tables import (
    COMPARED,
    difference_table,
    metric_table,
    with_interval,
)
from cosim.reports.report_data import ReportData
from cosim.reports.wording import UNIT_SPACE, counted, listed, number
from cosim.studies.comparison_summary import CAPTURE, FEW_SEEDS, Summary, summary_of
from cosim.studies.held_out import parted

SIDES = ("leader", "followers")


def learned_sections(data: ReportData) -> tuple[Section, ...]:
    """Return the section on learned policies, none where nobody acts by any."""
    entries = data.manifest.get("policies") or ()
    if not entries:
        return ()
    blocks = [block for each, entry in enumerate(entries) for block in _blocks(data, entry, each)]
    return (Section("learned", "Learned policies beside the yardsticks", tuple(blocks)),)


def _blocks(data: ReportData, entry: Mapping[str, Any], number_of: int) -> Iterator[Block]:
    """Yield what is told of the policies of one folder."""
    held_out = entry["held_out"]
    if held_out is None:
        yield Text((_acting(entry), _unjudged()), "plain")
        yield Text(tuple(_facts(data, entry)), "list", "What holds")
        return
    try:
        summary = summary_of(held_out)
        player = _row_of(held_out, entry["sides"])
        lead = _headline(summary, player)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunFolderError(
            f"policies of {entry['folder']}: their held-out results cannot be read "
            f"({type(error).__name__}: {error})"
        ) from error
    mark = f"-{number_of}" if number_of else ""
    yield Text((_acting(entry), lead), "lead")
    yield Text(tuple(_facts(data, entry)), "list", "What holds")
    for name in ("money", "grid-and-market"):
        table = metric_table(summary, name)
        yield replace(table, name=f"held-out-{name}{mark}", title=f"{table.title}, held-out days")
    figure = cost_figure(summary, with_capture=_has_capture(summary))
    yield replace(
        figure, name=f"held-out-cost{mark}", title=f"{figure.title}, held-out days", caption=CAPTION
    )
    only = replace(
        summary,
        differences={
            name: found
            for name, found in summary.differences.items()
            if held_out["players"][name]["kind"] == "trained"
        },
    )
    yield replace(difference_table(only, COMPARED), name=f"held-out-differences{mark}")


CAPTION = (
    "Dots are interquartile means over seeds, lines their 95 % bootstrap intervals. Intervals of "
    "cost hold how different the days are, which is the same for everybody: whether two differ is "
    "seen in the paired differences below."
)


def _acting(entry: Mapping[str, Any]) -> str:
    """Return who acts by the policies of a folder."""
    sides = list(entry["sides"])
    verb = "acts" if sides == ["leader"] else "act"
    who = f"{listed(sides)} of this run {verb}".capitalize()
    return f"{who} by the learned policies in {escape(entry['folder'])}."


def _row_of(held_out: Mapping[str, Any], sides: Sequence[str]) -> str:
    """Return the player that acts as this run does: followers alone have a row of their own."""
    alone = f"{held_out['player']}_followers"
    return (
        alone
        if list(sides) == ["followers"] and alone in held_out["players"]
        else str(held_out["player"])
    )


def _unjudged() -> str:
    return "They were not judged on held-out days: nothing can be said of how good they are."


def _headline(summary: Summary, player: str) -> str:
    """Return what the policies reached, in a sentence or two."""
    found = summary.estimates
    reference = summary.reference
    words = (
        f"On held-out days the community pays {_eur(found[player])} a day with them, against "
        f"{_eur(found[reference])} with {reference}"
    )
    capture = found[player].get(CAPTURE)
    if capture is not None and math.isfinite(capture.value):
        words += (
            f"; they capture {with_interval(capture, 1)}{UNIT_SPACE}% of what perfect foresight "
            "could have saved"
        )
    return f"{words}."


def _eur(found: Mapping[str, Any]) -> str:
    return f"{number(found['cost_eur_per_day'].value, 2)}{UNIT_SPACE}EUR"


def _has_capture(summary: Summary) -> bool:
    return any(
        math.isfinite(each[CAPTURE].value) for each in summary.estimates.values() if CAPTURE in each
    )


def _facts(data: ReportData, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what must be known to read the tables, as HTML."""
    held_out = entry["held_out"]
    if held_out is not None:
        yield _measured(held_out)
    yield _own_days(_dates(data))
    if entry["other_settings"]:
        told = "; ".join(escape(each) for each in entry["other_settings"])
        yield (
            "<b>This run is played on other settings than those that were trained and judged "
            f"on:</b> {told}."
        )
    else:
        yield "This run is played on the settings that were trained and judged on."
    other = [side for side in SIDES if side not in entry["sides"]]
    if other and held_out is not None:
        yield (
            f"In this run the policy of the {other[0]} is "
            f"{escape(data.setting(other[0], 'policy').replace('_', ' '))}; in the tables "
            f"{escape(str(held_out['player']))} is both sides learned."
        )
    if held_out is not None:
        yield (
            "; ".join(
                f"{escape(name)}: {escape(str(each['told']))}"
                for name, each in held_out["players"].items()
                if each["kind"] == "trained"
            )
            + "."
        )
        yield f"Value capture: {escape(str(held_out['value_capture']))}."
        yield f"Trained by <code>{escape(str(held_out['command']))}</code>."
    yield f"SHA-256 of the policies: {escape(entry['policies_sha256'])}."


def _measured(held_out: Mapping[str, Any]) -> str:
    """Return on which days the tables were measured."""
    seeds = int(held_out["seeds"])
    few = (
        f" Intervals of fewer than {FEW_SEEDS} seeds say little and are too narrow."
        if seeds < FEW_SEEDS
        else ""
    )
    return (
        f"Measured on {listed(list(held_out['strata']))}, {counted(seeds, 'seed')} each, with "
        f"{counted(int(held_out['prosumers']), 'prosumer')} on {escape(held_out['feeder'])}, "
        f"day-ahead prices {escape(str(held_out['day_ahead_label']))}: weeks and seeds that "
        f"training never uses. Not measured on the days of this run.{few}"
    )


def _dates(data: ReportData) -> list[datetime.date]:
    """Return the local days of the run."""
    local = pd.DatetimeIndex(data.start_utc).tz_localize("UTC").tz_convert(data.time_zone)
    return sorted(set(local.date))


def _own_days(days: Sequence[datetime.date]) -> str:
    """Return whether the days of the run are among those that were learned from."""
    learned_from, held_out = parted(days)
    if len(held_out) == len(days):
        return "The days of this run are held out: training uses none of them."
    if learned_from:
        return (
            f"<b>Of the {counted(len(days), 'day')} of this run {number(len(learned_from))} "
            "can be learned from in training</b>: figures of this run may flatter what was "
            "learned. Its prices, vehicles and forecast errors are other draws."
        )
    return (
        f"Training uses none of the days of this run; {number(len(held_out))} of "
        f"{number(len(days))} lie in held-out weeks."
    )
