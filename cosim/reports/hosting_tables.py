"""Tables of a hosting-capacity report: feeder, base case, criteria, capacities, buses."""

import math

import numpy as np
import pandas as pd

from cosim.reports.blocks import RATINGS_ASSUMED, Column, Row, Table
from cosim.reports.drawn import bus_places
from cosim.reports.hosting_data import EVERYTHING, HostingReportData
from cosim.reports.hosting_summary import element_text, floored
from cosim.reports.hosting_words import LIMITING_UNITS, LIMITING_WORDS, criterion_words, limiting_of
from cosim.reports.ratings import (
    element_badges,
    lines_assumed,
    rating_badges,
    transformers_assumed,
)
from cosim.reports.wording import MISSING, number, sentence_case
from networks.feeder import LINE, TRANSFORMER, Feeder

ROWS_MAX = 400
QUANTITIES = {
    "voltage_max_pu": ("Highest voltage", "p.u.", 4),
    "voltage_min_pu": ("Lowest voltage", "p.u.", 4),
    "rise_max_pu": ("Highest voltage rise", "p.u.", 4),
    "drop_max_pu": ("Highest voltage drop", "p.u.", 4),
    "line_max_percent": ("Highest line loading", "%", 1),
    "transformer_max_percent": ("Highest transformer loading", "%", 1),
    "import_max_kw": ("Highest power drawn from the network above", "kW", 1),
    "export_max_kw": ("Highest power fed into the network above", "kW", 1),
    "loss_kw": ("Network losses", "kW", 2),
    "loss_kwh": ("Network losses", "kWh", 2),
}
RESTING = {"line_max_percent": LINE, "transformer_max_percent": TRANSFORMER}


def feeder_table(data: HostingReportData) -> Table:
    """Return what is known of the feeder and where its ratings come from."""
    feeder = data.feeder
    levels = sorted({float(kv) for kv in feeder.bus_nominal_kv}, reverse=True)
    lines = int((feeder.branch_kind == LINE).sum())
    rows = [
        ("Name", f"{feeder.title} ({feeder.name})"),
        ("Published in", feeder.source),
        ("Voltage levels", ", ".join(f"{kv:g}" for kv in levels) + " kV"),
        ("Buses", number(feeder.bus_count)),
        ("Lines", _sized(lines, feeder.line_km, "km")),
        ("Transformers", _sized(feeder.branch_count - lines, feeder.transformer_mva, "MVA")),
        ("Resistance to reactance of lines", _ratio_words(feeder)),
        ("Supply held at", f"{abs(feeder.slack_voltage_pu):.4g} p.u."),
        ("Published peak load", f"{number(data.peak_kw, 1)} kW"),
        ("Published generation", f"{number(float(feeder.nominal_generation_kw.sum()), 1)} kW"),
        ("Homes", number(data.facts.homes) if data.facts.homes else "none"),
        ("Looked at", data.facts.points),
        ("Drawn there without new plants", _range_words(data.facts.load_range_kw)),
        ("Line ratings", _ratings_words(feeder.ratings_source, lines_assumed(feeder))),
        (
            "Transformer ratings",
            "assumed"
            if transformers_assumed(feeder)
            else "none"
            if lines == feeder.branch_count
            else "as published",
        ),
        ("Net", f"SHA-256 {feeder.net_sha256}"),
    ]
    badges = {
        "Line ratings": (RATINGS_ASSUMED,) if lines_assumed(feeder) else (),
        "Transformer ratings": (RATINGS_ASSUMED,) if transformers_assumed(feeder) else (),
    }
    return Table(
        "feeder",
        "The feeder",
        (Column("", numeric=False), Column("", numeric=False)),
        tuple(Row((name, text), badges=badges.get(name, ())) for name, text in rows if text),
    )


def _sized(count: int, size: float, unit: str) -> str:
    """Return a number of elements with their size in all, where it is known."""
    if not count or not math.isfinite(size):
        return number(count)
    return f"{number(count)}, {size:.3g} {unit}"


def _ratio_words(feeder: Feeder) -> str:
    """Return the median and range of R/X of all lines, from the admittances between their ends."""
    lines = feeder.branch_kind == LINE
    start, end = (
        feeder.node_of_bus[each[lines]] for each in (feeder.branch_from, feeder.branch_to)
    )
    joined = (start >= 0) & (end >= 0) & (start != end)
    between = -np.asarray(feeder.admittance.tocsr()[start[joined], end[joined]]).ravel()
    impedance = 1.0 / between[np.abs(between) > 0.0]
    ratio = (impedance.real / impedance.imag)[np.abs(impedance.imag) > 0.0]
    if not len(ratio):
        return ""
    middle = f"{np.median(ratio):.2g}"
    low, high = f"{ratio.min():.2g}", f"{ratio.max():.2g}"
    return middle if low == high else f"{middle} (median), {low} to {high}"


def _range_words(load_kw: tuple[float, float]) -> str:
    low, high = (number(each, 1) for each in load_kw)
    if not all(map(math.isfinite, load_kw)):
        return ""
    return f"{low} kW" if low == high else f"{low} to {high} kW"


def _ratings_words(source: str, assumed: bool) -> str:
    words = sentence_case(source.removeprefix("Assumed: ")) or MISSING
    return f"Assumed. {words}" if assumed else words


