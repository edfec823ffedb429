"""How much of the flexibility that devices offer the grid can take: margins and offers.

Offers are blocks of upward flexibility (less drawn or more fed in) or downward flexibility (more
drawn) at buses, each with a price. Of what is offered as much is taken as the limits allow, and of
all choices that give as much, the cheapest. The same search as the operating region's, with a wish
on the blocks instead of on the slack's power.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.grid import limits
from cosim.grid.flexibility_controls import Controls, Providers, base_powers, check_providers
from cosim.grid.flexibility_problem import Problem
from cosim.grid.flexibility_search import Search, run
from cosim.grid.flexibility_wishes import Wish
from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats, Integers
from cosim.results import Reason

SETTLED: Final = 1e-6
"""Share of all blocks that is no longer worth a power flow."""

DEAR: Final = 0.01
"""By how much a kW of the dearest block counts less than one of the cheapest."""


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """O blocks of flexibility in T intervals, all upward or all downward."""

    bus: Integers  # (O,) bus position
    kw: Floats  # (T, O) change of the power drawn if all is called: upward < 0, downward > 0
    price_eur_per_kwh: Floats  # (O,)
    kvar_per_kw: Floats | None = None  # (O,) how reactive power follows; None: not at all


@dataclass(frozen=True, slots=True, eq=False)
class FeasibleSupply:
    """What the grid can take of offers; as many kW as possible, of these the cheapest."""

    offered_kw: Floats  # (T, O)
    feasible_kw: Floats  # (T, O) same sign
    price_eur_per_kwh: Floats  # (O,)
    slack_change_kw: Floats  # (T,) at the connection point, losses included
    reason: Integers  # (T,) Reason of the limit with the least room where something is left over
    element: Integers  # (T,)
    power_flows: int

    def curve(self, interval: int) -> tuple[Floats, Floats, Floats]:
        """Return prices in merit order, offered and feasible kW up to each, (O,) each, >= 0."""
        order = np.argsort(self.price_eur_per_kwh, kind="stable")
        offered = np.cumsum(np.abs(self.offered_kw[interval, order]))
        feasible = np.cumsum(np.abs(self.feasible_kw[interval, order]))
        return self.price_eur_per_kwh[order], offered, feasible


@dataclass(frozen=True, slots=True, eq=False)
class Margins:
    """Largest change of the providers' active power that the grid bears; kvar as at the base."""

    offered_up_kw: Floats  # (T,) what devices could give, >= 0
    offered_down_kw: Floats  # (T,)
    up_kw: Floats  # (T,) of it within the limits
    down_kw: Floats  # (T,)
    provider_up_kw: Floats  # (T, N) whose it is, >= 0
    provider_down_kw: Floats  # (T, N)
    up_reason: Integers  # (T,) Reason that stops more of it, NONE where all is feasible
    up_element: Integers  # (T,)
    down_reason: Integers  # (T,)
    down_element: Integers  # (T,)
    power_flows: int


def margins(
    power_flow: PowerFlow, providers: Providers, fixed_kw: Floats, fixed_kvar: Floats
) -> Margins:
    """Return how far providers together can move their active power up and down from the base.

    Arguments as in `cosim.grid.flexibility_region.operating_regions`; what the base point breaks
    already may not get worse. Reactive power stays at its base, or keeps its fixed ratio; a limit
    of apparent power is kept.
    """
    check_providers(providers)
    least, most = _within_circle(providers)
    kw, kvar = base_powers(providers, fixed_kw, fixed_kvar)
    ratio = providers.kvar_per_kw
    follows = None if ratio is None else np.where(np.isfinite(ratio), ratio, 0.0)
    nothing = np.zeros(len(providers.bus))
    up, down = (
        feasible_supply(power_flow, Offers(providers.bus, moved, nothing, follows), kw, kvar)
        for moved in (least - providers.base_kw, most - providers.base_kw)
    )
    return Margins(
        offered_up_kw=np.abs(up.offered_kw).sum(axis=1),
        offered_down_kw=down.offered_kw.sum(axis=1),
        up_kw=np.abs(up.feasible_kw).sum(axis=1),
        down_kw=down.feasible_kw.sum(axis=1),
        provider_up_kw=np.abs(up.feasible_kw),
        provider_down_kw=down.feasible_kw,
        up_reason=up.reason,
        up_element=up.element,
        down_reason=down.reason,
        down_element=down.element,
        power_flows=up.power_flows + down.power_flows,
    )


