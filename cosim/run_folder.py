"""The folder a run leaves behind: written in one go, or not at all.

Everything is written into a hidden folder beside the wanted one, the manifest last, and renamed
once it is complete. Tables, `scenario.toml` and `metrics.json` are the same bytes for the same
seed; what differs between two runs (times, versions, revision) stands in `manifest.json` alone.

A process that is killed leaves its hidden folder behind; the next one that writes to the same place
removes it.
"""

import hashlib
import json
import math
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import RunFolderError
from cosim.run_facts import RunFacts, manifest_of
from cosim.run_tables import TABLES, RunRecords, Table, run_tables
from cosim.scenario import Scenario
from cosim.scenario_file import read_scenario
from cosim.scenario_text import scenario_toml

if TYPE_CHECKING:  # pandas takes half a second, and only readers need it
    import pandas as pd

SCENARIO, MANIFEST, METRICS, REPORT = (
    "scenario.toml",
    "manifest.json",
    "metrics.json",
    "report.html",
)
FEEDER = "feeder.json"
"""The net of a feeder that was given as a file, as it was played."""
WITHOUT_VALIDATION = "without_validation"

WRITER = ".writer"
"""File in a hidden folder that names the machine and the process that writes it."""
LEFTOVER_AGE_S = 3600.0
"""A hidden folder untouched for longer is a leftover, whoever wrote it."""


@dataclass(frozen=True, slots=True, eq=False)
class RunContent:
    """All that a run folder is made from."""

    scenario: Scenario
    records: RunRecords
    without_validation: RunRecords | None  # the same days played with no grid validation
    metrics: Mapping[str, Any]
    facts: RunFacts
    net_text: str | None = None  # the net as pandapower JSON where the feeder is a file


