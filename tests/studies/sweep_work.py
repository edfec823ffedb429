"""A study that takes no time, for tests of the engine; run as a script it is killed by them."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cosim.studies.sweep import sweep
from cosim.studies.sweep_columns import Columns
from cosim.studies.sweep_runners import Runner, chosen_runner
from cosim.studies.sweep_store import Study, open_store
from cosim.studies.sweep_tasks import Prepare, Task, Work

STUDY = Study("toy", {"scenarios": 12, "limits": {"vm_max_pu": 1.1}}, 7, "abc")
TASKS_OF_SCRIPT = 60


@dataclass(frozen=True)
class Matrix:
    """Shared things of the toy study, built anew in each worker."""

    size: int

    def __call__(self) -> Any:
        return np.random.default_rng(self.size).normal(size=(self.size, self.size))


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Yield a folder that is not there yet, for tests that run many times over."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "study"


def toy_tasks(count: int = 12) -> list[Task]:
    return [Task(f"chunk-{number}", {"number": number}, size=3) for number in range(count)]


def toy_work(shared: Any, task: Task) -> dict[str, Any]:
    """Give some rows whose last digits tell whether the arithmetic was the same."""
    number = task.content["number"]
    draws = np.random.default_rng((7, number)).normal(size=shared.shape)
    product = shared @ draws @ shared.T
    rows = number % 4  # some tasks give none
    return {
        "scenario": np.arange(rows) + 10 * number,
        "vm_pu": np.where(np.arange(rows) == 1, np.nan, np.linalg.solve(product, draws[0])[:rows]),
        "breaks": product[0, :rows] > 0.0,
        "element": np.array([f"line {k} of {task.key}" for k in range(rows)], dtype=object),
    }


def logged_work(shared: Any, task: Task) -> dict[str, Any]:
    """Note that the task was begun, then take a moment."""
    with Path(os.environ["TOY_LOG"]).open("a", encoding="utf-8") as log:
        log.write(f"{task.key}\n")
    time.sleep(0.03)
    return toy_work(shared, task)


def slow_work(shared: Any, task: Task) -> dict[str, Any]:
    time.sleep(0.1)
    return toy_work(shared, task)


def failing_work(shared: Any, task: Task) -> dict[str, Any]:
    if task.content["number"] == 5:
        raise ZeroDivisionError("no load at bus 5")
    return toy_work(shared, task)


def dying_work(shared: Any, task: Task) -> dict[str, Any]:
    if task.content["number"] == 5:
        os._exit(9)
    return toy_work(shared, task)


def process_work(shared: int, task: Task) -> dict[str, Any]:
    """Tell who worked, who prepared, and how many threads libraries were told to use."""
    return {
        "worker": np.array([os.getpid()]),
        "prepared_by": np.array([shared]),
        "threads": [os.environ.get("OPENBLAS_NUM_THREADS", "unset")],
        "numba_threads": [os.environ.get("NUMBA_NUM_THREADS", "unset")],
    }


def run_toy(
    folder: Path,
    runner: Runner | None = None,
    *,
    work: Work = toy_work,
    prepare: Prepare = Matrix(20),
    count: int = 12,
) -> Columns:
    """Run or resume the toy study without finishing it."""
    with open_store(folder, STUDY) as store:
        return sweep(toy_tasks(count), work, store, prepare=prepare, runner=runner)


def finished_toy(folder: Path, runner: Runner | None = None) -> bytes:
    """Run the toy study to its end and return the bytes of its table."""
    with open_store(folder, STUDY) as store:
        table = sweep(toy_tasks(), toy_work, store, prepare=Matrix(20), runner=runner)
        file = store.write_table("results", table)
        store.finish()
    return file.read_bytes()


if __name__ == "__main__":
    run_toy(
        Path(sys.argv[1]),
        chosen_runner(int(sys.argv[2]), None),
        work=logged_work,
        count=TASKS_OF_SCRIPT,
    )
