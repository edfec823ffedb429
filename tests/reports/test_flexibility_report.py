"""The report of a flexibility study says what its tables say."""

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cosim.errors import RunFolderError
from cosim.reports.flexibility_data import DOWN, UP, FlexibilityReportData
from cosim.reports.flexibility_from_study import report_files
from cosim.reports.flexibility_report import flexibility_report_files, render_flexibility_report
from cosim.reports.flexibility_sliders import STEPS_MAX
from cosim.reports.flexibility_summary import headline
from cosim.reports.flexibility_words import (
    DEVICE_COLOURS,
    DEVICE_PATTERNS,
    DEVICE_WORDS,
    WINDOW_LINES,
)
from cosim.scenario import Scenario
from cosim.scoring.flexibility import WINDOWS, Device
from cosim.scoring.flexibility_metrics import GRID_METRICS, METRICS
from cosim.studies.flexibility.records import FlexibilityContent
from cosim.studies.flexibility.tables import TABLES
from tests.reports.page import Page, read_page, shown_number
from tests.reports.sample_feeder import Options
from tests.reports.sample_flexibility import sample_flexibility, without
from tests.reports.sample_flexibility_world import Kind

SPACE = "\u00a0"
CASES = (("water_value", "optimal"), ("learned", "optimal"), ("water_value", "pro_rata"))
MANY = Kind(days=2, cases=CASES, requests=7)


@pytest.fixture(scope="module")
def data() -> FlexibilityReportData:
    return sample_flexibility()


@pytest.fixture(scope="module")
def files(data: FlexibilityReportData) -> dict[str, str]:
    return flexibility_report_files(data)


@pytest.fixture(scope="module")
def page(files: dict[str, str]) -> Page:
    return read_page(files["report.html"])


@pytest.fixture(scope="module")
def many() -> Page:
    return read_page(render_flexibility_report(sample_flexibility(MANY)))


def test_the_headline_holds_what_is_offered_let_through_and_what_stops_the_rest(
    data: FlexibilityReportData, page: Page
) -> None:
    (lead,) = page.texts["lead"]
    offered = data.series("offered_kw", UP, "1h")
    at = int(np.nanargmax(offered))
    feasible = data.series("feasible_kw", UP, "1h")[at]
    assert lead.startswith(
        f"On 13 June at {data.timeline.local[at]:%H:%M} the homes could draw up to "
        f"{offered[at]:.0f}{SPACE}kW less for an hour; the network lets through "
        f"{feasible:.0f}{SPACE}kW of it: transformer overload at trafo 0"
    )
    assert f"{np.nanmax(data.series('offered_kw', DOWN, '1h')):.0f}{SPACE}kW more" in lead
    assert "undervoltage at bus 7 (Bus R5) stops the rest" in lead


def test_a_network_that_lets_everything_through_is_said_so() -> None:
    told = headline(sample_flexibility(Kind(cap_kw=500.0)))
    assert told.count("the network lets all of it through") == 2
    assert "stops" not in told


def test_a_network_that_takes_nothing_is_said_so_with_the_most_it_takes(
    data: FlexibilityReportData,
) -> None:
    at = int(np.nanargmax(data.series("offered_kw", UP, "1h")))
    rows = data.tables["flexibility"]
    none = (rows["interval"] == at) & (rows["direction"] == UP)
    cut = rows.assign(feasible_kw=rows["feasible_kw"].where(~none, 0.0))
    told = headline(replace(data, tables={**data.tables, "flexibility": cut}))
    assert "the network takes none of it: transformer overload at trafo 0" in told
    assert f"stops it. The most that the network lets through is 40{SPACE}kW, on 13 June" in told


def test_a_rating_that_is_assumed_is_said_with_the_number(data: FlexibilityReportData) -> None:
    feeder = replace(data.feeder, transformer_ratings_assumed=True)
    assert "(its rating is assumed)" in headline(replace(data, feeder=feeder))
    assert "assumed" not in headline(data)


