"""What is true of a run as a whole: the manifest, with versions, revision and times."""

import datetime
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from cosim.run_tables import RunRecords
from cosim.scenario import Scenario

DISTRIBUTION = "cosim-toolkit"
PACKAGES = (
    *(DISTRIBUTION, "numpy", "scipy", "pandas", "numba", "highspy", "pyarrow"),
    *("pandapower", "simbench"),
)
"""Distributions whose versions can change results or files."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What only the one who played the run knows."""

    started: datetime.datetime  # with time zone
    finished: datetime.datetime  # with time zone
    pandapower_states: int  # recorded states given to pandapower to solve again
    pandapower_voltage_pu: float  # largest difference of a voltage magnitude
    pandapower_loading_percent: float  # largest difference of a loading, percentage points
    pandapower_unsolved: int = 0  # of these, states for which it found no power flow


def manifest_of(
    scenario: Scenario, records: RunRecords, facts: RunFacts, rows: Mapping[str, int]
) -> dict[str, Any]:
    """Return the manifest of a run; `rows` are the row counts of its tables."""
    feeder, world = records.feeder, records.world
    return {
        "format": 1,
        "seed": scenario.run.seed,
        "feeder": feeder.name,
        "net_sha256": feeder.net_sha256,
        "ratings_assumed": feeder.ratings_assumed,
        "ratings_source": feeder.ratings_source,
        "day_ahead_label": world.day_ahead_label,
        "imbalance_label": world.imbalance_label,
        "pandapower_states": facts.pandapower_states,
        "pandapower_unsolved": facts.pandapower_unsolved,
        "pandapower_voltage_pu": facts.pandapower_voltage_pu,
        "pandapower_loading_percent": facts.pandapower_loading_percent,
        "started_utc": _utc_text(facts.started),
        "finished_utc": _utc_text(facts.finished),
        "wall_seconds": round((facts.finished - facts.started).total_seconds(), 3),
        "git_revision": git_revision(),
        "versions": {"python": platform.python_version(), **package_versions()},
        "tables": dict(rows),
    }


def package_versions() -> dict[str, str]:
    """Return the versions of installed packages that can change a run."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def git_revision() -> str | None:
    """Return the commit of the checkout this package runs from, None outside of one.

    A tree that differs from its commit is marked with ``+changes``.
    """
    checkout = Path(__file__).resolve().parents[1]
    # A copy inside the environment of another project has that project's revision, not its own.
    if not (checkout / ".git").exists():
        return None
    revision = _git(checkout, "rev-parse", "HEAD")
    if not revision:
        return None
    changes = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    return f"{revision}+changes" if changes else revision


def _git(checkout: Path, *arguments: str) -> str | None:
    """Return what git answers, None if it cannot."""
    try:
        answer = subprocess.run(
            ["git", *arguments],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _utc_text(moment: datetime.datetime) -> str:
    """Return an ISO time stamp in UTC."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="seconds")
