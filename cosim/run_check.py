"""Solve a finished run again with two other engines and check what it says about limits.

The table `buses` holds everything that is drawn at each bus, so it alone gives the states.
pandapower's ``runpp`` and power-grid-model solve them; voltages and loadings must be those that
the run recorded. That the recorded ones keep the limits is then checked for every interval that
the run calls secure.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.bid_check import BidCheck, check_bid
from cosim.engine_check import (
    LOADING_TOLERANCE_POINTS,
    VOLTAGE_TOLERANCE_PU,
    EngineCheck,
    ask_engines,
)
from cosim.errors import RunFolderError
from cosim.records import Booleans, Floats, Integers
from cosim.run_folder import MANIFEST, RunFolder, changed_files, read_run
from cosim.table_reader import TableReader
from networks.catalog import load_feeder
from networks.feeder import LINE, TRANSFORMER, Feeder

STATES = 192
"""States that are solved again: all of two days, the extremes and an even sample of more."""

EXTREMES = 10


@dataclass(frozen=True, slots=True)
class PlayCheck:
    """What was found about one playing of the days."""

    label: str  # "run", or "without validation"
    intervals: int
    unsolvable: int  # intervals for which the run itself found no power flow
    secure: int  # intervals that the run calls secure
    broken: tuple[str, ...]  # sentences: limits broken in intervals that are called secure
    engines: tuple[EngineCheck, ...]
    bid: BidCheck

    @property
    def passed(self) -> bool:
        """Whether engines agree, and every secure interval and the bid keep their limits."""
        states = not self.broken and all(engine.agrees for engine in self.engines)
        return states and self.bid.passed


@dataclass(frozen=True, slots=True)
class RunCheck:
    """What was found about a run folder."""

    path: Path
    feeder: str
    plays: tuple[PlayCheck, ...]
    changed: tuple[str, ...]  # sentences: files that are not as the run wrote them

    @property
    def passed(self) -> bool:
        """Whether everything in the folder stands up to the check."""
        return not self.changed and all(play.passed for play in self.plays)


def check_run(path: Path | str, *, everything: bool = False) -> RunCheck:
    """Solve the states of the run in `path` again, and those without validation if it has them.

    `everything` solves every state of a run longer than two days too.

    Raises:
        CosimError or NetworkError: no finished run, tables that are incomplete, or a feeder that
            is no longer the one that was played.
    """
    run = read_run(Path(path))
    feeder = _feeder_of(run)
    plays = [_check_play(run, feeder, without_validation=False, everything=everything)]
    if run.has_comparison:
        plays.append(_check_play(run, feeder, without_validation=True, everything=everything))
    return RunCheck(
        path=run.path,
        feeder=feeder.name,
        plays=tuple(plays),
        changed=tuple(changed_files(run)),
    )


def _feeder_of(run: RunFolder) -> Feeder:
    """Return the feeder that was played, under the limits of the run."""
    scenario = run.scenario
    settings = scenario.feeder.of_feeder(owned_devices=scenario.takes_devices)
    feeder = load_feeder(scenario.feeder.name, **settings)
    recorded = run.manifest.get("net_sha256")
    if recorded != feeder.net_sha256:
        raise RunFolderError(
            f"{run.path / MANIFEST}: was played on another net than feeder {feeder.name} is today "
            f"(hash {str(recorded)[:12]}, today {feeder.net_sha256[:12]}): its states cannot be "
            "solved again; the versions in the manifest tell what it was played with"
        )
    return feeder


@dataclass(frozen=True, slots=True, eq=False)
class _Recorded:
    """States as they stand in the tables, `T` intervals."""

    interval: Integers  # (T,)
    secure: Booleans  # (T,)
    converged: Booleans  # (T,)
    bus_kw: Floats  # (T, K)
    bus_kvar: Floats  # (T, K)
    voltage_pu: Floats  # (T, K)
    loading_percent: Floats  # (T, L)


def _check_play(
    run: RunFolder, feeder: Feeder, *, without_validation: bool, everything: bool
) -> PlayCheck:
    recorded = _read(run, feeder, without_validation)
    chosen = _chosen(recorded, everything)
    engines = ask_engines(
        run.scenario.feeder.name,
        feeder,
        bus_kw=recorded.bus_kw[chosen],
        bus_kvar=recorded.bus_kvar[chosen],
        voltage_pu=recorded.voltage_pu[chosen],
        loading_percent=recorded.loading_percent[chosen],
    )
    reader = TableReader(run, without_validation)
    judged = not without_validation and run.scenario.grid.rule != "none"
    return PlayCheck(
        label="without validation" if without_validation else "run",
        intervals=len(recorded.interval),
        unsolvable=int((~recorded.converged).sum()),
        secure=int(recorded.secure.sum()),
        broken=tuple(_broken_limits(feeder, recorded)),
        engines=engines,
        bid=check_bid(reader, feeder, recorded.interval, judged=judged, everything=everything),
    )


def _chosen(recorded: _Recorded, everything: bool) -> Integers:
    """Return which states to solve again: of long runs the extremes and an even sample.

    States for which the run itself found no power flow hold nothing to compare.
    """
    chosen = np.flatnonzero(recorded.converged)
    if len(chosen) <= STATES or everything:
        return chosen
    # What is NaN comes last in a sort, as if it were the largest: it must be looked at.
    voltage, loading = recorded.voltage_pu[chosen], recorded.loading_percent[chosen]
    lowest = np.argsort(voltage.min(axis=1))[:EXTREMES]
    highest = np.argsort(voltage.max(axis=1))[-EXTREMES:]
    busiest = np.argsort(loading.max(axis=1))[-EXTREMES:]
    spread = np.linspace(0, len(chosen) - 1, STATES - 3 * EXTREMES).astype(np.int64)
    return np.asarray(chosen[np.unique(np.concatenate([spread, lowest, highest, busiest]))])


def _broken_limits(feeder: Feeder, recorded: _Recorded) -> list[str]:
    """Return a sentence for every kind of limit broken in intervals that are called secure."""
    low = recorded.voltage_pu < feeder.voltage_min_pu - VOLTAGE_TOLERANCE_PU
    high = recorded.voltage_pu > feeder.voltage_max_pu + VOLTAGE_TOLERANCE_PU
    over = recorded.loading_percent > feeder.loading_max_percent + LOADING_TOLERANCE_POINTS
    nothing = ~recorded.converged | ~np.isfinite(recorded.voltage_pu).all(axis=1)
    nothing |= ~np.isfinite(recorded.loading_percent).all(axis=1)
    kinds = {
        "a voltage below its limit": low.any(axis=1),
        "a voltage above its limit": high.any(axis=1),
        "a branch above its rating": over.any(axis=1),
        "no power flow": nothing,
    }
    found = []
    for words, where in kinds.items():
        intervals = recorded.interval[where & recorded.secure]
        if len(intervals):
            shown = ", ".join(map(str, intervals[:8])) + (", ..." if len(intervals) > 8 else "")
            found.append(f"{words} in {len(intervals)} intervals called secure: {shown}")
    if not recorded.converged.any():
        found.append("no interval has a power flow: there is nothing to stand up to a check")
    return found


def _read(run: RunFolder, feeder: Feeder, without_validation: bool) -> _Recorded:
    """Return the states of a run's tables; raise RunFolderError with all that is wrong."""
    reader = TableReader(run, without_validation)
    intervals = reader.table("intervals", ("interval", "secure", "converged"))
    numbers = intervals["interval"].to_numpy(np.int64)
    if not len(numbers) or len(np.unique(numbers)) != len(numbers):
        raise RunFolderError(f"{reader.where('intervals')} must hold every interval once")
    loading = np.empty((len(numbers), feeder.branch_count))
    buses = reader.matrices(
        "buses",
        ("p_kw", "q_kvar", "vm_pu"),
        intervals=numbers,
        key="bus",
        elements=feeder.bus_index,
    )
    for name, kind in (("lines", LINE), ("trafos", TRANSFORMER)):
        mine = feeder.branch_kind == kind
        values = reader.matrices(
            name,
            ("loading_percent",),
            intervals=numbers,
            key="element",
            elements=feeder.branch_index[mine],
        )
        loading[:, mine] = values["loading_percent"]
    return _Recorded(
        interval=numbers,
        secure=intervals["secure"].to_numpy(bool),
        converged=intervals["converged"].to_numpy(bool),
        bus_kw=buses["p_kw"],
        bus_kvar=buses["q_kvar"],
        voltage_pu=buses["vm_pu"],
        loading_percent=loading,
    )
