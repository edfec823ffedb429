"""The report of a hosting-capacity study says what its tables say."""

import csv
import io
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import RunFolderError
from cosim.reports.feeder_layout import open_branches
from cosim.reports.hosting_curves import steps
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_nodes import nodes_map
from cosim.reports.hosting_profile import distance_figure
from cosim.reports.hosting_report import hosting_report_files, render_hosting_report
from cosim.reports.hosting_summary import floored, headline
from cosim.reports.hosting_words import LIMITING_COLOURS, LIMITING_SYMBOLS, LIMITING_WORDS
from cosim.studies.hosting.criteria import PRESETS
from cosim.studies.hosting.records import TECHNOLOGIES, Limiting
from cosim.studies.hosting.tables import TABLES, table
from networks.catalog import load_feeder
from tests.reports.page import Page, read_page, shown_number
from tests.reports.sample_feeder import Options
from tests.reports.sample_hosting import Kind, sample_hosting, without

SPACE = "\u00a0"
SHOW_LOADINGS = ("spread", "limiting", "durations", "nodal-map", "nodal-bars")


@pytest.fixture(scope="module")
def data() -> HostingReportData:
    return sample_hosting(Kind(series=True))


@pytest.fixture(scope="module")
def files(data: HostingReportData) -> dict[str, str]:
    return hosting_report_files(data)


@pytest.fixture(scope="module")
def page(files: dict[str, str]) -> Page:
    return read_page(files["report.html"])


def test_the_headline_holds_the_number_and_its_reason(data: HostingReportData, page: Page) -> None:
    (lead,) = page.texts["lead"]
    rows = data.scenarios("fit_and_forget")
    worst = rows.sort_values("hosting_kw").iloc[0]
    first = math.floor(rows["hosting_kw"].min())
    half = math.floor(data.summary("fit_and_forget")["median_kw"])
    weakest = data.table("nodes").sort_values("hosting_kw").iloc[0]
    assert lead.startswith(f"In all {len(rows)} random deployments at least {first}{SPACE}kW of")
    assert f"({half}{SPACE}kW in half of them)" in lead
    assert f"stopped by voltage at bus {worst['element']} ({worst['element_name']}). Put" in lead
    assert f"alone, bus {weakest['bus']} " in lead
    assert lead.endswith(f"bears least: {floored(weakest['hosting_kw'])}{SPACE}kW.")


def test_buses_where_nothing_is_built_are_told_where_all_are_looked_at(
    data: HostingReportData, files: dict[str, str]
) -> None:
    words = "Deployments build at 2 buses with homes; 3 other buses with load get none."
    assert files["report.html"].count(words) == 2  # summary and method
    looked_at = f"Looked at are {len(data.table('nodes'))} buses; deployments build at 2 of them."
    assert files["report.html"].count(looked_at) >= 2
    everywhere = replace(data, facts=replace(data.facts, site_buses=99, load_buses_without=0))
    assert "Looked at are" not in render_hosting_report(everywhere)


def test_open_ties_are_dashed_on_the_map_and_join_no_voltages() -> None:
    feeder = load_feeder("cigre_mv_all")
    ends = {
        (int(feeder.bus_index[feeder.branch_from[each]]), int(feeder.bus_index[other]))
        for each in np.flatnonzero(open_branches(feeder))
        for other in [feeder.branch_to[each]]
    }
    assert ends == {(6, 7), (11, 4), (14, 8)}
    rows = table("nodes", {**{name: [0] for name in TABLES["nodes"]}, "bus": [5], "name": [""]})
    bus = feeder.bus_index
    volts = {"base_pu": 1.0, "hosting_pu": 1.02, "above_pu": 1.1}
    along: dict[str, Any] = {name: np.full(len(bus), value) for name, value in volts.items()}
    along |= {"bus": bus, "name": [""] * len(bus), "distance_ohm": np.arange(len(bus)) + 0.5}
    data = sample_hosting(Kind(deployments=3))
    tables = {**data.tables, "nodes": rows, "voltages": table("voltages", along)}
    data = replace(data, feeder=feeder, tables=tables)
    named = {each.get("name"): each for each in nodes_map(data).figure.spec["data"]}
    assert named["open branch"]["line"]["dash"] == "dash"
    assert len(named["open branch"]["x"]) == 3 * len(ends)
    assert len(named["line"]["x"]) == 3 * 12
    lines = distance_figure(data).figure.spec["data"][0]["x"]
    assert len(lines) == 3 * (12 + 2)  # closed lines and transformers


