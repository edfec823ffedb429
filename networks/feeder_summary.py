"""Feeders in numbers, remembered in the user's cache: solving all base cases takes a while."""

import hashlib
import importlib.metadata
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from networks.entry import Entry
from networks.limits import Limits
from networks.simbench_profiles import cache_folder


@dataclass(frozen=True, slots=True)
class FeederSummary:
    """A feeder in numbers; the base case is every load at its nominal value, no generation."""

    name: str
    title: str
    source: str
    buses: int
    lines: int
    transformers: int
    nominal_kv: tuple[float, ...]  # highest first
    peak_load_kw: float
    limits: Limits
    load_scaling: float  # published loads are multiplied by it
    load_scaling_reason: str
    generation_kw: float  # of generators that the feeder already has
    coordinates: bool  # whether the net has coordinates of its own for every bus
    remark: str  # what to know before using it
    ratings_assumed: bool
    ratings_source: str
    voltage_min_pu: float  # of the base case
    voltage_max_pu: float
    worst_line_percent: float  # NaN where there is no line
    worst_transformer_percent: float  # NaN where there is no transformer

    @property
    def geodata(self) -> str:
        """Where a map takes its buses from: "given" by the net, or "drawn" as a tree."""
        return "given" if self.coordinates else "drawn"

    @property
    def base_case_breaks(self) -> tuple[str, ...]:
        """Which limits the base case breaks, and by what; empty where it is secure."""
        limits, broken = self.limits, []
        if self.voltage_min_pu < limits.voltage_min_pu:
            broken.append(f"lowest voltage {self.voltage_min_pu:.3f} p.u.")
        if self.voltage_max_pu > limits.voltage_max_pu:
            broken.append(f"highest voltage {self.voltage_max_pu:.3f} p.u.")
        if self.worst_line_percent > limits.loading_max_percent:
            broken.append(f"a line at {self.worst_line_percent:.1f} %")
        if self.worst_transformer_percent > limits.loading_max_percent:
            broken.append(f"a transformer at {self.worst_transformer_percent:.1f} %")
        return tuple(broken)

    @property
    def base_case_secure(self) -> bool:
        """Whether the base case is inside its limits."""
        return not self.base_case_breaks


Progress = Callable[[str, int, int], None]
"""Hears which feeder is next, how many are done, and how many there are to do."""


def remembered(
    entries: Sequence[tuple[str, Entry]],
    summarise: Callable[[str, Entry], FeederSummary],
    progress: Progress | None = None,
) -> list[FeederSummary]:
    """Return the summaries of `entries`, by `summarise` where they are not in the cache.

    What was found is kept, also where a later one fails or the user stops it.
    """
    file = cache_folder() / f"feeders-{_state_of_package()}.json"
    found = _read(file)
    missing = {name: entry for name, entry in entries if name not in found}
    done = 0
    try:
        for name, entry in missing.items():
            if progress is not None:
                progress(name, done, len(missing))
            found[name] = summarise(name, entry)
            done += 1
    finally:
        if done:
            _write(file, found)
    return [found[name] for name, _ in entries]


def _state_of_package() -> str:
    """Return a hash of everything that can change a summary."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    for package in ("pandapower", "simbench"):
        digest.update(importlib.metadata.version(package).encode())
    return digest.hexdigest()[:16]


def _read(file: Path) -> dict[str, FeederSummary]:
    """Return what the cache holds, nothing where it is missing or damaged."""
    try:
        rows: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        return {name: _from_row(row) for name, row in rows.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _from_row(row: dict[str, Any]) -> FeederSummary:
    return FeederSummary(
        **{**row, "limits": Limits(**row["limits"]), "nominal_kv": tuple(row["nominal_kv"])}
    )


def _write(file: Path, summaries: dict[str, FeederSummary]) -> None:
    """Write the cache in one move; a folder that cannot be written only costs time."""
    text = json.dumps({name: asdict(summary) for name, summary in summaries.items()})
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=file.parent, suffix=".part", delete=False
        ) as part:
            part.write(text)
        Path(part.name).replace(file)
    except OSError:
        return