def test_a_feeder_without_flexibility_is_said_so(data: FlexibilityReportData) -> None:
    rows = data.tables["flexibility"].assign(offered_kw=0.0, feasible_kw=0.0, delivered_kw=0.0)
    none = replace(data, tables={**data.tables, "flexibility": rows})
    page = read_page(render_flexibility_report(none))
    assert page.texts["lead"][0].startswith("No device of this feeder can move its power")


def test_requests_are_counted_and_weighed(data: FlexibilityReportData, page: Page) -> None:
    table = data.tables["requests"]
    accepted = table[table["accepted_kw"] > 0.0]
    accuracy = np.average(accepted["accuracy_declared"], weights=accepted["accepted_kw"])
    text = " ".join(page.texts["plain"])
    full, partly = (accepted["verdict"] == each for each in ("accepted", "partly accepted"))
    assert full.sum() + partly.sum() == len(accepted)
    assert f"Of {len(table)} requests {full.sum()} were accepted in full" in text
    assert f"{table['activated_kwh'].sum():.1f}{SPACE}kWh were delivered" in text
    told = f"with {100 * accuracy:.0f}{SPACE}% accuracy of what was accepted, by energy"
    assert f"{told}, against the declared baseline" in text
    assert "No activation broke a limit of the network" in text


def test_requests_accepted_in_part_are_told_with_their_shares(
    data: FlexibilityReportData,
) -> None:
    rows = data.tables["requests"].iloc[:3]
    rows = rows.assign(
        verdict=["accepted", "partly accepted", "partly accepted"],
        asked_kw=[20.0, 400.0, 1000.0],
        accepted_kw=[20.0, 56.0, 13.0],
    )
    page = read_page(
        render_flexibility_report(replace(data, tables={**data.tables, "requests": rows}))
    )
    told = f"Of 3 requests 1 was accepted in full, 2 in part (1.3{SPACE}% and 14.0{SPACE}% of what"
    assert told in " ".join(page.texts["plain"])


def test_solar_power_given_up_is_told_with_what_could_be_drawn(
    data: FlexibilityReportData,
) -> None:
    at = int(np.nanargmax(data.series("offered_kw", DOWN, "1h")))
    rows = data.tables["flexibility"]
    sun = (rows["interval"] == at) & (rows["direction"] == DOWN) & (rows["device"] == "solar")
    for given_up in (0.0, 31.0):
        cut = rows.assign(offered_kw=rows["offered_kw"].where(~sun, given_up))
        told = headline(replace(data, tables={**data.tables, "flexibility": cut}))
        assert (f"of which 31{SPACE}kW by giving up solar power" in told) == (given_up > 0.0)


def test_broken_limits_are_told_first_and_in_colour(data: FlexibilityReportData) -> None:
    rows = data.tables["requests"].assign(violations=2, outside_band=1)
    broken = replace(data, tables={**data.tables, "requests": rows})
    html = render_flexibility_report(broken)
    text = " ".join(read_page(html).texts["plain"])
    assert "Activations broke a limit of the network in 6 intervals" in text
    assert "3 intervals lie outside of the network-feasible band" in text
    assert 'class="tile alert"' in html


def test_a_study_without_requests_says_so() -> None:
    page = read_page(render_flexibility_report(sample_flexibility(Kind(requests=0))))
    assert "No request was made, so nothing was activated." in " ".join(page.texts["plain"])
    assert "activations" not in page.ids


def test_requests_show_reason_and_nearest(page: Page) -> None:
    refused = page.tables["requests"][-1]
    assert refused[-3:] == [
        "refused",
        "More than the network lets through at trafo 0",
        "2016-06-13T18:00 up 40kW 1h lead 2h",
    ]
    assert len(page.tables["deliveries"]) == 3


