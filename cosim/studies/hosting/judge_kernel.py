"""The compiled part of judging: the worst of every limit over the moments of a case.

A block holds successive operating points of several cases, case by case. Running results are kept
by case, so that blocks of a long series can follow each other through the same arrays.
"""

from typing import NamedTuple

import numba
import numpy as np

from cosim.records import Booleans, Floats, Integers
from cosim.studies.hosting.records import Limiting

KINDS = 9
"""Columns by Limiting, up to NO_POWER_FLOW."""

OVER, UNDER = int(Limiting.OVERVOLTAGE), int(Limiting.UNDERVOLTAGE)
RISE, DROP = int(Limiting.RISE), int(Limiting.DROP)
LINE, TRANSFORMER = int(Limiting.LINE), int(Limiting.TRANSFORMER)
REVERSE, NO_FLOW = int(Limiting.REVERSE_FLOW), int(Limiting.NO_POWER_FLOW)

V_MAX, V_MIN, RISE_MAX, DROP_MAX, LINE_MAX, TRAFO_MAX, IMPORT, EXPORT, LOSS = range(9)
TIE = 1e-9
"""Excess, p.u. or share of rating, that the power flow cannot tell apart."""

EXTREMES = 9


class Bounds(NamedTuple):
    """Limits in the form the kernels take; infinite where there is none."""

    voltage_min_pu: float  # for a share of time
    voltage_max_pu: float
    voltage_lowest_pu: float  # always
    voltage_highest_pu: float
    rise_pu: Floats  # (K,)
    drop_pu: Floats  # (K,)
    head: Integers  # (K,) bus that rise and drop are counted against, -1: itself without plants
    loading_percent: Floats  # (L,)
    is_line: Booleans  # (L,)
    reverse_flow_kw: float


class Worst(NamedTuple):
    """What `judge_block` keeps by case and kind of limit."""

    excess: Floats  # (n, KINDS) p.u. or share of the limit; -inf where nothing was looked at
    element: Integers  # (n, KINDS) position of bus or branch
    value: Floats  # (n, KINDS)
    limit: Floats  # (n, KINDS)
    extreme: Floats  # (n, EXTREMES)


class Block(NamedTuple):
    """States of n cases at P successive points each: row ``case * P + point``."""

    voltage_pu: Floats  # (n P, K)
    loading_percent: Floats  # (n P, L)
    slack_kw: Floats  # (n P,)
    loss_kw: Floats  # (n P,)
    converged: Booleans  # (n P,)
    without_pu: Floats  # (P, K) voltages without new plants


_compile = numba.njit(cache=True, error_model="numpy")


@_compile
def _keep(
    worst: Worst, place: tuple[int, int], excess: float, element: int, measured: tuple[float, float]
) -> None:
    """Keep an excess at `place` (case, kind) if it is the worst; `measured` is value and limit.

    Lines in a row carry the same current but for what the power flow cannot tell apart: then the
    first of them is named, not the one that rounding prefers.
    """
    if excess > worst.excess[place] + TIE:
        worst.excess[place] = excess
        worst.element[place] = element
        worst.value[place], worst.limit[place] = measured


@_compile
def _voltages(block: Block, row: int, point: int, bounds: Bounds, case: int, worst: Worst) -> None:
    extreme = worst.extreme[case]
    for bus in range(block.voltage_pu.shape[1]):
        voltage = block.voltage_pu[row, bus]
        extreme[V_MAX] = max(extreme[V_MAX], voltage)
        extreme[V_MIN] = min(extreme[V_MIN], voltage)
        if voltage - bounds.voltage_highest_pu > worst.excess[case, OVER]:
            high = bounds.voltage_highest_pu
            _keep(worst, (case, OVER), voltage - high, bus, (voltage, high))
        if bounds.voltage_lowest_pu - voltage > worst.excess[case, UNDER]:
            low = bounds.voltage_lowest_pu
            _keep(worst, (case, UNDER), low - voltage, bus, (voltage, low))
        head = bounds.head[bus]
        without = block.without_pu[point, bus]
        change = voltage - without
        extreme[RISE_MAX] = max(extreme[RISE_MAX], change)
        extreme[DROP_MAX] = max(extreme[DROP_MAX], -change)
        if head >= 0:
            change = voltage - block.voltage_pu[row, head]
        if change - bounds.rise_pu[bus] > worst.excess[case, RISE]:
            limit = bounds.rise_pu[bus]
            _keep(worst, (case, RISE), change - limit, bus, (change, limit))
        if -change - bounds.drop_pu[bus] > worst.excess[case, DROP]:
            limit = bounds.drop_pu[bus]
            _keep(worst, (case, DROP), -change - limit, bus, (-change, limit))


