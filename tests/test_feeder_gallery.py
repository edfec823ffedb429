"""`cosim feeders --gallery`: a page with a picture of every feeder; what is told meanwhile."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosim import cli
from cosim.cli_progress import PatientProgress
from cosim.grid.power_flow import PowerFlow
from cosim.reports.feeder_gallery import Portrait, card_of
from cosim.submissions.states import solve_states
from networks.catalog import describe_feeders, feeder_names, load_feeder
from networks.errors import NetworkError
from networks.feeder_summary import FeederSummary, remembered
from networks.limits import Limits, presets_like


def cosim(*arguments: str | Path) -> int:
    """Run the command line; return its exit code."""
    with pytest.raises(SystemExit) as caught:
        cli.main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def check_page(page: Path, names: tuple[str, ...]) -> None:
    """Check that the page shows these feeders, one card each, and needs nothing else."""
    html = page.read_text(encoding="utf-8")
    assert re.findall(r'<article class="card[^"]*" id="([^"]+)"', html) == list(names)
    assert "<script" not in html
    assert not re.search(r"(src|href)=\"http", html)
    cards = html.split("<article")[1:]
    for card, summary in zip(cards, describe_feeders(names), strict=True):
        assert len(re.findall("<circle", card)) == summary.buses
        assert ("ratings assumed" in card) == summary.ratings_assumed
        assert ('class="card alert"' in card) == bool(summary.base_case_breaks)
        assert f"{summary.voltage_min_pu:.3f} to {summary.voltage_max_pu:.3f} p.u." in card


def test_named_feeders_are_drawn_on_one_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "pictures" / "few.html"
    names = ("ieee33", "kerber_landnetz_freileitung_2", "kerber_extreme_landnetz_freileitung")
    assert cosim("feeders", *names, "--gallery", page) == 0
    check_page(page, names)
    assert page.stat().st_size < 100_000
    assert "3 feeders, 0.0 MB" in capsys.readouterr().out


@pytest.mark.slow
def test_all_feeders_are_drawn_on_one_page_that_can_be_sent(tmp_path: Path) -> None:
    page = tmp_path / "all.html"
    assert cosim("feeders", "--gallery", page) == 0
    check_page(page, feeder_names())
    assert page.stat().st_size < 2_000_000


def test_the_picture_shows_the_base_case_of_the_catalogue() -> None:
    feeder = load_feeder("cigre_mv_pv_wind")  # its generators are off in the base case
    base = solve_states(
        PowerFlow(feeder), feeder.nominal_load_kw[None], feeder.nominal_load_kvar[None]
    )
    (summary,) = describe_feeders(["cigre_mv_pv_wind"])
    assert base.voltage_pu.min() == pytest.approx(summary.voltage_min_pu, abs=1e-8)
    given = Portrait(feeder, summary, base.voltage_pu[0], base.loading_percent[0], ("A remark.",))
    facts = dict(card_of(given).facts)
    assert facts["Limits"] == "0.90 to 1.10 p.u., 100 %, as the preset en50160"
    assert facts["Map"] == "its own coordinates"
    other = replace(summary, limits=Limits(0.9, 1.05), coordinates=False)
    nowhere = replace(feeder, bus_x=np.full(feeder.bus_count, np.nan))
    facts = dict(card_of(replace(given, feeder=nowhere, summary=other)).facts)
    assert facts["Limits"] == "0.90 to 1.05 p.u., 100 %, no preset"
    assert facts["Map"] == "drawn as a tree"
    assert presets_like(Limits(0.95, 1.05)) == ("ansi_a",)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--json",), "different forms"),
        (("--markdown",), "different forms"),
        (("nowhere",), "unknown feeder 'nowhere'"),
    ],
)
def test_a_gallery_that_cannot_be_made_leaves_nothing(
    arguments: tuple[str, ...],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    page = tmp_path / "page.html"
    assert cosim("feeders", *arguments, "--gallery", page) == 2
    assert told in capsys.readouterr().err
    assert not page.exists()


def test_a_folder_is_told_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cosim("feeders", "nowhere", "--gallery", tmp_path) == 2
    problems = capsys.readouterr().err
    assert "is a folder" in problems
    assert "nowhere" not in problems


def test_progress_is_told_once_it_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.0, 1.9, 2.1, 3.0])
    monkeypatch.setattr("cosim.cli_progress.time.monotonic", lambda: next(clock))
    with PatientProgress("solving") as progress:
        progress("ieee33", 0, 3)
        assert capsys.readouterr().err == ""
        progress("cigre_lv", 1, 3)
        progress("cigre_mv", 2, 3)
    assert capsys.readouterr().err == "solving: 1 of 3 done, now cigre_lv\n"


def test_what_was_solved_is_kept_where_a_later_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (summary,) = describe_feeders(["three_bus"])
    monkeypatch.setenv("COSIM_CACHE", str(tmp_path))
    asked = []

    def summarise(name: str, _entry: object) -> FeederSummary:
        asked.append(name)
        if name == "bad":
            raise NetworkError("bad")
        return replace(summary, name=name)

    entries = [("good", None), ("bad", None)]
    for _ in range(2):
        with pytest.raises(NetworkError):
            remembered(entries, summarise)  # type: ignore[arg-type] # entries are not looked at
    assert asked == ["good", "bad", "bad"]