def test_one_deployment_is_no_least_of_many() -> None:
    told = headline(sample_hosting(Kind(deployments=1)))
    assert "in half" not in told
    assert "; it is stopped by" in told


def test_a_feeder_that_violates_as_it_is_has_no_capacity_and_a_reason() -> None:
    html = render_hosting_report(sample_hosting(Kind(violated_base=True)))
    page = read_page(html)
    (lead,) = page.texts["lead"]
    assert lead.startswith("No new solar fits: the feeder breaks a limit before anything is added")
    assert "allowed is" in lead
    assert set(page.figures) <= {"voltage-distance", "sensitivity"}
    assert "hourly envelope, which looks at days of its own" in html
    assert any(row[-1] == "no" for row in page.tables["base-case"])


def test_a_limit_that_is_never_met_is_said(data: HostingReportData) -> None:
    rows = data.tables["scenarios"].assign(limiting="none", element_kind="", element=-1)
    free = replace(data, tables={**data.tables, "scenarios": rows})
    assert "; no limit was met up to the highest level looked at." in headline(free)


def test_an_assumed_rating_is_said_with_the_number() -> None:
    kind = Kind(options=Options(transformer_kw=8.0))
    data = sample_hosting(kind)
    rows = data.tables["scenarios"].assign(limiting="line", element_kind="line", element=0)
    told = headline(replace(data, tables={**data.tables, "scenarios": rows}))
    assert "the loading of line 0" in told
    assert "whose rating is assumed" in told


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_loads_are_judged_by_their_lowest_voltage(technology: str) -> None:
    kind = Kind(technology=technology, deployments=8, levers=("fit_and_forget",))
    page = read_page(render_hosting_report(sample_hosting(kind)))
    title = page.figures["voltage-curves"]["layout"]["yaxis"]["title"]["text"]
    assert title.startswith("Highest" if technology == "pv" else "Lowest")
    assert "levers" not in page.figures


def test_regions_end_where_the_first_and_the_last_deployment_are_stopped(
    data: HostingReportData, page: Page
) -> None:
    shapes = page.figures["voltage-curves"]["layout"]["shapes"]
    hosting = data.scenarios("fit_and_forget")["hosting_kw"]
    assert [shape["x0"] for shape in shapes[1:]] == pytest.approx(
        [hosting.min(), hosting.max()], abs=2e-3
    )
    assert [shape["x1"] for shape in shapes[:2]] == [shape["x0"] for shape in shapes[1:]]


def test_every_axis_says_what_it_shows_and_its_unit(page: Page) -> None:
    units = ("kW", "p.u.", "%", "ohm", "hour", "Number of deployments")
    for name, figure in page.figures.items():
        for key, axis in figure["layout"].items():
            hidden = axis.get("visible") is False if isinstance(axis, dict) else True
            if re.match(r"[xy]axis", key) and not hidden and axis.get("type") != "category":
                assert any(unit in axis["title"]["text"] for unit in units), (name, key)


def test_figures_that_rest_on_assumed_ratings_carry_the_badge(
    data: HostingReportData, files: dict[str, str]
) -> None:
    assert data.feeder.ratings_assumed
    for name in SHOW_LOADINGS:
        before, _ = files["report.html"].split(f'id="figure-{name}"')
        assert "ratings assumed</span>" in before[before.rindex("<figure") :], name


def test_every_figure_and_table_is_a_file_that_the_report_names(
    files: dict[str, str], page: Page
) -> None:
    figures = {f"figures/{name}.csv" for name in page.figures}
    tables = {f"tables/{name}.csv" for name in page.tables}
    assert set(files) == figures | tables | {"report.html"}
    linked = {link for link in page.references if link.endswith(".csv") and "/" in link}
    assert linked == set(files) - {"report.html"}


def test_numbers_of_a_figure_come_from_the_table(
    data: HostingReportData, files: dict[str, str]
) -> None:
    shown = pd.read_csv(io.StringIO(files["figures/violating.csv"]))
    shown = shown[shown["line"] == "all criteria"]
    hosting = data.scenarios("fit_and_forget")["hosting_kw"].to_numpy()
    for level, share in zip(shown["level_kw"][1:], shown["share_percent"][1:], strict=True):
        assert share == pytest.approx(100.0 * np.mean(hosting <= level * (1.0 + 1e-6)))
    assert shown["share_percent"].iloc[-1] == 100.0


