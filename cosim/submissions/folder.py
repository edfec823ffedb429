"""What a validation leaves behind: tables, report and manifest, complete or not there at all."""

import datetime
import hashlib
import json
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from cosim.reports.validation_report import write_validation_report
from cosim.run_facts import git_revision, package_versions
from cosim.run_folder import FEEDER, new_folder, null_for_nan
from cosim.validate import Answer
from networks.file_kinds import is_file_reference
from networks.reference import ReferenceCheck, resolve
from networks.references import net_text

CHECKED_STATES: Final = 24
"""States that pandapower solves again; each takes some 10 ms."""


def check_with_pandapower(answer: Answer) -> ReferenceCheck | None:
    """Solve the tightest states and a sample again; None if its net is not known.

    States without a power flow are left out.
    """
    if answer.reference is None:
        return None
    final = [state for name, state in answer.states.items() if name not in ("base", "asked")]
    tightest = np.max([state.excess.max(axis=1) for state in final], axis=0)
    count = CHECKED_STATES // len(final)
    first = np.argsort(-tightest, kind="stable")[: count // 2]
    spread = np.linspace(0, len(tightest) - 1, min(len(tightest), count - len(first)))
    at = np.union1d(first, spread.astype(np.int64))
    kept = [at[state.solved[at]] for state in final]
    return resolve(
        answer.reference,
        answer.feeder,
        bus_kw=np.concatenate([s.bus_kw[k] for s, k in zip(final, kept, strict=True)]),
        bus_kvar=np.concatenate([s.bus_kvar[k] for s, k in zip(final, kept, strict=True)]),
        voltage_pu=np.concatenate([s.voltage_pu[k] for s, k in zip(final, kept, strict=True)]),
        loading_percent=np.concatenate(
            [s.loading_percent[k] for s, k in zip(final, kept, strict=True)]
        ),
    )


def write_answer(
    answer: Answer, out: Path, inputs: Iterable[Path] = (), check: ReferenceCheck | None = None
) -> None:
    """Write `answer` to the new or empty folder `out`; the manifest comes last.

    `inputs` are the files it came from; their hashes go into the manifest. Raises RunFolderError
    if the folder cannot be written; nothing is left then.
    """
    with new_folder(out) as hidden:
        # The decimals of a CSV file are those that give the same number when read again.
        arrow_csv.write_csv(
            pa.Table.from_pandas(answer.verdicts, preserve_index=False),
            hidden / "verdicts.csv",
            arrow_csv.WriteOptions(quoting_style="needed"),
        )
        tables = {
            "verdicts": answer.verdicts,
            "buses": answer.buses,
            "branches": answer.branches,
            "summary": answer.summary,
        }
        for name, table in tables.items():
            table.to_parquet(hidden / f"{name}.parquet", index=False, compression="zstd")
        own = answer.reference is not None and is_file_reference(answer.reference)
        if answer.reference is not None and own:
            (hidden / FEEDER).write_text(net_text(answer.reference), encoding="utf-8")
        write_validation_report(answer, check, hidden / "report.html")
        manifest = {
            **_facts(answer, check),
            "feeder_file": FEEDER if own else None,
            "inputs": {path.name: _sha256(path) for path in inputs},
            "tables": {name: len(table) for name, table in tables.items()},
        }
        text = (
            json.dumps(null_for_nan(manifest), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        )
        (hidden / "manifest.json").write_text(text, encoding="utf-8")


def _facts(answer: Answer, check: ReferenceCheck | None) -> dict[str, object]:
    """Return the manifest without its inputs and tables."""
    feeder = answer.feeder
    counts: pd.Series[int] = answer.verdicts["verdict"].value_counts()
    compared = {
        "pandapower_states": 0 if check is None else check.states,
        "pandapower_unsolved": 0 if check is None else check.unsolved,
        "pandapower_voltage_pu": None if check is None else check.voltage_pu,
        "pandapower_loading_percent": None if check is None else check.loading_percentage_points,
    }
    return {
        "format": 1,
        "kind": answer.kind,
        "rule": answer.rule,
        "feeder": feeder.name,
        "limits": answer.limits,
        "net_sha256": feeder.net_sha256,
        "ratings_assumed": feeder.ratings_assumed,
        "ratings_source": feeder.ratings_source,
        "accepted_whole": answer.accepted,
        "verdicts": {str(name): int(count) for name, count in sorted(counts.items())},
        "notes": list(answer.notes),
        "feeder_notes": list(feeder.notes),
        **compared,
        "created_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "git_revision": git_revision(),
        "versions": {"python": platform.python_version(), **package_versions()},
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
