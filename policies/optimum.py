"""The perfect-foresight optimum of a community, without and with its grid.

Without the grid it is a strict lower bound of what any play can cost the community by the rules
of `policies.yardstick_case`, as long as trades carry no locational charges. With the grid it is
the cost of a schedule whose AC power flows are all inside the limits: broken limits are
linearised where they break and added as cuts, until none is left.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.game import Game
from cosim.records import Booleans, Exogenous, Floats, Signal, State, World
from policies.community_programme import CommunityProgramme
from policies.grid_cuts import Cut, Finding, GridOfCase
from policies.yardstick_case import CarriedOut, Case, Schedule, Span, carry_out, case_of

ROUNDS: Final = 30
"""Rounds of cuts after which a schedule counts as it is."""

REFINEMENTS: Final = 3
"""Times that tangents stricter than the truth are moved to the point found."""

BINDING: Final = 1e-5
"""Room (p.u. or share of rating) below which a tangent binds, and a difference to it matters."""

WORTHWHILE: Final = 1e-6
"""Relative gain for which another refinement is made."""


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """The least-cost schedule of a span; `carried_out` holds meters, end state and money."""

    schedule: Schedule  # (T, N) each
    carried_out: CarriedOut
    bound_eur: float  # optimal value of the programme without the grid
    cost_eur: float  # of the schedule, after the devices have had their say
    rounds: int  # of cuts; 0 where the grid was not asked or had nothing to say
    worst_excess: float  # beyond max(limit, what firm load breaks), p.u. or share of rating
    secure: bool  # no limit is broken beyond that; True where the grid was not asked

    @property
    def net_kwh(self) -> Floats:
        """Energy at the meters, (T, N)."""
        return self.carried_out.net_kwh

    @property
    def security_eur(self) -> float:
        """Price of security: what the limits cost the community."""
        return self.cost_eur - self.bound_eur


def community_optimum(
    game: Game,
    world: World,
    signal: Signal,
    state: State,
    span: Span,
    *,
    with_grid: bool = True,
) -> Optimum:
    """Return the least the community could have paid, knowing everything.

    Args:
        game: feeder, fleet and tariff.
        world: `world.actual` is what happens.
        signal: announced prices of the span, (end - first, B).
        state: before the first interval, (B, N).
        span: intervals, environment, wear.
        with_grid: whether the feeder's limits hold.

    Raises:
        ValueError: where span, signal and environment do not fit the world.
    """
    case = case_of(game, world.actual, signal, state, span)
    if with_grid:
        return optimum_with_grid(game, world.actual, case)
    return optimum_without_grid(case)


def optimum_without_grid(case: Case) -> Optimum:
    """Return the least-cost schedule of a case whose grid has no limits."""
    found = CommunityProgramme(case).solve()
    done = carry_out(case, found.schedule)
    return Optimum(
        schedule=done.schedule,
        carried_out=done,
        bound_eur=found.cost_eur,
        cost_eur=done.cost_eur,
        rounds=0,
        worst_excess=0.0,
        secure=True,
    )


def optimum_with_grid(
    game: Game, exogenous: Exogenous, case: Case, *, rounds_max: int = ROUNDS
) -> Optimum:
    """Return the least-cost schedule that the feeder bears, after `rounds_max` rounds at the most.

    `exogenous` is what the case was cut out of.
    """
    return _Search(case, GridOfCase(game, exogenous, case)).run(rounds_max)


class _Search:
    """Rounds of programme, power flow and cuts."""

    def __init__(self, case: Case, grid: GridOfCase) -> None:
        """Build the programme."""
        self._case, self._grid = case, grid
        self._programme = CommunityProgramme(case)
        self._cuts: list[Cut] = []

    def run(self, rounds_max: int) -> Optimum:
        """Return the schedule after as many rounds as it takes, `rounds_max` at the most."""
        bound, done, finding = self._solve()
        rounds, done, finding = self._until_secure(0, rounds_max, (done, finding))
        for _ in range(REFINEMENTS):
            if self._grid.broken(finding).any() or not self._renew(done, finding):
                break
            rounds, other, found = self._until_secure(rounds + 1, rounds_max, self._solve()[1:])
            gain = done.cost_eur - other.cost_eur
            if self._grid.broken(found).any() or gain <= 0.0:
                break
            done, finding = other, found
            if gain < WORTHWHILE * max(abs(done.cost_eur), 1.0):
                break
        return Optimum(
            schedule=done.schedule,
            carried_out=done,
            bound_eur=bound,
            cost_eur=done.cost_eur,
            rounds=rounds,
            worst_excess=finding.worst,
            secure=not bool(self._grid.broken(finding).any()),
        )

    def _solve(self) -> tuple[float, CarriedOut, Finding]:
        """Solve the programme as it stands and look at its power flows."""
        found = self._programme.solve()
        done = carry_out(self._case, found.schedule)
        return found.cost_eur, done, self._grid.check(done.net_kwh)

    def _until_secure(
        self, rounds: int, rounds_max: int, point: tuple[CarriedOut, Finding]
    ) -> tuple[int, CarriedOut, Finding]:
        """Cut and solve until nothing is broken; return rounds so far and the last point."""
        done, finding = point
        while rounds < rounds_max and self._grid.broken(finding).any():
            self._cut(done, self._grid.broken(finding))
            _, done, finding = self._solve()
            rounds += 1
        return rounds, done, finding

    def _cut(self, done: CarriedOut, chosen: Booleans) -> None:
        """Add tangents of the limits that are `chosen` (T, E)."""
        cuts = self._grid.cuts(done.net_kwh, chosen)
        places = self._programme.add_limits(cuts.interval, cuts.per_kwh, cuts.room)
        self._cuts += [cuts.one(k, int(place)) for k, place in enumerate(places)]

    def _renew(self, done: CarriedOut, finding: Finding) -> bool:
        """Move tangents that are stricter than the truth to the point found; whether there are any.

        Excesses of high voltages and of lines that carry power out are concave in the powers: away
        from where a tangent was made it forbids what the grid would bear. Only tangents that bind
        matter.
        """
        chosen = np.zeros(finding.over.shape, np.bool_)
        kept = []
        for cut in self._cuts:
            left = cut.room - float(cut.per_kwh @ done.net_kwh[cut.interval])
            truth = self._grid.room(finding, cut.interval, cut.row)
            if left < BINDING and truth > left + BINDING:
                chosen[cut.interval, cut.row] = True
                self._programme.drop_limit(cut.place)
            else:
                kept.append(cut)
        self._cuts = kept
        if chosen.any():
            self._cut(done, chosen)
        return bool(chosen.any())
