"""What a report says of the market's mechanism, prices, savings, homes and missing power flows."""

import re
from dataclasses import replace

import numpy as np
import pytest

from cosim.reports.report_data import ReportData
from cosim.reports.write import render_report
from tests.reports.page import read_page, shown_number
from tests.reports.sample import with_settings


def test_broken_limits_are_listed_where_nothing_is_refused(run: ReportData) -> None:
    broken = np.array([""] * 96, dtype=object)
    broken[[40, 50]], broken[60] = "line_overload line 2", "no_power_flow"
    tables = replace(
        run.with_validation, intervals=run.with_validation.intervals.assign(broken=broken)
    )
    only = replace(run, with_validation=tables, without_validation=None)
    page = read_page(render_report(with_settings(only, "grid", "rule", "none")))
    rows = page.tables["broken-limits"][1:]
    assert [row[0] for row in rows] == ["Line overload", "No power flow"]
    assert rows[0][1].startswith("line 2 (")
    assert [row[2] for row in rows] == ["2", "1"]
    assert rows[0][3:] == ["Mon 13 Jun 10:00", "Mon 13 Jun 12:30"]


def test_prices_are_counted_at_floor_and_ceiling(run: ReportData) -> None:
    sell, buy, fees = 0.05, 0.25, 0.09
    local = np.full(96, np.nan)
    local[:10], local[10:30], local[30:60] = sell, buy - fees, 0.1
    priced = with_settings(run, "tariff", "local_network_fee_eur_per_kwh", "0.04")
    priced = with_settings(priced, "tariff", "local_levies_eur_per_kwh", "0.05")
    intervals = run.with_validation.intervals.assign(
        local_price_eur_per_kwh=local, sell_eur_per_kwh=sell, buy_eur_per_kwh=buy
    )
    tables = replace(run.with_validation, intervals=intervals)
    page = read_page(render_report(replace(priced, with_validation=tables)))
    (caption,) = [text for text in page.texts["caption"] if "at its floor" in text]
    assert (
        "at its floor in 10, at its ceiling in 20 and between in 30 of 96 intervals "
        "(36 have no local price)" in caption
    )
    traces = {trace["name"]: trace for trace in page.figures["prices"]["data"]}
    assert set(traces["ceiling of the local price"]["y"]) == {0.16}


def test_pay_as_bid_shows_what_was_paid(run: ReportData) -> None:
    kwh = np.zeros(96)
    paid = np.full(96, np.nan)
    kwh[:2], paid[:2] = (1.0, 3.0), (0.1, 0.2)
    intervals = run.with_validation.intervals.assign(local_paid_eur_per_kwh=paid, local_kwh=kwh)
    own = replace(run, with_validation=replace(run.with_validation, intervals=intervals))
    page = read_page(render_report(with_settings(own, "market", "mechanism", "pay_as_bid")))
    names = [trace["name"] for trace in page.figures["prices"]["data"]]
    assert {"uniform price of the same matches", "local price paid (mean)"} <= set(names)
    assert "local price" not in names
    text = " ".join(page.texts["main"])
    assert "By volume they paid 0.175 EUR/kWh on average." in text
    assert "local trades pay 0.175 EUR/kWh on average by volume" in text


def test_without_a_local_market_there_is_no_local_price(run: ReportData) -> None:
    page = read_page(render_report(with_settings(run, "market", "mechanism", "none")))
    names = [trace["name"] for trace in page.figures["prices"]["data"]]
    assert not any("local" in name for name in names)
    assert "There is no local market (mechanism none)" in " ".join(page.texts["plain"])


def test_notices_of_the_data_are_shown_in_the_method_and_at_the_foot(run: ReportData) -> None:
    manifest = {**run.manifest, "data_notice": ["SimBench, ODbL 1.0", "<b>prices</b>"]}
    html = render_report(replace(run, manifest=manifest))
    page = read_page(html)
    assert "SimBench, ODbL 1.0" in page.texts["footer"][0]
    assert sum("SimBench, ODbL 1.0" in text for text in page.texts["statements"]) == 1
    assert "<b>prices</b>" not in html


