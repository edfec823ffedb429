import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path
from typing import Any

import pytest

from cosim import cli
from cosim.run_folder import new_folder, read_run
from cosim.scenario import Scenario
from tests.feeders import FEW

HEAVY = (
    "numpy",
    "scipy",
    "pandas",
    "pandapower",
    "simbench",
    "numba",
    "torch",
    "plotly",
    "pyarrow",
)
REPOSITORY = Path(__file__).resolve().parents[1]


def exit_code(*arguments: str) -> Any:
    """Run the command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    return caught.value.code or 0


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Scenario, Path]]:
    """Stand in for playing: collect what would be played and where to."""
    calls: list[tuple[Scenario, Path]] = []
    stand_in = types.ModuleType("cosim.cli_run")
    stand_in.play_with_progress = lambda *given: calls.append(given)  # type: ignore[attr-defined] # a stand-in
    monkeypatch.setitem(sys.modules, "cosim.cli_run", stand_in)
    return calls


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom cosim import cli\n"
        f"try:\n    cli.main({arguments})\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('HEAVY', [name for name in {HEAVY} if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines()[-1] == "HEAVY []"
    assert len(answer.stdout.splitlines()) > 1


@pytest.mark.parametrize("verb", ["run", "compare", "check", "scenario", "feeders"])
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(verb, "--help") == 0
    assert "Usage" in capsys.readouterr().out


def test_the_version_is_that_of_the_installed_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.metadata.version", {"cosim-toolkit": "7.8.9"}.__getitem__)
    assert exit_code("--version") == 0
    assert capsys.readouterr().out == "cosim 7.8.9\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("run",),
        ("walk",),
        ("run", "--out"),
        ("run", "--out", "x", "--days", "many"),
        ("run", "--out", "x", "--colour", "red"),
    ],
)
def test_wrong_usage_exits_with_2(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_code(*arguments) == 2
    assert list(tmp_path.iterdir()) == []


def test_scenario_prints_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("scenario") == 0
    printed = capsys.readouterr().out
    assert Scenario.model_validate(tomllib.loads(printed)) == Scenario()
    assert "# Share of homes with solar panels." in printed


def test_feeders_shows_limits_base_case_and_ratings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert exit_code("feeders", *FEW) == 0
    printed = capsys.readouterr().out
    rows = {line.split()[1]: line for line in printed.splitlines() if line.startswith("│")}
    assert set(rows) == set(FEW)
    for part in ("44", "20 / 0.4", "0.90 to 1.10", "assumed"):
        assert part in rows["cigre_lv"]
    assert "given" in rows["cigre_mv"]
    assert "Baran and Wu" in printed
    assert "no line ratings" in printed
    assert "simbench:1-LV-{rural1|rural2|" in printed


def test_feeders_keeps_to_the_width_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert exit_code("feeders", *FEW) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 72
    flat = " ".join(printed.split())
    assert "44 buses, 37 lines, 3 trafos, 20 / 0.4 kV, peak load 687 kW" in flat
    assert "\u2026" not in printed  # nothing is cut off


def test_options_reach_the_scenario(played: list[tuple[Scenario, Path]], tmp_path: Path) -> None:
    file, out = tmp_path / "s.toml", tmp_path / "a"
    file.write_text("[run]\ndays = 3\nseed = 9\n[grid]\nrule = 'none'\n", encoding="utf-8")
    given = {
        "--scenario": str(file),
        "--out": str(out),
        "--start": "2016-01-18",
        "--days": "2",
        "--feeder": "ieee33",
        "--rule": "pro_rata",
    }
    assert exit_code("run", *(word for pair in given.items() for word in pair)) == 0
    ((scenario, folder),) = played
    assert folder == out
    assert str(scenario.run.start) == "2016-01-18"
    assert (scenario.run.days, scenario.run.seed) == (2, 9)
    assert (scenario.feeder.name, scenario.grid.rule) == ("ieee33", "pro_rata")


def test_all_problems_come_as_bullets_without_traceback(
    played: list[tuple[Scenario, Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    arguments = ("run", "--feeder", "cigre", "--start", "2017-01-01", "--seed", "-1")
    assert exit_code(*arguments, "--out", str(tmp_path / "file")) == 2
    printed = capsys.readouterr()
    title, *bullets = printed.err.splitlines()
    assert title == "error:"
    assert [bullet[:4] for bullet in bullets] == ["  * "] * 4
    for part in ("run.seed", "2017-01-01", "unknown feeder 'cigre'", "is a file"):
        assert sum(part in bullet for bullet in bullets) == 1
    assert printed.out == ""
    assert played == []


def test_ctrl_c_leaves_nothing_and_exits_with_130(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_scenario: Scenario, *, out: Path, **_rest: object) -> None:
        with new_folder(out) as hidden:
            (hidden / "half").touch()
            raise KeyboardInterrupt

    monkeypatch.setattr("cosim.cli_run.play", interrupted)
    assert exit_code("run", "--out", str(tmp_path / "a")) == 130
    assert list(tmp_path.iterdir()) == []
    assert "interrupted" in capsys.readouterr().err


def test_a_day_from_the_command_line_to_the_finished_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        assert exit_code("run", "--days", "1", "--seed", "3", "--out", str(tmp_path / name)) == 0
        assert f"report   {tmp_path / name / 'report.html'}" in capsys.readouterr().out
    run = read_run(tmp_path / "a")
    assert run.manifest["seed"] == run.scenario.run.seed == 3
    assert run.manifest["pandapower_states"] == 96
    assert run.manifest["pandapower_voltage_pu"] < 1e-8
    assert run.report.stat().st_size > 10_000
    ledger = run.table("ledger")
    assert (ledger.eur > 0).all()
    tables = [file.relative_to(run.path) for file in run.path.rglob("*.parquet")]
    assert len(tables) == 18
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "june").symlink_to(run.path)
    monkeypatch.chdir(tmp_path)
    page = (REPOSITORY / "docs" / "run-folder.md").read_text(encoding="utf-8")
    for snippet in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(snippet, {})
    for file in (*map(str, tables), "scenario.toml", "metrics.json"):
        assert (run.path / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
