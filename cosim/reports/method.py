"""Section 9: how it was computed, what is assumed, and what was not looked at."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from cosim.reports.arm import LOADING_TOLERANCE_PERCENT, VOLTAGE_TOLERANCE_PU, Arm
from cosim.reports.blocks import RATINGS_ASSUMED, Block, Column, Row, Section, Table, Text
from cosim.reports.labels import metric_label
from cosim.reports.report_data import ReportData
from cosim.reports.summary import check_sentence
from cosim.reports.wording import MISSING, counted, number, sentence_case, signed

SIGNS = (
    "Power above zero is drawn from the grid, below zero fed in.",
    "An order above zero buys; day-ahead energy above zero is sold by the aggregator.",
    "Money above zero is received; only bills are turned round: above zero is to be paid.",
    "Bus, line and transformer numbers are pandapower's own. Times are local unless stated.",
)
NOT_ASSESSED = (
    "Not assessed: unbalance between phases, fault currents, protection, islanding, harmonics, "
    "flicker, and limits of the grid above the feeder."
)


def method_section(data: ReportData, judged: Arm, free: Arm | None) -> Section:
    """Build section 9."""
    blocks: list[Block] = [
        Text(tuple(assumptions(data, judged, free)), "list", "What is assumed"),
        Text(SIGNS, "list", "Signs and numbers"),
        _feeder_table(data),
    ]
    if any(data.metrics.values()):
        blocks.append(_metric_table(data, free))
    blocks += [_manifest_table(data), _settings_table(data)]
    return Section("method", "Method, assumptions and limits", tuple(blocks))


def assumptions(data: ReportData, judged: Arm, free: Arm | None) -> Iterator[str]:
    """Yield what a reader must know before believing a number."""
    feeder = data.feeder
    if feeder.ratings_assumed:
        source = sentence_case(feeder.ratings_source.removeprefix("Assumed: "))
        yield (
            f"<b>Thermal ratings are assumed.</b> {escape(source)} Every loading in this report "
            "rests on them."
        )
    elif feeder.ratings_source:
        yield f"Thermal ratings: {escape(feeder.ratings_source)}"
    minutes = data.interval_h * 60
    yield (
        "The power flow is balanced (positive sequence), with constant power at every bus; "
        f"{minutes:g}-minute means stand for what happens within an interval."
    )
    yield from check_sentence(data) or ("No state was compared with pandapower.",)
    yield (
        f"A limit counts as broken beyond {VOLTAGE_TOLERANCE_PU:g} p.u. or "
        f"{LOADING_TOLERANCE_PERCENT:g} percentage points of loading, the accuracy of the power "
        f"flow.{_own_count(judged)}"
    )
    seed = data.manifest.get("seed", data.setting("run", "seed"))
    yield (
        f"Everything random is a single draw (seed {seed if seed != '' else MISSING}): profiles, "
        "devices, prices and forecast errors. Numbers come without confidence intervals."
    )
    yield from _prices(data)
    yield from _forecasts(data)
    if free is not None:
        yield (
            "Both arms play the same days with the same draws. After a first refusal their "
            "batteries, vehicles and buildings may be in different states, so differences add up "
            "over the run."
        )
    yield NOT_ASSESSED


def _own_count(judged: Arm) -> str:
    """Compare the count of broken intervals with the validation's own."""
    flagged = int((judged.of_intervals("secure") == 0).sum())
    counted_here = int(judged.any_broken.sum())
    if flagged == counted_here:
        return ""
    return (
        f" Counted so {counted(counted_here, 'interval')} {judged.label} break a limit; the "
        f"validation itself, with its own tolerance, flags {number(flagged)}."
    )


def _prices(data: ReportData) -> Iterator[str]:
    labels = {
        "Day-ahead prices": data.manifest.get("day_ahead_label", ""),
        "imbalance prices": data.manifest.get("imbalance_label", ""),
    }
    known = [f"{name}: {label}" for name, label in labels.items() if label]
    if known:
        yield escape(f"{'; '.join(known)}.")
    if any("synthetic" in str(label).lower() for label in labels.values()):
        yield "Synthetic prices come from a seeded generator and are no market's."


def _forecasts(data: ReportData) -> Iterator[str]:
    names = (
        ("load_error", "load of a home", ""),
        ("pv_error", "solar power", ""),
        ("price_error_eur_per_kwh", "day-ahead price", " EUR/kWh"),
    )
    parts = []
    for key, words, unit in names:
        value = data.setting("forecasts", key)
        if value:
            shown = f"{value}{unit}" if unit else f"{100 * float(value):g} %"
            parts.append(f"{words} {shown}")
    if parts:
        memory = data.setting("forecasts", "hours_of_memory")
        tail = f"; errors fade over {memory} h" if memory else ""
        yield f"Forecast errors (standard deviation): {', '.join(parts)}{tail}."


def _feeder_table(data: ReportData) -> Table:
    feeder = data.feeder
    lines = int((feeder.branch_kind == 0).sum())
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
            f"{feeder.bus_count} buses, {counted(lines, 'line')}, "
            f"{counted(feeder.branch_count - lines, 'transformer')}",
        ),
        ("Nominal voltages", f"{voltages} kV"),
        ("Published peak load", f"{number(float(feeder.nominal_load_kw.sum()), 1)} kW"),
        ("Voltage limits", limits),
        ("Loading limit", f"{', '.join(f'{limit:g}' for limit in loading)} % of the rating"),
        ("Ratings", feeder.ratings_source or MISSING),
    )
    return Table(
        "feeder",
        "Feeder",
        (Column("", numeric=False), Column("", numeric=False)),
        tuple(Row(row) for row in rows),
        badges=(RATINGS_ASSUMED,) if feeder.ratings_assumed else (),
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
        tuple(Row((name.replace("_", " "), value)) for name, value in _flat(data.manifest)),
        collapsed=True,
    )


def _flat(entries: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in entries.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} \u203a ")
        else:
            yield f"{prefix}{name}", MISSING if value is None else str(value)


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
