"""A study from settings to its folder."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cosim.errors import HostingError, SweepError
from cosim.run_folder import hashes_of
from cosim.studies.hosting.folder import HostingContent, host
from cosim.studies.hosting.rows import joined_rows
from cosim.studies.hosting.study import PrepareStudy, gathered, tasks_of, work
from cosim.studies.hosting.tables import TABLES
from cosim.studies.sweep_runners import Cluster, LocalCluster
from cosim.studies.sweep_store import read_study
from cosim.studies.sweep_tasks import Task
from tests.studies.hosting.hosting_cases import settings_for


def summary_of(tables: Mapping[str, pd.DataFrame], lever: str) -> dict[Any, Any]:
    """Return the row of a lever under all limits."""
    rows = tables["summary"]
    return rows[(rows.lever == lever) & (rows.criterion == "all")].iloc[0].to_dict()


LEVERS = ["volt_watt", "export_limit"]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HostingContent]:
    folder = tmp_path_factory.mktemp("hosting") / "study"
    return folder, host(settings_for(scenarios=40, levers=LEVERS), folder)


def test_every_table_is_there_and_has_its_columns(done: tuple[Path, HostingContent]) -> None:
    folder, content = done
    for name, columns in TABLES.items():
        read = pd.read_parquet(folder / f"{name}.parquet")
        assert list(read.columns) == list(columns)
        assert len(read) == len(content.tables[name])
        assert (folder / f"{name}.csv").read_text().split("\n")[0] == ",".join(columns)
    assert content.tables["durations"].empty
    assert not content.tables["scenarios"].empty
    finished = read_study(folder)
    assert finished.manifest["reference_check"]["unsolved"] == 0
    assert finished.manifest["reference_check"]["voltage_pu"] < 1e-8
    assert finished.manifest["reference_check"]["line_percentage_points"] < 1e-5


def test_nothing_is_begun_for_a_cluster_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SweepError, match="no Dask scheduler answers"):
            host(
                settings_for(scenarios=2),
                tmp_path / "study",
                runner=Cluster(address, timeout_s=0.3),
            )
    assert list(tmp_path.iterdir()) == []


def test_losses_of_a_snapshot_are_power(done: tuple[Path, HostingContent]) -> None:
    tables = done[1].tables
    base = tables["base_case"].set_index("quantity")["value"]
    assert "loss_kwh" not in base
    assert base["loss_kw"] > 0.0
    nothing = tables["levels"].query("level_kw == 0.0")["loss_kwh"].iloc[0]
    assert base["loss_kw"] == pytest.approx(4.0 * nothing)  # a quarter hour


def test_numbers_of_the_tables_agree(done: tuple[Path, HostingContent]) -> None:
    tables = done[1].tables
    scenarios = tables["scenarios"]
    for lever, rows in scenarios.groupby("lever"):
        row = summary_of(tables, str(lever))
        assert row["first_kw"] == rows.hosting_kw.min()
        assert row["all_kw"] == rows.hosting_kw.max()
        marks = [row[f"{name}_kw"] for name in ("first", "q05", "median", "q95", "all")]
        assert marks == sorted(marks)
    # The capacity is that of the tightest group of limits, within what bisection leaves open.
    reference = scenarios[scenarios.lever == "fit_and_forget"].set_index("scenario")
    tightest = tables["criteria"].groupby("scenario").hosting_kw.min()
    assert np.abs(tightest - reference.hosting_kw).max() <= 0.1
    # Curves say the same as capacities.
    levels = tables["levels"].merge(scenarios, on=["lever", "scenario"])
    above = levels.level_kw > levels.hosting_kw + 0.1
    assert np.array_equal(levels.violates[above | (levels.level_kw <= levels.hosting_kw)],
                          above[above | (levels.level_kw <= levels.hosting_kw)])  # fmt: skip
    assert tables["base_case"].fails.sum() == 0
    own = tables["sensitivity"][tables["sensitivity"].is_study]
    assert own.what.tolist() == ["load_share", "criteria", "power_factor", "slack_voltage_pu"]
    assert own.first_kw.nunique() == 1
    assert own.first_kw.iloc[0] == reference.hosting_kw.min()
    assert tables["optimal"].total_kw.iloc[0] >= 0.99 * tables["nodes"].hosting_kw.max()


def test_levers_raise_what_they_should(done: tuple[Path, HostingContent]) -> None:
    raised = summary_of(done[1].tables, "export_limit")
    assert raised["uplift_percent"] == pytest.approx(100.0 * (1.0 / 0.7 - 1.0), rel=0.15)
    assert raised["uplift_low"] <= raised["uplift_percent"] <= raised["uplift_high"]
    assert 0.0 < raised["curtailed_share"] < 0.05
    assert summary_of(done[1].tables, "fit_and_forget")["uplift_percent"] == 0.0


@pytest.mark.slow
def test_going_on_after_an_interruption_gives_the_same_tables(
    done: tuple[Path, HostingContent], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "again"
    told: list[int] = []

    class Stopped(Exception):
        pass

    def stop(_: str, count: int, __: int) -> None:
        told.append(count)
        if len(told) == 3:
            raise Stopped

    settings = settings_for(scenarios=40, levers=LEVERS)
    with pytest.raises(Stopped):
        host(settings, folder, progress=stop)
    assert not (folder / "manifest.json").exists()
    host(settings, folder, progress=lambda _, count, __: told.append(count))
    assert told[3] == told[2] > 0
    same = {name: it for name, it in hashes_of(folder).items() if name != "manifest.json"}
    expected = {name: it for name, it in hashes_of(done[0]).items() if name != "manifest.json"}
    assert same == expected


def test_the_first_of_many_are_those_of_few() -> None:
    shared = PrepareStudy(settings_for(scenarios=30, nodal=False, levers=["volt_watt"]))()
    few = PrepareStudy(settings_for(scenarios=10, nodal=False, levers=["volt_watt"]))()
    rows, first = gathered(tasks_of(shared), shared), gathered(tasks_of(few), few)
    mine = rows["scenario"] < 10
    for name, values in first.items():
        assert np.array_equal(values, rows[name][mine], equal_nan=values.dtype.kind == "f"), name


def in_order(rows: dict[str, Any]) -> list[int]:
    """Return the rows sorted by what they are about."""
    keys = ("row", "lever", "criterion", "scenario", "kw")
    return sorted(range(len(rows["kw"])), key=lambda place: [str(rows[key][place]) for key in keys])


@pytest.mark.slow
def test_a_cluster_of_two_workers_gives_the_same_bytes(
    done: tuple[Path, HostingContent], tmp_path: Path
) -> None:
    folder = tmp_path / "spread"
    host(settings_for(scenarios=40, levers=LEVERS), folder, runner=LocalCluster(2))
    spread = {name: it for name, it in hashes_of(folder).items() if name != "manifest.json"}
    alone = {name: it for name, it in hashes_of(done[0]).items() if name != "manifest.json"}
    assert spread == alone


@pytest.mark.slow
def test_chunks_change_nothing() -> None:
    settings = settings_for(scenarios=12, levers=["volt_watt"])
    shared = PrepareStudy(settings)()
    whole = gathered(tasks_of(shared), shared)
    singly = []
    for task in tasks_of(shared):
        for number in task.content["numbers"]:
            content = task.content | {"numbers": range(number, number + 1)}
            singly.append(work(shared, Task(f"{task.key}/{number}", content)))
    apart = joined_rows(singly)
    order = [in_order(rows) for rows in (whole, apart)]
    for name, values in whole.items():
        equal_nan = values.dtype.kind == "f"
        assert np.array_equal(values[order[0]], apart[name][order[1]], equal_nan=equal_nan), name


def test_a_feeder_that_violates_already_hosts_nothing(tmp_path: Path) -> None:
    settings = settings_for(
        scenarios=5,
        criteria={"preset": "ansi_a", "voltage_min_pu": 0.9999, "voltage_lowest_pu": 0.9999},
        sensitivity=False,
        hourly=False,
    )
    tables = host(settings, tmp_path / "study").tables
    assert (tables["scenarios"].hosting_kw == 0.0).all()
    assert (tables["scenarios"].limiting == "base_case").all()
    assert (tables["scenarios"].element_kind == "bus").all()
    failing = tables["base_case"][tables["base_case"].fails]
    assert failing.quantity.tolist() == ["voltage_min_pu"]
    assert tables["optimal"].total_kw.max() == 0.0


def test_series_have_durations(tmp_path: Path) -> None:
    settings = settings_for(
        scenarios=3,
        window={"days": ["2016-06-13", "2016-01-10"]},
        sensitivity=False,
        criteria={
            "voltage_max_pu": 1.05,
            "voltage_highest_pu": 1.05,
            "lifted": ["line_max_percent"],
        },
    )
    content = host(
        settings, tmp_path / "study", write_report=lambda it: json.dumps(it.facts, default=str)
    )
    durations = content.tables["durations"]
    assert set(durations.state) == {"base", "hosting"}
    for _, rows in durations.groupby(["state", "quantity"]):
        assert rows.value.is_monotonic_decreasing
    assert len(content.tables["hours"]) == 24
    # The moment shown is one that breaks: voltages at the limit, and beyond it above.
    voltages = content.tables["voltages"]
    scenarios = content.tables["scenarios"]
    assert (scenarios.limiting == "overvoltage").all()
    assert voltages.hosting_pu.max() == pytest.approx(1.05, abs=1e-3)
    assert voltages.above_pu.max() > voltages.hosting_pu.max() > voltages.base_pu.max()
    assert (tmp_path / "study" / "report.html").exists()


def test_unknown_levers_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(HostingError, match="there is no 'magic'; allowed are fit_and_forget"):
        host(settings_for(levers=["magic"]), tmp_path / "study")
    assert not (tmp_path / "study").exists()
