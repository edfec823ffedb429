"""Solve the day-ahead bid of a finished run again: schedule, all of up, all of down.

The table `bid_buses` holds what is drawn at each bus under each of them and if nothing is bid.
None may break a limit further than the latter, and all must add up to the table `wholesale`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cosim.engine_check import (
    LOADING_TOLERANCE_POINTS,
    VOLTAGE_TOLERANCE_PU,
    EngineCheck,
    ask_engines,
)
from cosim.errors import RunFolderError
from cosim.grid import limits
from cosim.grid.power_flow import PowerFlow
from cosim.records import Booleans, Floats, Integers
from cosim.table_reader import TableReader
from networks.feeder import Feeder
from networks.simbench_profiles import INTERVAL_H

INTERVALS = 24
"""Intervals whose bid other engines solve again: the tightest and an even sample."""

SUM_TOLERANCE_KW = 1e-6

PRODUCTS = {
    "validated_kw": "the validated schedule",
    "up_kw": "the validated schedule with all of up",
    "down_kw": "the validated schedule with all of down",
}
QUANTITIES = (
    *("bid_kwh", "validated_kwh", "up_offered_kw", "up_feasible_kw"),
    *("down_offered_kw", "down_feasible_kw"),
)


@dataclass(frozen=True, slots=True)
class BidCheck:
    """What was found about the day-ahead bid of one playing of the days."""

    judged: bool  # by the grid; otherwise nothing is said about limits
    intervals: int
    broken: tuple[str, ...]  # sentences: limits broken, and sums that do not come out
    engines: tuple[EngineCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether the bid keeps all limits, adds up, and other engines find the same states."""
        return not self.broken and all(engine.agrees for engine in self.engines)


def check_bid(
    reader: TableReader, feeder: Feeder, numbers: Integers, *, judged: bool, everything: bool
) -> BidCheck:
    """Check the bid of the intervals `numbers` (T,); `everything` solves all of them twice over.

    Raises:
        RunFolderError: a table is missing or incomplete.
    """
    quantities = _quantities(reader, numbers)
    states = reader.matrices(
        "bid_buses",
        ("firm_kw", "offered_kw", *PRODUCTS, "q_kvar"),
        intervals=numbers,
        key="bus",
        elements=feeder.bus_index,
    )
    sums = tuple(_wrong_sums(quantities, states, numbers))
    if not judged:
        return BidCheck(judged, len(numbers), sums, ())
    power_flow, kvar = PowerFlow(feeder), states["q_kvar"]
    firm = limits.excess(feeder, power_flow.solve(states["firm_kw"], kvar))
    excess = {
        name: limits.excess(feeder, power_flow.solve(states[name], kvar)) for name in PRODUCTS
    }
    broken = tuple(_broken_limits(feeder, states, firm, excess, numbers))
    chosen = _chosen(list(excess.values()), everything=everything)
    bus_kw, bus_kvar = _different([states[name][chosen] for name in PRODUCTS], kvar[chosen])
    found = power_flow.solve(bus_kw, bus_kvar)
    engines = ask_engines(
        reader.run.scenario.feeder.name,
        feeder,
        bus_kw=bus_kw,
        bus_kvar=bus_kvar,
        voltage_pu=found.voltage_pu,
        loading_percent=found.loading_percent,
    )
    return BidCheck(judged, len(numbers), (*sums, *broken), engines)


def _quantities(reader: TableReader, numbers: Integers) -> dict[str, Floats]:
    """Return the columns of the table `wholesale` in the order of the intervals, (T,) each."""
    table = reader.table("wholesale", ("interval", *QUANTITIES))
    given = table["interval"].to_numpy(np.int64)
    if len(given) != len(numbers) or not np.array_equal(np.sort(given), np.sort(numbers)):
        raise RunFolderError(f"{reader.where('wholesale')} must hold every interval once")
    rows = table.set_index("interval").loc[numbers]
    return {name: rows[name].to_numpy(np.float64) for name in QUANTITIES}


