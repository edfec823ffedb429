"""The folder a comparison leaves behind: written in one go, or not at all.

Same seed, same bytes in all files but two: `manifest.json` (times, versions, how long followers
took to decide) and `report.html`, which shows those.
"""

import csv
import datetime
import io
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from cosim.records import World
from cosim.run_facts import data_notice, git_revision, package_versions
from cosim.run_folder import hashes_of, new_folder, null_for_nan
from cosim.scenario import Scenario
from cosim.scenario_text import scenario_toml
from cosim.studies.comparison import Comparison, LineUp, Span
from cosim.studies.comparison_summary import METRICS, Summary, verdict
from cosim.studies.incentives import WORDS
from cosim.studies.statistics import LEVEL, RESAMPLES

FORMAT: Final = 1
REPORT: Final = "report.html"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonContent:
    """All that a folder is made from."""

    scenario: Scenario
    line_up: LineUp
    comparison: Comparison
    summary: Summary
    starts: tuple[str, ...]  # first day of each stratum
    days: int  # of each stratum
    feeder: str
    ratings_assumed: bool
    began: datetime.datetime  # with time zone

    @property
    def decision_s(self) -> dict[str, float]:
        """Mean time a follower took to decide, an interval and prosumer, by player."""
        times: dict[str, list[float]] = {}
        for span in self.comparison.spans:
            times.setdefault(span.player, []).append(span.decision_s)
        return {name: float(np.mean(each)) for name, each in times.items()}

    @property
    def world(self) -> World:
        """One of the worlds, for where data come from."""
        return self.comparison.world

    @property
    def notice(self) -> str:
        """Whom to name for the data."""
        return data_notice(self.feeder, self.world)


def write_comparison(
    folder: Path,
    content: ComparisonContent,
    *,
    write_report: Callable[[ComparisonContent, Path], None],
) -> Path:
    """Write everything to `folder`, which must not exist or be empty; return its report.

    Raises RunFolderError if the folder cannot be written; nothing is left then.
    """
    rows = day_rows(content)
    with new_folder(folder) as hidden:
        _write_text(hidden / "scenario.toml", scenario_toml(content.scenario))
        _write_text(hidden / "results.csv", csv_text(rows))
        _write_parquet(hidden / "results.parquet", rows)
        _write_text(hidden / "spans.csv", csv_text(span_rows(content)))
        _write_text(hidden / "table.csv", csv_text(table_rows(content)))
        _write_text(hidden / "comparison.json", json_text(facts_of(content)))
        write_report(content, hidden / REPORT)
        manifest = {**_manifest(content, len(rows)), "files": hashes_of(hidden)}
        _write_text(hidden / "manifest.json", json_text(manifest))
    return folder / REPORT


def day_rows(content: ComparisonContent) -> list[Row]:
    """Return one row for each player, seed and day."""
    kinds = {player.name: player.kind for player in content.line_up.players}
    rows = []
    for span in content.comparison.spans:
        for seed in range(len(span.cost_eur)):
            for day, date in enumerate(span.dates):
                head = {"player": span.player, "kind": kinds[span.player]}
                where = {"stratum": span.stratum, "seed": seed, "date": date}
                figures = {name: float(it[day, seed]) for name, it in span.figures.items()}
                rows.append({**head, **where, **figures})
    return rows


def span_rows(content: ComparisonContent) -> list[Row]:
    """Return one row for each player or yardstick, stratum and seed."""
    rows = []
    for span in content.comparison.spans:
        rows += [_span_row(span, seed) for seed in range(len(span.cost_eur))]
    for each in content.comparison.computed:
        for seed in range(len(each.cost_eur)):
            rows.append(
                {
                    "player": each.yardstick,
                    "stratum": each.stratum,
                    "seed": seed,
                    "days": each.days,
                    "cost_eur": float(each.cost_eur[seed]),
                    "baseline_cost_eur": float(each.baseline_cost_eur[seed]),
                    "optimum_cost_eur": float(each.optimum_cost_eur[seed]),
                    "jain_saving": float("nan"),
                    "worse_off_share": float("nan"),
                }
            )
    return rows


