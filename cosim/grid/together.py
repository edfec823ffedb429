"""Many small decisions that need power flows, answered together.

Whoever decides for one environment is written as a generator that yields what it needs to know
next: the power flow of some states, or slopes at one. `decide_together` runs many of them side by
side and answers all that are waiting with one batch. Every scenario is solved on its own, so no
decision depends on which others are made beside it.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np

from cosim.grid import limits
from cosim.grid.excess_slopes import excess_rows
from cosim.grid.power_flow import PowerFlow
from cosim.records import Complexes, Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Solve:
    """Asks for the power flow of R states."""

    bus_kw: Floats  # (R, K)
    bus_kvar: Floats  # (R, K)


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """The answer to `Solve`."""

    excess: Floats  # (R, E); infinite where no power flow was found
    node_voltage_pu: Complexes  # (R, n)


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Asks how some excesses change with every kW drawn, at one solved state."""

    bus_kw: Floats  # (K,)
    bus_kvar: Floats  # (K,)
    node_voltage_pu: Complexes  # (n,)
    rows: Integers  # (R,) of the excess vector


T = TypeVar("T")
Deciding: TypeAlias = Generator[Solve | Slopes, Solved | Floats, T]


def solved(bus_kw: Floats, bus_kvar: Floats) -> Deciding[Solved]:
    """Ask for power flows, (R, K) each."""
    answer = yield Solve(bus_kw, bus_kvar)
    if not isinstance(answer, Solved):
        raise TypeError(type(answer))
    return answer


def slopes_of(
    bus_kw: Floats, bus_kvar: Floats, node_voltage_pu: Complexes, rows: Integers
) -> Deciding[Floats]:
    """Ask for slopes, (R, K), of `rows` (R,) at one state."""
    answer = yield Slopes(bus_kw, bus_kvar, node_voltage_pu, rows)
    if isinstance(answer, Solved):
        raise TypeError(type(answer))
    return answer


def decide_together(power_flow: PowerFlow, decisions: Sequence[Deciding[T]]) -> list[T]:
    """Run all decisions to their end and return what they decide, in the same order."""
    results: dict[int, T] = {}
    waiting: dict[int, Solve | Slopes] = {}

    def go_on(number: int, answer: Solved | Floats | None) -> None:
        decision = decisions[number]
        try:
            waiting[number] = next(decision) if answer is None else decision.send(answer)
        except StopIteration as stop:
            results[number] = stop.value

    for number in range(len(decisions)):
        go_on(number, None)
    while waiting:
        asked, waiting = waiting, {}
        states = {k: wish for k, wish in asked.items() if isinstance(wish, Solve)}
        points = {k: wish for k, wish in asked.items() if isinstance(wish, Slopes)}
        for number, state in _solve_all(power_flow, states).items():
            go_on(number, state)
        for number, rows in _slopes_of_all(power_flow, points).items():
            go_on(number, rows)
    return [results[number] for number in range(len(decisions))]


def decide(power_flow: PowerFlow, decision: Deciding[T]) -> T:
    """Run one decision to its end."""
    return decide_together(power_flow, [decision])[0]


def _solve_all(power_flow: PowerFlow, wishes: dict[int, Solve]) -> dict[int, Solved]:
    if not wishes:
        return {}
    state = power_flow.solve(
        np.concatenate([wish.bus_kw for wish in wishes.values()]),
        np.concatenate([wish.bus_kvar for wish in wishes.values()]),
    )
    excess = limits.excess(power_flow.feeder, state)
    answers, first = {}, 0
    for number, wish in wishes.items():
        part = slice(first, first + len(wish.bus_kw))
        answers[number] = Solved(excess[part], state.node_voltage_pu[part])
        first = part.stop
    return answers


def _slopes_of_all(power_flow: PowerFlow, wishes: dict[int, Slopes]) -> dict[int, Floats]:
    if not wishes:
        return {}
    counts = [len(wish.rows) for wish in wishes.values()]
    rows = excess_rows(
        power_flow,
        np.stack([wish.node_voltage_pu for wish in wishes.values()]),
        np.stack([wish.bus_kw for wish in wishes.values()]),
        np.stack([wish.bus_kvar for wish in wishes.values()]),
        (
            np.repeat(np.arange(len(counts)), counts),
            np.concatenate([wish.rows for wish in wishes.values()]),
        ),
    )
    return dict(zip(wishes, np.split(rows, np.cumsum(counts)[:-1]), strict=True))
