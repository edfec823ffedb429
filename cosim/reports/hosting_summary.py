"""The first screen: one number, its reason in plain words, and what else matters at a glance."""

import math
from collections import Counter

import numpy as np
import pandas as pd

from cosim.reports.blocks import Block, Section, Text, Tile, Tiles
from cosim.reports.drawn import bus_places
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_lever_words import lever_title
from cosim.reports.hosting_sites import built_words, buses_words
from cosim.reports.hosting_words import (
    LIMITING_UNITS,
    LIMITING_WORDS,
    NEW_PLANTS,
    PLANT,
    limiting_of,
)
from cosim.reports.ratings import element_badges
from cosim.reports.wording import (
    UNIT_SPACE,
    counted,
    listed,
    number,
    scientific,
    sentence_case,
    signed,
)
from cosim.studies.hosting.records import Limiting

SMALL_KW = 10.0
ROUNDING = 1e-6
"""So that 12.0 is not 11.999... rounded down."""
MARKET = "p2p_water_value"
COMMON_SHARE = 0.02
"""Reasons rarer than this are left out of the sentence."""
ELEMENT_KINDS = {"bus": "bus", "line": "line", "trafo": "trafo", "transformer": "trafo"}
STOPPED_BY = {
    Limiting.OVERVOLTAGE: "voltage at {}",
    Limiting.UNDERVOLTAGE: "low voltage at {}",
    Limiting.RISE: "the voltage rise at {}",
    Limiting.DROP: "the voltage drop at {}",
    Limiting.LINE: "the loading of {}",
    Limiting.TRANSFORMER: "the loading of {}",
    Limiting.REVERSE_FLOW: "reverse flow into the network above",
    Limiting.NO_POWER_FLOW: "a power flow without solution",
    Limiting.CURTAILMENT: "giving up more energy than the stated share",
}


def kw(value: float) -> str:
    """Return a capacity with as many decimals as its size deserves, unit included."""
    return f"{floored(value)}{UNIT_SPACE}kW"


def floored(value: float) -> str:
    """Return a capacity rounded down, so that what is said to fit does fit."""
    if not math.isfinite(value):
        return number(value)
    decimals = 1 if value < SMALL_KW and value else 0
    return number(math.floor(value * 10**decimals + ROUNDING) / 10**decimals, decimals)


def element_text(row: pd.Series) -> str:
    """Return the element of a row with its name, e.g. "bus 17 (R17)"; "" where there is none."""
    kind = ELEMENT_KINDS.get(str(row["element_kind"]), "")
    if not kind or pd.isna(row["element"]) or int(row["element"]) < 0:
        return ""
    text, name = f"{kind} {int(row['element'])}", row["element_name"]
    if not isinstance(name, str) or not name or name.casefold() == text:
        return text
    return f"{text} ({'named ' if name.isdigit() else ''}{name})"


def reason_words(data: HostingReportData, row: pd.Series) -> str:
    """Return what stops a deployment, e.g. "the loading of line 14"."""
    reason, element = limiting_of(row["limiting"]), element_text(row)
    if not element and "{}" in STOPPED_BY[reason]:
        return LIMITING_WORDS[reason]
    if element_badges(data.feeder, element.split(" (")[0]):
        element += ", whose rating is assumed"
    return STOPPED_BY[reason].format(element)


def headline(data: HostingReportData) -> str:
    """Return the result of the study in a sentence or two."""
    lever = data.reference
    plants = NEW_PLANTS[data.facts.technology]
    first = data.first_deployment(lever)
    if data.base_case_violates:
        return (
            f"No {plants} fits: the feeder breaks a limit before anything is added"
            f"{_base_case_reason(first)}. Mend that first."
        )
    row = data.summary(lever)
    first_kw, median_kw = float(row["first_kw"]), float(row["median_kw"])
    many = data.deployments > 1
    words = (
        f"In all {number(data.deployments)} random deployments at least {kw(first_kw)} of {plants} "
        f"fits ({kw(median_kw)} in half of them)"
        if many
        else f"{kw(first_kw)} of {plants} fits {data.facts.layout}".rstrip()
    )
    if limiting_of(first["limiting"]) is Limiting.NONE:
        words += "; no limit was met up to the highest level looked at."
    else:
        stopped = "the first to be stopped" if many else "it"
        words += f"; {stopped} is stopped by {reason_words(data, first)}."
    return words + _weakest_bus_words(data)