@_compile
def _flows(block: Block, row: int, bounds: Bounds, case: int, worst: Worst) -> None:
    extreme = worst.extreme[case]
    for branch in range(block.loading_percent.shape[1]):
        loading = block.loading_percent[row, branch]
        line = bounds.is_line[branch]
        place = LINE_MAX if line else TRAFO_MAX
        extreme[place] = max(extreme[place], loading)
        limit = bounds.loading_percent[branch]
        excess = (loading - limit) / 100.0
        kind = LINE if line else TRANSFORMER
        if excess > worst.excess[case, kind]:
            _keep(worst, (case, kind), excess, branch, (loading, limit))
    slack, allowed = block.slack_kw[row], bounds.reverse_flow_kw
    extreme[IMPORT] = max(extreme[IMPORT], slack)
    extreme[EXPORT] = max(extreme[EXPORT], -slack)
    if allowed < np.inf:
        excess = (-slack - allowed) / max(allowed, 1.0)
        _keep(worst, (case, REVERSE), excess, -1, (-slack, allowed))


@_compile
def _usual_band(
    block: Block, first: int, case: int, bounds: Bounds, asked: tuple[int, int, float], worst: Worst
) -> None:
    """Hold the share of a week's points that lie outside the usual band against what is allowed.

    `asked` is the number of points, how many may lie outside, and excess that counts as none. The
    value is the order statistic that the share of time names: as many points as may lie outside
    are farther out.
    """
    points, outside_max, slack = asked
    beyond = np.empty(points)
    for bus in range(block.voltage_pu.shape[1]):
        count = 0
        for point in range(points):
            voltage = block.voltage_pu[first + point, bus]
            over = voltage - bounds.voltage_max_pu
            under = bounds.voltage_min_pu - voltage
            beyond[point] = max(over, under)
            count += beyond[point] > slack
        if count <= outside_max:
            continue
        order = np.argsort(-beyond, kind="mergesort")
        at = order[outside_max]
        voltage = block.voltage_pu[first + at, bus]
        if voltage > bounds.voltage_max_pu:
            limit = bounds.voltage_max_pu
            _keep(worst, (case, OVER), voltage - limit, bus, (voltage, limit))
        else:
            limit = bounds.voltage_min_pu
            _keep(worst, (case, UNDER), limit - voltage, bus, (voltage, limit))


@_compile
def judge_block(
    block: Block, points: int, bounds: Bounds, outside_max: int, slack: float, worst: Worst
) -> None:
    """Bring a block of whole weeks, one week of every case, into `worst`.

    `outside_max` points of the week may lie outside the usual band at each bus; negative: the
    usual band is not looked at. `slack` is excess that counts as none.
    """
    cases = block.voltage_pu.shape[0] // points
    for case in range(cases):
        first = case * points
        solved = True
        for point in range(points):
            row = first + point
            if not block.converged[row]:
                solved = False
                _keep(worst, (case, NO_FLOW), np.inf, -1, (np.nan, np.nan))
                continue
            _voltages(block, row, point, bounds, case, worst)
            _flows(block, row, bounds, case, worst)
            worst.extreme[case, LOSS] += block.loss_kw[row]
        if solved and outside_max >= 0:
            _usual_band(block, first, case, bounds, (points, outside_max, slack), worst)


def nothing_yet(cases: int) -> Worst:
    """Return running results before the first block."""
    extreme = np.full((cases, EXTREMES), -np.inf)
    extreme[:, V_MIN] = np.inf
    extreme[:, [EXPORT, LOSS]] = 0.0
    return Worst(
        excess=np.full((cases, KINDS), -np.inf),
        element=np.full((cases, KINDS), -1, np.int64),
        value=np.full((cases, KINDS), np.nan),
        limit=np.full((cases, KINDS), np.nan),
        extreme=extreme,
    )