def test_cases_are_compared_and_the_first_is_shown(many: Page) -> None:
    heads = ["water-value bidders, least value given up", "learned policies, least value given up"]
    assert many.tables["cases-table"][0][2:4] == heads
    feasible = [shown_number(each) for each in many.tables["cases-table"][1][2:]]
    assert feasible == sorted(feasible, reverse=True)
    assert len(many.tables["flexibility-metrics"][0]) == 3 + len(CASES)
    assert "Of 3 ways to play the same days" in " ".join(many.texts["plain"])


def test_one_case_needs_no_comparison(page: Page) -> None:
    assert "cases" not in page.figures
    assert "cases-table" not in page.tables


def test_metrics_have_unit_and_meaning(page: Page) -> None:
    rows = {row[0]: row for row in page.tables["flexibility-metrics"][1:]}
    assert rows["feasible_up_kw"][1] == "kW"
    assert rows["feasible_up_kw"][-1] == "part of up_15min_kw that breaks no limit, mean"
    assert rows["load_factor"][2] == "\u2013"


def test_every_axis_says_what_it_shows_and_its_unit(page: Page, many: Page) -> None:
    units = ("kW", "kvar", "EUR/kWh", "Mvar", "hour", "local time", "%")
    for figures in (page.figures, many.figures):
        for name, figure in figures.items():
            for key, axis in figure["layout"].items():
                shown = re.match(r"[xy]axis", key) and axis.get("type") != "category"
                if shown:
                    assert any(unit in axis["title"]["text"] for unit in units), (name, key)


def test_every_figure_and_table_is_a_file_that_the_report_names(
    files: dict[str, str], page: Page
) -> None:
    figures = {f"figures/{name}.csv" for name in page.figures}
    tables = {f"tables/{name}.csv" for name in page.tables}
    assert set(files) == figures | tables | {"report.html"}
    linked = {link for link in page.references if link.endswith(".csv")}
    assert linked == figures | tables | {f"{name}.csv" for name in sample_flexibility().tables}


def test_numbers_of_a_figure_come_from_the_table(
    data: FlexibilityReportData, files: dict[str, str]
) -> None:
    shown = pd.read_csv(io.StringIO(files["figures/bands.csv"]))
    for direction in (UP, DOWN):
        for column in ("offered_kw", "feasible_kw"):
            np.testing.assert_allclose(
                shown[f"{direction}_{column}"], data.series(column, direction), rtol=1e-6
            )


def test_cells_of_a_table_are_plain_numbers_in_its_file(files: dict[str, str], page: Page) -> None:
    rows = list(csv.reader(io.StringIO(files["tables/windows-table.csv"])))
    assert len(rows) == len(page.tables["windows-table"]) == 1 + 2 * len(WINDOWS)
    for left, right in zip(rows[1:], page.tables["windows-table"][1:], strict=True):
        assert [float(left[at]) for at in (2, 3, 5)] == [
            shown_number(right[at]) for at in (2, 3, 5)
        ]


def test_the_report_needs_no_network(files: dict[str, str], page: Page) -> None:
    assert all(link.startswith(("#", "data:")) or link.endswith(".csv") for link in page.references)
    assert not re.search(r"<(script|link|img)[^>]+https?:", files["report.html"])


def test_the_same_study_gives_the_same_bytes(files: dict[str, str]) -> None:
    assert flexibility_report_files(sample_flexibility()) == files


def test_names_are_escaped(data: FlexibilityReportData) -> None:
    odd = "<script>alert(1)</script>"
    feeder = replace(data.feeder, title=odd, bus_name=(odd,) * data.feeder.bus_count)
    facts = replace(data.facts, method=(odd,), baseline=odd)
    tables = {**data.tables, "requests": data.tables["requests"].assign(reason=odd)}
    html = render_flexibility_report(replace(data, feeder=feeder, tables=tables, facts=facts))
    assert odd not in html.replace(r"\u003c", "")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_what_a_study_does_not_hold_is_left_out(data: FlexibilityReportData) -> None:
    kept = ("flexibility", "metrics")
    page = read_page(
        render_flexibility_report(without(data, *(name for name in TABLES if name not in kept)))
    )
    assert set(page.figures) == {"bands", "windows", "devices"}


