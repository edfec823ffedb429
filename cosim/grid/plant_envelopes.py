"""Operating envelopes of new plants at an operating point: as much as a study's criteria allow.

What is drawn without the plants is fixed, and everybody is at its limit at once. Shares alike
("proportional") and powers alike ("equal") follow from one bisection, all scenarios in lock step;
the largest sum from the programmes that also accept trades, one scenario after the other, brought
inside the criteria by the same bisection where these ask for more than the feeder's limits.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from cosim.grid import limits
from cosim.grid.groups import group_trades
from cosim.grid.judge import Judge
from cosim.grid.levers import Control
from cosim.grid.linear_programme import shared_programme
from cosim.grid.plant_action import Acted, Offer, act_alone, usable_kw
from cosim.grid.power_flow import PowerFlow
from cosim.records import Booleans, Floats
from cosim.results import GridState

HALVINGS: Final = 16
"""Of the way from nothing to everything: 2e-5 of what is offered."""


Allowed = Callable[[GridState, GridState], Booleans]
"""(state, state without plants) -> (n,) whether a study's criteria accept the state."""

Trial = Callable[[Floats], tuple[Acted, Booleans]]
"""What plants do that may do (n, K) kW at most, and whether that is inside the criteria, (n,)."""


def act_inside_envelopes(
    power_flow: PowerFlow, offer: Offer, control: Control, allowed: Allowed | None
) -> Acted:
    """Let plants act as `cosim.grid.inverter_control.act` does, inside envelopes.

    A scenario whose state without plants is not allowed gets none of them, and is not settled.
    """
    alone = replace(control, envelope=None)
    base_state = power_flow.solve(offer.base_kw, offer.base_kvar)
    criteria = _own_limits(power_flow) if allowed is None else allowed
    usable = usable_kw(alone, offer)

    def tried(kw: Floats) -> tuple[Acted, Booleans]:
        acted = act_alone(power_flow, replace(offer, plant_kw=kw), alone)
        return acted, np.asarray(acted.settled & criteria(acted.state, base_state), np.bool_)

    acted, inside = tried(usable)
    trials = np.ones(len(usable), np.int64)
    if not np.all(inside):
        equal, most, good = control.envelope == "equal", usable, inside
        if control.envelope == "max_sum":
            most = _largest_sum(power_flow, offer, usable, acted.state, base_state)
            good = tried(most)[1]
        share = _largest_share(tried, most, good, equal=equal)
        trials += np.where(inside, 0, HALVINGS + 1)
        acted, inside = tried(_at_share(most, share, equal=equal))
    return replace(
        acted,
        curtailed_kw=np.maximum(np.abs(offer.plant_kw) - np.abs(acted.plant_kw), 0.0),
        settled=inside,
        iterations=trials,
    )


def _own_limits(power_flow: PowerFlow) -> Allowed:
    """Return the feeder's own limits: what is broken without plants may not get worse."""

    def inside(state: GridState, base_state: GridState) -> Booleans:
        before = limits.excess(power_flow.feeder, base_state)
        known = np.all(np.isfinite(before), axis=1)
        rows = limits.excess(power_flow.feeder, state)
        return np.asarray(known & limits.within(rows, limits.allowed_excess(before)))

    return inside


def _at_share(most: Floats, share: Floats, *, equal: bool) -> Floats:
    """Return what plants may do (n, K) at a share (n,) of the way to `most`."""
    if not equal:
        return np.asarray(share[:, None] * most)
    size = np.abs(most)
    same = share[:, None] * size.max(axis=1, keepdims=True, initial=0.0)
    return np.asarray(np.sign(most) * np.minimum(same, size))


def _largest_share(tried: Trial, most: Floats, inside: Booleans, *, equal: bool) -> Floats:
    """Return the largest share (n,) found inside the criteria; 1 where all of it is `inside`."""
    low = np.where(inside, 1.0, 0.0)
    high = np.ones(len(most))
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        good = tried(_at_share(most, middle, equal=equal))[1]
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    return low


def _largest_sum(
    power_flow: PowerFlow,
    offer: Offer,
    usable: Floats,
    state: GridState,
    base_state: GridState,
) -> Floats:
    """Return the powers (n, K) of the largest sum inside the feeder's limits."""
    base_excess = limits.excess(power_flow.feeder, base_state)
    excess = limits.excess(power_flow.feeder, state)
    outside = ~limits.within(excess, limits.allowed_excess(base_excess))
    given = usable.copy()
    for scenario in np.flatnonzero(outside):
        bus = np.flatnonzero(usable[scenario])
        offered = usable[scenario, bus]
        groups = group_trades(
            np.where(offered < 0.0, bus, -1),
            np.where(offered > 0.0, bus, -1),
            np.ones(len(bus)),
            np.abs(offered),
        )
        judge = Judge(
            power_flow,
            shared_programme(),
            base_kw=offer.base_kw[scenario],
            kvar=offer.base_kvar[scenario],
            base_excess=base_excess[scenario],
            interval_h=1.0,
        )
        given[scenario, bus] *= judge.cut(groups, excess[scenario], "optimal").share
    return given
