"""The folder of a study: begun once, taken up again until every task is done, never overwritten.

::

    study.json        what the study is: name, settings, seed, hash of the net, versions
    tasks.journal     every finished task; gone once the study is finished
    NAME.parquet ...  tables and what else the study writes once all tasks are done
    manifest.json     written last: a folder without it is not finished

One process writes to a folder at a time; the system lets go of the lock of one that is killed.
"""

import datetime
import fcntl
import hashlib
import json
import math
import os
import platform
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from cosim.errors import RunFolderError
from cosim.run_facts import git_revision, package_versions
from cosim.run_folder import (
    MANIFEST,
    folder_problems,
    hashes_of,
    null_for_nan,
    read_json,
    write_parquet,
)
from cosim.studies.sweep_columns import Columns, entries_of, from_bytes, to_bytes
from cosim.studies.sweep_journal import Journal
from cosim.whole_files import part_of, put_in_place, unequal, write_text

FORMAT: Final = 1
STUDY, JOURNAL, LOCK = "study.json", "tasks.journal", ".lock"
LEFT_BY_A_KILL: Final = {LOCK, f".{STUDY}.part"}
"""What a study killed while it began may have left."""


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What tells one study from another: equal ones have equal results."""

    name: str  # kind of the study, such as the command's name
    settings: Mapping[str, Any]  # plain values, nested as wanted; records are taken apart
    seed: int
    net_sha256: str  # of the feeder as it is played

    @property
    def facts(self) -> dict[str, Any]:
        """Return what `study.json` holds; versions are of what can change results."""
        told: dict[str, Any] = plain(
            {
                "study": self.name,
                "seed": self.seed,
                "net_sha256": self.net_sha256,
                "settings": self.settings,
                "versions": _versions(),
            }
        )
        return {"format": FORMAT, "sha256": _digest(told), **told}


@dataclass(frozen=True, slots=True, eq=False)
class FinishedStudy:
    """A study on disk that is done. Tables are read when asked for."""

    path: Path
    facts: Mapping[str, Any]  # what `study.json` holds
    manifest: Mapping[str, Any]

    def table(self, name: str) -> Columns:
        """Return a table of the study; raise RunFolderError if there is none of that name."""
        from pyarrow import parquet

        file = self.path / f"{name}.parquet"
        if not file.is_file():
            raise RunFolderError(f"{file}: does not exist; this study holds no such table")
        table = parquet.read_table(file)
        return {each: table.column(each).to_numpy() for each in table.column_names}


class Store:
    """The open folder of a study that is not finished; `open_store` gives one."""

    def __init__(self, path: Path, journal: Journal) -> None:
        """Take the folder `path`, which is locked, and its journal."""
        import pyarrow  # noqa: F401 (half a second that the first result need not wait)

        self.path = path
        self._journal = journal
        self._entries: dict[str, str] | None = None  # of the columns of every task
        self._first = ""
        self._began = datetime.datetime.now(datetime.UTC)
        if journal.keys:
            self._first = journal.keys[0]
            self._entries = entries_of(from_bytes([journal.read(self._first)]))

    @property
    def keys(self) -> frozenset[str]:
        """Keys of all finished tasks."""
        return frozenset(self._journal.keys)

    def append(self, key: str, columns: Columns) -> None:
        """Keep what the task `key` gave; once this returns it survives whatever happens.

        Raises:
            ValueError: its columns are not those of the other tasks.
            RunFolderError: it is there already, or cannot be written.
        """
        entries = entries_of(columns)
        if self._entries is None:
            self._entries, self._first = entries, key
        elif list(entries.items()) != list(self._entries.items()):
            raise ValueError(
                f"gave columns {_shown(entries)}, task {self._first} gave {_shown(self._entries)}; "
                "allowed are equal ones"
            )
        self._journal.append(key, to_bytes(columns))

    def gather(self, keys: Sequence[str]) -> Columns:
        """Return the rows of all tasks in the order of `keys`, each task's in its own.

        Raises:
            RunFolderError: a task is missing or damaged.
        """
        stored = self.keys
        missing = [key for key in keys if key not in stored] if keys else ["of any name"]
        if missing:
            raise RunFolderError(f"{self.path}: holds no task {', '.join(missing[:5])}")
        return from_bytes([self._journal.read(key) for key in keys])

    def write_table(self, name: str, columns: Columns) -> Path:
        """Write `NAME.parquet`, whole or not at all; equal columns give equal bytes."""
        file = self.path / f"{name}.parquet"
        try:
            write_parquet(part_of(file), columns)
            put_in_place(part_of(file), file)
        except OSError as error:
            raise RunFolderError(f"{file}: cannot be written ({error})") from error
        return file

    def write_text(self, name: str, text: str) -> Path:
        """Write a file of text, whole or not at all."""
        file = self.path / name
        try:
            write_text(file, text)
        except OSError as error:
            raise RunFolderError(f"{file}: cannot be written ({error})") from error
        return file

    def finish(self, facts: Mapping[str, Any] | None = None) -> None:
        """Write that the study is finished, with `facts` about it; nothing is written after it."""
        ended = datetime.datetime.now(datetime.UTC)
        hashes = {name: it for name, it in hashes_of(self.path).items() if name != JOURNAL}
        manifest = {
            "format": FORMAT,
            "tasks": len(self._journal.keys),
            "ended_utc": ended.isoformat(timespec="seconds"),
            "wall_seconds_since_resumed": round((ended - self._began).total_seconds(), 3),
            "git_revision": git_revision(),
            "versions": {"python": platform.python_version(), **package_versions()},
            **(facts or {}),
            "files": hashes,
        }
        self.write_text(MANIFEST, _json_text(manifest))
        for name in (JOURNAL, LOCK):  # whoever waits for this lock finds a finished study
            (self.path / name).unlink()


@contextmanager
def open_store(folder: Path, study: Study) -> Iterator[Store]:
    """Yield the folder of a study: taken up again where it holds that study, else begun.

    Raises:
        RunFolderError: it holds another study, a finished or damaged one or something else,
            another process writes to it, or it cannot be written.
    """
    begun = (folder / STUDY).exists()
    if not begun and not _is_left_by_a_kill(folder):
        problems = folder_problems(folder)
        if problems:
            raise RunFolderError(f"{each}, or one of this study" for each in problems)
    with _locked(folder):
        if (folder / STUDY).exists():
            _check(folder, study)
        else:
            write_text(folder / STUDY, _json_text(study.facts))
        with Journal(folder / JOURNAL) as journal:
            yield Store(folder, journal)


def read_study(folder: Path) -> FinishedStudy:
    """Return the finished study in `folder`; raise RunFolderError if there is none."""
    if not (folder / STUDY).is_file():
        raise RunFolderError(f"{folder}: holds no study (one holds {STUDY})")
    facts = _facts_in(folder)
    if not (folder / MANIFEST).is_file():
        raise RunFolderError(
            f"{folder}: its study is not finished; go on with the command and the settings it was "
            "begun with"
        )
    return FinishedStudy(folder, facts, read_json(folder / MANIFEST))


def plain(value: Any) -> Any:
    """Return nested values as JSON knows them; what it does not know becomes text."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | None) else str(value)