def _weakest_bus_words(data: HostingReportData) -> str:
    """Say what the weakest bus bears alone: concentrated, plants may fit less than the least."""
    nodes = data.table("nodes")
    if not len(nodes):
        return ""
    row = nodes.iloc[int(nodes["hosting_kw"].to_numpy(float).argmin())]
    bus = data.feeder.bus_text(bus_places(data.feeder)[int(row["bus"])])
    return f" Put at one bus alone, {bus} bears least: {kw(float(row['hosting_kw']))}."


def _base_case_reason(row: pd.Series) -> str:
    element = element_text(row)
    if not element:
        return ""
    value, limit = float(row["value"]), float(row["limit"])
    unit = ("p.u.", 3) if element.startswith("bus") else ("%", 1)
    return (
        f": {element} is at {number(value, unit[1])}{UNIT_SPACE}{unit[0]}, allowed is "
        f"{number(limit, unit[1])}"
    )


def summary_section(data: HostingReportData) -> Section:
    """Build the first section."""
    sentences = [
        *_where_sentence(data),
        *_share_sentences(data),
        *_lever_sentence(data),
        *_market_sentence(data),
        *_every_home_sentence(data),
        *_check_sentence(data),
    ]
    blocks: list[Block] = [Text((headline(data),), "lead"), _tiles(data)]
    if sentences:
        blocks.append(Text((" ".join(sentences),)))
    return Section("summary", "Summary", tuple(blocks))


def _where_sentence(data: HostingReportData) -> list[str]:
    """Say where deployments build, if that is not wherever there is load."""
    if data.base_case_violates or not data.facts.load_buses_without:
        return []
    return [built_words(data)]


def _share_sentences(data: HostingReportData) -> list[str]:
    """Say what stops deployments, and how much the best of them holds."""
    if data.base_case_violates:
        return []
    reasons = [limiting_of(each) for each in data.scenarios(data.reference)["limiting"]]
    shares = [
        f"{LIMITING_WORDS[reason]} in {number(100.0 * count / len(reasons))}{UNIT_SPACE}%"
        for reason, count in Counter(reasons).most_common()
        if count >= COMMON_SHARE * len(reasons)
    ]
    best = float(data.summary(data.reference)["all_kw"])
    words = [f"What stops the {number(len(reasons))} deployments first: {listed(shares)}."]
    words.append(f"Beyond {kw(best)} every one of them breaks a limit.")
    optimal = data.table("optimal")
    if len(optimal):
        words.append(
            f"Sited in the best way among {buses_words(len(optimal))}, "
            f"{kw(float(optimal['kw'].sum()))} would fit: the most that was found."
        )
    return words


def _lever_sentence(data: HostingReportData) -> list[str]:
    """Say which lever brings the most."""
    best, most = "", 0.0
    for lever in data.levers[1:]:
        uplift = float(data.summary(lever)["uplift_percent"])
        if math.isfinite(uplift) and uplift > most:
            best, most = lever, uplift
    if not best:
        return []
    row = data.summary(best)
    low, high = (signed(float(row[name])) for name in ("uplift_low", "uplift_high"))
    return [
        f"{sentence_case(lever_title(best))} raises it most: {kw(float(row['first_kw']))} in "
        f"all, {kw(float(row['median_kw']))} in half of the same deployments "
        f"({signed(most)}{UNIT_SPACE}%, 95{UNIT_SPACE}% interval {low} to {high}{UNIT_SPACE}%)."
    ]


