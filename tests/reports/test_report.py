"""The report holds what it must, and its numbers are those of the tables."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from cosim.errors import RunFolderError
from cosim.reports.report_data import ArmTables, ReportData
from cosim.reports.timeline import timeline_of
from cosim.reports.write import figures_of, render_report, sections_of, write_report
from tests.reports.page import read_page, shown_number
from tests.reports.sample import sample_data, with_settings
from tests.reports.sample_feeder import Options

SECTIONS = ("summary", "map", "prices", "verdicts", "grid", "flows", "bills", "devices", "method")
FIGURES = {
    *("feeder-map", "prices", "volumes", "day-ahead-bid", "refusals", "voltage-envelope"),
    *("loading-envelope", "durations", "energy-flows", "average-day", "money-flows", "bills"),
    *("savings", "state-of-charge", "vehicles", "indoor-temperature", "balancing-offers"),
}
CASES = {
    "no trades": Options(trade=False),
    "no comparison": Options(comparison=False),
    "no violations": Options(transformer_kw=400.0),
    "no devices": Options(devices=False),
    "no solar": Options(pv_kwp=0.0, devices=False),
    "no coordinates": Options(coordinates=False),
    "own ratings": Options(ratings_assumed=False),
    "pre-existing": Options(preexisting=True),
    "clocks change": Options(days=2, start="2016-10-28T22:00"),
    "long": Options(days=20, prosumers=6, transformer_kw=20.0),
}


def lead(html: str) -> str:
    return read_page(html).texts["lead"][0].replace("\u00a0", " ")


def test_has_every_section_and_figure(report: str) -> None:
    page = read_page(report)
    assert [name for name in page.ids if name in SECTIONS] == list(SECTIONS)
    assert set(page.figures) == FIGURES
    assert {f"figure-{name}" for name in FIGURES} <= set(page.ids)


def test_identifiers_are_unique_and_links_lead_somewhere(report: str) -> None:
    page = read_page(report)
    assert len(page.ids) == len(set(page.ids))
    assert {name.removeprefix("#") for name in page.references if name[:1] == "#"} <= set(page.ids)


def test_loads_nothing_from_elsewhere(report: str) -> None:
    page = read_page(report)
    assert [r for r in page.references if not r.startswith(("#", "data:"))] == []
    assert not re.search(r"@import|url\(|https?:", page.styles)


def test_same_data_give_the_same_bytes(tmp_path: Path, report: str) -> None:
    write_report(sample_data(), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == report.encode()


def test_key_sentence_counts_both_arms_and_the_cost(run: ReportData, report: str) -> None:
    trades = run.with_validation.trades
    cleared, accepted = trades["cleared_kwh"].sum(), trades["accepted_kwh"].sum()
    free = broken_by_kind(run, run.without_validation)
    assert lead(report) == (
        f"Without validation {free['any']} of 96 intervals break a limit "
        f"({free['overvoltage']} overvoltage, {free['line']} line overload and {free['trafo']} "
        "transformer overload); with the optimal rule none does; "
        f"{cleared - accepted:.1f} kWh of {cleared:.1f} kWh offered were refused "
        f"({100 * (cleared - accepted) / cleared:.1f} %, again and again those of the same "
        f"{refused_prosumers(trades)} prosumers), {lost_kwh(run):.1f} kWh of solar energy was lost."
    )


def refused_prosumers(trades: pd.DataFrame) -> int:
    cut = trades[trades["verdict"] != "accepted"]
    return len({*cut["seller"]} - {"aggregator"})


def lost_kwh(run: ReportData) -> float:
    assert run.without_validation is not None
    arms = (run.with_validation, run.without_validation)
    judged, free = (arm.prosumers["curtailed_kw"].sum() / 4 for arm in arms)
    return float(judged - free)


def broken_by_kind(run: ReportData, tables: ArmTables | None) -> dict[str, int]:
    assert tables is not None
    buses, count = tables.buses, run.interval_count
    hits = {
        "overvoltage": buses["interval"][buses["vm_pu"] > 1.1 + 1e-9],
        "undervoltage": buses["interval"][buses["vm_pu"] < 0.9 - 1e-9],
        "line": tables.lines["interval"][tables.lines["loading_percent"] > 100 + 1e-7],
        "trafo": tables.trafos["interval"][tables.trafos["loading_percent"] > 100 + 1e-7],
    }
    found = {name: np.isin(np.arange(count), hit) for name, hit in hits.items()}
    any_hit = np.any(list(found.values()), axis=0)
    return {name: int(hit.sum()) for name, hit in found.items()} | {"any": int(any_hit.sum())}


def account_eur(ledger: pd.DataFrame, name: str) -> float:
    received = ledger["eur"][ledger["payee"] == name].sum()
    return float(received - ledger["eur"][ledger["payer"] == name].sum())


def expected_rows(run: ReportData, tables: ArmTables) -> dict[str, tuple[float, int]]:
    """Recompute the side-by-side table from the tables alone: value and shown decimals."""
    broken, trades, people = broken_by_kind(run, tables), tables.trades, tables.prosumers
    local = (trades["seller"] != "aggregator") & (trades["buyer"] != "aggregator")
    curtailed = float(people["curtailed_kw"].sum()) / 4
    bills, wholesale = tables.bills, tables.wholesale
    cut = trades["cleared_kwh"].sum() - trades["accepted_kwh"].sum()
    imbalance = (wholesale["imbalance_kwh"] * wholesale["imbalance_eur_per_kwh"]).sum()
    return {
        "Intervals that break a limit": (broken["any"], 0),
        "overvoltage": (broken["overvoltage"], 0),
        "undervoltage": (broken["undervoltage"], 0),
        "line overload": (broken["line"], 0),
        "transformer overload": (broken["trafo"], 0),
        "no power flow": (float((~tables.intervals["converged"]).sum()), 0),
        "Intervals with a pre-existing violation": (tables.intervals["preexisting"].sum(), 0),
        "Lowest voltage": (tables.buses["vm_pu"].min(), 4),
        "Highest voltage": (tables.buses["vm_pu"].max(), 4),
        "Highest line loading": (tables.lines["loading_percent"].max(), 1),
        "Highest transformer loading": (tables.trafos["loading_percent"].max(), 1),
        "Highest import from the grid above": (max(0, tables.intervals["slack_kw"].max()), 1),
        "Highest export to the grid above": (max(0, -tables.intervals["slack_kw"].min()), 1),
        "Network losses": (tables.intervals["loss_kw"].sum() / 4, 1),
        "Cleared by the auction": (trades["cleared_kwh"].sum(), 1),
        "Refused by the grid": (cut, 1),
        "Traded locally": (trades["accepted_kwh"][local].sum(), 1),
        "Solar energy available": (people["pv_kw"].sum() / 4 + curtailed, 1),
        "Solar energy curtailed": (curtailed, 1),
        "Imbalance of the aggregator (sum of sizes)": (wholesale["imbalance_kwh"].abs().sum(), 1),
        "Bills and open positions of all prosumers": (bills["bill_eur"].sum(), 2),
        "Bills and open positions, retailer only": (bills["retail_only_bill_eur"].sum(), 2),
        "Saving against the retailer only": (
            bills["retail_only_bill_eur"].sum() - bills["bill_eur"].sum(),
            2,
        ),
        "Result of the aggregator": (account_eur(tables.ledger, "aggregator"), 2),
        "of it settled as imbalance": (imbalance, 2),
    }


@pytest.mark.parametrize("preexisting", [False, True])
def test_side_by_side_numbers_are_those_of_the_tables(preexisting: bool) -> None:
    run = sample_data(Options(preexisting=preexisting))
    assert run.without_validation is not None
    rows = read_page(render_report(run)).tables["side-by-side"]
    shown = {row[0].strip("\u2003"): row[2:] for row in rows[1:] if len(row) > 1}
    judged = expected_rows(run, run.with_validation)
    free = expected_rows(run, run.without_validation)
    assert set(shown) == set(judged)
    for name, (value, decimals) in judged.items():
        expected = (value, free[name][0], value - free[name][0])
        for text, number in zip(shown[name], expected, strict=True):
            assert abs(shown_number(text) - number) <= 0.5001 * 10.0**-decimals, name


def test_verdict_counts_are_those_of_the_tables(run: ReportData, report: str) -> None:
    rows = {row[0]: row for row in read_page(report).tables["verdict-counts"]}
    trades = run.with_validation.trades
    sold = trades[trades["buyer"] == "aggregator"]
    assert [shown_number(cell) for cell in rows["Sales to the aggregator"][1:4]] == [
        (sold["verdict"] == verdict).sum() for verdict in ("accepted", "curtailed", "rejected")
    ]
    cut = (sold["cleared_kwh"] - sold["accepted_kwh"]).sum()
    assert shown_number(rows["Sales to the aggregator"][5]) == pytest.approx(cut, abs=0.005)


def test_refusals_are_grouped_by_who_and_why(run: ReportData, report: str) -> None:
    rows = read_page(report).tables["grouped-refusals"][1:]
    assert 0 < len(rows) <= 15
    cuts = [shown_number(row[3]) for row in rows]
    assert cuts == sorted(cuts, reverse=True)
    assert len({tuple(row[:3]) for row in rows}) == len(rows)
    assert all(re.fullmatch(r"prosumer \d+ \u2192 (aggregator|neighbours)", row[0]) for row in rows)
    assert {row[1] for row in rows} <= {"overvoltage", "line overload", "transformer overload"}
    trades = run.with_validation.trades
    seller = re.findall(r"\d+", rows[0][0])[0]
    local = rows[0][0].endswith("neighbours")
    mine = trades[
        (trades["seller"] == seller)
        & ((trades["buyer"] != "aggregator") == local)
        & (trades["reason"] == rows[0][1].replace(" ", "_"))
        & (trades["element"] == rows[0][2].split(" (")[0])
    ]
    assert cuts[0] == pytest.approx((mine["cleared_kwh"] - mine["accepted_kwh"]).sum(), abs=0.006)
    assert shown_number(rows[0][5]) == mine["interval"].nunique()


def test_accounts_sum_to_zero_and_hold_all_bills(run: ReportData, report: str) -> None:
    rows = {row[0]: row for row in read_page(report).tables["accounts"]}
    assert rows["Sum"][3] == "0.00"
    bills = run.with_validation.bills["bill_eur"].sum()
    assert shown_number(rows["Prosumers"][3].lstrip("+")) == pytest.approx(-bills, abs=0.006)


def test_every_bill_is_listed(run: ReportData, report: str) -> None:
    rows = read_page(report).tables["bill-table"][1:]
    bills = run.with_validation.bills
    assert [row[0] for row in rows] == [str(number) for number in bills["prosumer"]]
    shown = [shown_number(row[3]) for row in rows]
    assert shown == pytest.approx(bills["bill_eur"].tolist(), abs=0.00501)


def test_assumed_ratings_are_flagged_wherever_a_loading_appears(
    run: ReportData, report: str
) -> None:
    titles = [t for t in read_page(report).texts["h3"] if "ratings assumed" in t]
    for title in ("worst loading of every branch", "Highest loading over time", "Duration curves"):
        assert any(title in found for found in titles), title
    rows = re.findall(r"<tr><td[^>]*>([^<]*loading[^<]*)<span class=\"badge\">", report)
    assert rows == ["Highest line loading"]
    feeder = replace(run.feeder, transformer_ratings_assumed=True)
    both = render_report(replace(run, feeder=feeder))
    rows = re.findall(r"<tr><td[^>]*>([^<]*loading[^<]*)<span class=\"badge\">", both)
    assert rows == ["Highest line loading", "Highest transformer loading"]


def test_own_ratings_are_not_flagged() -> None:
    html = render_report(sample_data(Options(ratings_assumed=False)))
    assert "ratings assumed" not in " ".join(read_page(html).texts["main"])


def test_synthetic_prices_are_labelled_where_they_are_drawn(run: ReportData, report: str) -> None:
    figures = read_page(report).figures
    names = [trace["name"] for trace in figures["prices"]["data"]]
    assert "day-ahead: synthetic (calm)" in names
    real = replace(
        run, manifest={**run.manifest, "day_ahead_label": "a.csv", "imbalance_label": "b.csv"}
    )
    assert "synthetic" in " ".join(read_page(report).texts["main"])
    assert "synthetic" not in " ".join(read_page(render_report(real)).texts["main"]).lower()


def test_figures_are_valid_plotly(run: ReportData) -> None:
    figures = list(figures_of(sections_of(run, timeline_of(run))))
    assert len(figures) == len(FIGURES)
    for figure in figures:
        go.Figure(figure.spec)  # raises on a property or value that plotly does not know
        assert figure.caption.endswith(".")


def test_map_shows_both_arms_and_every_bus(run: ReportData, report: str) -> None:
    traces = read_page(report).figures["feeder-map"]["data"]
    buses = [trace for trace in traces if "customdata" in trace]
    assert [len(trace["x"]) for trace in buses] == [run.feeder.bus_count] * 2
    high = run.with_validation.buses.query("bus == 7")["vm_pu"].max()
    assert f"highest {high:.4f} p.u." in buses[0]["customdata"][7]


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_odd_runs_make_a_whole_report(options: Options) -> None:
    run = sample_data(options)
    page = read_page(render_report(run))
    assert [name for name in page.ids if name in SECTIONS] == list(SECTIONS)
    for figure in figures_of(sections_of(run, timeline_of(run))):
        go.Figure(figure.spec)
    text = " ".join(page.texts["main"])
    assert "nan" not in re.findall(r"[a-z]+", text)


def test_without_comparison_there_is_one_column_of_numbers() -> None:
    html = render_report(sample_data(Options(comparison=False)))
    assert lead(html).startswith("With the optimal rule none of 96 intervals breaks a limit; ")
    assert len(read_page(html).tables["side-by-side"][0]) == 3


def test_without_violations_the_summary_says_so() -> None:
    html = render_report(sample_data(Options(transformer_kw=400.0)))
    assert lead(html).startswith(
        "Without validation none of 96 intervals breaks a limit, and with the optimal rule none "
        "does either; nothing of the"
    )
    assert "Nothing was refused" in html


def test_preexisting_violations_are_named() -> None:
    html = render_report(sample_data(Options(preexisting=True)))
    assert "with the optimal rule 3 do" in lead(html)
    text = " ".join(read_page(html).texts["plain"])
    assert "In 3 intervals the feeder breaks a limit even if every trade is refused" in text
    assert "3 of the 3 violations" in text


def test_report_only_is_not_called_validated(run: ReportData) -> None:
    only = with_settings(replace(run, without_validation=None), "grid", "rule", "none")
    html = render_report(only)
    assert lead(html).startswith("Nothing was refused (rule none): none of 96 intervals breaks")
    assert "Not validated" in read_page(html).tables["side-by-side"][0][2]
    assert "The rule none refuses nothing" in html


def test_missing_devices_are_said_to_be_missing() -> None:
    html = render_report(sample_data(Options(devices=False)))
    assert "No prosumer has a battery or a vehicle or a heat pump." in html


def test_unsolved_intervals_are_counted(run: ReportData) -> None:
    tables = run.with_validation
    intervals = tables.intervals.assign(converged=tables.intervals["interval"] != 5)
    buses = tables.buses.assign(vm_pu=tables.buses["vm_pu"].where(tables.buses["interval"] != 5))
    failed = replace(run, with_validation=replace(tables, intervals=intervals, buses=buses))
    html = render_report(failed)
    assert "with the optimal rule 1 does (1 no power flow)" in lead(html)
    captions = read_page(html).texts["caption"]
    assert sum("No power flow was found in 1 interval with validation" in t for t in captions) == 5


def test_lines_may_be_numbered_in_a_column_called_element(run: ReportData, report: str) -> None:
    def renamed(tables: ArmTables | None) -> ArmTables:
        assert tables is not None
        return replace(
            tables,
            lines=tables.lines.rename(columns={"line": "element"}),
            trafos=tables.trafos.rename(columns={"trafo": "element"}),
        )

    other = replace(
        run,
        with_validation=renamed(run.with_validation),
        without_validation=renamed(run.without_validation),
    )
    assert render_report(other) == report


def test_all_missing_columns_are_named_at_once(run: ReportData) -> None:
    tables = replace(
        run.with_validation,
        buses=run.with_validation.buses.drop(columns="vm_pu"),
        lines=run.with_validation.lines.drop(columns="line"),
    )
    with pytest.raises(RunFolderError) as caught:
        render_report(replace(run, with_validation=tables))
    assert len(caught.value.problems) == 2
    assert "vm_pu" in caught.value.problems[0]
    assert "line (or element)" in caught.value.problems[1]


def test_an_element_the_feeder_does_not_have_is_named(run: ReportData) -> None:
    lines = run.with_validation.lines.replace({"line": {3: 99}})
    wrong = replace(run, with_validation=replace(run.with_validation, lines=lines))
    with pytest.raises(RunFolderError, match="line 99 is not part of the feeder"):
        render_report(wrong)


def test_names_cannot_break_out_of_the_page(run: ReportData) -> None:
    evil = "</script><script>alert(1)</script>"
    feeder = replace(
        run.feeder, title=evil, bus_name=(evil,) * run.feeder.bus_count, ratings_source=evil
    )
    page = read_page(render_report(replace(run, feeder=feeder)))
    assert "alert(1)" not in "".join(page.texts["script"][-1:])
    assert len(page.texts["script"]) == 3


@pytest.mark.slow
def test_a_week_of_270_prosumers_stays_small(tmp_path: Path) -> None:
    run = sample_data(Options(days=7, prosumers=270, transformer_kw=900.0))
    write_report(run, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 8_000_000
