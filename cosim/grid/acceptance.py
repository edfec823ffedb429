"""Acceptance by linear programmes that AC power flows check.

At an operating point every limit near or beyond its bound gives a cut: a linear bound on its
excess whose slope is the exact sensitivity of the AC solution. A programme accepts as much as the
cuts allow, by value (rule `optimal`) or evenly (rule `max_min`); a power flow of the result gives
the next point, with new cuts. Those of earlier points are kept while they claim no more than the
power flows found (Kelley, "The cutting-plane method for solving convex programs", 1960): thermal
limits and low voltages are convex, and where two offers are worth nearly the same the best point
lies on their curve, between the points that single slopes lead to. High voltages curve the other
way; there only the slopes of the present point count, as in a sequential linear programme.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.grid.cuts import Cuts, Standing
from cosim.grid.groups import Groups, drawn_kw
from cosim.grid.limits import TOLERANCE
from cosim.grid.linear_programme import Acceptance
from cosim.grid.together import Deciding, slopes_of, solved
from cosim.records import Complexes, Floats, Integers

WATCHED: Final = 0.002
"""Limits closer than this (p.u. or share of rating) enter the programme."""

MOST_ROUNDS: Final = 60

GOOD, POOR = 0.75, 0.25
"""Shares of a promised improvement from which a round may go further, below which less far."""

EXCESS_WEIGHT: Final = 100.0
"""What an excess of 1 p.u. (or of a whole rating) costs, in units of all value: 0.01 takes all."""

SETTLED: Final = 1e-6
"""A round that moves less than this share of the energy, or promises less worth, is the last."""

NEARLY: Final = 2e-3
WORTHLESS: Final = 1e-8
"""Share of the energy that may have moved in the last round if what is still free is worth less
than the second number."""

PULLED_BACK: Final = 1e-7
"""Worth that may be left to end inside. Cuts enclose a curved limit from outside; the last bit of
excess is not worth more rounds, so the next programme keeps half as much again free."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Accepted energies of the groups with the multipliers that explain them."""

    accepted_kwh: Floats  # (G,)
    excess: Floats  # (E,) found by the power flow of it
    rows: Integers  # (R,) limits in the last programme, one that is curved more than once
    row_eur: Floats  # (R,) their multipliers, EUR per unit of excess
    slopes: Floats  # (R, K) of the last programme
    feasible: bool  # an AC power flow shows no excess beyond what is allowed

    def prices(self, count: int) -> Floats:
        """Return the multiplier of each of `count` excesses, (E,)."""
        total = np.bincount(self.rows, weights=self.row_eur, minlength=count)
        return np.asarray(total, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The linear programme of a round: what it may choose from."""

    effect: Floats  # (R, G) change of each row's excess per accepted kWh
    room: Floats  # (R,) excess still allowed, in absolute terms of the accepted energies
    least_kwh: Floats  # (G,) bounds of the round
    most_kwh: Floats  # (G,)


@dataclass(frozen=True, slots=True, eq=False)
class Preference:
    """What is wanted inside the limits."""

    choose: Callable[[Step], Acceptance]  # best answer to a step
    worth: Callable[[Floats], float]  # of accepted energies (G,), about 0 to 1: nothing to all
    unit_eur: float  # what a worth of one stands for in the multipliers of `choose`


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """A solved point of the search."""

    kwh: Floats  # (G,) accepted there
    bus_kw: Floats  # (K,)
    excess: Floats  # (E,)
    node_voltage_pu: Complexes  # (n,)
    worth: float
    merit: float  # worth less a penalty for excess beyond what is allowed
    number: int  # by which its cuts know it, -1 without a power flow

    @property
    def solved(self) -> bool:
        """Whether there is a power flow."""
        return self.number >= 0


def accept_inside_limits(
    groups: Groups, standing: Standing, preference: Preference, start_kwh: Floats
) -> Deciding[Outcome]:
    """Return the acceptance that is preferred inside the limits.

    A round that makes things worse (more excess than its value is worth, or no power flow) is
    undone. Where the cuts made there do not rule it out by themselves, the next may move a
    quarter as far: without this trust region rounds can jump to and fro between two
    linearisations for ever.

    Args:
        groups: what can be accepted.
        standing: what is there besides.
        preference: which of all acceptances inside the limits.
        start_kwh: (G,) first operating point; its power flow must exist.

    Returns:
        The best outcome that an AC power flow found inside the limits; the last of all, marked
        as not feasible, if there was none.
    """
    search = _Search(groups, standing, preference)
    at = yield from search.visit(start_kwh)
    yield from search.learn(at)
    trust = 1.0
    inside = latest = None
    best = -np.inf
    for _ in range(MOST_ROUNDS):
        used = search.cuts.used_at(at.number)
        step = search.step(at.kwh, used, trust)
        solution = preference.choose(step)
        search.cuts.shaped(used[solution.row_eur > 0.0])
        tried = yield from search.visit(
            np.clip(solution.accepted_kwh, step.least_kwh, step.most_kwh)
        )
        latest = search.outcome(tried, used, solution)
        free = not np.any(
            ((tried.kwh <= step.least_kwh) & (step.least_kwh > 0.0))
            | ((tried.kwh >= step.most_kwh) & (step.most_kwh < groups.cleared_kwh))
        )
        # The programme bounds what this neighbourhood can still give: stop where that is nothing.
        promised = tried.worth - best
        if latest.feasible and tried.worth >= best:
            inside, best = latest, tried.worth
        if promised <= SETTLED or (latest.feasible and free and search.settled(at, tried, latest)):
            break
        unforeseen = False
        if tried.solved:
            unforeseen = yield from search.learn(tried, before=at)
            if free and not latest.feasible:
                search.pull_back(tried, latest)
        # How much of what the slopes promised came true says how far they may be trusted.
        kept = (tried.merit - at.merit) / max(tried.worth - at.merit, 1e-12)
        excused = unforeseen or (tried.solved and search.cuts.rule_out(tried.number, search.bound))
        if kept > 0.0:
            at = tried
        trust = _next_trust(trust, kept, excused=excused)
        if trust < SETTLED:
            break
    if inside is not None:
        return inside
    if latest is None:
        raise AssertionError  # MOST_ROUNDS is at least one
    return latest


def _next_trust(trust: float, kept: float, *, excused: bool) -> float:
    """Return how far the next round may go; a bad point that new cuts rule out is excused."""
    if kept > GOOD:
        return min(1.0, 2.0 * trust)
    return 0.25 * trust if kept < POOR and not excused else trust


class _Search:
    """What a search has learnt, and the parts of its rounds."""

    def __init__(self, groups: Groups, standing: Standing, preference: Preference) -> None:
        """Start without knowledge."""
        self._groups, self._standing, self._preference = groups, standing, preference
        self.bound = standing.bound
        self.cuts = Cuts(groups, standing)
        self._kept_free = np.zeros(len(standing.allowed))
        self._watched = np.zeros(len(standing.allowed), np.bool_)

    def visit(self, accepted_kwh: Floats) -> Deciding[_Point]:
        """Solve a point."""
        standing = self._standing
        drawn = drawn_kw(self._groups, accepted_kwh, len(standing.base_kw), standing.interval_h)
        bus_kw = standing.base_kw + drawn
        found = yield from solved(bus_kw[None], standing.kvar[None])
        excess, worth = found.excess[0], self._preference.worth(accepted_kwh)
        beyond = np.maximum(excess - standing.allowed, 0.0).sum()
        merit, number = -np.inf, -1
        if np.isfinite(beyond):
            merit = worth - EXCESS_WEIGHT * float(beyond)
            number = self.cuts.remember(accepted_kwh, excess)
        return _Point(accepted_kwh, bus_kw, excess, found.node_voltage_pu[0], worth, merit, number)

    def learn(self, point: _Point, *, before: _Point | None = None) -> Deciding[bool]:
        """Add the cuts of a solved point; return whether it breaks limits nobody thought of.

        These are then added at the point `before` too: there the programme did not see them.
        """
        near = point.excess - self._standing.allowed > -WATCHED
        new = np.flatnonzero(near & ~self._watched)
        if before is not None and len(new):
            yield from self._cut(before, new)
        self._watched |= near
        yield from self._cut(point, np.flatnonzero(self._watched))
        return bool(np.any(point.excess[new] > self.bound[new]))

    def _cut(self, point: _Point, rows: Integers) -> Deciding[None]:
        slopes = yield from slopes_of(
            point.bus_kw, self._standing.kvar, point.node_voltage_pu, rows
        )
        self.cuts.add(point.number, rows, slopes)

    def step(self, at_kwh: Floats, used: Integers, trust: float) -> Step:
        """Return the programme of a round around `at_kwh` (G,) with the cuts `used`."""
        whole, cuts = self._groups.cleared_kwh, self.cuts
        return Step(
            effect=cuts.effect[used],
            room=(self.bound - self._kept_free)[cuts.row[used]] - cuts.level[used],
            least_kwh=np.maximum(at_kwh - trust * whole, 0.0),
            most_kwh=np.minimum(at_kwh + trust * whole, whole),
        )

    def outcome(self, point: _Point, used: Integers, solution: Acceptance) -> Outcome:
        """Return a point as an outcome, explained by the programme that led to it."""
        return Outcome(
            accepted_kwh=point.kwh,
            excess=point.excess,
            rows=self.cuts.row[used],
            row_eur=solution.row_eur,
            slopes=self.cuts.slope[used],
            feasible=bool(np.all(point.excess <= self._standing.allowed + TOLERANCE)),
        )

    def settled(self, before: _Point, now: _Point, outcome: Outcome) -> bool:
        """Whether a feasible point is the last.

        It is where little has moved, where it was pulled back, or where what the programme's
        multipliers see in the room that is left is next to nothing.
        """
        total = max(float(self._groups.cleared_kwh.sum()), 1e-12)
        moved = float(np.abs(now.kwh - before.kwh).sum()) / total
        if moved <= SETTLED or bool(np.any(self._kept_free)):
            return True
        price = outcome.prices(len(now.excess))
        slack = np.abs(self.bound - now.excess)
        return moved <= NEARLY and float(price @ slack) <= WORTHLESS * self._preference.unit_eur

    def pull_back(self, point: _Point, outcome: Outcome) -> None:
        """Keep a little more free where ending inside the limits then costs next to nothing."""
        too_much = np.maximum(point.excess - self.bound, 0.0)
        price = outcome.prices(len(too_much))
        known = bool(np.all(price[too_much > 0.0] > 0.0))
        if known and float(price @ too_much) <= PULLED_BACK * self._preference.unit_eur:
            self._kept_free += 1.5 * too_much
