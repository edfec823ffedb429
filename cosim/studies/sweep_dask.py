"""Tasks on a Dask cluster: checked before anything is computed, fed as there is room."""

import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from cosim.errors import SweepError
from cosim.studies.sweep_runners import ADDRESSES, lost
from cosim.studies.sweep_tasks import Job, Outcome, Task, perform, version_problems, versions_here
from cosim.studies.sweep_threads import THREAD_LIMITS

if TYPE_CHECKING:
    from distributed import Client

WAITING: Final = 3
"""Tasks given out for every thread of the cluster: one that is done, two that wait."""
THREADS_KNOWN_S: Final = 2.0
"""How long the number of a cluster's threads is taken as known."""


def run_locally(workers: int, job: Job, tasks: Iterator[Task]) -> Generator[Outcome, None, None]:
    """Start a cluster of processes on this machine, do the tasks and end it."""
    import logging

    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            memory_limit=0,  # as with joblib's processes, the machine's
            env=dict.fromkeys(THREAD_LIMITS, "1"),
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield from _outcomes(client, str(cluster.scheduler_address), job, tasks)


def run_there(
    address: str, timeout_s: float, job: Job, tasks: Iterator[Task]
) -> Generator[Outcome, None, None]:
    """Do the tasks on the cluster of the scheduler at `address`."""
    with _connected(address, timeout_s) as client:
        versions = _checked(client, address, timeout_s)
        yield from _outcomes(client, address, replace(job, versions=versions), tasks)


def check_there(address: str, timeout_s: float) -> None:
    """Raise SweepError unless the cluster at `address` has workers that run what runs here."""
    with _connected(address, timeout_s) as client:
        _checked(client, address, timeout_s)


def _connected(address: str, timeout_s: float) -> "Client":
    from distributed import Client

    try:
        return Client(address, timeout=timeout_s, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SweepError(
            f"no Dask scheduler answers at {address} within {timeout_s:g} s; start one with `dask "
            "scheduler` and workers with `dask worker ADDRESS --nthreads 1`, or leave --cluster "
            f"out (allowed is {ADDRESSES})"
        ) from error


def _checked(client: "Client", address: str, timeout_s: float) -> dict[str, str]:
    """Return what every worker runs; raise SweepError if one runs anything else, or there is none.

    All problems of all workers at once.
    """
    try:
        client.wait_for_workers(1, timeout=timeout_s)
    except TimeoutError as error:
        raise SweepError(
            f"the Dask scheduler at {address} has no workers; start some with `dask worker "
            f"{address} --nthreads 1`"
        ) from error
    wanted = versions_here()
    problems = [
        f"worker {worker}: runs {threads} threads, allowed is 1; start it with --nthreads 1, and "
        "more of them with --nworkers"
        for worker, threads in sorted(client.nthreads().items())
        if threads > 1
    ]
    for worker, found in sorted(client.run(versions_here, on_error="return").items()):
        if isinstance(found, dict):
            problems += version_problems(f"worker {worker}", found, wanted)
        else:
            problems.append(
                f"worker {worker}: cannot run cosim ({type(found).__name__}: {found}); install "
                "there what runs here"
            )
    if problems:
        raise SweepError(problems)
    return wanted


def _outcomes(
    client: "Client", address: str, job: Job, tasks: Iterator[Task]
) -> Generator[Outcome, None, None]:
    """Yield outcomes as they come and give out new tasks as there is room."""
    from distributed import as_completed

    room = _Room(client)
    keys: dict[str, str] = {}  # of Dask's to ours, of tasks given out
    futures: Any = as_completed(with_results=True, raise_errors=False, loop=client.loop)
    shared = client.submit(_same, job, key=f"cosim-{job.token}", pure=False)
    number = 0

    def give_out() -> None:
        nonlocal number
        for task in islice(tasks, max(room.tasks() - len(keys), 0)):
            name = f"cosim-{job.token}-{number}"
            number += 1
            future = client.submit(perform, shared, task, key=name, pure=False)
            keys[name] = task.key
            futures.add(future)

    try:
        give_out()
        while keys:
            future, result = next(futures)
            key = keys.pop(future.key)
            status = future.status
            future.release()
            yield _outcome(key, status, result, address)
            give_out()
    finally:
        client.cancel(futures.futures)


def _outcome(key: str, status: str, result: Any, address: str) -> Outcome:
    from distributed import KilledWorker

    if status == "finished" and isinstance(result, Outcome):
        return result
    error = result[1] if isinstance(result, tuple) else result
    if isinstance(error, KilledWorker):
        return lost(key)
    raise SweepError(
        f"the Dask cluster at {address} was lost at task {key} ({status}: {error}); results so "
        "far are kept: go on with the same command once it runs again"
    )


class _Room:
    """How many tasks a cluster may hold; it may grow and shrink."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._threads = 0
        self._asked = -THREADS_KNOWN_S

    def tasks(self) -> int:
        now = time.monotonic()
        if now - self._asked >= THREADS_KNOWN_S:
            self._threads = sum(self._client.nthreads().values())
            self._asked = now
        return max(WAITING * self._threads, 1)


def _same(job: Job) -> Job:
    return job
