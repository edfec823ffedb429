"""`cosim hosting-capacity` from the command line to the finished folder, and what it refuses."""

import json
import random
import re
import shutil
import time
import tomllib
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from cosim import hosting_study
from cosim.cli_hosting import fresh_folder, hosting_capacity
from cosim.cli_hosting_levers import kinds_with
from cosim.reports.hosting_lever_words import TITLES
from cosim.reports.hosting_report import hosting_report_files
from cosim.run_folder import hashes_of
from cosim.studies.hosting.criteria import PRESETS
from cosim.studies.hosting.settings import HostingSettings, Technology, hosting_settings
from cosim.studies.hosting.tables import TABLES
from cosim.studies.sweep_columns import Columns
from cosim.studies.sweep_journal import MAGIC
from cosim.studies.sweep_store import JOURNAL, Store
from policies.hosting_ways import lever_kinds
from tests.reports.page import read_page
from tests.reports.sample_hosting import Kind, sample_hosting
from tests.studies.test_sweep_workers import started, wait_until
from tests.test_cli import exit_code

PAGE = Path(__file__).resolve().parents[1] / "docs" / "hosting-capacity.md"
SMALL = """
feeder = "cigre_lv_residential"
scenarios = 8
nodal = false
optimal = false
hourly = false
sensitivity = false
curve_scenarios = 3
curve_levels = 4
"""
SAME_BYTES = {f"{name}.{ending}" for name in TABLES for ending in ("csv", "parquet")}


@pytest.fixture
def small(tmp_path: Path) -> str:
    file = tmp_path / "small.toml"
    file.write_text(SMALL, encoding="utf-8")
    return str(file)


