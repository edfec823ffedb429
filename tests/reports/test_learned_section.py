"""The report of a run by learned policies shows them beside the yardsticks, and on which days."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.errors import RunFolderError
from cosim.reports.learned import learned_sections
from cosim.reports.report_data import ReportData
from cosim.reports.write import render_report
from tests.policies.judged import BASES, COMMAND, STRATA, made_up
from tests.reports.page import Page, read_page
from tests.reports.test_report_in_browser import BROWSER, FLAGS


def entry(**changed: Any) -> dict[str, Any]:
    return {
        "folder": "default",
        "sides": ["leader", "followers"],
        "policies_sha256": "ab" * 32,
        "other_settings": [],
        "held_out": made_up("ab" * 32),
        **changed,
    }


def with_entries(run: ReportData, *entries: dict[str, Any]) -> ReportData:
    return replace(run, manifest={**run.manifest, "policies": list(entries)})


@pytest.fixture(scope="module")
def html(run: ReportData) -> str:
    return render_report(with_entries(run, entry()))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return read_page(html)


def words(data: ReportData) -> str:
    """Return all sentences of the section."""
    (section,) = learned_sections(data)
    return " ".join(s for block in section.blocks for s in getattr(block, "sentences", ()))


def test_a_run_that_nobody_learned_for_has_the_report_it_always_had(
    run: ReportData, report: str
) -> None:
    assert learned_sections(run) == ()
    assert render_report(with_entries(run)) == report


def test_every_player_stands_in_the_tables_with_its_figures(page: Page) -> None:
    _head, *rows = page.tables["held-out-money"]
    assert [row[0] for row in rows] == [*BASES, "optimum"]
    for row in rows[:-1]:
        cost = BASES[row[0]]
        assert row[1] == f"{cost:.2f} ({cost - 0.5:.2f} to {cost + 0.75:.2f})"
    assert len(page.tables["held-out-grid-and-market"]) == 1 + len(BASES)
    names = [row[0] for row in page.tables["held-out-differences"] if len(row) == 1]
    assert names == ["trained_followers", "trained"]
    assert "held-out-cost" in page.figures


def test_identifiers_stay_unique_with_two_folders(run: ReportData) -> None:
    two = (entry(sides=["leader"]), entry(folder="mine", sides=["followers"]))
    page = read_page(render_report(with_entries(run, *two)))
    assert len(page.ids) == len(set(page.ids))
    assert {"held-out-money", "held-out-money-1"} <= set(page.tables)


def test_it_says_who_acts_and_on_which_days_it_was_measured(run: ReportData) -> None:
    told = words(with_entries(run, entry()))
    assert "Leader and followers of this run act by the learned policies in default." in told
    assert "20.00\u00a0EUR a day with them, against 20.25\u00a0EUR with fictitious_play" in told
    assert all(day in told for day in STRATA)
    assert COMMAND in told
    assert "on the settings that were trained and judged on" in told


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("2016-06-12T22:00", "The days of this run are held out: training uses none of them."),
        ("2016-06-18T22:00", "Of the 2 days of this run 1 can be learned from in training"),
        ("2016-06-20T22:00", "Of the 2 days of this run 2 can be learned from in training"),
        ("2016-06-10T22:00", "Of the 2 days of this run 1 can be learned from in training"),
        ("2016-06-11T22:00", "none of the days of this run; 1 of 2 lie in held-out weeks."),
    ],
)
def test_it_says_whether_the_own_days_were_learned_from(
    run: ReportData, start: str, told: str
) -> None:
    quarter_hours = 15 * np.arange(2 * 96)
    moved = replace(run, start_utc=np.datetime64(start, "m") + quarter_hours)
    assert told in words(with_entries(moved, entry()))


def test_other_settings_and_one_side_are_told(run: ReportData) -> None:
    other = entry(sides=["followers"], other_settings=["grid.rule: optimal there, <none> here"])
    told = words(with_entries(run, other))
    assert "grid.rule: optimal there, &lt;none&gt; here" in told
    assert "In this run the policy of the leader is" in told
    assert "pays 20.12\u00a0EUR a day with them" in told  # the row of followers alone


def test_policies_that_were_not_judged_have_no_tables(run: ReportData) -> None:
    data = with_entries(run, entry(held_out=None))
    assert "not judged on held-out days" in words(data)
    page = read_page(render_report(data))
    assert not any(name.startswith("held-out") for name in (*page.tables, *page.figures))


def test_few_seeds_are_a_warning(run: ReportData) -> None:
    assert "say little" not in words(with_entries(run, entry()))
    assert "say little" in words(with_entries(run, entry(held_out=made_up(seeds=2))))


def test_results_that_cannot_be_read_are_told(run: ReportData) -> None:
    with pytest.raises(RunFolderError, match="policies of default: their held-out results"):
        learned_sections(with_entries(run, entry(held_out={"player": "trained"})))


@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_a_browser_draws_it_without_errors(tmp_path: Path, html: str, page: Page) -> None:
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
    assert f'data-figures-drawn="{len(page.figures)}"' in done.stdout
