"""The last section: how it was computed, what is assumed, and what was not looked at."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from cosim.reports.arm import Arm
from cosim.reports.assumptions import assumptions
from cosim.reports.blocks import Block, Column, Row, Section, Table, Text
from cosim.reports.labels import metric_label
from cosim.reports.notices import notices_of
from cosim.reports.ratings import has, rating_badges
from cosim.reports.report_data import ReportData
from cosim.reports.wording import MISSING, counted, number, signed
from networks.feeder import LINE, TRANSFORMER

SIGNS = (
    "Power above zero is drawn from the grid, below zero fed in.",
    "An order above zero buys; day-ahead energy above zero is sold by the aggregator.",
    "Money above zero is received; only bills are turned round: above zero is to be paid.",
    "Bus, line and transformer numbers are pandapower's own. Times are local unless stated.",
)


def method_section(data: ReportData, judged: Arm, free: Arm | None) -> Section:
    """Build the last section."""
    blocks: list[Block] = [
        Text(tuple(assumptions(data, judged, free)), "list", "What is assumed"),
        Text(SIGNS, "list", "Signs and numbers"),
        *_notices(data),
        _feeder_table(data),
    ]
    if any(data.metrics.values()):
        blocks.append(_metric_table(data, free))
    blocks += [_manifest_table(data), _settings_table(data)]
    return Section("method", "Method, assumptions and limits", tuple(blocks))


def _notices(data: ReportData) -> tuple[Text, ...]:
    notices = tuple(escape(notice) for notice in notices_of(data))
    return (Text(notices, "list", "Data"),) if notices else ()


def _feeder_table(data: ReportData) -> Table:
    feeder = data.feeder
    lines = int((feeder.branch_kind == LINE).sum())
    trafos = feeder.branch_count - lines
    branches = counted(lines, "line")
    if has(feeder, TRANSFORMER):
        branches += f", {counted(trafos, 'transformer')}"
    low, high = feeder.voltage_min_pu, feeder.voltage_max_pu
    limits = f"{low.min():g} to {high.max():g} p.u."
    if low.min() != low.max() or high.min() != high.max():
        limits += " (differs between buses)"
    voltages = ", ".join(f"{kv:g}" for kv in sorted(set(feeder.bus_nominal_kv.tolist())))
    loading = sorted(set(feeder.loading_max_percent.tolist()))
    rows = (
        ("Feeder", f"{feeder.title} ({feeder.name})"),
        ("Source", feeder.source),
        (
            "Size",
            f"{feeder.bus_count} buses, {branches}",
        ),
        ("Nominal voltages", f"{voltages} kV"),
        ("Peak load of the net", f"{number(float(feeder.nominal_load_kw.sum()), 1)} kW"),
        ("Voltage limits", limits),
        ("Loading limit", f"{', '.join(f'{limit:g}' for limit in loading)} % of the rating"),
        ("Ratings", feeder.ratings_source or MISSING),
    )
    return Table(
        "feeder",
        "Feeder",
        (Column("", numeric=False), Column("", numeric=False)),
        tuple(Row(row) for row in rows),
        badges=rating_badges(feeder),
    )


def _metric_table(data: ReportData, free: Arm | None) -> Table:
    judged = data.metrics.get("with_validation", {})
    other = data.metrics.get("without_validation", {}) if free is not None else {}
    columns = [Column("Metric", numeric=False), Column("Unit", numeric=False), Column("Value")]
    if other:
        columns += [Column("Without validation"), Column("Difference")]
    rows = []
    for name in dict.fromkeys([*judged, *other]):
        label, unit, decimals = metric_label(name)
        value, compared = _as_float(judged.get(name)), _as_float(other.get(name))
        cells = [label, unit, number(value, decimals)]
        if other:
            cells += [number(compared, decimals), signed(value - compared, decimals)]
        rows.append(Row(tuple(cells)))
    return Table("metrics", "All metrics", tuple(columns), tuple(rows), collapsed=True)


def _as_float(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _manifest_table(data: ReportData) -> Table:
    return Table(
        "manifest",
        "Versions and provenance",
        (Column("Entry", numeric=False), Column("Value", numeric=False)),
        tuple(Row((name.replace("_", " "), value)) for name, value in _flat(_shown(data))),
        collapsed=True,
    )


def _shown(data: ReportData) -> Mapping[str, Any]:
    """Return the manifest without learned policies, which have a section of their own."""
    return {name: value for name, value in data.manifest.items() if name != "policies"}


def _flat(entries: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in entries.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} \u203a ")
        else:
            texts = value if isinstance(value, (list, tuple)) else [value]
            shown = [MISSING if text is None else str(text) for text in texts]
            yield f"{prefix}{name}", "; ".join(shown) or MISSING


def _settings_table(data: ReportData) -> Table:
    rows, last = [], None
    for section, key, value in data.settings:
        if section != last:
            rows.append(Row((section,), kind="group"))
            last = section
        rows.append(Row((key, "not set" if value in ("", "None") else str(value))))
    return Table(
        "settings",
        "All settings",
        (Column("Key", numeric=False), Column("Value", numeric=False)),
        tuple(rows),
        collapsed=True,
    )
