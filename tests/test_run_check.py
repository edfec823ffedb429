from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cosim import bid_check, run_check
from cosim.errors import RunFolderError
from cosim.run_check import check_run
from cosim.run_folder import WITHOUT_VALIDATION
from networks import grid_model
from tests.recorded_run import FEEDER, INTERVALS, OVERVOLTAGE, add, change, exit_code, seal, write

TABLES = ("intervals", "buses", "lines", "trafos", "wholesale", "bid_buses")


@pytest.fixture(autouse=True)
def one_interval_of_the_bid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other engines solve little of the bid where a test is about something else."""
    monkeypatch.setattr(bid_check, "INTERVALS", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "run")


def test_a_true_run_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = check_run(folder)
    assert found.passed
    assert found.feeder == "cigre_mv"
    (play,) = found.plays
    assert (play.intervals, play.secure, play.unsolvable) == (INTERVALS, INTERVALS - 1, 0)
    assert [check.engine for check in play.engines] == ["pandapower", "power-grid-model"]
    for check in play.engines:
        assert (check.found.states, check.found.unsolved) == (INTERVALS, 0)
        assert check.found.voltage_pu < 1e-8
        assert check.found.loading_percentage_points < 1e-5
    assert exit_code("check", str(folder)) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    for part in ("cigre_mv", "power-grid-model", "6 of 6", "agrees", "5 of 6 intervals", "passed"):
        assert part in printed.out


@pytest.mark.parametrize(
    ("table", "column", "row", "value"),
    [
        ("buses", "vm_pu", 7, 1e-6),
        ("buses", "vm_pu", 7, np.nan),
        ("buses", "p_kw", 20, 50.0),
        ("buses", "p_kw", 20, np.nan),
        ("buses", "q_kvar", 20, -50.0),
        ("lines", "loading_percent", 3, 1e-3),
        ("trafos", "loading_percent", 3, -1e-3),
    ],
)
def test_both_engines_find_every_wrong_number(
    folder: Path, table: str, column: str, row: int, value: float
) -> None:
    change(folder, table, add(column, row, value))
    (play,) = check_run(folder).plays
    assert [check.agrees for check in play.engines] == [False, False]
    assert not play.passed


def test_a_net_that_the_second_engine_cannot_hold_is_checked_with_pandapower(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid_model, "NOT_CONVERTED", ("switch",))
    assert exit_code("check", str(folder)) == 0
    printed = capsys.readouterr()
    assert "cannot" in printed.out
    assert "power-grid-model was left out" in printed.out
    assert "switch: 8 rows are not converted" in printed.out
    change(folder, "buses", add("vm_pu", 7, 1e-3))
    assert exit_code("check", str(folder)) == 1
    assert "run: pandapower differs by 1.0e-03 p.u." in capsys.readouterr().err


def test_a_wrong_run_fails_loudly(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder, "buses", add("vm_pu", 7, 1e-3))
    assert exit_code("check", str(folder)) == 1
    printed = capsys.readouterr()
    assert "DIFFERS" in printed.out
    assert "FAILED" in printed.err
    assert "run: pandapower differs by 1.0e-03 p.u." in printed.err
    assert "run: power-grid-model differs by 1.0e-03 p.u." in printed.err


def test_a_state_called_secure_may_break_no_limit(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder, "intervals", lambda table: table.assign(secure=True))
    (play,) = check_run(folder).plays
    assert all(check.agrees for check in play.engines)
    assert not play.passed
    assert play.broken[0] == "a voltage above its limit in 1 intervals called secure: 4"
    assert "a branch above its rating in 1 intervals called secure: 4" in play.broken
    assert exit_code("check", str(folder)) == 1
    assert "run: a voltage above its limit" in capsys.readouterr().err


def test_limits_are_those_of_the_scenario(folder: Path) -> None:
    text = '[feeder]\nname = "cigre_mv"\nvoltage_max_pu = 1.01\n'
    (folder / "scenario.toml").write_text(text, encoding="utf-8")
    (play,) = check_run(folder).plays
    assert play.broken == ("a voltage above its limit in 5 intervals called secure: 0, 1, 2, 3, 5",)


def test_no_power_flow_is_never_secure(folder: Path) -> None:
    solved = ~np.isin(np.arange(INTERVALS), [1, OVERVOLTAGE])
    change(folder, "intervals", lambda table: table.assign(converged=solved))
    (play,) = check_run(folder).plays
    assert play.unsolvable == 2
    assert play.engines[0].found.states == INTERVALS - 2
    assert play.broken == ("no power flow in 1 intervals called secure: 1",)


def test_a_run_without_any_power_flow_has_nothing_to_compare(folder: Path) -> None:
    change(folder, "intervals", lambda table: table.assign(converged=False, secure=False))
    (play,) = check_run(folder).plays
    assert play.unsolvable == INTERVALS
    assert [check.found.states for check in play.engines] == [0, 0]
    assert play.broken == ("no interval has a power flow: there is nothing to stand up to a check",)
    assert not play.passed


@pytest.mark.parametrize("name", ["scenario.toml", "report.html"])
def test_a_file_that_somebody_changed_or_took_away_is_noticed(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stands in it, and whether or not anything of it is solved again."""
    (folder / "ledger.parquet").write_bytes(b"who pays whom")
    (folder / "report.html").write_text("all is well", encoding="utf-8")
    seal(folder)
    assert check_run(folder).changed == ()
    (folder / "ledger.parquet").unlink()
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    found = check_run(folder)
    assert found.changed == ("ledger.parquet is missing", f"{name} is not as it was written")
    assert not found.passed
    assert exit_code("check", str(folder)) == 1
    assert "ledger.parquet is missing" in capsys.readouterr().err


