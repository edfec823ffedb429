"""What a made-up flexibility study is like: devices follow the sun, the network has a cap."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.scoring.flexibility import WINDOWS
from cosim.studies.flexibility.tables import TABLES
from tests.reports.sample_feeder import Options

Floats = NDArray[np.float64]
INTERVAL_H = 0.25
DEVICES = ("battery", "vehicle", "heat_pump", "solar")
DEFAULT = Options()


@dataclass(frozen=True)
class Kind:
    """Which study to make up."""

    days: int = 1
    cases: tuple[tuple[str, str], ...] = (("water_value", "optimal"),)
    requests: int = 3
    prosumers: int = 24
    cap_kw: float = 40.0  # what the network lets through
    options: Options = DEFAULT

    @property
    def intervals(self) -> int:
        return round(self.days * 24 / INTERVAL_H)


def offered_kw(kind: Kind, direction: str, window: str, device: str) -> Floats:
    """Return what a class offers over the day, kW, NaN where the window leaves the study."""
    hour = np.arange(kind.intervals) * INTERVAL_H % 24.0
    sun = np.clip(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0, None)
    evening = np.exp(-(((hour - 19.0) / 2.5) ** 2))
    held = {"15min": 1.0, "1h": 0.8, "4h": 0.3}[window]
    shapes = {
        ("up", "battery"): 30.0 * held * (0.3 + 0.7 * evening),
        ("down", "battery"): 30.0 * held * (0.4 + 0.6 * sun),
        ("up", "vehicle"): 25.0 * held * evening,
        ("down", "vehicle"): 35.0 * held * evening,
        ("up", "heat_pump"): 8.0 * held * (1.0 - sun),
        ("down", "heat_pump"): 12.0 * held * (1.0 - 0.5 * sun),
        ("up", "solar"): 0.0 * sun,
        ("down", "solar"): 50.0 * sun,
    }
    values = np.array(shapes[direction, device], dtype=float)
    reach = round(WINDOWS[window] / INTERVAL_H)
    values[kind.intervals - reach + 1 :] = np.nan
    return values


def table(name: str, columns: dict[str, Any]) -> pd.DataFrame:
    """Return rows of a table of the study; every column has to be there."""
    kinds = TABLES[name]
    assert set(columns) == set(kinds), (name, sorted(set(columns) ^ set(kinds)))
    sizes = {len(each) for each in columns.values() if np.ndim(each)}
    length = sizes.pop() if sizes else 1
    return pd.DataFrame(
        {column: np.broadcast_to(np.asarray(columns[column]), (length,)) for column in kinds}
    )


def total_kw(kind: Kind, direction: str, window: str) -> Floats:
    parts = [offered_kw(kind, direction, window, each) for each in DEVICES]
    return np.asarray(np.sum(parts, axis=0))


def base_kw(kind: Kind) -> Floats:
    hour = np.arange(kind.intervals) * INTERVAL_H % 24.0
    sun = np.clip(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0, None)
    return np.asarray(30.0 - 60.0 * sun)