def _wrong_sums(
    quantities: dict[str, Floats], states: dict[str, Floats], numbers: Integers
) -> Iterator[str]:
    """Yield a sentence for every quantity that is not what the buses add up to."""
    drawn = {name: states[name].sum(axis=1) for name in ("offered_kw", *PRODUCTS)}
    refused_kw = (quantities["validated_kwh"] - quantities["bid_kwh"]) / INTERVAL_H
    up, down = quantities["up_feasible_kw"], quantities["down_feasible_kw"]
    differences = {
        "validated_kwh less bid_kwh": drawn["offered_kw"] - drawn["validated_kw"] - refused_kw,
        "up_feasible_kw": drawn["validated_kw"] - drawn["up_kw"] - up,
        "down_feasible_kw": drawn["down_kw"] - drawn["validated_kw"] - down,
    }
    for name, difference in differences.items():
        wrong = ~(np.abs(difference) <= SUM_TOLERANCE_KW)
        yield from _sentence(f"{name} is not what bid_buses adds up to", wrong, numbers)
    for name, feasible in (("up", up), ("down", down)):
        beyond = ~(feasible <= quantities[f"{name}_offered_kw"] + SUM_TOLERANCE_KW)
        wrong = beyond | ~(feasible >= -SUM_TOLERANCE_KW)
        words = f"{name}_feasible_kw is below zero or above {name}_offered_kw"
        yield from _sentence(words, wrong, numbers)


def _broken_limits(
    feeder: Feeder,
    states: dict[str, Floats],
    firm: Floats,
    excess: dict[str, Floats],
    numbers: Integers,
) -> Iterator[str]:
    """Yield a sentence for every product that breaks a limit further than nothing bid does."""
    tolerance = np.full(firm.shape[1], VOLTAGE_TOLERANCE_PU)
    tolerance[2 * feeder.bus_count :] = LOADING_TOLERANCE_POINTS / 100.0
    allowed = limits.allowed_excess(firm) + tolerance
    for name, words in PRODUCTS.items():
        # What bids nothing where there is no power flow anyway is nobody's fault.
        nothing = (states[name] == states["firm_kw"]).all(axis=1)
        worse = ~(excess[name] <= allowed).all(axis=1) & ~nothing
        yield from _sentence(f"{words} breaks a limit", worse, numbers)


def _sentence(words: str, wrong: Booleans, numbers: Integers) -> Iterator[str]:
    """Yield what is wrong and in which intervals, if there are any."""
    where = numbers[wrong]
    if len(where):
        shown = ", ".join(map(str, where[:8])) + (", ..." if len(where) > 8 else "")
        yield f"bid: {words} in {len(where)} intervals: {shown}"


def _different(states: list[Floats], kvar: Floats) -> tuple[Floats, Floats]:
    """Return the powers (R, K) of states (T, K) that are not those of an earlier entry too."""
    new = [
        ~np.any([(state == before).all(axis=1) for before in states[:number]], axis=0)
        if number
        else np.ones(len(state), np.bool_)
        for number, state in enumerate(states)
    ]
    bus_kw = [state[chosen] for state, chosen in zip(states, new, strict=True)]
    return np.concatenate(bus_kw), np.concatenate([kvar[chosen] for chosen in new])


def _chosen(excess: list[Floats], *, everything: bool) -> Integers:
    """Return which intervals other engines solve again; without a power flow there is nothing."""
    solved = np.all([np.isfinite(rows).all(axis=1) for rows in excess], axis=0)
    known = np.flatnonzero(solved)
    if len(known) <= INTERVALS or everything:
        return known
    room = np.max([rows[known].max(axis=1) for rows in excess], axis=0)
    tightest = np.argsort(-room, kind="stable")[: INTERVALS // 2]
    spread = np.linspace(0, len(known) - 1, INTERVALS - len(tightest)).astype(np.int64)
    return np.asarray(known[np.unique(np.concatenate([tightest, spread]))])
