"""What the feeder says of a schedule: power flows of all intervals, and cuts for broken limits."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.game import Game
from cosim.grid import limits
from cosim.grid.excess_slopes import excess_rows
from cosim.records import Booleans, Complexes, Exogenous, Floats, Integers
from policies.yardstick_case import Case, powers_around

MARGIN: Final = 1e-6
"""Kept free below each limit (p.u. or share of rating), so that rounds end inside it."""

PREEXISTING_TOLERANCE: Final = 1e-7
"""By how much (p.u. or share of rating) what firm load breaks may look worse: solver accuracy."""

RETREATS: Final = np.linspace(0.95, 0.0, 20)
"""Shares of a schedule that are tried where all of it has no power flow."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """One linear bound that a programme holds."""

    interval: int
    row: int
    per_kwh: Floats  # (N,)
    room: float
    place: int  # in the programme


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Linear bounds on what meters of an interval draw together, R of them."""

    interval: Integers  # (R,)
    row: Integers  # (R,) of the excess vector
    per_kwh: Floats  # (R, N) change of the excess per kWh drawn
    room: Floats  # (R,) largest value of ``per_kwh @ net_kwh``

    def one(self, number: int, place: int) -> Cut:
        """Return a single cut, with the place a programme knows it by."""
        return Cut(
            int(self.interval[number]),
            int(self.row[number]),
            self.per_kwh[number],
            float(self.room[number]),
            place,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What the power flows of a schedule show."""

    over: Floats  # (T, E) excess beyond what is allowed; infinite without a power flow
    bus_kw: Floats  # (T, K)

    @property
    def worst(self) -> float:
        """Largest excess beyond what is allowed, p.u. or share of a rating; 0 for none."""
        return float(np.maximum(self.over.max(initial=0.0), 0.0))


class GridOfCase:
    """The feeder around a case: everything drawn at the buses but what the devices decide.

    What firm load alone breaks may stay broken and not get worse; firm load is what homes draw
    that use their own solar power, feed nothing in and leave their devices idle.
    """

    def __init__(self, game: Game, exogenous: Exogenous, case: Case) -> None:
        """Solve the firm load of every interval; `exogenous` is what the case was cut out of."""
        self._power_flow = game.power_flow
        self.bus_count = game.power_flow.feeder.bus_count
        self._bus = case.fleet.bus[0]
        self._hours = case.interval_h
        self._base_kw, self._kvar = powers_around(game, exogenous, case.span)
        self._firm_kwh = np.maximum(case.fixed_kwh, 0.0)
        firm = self._excess(self._at_buses(self._firm_kwh))[0]
        self.allowed = limits.allowed_excess(firm)
        margin = np.clip(np.where(np.isfinite(firm), firm, 0.0), -MARGIN, 0.0)
        self._bound = np.where(self.allowed > 0.0, self.allowed, margin)
        self._tolerance = np.where(self.allowed > 0.0, PREEXISTING_TOLERANCE, limits.TOLERANCE)

    def check(self, net_kwh: Floats) -> Finding:
        """Solve all intervals with meters at `net_kwh` (T, N) in one batch."""
        bus_kw = self._at_buses(net_kwh)
        return Finding(self._excess(bus_kw)[0] - self.allowed, bus_kw)

    def broken(self, finding: Finding) -> Booleans:
        """Return which limits are broken beyond what is allowed, (T, E)."""
        return np.asarray(finding.over > self._tolerance)

    def room(self, finding: Finding, interval: int, row: int) -> float:
        """Return how far a limit is from what programmes aim at, p.u. or share of rating."""
        excess = finding.over[interval, row] + self.allowed[interval, row]
        return float(self._bound[interval, row] - excess)

    def cuts(self, net_kwh: Floats, chosen: Booleans) -> Cuts:
        """Return tangents at `net_kwh` (T, N) of the `chosen` (T, E) limits.

        Where an interval has no power flow they are taken on the way from firm load to it.
        """
        intervals = np.flatnonzero(chosen.any(axis=1))
        at_kwh, chosen = net_kwh[intervals].copy(), chosen[intervals]
        bus_kw = self._at_buses(at_kwh, intervals)
        excess, voltage = self._excess(bus_kw, intervals)
        for k in np.flatnonzero(~np.isfinite(excess).all(axis=1)):
            at_kwh[k], chosen[k] = self._retreat(at_kwh[k], int(intervals[k]))
        bus_kw = self._at_buses(at_kwh, intervals)
        excess, voltage = self._excess(bus_kw, intervals)
        state, row = np.nonzero(chosen)
        slopes = excess_rows(self._power_flow, voltage, bus_kw, self._kvar[intervals], (state, row))
        per_kwh = slopes[:, self._bus] / self._hours
        level = excess[state, row] - np.einsum("rn,rn->r", per_kwh, at_kwh[state])
        interval = intervals[state]
        return Cuts(interval, row, per_kwh, self._bound[interval, row] - level)

    def _retreat(self, net_kwh: Floats, interval: int) -> tuple[Floats, Booleans]:
        """Return the point nearest to `net_kwh` (N,) that has a power flow, and limits to cut."""
        firm = self._firm_kwh[interval]
        points = firm + RETREATS[:, None] * (net_kwh - firm)
        every = np.full(len(points), interval)
        excess = self._excess(self._at_buses(points, every), every)[0]
        solved = np.flatnonzero(np.isfinite(excess).all(axis=1))
        nearest = solved[0] if len(solved) else len(points) - 1
        over = excess[nearest] - self.allowed[interval]
        return points[nearest], np.asarray((over > 0.0) | (over == over.max()))

    def _at_buses(self, net_kwh: Floats, intervals: Integers | None = None) -> Floats:
        """Return what is drawn at the buses, (R, K) kW."""
        base = self._base_kw if intervals is None else self._base_kw[intervals]
        drawn = base.copy()
        rows = np.broadcast_to(np.arange(len(net_kwh))[:, None], net_kwh.shape)
        np.add.at(drawn, (rows, np.broadcast_to(self._bus, net_kwh.shape)), net_kwh / self._hours)
        return drawn

    def _excess(
        self, bus_kw: Floats, intervals: Integers | None = None
    ) -> tuple[Floats, Complexes]:
        """Return the excess (R, E) and the node voltages (R, n)."""
        kvar = self._kvar if intervals is None else self._kvar[intervals]
        state = self._power_flow.solve(bus_kw, kvar)
        return limits.excess(self._power_flow.feeder, state), state.node_voltage_pu