def test_all_problems_come_at_once_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    code = exit_code(
        *("hosting-capacity", "--feeder", "nowhere", "--technology", "wind", "--criteria", "best"),
        *("--scenarios", "0", "--window", "day", "--levers", "magic", "--seed", "-1", "--png"),
        *("--curtailment-share", "2", "--workers", "0", "--out", str(tmp_path / "full")),
    )
    printed = capsys.readouterr()
    assert code == 2
    title, *bullets = printed.err.splitlines()
    assert title == "error:"
    assert all(bullet.startswith("  * ") for bullet in bullets)
    for part in (
        *("--workers: is 0", "technology: must be", "scenarios: must be", "seed: must be"),
        *("window.kind: must be", "criteria.preset: must be", "curtailed_share_max: must be"),
        *("unknown feeder 'nowhere'", "there is no 'magic'", "is not empty", "--png: PNG files"),
    ):
        assert sum(part in bullet for bullet in bullets) == 1, part
    assert len(bullets) == 11
    assert printed.out == ""
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("scenarios = ", "is not valid TOML"),
        ("scenario = 3", "scenario"),
        ("[criteria]\nvoltage_min_pu = 1.2", "must be below voltage_max_pu"),
        ("[window]\ndays = ['2015-01-01']", "the profiles cover 2016 only"),
    ],
)
def test_a_problem_of_the_settings_file_is_told(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")
    given = ("--settings", str(file), "--out", str(tmp_path / "a"))
    assert exit_code("hosting-capacity", *given) == 2
    (_, bullet) = capsys.readouterr().err.splitlines()
    assert told in bullet
    assert not (tmp_path / "a").exists()


def test_a_missing_settings_file_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("hosting-capacity", "--settings", str(tmp_path / "none.toml")) == 2
    assert "none.toml: cannot be read" in capsys.readouterr().err


def test_options_replace_the_file_and_all_means_every_lever(small: str) -> None:
    options = {"scenarios": 5, "window.days": ["2016-06-13"], "levers": ["all"]}
    found = hosting_study.checked_settings(Path(small), options, kinds_with, None)
    settings = found.settings
    assert settings.scenarios == 5
    assert settings.feeder == "cigre_lv_residential"
    assert str(settings.window.days[0]) == "2016-06-13"
    assert settings.levers == tuple(lever_kinds())
    assert found.left_out == ()


def test_all_leaves_out_what_the_window_or_the_technology_has_no_use_for() -> None:
    kinds = lever_kinds()
    markets = {name for name, kind in kinds.items() if kind.is_market}
    options = {"levers": ["all"], "window.kind": "year"}
    found = hosting_study.checked_settings(None, options, kinds_with, None)
    assert set(found.settings.levers) == set(kinds) - markets
    (words,) = found.left_out
    assert words.startswith("fit_and_forget_days, self_consumption, storage")
    assert "market levers play a few whole days" in words
    options = {"levers": ["all"], "window.kind": "typical", "technology": "ev"}
    found = hosting_study.checked_settings(None, options, kinds_with, None)
    pv_alone = {"volt_watt", "export_limit", "self_consumption", "storage_curtailment"}
    assert {"p2p_learned", "curtailment", "volt_var"} < set(found.settings.levers)
    assert not pv_alone & set(found.settings.levers)
    (words,) = found.left_out
    assert all(name in words for name in pv_alone)


def test_market_levers_are_refused_with_all_else_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[deployment]\npower_factor = 0.9\n", encoding="utf-8")
    given = ("--settings", str(file), "--scenarios", "0", "--levers", "p2p_learned,magic")
    more = ("--policies", str(tmp_path), "--feeder", "nowhere")
    assert exit_code("hosting-capacity", *given, *more, "--out", str(tmp_path / "a")) == 2
    printed = capsys.readouterr().err
    for part in (
        *("scenarios: must be", "there is no 'magic'", "unknown feeder 'nowhere'"),
        *("window.kind = snapshot: market levers", "deployment.power_factor = 0.9: market levers"),
        "market.policies: ",
    ):
        assert printed.count(part) == 1, part
    assert not (tmp_path / "a").exists()


def test_a_folder_is_named_after_the_study_and_never_taken_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = HostingSettings(feeder="simbench:1-LV-rural1--0-sw", technology="ev")
    first = fresh_folder(study)
    assert first == Path("hosting-simbench-1-LV-rural1--0-sw-ev")
    first.mkdir()
    assert fresh_folder(study) == Path(f"{first}-2")
    assert fresh_folder(HostingSettings(feeder="nets/my net.json")) == Path("hosting-my-net-pv")


@pytest.mark.slow
def test_a_study_leaves_tables_and_a_report_that_agree(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "study"
    given = ("hosting-capacity", "--settings", small, "--levers", "export_limit")
    assert exit_code(*given, "--out", str(out)) == 0
    printed = capsys.readouterr().out
    summary = pd.read_csv(out / "summary.csv")
    row = summary[(summary["lever"] == "fit_and_forget") & (summary["criterion"] == "all")].iloc[0]
    least = f"at least {int(row['first_kw'])} kW of new solar fits"
    assert printed.startswith(f"In all 8 random deployments {least}")
    assert "static export limit" in printed
    assert printed.endswith(f"report   {out / 'report.html'}\n")
    page = read_page((out / "report.html").read_text(encoding="utf-8"))
    assert page.texts["lead"][0].replace("\u00a0", " ") == printed.splitlines()[0]
    for link in page.references:
        assert link.startswith(("#", "data:")) or (out / link).is_file(), link
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"] == hashes_of(out)
    before = hashes_of(out)
    assert exit_code(*given, "--out", str(out)) == 2
    assert "finished, and a finished one is never overwritten" in capsys.readouterr().err
    assert hashes_of(out) == before


@pytest.mark.slow
def test_an_interrupted_study_goes_on_to_the_same_tables(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("hosting-capacity", "--settings", small, "--levers", "export_limit", "--out")
    assert exit_code(*given, str(tmp_path / "whole")) == 0
    out = tmp_path / "stopped"
    append = Store.append

    def stop_after_the_first(store: Store, key: str, columns: Columns) -> None:
        append(store, key, columns)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Store, "append", stop_after_the_first)
        assert exit_code(*given, str(out)) == 130
    assert f"the same command with --out {out} goes on" in capsys.readouterr().err
    assert not (out / "manifest.json").exists()
    assert exit_code(*given, str(out)) == 0
    whole, stopped = hashes_of(tmp_path / "whole"), hashes_of(out)
    assert set(whole) >= SAME_BYTES
    for name in whole:
        assert whole[name] == stopped[name], name


@pytest.mark.slow
def test_a_feeder_that_violates_as_it_is_gets_a_report_not_an_error(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bad"
    given = ("--feeder", "kerber_extreme_landnetz_kabel_trafo", "--technology", "ev")
    assert exit_code("hosting-capacity", "--settings", small, *given, "--out", str(out)) == 0
    printed = capsys.readouterr().out
    assert "the feeder breaks a limit before anything is added" in printed
    assert (pd.read_csv(out / "scenarios.csv")["hosting_kw"] == 0.0).all()


def test_the_page_tells_of_every_option_preset_lever_technology_table_and_figure() -> None:
    page = PAGE.read_text("utf-8")
    options = hosting_capacity.__annotations__.keys() - {"return"}
    for name in options:
        assert f"`--{name.replace('_', '-')}`" in page, name
    for name in (*PRESETS, *lever_kinds()):
        assert f"| `{name}` |" in page, name
    for name in (*get_args(Technology), *TABLES):
        assert f"`{name}`" in page, name
    files = hosting_report_files(sample_hosting(Kind(series=True, deployments=6)))
    for file in files:
        if file.startswith("figures/"):
            assert f"`{Path(file).stem}`" in page, file


def test_the_settings_on_the_page_are_the_defaults_and_none_is_missing() -> None:
    text = PAGE.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    assert hosting_settings(tomllib.loads(text)) == HostingSettings()
    with_examples = tomllib.loads(re.sub(r"^#(?=\w+ = )", "", text, flags=re.MULTILINE))
    hosting_settings(with_examples)
    for name, value in HostingSettings().model_dump().items():
        assert name in with_examples
        if isinstance(value, dict):
            assert set(value) == set(with_examples[name])


def test_every_lever_has_a_title() -> None:
    assert set(lever_kinds()) <= set(TITLES)


KILLED = (
    *("--feeder", "three_bus", "--levers", "volt_watt,curtailment", "--days", "2016-05-24"),
    *("--criteria", "ansi_a", "--scenarios", "12"),
)
"""Small, with a lever that plays the market."""


@pytest.mark.slow
def test_a_command_killed_at_a_random_moment_goes_on_to_the_same_tables(
    small: str, tmp_path: Path
) -> None:
    given = ("hosting-capacity", "--settings", small, *KILLED, "--workers", "2", "--out")
    assert exit_code(*given, str(tmp_path / "whole")) == 0
    out = tmp_path / "killed"
    script = ("-c", "from cosim.cli import main; main()", *given, str(out))
    with started(*script) as process:
        journal = out / JOURNAL
        wait_until(
            lambda: journal.exists() and journal.stat().st_size > len(MAGIC), "nothing is stored"
        )
        time.sleep(random.SystemRandom().uniform(0.0, 2.0))
        process.kill()
        process.wait()
    finished = (out / "manifest.json").exists()  # killed too late, which is told
    assert exit_code(*given, str(out)) == (2 if finished else 0)
    whole, killed = hashes_of(tmp_path / "whole"), hashes_of(out)
    for name in SAME_BYTES:
        assert whole[name] == killed[name], name
