"""A line on standard error about work that takes longer than one likes to wait."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.status import Status

PATIENCE_S = 2.0


class PatientProgress:
    """Says what is being done once it has taken `PATIENCE_S`; before that, nothing.

    On a terminal it is one line that changes and goes away at the end, elsewhere one line.
    """

    def __init__(self, what: str) -> None:
        """Prepare to tell of `what`, words for the beginning of the line."""
        self._what = what
        self._console = Console(stderr=True)
        self._status: Status | None = None
        self._told = False
        self._begin = time.monotonic()

    def __enter__(self) -> "PatientProgress":
        """Start the clock."""
        self._begin = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the line away."""
        if self._status is not None:
            self._status.stop()

    def __call__(self, name: str, done: int, total: int) -> None:
        """Tell that `name` is next after `done` of `total`."""
        if time.monotonic() - self._begin < PATIENCE_S:
            return
        line = f"{self._what}: {done} of {total} done, now {name}"
        if not self._console.is_terminal:
            if not self._told:
                self._console.print(line, highlight=False, soft_wrap=True)
            self._told = True
        elif self._status is None:
            self._status = self._console.status(line)
            self._status.start()
        else:
            self._status.update(line)


class DayProgress:
    """One bar for each way the days are played."""

    def __init__(self, progress: Progress) -> None:
        """Add bars to `progress` as they are first heard of."""
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def __call__(self, label: str, done: int, total: int) -> None:
        """Show that `done` of `total` days of the bar `label` are played."""
        if label not in self._bars:
            self._bars[label] = self._progress.add_task(label, total=total)
        bar = self._bars[label]
        self._progress.update(bar, completed=done, total=total)