def _check(folder: Path, study: Study) -> None:
    """Raise RunFolderError unless `folder` holds that study, unfinished."""
    found, asked = _facts_in(folder), study.facts
    problems = [
        f"{folder}: was begun with {name} = {there!r}, {here!r} is asked for"
        for name, there, here in sorted(unequal(found, asked), key=_readable_first)
        if name != "sha256"
    ]
    if problems:
        problems.append(f"{folder}: choose another folder, or go on with what it was begun with")
        raise RunFolderError(problems)
    if (folder / MANIFEST).exists():
        raise RunFolderError(
            f"{folder}: holds this study, finished, and a finished one is never overwritten; "
            "choose another folder"
        )


def _readable_first(difference: tuple[str, Any, Any]) -> bool:
    """Return the key that sorts hashes and versions behind settings."""
    return difference[0].split(".")[0] in ("net_sha256", "versions")


def _facts_in(folder: Path) -> dict[str, Any]:
    """Return what `study.json` says; raise RunFolderError if it cannot be understood."""
    file = folder / STUDY
    facts = read_json(file)
    number = facts.get("format")
    if isinstance(number, int) and number > FORMAT:
        raise RunFolderError(
            f"{file}: has format {number}, written by a newer cosim; this one knows up to {FORMAT}"
        )
    told = {name: each for name, each in facts.items() if name not in ("format", "sha256")}
    if number != FORMAT or facts.get("sha256") != _digest(told):
        raise RunFolderError(f"{file}: is not as `cosim` wrote it; begin anew in another folder")
    return facts


def _is_left_by_a_kill(folder: Path) -> bool:
    """Return whether a study was killed here before it had begun."""
    if not folder.is_dir():
        return False
    left = {entry.name for entry in folder.iterdir()}
    return bool(left) and left <= LEFT_BY_A_KILL


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to a folder, which is made if need be."""
    file = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = file.open("a+", encoding="utf-8")
    except OSError as error:
        raise RunFolderError(f"{folder}: cannot be written ({error.strerror})") from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            who = stream.read().strip() or "another process"
            raise RunFolderError(
                f"{folder}: is being written by {who}; wait for it, or choose another folder"
            ) from error
        except OSError as error:
            raise RunFolderError(f"{folder}: cannot be locked ({error.strerror})") from error
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        stream.flush()
        yield


def _versions() -> dict[str, str]:
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **package_versions()}


def _digest(told: Mapping[str, Any]) -> str:
    text = json.dumps(told, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _json_text(content: Mapping[str, Any]) -> str:
    text = json.dumps(null_for_nan(content), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n"


def _shown(entries: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in entries.items())