def test_saving_is_split_into_prices_and_trade(run: ReportData) -> None:
    split = {"saving_eur": 10.0, "saving_without_trade_eur": 4.0, "fees_saved_eur": -1.5}
    metrics = {name: {**values, **split} for name, values in run.metrics.items()}
    page = read_page(render_report(replace(run, metrics=metrics)))
    rows = {row[0].strip("\u2003"): row[2:] for row in page.tables["side-by-side"] if len(row) > 1}
    assert rows["of it by the aggregator's prices alone"] == ["4.00", "4.00", "0.00"]
    assert rows["of it by local trading"] == ["6.00", "6.00", "0.00"]
    text = " ".join(page.texts["plain"]).replace("\u00a0", " ")
    assert (
        "of it 4.00 EUR from the aggregator's prices alone and 6.00 EUR from local trading (fees "
        "and levies paid rise by 1.50 EUR)" in text
    )


def test_prosumers_that_stand_for_several_homes_are_told(run: ReportData) -> None:
    assert run.fleet is not None
    fleet = replace(run.fleet, homes=np.full_like(run.fleet.homes, 2.0))
    page = read_page(render_report(replace(run, fleet=fleet)))
    assert "24, standing for 48 homes" in page.texts["dd"]
    head, first = page.tables["bill-table"][:2]
    assert head[2] == "Homes"
    assert first[2] == "2"
    bill = run.with_validation.bills.iloc[0]
    each = (bill["retail_only_bill_eur"] - bill["bill_eur"]) / 2
    at = [name.startswith("Saving a home") for name in head].index(True)
    assert shown_number(first[at].lstrip("+")) == pytest.approx(each, abs=0.006)


def test_a_run_without_any_power_flow_paints_nothing_wrong(run: ReportData) -> None:
    tables = run.with_validation
    intervals = tables.intervals.assign(converged=False)
    failed = replace(run, with_validation=replace(tables, intervals=intervals))
    page = read_page(render_report(failed))
    traces = page.figures["feeder-map"]["data"]
    names = [trace.get("name", "") for trace in traces]
    assert "bus without power flow" in names
    assert "branch without power flow" in names
    rows = {row[0]: row for row in page.tables["side-by-side"] if len(row) > 1}
    assert rows["Highest voltage"][2] == "\u2013"
    assert "nan" not in re.findall(r"[a-z]+", " ".join(page.texts["main"]))


def test_offers_are_drawn_in_both_directions_and_summed(run: ReportData) -> None:
    page = read_page(render_report(run))
    table = run.with_validation.wholesale
    traces = {trace["name"]: trace["y"] for trace in page.figures["balancing-offers"]["data"]}
    np.testing.assert_allclose(traces["up, offered"], table["up_offered_kw"], atol=0.01)
    np.testing.assert_allclose(traces["up, feasible"], table["up_feasible_kw"], atol=0.01)
    np.testing.assert_allclose(traces["down, feasible"], -table["down_feasible_kw"], atol=0.01)
    (caption,) = [text for text in page.texts["caption"] if "none of it is activated" in text]
    share = table["up_feasible_kw"].sum() / table["up_offered_kw"].sum()
    cut = int((table["up_verdict"] != "accepted").sum())
    assert f"the grid can deliver {100 * share:.1f}" in caption
    assert f"{cut} intervals are cut by transformer overload trafo 0 ({cut})" in caption
    assert "offered down (capacity times time) the grid can deliver 100" in caption


def test_without_offers_nothing_is_drawn_of_them(run: ReportData) -> None:
    names = ("up_offered_kw", "up_feasible_kw", "down_offered_kw", "down_feasible_kw")
    table = run.with_validation.wholesale.assign(**dict.fromkeys(names, 0.0))
    none = replace(run, with_validation=replace(run.with_validation, wholesale=table))
    assert "balancing-offers" not in read_page(render_report(none)).figures
