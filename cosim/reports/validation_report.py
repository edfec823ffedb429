"""The report of validated trades or of a bid: one small HTML file without scripts."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import ClassVar

import pandas as pd

from cosim.reports.blocks import Block, Column, Row, Section, Table, Text, Tile, Tiles
from cosim.reports.feeder_drawing import Drawing, feeder_drawing, worst_panel
from cosim.reports.labels import element_words, reason_words
from cosim.reports.pages import template
from cosim.reports.report_data import rows_of
from cosim.reports.wording import counted, number, percent, ratio, scientific, sentence_case
from cosim.validate import Answer
from networks.file_kinds import is_path
from networks.reference import ReferenceCheck

ROWS_MAX = 300
BUSES_MAX = 400
STATE_TITLES = {
    "asked": "As asked",
    "accepted": "As accepted",
    "schedule": "Schedule as accepted",
}


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to copy."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True, slots=True)
class _Section:
    """A section that may also hold drawings and code."""

    name: str
    title: str
    blocks: tuple[Block | Drawing | Code, ...]


def write_validation_report(answer: Answer, check: ReferenceCheck | None, path: Path) -> None:
    """Write the report of `answer` to `path`; same answer, same bytes."""
    sections: tuple[Section | _Section, ...] = (
        Section("answer", "The answer", tuple(_answer(answer))),
        _Section("map", "Feeder map", (_drawing(answer),)),
        Section("cut", "What was cut, and why", tuple(_cut(answer))),
        Section("verdicts", "All verdicts", (_verdict_table(answer),)),
        Section("prices", "Prices by bus", tuple(_prices(answer))),
        _Section("check", "How to check it", tuple(_how_to_check(answer, check))),
    )
    what = "Trades" if answer.kind == "trades" else "Bid"
    html = template("validation.html").render(
        title=f"{what} on {answer.feeder.title}",
        facts=_facts(answer),
        sections=sections,
        ratings_assumed=answer.feeder.ratings_assumed,
    )
    path.write_text(html, encoding="utf-8")


def cut_rows(answer: Answer) -> pd.DataFrame:
    """Return what was not accepted as asked, the largest cut first, with a column cut_kw."""
    table = answer.verdicts
    left = "accepted_kw" if answer.kind == "trades" else "feasible_kw"
    cut = (table["asked_kw"] - table[left]).abs()
    chosen = table.assign(cut_kw=cut)[table["verdict"] != "accepted"]
    return chosen.sort_values("cut_kw", ascending=False, kind="stable")


def _facts(answer: Answer) -> tuple[tuple[str, str], ...]:
    asked = len(answer.verdicts)
    return (
        ("Feeder", f"{answer.feeder.name}, {number(answer.feeder.bus_count)} buses"),
        ("Intervals", number(len(answer.summary))),
        ("Judged", counted(asked, "trade" if answer.kind == "trades" else "answer")),
        ("Rule", answer.rule.replace("_", " ")),
        ("Limits", answer.limits or "of the feeder"),
    )


def _answer(answer: Answer) -> list[Block]:
    """Return what was asked, what is left and what is worth knowing."""
    verdicts = answer.verdicts["verdict"].value_counts()
    shown = [f"{number(int(verdicts.get(name, 0)))} {name}" for name in _VERDICTS]
    lead = f"{shown[0]}, {shown[1]} and {shown[2]}."
    if answer.accepted:
        lead = "All is accepted; nothing breaks a limit that the base case keeps."
    elif answer.worse:
        lead = f"{lead} The rule none cuts nothing: limits are broken."
    blocks: list[Block] = [Text((lead,), "lead"), Tiles(tuple(_tiles(answer)))]
    told = list(answer.notes)
    broken = answer.summary[answer.summary["broken_base"] != ""]
    if len(broken):
        first = broken.iloc[0]
        told.append(
            f"The base case itself breaks limits in {counted(len(broken), 'interval')}, first in "
            f"interval {first['interval']}: {first['broken_base']}. That is pre-existing: it is "
            "reported, and nothing accepted makes it worse."
        )
    if told:
        blocks.append(Text(tuple(escape(text) for text in told), "list", "Worth knowing"))
    return blocks


_VERDICTS = ("accepted", "curtailed", "rejected")


def _tiles(answer: Answer) -> list[Tile]:
    summary, table = answer.summary, answer.verdicts
    intervals = len(summary)
    final = [c for c in summary.columns if c.startswith("secure_")][2:]
    before, after = int(summary["secure_asked"].sum()), int(summary[final].all(axis=1).sum())
    tiles = []
    if answer.kind == "trades":
        asked, left = float(table["asked_kw"].sum()), float(table["accepted_kw"].sum())
        tiles.append(_kept("Accepted power", asked, left))
        names = [c for c in summary.columns if c.startswith("value_")]
        unit = "EUR/h" if names[0].endswith("eur_per_h") else "kWh/h"
        value = [float(summary[name].sum()) for name in names]
        tiles.append(
            Tile(
                "Value kept",
                percent(ratio(value[1], value[0])),
                "",
                f"{number(value[1], 2)} of {number(value[0], 2)} {unit}, summed over intervals",
            )
        )
    else:
        for product in ("schedule", "up", "down"):
            mine = table[table["product"] == product]
            tiles.append(
                _kept(
                    f"{sentence_case(product)}, feasible",
                    float(mine["asked_kw"].sum()),
                    float(mine["feasible_kw"].sum()),
                )
            )
    tiles.append(
        Tile(
            "Intervals inside all limits",
            f"{number(after)} of {number(intervals)}",
            "",
            f"{number(before)} of {number(intervals)} as asked",
            "good" if after == intervals else "alert",
        )
    )
    return tiles


def _kept(label: str, asked: float, left: float) -> Tile:
    note = f"of {number(asked, 2)} kW asked, summed over intervals"
    tone = "" if abs(asked - left) > 1e-6 else "good"
    return Tile(label, number(left, 2), "kW", note, tone)


def _drawing(answer: Answer) -> Drawing:
    panels = [
        worst_panel(title, answer.feeder, state.voltage_pu, state.loading_percent)
        for name, title in STATE_TITLES.items()
        if (state := answer.states.get(name)) is not None
    ]
    return feeder_drawing(answer.feeder, panels)


def _cut(answer: Answer) -> list[Block]:
    """Return which elements bind, and what reason and element mean."""
    cut = cut_rows(answer)
    if not len(cut):
        return [Text(("Nothing was cut.",))]
    groups = cut.groupby(["element", "reason"]).agg(
        kw=("cut_kw", "sum"), rows=("cut_kw", "size"), intervals=("interval", "nunique")
    )
    groups = groups.sort_values("kw", ascending=False)
    rows = tuple(
        Row(
            (
                element_words(answer.feeder, str(one.element)) or "no single element",
                reason_words(str(one.reason)),
                number(int(one.intervals)),
                number(int(one.rows)),
                number(float(one.kw), 3),
            )
        )
        for one in rows_of(groups.reset_index())
    )
    columns = (
        Column("Element", numeric=False),
        Column("Limit", numeric=False),
        Column("Intervals"),
        Column("Refusals"),
        Column("Cut", "kW"),
    )
    badges = ("ratings assumed",) if answer.feeder.ratings_assumed else ()
    return [
        Table(
            "binding",
            "Elements that bind",
            columns,
            rows,
            "One kW more of what is cut would push this element beyond its limit.",
            badges,
        )
    ]


def _verdict_table(answer: Answer) -> Table:
    """Return verdicts, what was cut first."""
    cut = cut_rows(answer).drop(columns="cut_kw")
    rest = answer.verdicts[answer.verdicts["verdict"] == "accepted"]
    table = pd.concat([cut, rest]).head(ROWS_MAX)
    hidden = ("_loss_", "_voltage_", "_congestion_")
    names = [c for c in table.columns if not any(part in c for part in hidden)]
    words = [not pd.api.types.is_numeric_dtype(table[name]) for name in names]
    rows = tuple(
        Row(
            tuple(_cell(name, value) for name, value in zip(names, values, strict=True)),
            kind="" if "accepted" in values else "alert",
        )
        for values in table[names].itertuples(index=False, name=None)
    )
    total = len(answer.verdicts)
    shown = f" (the first {len(rows)} of {total}; all are in verdicts.csv)"
    return Table(
        "verdicts",
        f"Verdicts, what was cut first{shown if len(rows) < total else ''}",
        tuple(Column(n, numeric=not w) for n, w in zip(names, words, strict=True)),
        rows,
        "Columns are those of verdicts.csv.",
        scroll=True,
    )


def _cell(name: str, value: object) -> str:
    """Return a value of a table as text."""
    if isinstance(value, float):
        return number(value, 5 if "_per_" in name else 4)
    return str(value).replace("_", " ") if name == "reason" else str(value)


def _prices(answer: Answer) -> list[Block]:
    """Return what a further kWh drawn costs at every bus that has a price at some time."""
    buses = answer.buses
    names = [c for c in buses.columns if c.endswith("_per_kwh")]
    priced = buses[(buses[names].fillna(0.0).abs() > 1e-9).any(axis=1)]
    if not len(priced):
        return [Text(("No limit binds with a price, and losses are not priced: nothing to show.",))]
    size = priced[names].fillna(0.0).abs().sum(axis=1)
    # Of every bus the interval in which its price is furthest from zero.
    rows = priced.assign(size=size).sort_values("size", ascending=False, kind="stable")
    rows = rows.drop_duplicates("bus").head(BUSES_MAX)
    columns = (Column("Bus"), Column("Interval"), *(Column(name) for name in names))
    return [
        Table(
            "prices",
            "The highest price of every bus, and its interval",
            columns,
            tuple(
                Row((str(bus), str(interval), *(number(float(v), 5) for v in values)))
                for bus, interval, *values in rows[["bus", "interval", *names]].itertuples(
                    index=False, name=None
                )
            ),
            "What a further kWh drawn at the bus costs through binding limits (below zero: it "
            "relieves them) and, where energy has a price, in losses. All intervals are in "
            "buses.parquet.",
            scroll=True,
        )
    ]


def _net_name(answer: Answer) -> str:
    """Return what `build_net` takes, beside the report where the feeder is a file."""
    name = answer.reference or answer.feeder.name
    return "feeder.json" if is_path(name) else name


def _how_to_check(answer: Answer, check: ReferenceCheck | None) -> list[Block | Drawing | Code]:
    """Return how to solve a state again, and what that gave here."""
    last = "schedule" if answer.kind == "bid" else "accepted"
    interval = int(answer.summary["interval"].iloc[0])
    code = "\n".join(
        (
            "import pandapower as pp",
            "import pandas",
            "from networks.catalog import build_net  # or your own net",
            "",
            f'net = build_net("{_net_name(answer)}")',
            "net.load.drop(net.load.index, inplace=True)",
            f'rows = pandas.read_parquet("buses.parquet").query("interval == {interval}")',
            "for row in rows.itertuples():",
            f"    pp.create_load(net, row.bus, p_mw=row.p_{last}_kw / 1e3, "
            "q_mvar=row.q_kvar / 1e3)",
            "pp.runpp(net, calculate_voltage_angles=True)",
            f'print((net.res_bus.vm_pu - rows.set_index("bus").vm_{last}_pu).abs().max())',
        )
    )
    told = "No state was solved again: its net is not known."
    if check is not None:
        told = (
            f"{number(check.states)} states, the tightest among them, were solved again with "
            f"pandapower: voltages differ by {scientific(check.voltage_pu)} p.u. at the most, "
            f"loadings by {scientific(check.loading_percentage_points)} percentage points."
        )
    return [
        Text((told, "The table of buses alone solves the feeder again:")),
        Code(code),
    ]
