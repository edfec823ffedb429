"""What is true of a run as a whole: the manifest, with versions, revision and times."""

import datetime
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from cosim.learned_policies import LearnedPolicies
from cosim.price_provenance import PriceProvenance
from cosim.records import World
from cosim.run_tables import RunRecords
from cosim.scenario import Scenario

DISTRIBUTION = "cosim-toolkit"
PACKAGES = (
    *(DISTRIBUTION, "numpy", "scipy", "pandas", "numba", "highspy", "pyarrow"),
    *("pandapower", "simbench"),
)
"""Distributions whose versions can change results or files."""

SIMBENCH_NOTICE = (
    "SimBench (https://simbench.de), ODbL 1.0: contains information from SimBench, which is made "
    "available under the Open Database License (http://opendatacommons.org/licenses/odbl/1.0/)."
)
SYNTHETIC_DAY_AHEAD_CREDIT = (
    "Synthetic day-ahead prices: drawn from statistics derived from Bundesnetzagentur | SMARD.de, "
    "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/), changed: averaged and fitted."
)
SYNTHETIC_IMBALANCE_CREDIT = (
    "Synthetic imbalance prices: spread fitted to the German single imbalance price "
    "(netztransparenz.de) minus day-ahead."
)
FILE_CREDITS = {
    "SMARD JSON": "Bundesnetzagentur | SMARD.de, CC BY 4.0",
    "Energi Data Service CSV": "Energinet, Energi Data Service, CC BY 4.0",
}
"""Whom to name for the prices of a file, by its format."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What only the one who played the run knows."""

    started: datetime.datetime  # with time zone
    finished: datetime.datetime  # with time zone
    pandapower_states: int  # recorded states given to pandapower to solve again
    pandapower_voltage_pu: float  # largest difference of a voltage magnitude
    pandapower_loading_percent: float  # largest difference of a loading, percentage points
    pandapower_unsolved: int = 0  # of these, states for which it found no power flow
    learned: tuple[LearnedPolicies, ...] = ()  # policies that act, of each folder


def manifest_of(
    scenario: Scenario, records: RunRecords, facts: RunFacts, rows: Mapping[str, int]
) -> dict[str, Any]:
    """Return the manifest of a run; `rows` are the row counts of its tables."""
    feeder, world = records.feeder, records.world
    return {
        "format": 1,
        "seed": scenario.run.seed,
        "feeder": feeder.name,
        "feeder_file": None,  # the folder's writer knows whether there is one
        "net_sha256": feeder.net_sha256,
        "ratings_assumed": feeder.ratings_assumed,
        "ratings_source": feeder.ratings_source,
        "feeder_notes": list(feeder.notes),
        "day_ahead_label": world.day_ahead_label,
        "imbalance_label": world.imbalance_label,
        "day_ahead_file": _price_facts(world.day_ahead_provenance),
        "imbalance_file": _price_facts(world.imbalance_provenance),
        "data_notice": data_notice(feeder.name, world),
        "policies": [each.entry for each in facts.learned],
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


def data_notice(feeder: str, world: World) -> str:
    """Return the notices that must stand by whatever is made with the data of a run."""
    of_simbench = "Load, solar and heat-pump profiles"
    if feeder.startswith("simbench:"):
        of_simbench = f"Grid; {of_simbench[0].lower()}{of_simbench[1:]}"
    series = (
        ("Day-ahead", world.day_ahead_provenance, SYNTHETIC_DAY_AHEAD_CREDIT),
        ("Imbalance", world.imbalance_provenance, SYNTHETIC_IMBALANCE_CREDIT),
    )
    of_prices = [
        synthetic if origin is None else f"{name} prices: {_file_credit(origin)}."
        for name, origin, synthetic in series
    ]
    return " ".join([f"{of_simbench}: {SIMBENCH_NOTICE}", *of_prices])


def _file_credit(origin: PriceProvenance) -> str:
    """Return whom to name for a file's prices; only those who gave it know for a plain one."""
    publisher = FILE_CREDITS.get(origin.kind)
    return publisher or f"{origin.file.name}, under the terms of its publisher"


def _price_facts(origin: PriceProvenance | None) -> Mapping[str, object] | None:
    """Return where prices come from, None where they are synthetic."""
    return None if origin is None else origin.facts


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
