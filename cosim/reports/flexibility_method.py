"""What a reader must know before believing the numbers: method, limits of the study, settings."""

from collections.abc import Iterable, Iterator
from html import escape

from cosim.reports.blocks import Column, Row, Section, Table, Text
from cosim.reports.flexibility_data import FlexibilityReportData
from cosim.reports.hosting_method import flattened
from cosim.reports.ratings import rating_sentences

METHOD = (
    "<b>Up</b> is drawn less or fed in more, <b>down</b> is drawn more. Power is drawn above zero.",
    "<b>Sustained flexibility</b> of a device is the largest constant change of its baseline power "
    "that it keeps up from the first to the last interval of a window: inside its power range, "
    "with its store inside its range, comfort kept, and vehicles leaving with all they asked for.",
    "<b>The first interval</b> holds all that begins there: vehicles that came home before the "
    "study plug in together, and every device acts for the first time. A largest value at its "
    "time says how the study starts, not how its days go.",
    "Sums over devices are <b>sums of these constants</b>. A fleet that passes the task around can "
    "do a little more.",
    "<b>Solar is a class of its own</b>: down is giving up, up is feeding in what was given up.",
    "<b>Let through by the network</b>: the part that breaks no voltage or thermal limit in an AC "
    "power flow of the window's first interval. What is broken without it may not get worse.",
    "<b>Feasible operating region</b>: all points of active and reactive power at the connection "
    "to the grid above that some set-points reach with limits kept, found by a sequential linear "
    "programme over angles, every corner checked with an AC power flow, the inside with rays.",
    "<b>Activation</b>: a request is offered to the aggregator, held against devices and network "
    "when it is called, split over prosumers, delivered with forecast error, and measured against "
    "the declared baseline (a forecast, which is settled) and against a twin (the same days and "
    "draws without the activation).",
    "<b>Accuracy</b> is 1 - sum |accepted - delivered| / sum accepted, over several requests "
    "the mean by energy accepted; <b>rebound</b> is the "
    "energy that goes the other way after the window over the energy activated.",
)
NOT_ASSESSED = (
    "Unbalance between phases: the power flow is balanced (positive sequence).",
    "What happens within an interval: ramps, response times, frequency services.",
    "Limits of the network above the feeder, and contingencies (N-1).",
    "Failures of communication and metering errors during activations.",
    "Whether people let their devices be used: whoever takes part offers what devices can do.",
)


def method_section(data: FlexibilityReportData) -> Section:
    """Build the section on how the numbers came about."""
    own = (f"<b>Baseline</b>: {escape(data.facts.baseline)}.", *METHOD)
    return Section(
        "method",
        "Method and assumptions",
        (
            Text((*own, *_escaped(data.facts.method)), "list", "How it was found"),
            Text(tuple(_assumptions(data)), "list", "Assumptions"),
            Text(NOT_ASSESSED, "list", "Not assessed"),
        ),
    )


def _escaped(sentences: Iterable[str]) -> tuple[str, ...]:
    return tuple(escape(each) for each in sentences)


def _assumptions(data: FlexibilityReportData) -> Iterator[str]:
    feeder = data.feeder
    yield from rating_sentences(feeder)
    if data.facts.prices:
        yield escape(f"Day-ahead prices: {data.facts.prices}.")
    yield from _escaped(data.facts.assumptions)


def settings_tables(data: FlexibilityReportData) -> tuple[Table, ...]:
    """Return settings, and versions with times and hashes."""
    pairs = (
        ("settings", "Settings", data.facts.settings),
        ("manifest", "Versions, times and hashes", data.facts.manifest),
    )
    return tuple(
        Table(
            name,
            title,
            (Column("setting", numeric=False), Column("value", numeric=False)),
            tuple(Row((key, text)) for key, text in flattened(values)),
            collapsed=True,
        )
        for name, title, values in pairs
        if values
    )


def appendix_section(data: FlexibilityReportData, files: Iterable[tuple[str, str]]) -> Section:
    """Build the appendix: settings, versions, hashes and links to all files."""
    links = tuple(
        f'<a href="{escape(path, quote=True)}">{escape(path)}</a>: {escape(words)}'
        for path, words in files
    )
    return Section(
        "appendix",
        "Settings, versions and files",
        (Text(links, "list", "Files beside this report"), *settings_tables(data)),
    )
