"""Tasks of a study, and what a worker does with one.

A worker builds the heavy things once, at its first task, and keeps them for the tasks after it.
"""

import hashlib
import os
import platform
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosim.errors import SweepError
from cosim.studies.sweep_columns import Columns, checked_columns

PACKAGES = ("cosim", "networks", "policies")
KEPT = 2
"""How many studies' shared things a worker process holds at most."""
PARENT_CHECK_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A part of a study that one worker computes in one go; what it gives depends on it alone."""

    key: str  # names it within the study, and in its folder; never changes
    content: Any = None  # what `work` needs beside the shared things; can be pickled
    size: int = 1  # scenarios in it, for the progress bar


Work = Callable[[Any, Task], Mapping[str, Any]]
"""A function of a module: shared things and a task to columns of equal length, by name."""
Prepare = Callable[[], Any]
"""Builds the shared things; can be pickled and is small: a function or a record of settings."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What a worker has to know to do tasks."""

    work: Work
    prepare: Prepare | None = None
    token: str = field(default_factory=lambda: uuid.uuid4().hex)  # of this sweep alone
    versions: Mapping[str, str] | None = None  # what the worker must run, None if it surely does
    owner: int | None = None  # process whose end ends the worker, too


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """Why a task gave nothing."""

    problems: tuple[str, ...]
    trace: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of a task."""

    key: str
    columns: Columns | None = None
    failure: Failure | None = None


_shared: dict[str, Any] = {}
_watched: set[int] = set()
_one_at_a_time = threading.Lock()


def perform(job: Job, task: Task) -> Outcome:
    """Do one task; whatever goes wrong in it is an outcome, too."""
    try:
        with _one_at_a_time:  # shared things are not made for threads
            result = job.work(_shared_of(job), task)
        return Outcome(task.key, columns=checked_columns(result))
    except Exception as error:  # noqa: BLE001 (anything may go wrong in a study's own code)
        return Outcome(task.key, failure=_failure(error))


def forget(job: Job) -> None:
    """Let go of the shared things of a sweep in this process."""
    _shared.pop(job.token, None)


def versions_here() -> dict[str, str]:
    """Return versions of this process that can change results, the toolkit's own source included.

    Python counts with its first two numbers. Sources are told by the first digits of a hash.
    """
    from cosim.run_facts import package_versions  # a second, which workers seldom need

    here = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((here / package).rglob("*.py")):
            digest.update(file.relative_to(here).as_posix().encode())
            digest.update(file.read_bytes())
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **package_versions(), "cosim sources": digest.hexdigest()[:12]}


def version_problems(where: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Return a sentence on what a worker runs other than we do, none if nothing."""
    other = [
        f"{name} {found.get(name, 'unknown')} (here {version})"
        for name, version in wanted.items()
        if found.get(name) != version
    ]
    return [f"{where}: runs {', '.join(other)}; allowed is what runs here"] if other else []


def _shared_of(job: Job) -> Any:
    """Return the shared things of a job, built at the first call in a process."""
    if job.token not in _shared:
        if job.owner is not None:
            _end_with(job.owner)
        if job.versions is not None:
            problems = version_problems("the worker", versions_here(), job.versions)
            if problems:
                raise SweepError(problems)
        built = None if job.prepare is None else job.prepare()
        while len(_shared) >= KEPT:
            _shared.pop(next(iter(_shared)))
        _shared[job.token] = built
    return _shared[job.token]


def _failure(error: Exception) -> Failure:
    trace = "".join(traceback.format_exception(error))
    problems = getattr(error, "problems", None)
    if problems:
        return Failure(tuple(str(each) for each in problems), trace)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return Failure((f"{type(error).__name__}: {error}{where}",), trace)


def _end_with(owner: int) -> None:
    """End this process soon after its parent, the process `owner`, is gone.

    A parent that is killed cannot end its workers, and they would work on for nobody.
    """
    if owner in _watched or os.getpid() == owner:
        return
    _watched.add(owner)

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(PARENT_CHECK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()
