"""Who does the tasks of a study: this process, processes of this machine, or a Dask cluster.

Processes are joblib's. A cluster is driven through Dask's own futures rather than as joblib's
backend: an error keeps the task it belongs to, workers that join later get work, and their versions
can be compared with ours before anything is computed.
"""

import os
import re
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from cosim.errors import SweepError
from cosim.studies.sweep_tasks import Failure, Job, Outcome, Task, forget, perform

LOCAL: Final = "local"
ADDRESS: Final = re.compile(r"(?:tcp|tls)://(?:[^\s:/\[\]]+|\[[0-9a-fA-F:]+\]):(\d{1,5})")
PORT_MAX: Final = 65535
ADDRESSES: Final = f"tcp://HOST:PORT of a Dask scheduler, or {LOCAL}"
CONNECT_TIMEOUT_S: Final = 10.0
MEMORY: Final = "ended without an answer, perhaps for want of memory"


class Runner(Protocol):
    """Does tasks."""

    def run(self, job: Job, tasks: Iterator[Task]) -> Generator[Outcome, None, None]:
        """Yield what becomes of every task, as they are done; take tasks as there is room.

        Closing the generator gives up what is still being done.

        Raises:
            SweepError: workers cannot be had, or are lost.
        """


@dataclass(frozen=True, slots=True)
class Serial:
    """This process."""

    def run(self, job: Job, tasks: Iterator[Task]) -> Generator[Outcome, None, None]:
        """Do one after the other."""
        try:
            for task in tasks:
                yield perform(job, task)
        finally:
            forget(job)


@dataclass(frozen=True, slots=True)
class Processes:
    """Worker processes on this machine, one thread each."""

    workers: int

    def run(self, job: Job, tasks: Iterator[Task]) -> Generator[Outcome, None, None]:
        """Keep every worker busy, with one task waiting for each."""
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky import get_reusable_executor
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        theirs = replace(job, owner=os.getpid())
        with parallel_config(backend="loky", n_jobs=self.workers, inner_max_num_threads=1):
            parallel = Parallel(
                return_as="generator_unordered", pre_dispatch="2*n_jobs", batch_size=1
            )
        outcomes = parallel(delayed(perform)(theirs, task) for task in tasks)
        try:
            yield from outcomes
        except TerminatedWorkerError as error:
            raise SweepError(
                f"a worker process {MEMORY}; results so far are kept: go on with fewer workers"
            ) from error
        finally:
            with warnings.catch_warnings():  # that tasks are given up is what closing is for
                warnings.simplefilter("ignore", UserWarning)
                outcomes.close()
            get_reusable_executor(reuse=True).shutdown(wait=True)  # with all they hold in memory


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A Dask cluster of processes on this machine, one thread each, for as long as it is needed."""

    workers: int

    def run(self, job: Job, tasks: Iterator[Task]) -> Generator[Outcome, None, None]:
        """Start the cluster, do the tasks and end it."""
        from cosim.studies import sweep_dask

        return sweep_dask.run_locally(self.workers, job, tasks)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Dask cluster that runs already."""

    address: str  # of its scheduler
    timeout_s: float = CONNECT_TIMEOUT_S

    def run(self, job: Job, tasks: Iterator[Task]) -> Generator[Outcome, None, None]:
        """Do the tasks on whatever workers the cluster has while it goes on."""
        from cosim.studies import sweep_dask

        return sweep_dask.run_there(self.address, self.timeout_s, job, tasks)


def check_reachable(runner: Runner | None) -> None:
    """Raise SweepError if a cluster cannot be had, so that no folder is begun for it."""
    if isinstance(runner, Cluster):
        from cosim.studies import sweep_dask

        sweep_dask.check_there(runner.address, runner.timeout_s)


def lost(key: str) -> Outcome:
    """Return the outcome of a task whose workers died over it again and again."""
    return Outcome(key, failure=Failure((f"its worker process {MEMORY}, several times over",)))


def chosen_runner(workers: int | None, cluster: str | None) -> Runner:
    """Return who does the tasks by what a person asked for.

    Args:
        workers: Processes on this machine, one if None.
        cluster: Address of a Dask scheduler, "local" for a cluster of `workers` processes, or None.

    Raises:
        SweepError: that is not allowed; all problems at once.
    """
    problems = []
    if workers is not None and workers < 1:
        problems.append(f"--workers: is {workers}, allowed is 1 or more")
    if cluster is not None and cluster != LOCAL:
        match = ADDRESS.fullmatch(cluster)
        if match is None or not 0 < int(match[1]) <= PORT_MAX:
            problems.append(f"--cluster: is {cluster!r}, allowed is {ADDRESSES}")
        if workers is not None:
            problems.append(
                "--workers: counts processes on this machine, and the cluster brings its own; "
                "leave it out"
            )
    if problems:
        raise SweepError(problems)
    if cluster == LOCAL:
        return LocalCluster(workers or 1)
    if cluster is not None:
        return Cluster(cluster)
    return Serial() if workers in (None, 1) else Processes(workers or 1)