@dataclass(frozen=True, slots=True, eq=False)
class RunFolder:
    """A run on disk. Tables are read when asked for."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def scenario(self) -> Scenario:
        """Settings of the run. Raises ScenarioError if they were changed into invalid ones."""
        return read_scenario(self.path / SCENARIO, {})

    @property
    def metrics(self) -> dict[str, Any]:
        """Metrics of the run, NaN where there is none. Raises RunFolderError if unreadable."""
        content = read_json(self.path / METRICS)
        return {name: _nan_for_null(value) for name, value in content.items()}

    @property
    def report(self) -> Path:
        """Path of the report."""
        return self.path / REPORT

    @property
    def has_comparison(self) -> bool:
        """Whether the same days were also played without validation."""
        return (self.path / WITHOUT_VALIDATION).is_dir()

    def table(self, name: str, *, without_validation: bool = False) -> "pd.DataFrame":
        """Return the table `name`, one of `TABLES`; raise RunFolderError if there is none."""
        import pandas as pd

        if name not in TABLES:
            raise RunFolderError(f"{self.path}: no table {name!r}; there are {', '.join(TABLES)}")
        folder = self.path / WITHOUT_VALIDATION if without_validation else self.path
        file = folder / f"{name}.parquet"
        if not file.is_file():
            raise RunFolderError(f"{file}: does not exist; this run does not hold that table")
        return pd.read_parquet(file)


def write_run(
    folder: Path,
    content: RunContent,
    *,
    write_report: Callable[[RunFolder], None] | None = None,
) -> RunFolder:
    """Write a run to `folder`, which must not exist or be empty, and return it.

    `write_report` is called with the run as it stands in the hidden folder and may add files.
    Raises RunFolderError if the folder cannot be written; nothing is left then.
    """
    with new_folder(folder) as hidden:
        rows = _write_tables(hidden, content.records)
        if content.without_validation is not None:
            inner = hidden / WITHOUT_VALIDATION
            inner.mkdir()
            inner_rows = _write_tables(inner, content.without_validation)
            rows |= {f"{WITHOUT_VALIDATION}/{name}": count for name, count in inner_rows.items()}
        scenario = content.scenario
        if content.net_text is not None:
            _write_text(hidden / FEEDER, content.net_text)
            saved = scenario.feeder.model_copy(update={"name": FEEDER})
            scenario = scenario.model_copy(update={"feeder": saved})
        _write_text(hidden / SCENARIO, scenario_toml(scenario))
        _write_json(hidden / METRICS, content.metrics)
        manifest = null_for_nan(manifest_of(content.scenario, content.records, content.facts, rows))
        if content.net_text is not None:
            manifest["feeder_file"] = FEEDER
        if write_report is not None:
            write_report(RunFolder(hidden, manifest))
        manifest = {**manifest, "files": hashes_of(hidden)}
        _write_json(hidden / MANIFEST, manifest)
    return RunFolder(folder, manifest)


def hashes_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a run folder but its manifest, by its name there."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file != folder / MANIFEST and not file.name.startswith(".")
    }


def changed_files(run: RunFolder) -> list[str]:
    """Return a sentence for every file that is no longer as the manifest recorded it."""
    recorded = run.manifest.get("files")
    if not isinstance(recorded, dict):
        return [f"{MANIFEST} records no hashes of the files: they cannot be compared"]
    now = hashes_of(run.path)
    found = [f"{name} is missing" for name in recorded if name not in now]
    found += [
        f"{name} is not as it was written"
        for name, digest in recorded.items()
        if name in now and now[name] != digest
    ]
    return found


def read_run(folder: Path) -> RunFolder:
    """Return the finished run in `folder`; raise RunFolderError if there is none."""
    if not (folder / MANIFEST).is_file() or _is_hidden_part(folder):
        raise RunFolderError(
            f"{folder}: is not a finished run (a finished one holds {MANIFEST}, "
            "which is written last)"
        )
    return RunFolder(folder, read_json(folder / MANIFEST))


def folder_problems(folder: Path) -> list[str]:
    """Return why a run cannot be written to `folder`, without leaving a trace.

    Allowed is a folder that does not exist yet, or is empty, below one that can be written.
    """
    try:
        reason = _why_not(folder)
    except OSError as error:
        reason = f"cannot be used ({error.strerror})"
    return [f"{folder}: {reason}; allowed is a new or empty folder"] if reason else []


def _why_not(folder: Path) -> str:
    """Return what is wrong with writing a run to `folder`, "" if nothing is."""
    if folder.is_file():
        return "is a file"
    if folder.is_mount():
        return "is a mount point, name a folder inside it"  # it cannot be replaced by renaming
    if folder.is_dir() and any(folder.iterdir()):
        return "exists and is not empty"
    existing = next(parent for parent in folder.resolve().parents if parent.exists())
    if not existing.is_dir():
        return f"lies below {existing}, which is a file"
    try:
        # Permission bits say little to an administrator or on a read-only disk: try it.
        Path(tempfile.mkdtemp(prefix=".cosim-", dir=existing)).rmdir()
    except OSError as error:
        return f"lies below {existing}, which cannot be written ({error.strerror})"
    return ""


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `folder` that becomes it, or vanishes if anything fails.

    Raises RunFolderError if `folder` cannot be written, before anything is yielded.
    """
    problems = folder_problems(folder)
    if problems:
        raise RunFolderError(problems)
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        hidden = Path(tempfile.mkdtemp(prefix=_hidden_prefix(folder.name), dir=folder.parent))
        hidden.chmod(0o755)  # mkdtemp keeps others out; results are for everybody
    except OSError as error:
        raise RunFolderError(f"{folder}: cannot be made ({error.strerror})") from error
    try:
        _write_text(hidden / WRITER, f"{socket.gethostname()} {os.getpid()}\n")
        yield hidden
        (hidden / WRITER).unlink()
        hidden.rename(folder)  # an empty folder of that name is replaced
    except OSError as error:
        raise RunFolderError(f"{folder}: cannot be written ({error})") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _hidden_prefix(name: str) -> str:
    return f".{name}.unfinished-"


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left beside `folder` when they were writing it."""
    for found in folder.parent.iterdir():
        if found.name.startswith(_hidden_prefix(folder.name)) and _is_leftover(found):
            shutil.rmtree(found, ignore_errors=True)


def _is_leftover(hidden: Path) -> bool:
    """Return whether nobody writes to a hidden folder any more."""
    try:
        if time.time() - hidden.stat().st_mtime > LEFTOVER_AGE_S:
            return True
        host, process = (hidden / WRITER).read_text(encoding="utf-8").split()
        return host == socket.gethostname() and not _is_running(int(process))
    except (OSError, ValueError):  # just being made or renamed
        return False


def _is_running(process: int) -> bool:
    """Return whether there is a process of that number on this machine."""
    if os.name == "nt":  # signal 0 would end it there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def _is_hidden_part(folder: Path) -> bool:
    """Return whether `folder` is one that was never renamed."""
    name = folder.absolute().name
    return name.startswith(".") and ".unfinished-" in name


def _write_tables(folder: Path, records: RunRecords) -> dict[str, int]:
    """Write every table as Parquet and return their row counts."""
    rows = {}
    for name, columns in run_tables(records).items():
        write_parquet(folder / f"{name}.parquet", columns)
        rows[name] = len(columns["interval"])
    return rows


def write_parquet(file: Path, columns: Table) -> None:
    """Write named columns; equal columns give equal bytes."""
    import pyarrow as pa
    from pyarrow import parquet

    arrays = {}
    for name, values in columns.items():
        if values.dtype == object:
            arrays[name] = pa.array(values, type=pa.string())
        elif values.dtype.kind == "M":
            arrays[name] = pa.array(values, type=pa.timestamp("ms", tz="UTC"))
        else:
            arrays[name] = pa.array(values)
    parquet.write_table(pa.table(arrays), file, compression="zstd")


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write JSON as the standard has it, which knows no NaN and no infinity: they become null."""
    text = json.dumps(null_for_nan(content), indent=2, ensure_ascii=False, allow_nan=False)
    _write_text(file, text + "\n")


def null_for_nan(content: Any) -> Any:
    """Return nested content with None for every number that is not finite."""
    if isinstance(content, Mapping):
        return {key: null_for_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [null_for_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _nan_for_null(content: Any) -> Any:
    """Return nested content with NaN for None."""
    if isinstance(content, Mapping):
        return {key: _nan_for_null(value) for key, value in content.items()}
    return math.nan if content is None else content


def _write_text(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raise RunFolderError if there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunFolderError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RunFolderError(f"{file}: is not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise RunFolderError(f"{file}: holds no JSON object")
    return content
