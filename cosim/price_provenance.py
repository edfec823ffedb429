"""Where a price series of a file comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class PriceProvenance:
    """Where a price series comes from and what was done to it."""

    kind: str  # format of the file
    file: Path
    sha256: str
    resolution_minutes: int
    unit: str  # in the file
    column: str | None  # that was picked, where there is a choice
    conversions: tuple[str, ...]
    first_utc: np.datetime64  # start of the first period
    end_utc: np.datetime64  # end of the last period
    missing_count: int  # periods in between without a price

    @property
    def label(self) -> str:
        """Name of the series for people, e.g. "smard_2019.json, EUR/MWh"."""
        return ", ".join([self.file.name, *([self.column] if self.column else []), self.unit])

    @property
    def facts(self) -> Mapping[str, object]:
        """All of it as plain values, as it stands in the manifest of a run."""
        return {
            "kind": self.kind,
            "file": str(self.file),
            "sha256": self.sha256,
            "resolution_minutes": self.resolution_minutes,
            "unit": self.unit,
            "column": self.column,
            "conversions": list(self.conversions),
            "first_utc": str(self.first_utc),
            "end_utc": str(self.end_utc),
            "missing_count": self.missing_count,
        }
