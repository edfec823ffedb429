"""The sweep engine in one process: what is done, resumed, gathered and chosen."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cosim.cli_sweep import Cluster, Workers, runner_from, sweep_progress
from cosim.errors import RunFolderError, SweepError
from cosim.studies.sweep import sweep
from cosim.studies.sweep_columns import checked_columns
from cosim.studies.sweep_runners import Cluster as DaskCluster
from cosim.studies.sweep_runners import LocalCluster, Processes, Serial, chosen_runner
from cosim.studies.sweep_store import JOURNAL, open_store, read_study
from cosim.studies.sweep_tasks import Task, version_problems, versions_here
from cosim.studies.sweep_threads import THREAD_LIMITS
from tests.studies import sweep_work
from tests.studies.sweep_work import (
    Matrix,
    failing_work,
    finished_toy,
    fresh_folder,
    run_toy,
    toy_tasks,
)

KEYS = [task.key for task in toy_tasks()]


@pytest.fixture(autouse=True, scope="module")
def no_waiting_for_the_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _handle: None)
        yield


# A study


def test_a_study_gives_its_rows_in_order_and_finishes(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with open_store(tmp_path / "x", sweep_work.STUDY) as store:
        table = sweep(
            toy_tasks(),
            sweep_work.toy_work,
            store,
            prepare=Matrix(20),
            progress=lambda *each: told.append(each),
        )
        store.write_table("results", table)
        store.write_text("notes.txt", "done\n")
        store.finish({"answer": float("nan")})
    assert table["scenario"].tolist() == [10 * k + row for k in range(12) for row in range(k % 4)]
    assert told == [("scenarios", 3 * done, 36) for done in range(13)]
    study = read_study(tmp_path / "x")
    for name, column in study.table("results").items():
        np.testing.assert_array_equal(column, table[name])
    assert study.facts["settings"] == {"scenarios": 12, "limits": {"vm_max_pu": 1.1}}
    assert study.manifest["answer"] is None
    assert study.manifest["tasks"] == 12
    names = {"study.json", "manifest.json", "results.parquet", "notes.txt"}
    assert {file.name for file in (tmp_path / "x").iterdir()} == names
    assert set(study.manifest["files"]) == names - {"manifest.json"}
    with pytest.raises(RunFolderError, match="holds no such table"):
        study.table("other")


@settings(max_examples=15)
@given(st.permutations(range(12)), st.integers(0, 12), st.data())
def test_order_and_interruptions_leave_the_same_bytes(
    order: list[int], stored: int, data: st.DataObject
) -> None:
    """Tasks done in any order, killed at any byte of the journal, then resumed."""
    with fresh_folder() as folder:
        whole = finished_toy(folder)
    shared, tasks = Matrix(20)(), toy_tasks()
    with fresh_folder() as folder:
        with open_store(folder, sweep_work.STUDY) as store:
            for number in order[:stored]:
                columns = checked_columns(sweep_work.toy_work(shared, tasks[number]))
                store.append(tasks[number].key, columns)
        journal = folder / JOURNAL
        content = journal.read_bytes()
        journal.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        assert finished_toy(folder) == whole


def test_stored_tasks_are_not_done_again(tmp_path: Path) -> None:
    with pytest.raises(SweepError):
        run_toy(tmp_path / "x", work=failing_work)
    with open_store(tmp_path / "x", sweep_work.STUDY) as store:
        stored = store.keys
    assert stored == set(KEYS[:5])
    done = []

    def watched(shared: Any, task: Task) -> dict[str, Any]:
        done.append(task.key)
        return sweep_work.toy_work(shared, task)

    run_toy(tmp_path / "x", work=watched)
    assert done == KEYS[5:]
    run_toy(tmp_path / "x", work=watched)
    assert done == KEYS[5:]


def test_a_failed_task_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    with pytest.raises(SweepError) as caught:
        run_toy(tmp_path / "x", work=failing_work)
    first, kept = caught.value.problems
    assert first.startswith("task chunk-5: ZeroDivisionError: no load at bus 5 (sweep_work.py, l")
    assert kept == f"5 of 12 tasks are kept in {tmp_path / 'x'}"
    assert "failing_work" in caught.value.__notes__[0]


def test_problems_of_a_task_are_told_one_by_one(tmp_path: Path) -> None:
    def work(_shared: Any, _task: Task) -> dict[str, Any]:
        raise RunFolderError(["one", "two"])

    with pytest.raises(SweepError) as caught:
        run_toy(tmp_path / "x", work=work)
    assert caught.value.problems[:2] == ("task chunk-0: one", "task chunk-0: two")


def test_tasks_with_other_columns_are_refused(tmp_path: Path) -> None:
    def work(_shared: Any, task: Task) -> dict[str, Any]:
        return {"x": [1.5]} if task.key == "chunk-0" else {"x": [1]}

    with pytest.raises(SweepError) as caught:
        run_toy(tmp_path / "x", work=work)
    assert caught.value.problems[0] == (
        "task chunk-1: gave columns x (int64), task chunk-0 gave x (float64); allowed are equal "
        "ones"
    )


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([], "nothing to do"),
        ([Task("a"), Task("a")], r"keys of their own, shared or empty are \['a'\]"),
        ([Task("")], r"shared or empty are \[''\]"),
    ],
)
def test_tasks_that_cannot_be_told_apart_are_refused(
    tmp_path: Path, tasks: list[Task], words: str
) -> None:
    with (
        open_store(tmp_path / "x", sweep_work.STUDY) as store,
        pytest.raises(SweepError, match=words),
    ):
        sweep(tasks, sweep_work.toy_work, store)


def test_tasks_of_another_study_are_not_mixed_in(tmp_path: Path) -> None:
    run_toy(tmp_path / "x")
    with pytest.raises(RunFolderError, match="holds 9 tasks that this study does not have"):
        run_toy(tmp_path / "x", count=3)


# Choosing


@pytest.mark.parametrize(
    ("workers", "cluster", "runner"),
    [
        (None, None, Serial()),
        (1, None, Serial()),
        (3, None, Processes(3)),
        (2, "local", LocalCluster(2)),
        (None, "local", LocalCluster(1)),
        (None, "tcp://login-3.cluster:8786", DaskCluster("tcp://login-3.cluster:8786")),
        (None, "tls://[::1]:80", DaskCluster("tls://[::1]:80")),
    ],
)
def test_options_choose_who_works(workers: int | None, cluster: str | None, runner: Any) -> None:
    assert chosen_runner(workers, cluster) == runner


@pytest.mark.parametrize(
    "address", ["", "here", "tcp://", "tcp://a", "tcp://a:0", "tcp://a:70000", "http://a:8786"]
)
def test_bad_options_are_told_at_once(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in THREAD_LIMITS:  # which are set, and have to be as before at the end
        monkeypatch.setenv(name, "1")
    with pytest.raises(SweepError) as caught:
        runner_from(0, address)
    assert caught.value.problems == (
        "--workers: is 0, allowed is 1 or more",
        f"--cluster: is {address!r}, allowed is tcp://HOST:PORT of a Dask scheduler, or local",
        "--workers: counts processes on this machine, and the cluster brings its own; leave it out",
    )


def test_a_command_takes_the_options_and_shows_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in THREAD_LIMITS:
        monkeypatch.setenv(name, "8")
    app = typer.Typer()

    @app.command()
    def study(workers: Workers = None, cluster: Cluster = None) -> None:
        typer.echo(runner_from(workers, cluster))
        with sweep_progress() as progress:
            progress("scenarios", 3, 36)

    told = CliRunner().invoke(app, ["--workers", "2", "--cluster", "local"])
    assert told.exit_code == 0
    assert told.stdout == "LocalCluster(workers=2)\n"
    assert "3/36" in told.stderr
    assert {os.environ[name] for name in THREAD_LIMITS} == {"1"}
    assert isinstance(CliRunner().invoke(app, ["--workers", "0"]).exception, SweepError)


def test_other_versions_are_named() -> None:
    here = versions_here()
    assert {"python", "cosim-toolkit", "numpy", "cosim sources"} <= set(here)
    assert version_problems("worker w", here, here) == []
    there = {**here, "python": "3.9"}
    del there["numpy"]
    (told,) = version_problems("worker w", there, here)
    assert told.startswith(
        f"worker w: runs python 3.9 (here {here['python']}), numpy unknown (here"
    )
