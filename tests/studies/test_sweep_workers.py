"""The sweep engine over processes and Dask clusters, killed and resumed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cosim.studies.sweep_runners import LocalCluster, Processes
from tests.studies import sweep_work

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = Path(sweep_work.__file__)
PATIENCE_S = 60.0
TWO = [Processes(2), LocalCluster(2)]


@contextmanager
def started(*arguments: str, path: Path = REPOSITORY, **variables: str) -> Iterator[int]:
    """Run Python in a process group of its own, which is killed at the end."""
    environment = {**os.environ, "PYTHONPATH": str(path), **variables}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        cwd=path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(happened: "object", what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < end, what
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def scheduler() -> Iterator[str]:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    options = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    with started("-m", "distributed.cli.dask_scheduler", *options):
        yield address


def worker(address: str, path: Path = REPOSITORY, threads: int = 1) -> "object":
    options = ("--nthreads", str(threads), "--no-dashboard", "--host", "127.0.0.1")
    return started("-m", "distributed.cli.dask_worker", address, *options, path=path)
