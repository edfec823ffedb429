"""A run folder with what `cosim check` reads, and ways to tamper with it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cosim.cli import main
from cosim.grid.power_flow import PowerFlow
from cosim.run_folder import hashes_of
from networks.catalog import load_feeder
from networks.feeder import LINE, TRANSFORMER

FEEDER = load_feeder("cigre_mv")
POWER_FLOW = PowerFlow(FEEDER)
INTERVALS = 6
OVERVOLTAGE = 4  # this interval's state breaks a limit, and is not called secure


def write(folder: Path, intervals: int = INTERVALS) -> Path:
    """Write what `cosim check` reads of a run: random states, one of them with far too much sun."""
    random = np.random.default_rng(3)
    shape = (intervals, FEEDER.bus_count)
    kw = FEEDER.nominal_load_kw * random.uniform(0.0, 0.9, shape)
    kvar = FEEDER.nominal_load_kvar * random.uniform(0.0, 0.9, shape)
    kw[OVERVOLTAGE, 5] = -20_000.0
    state = POWER_FLOW.solve(kw, kvar)
    folder.mkdir()
    secure = np.arange(intervals) != OVERVOLTAGE
    numbers = np.arange(intervals)
    tables = {
        "intervals": {"interval": numbers, "secure": secure, "converged": state.converged},
        "buses": {
            "interval": np.repeat(numbers, FEEDER.bus_count),
            "bus": np.tile(FEEDER.bus_index, intervals),
            "p_kw": kw.ravel(),
            "q_kvar": kvar.ravel(),
            "vm_pu": state.voltage_pu.ravel(),
        },
    }
    for name, kind in (("lines", LINE), ("trafos", TRANSFORMER)):
        mine = FEEDER.branch_kind == kind
        tables[name] = {
            "interval": np.repeat(numbers, mine.sum()),
            "element": np.tile(FEEDER.branch_index[mine], intervals),
            "loading_percent": state.loading_percent[:, mine].ravel(),
        }
    tables |= bid_tables(kw, kvar)
    for name, columns in tables.items():
        pd.DataFrame(columns).to_parquet(folder / f"{name}.parquet")
    (folder / "scenario.toml").write_text('[feeder]\nname = "cigre_mv"\n', encoding="utf-8")
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    """Write the manifest, as the last thing a run does."""
    manifest = {"net_sha256": FEEDER.net_sha256, "files": hashes_of(folder)}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def bid_tables(kw: np.ndarray, kvar: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Return a bid that sells 40 kW at a bus, 30 of them validated, with 10 kW up and 20 down.

    The interval with too much sun has it without the bid too, where nothing is validated.
    """
    intervals, there = len(kw), 8
    sold = np.where(np.arange(intervals) == OVERVOLTAGE, 0.0, 1.0)
    change = {"firm": 0.0, "offered": -40.0, "validated": -30.0, "up": -40.0, "down": -10.0}
    powers = {name: kw.copy() for name in change}
    for name, added in change.items():
        powers[name][:, there] += added * sold
    return {
        "wholesale": {
            "interval": np.arange(intervals),
            "bid_kwh": 10.0 * sold,
            "validated_kwh": 7.5 * sold,
            "up_offered_kw": 12.0 * sold,
            "up_feasible_kw": 10.0 * sold,
            "down_offered_kw": 20.0 * sold,
            "down_feasible_kw": 20.0 * sold,
        },
        "bid_buses": {
            "interval": np.repeat(np.arange(intervals), FEEDER.bus_count),
            "bus": np.tile(FEEDER.bus_index, intervals),
            **{f"{name}_kw": power.ravel() for name, power in powers.items()},
            "q_kvar": kvar.ravel(),
        },
    }


def change(folder: Path, name: str, alter: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Let the run have written another table."""
    file = folder / f"{name}.parquet"
    alter(pd.read_parquet(file)).to_parquet(file)
    seal(folder)


def add(column: str, row: int, value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def alter(table: pd.DataFrame) -> pd.DataFrame:
        values = table[column].to_numpy(np.float64, copy=True)
        values[row] += value
        return table.assign(**{column: values})

    return alter


def exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(end.value.code or 0)
