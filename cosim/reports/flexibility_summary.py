"""The first screen: how much the homes can move, what the network leaves of it, what came."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from cosim.reports.blocks import Block, Section, Text, Tile, Tiles
from cosim.reports.flexibility_cases import case_words, outcomes
from cosim.reports.flexibility_data import DOWN, UP, FlexibilityReportData
from cosim.reports.flexibility_words import (
    DIRECTION_WORDS,
    device_words,
    window_words,
)
from cosim.reports.labels import element_words, reason_words
from cosim.reports.ratings import element_badges
from cosim.reports.wording import (
    CENT,
    UNIT_SPACE,
    counted,
    listed,
    money,
    number,
    percent,
    ratio,
    sentence_case,
)
from cosim.scoring.flexibility import Device
from cosim.studies.flexibility.tables import DIRECTIONS, NONE

SMALL_KW, SMALLEST_KW = 10.0, 0.05
HOUR = "1h"
SOLAR = Device.SOLAR.name.lower()
SHARES_MAX = 3
"""Requests accepted in part whose shares are told one by one."""
WORDS = {UP: "less", DOWN: "more"}
WHOLE = 1e-6
"""Relative difference below which everything counts as let through."""


def kw(value: float) -> str:
    """Return a power with as many decimals as its size deserves, unit included."""
    return f"{number(value, 1 if abs(value) < SMALL_KW else 0)}{UNIT_SPACE}kW"


def headline(data: FlexibilityReportData) -> str:
    """Return the largest flexibility of the study and what the network leaves of it."""
    window = _window(data)
    found = {
        way: int(np.nanargmax(values))
        for way in DIRECTIONS
        if np.nan_to_num(values := data.series("offered_kw", way, window)).max() > 0.0
    }
    if not found:
        return "No device of this feeder can move its power: there is no flexibility."
    return " ".join(_largest(data, way, at) for way, at in found.items())


def _window(data: FlexibilityReportData) -> str:
    hourly = data.series("offered_kw", UP, HOUR)
    return HOUR if np.isfinite(hourly).any() else data.windows[0]


def _largest(data: FlexibilityReportData, direction: str, at: int) -> str:
    """Return a sentence on the interval in which devices offer the most."""
    window = _window(data)
    offered = float(data.series("offered_kw", direction, window)[at])
    feasible = float(data.series("feasible_kw", direction, window)[at])
    length = "an hour" if window == HOUR else window_words(window)
    words = (
        f"On {_moment(data, at)}{'' if at else ' (the first interval)'} the homes could draw up "
        f"to {kw(offered)} {WORDS[direction]} for {length}{_given_up(data, direction, at)}"
    )
    if not math.isfinite(feasible):
        return f"{words}."
    if feasible >= offered * (1.0 - WHOLE):
        return f"{words}; the network lets all of it through."
    what = "the rest" if feasible > SMALLEST_KW else "it"
    part = f"lets through {kw(feasible)} of it" if feasible > SMALLEST_KW else "takes none of it"
    most = data.series("feasible_kw", direction, window)
    best = int(np.nanargmax(most))
    rest = (
        f" The most that the network lets through is {kw(float(most[best]))}, on "
        f"{_moment(data, best)}."
        if float(most[best]) > feasible + SMALLEST_KW
        else ""
    )
    return f"{words}; the network {part}{_why(data, direction, at, what)}.{rest}"


def _given_up(data: FlexibilityReportData, direction: str, at: int) -> str:
    """Return how much of what is offered downward is solar power given up, "" where none is."""
    solar = float(data.series("offered_kw", direction, _window(data), SOLAR)[at])
    if direction != DOWN or not solar > SMALLEST_KW:
        return ""
    return f", of which {kw(solar)} by giving up solar power"


def _moment(data: FlexibilityReportData, at: int) -> str:
    when = data.timeline.local[at]
    return f"{when.day} {when:%B} at {when:%H:%M}"


def _why(data: FlexibilityReportData, direction: str, at: int, what: str) -> str:
    """Return which limit holds back the rest, as the end of a sentence."""
    rows = data.table("margins")
    rows = rows[(rows["interval"] == at) & (rows["direction"] == direction)]
    rows = rows[rows["window"] == _window(data)]
    if rows.empty or str(rows["reason"].iloc[0]) in ("", NONE):
        return ""
    element = str(rows["element"].iloc[0])
    where = f" at {element_words(data.feeder, element)}" if element else ""
    assumed = " (its rating is assumed)" if element_badges(data.feeder, element) else ""
    return f": {reason_words(str(rows['reason'].iloc[0]))}{where} stops {what}{assumed}"


def summary_section(data: FlexibilityReportData) -> Section:
    """Build the first section."""
    sentences = [
        *_mean_sentences(data),
        *_provider_sentences(data),
        *_request_sentences(data),
        *_case_sentences(data),
    ]
    blocks: list[Block] = [
        Text((headline(data),), "lead"),
        _tiles(data),
        Text(tuple(sentences), "plain"),
    ]
    return Section("summary", "Summary", tuple(blocks))


def _mean_sentences(data: FlexibilityReportData) -> Iterator[str]:
    window = _window(data)
    parts = []
    for direction in DIRECTIONS:
        feasible = data.series("feasible_kw", direction, window)
        if np.isfinite(feasible).any():
            parts.append(f"{kw(float(np.nanmean(feasible)))} {WORDS[direction]}")
    if parts:
        yield (
            f"In the mean over {counted(data.interval_count, 'interval')} the network lets through "
            f"{listed(parts)} for {window_words(window)}. All of it is told against the baseline "
            f"“{data.facts.baseline}”."
        )


def _provider_sentences(data: FlexibilityReportData) -> Iterator[str]:
    window = data.windows[0]
    for direction in DIRECTIONS:
        means = {
            device: float(np.nanmean(values))
            for device in data.devices
            if np.isfinite(values := data.series("offered_kw", direction, window, device)).any()
        }
        total = sum(means.values())
        if total > 0.0:
            ordered = sorted(means, key=lambda each: -means[each])
            parts = [
                f"{device_words(each)} {percent(means[each] / total)}"
                for each in ordered
                if means[each] / total >= 0.005
            ]
            yield (
                f"{sentence_case(DIRECTION_WORDS[direction])} for {window_words(window)} comes "
                f"from {listed(parts)}."
            )


def _request_sentences(data: FlexibilityReportData) -> Iterator[str]:
    table = data.table("requests")
    if table.empty:
        yield "No request was made, so nothing was activated."
        return
    accepted = table[table["accepted_kw"] > 0.0]
    found = outcomes(data).iloc[0]
    words = _verdict_words(table)
    if accepted.empty:
        yield f"{words}."
        return
    accuracy, twin = found["accuracy_percent"], found["accuracy_twin_percent"]
    yield (
        f"{words}; {number(found['activated_kwh'], 1)}{UNIT_SPACE}kWh were delivered, with "
        f"{number(accuracy, 0)}{UNIT_SPACE}% accuracy of what was accepted, by energy, "
        f"against the declared baseline and {number(twin, 0)}{UNIT_SPACE}% against the same days "
        "without activation. "
        f"{number(found['rebound_percent'], 0)}{UNIT_SPACE}% of the energy came back the other way "
        f"afterwards. The operator paid {money(found['payment_eur'])}; "
        + (
            f"{money(found['penalty_eur'])} went back for what was not delivered."
            if found["penalty_eur"] >= CENT
            else "nothing went back for non-delivery."
        )
    )
    broken = int(found["violations"])
    outside = int(found["outside_band"])
    yield (
        "No activation broke a limit of the network that holds without it"
        if not broken
        else f"Activations broke a limit of the network in {counted(broken, 'interval')} in which "
        "it holds without them"
    ) + (
        ", and all stayed inside the network-feasible band."
        if not outside
        else f"; {counted(outside, 'interval')} lie outside of the network-feasible band."
    )


def _verdict_words(table: pd.DataFrame) -> str:
    """Return how many requests were accepted, in full and in part, as the start of a sentence."""
    accepted = table[table["accepted_kw"] > 0.0]
    partly = accepted[accepted["verdict"] != "accepted"]
    full, count = len(accepted) - len(partly), counted(len(table), "request")
    if partly.empty and full == len(table) > 1:
        return f"All {count} were accepted in full"
    words = f"Of {count} {number(full)} {'was' if full == 1 else 'were'} accepted in full"
    if partly.empty:
        return words
    shares = sorted((partly["accepted_kw"] / partly["asked_kw"]).tolist())
    told = [percent(each) for each in shares]
    shown = listed(told) if len(told) <= SHARES_MAX else f"{told[0]} to {told[-1]}"
    return f"{words}, {number(len(partly))} in part ({shown} of what was asked)"


def _case_sentences(data: FlexibilityReportData) -> Iterator[str]:
    if len(data.cases) > 1:
        found = outcomes(data)["feasible_up_kw"].to_numpy(float)
        if np.isfinite(found).any():
            best = data.cases[int(np.nanargmax(found))]
            yield (
                f"Of {number(len(data.cases))} ways to play the same days, “"
                f"{case_words(data, best)}” leaves the most upward flexibility that the network "
                f"lets through. Single days below are those of “"
                f"{case_words(data, data.reference)}”."
            )


def _solar_words(data: FlexibilityReportData, direction: str, window: str) -> str:
    """Return how much of what is let through downward is solar power given up."""
    rows = data.table("margins")
    rows = rows[(rows["direction"] == direction) & (rows["window"] == window)]
    solar = rows["solar_kw"].to_numpy(float)
    solar = solar[np.isfinite(solar)]
    if direction != DOWN or not len(solar):
        return ""
    return f", of which {number(float(solar.mean()), 1)}{UNIT_SPACE}kW by giving up solar power"


def _tiles(data: FlexibilityReportData) -> Tiles:
    tiles = []
    for direction, label in ((UP, "Could draw less"), (DOWN, "Could draw more")):
        window = _window(data)
        feasible = data.series("feasible_kw", direction, window)
        offered = data.series("offered_kw", direction, window)
        both = np.isfinite(feasible) & np.isfinite(offered)
        mean = float(feasible[both].mean()) if both.any() else math.nan
        tiles.append(
            Tile(
                label,
                number(mean, 1),
                "kW",
                f"mean, for {window_words(window)}, let through by the network"
                f"{_solar_words(data, direction, window)}",
            )
        )
        share = ratio(float(feasible[both].sum()), float(offered[both].sum()))
        tiles.append(
            Tile(
                f"Deliverability, {DIRECTION_WORDS[direction]}",
                number(100.0 * share, 1),
                "%",
                f"of what devices offer for {window_words(window)}",
            )
        )
    if data.has("requests"):
        found = outcomes(data).iloc[0]
        tiles += [
            Tile(
                "Accuracy of activations",
                number(found["accuracy_percent"], 1),
                "%",
                "of what was accepted, by energy, against the declared baseline",
            ),
            Tile(
                "Limits broken by activations",
                number(found["violations"]),
                "intervals",
                "that keep them without it",
                "alert" if found["violations"] else "good",
            ),
        ]
    return Tiles(tuple(tiles))