def test_a_state_that_only_the_run_can_solve_fails(folder: Path) -> None:
    change(folder, "buses", add("p_kw", 8, 1e6))
    (play,) = check_run(folder).plays
    assert [check.found.unsolved for check in play.engines] == [1, 1]
    assert not play.passed


def test_the_days_without_validation_are_checked_too(folder: Path) -> None:
    inner = folder / WITHOUT_VALIDATION
    inner.mkdir()
    for name in TABLES:
        (inner / f"{name}.parquet").write_bytes((folder / f"{name}.parquet").read_bytes())
    assert [play.label for play in check_run(folder).plays] == ["run", "without validation"]
    change(inner, "lines", add("loading_percent", 3, 1.0))
    found = check_run(folder)
    assert [play.passed for play in found.plays] == [True, False]
    assert not found.passed


def test_the_order_of_rows_does_not_matter(folder: Path) -> None:
    change(folder, "buses", lambda table: table.sample(frac=1.0, random_state=1))
    assert check_run(folder).passed


@pytest.mark.slow
def test_of_long_runs_the_extremes_and_a_sample_are_solved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_check, "STATES", 9)
    monkeypatch.setattr(run_check, "EXTREMES", 1)
    folder = write(tmp_path / "long", intervals=30)
    (play,) = check_run(folder).plays
    assert 6 <= play.engines[0].found.states <= 9
    assert check_run(folder, everything=True).plays[0].engines[1].found.states == 30
    for row in (OVERVOLTAGE * FEEDER.bus_count + 5, 29 * FEEDER.bus_count):
        change(folder, "buses", add("vm_pu", row, 1e-6))  # highest voltage; last interval
        assert not check_run(folder).passed
        change(folder, "buses", add("vm_pu", row, -1e-6))
    assert check_run(folder).passed


def test_a_number_that_is_none_is_among_the_extremes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_check, "STATES", 9)
    monkeypatch.setattr(run_check, "EXTREMES", 1)
    folder = write(tmp_path / "long", intervals=30)
    change(folder, "lines", add("loading_percent", 17 * 15, np.nan))
    assert not any(check.agrees for check in check_run(folder).plays[0].engines)


def test_a_changed_net_is_bad_input(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "manifest.json").write_text('{"net_sha256": "0123456789abcdef"}', encoding="utf-8")
    assert exit_code("check", str(folder)) == 2
    printed = capsys.readouterr().err
    assert "another net than feeder cigre_mv is today (hash 0123456789ab" in printed
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunFolderError, match="another net"):
        check_run(folder)


def test_what_is_no_run_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert exit_code("check", str(folder)) == 2
        assert "is not a finished run" in capsys.readouterr().err
    assert exit_code("check") == 2


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_is_missing_or_damaged_is_named(folder: Path, name: str) -> None:
    file = folder / f"{name}.parquet"
    file.write_bytes(b"PAR1 but not really")
    with pytest.raises(RunFolderError, match=rf"{name}\.parquet: cannot be read"):
        check_run(folder)
    file.unlink()
    with pytest.raises(RunFolderError, match=rf"{name}\.parquet: does not exist"):
        check_run(folder)


@pytest.mark.parametrize(
    "alter",
    [
        lambda table: table.iloc[:-1],
        lambda table: pd.concat([table, table.iloc[-1:]]),
        lambda table: table.assign(bus=table.bus.replace(3, 99)),
        lambda table: table.assign(bus=table.bus.replace(3, 4)),
        lambda table: table.iloc[:0],
    ],
)
def test_an_incomplete_table_is_bad_input(
    folder: Path, alter: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    change(folder, "buses", alter)
    with pytest.raises(RunFolderError, match=r"buses\.parquet: must hold 6 intervals x 15"):
        check_run(folder)


@pytest.mark.parametrize("rows", [[], [0, 1, 2, 3, 4, 4]])
def test_intervals_must_be_there_once_each(folder: Path, rows: list[int]) -> None:
    change(folder, "intervals", lambda table: table.iloc[rows])
    with pytest.raises(RunFolderError, match=r"intervals\.parquet: must hold every interval once"):
        check_run(folder)


def test_a_missing_column_is_named(folder: Path) -> None:
    change(folder, "lines", lambda table: table.drop(columns="loading_percent"))
    with pytest.raises(RunFolderError, match=r"lines\.parquet: has no column loading_percent"):
        check_run(folder)
