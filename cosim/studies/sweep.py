"""The engine of every study: many tasks over many workers, each done once, all of them kept.

Results are stored as they come, in whatever order, and gathered in the order of the tasks: the
table is the same whoever computed it and however often the study was interrupted.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from cosim.errors import RunFolderError, SweepError
from cosim.studies.sweep_columns import Columns
from cosim.studies.sweep_runners import Runner, Serial
from cosim.studies.sweep_store import Store
from cosim.studies.sweep_tasks import Failure, Job, Outcome, Prepare, Task, Work

Progress = Callable[[str, int, int], None]
"""Is told a label, how many scenarios are done, and of how many."""

LABEL = "scenarios"
SHOWN = 5


def sweep(  # noqa: PLR0913 (what to do, with what, where to and how)
    tasks: Sequence[Task],
    work: Work,
    store: Store,
    *,
    prepare: Prepare | None = None,
    runner: Runner | None = None,
    progress: Progress | None = None,
    label: str = LABEL,
) -> Columns:
    """Do all tasks that `store` does not hold yet; return the rows of all, in order of the tasks.

    Args:
        tasks: What there is to do, keys all different. What one gives may depend on it alone.
        work: Function of a module that does one: `work(shared, task)` returns columns of equal
            length by name, of float64, int64, bool or text.
        store: Open folder of the study.
        prepare: Builds `shared`, once in each worker process; without it `shared` is None.
        runner: Who does it; this process if None.
        progress: Is told of scenarios done.
        label: Words for the progress bar.

    Raises:
        SweepError: a task failed, or workers cannot be had or are lost; what was done is kept.
        RunFolderError: the store holds tasks that are not of these, or cannot be written.
    """
    todo = _left(tasks, store)
    told = progress or (lambda _label, _done, _total: None)
    sizes = {task.key: task.size for task in tasks}
    total = sum(sizes.values())
    done = total - sum(task.size for task in todo)
    told(label, done, total)
    feed = _Feed(todo)
    failures: dict[str, Failure] = {}
    if todo:
        with closing((runner or Serial()).run(Job(work, prepare), feed)) as outcomes:
            for outcome in outcomes:
                failure = _kept(outcome, store)
                if failure is not None:
                    failures[outcome.key] = failure
                    feed.stop()
                    continue
                done += sizes[outcome.key]
                told(label, done, total)
    if failures:
        kept = f"{len(store.keys)} of {len(tasks)} tasks are kept in {store.path}"
        problems = [
            f"task {key}: {each}"
            for key, failure in sorted(failures.items())
            for each in failure.problems
        ]
        error = SweepError([*problems, kept])
        for failure in failures.values():
            error.add_note(failure.trace)
        raise error
    return store.gather([task.key for task in tasks])


class _Feed:
    """Tasks still to be given out; none any more once one has failed."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = iter(tasks)
        self._stopped = False

    def __iter__(self) -> Iterator[Task]:
        return self

    def __next__(self) -> Task:
        if self._stopped:
            raise StopIteration
        return next(self._tasks)

    def stop(self) -> None:
        self._stopped = True


def _left(tasks: Sequence[Task], store: Store) -> list[Task]:
    """Return the tasks that are not stored; raise where tasks and store do not fit."""
    keys = [task.key for task in tasks]
    if not keys:
        raise SweepError("nothing to do: a study needs at least one task")
    if len(set(keys)) < len(keys) or not all(keys):
        twice = sorted({key for key in keys if keys.count(key) > 1 or not key})
        raise SweepError(f"tasks need keys of their own, shared or empty are {twice[:SHOWN]}")
    stored = store.keys
    strange = sorted(stored - set(keys))
    if strange:
        raise RunFolderError(
            f"{store.path}: holds {len(strange)} tasks that this study does not have, the first "
            f"{', '.join(strange[:SHOWN])}; choose another folder"
        )
    return [task for task in tasks if task.key not in stored]


def _kept(outcome: Outcome, store: Store) -> Failure | None:
    """Store what a task gave; return why there is nothing to store."""
    if outcome.columns is None:
        return outcome.failure or Failure(("gave nothing",))
    try:
        store.append(outcome.key, outcome.columns)
    except ValueError as error:
        return Failure((str(error),))
    return None