def base_case_table(data: HostingReportData) -> Table:
    """Return the feeder as it is against the limits."""
    rows = []
    for _, each in data.table("base_case").iterrows():
        name = str(each["quantity"])
        label, unit, decimals = QUANTITIES.get(name, (sentence_case(name.replace("_", " ")), "", 3))
        value, limit = _float(each["value"]), _float(each["limit"])
        element = element_text(each)
        within = not each["fails"] if math.isfinite(limit) else None
        assumed = {LINE: lines_assumed, TRANSFORMER: transformers_assumed}.get(
            RESTING.get(name, -1)
        )
        rows.append(
            Row(
                (
                    label,
                    unit,
                    number(value, decimals),
                    number(limit, decimals) if math.isfinite(limit) else MISSING,
                    element or MISSING,
                    {True: "yes", False: "no", None: MISSING}[within],
                ),
                kind="alert" if within is False else "",
                badges=(RATINGS_ASSUMED,) if assumed and assumed(data.feeder) else (),
            )
        )
    return Table(
        "base-case",
        "The feeder before anything is added",
        (
            Column("", numeric=False),
            Column("unit", numeric=False),
            Column("value"),
            Column("limit"),
            Column("where", numeric=False),
            Column("within", numeric=False),
        ),
        tuple(rows),
        f"{sentence_case(data.facts.points)}. A feeder that breaks a limit here has hosting "
        "capacity 0.",
    )


def criteria_table(data: HostingReportData) -> Table:
    """Return what deployments are held to."""
    rows = tuple(
        Row((each.quantity, each.limit, each.unit, each.counted)) for each in data.facts.criteria
    )
    return Table(
        "criteria",
        f"Criteria: preset {data.facts.preset}",
        (
            Column("criterion", numeric=False),
            Column("limit"),
            Column("unit", numeric=False),
            Column("counted", numeric=False),
        ),
        rows,
        "Configurable defaults named after common practice. Nothing here claims compliance with a "
        "standard.",
        badges=rating_badges(data.feeder),
    )


def capacity_table(data: HostingReportData) -> Table:
    """Return hosting capacity of the reference lever, by criterion and in other units."""
    table = data.table("summary")
    rows = table[table["lever"] == data.reference]
    shown = [_capacity_row(data, row) for _, row in rows.iterrows()]
    return Table(
        "capacities",
        "Hosting capacity, all criteria and one at a time",
        (
            Column("criterion", numeric=False),
            Column("least (first)", "kW"),
            Column("5 %", "kW"),
            Column("median", "kW"),
            Column("95 %", "kW"),
            Column("most (all)", "kW"),
            Column("least, of peak load", "%"),
            Column("median, of peak load", "%"),
        ),
        tuple(shown),
        f"Published peak load: {number(data.peak_kw, 1)} kW. Capacities are bracketed to "
        f"{data.facts.resolution_kw:g} kW and rounded down.",
    )


def _capacity_row(data: HostingReportData, row: pd.Series) -> Row:
    criterion = str(row["criterion"])
    words = criterion_words(criterion)
    peak = data.peak_kw or math.nan
    names = ("first_kw", "q05_kw", "median_kw", "q95_kw", "all_kw")
    return Row(
        (
            words,
            *(floored(float(row[name])) for name in names),
            number(100.0 * float(row["first_kw"]) / peak),
            number(100.0 * float(row["median_kw"]) / peak),
        ),
        kind="total" if criterion == EVERYTHING and len(row) else "",
    )


def nodes_table(data: HostingReportData) -> Table:
    """Return what fits at every bus alone, and what limits it."""
    nodes = data.table("nodes").sort_values("hosting_kw", kind="stable")
    places = bus_places(data.feeder)
    rows = []
    for _, each in nodes.head(ROWS_MAX).iterrows():
        reason, element = limiting_of(each["limiting"]), element_text(each)
        rows.append(
            Row(
                (
                    data.feeder.bus_text(places[int(each["bus"])]),
                    number(float(each["hosting_kw"]), 1),
                    LIMITING_WORDS[reason],
                    element or MISSING,
                ),
                kind="" if each["hosting_kw"] > 0 else "alert",
                badges=element_badges(data.feeder, element.split(" (")[0]),
            )
        )
    zero = int((nodes["hosting_kw"] <= 0).sum())
    caption = f"{number(zero)} buses bear nothing; their model deserves a check." if zero else ""
    return Table(
        "nodes",
        "Nodal hosting capacity",
        (
            Column("bus", numeric=False),
            Column("capacity", "kW"),
            Column("limited by", numeric=False),
            Column("at", numeric=False),
        ),
        tuple(rows),
        caption,
        collapsed=True,
        scroll=True,
        sortable=True,
    )


def scenarios_table(data: HostingReportData) -> Table:
    """Return the deployments that are stopped first."""
    rows = data.scenarios(data.reference).sort_values("hosting_kw", kind="stable").head(20)
    shown = []
    for _, each in rows.iterrows():
        reason, element = limiting_of(each["limiting"]), element_text(each)
        unit, decimals = LIMITING_UNITS.get(reason, ("", 3))
        shown.append(
            Row(
                (
                    str(int(each["scenario"])),
                    number(float(each["hosting_kw"]), 1),
                    number(float(each["plants"])),
                    LIMITING_WORDS[reason],
                    element or MISSING,
                    f"{number(_float(each['value']), decimals)} {unit}".strip(),
                    f"{number(_float(each['limit']), decimals)} {unit}".strip(),
                )
            )
        )
    return Table(
        "first-deployments",
        "The 20 deployments that are stopped first",
        (
            Column("deployment"),
            Column("capacity", "kW"),
            Column("plants"),
            Column("limited by", numeric=False),
            Column("at", numeric=False),
            Column("value above capacity"),
            Column("limit"),
        ),
        tuple(shown),
        collapsed=True,
        sortable=True,
    )


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float | np.number) else math.nan
