"""Options that every study shares: how many workers, on which machines."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # imported once a command runs
    from cosim.studies.sweep_runners import Runner

Workers = Annotated[
    int | None, typer.Option("--workers", help="Worker processes on this machine; default: 1.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="tcp://HOST:PORT",
        help="Address of a Dask scheduler; `local` starts one here with --workers processes.",
    ),
]


def runner_from(workers: int | None, cluster: str | None) -> "Runner":
    """Return who does the tasks of a study; raise SweepError with all problems at once.

    To be called before numpy is imported: this process then keeps to one thread, as workers do,
    so that the last digits are the same whoever computes them.
    """
    from cosim.studies.sweep_threads import THREAD_LIMITS

    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))

    from cosim.studies.sweep_runners import chosen_runner

    return chosen_runner(workers, cluster)


@contextmanager
def sweep_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a progress bar on standard error that can be handed to a sweep."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    from cosim.cli_progress import DayProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield DayProgress(progress)
