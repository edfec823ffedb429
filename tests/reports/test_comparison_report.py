"""The report of a comparison says what the figures say, and opens in a browser."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cosim.reports.comparison import render_comparison
from cosim.studies.comparison import compare
from cosim.studies.comparison_folder import ComparisonContent
from policies.incentives import probe_of
from tests.reports.page import Page, read_page
from tests.reports.test_report_in_browser import BROWSER, FLAGS
from tests.studies.small_comparison import (
    content_of,
    small_content,
    small_line_up,
    small_strata,
)


@pytest.fixture(scope="module")
def content() -> ComparisonContent:
    return small_content()


@pytest.fixture(scope="module")
def html(content: ComparisonContent) -> str:
    return render_comparison(content)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return read_page(html)


def test_the_headline_names_the_cheapest_player(content: ComparisonContent, page: Page) -> None:
    (lead,) = page.texts["lead"]
    costs = {name: it["cost_eur_per_day"].value for name, it in content.summary.estimates.items()}
    best = min(costs, key=costs.__getitem__)
    assert lead.startswith(f"{best} is the cheapest")
    assert f"{costs[best]:.2f}" in lead.replace("\u2212", "-")


def test_every_player_is_in_every_table_of_figures(content: ComparisonContent, page: Page) -> None:
    names = list(content.summary.estimates)
    for table in ("money", "grid-and-market"):
        head, *rows = page.tables[table]
        assert [row[0] for row in rows] == names
        assert all(len(row) == len(head) for row in rows)
    told = " ".join(page.texts["li"])
    assert all(name in told for name in names)


def test_every_difference_is_told_with_its_verdict(page: Page) -> None:
    rows = [row for row in page.tables["paired"][1:] if len(row) > 1]
    assert len(rows) == 2 * 4
    assert {row[-1] for row in rows} <= {"not worse", "worse", "open", "\u2013"}


def test_what_is_missing_is_said(page: Page) -> None:
    (box,) = page.texts["box"]
    assert "3 seeds" in box
    assert "no perfect-foresight optimum" in box
    capture = page.tables["money"][0].index("value capture %")
    assert all(row[capture] == "\u2013" for row in page.tables["money"][1:])


def test_figures_show_each_player_once_a_panel_and_all_days(
    content: ComparisonContent, page: Page
) -> None:
    assert set(page.figures) == {"cost", "market", "grid", "differences"}
    assert len(page.figures["market"]["data"]) == 3 * len(content.summary.estimates)
    boxes = page.figures["differences"]["data"]
    assert [len(box["x"]) for box in boxes] == [2 * 2 * 3] * 2  # spans, days, seeds


def test_the_page_needs_nothing_from_elsewhere(html: str, page: Page) -> None:
    assert all(link.startswith(("#", "data:")) for link in page.references)
    assert not re.search(r"<(script|link|img)[^>]+https?:", html)


def test_names_are_escaped(content: ComparisonContent) -> None:
    players = content.line_up.players
    odd = replace(players[1], told="<b>bold</b> & more")
    line_up = replace(content.line_up, players=(players[0], odd, players[2]))
    page = render_comparison(replace(content, line_up=line_up))
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in page


@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_a_browser_draws_all_figures_without_errors(tmp_path: Path, html: str) -> None:
    assert BROWSER is not None
    file = tmp_path / "report.html"
    file.write_text(html, encoding="utf-8")
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", file.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    assert 'data-figures-drawn="4"' in done.stdout


def test_incentives_are_shown_where_they_were_measured(page: Page) -> None:
    assert "incentives" not in page.tables
    line_up = replace(small_line_up("no_trade", "water_value"), probe=probe_of(1))
    found = content_of(line_up, compare(line_up, small_strata()), "no_trade")
    measured = read_page(render_comparison(found))
    head, row = measured.tables["incentives"]
    assert row[0] == "water_value"
    assert [cell for cell in head if "regret" in cell]
    told = " ".join(measured.texts["li"])
    assert "measured on 1 prosumer, evenly spread" in told