def feasible_supply(
    power_flow: PowerFlow, offers: Offers, base_kw: Floats, base_kvar: Floats
) -> FeasibleSupply:
    """Return how much of each block of offers the grid can take in each of T intervals.

    Args:
        power_flow: the feeder.
        offers: the blocks.
        base_kw: (T, K) everything drawn at each bus if nothing is called, committed schedules
            included.
        base_kvar: (T, K) likewise.

    Raises:
        ValueError: where shapes do not fit, or blocks are of both directions.
    """
    _check(power_flow, offers, base_kw, base_kvar)
    direction = -1.0 if np.any(offers.kw < 0.0) else 1.0
    size = np.abs(offers.kw)
    problem = Problem(power_flow, _columns(offers, direction), base_kw, base_kvar, cure=False)
    taken, slack = np.zeros_like(size), np.zeros(len(size))
    reason, element = np.full(len(size), int(Reason.NONE)), np.full(len(size), -1)
    able = np.flatnonzero(problem.converged & (size.sum(axis=1) > 0.0))
    whole = problem.solve(able, size[able])
    borne = limits.within(whole.excess, problem.allowed[able])
    taken[able[borne]] = size[able[borne]]
    slack[able[borne]] = (whole.slack - problem.base.slack[able])[borne, 0]
    gain = _gain(offers.price_eur_per_kwh)
    cut = able[~borne].tolist()
    searches = [
        Search(Wish(t, np.zeros(2), gain, settled=SETTLED), np.zeros_like(gain)) for t in cut
    ]
    run(problem, searches)
    for t, search in zip(cut, searches, strict=True):
        assert search.best is not None  # nothing called at all is never worse than the base
        taken[t] = search.best.x
        slack[t] = search.best.slack[0] - problem.base.slack[t, 0]
        room = search.best.excess - problem.allowed[t]
        named = limits.reason_of(power_flow.feeder, int(np.argmax(room)))
        reason[t], element[t] = int(named[0]), named[1]
    lost = ~problem.converged & (size.sum(axis=1) > 0.0)
    reason[lost] = int(Reason.NO_POWER_FLOW)
    return FeasibleSupply(
        offered_kw=offers.kw,
        feasible_kw=direction * taken,
        price_eur_per_kwh=offers.price_eur_per_kwh,
        slack_change_kw=slack,
        reason=reason,
        element=element,
        power_flows=int(problem.power_flows.sum()),
    )


def _columns(offers: Offers, direction: float) -> Controls:
    """Return a column a block: kW that are called of it."""
    size = np.abs(offers.kw)
    ratio = np.zeros(len(offers.bus)) if offers.kvar_per_kw is None else offers.kvar_per_kw
    return Controls(
        bus=offers.bus,
        kw=np.full(len(offers.bus), direction),
        kvar=direction * ratio,
        least=np.zeros_like(size),
        most=size,
        base=np.zeros_like(size),
        facet=np.zeros((0, len(offers.bus))),
        room=np.zeros((len(size), 0)),
    )


def _gain(price: Floats) -> Floats:
    """Return what a kW of each block (O,) counts: nearly one, a little less where it is dear."""
    spread = float(np.ptp(price)) if len(price) else 0.0
    if spread == 0.0:
        return np.ones(len(price))
    return np.asarray(1.0 - DEAR * (price - price.min()) / spread)


def _within_circle(providers: Providers) -> tuple[Floats, Floats]:
    """Return the bounds of active power (T, N) that apparent power leaves at the base's kvar."""
    least, most = providers.least_kw, providers.most_kw
    if providers.most_kva is None:
        return least, most
    ratio = providers.kvar_per_kw
    free = np.full(len(providers.bus), True) if ratio is None else ~np.isfinite(ratio)
    followed = np.sqrt(1.0 + np.where(free, 0.0, 0.0 if ratio is None else ratio) ** 2)
    left = np.sqrt(
        np.maximum(providers.most_kva**2 - np.where(free, providers.base_kvar, 0.0) ** 2, 0.0)
    )
    circle = np.where(free, left, providers.most_kva / followed)
    base = providers.base_kw
    return np.minimum(np.maximum(least, -circle), base), np.maximum(np.minimum(most, circle), base)


def _check(power_flow: PowerFlow, offers: Offers, base_kw: Floats, base_kvar: Floats) -> None:
    """Raise ValueError where shapes or signs do not fit."""
    shape = len(base_kw), power_flow.feeder.bus_count
    problems = []
    if np.shape(base_kw) != shape or np.shape(base_kvar) != shape:
        found = f"base_kw {np.shape(base_kw)} and base_kvar {np.shape(base_kvar)}"
        problems.append(f"{found} must be (intervals, buses) = {shape}")
    if np.shape(offers.kw) != (shape[0], len(offers.bus)):
        problems.append(f"kw {np.shape(offers.kw)} must be {(shape[0], len(offers.bus))}")
    elif np.any(offers.kw < 0.0) and np.any(offers.kw > 0.0):
        problems.append("upward (< 0) and downward (> 0) blocks cancel out: ask for each alone")
    if np.shape(offers.price_eur_per_kwh) != np.shape(offers.bus):
        problems.append(f"{np.size(offers.price_eur_per_kwh)} prices for {len(offers.bus)} blocks")
    if problems:
        raise ValueError("; ".join(problems))