def test_all_missing_columns_are_told_at_once(data: FlexibilityReportData) -> None:
    tables = {
        **without(data, "metrics").tables,
        "requests": data.tables["requests"].drop(columns=["nearest", "rebound"]),
    }
    with pytest.raises(RunFolderError) as caught:
        render_flexibility_report(replace(data, tables=tables))
    told = "\n".join(caught.value.problems)
    assert "metrics: missing" in told
    assert "'nearest'" in told
    assert "'rebound'" in told


@pytest.mark.slow
def test_long_studies_stay_small() -> None:
    kind = Kind(days=30, requests=0, options=Options(prosumers=24))
    html = render_flexibility_report(sample_flexibility(kind))
    short = render_flexibility_report(sample_flexibility(Kind(requests=0)))
    assert len(html) < len(short) + 2_000_000
    page = read_page(html)
    (slider,) = page.figures["regions"]["layout"]["sliders"]
    assert len(slider["steps"]) == STEPS_MAX
    captions = " ".join(page.texts["caption"])
    assert f"The slider stops at {STEPS_MAX} of 720 intervals" in captions
    assert "Means over each point's intervals are drawn" in captions


def test_every_class_and_window_has_words_and_a_look() -> None:
    names = {device.name.lower() for device in Device}
    assert set(DEVICE_WORDS) == set(DEVICE_COLOURS) == set(DEVICE_PATTERNS) == names
    assert len(set(DEVICE_PATTERNS.values())) == len(names)
    assert set(WINDOW_LINES) == set(WINDOWS)


def content_of(data: FlexibilityReportData) -> FlexibilityContent:
    facts = data.facts
    told = {
        **dict.fromkeys(("feeder", "policies", "rules"), "x"),
        "start_utc": [f"{each}" for each in facts.start_utc],
        "interval_h": facts.interval_h,
        "time_zone": facts.time_zone,
        "baseline": facts.baseline,
        "prosumers": facts.prosumers,
        "seed": facts.seed,
        "prices": facts.prices,
        "assumptions": list(facts.assumptions),
        "ways": ["bids"],
        "gate_closure_h": 0.5,
        "region_every_h": 1.0,
        "least_power_factor": 0.95,
    }
    tables = {
        name: {str(column): np.asarray(rows[column]) for column in rows}
        for name, rows in data.tables.items()
    }
    return FlexibilityContent(tables, {}, told, Scenario())


def test_what_a_study_hands_over_becomes_its_report(data: FlexibilityReportData) -> None:
    files = report_files(content_of(data))
    page = read_page(files["report.html"])
    assert page.figures["bands"] == read_page(render_flexibility_report(data)).figures["bands"]
    statements = " ".join(page.texts["statements"])
    assert "Accepted requests go on to prosumers through bids" in statements
    assert "called 0.5 h before it starts" in statements
    meanings = {row[0]: row[-1] for row in page.tables["flexibility-metrics"]}
    assert meanings["load_factor"] == METRICS["load_factor"][1]
    assert meanings["feasible_up_kw"] == GRID_METRICS["feasible_up_kw"][1]
    settings = dict(page.tables["settings"])
    assert settings["study.gate_closure_h"] == "0.5"
    assert "net_sha256" in dict(page.tables["manifest"])
    assert "SimBench" in " ".join(page.texts["footer"])


def test_a_study_shorter_than_a_window_tells_what_is_known(data: FlexibilityReportData) -> None:
    rows = data.tables["flexibility"]
    known = rows["offered_kw"].where(rows["window"] == "15min")
    short = rows.assign(offered_kw=known, feasible_kw=known)
    page = read_page(
        render_flexibility_report(replace(data, tables={**data.tables, "flexibility": short}))
    )
    assert "less for 15 min; the network lets all of it through" in page.texts["lead"][0]
