"""Operating envelopes: how much each prosumer may feed in or draw, given out before bidding.

Two corners shape them: everybody feeds in as much as allowed, and everybody draws as much as
allowed. In a balanced radial feeder voltages fall with every kW drawn and each branch carries the
sum of what lies behind it, so what holds at both corners nearly holds inside: nearly, because a
branch that carries the same power at a lower voltage carries more current. So every prosumer alone
against all others, and some mixed corners, are solved too, and where they break a limit all
envelopes shrink alike. `largest_excess` tests the result by sampling.

Equal and proportional limits follow from one bisection along a path of power flows, the
largest sum and lexicographic max-min from the programmes that also accept trades.
"""

from dataclasses import dataclass

import numpy as np

from cosim.grid import limits
from cosim.grid.curtailment import largest_step
from cosim.grid.groups import group_trades
from cosim.grid.judge import Judge
from cosim.grid.linear_programme import shared_programme
from cosim.grid.power_flow import PowerFlow
from cosim.grid.validation import Surroundings, at_buses
from cosim.records import Envelopes, Floats

MIXED_CORNERS = 64
"""Corners, drawn once, at which everybody feeds in or draws at random."""

SHRINKING = 14
"""Halvings that find the share of envelopes which holds everywhere."""

OBJECTIVES = ("equal", "proportional", "max_sum", "max_min")


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What prosumers could do with their devices, energies of an interval, each (B, N)."""

    firm_kwh: Floats  # drawn whatever happens, >= 0
    most_fed_in_kwh: Floats  # >= 0
    most_drawn_kwh: Floats  # >= firm


def envelopes(
    power_flow: PowerFlow, surroundings: Surroundings, wanted: Wanted, *, objective: str
) -> Envelopes:
    """Return limits on what each prosumer feeds in and draws, together inside the grid's limits.

    `objective` is one of OBJECTIVES: "equal" gives everybody the same kW (or what it can use, if
    less), "proportional" the same share of what it can use, "max_sum" the largest sum, "max_min"
    the largest smallest share, then the next. Firm load may always be drawn.
    """
    nobody = np.zeros_like(wanted.firm_kwh)
    fed_in = _corner(power_flow, surroundings, nobody, -wanted.most_fed_in_kwh, objective)
    drawn = _corner(
        power_flow,
        surroundings,
        wanted.firm_kwh,
        np.maximum(wanted.most_drawn_kwh - wanted.firm_kwh, 0.0),
        objective,
    )
    share = _safe_share(power_flow, surroundings, wanted.firm_kwh, fed_in, drawn)[:, None]
    return Envelopes(
        most_fed_in_kwh=-share * fed_in, most_drawn_kwh=wanted.firm_kwh + share * drawn
    )


def _safe_share(
    power_flow: PowerFlow,
    surroundings: Surroundings,
    firm_kwh: Floats,
    fed_in_kwh: Floats,
    drawn_kwh: Floats,
) -> Floats:
    """Return the share (B,) of both envelopes, one <= 0 and one >= 0, that holds at all corners."""
    prosumers = firm_kwh.shape[1]
    mixed = np.random.default_rng(0).random((MIXED_CORNERS, prosumers)) < 0.5
    draws = np.concatenate([np.eye(prosumers, dtype=bool), ~np.eye(prosumers, dtype=bool), mixed])
    share = np.ones(len(firm_kwh))
    for b in range(len(firm_kwh)):
        many = Surroundings(
            bus=np.repeat(surroundings.bus[b : b + 1], len(draws), axis=0),
            kw=np.repeat(surroundings.kw[b : b + 1], len(draws), axis=0),
            kvar=np.repeat(surroundings.kvar[b : b + 1], len(draws), axis=0),
            interval_h=surroundings.interval_h,
        )

        def excess_at(part: float, many: Surroundings = many, b: int = b) -> Floats:
            kwh = np.where(draws, firm_kwh[b] + part * drawn_kwh[b], part * fed_in_kwh[b])
            state = power_flow.solve(at_buses(many, kwh), many.kvar)
            return limits.excess(power_flow.feeder, state)

        # What firm load or others' generation break by themselves is no fault of the envelopes.
        allowed = limits.allowed_excess(excess_at(0.0).max(axis=0)) + 0.5 * limits.TOLERANCE
        if np.all(excess_at(1.0) <= allowed):
            continue
        low, high = 0.0, 1.0
        for _ in range(SHRINKING):
            middle = 0.5 * (low + high)
            if np.all(excess_at(middle) <= allowed):
                low = middle
            else:
                high = middle
        share[b] = low
    return share


def _corner(
    power_flow: PowerFlow,
    surroundings: Surroundings,
    base_kwh: Floats,
    added_kwh: Floats,
    objective: str,
) -> Floats:
    """Return how much of `added_kwh` (B, N), all of one sign, everybody may have at once."""
    base_kw = at_buses(surroundings, base_kwh)
    base_state = power_flow.solve(base_kw, surroundings.kvar)
    base_excess = limits.excess(power_flow.feeder, base_state)
    if objective in ("equal", "proportional"):
        allowed = limits.allowed_excess(base_excess) + 0.5 * limits.TOLERANCE
        path = _Path(surroundings, base_kwh, added_kwh, equal=objective == "equal")
        share = largest_step(power_flow, path.powers, surroundings.kvar, allowed)
        share = np.where(np.all(np.isfinite(base_excess), axis=1), share, 0.0)
        return path.energies(share)
    programme = shared_programme()
    given = np.zeros_like(added_kwh)
    for b in range(len(base_kw)):
        judge = Judge(
            power_flow,
            programme,
            base_kw=base_kw[b],
            kvar=surroundings.kvar[b],
            base_excess=base_excess[b],
            interval_h=surroundings.interval_h,
        )
        given[b] = added_kwh[b] * _shares_by_bus(
            judge, surroundings.bus[b], added_kwh[b], objective
        )
    return given


def _shares_by_bus(judge: Judge, bus: np.ndarray, added_kwh: Floats, objective: str) -> Floats:
    """Return the share (N,) each prosumer gets; those at the same bus share alike."""
    feeding = bool(np.any(added_kwh < 0.0))
    nowhere = np.full(len(bus), -1)
    groups = group_trades(
        bus if feeding else nowhere,
        nowhere if feeding else bus,
        np.ones(len(bus)),
        np.abs(added_kwh),
    )
    whole = judge.powers_at(groups, groups.cleared_kwh)
    excess = limits.excess(
        judge.power_flow.feeder, judge.power_flow.solve(whole[None], judge.kvar[None])
    )
    if limits.within(excess, judge.allowed)[0]:
        return np.ones(len(bus))
    rule = "optimal" if objective == "max_sum" else "max_min"
    return judge.cut(groups, excess[0], rule).share


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """From nothing added to everything, alike in kW or in shares."""

    surroundings: Surroundings
    base_kwh: Floats  # (B, N)
    added_kwh: Floats  # (B, N)
    equal: bool

    def energies(self, share: Floats) -> Floats:
        """Return what is added (B, N) at a share (B,)."""
        if not self.equal:
            return np.asarray(share[:, None] * self.added_kwh)
        size = np.abs(self.added_kwh)
        same = share[:, None] * size.max(axis=1, keepdims=True)
        return np.asarray(np.sign(self.added_kwh) * np.minimum(same, size))

    def powers(self, shares: Floats) -> Floats:
        """Return the bus powers (B, R, K) at shares (B, R)."""
        columns = [
            at_buses(self.surroundings, self.base_kwh + self.energies(share)) for share in shares.T
        ]
        return np.stack(columns, axis=1)


def largest_excess(
    power_flow: PowerFlow,
    surroundings: Surroundings,
    given: Envelopes,
    *,
    samples: int,
    generator: np.random.Generator,
) -> float:
    """Return the worst excess over corners and `samples` random points of environment 0's box.

    Half of the samples are vertices (each prosumer at one of its ends), half lie inside. Positive
    means that a limit can be broken within the envelopes; p.u. or share of a rating.
    """
    low, high = -given.most_fed_in_kwh[0], given.most_drawn_kwh[0]
    draws = generator.random((samples, len(low)))
    draws[: samples // 2] = np.round(draws[: samples // 2])
    ends = np.stack([np.zeros_like(low), np.ones_like(low)])
    points = low + np.concatenate([ends, draws]) * (high - low)
    count = len(points)
    many = Surroundings(
        bus=np.repeat(surroundings.bus[:1], count, axis=0),
        kw=np.repeat(surroundings.kw[:1], count, axis=0),
        kvar=np.repeat(surroundings.kvar[:1], count, axis=0),
        interval_h=surroundings.interval_h,
    )
    state = power_flow.solve(at_buses(many, points), many.kvar)
    return float(limits.excess(power_flow.feeder, state).max())
