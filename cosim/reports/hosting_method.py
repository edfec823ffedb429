"""What a reader must know before believing the number: method, limits of the study, settings."""

import math
from collections.abc import Iterable, Iterator, Mapping
from html import escape

from cosim.reports.blocks import Column, Row, Section, Table, Text
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_lever_words import lever_title
from cosim.reports.hosting_sites import built_words
from cosim.reports.ratings import rating_sentences
from cosim.reports.wording import MISSING, number, scientific, sentence_case

NOT_ASSESSED = (
    "Fault currents and what they mean for switchgear.",
    "Protection: reach, grading, sympathetic tripping.",
    "Islanding, and what happens when a part of the feeder is cut off.",
    "Harmonics and resonances.",
    "Flicker and rapid voltage changes.",
    "Unbalance between phases: the power flow is balanced (positive sequence).",
    "Limits of the network above the feeder, and contingencies (N-1).",
)


def method_section(data: HostingReportData) -> Section:
    """Build the section on how the number came about."""
    facts = data.facts
    seeded = (
        f"{number(data.deployments)} deployments, seed {facts.seed}. A deployment depends on seed "
        "and its number alone, so a study with fewer deployments holds the first of these.",
        "Hosting capacity of a deployment is the largest level that passes, found by bisection to "
        f"{facts.resolution_kw:g} kW; a power flow without solution counts as a violation.",
        "Least (first): no deployment drawn violates at any level up to it. Most (all): above "
        "it every one of them violates. Both are of the deployments drawn: plants put together "
        "where the feeder is weak may fit less. A quantile q: the level below which a share "
        "q of the deployments is stopped.",
    )
    where = built_words(data)
    told = (*facts.method, *([where] if where else []), *seeded)
    blocks = [Text(_escaped(told), "list", "How it was found")]
    if facts.levers:
        levers = tuple(
            f"<b>{escape(sentence_case(lever_title(name)))}</b>: {escape(words)}"
            for name, words in facts.levers.items()
        )
        blocks.append(Text(levers, "list", "Levers"))
    return Section("method", "Method and seed", tuple(blocks))


def limits_section(data: HostingReportData) -> Section:
    """Build the section on what was not looked at, and what was assumed."""
    return Section(
        "limits",
        "Not assessed, and assumed",
        (
            Text(NOT_ASSESSED, "list", "Not assessed"),
            Text(tuple(_assumptions(data)), "list", "Assumptions"),
        ),
    )


def _escaped(sentences: Iterable[str]) -> tuple[str, ...]:
    return tuple(escape(each) for each in sentences)


def _assumptions(data: HostingReportData) -> Iterator[str]:
    feeder, facts = data.feeder, data.facts
    yield from rating_sentences(feeder)
    yield from _escaped(facts.assumptions)
    yield (
        "The power flow is balanced, with constant power at every bus; means over an interval "
        "stand for what happens within it, and for the ten-minute means that common practice asks "
        "for."
        if facts.is_series
        else "The power flow is balanced, with constant power at every bus. A snapshot has no "
        "duration: where criteria count shares of time, the tighter band holds."
    )
    if facts.pandapower_states and math.isfinite(facts.pandapower_voltage_pu):
        yield (
            f"{number(facts.pandapower_states)} reported extremes were solved again with "
            f"pandapower; the largest difference of a voltage is "
            f"{scientific(facts.pandapower_voltage_pu)} p.u."
        )


def settings_tables(data: HostingReportData) -> tuple[Table, Table]:
    """Return settings, and versions with times and hashes."""
    return (
        _pairs("settings", "Settings", data.facts.settings),
        _pairs("manifest", "Versions, times and hashes", data.facts.manifest),
    )


def appendix_section(data: HostingReportData, files: Iterable[tuple[str, str]]) -> Section:
    """Build the appendix: settings, versions, hashes and links to all files."""
    links = tuple(
        f'<a href="{escape(path, quote=True)}">{escape(path)}</a>: {escape(words)}'
        for path, words in files
    )
    return Section(
        "appendix",
        "Settings, versions and files",
        (
            Text(links, "list", "Files beside this report"),
            *settings_tables(data),
        ),
    )


def _pairs(name: str, title: str, values: Mapping[str, object]) -> Table:
    rows = tuple(Row((key, text)) for key, text in flattened(values))
    return Table(
        name,
        title,
        (Column("setting", numeric=False), Column("value", numeric=False)),
        rows,
        collapsed=True,
    )


def flattened(values: Mapping[str, object], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested settings as dotted names and text."""
    for key, value in values.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            yield from flattened(value, f"{name}.")
        elif isinstance(value, list | tuple):
            yield name, ", ".join(map(str, value)) or MISSING
        else:
            yield name, MISSING if value is None else str(value)