def _market_sentence(data: HostingReportData) -> list[str]:
    """Say how much of what a market reaches is the market."""
    rows = data.table("steps")
    rows = rows[(rows["lever"] == MARKET) & np.isfinite(rows["gained_low"].astype(float))]
    if not len(rows):
        return []
    row, whole = rows.iloc[0], float(data.summary(MARKET)["uplift_percent"])
    low, high = (signed(float(row[name]), 1) for name in ("gained_low", "gained_high"))
    return [
        f"Of the {signed(whole, 1)}{UNIT_SPACE}% of the {lever_title(MARKET)}, local trade itself "
        f"brings {signed(float(row['gained_percent']), 1)}{UNIT_SPACE}% (95{UNIT_SPACE}% interval "
        f"{low} to {high}{UNIT_SPACE}%); {lever_title(str(row['below']))} brings the rest."
    ]


def _every_home_sentence(data: HostingReportData) -> list[str]:
    every = data.facts.every_home_kw
    if not data.facts.homes or not math.isfinite(every):
        return []
    return [
        f"Every one of the {number(data.facts.homes)} homes would have a "
        f"{PLANT[data.facts.technology]} at {kw(every)}."
    ]


def _check_sentence(data: HostingReportData) -> list[str]:
    facts = data.facts
    if not facts.pandapower_states:
        return []
    return [
        f"{sentence_case(counted(facts.pandapower_states, 'extreme state'))} solved again with "
        f"pandapower: voltages differ by {scientific(facts.pandapower_voltage_pu)}{UNIT_SPACE}p.u. "
        f"at the most{_unsolved_words(facts.pandapower_unsolved)}."
    ]


def _unsolved_words(count: int) -> str:
    return f"; for {number(count)} of them it finds no power flow" if count else ""


def _tiles(data: HostingReportData) -> Tiles:
    row = data.summary(data.reference)
    first = data.first_deployment(data.reference)
    reason = limiting_of(first["limiting"])
    tone = "alert" if data.base_case_violates else ""
    tiles = [
        Tile(
            "Fits in every deployment drawn",
            floored(float(row["first_kw"])),
            "kW",
            "end of region A: the least of all deployments",
            tone or "good",
        ),
        Tile(
            "Fits in half of the deployments",
            floored(float(row["median_kw"])),
            "kW",
            f"middle 90 %: {kw(float(row['q05_kw']))} to {kw(float(row['q95_kw']))}",
        ),
        Tile(
            "Best of the deployments drawn",
            floored(float(row["all_kw"])),
            "kW",
            "start of region C: the most of all deployments",
        ),
        Tile(
            "What stops the first",
            sentence_case(LIMITING_WORDS[reason]),
            "",
            _at_words(first, reason),
            tone,
        ),
        _share_tile(data, float(row["first_kw"])),
        Tile(
            "Deployments",
            number(data.deployments),
            "",
            f"random order and size of plants, seed {data.facts.seed}",
        ),
    ]
    return Tiles(tuple(tiles))


def _at_words(row: pd.Series, reason: Limiting) -> str:
    element = element_text(row)
    if not element or reason not in LIMITING_UNITS:
        return element
    unit, decimals = LIMITING_UNITS[reason]
    return f"{element}, limit {number(float(row['limit']), decimals)}{UNIT_SPACE}{unit}"


def _share_tile(data: HostingReportData, first_kw: float) -> Tile:
    """Return the capacity against the published peak load, and as plants."""
    plants = float(data.first_deployment(data.reference)["plants"])
    peak = data.peak_kw
    share = 100.0 * first_kw / peak if peak else math.nan
    noun = PLANT[data.facts.technology]
    words = counted(int(plants), noun) if np.isfinite(plants) else ""
    homes = data.facts.homes
    if homes and words:
        several = "" if plants <= homes else ", more than one each"
        words += f" for {number(homes)} homes ({number(100.0 * plants / homes)} %{several})"
    return Tile("Of the published peak load", number(share), "%", words)
