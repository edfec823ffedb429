"""The sweep engine over processes and Dask clusters, killed and resumed."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from cosim.errors import RunFolderError, SweepError
from cosim.studies.sweep import sweep
from cosim.studies.sweep_journal import MAGIC
from cosim.studies.sweep_runners import Cluster, LocalCluster, Processes, Runner
from cosim.studies.sweep_store import JOURNAL, open_store
from tests.studies import sweep_work
from tests.studies.sweep_work import (
    dying_work,
    failing_work,
    finished_toy,
    process_work,
    run_toy,
    slow_work,
)

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 90.0
slow = pytest.mark.slow
TWO = [
    pytest.param(Processes(2), id="processes"),
    pytest.param(LocalCluster(2), id="dask", marks=slow),
]
TWO_SLOWLY = [pytest.param(*each.values, id=each.id, marks=slow) for each in TWO]


@contextmanager
def started(
    *arguments: str, path: Path = REPOSITORY, log: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run Python in a process group of its own, which is killed at the end."""
    environment = {**os.environ, "PYTHONPATH": str(path), "TOY_LOG": str(log)}
    with subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        cwd=path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_until(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end, f"waited {PATIENCE_S} s: {what}"
        time.sleep(0.005)


@contextmanager
def scheduler() -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    options = ("--host", "127.0.0.1", "--port", port, "--no-dashboard")
    with started("-m", "distributed.cli.dask_scheduler", *options) as process:
        yield f"tcp://127.0.0.1:{port}", process


def worker(
    address: str, *, path: Path = REPOSITORY, threads: int = 1
) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    options = ("--nthreads", str(threads), "--no-dashboard", "--host", "127.0.0.1")
    return started("-m", "distributed.cli.dask_worker", address, *options, path=path)


def stored_in(folder: Path) -> frozenset[str]:
    with open_store(folder, sweep_work.STUDY) as store:
        return store.keys


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The toy study's table, computed in one go in one process."""
    return finished_toy(tmp_path_factory.mktemp("serial") / "x")


@pytest.mark.parametrize("runner", TWO)
def test_two_workers_give_the_same_bytes(tmp_path: Path, table: bytes, runner: Runner) -> None:
    assert finished_toy(tmp_path / "x", runner) == table


@pytest.mark.parametrize("runner", TWO_SLOWLY)
def test_shared_things_are_built_once_in_each_worker_with_one_thread(
    tmp_path: Path, runner: Runner
) -> None:
    found = run_toy(tmp_path / "x", runner, work=process_work, prepare=os.getpid)
    assert found["worker"].tolist() == found["prepared_by"].tolist()
    assert 1 <= len(set(found["worker"])) <= 2
    assert os.getpid() not in found["worker"]
    assert set(found["threads"]) == set(found["numba_threads"]) == {"1"}


@pytest.mark.parametrize("runner", TWO_SLOWLY)
def test_a_failed_task_is_named_whoever_did_it(
    tmp_path: Path, table: bytes, runner: Runner
) -> None:
    with pytest.raises(SweepError) as caught:
        run_toy(tmp_path / "x", runner, work=failing_work)
    first, kept = caught.value.problems
    assert first.startswith("task chunk-5: ZeroDivisionError: no load at bus 5")
    stored = stored_in(tmp_path / "x")
    assert kept.startswith(f"{len(stored)} of 12 tasks are kept")
    assert "chunk-5" not in stored
    assert {f"chunk-{number}" for number in range(4)} <= stored
    assert finished_toy(tmp_path / "x") == table


@pytest.mark.parametrize("runner", TWO_SLOWLY)
def test_a_worker_that_dies_is_told(tmp_path: Path, table: bytes, runner: Runner) -> None:
    with pytest.raises(SweepError, match="ended without an answer, perhaps for want of memory"):
        run_toy(tmp_path / "x", runner, work=dying_work)
    assert "chunk-5" not in stored_in(tmp_path / "x")
    assert finished_toy(tmp_path / "x") == table


@slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_again_and_again_a_study_gives_the_same_table(tmp_path: Path, workers: int) -> None:
    count = sweep_work.TASKS_OF_SCRIPT
    whole = run_toy(tmp_path / "whole", count=count)
    folder, moments = tmp_path / "x", random.Random(workers)
    stored: frozenset[str] = frozenset()
    kills = 0
    for number in range(5):
        log = tmp_path / f"begun-{number}"
        pause_s = moments.uniform(0.0, 0.3)
        kills += killed(folder, log, workers, pause_s=pause_s, after_one=number % 2 == 0)
        begun = log.read_text(encoding="utf-8").split() if log.exists() else []  # nothing is left
        done_again = stored & set(begun)
        assert not done_again, "stored and begun anew"
        now = stored_in(folder)
        assert stored <= now
        stored = now
    assert kills >= 2
    assert stored
    found = run_toy(folder, count=count)
    for name, column in whole.items():
        np.testing.assert_array_equal(found[name], column)


def killed(folder: Path, log: Path, workers: int, *, pause_s: float, after_one: bool) -> bool:
    """Run the toy study and kill it some time after a task is begun, or one is stored.

    Returns whether it was killed rather than done. Workers are killed after it.
    """
    size = size_of(folder)
    script = ("-m", "tests.studies.sweep_work", str(folder), str(workers))
    with started(*script, log=log) as process:
        wait_until(lambda: log.exists() or process.poll() is not None, "no task begun")
        if after_one:  # else it may be killed each time before it has stored anything
            wait_until(
                lambda: size_of(folder) > size or process.poll() is not None, "nothing stored"
            )
        time.sleep(pause_s)
        process.kill()
        return process.wait() == -signal.SIGKILL


def size_of(folder: Path) -> int:
    file = folder / JOURNAL
    return file.stat().st_size if file.exists() else len(MAGIC)


@slow
def test_a_running_study_keeps_others_out_and_a_killed_one_leaves_nobody(tmp_path: Path) -> None:
    log = tmp_path / "begun"
    script = ("-m", "tests.studies.sweep_work", str(tmp_path / "x"), "2")
    with started(*script, log=log) as process:
        wait_until(log.exists, "no task begun")
        with pytest.raises(RunFolderError, match=f"is being written by process {process.pid} on"):
            stored_in(tmp_path / "x")
        group = os.getpgid(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: not members_of(group), "workers work on for nobody")


def members_of(group: int) -> list[int]:
    """Return the processes of a group that are not gone."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _parent, its_group, *_ = stat.read_text().rpartition(")")[2].split()
            if int(its_group) == group and state not in "ZX":
                found.append(int(stat.parent.name))
    return found


def test_an_unreachable_cluster_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SweepError) as caught:
            run_toy(tmp_path / "x", Cluster(address, timeout_s=0.3))
    told = str(caught.value)
    assert told.startswith(f"no Dask scheduler answers at {address} within 0.3 s; start one with")
    assert "`dask scheduler`" in told
    assert "allowed is tcp://HOST:PORT" in told


@slow
def test_a_cluster_started_by_hand(tmp_path: Path, table: bytes) -> None:
    with scheduler() as (address, _):
        with pytest.raises(SweepError, match="has no workers; start some with `dask worker tcp:"):
            run_toy(tmp_path / "x", Cluster(address, timeout_s=5.0))
        with worker(address):
            assert finished_toy(tmp_path / "x", Cluster(address)) == table
            # Workers that may come later are not asked at the beginning, but at their first task.
            other = other_version(tmp_path / "other")
            with worker(address, path=other), worker(address, threads=2):
                told = problems_of(tmp_path / "y", address, 2)
    runs, threads = sorted(told, key=lambda each: "threads" in each)
    assert "runs cosim sources" in runs
    assert runs.endswith("; allowed is what runs here")
    assert "runs 2 threads, allowed is 1; start it with --nthreads 1" in threads


def problems_of(folder: Path, address: str, count: int) -> tuple[str, ...]:
    """Return what is told once `count` workers are wrong; until they are up, nothing is."""
    found: tuple[str, ...] = ()

    def are_told() -> bool:
        nonlocal found
        shutil.rmtree(folder, ignore_errors=True)
        try:
            run_toy(folder, Cluster(address), count=1)
        except SweepError as error:
            found = error.problems
        return len(found) == count

    wait_until(are_told, f"wrong workers not told, but {found}")
    return found


def other_version(folder: Path) -> Path:
    """Return a copy of the toolkit that differs in a comment."""
    for package in ("cosim", "networks", "policies", "tests"):
        shutil.copytree(
            REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    with (folder / "cosim" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("# another version\n")
    return folder


@slow
def test_a_cluster_lost_on_the_way_costs_no_finished_task(tmp_path: Path, table: bytes) -> None:
    folder = tmp_path / "x"
    with (
        scheduler() as (address, process),
        worker(address),
        open_store(folder, sweep_work.STUDY) as store,
    ):

        def lose(_label: str, done: int, _total: int) -> None:
            if done == 9:
                process.kill()

        with pytest.raises(SweepError, match="was lost at task chunk-"):
            sweep(
                sweep_work.toy_tasks(),
                slow_work,
                store,
                prepare=sweep_work.Matrix(20),
                runner=Cluster(address),
                progress=lose,
            )
    assert 3 <= len(stored_in(folder)) < 12
    assert finished_toy(folder) == table