def test_cells_of_a_table_are_plain_numbers_in_its_file(files: dict[str, str], page: Page) -> None:
    rows = list(csv.reader(io.StringIO(files["tables/capacities.csv"])))
    assert len(rows) == len(page.tables["capacities"])
    for left, right in zip(rows[1:], page.tables["capacities"][1:], strict=True):
        assert [float(each) for each in left[1:]] == [shown_number(each) for each in right[1:]]


def test_the_report_needs_no_network(files: dict[str, str], page: Page) -> None:
    assert all(
        link.startswith(("#", "data:")) or link in files or link.endswith(".csv")
        for link in page.references
    )
    assert not re.search(r"<(script|link|img)[^>]+https?:", files["report.html"])


def test_the_same_study_gives_the_same_bytes(files: dict[str, str]) -> None:
    assert hosting_report_files(sample_hosting(Kind(series=True))) == files


def test_names_are_escaped(data: HostingReportData) -> None:
    odd = "<script>alert(1)</script>"
    rows = data.tables["scenarios"].assign(element_name=odd)
    feeder = replace(data.feeder, title=odd, bus_name=(odd,) * data.feeder.bus_count)
    facts = replace(data.facts, method=(odd,), levers={"volt_var_vde": odd})
    tables = {**data.tables, "scenarios": rows}
    html = render_hosting_report(replace(data, feeder=feeder, tables=tables, facts=facts))
    assert odd not in html.replace(r"\u003c", "")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_what_a_study_does_not_hold_is_left_out(data: HostingReportData) -> None:
    optional = ("nodes", "optimal", "hours", "voltages", "durations", "sensitivity", "running")
    more = ("base_case", "criteria", "steps")
    page = read_page(render_hosting_report(without(data, *optional, *more)))
    assert set(page.figures) == {
        *("voltage-curves", "violating", "spread", "limiting", "levers", "violating-levers"),
    }


def test_all_missing_columns_are_told_at_once(data: HostingReportData) -> None:
    tables = {
        **without(data, "levels").tables,
        "summary": data.tables["summary"].drop(columns=["first_kw", "q05_kw"]),
    }
    with pytest.raises(RunFolderError) as caught:
        render_hosting_report(replace(data, tables=tables))
    told = "\n".join(caught.value.problems)
    assert "levels: missing" in told
    assert "'first_kw'" in told
    assert "'q05_kw'" in told


@pytest.mark.parametrize("preset", PRESETS)
def test_every_limit_of_a_preset_is_in_the_table_of_criteria(preset: str) -> None:
    kind = Kind(criteria=preset, deployments=3, levers=("fit_and_forget",))
    if preset == "epri":  # has no lowest voltage, which the sample's grid asks for
        kind = replace(kind, criteria="de_lv")
    page = read_page(render_hosting_report(sample_hosting(kind)))
    told = " ".join(cell for row in page.tables["criteria"] for cell in row)
    criteria = PRESETS[kind.criteria]
    for value in (criteria.voltage_max_pu, criteria.rise_max_pu, criteria.line_max_percent):
        assert math.isinf(value) or f"{value:g}" in told
    if criteria.split is not None:
        assert f"{criteria.split.low_rise_pu:g}" in told


def test_every_reason_has_words_a_colour_and_a_symbol() -> None:
    for names in (LIMITING_WORDS, LIMITING_COLOURS, LIMITING_SYMBOLS):
        assert set(names) == set(Limiting)
    assert len(set(LIMITING_SYMBOLS.values())) == len(Limiting)


@given(st.floats(0.0, 1e6))
def test_what_is_said_to_fit_never_exceeds_what_fits(value: float) -> None:
    shown = shown_number(floored(value))
    assert shown <= value + 1e-6
    assert value - shown <= (0.1 if value < 10.0 else 1.0)


@given(st.lists(st.floats(0.0, 1e4), min_size=1, max_size=30), st.integers(0, 5))
def test_steps_count_the_deployments_stopped_so_far(stopped: list[float], free: int) -> None:
    count = len(stopped) + free
    levels, shares = steps(np.array(stopped), count)
    assert levels[0] == shares[0] == 0.0
    assert np.all(np.diff(shares) > 0.0)
    for level, share in zip(levels[1:], shares[1:], strict=True):
        assert share == pytest.approx(100.0 * sum(each <= level for each in stopped) / count)