def _span_row(span: Span, seed: int) -> Row:
    return {
        "player": span.player,
        "stratum": span.stratum,
        "seed": seed,
        "days": len(span.dates),
        "cost_eur": float(span.cost_eur[seed]),
        "baseline_cost_eur": float(span.baseline_cost_eur[seed]),
        "optimum_cost_eur": float(span.optimum_cost_eur[seed]),
        "jain_saving": float(span.jain_saving[seed]),
        "worse_off_share": float(span.worse_off[seed]),
    }


def table_rows(content: ComparisonContent) -> list[Row]:
    """Return one row for each player or yardstick: every metric with its interval."""
    kinds = {player.name: player.kind for player in content.line_up.players}
    nothing = {"value": float("nan"), "low": float("nan"), "high": float("nan")}
    rows = []
    for name, found in content.summary.estimates.items():
        row: Row = {"player": name, "kind": kinds.get(name, "yardstick")}
        for metric in METRICS:
            figures = asdict(found[metric.name]) if metric.name in found else nothing
            row |= {
                metric.name: figures["value"],
                f"{metric.name}_low": figures["low"],
                f"{metric.name}_high": figures["high"],
            }
        rows.append(row)
    return rows


def facts_of(content: ComparisonContent) -> dict[str, Any]:
    """Return settings and findings of the comparison."""
    summary, line_up = content.summary, content.line_up
    better = {metric.name: metric.better for metric in METRICS}
    return {
        "format": FORMAT,
        "feeder": content.feeder,
        "strata": list(content.starts),
        "days_of_a_stratum": content.days,
        "seeds": summary.seeds,
        "scenario_seed": content.scenario.run.seed,
        "resamples": RESAMPLES,
        "level": LEVEL,
        "reference": summary.reference,
        "baseline": line_up.baseline.name,
        "optimum": None if line_up.optimum is None else line_up.optimum.name,
        "value_capture": capture_words(line_up),
        "players": {
            each.name: {"kind": each.kind, "told": each.told, "passes": each.policies.passes}
            for each in line_up.players
        },
        "yardsticks": {each.name: each.told for each in line_up.yardsticks},
        **probe_facts(content),
        "estimates": {
            name: {metric: asdict(each) for metric, each in found.items()}
            for name, found in summary.estimates.items()
        },
        "differences_to_reference": {
            name: {
                metric: {**asdict(each), "verdict": verdict(each, better[metric])}
                for metric, each in found.items()
            }
            for name, found in summary.differences.items()
        },
    }


def probe_facts(content: ComparisonContent) -> dict[str, Any]:
    """Return how what followers could gain was measured; nothing where it was not."""
    looked_at = {
        span.incentives.prosumers
        for span in content.comparison.spans
        if span.incentives is not None
    }
    if not looked_at:
        return {}
    return {"incentives": {"prosumers": max(looked_at), "told": list(WORDS)}}


def capture_words(line_up: LineUp) -> str:
    """Return what value capture is measured by, or why there is none."""
    if line_up.optimum is None:
        return "empty: no perfect-foresight optimum was computed"
    return (
        f"(cost of {line_up.baseline.name} - cost) / (cost of {line_up.baseline.name} - cost of "
        f"{line_up.optimum.name}), all at the same announced prices"
    )


def csv_text(rows: list[Row]) -> str:
    """Return rows as CSV; what is not a number stays empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in null_for_nan(rows):
        writer.writerow(row)
    return text.getvalue()


def json_text(content: Mapping[str, Any]) -> str:
    """Return JSON as the standard has it: null where a number is none."""
    text = json.dumps(null_for_nan(content), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n"


def _manifest(content: ComparisonContent, rows: int) -> dict[str, Any]:
    ended = datetime.datetime.now(datetime.UTC)
    return {
        "format": FORMAT,
        "began_utc": content.began.astimezone(datetime.UTC).isoformat(timespec="seconds"),
        "wall_seconds": round((ended - content.began).total_seconds(), 3),
        "decision_seconds_per_interval_and_prosumer": content.decision_s,
        "rows": {"results": rows},
        "git_revision": git_revision(),
        "versions": {"python": platform.python_version(), **package_versions()},
        "data_notice": content.notice,
    }


def _write_parquet(file: Path, rows: list[Row]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows), file, compression="zstd")


def _write_text(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
