"""Solved states of many intervals, and what they break."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.grid import limits
from cosim.grid.power_flow import PowerFlow
from cosim.records import Booleans, Floats, Integers
from cosim.results import Reason
from cosim.submissions.base_case import BaseCase
from cosim.submissions.sheet import Problems
from networks.feeder import LINE, Feeder

NAMED: Final = 4
"""Broken limits that are named in a line."""


@dataclass(frozen=True, slots=True, eq=False)
class States:
    """T solved states of a feeder."""

    bus_kw: Floats  # (T, K) drawn
    bus_kvar: Floats  # (T, K)
    voltage_pu: Floats  # (T, K) NaN where there is no power flow
    loading_percent: Floats  # (T, L) NaN where there is no power flow
    excess: Floats  # (T, E) infinite where there is no power flow

    @property
    def secure(self) -> Booleans:
        """Whether no limit is broken, (T,)."""
        return limits.within(self.excess)

    @property
    def solved(self) -> Booleans:
        """Whether there is a power flow, (T,)."""
        return np.asarray(np.isfinite(self.excess).all(axis=1))


def solve_states(power_flow: PowerFlow, bus_kw: Floats, bus_kvar: Floats) -> States:
    """Solve bus powers (T, K)."""
    state = power_flow.solve(bus_kw, bus_kvar)
    unsolved = ~state.converged[:, None]
    return States(
        bus_kw=bus_kw,
        bus_kvar=bus_kvar,
        voltage_pu=np.where(unsolved, np.nan, state.voltage_pu),
        loading_percent=np.where(unsolved, np.nan, state.loading_percent),
        excess=limits.excess(power_flow.feeder, state),
    )


def check_base(power_flow: PowerFlow, base: BaseCase, name: str, problems: Problems) -> None:
    """Tell of intervals of the base case without a power flow. A broken limit is no problem."""
    solved = power_flow.solve(base.kw, base.kvar).converged
    unsolved = base.interval[~solved]
    if len(unsolved):
        shown = ", ".join(map(str, unsolved[:10].tolist()))
        more = f" and {len(unsolved) - 10} more" if len(unsolved) > 10 else ""
        problems.whole(
            name,
            f"no power flow exists for interval {shown}{more}; what is judged is compared with it "
            "(are p_kw and q_kvar in kW and kvar?)",
        )


def broken_text(feeder: Feeder, states: States, at: int) -> str:
    """Return the limits that interval `at` breaks, the worst first, "" for none."""
    if not states.solved[at]:
        return "no power flow"
    rows = np.flatnonzero(states.excess[at] > limits.TOLERANCE)
    worst = rows[np.argsort(-states.excess[at, rows], kind="stable")]
    texts = [_row_text(feeder, states, at, int(row)) for row in worst[:NAMED]]
    more = [f"{len(worst) - NAMED} more"] if len(worst) > NAMED else []
    return "; ".join(texts + more)


def _row_text(feeder: Feeder, states: States, at: int, row: int) -> str:
    """Return one limit with what is found there."""
    reason, element = limits.reason_of(feeder, row)
    if reason in (Reason.OVERVOLTAGE, Reason.UNDERVOLTAGE):
        return f"{feeder.bus_text(element)} {states.voltage_pu[at, element]:.4f} p.u."
    kind = "line" if feeder.branch_kind[element] == LINE else "trafo"
    loading = states.loading_percent[at, element]
    return f"{kind} {feeder.branch_index[element]} {loading:.1f} %"


def at_buses(position: Integers, bus: Integers, kw: Floats, shape: tuple[int, int]) -> Floats:
    """Return powers `kw` (M,) summed at (interval position, bus), shape (T, K); bus < 0 is none."""
    there = bus >= 0
    cell = (position * shape[1] + bus)[there]
    summed = np.bincount(cell, weights=kw[there], minlength=shape[0] * shape[1])
    return np.asarray(summed.reshape(shape))
