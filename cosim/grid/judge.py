"""What one environment's grid accepts, and why not more."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cosim.grid import limits
from cosim.grid.acceptance import Outcome, Preference, accept_inside_limits
from cosim.grid.curtailment import ROUNDS, largest_share, longest_prefix
from cosim.grid.cuts import Standing
from cosim.grid.groups import Groups, drawn_kw, group_effect
from cosim.grid.linear_programme import AcceptanceProgramme
from cosim.grid.power_flow import PowerFlow
from cosim.grid.together import Deciding, decide, solved
from cosim.records import Floats, Integers
from cosim.results import Reason


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """What one environment accepts, and why not more; all per trade of the environment."""

    share: Floats  # accepted over cleared
    reason: Integers
    element: Integers
    shadow_eur_per_kwh: Floats
    voltage_eur_per_kwh: Floats  # (K,)
    congestion_eur_per_kwh: Floats  # (K,)


FAR: Final = 0.2
"""Excess (p.u. or share of rating) from which slopes say little about the way back.

The first operating point is scaled to there: on the far side of the limits a programme comes back
to them in a few rounds, on the near side it feels its way along curved limits.
"""

AT_LIMIT: Final = 1e-4
"""Room (p.u. or share of rating) within which a limit counts as the one that stopped a cut."""

UNIT_OF_SHARES: Final = 0.1
"""What multipliers of even cuts are measured by: below one, because what a limit leaves free can
be much to a group that hardly feels it, while its own share is not what they price."""

ROUGHLY: Final = 2
"""Rounds of bisection that find a starting point well enough."""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """The grid of one environment: decides what is accepted and explains what is cut."""

    power_flow: PowerFlow
    programme: AcceptanceProgramme
    base_kw: Floats  # (K,) drawn at the buses in the counterfactual
    kvar: Floats  # (K,)
    base_excess: Floats  # (E,) of the counterfactual
    interval_h: float
    standing_excess: Floats | None = None  # (E,) of `base_kw`, where that is no counterfactual

    @property
    def allowed(self) -> Floats:
        """Excess (E,) an outcome may show."""
        return limits.allowed_excess(self.base_excess)

    @property
    def standing(self) -> Standing:
        """What is there before anything is accepted."""
        excess = self.base_excess if self.standing_excess is None else self.standing_excess
        return Standing(self.base_kw, self.kvar, self.allowed, excess, self.interval_h)

    def powers_at(self, groups: Groups, accepted_kwh: Floats) -> Floats:
        """Return the power drawn at every bus, (K,) kW, if `accepted_kwh` (G,) is."""
        drawn = drawn_kw(groups, accepted_kwh, len(self.base_kw), self.interval_h)
        return np.asarray(self.base_kw + drawn)

    def cut(self, groups: Groups, cleared_excess: Floats, rule: str) -> Cut:
        """Return what is accepted under `rule`, per trade, decided by itself."""
        return decide(self.power_flow, self.cutting(groups, cleared_excess, rule))

    def cutting(self, groups: Groups, cleared_excess: Floats, rule: str) -> Deciding[Cut]:
        """Decide what is accepted under `rule`, per trade.

        Args:
            groups: the trades.
            cleared_excess: (E,) if all of them are accepted.
            rule: one of `cosim.grid.validation.RULES`, "none" left out.
        """
        if not np.all(np.isfinite(self.base_excess)):
            return self._nothing(groups)
        if rule == "pro_rata":
            accepted = groups.cleared_kwh * self._share(groups, groups.cleared_kwh)
            return (yield from self._explain(groups, accepted, cleared_excess, None))
        if rule in ("merit", "lifo"):
            # The most valuable first, or the first to come; the rest is cut from the other end.
            order = -groups.value_eur_per_kwh if rule == "merit" else groups.placed
            accepted = self._in_order(groups, np.argsort(order, kind="stable"))
            return (yield from self._explain(groups, accepted, cleared_excess, None))
        start = groups.cleared_kwh
        if not np.all(cleared_excess - self.allowed < FAR):
            start = start * self._share(groups, start, beyond=FAR, rounds=ROUGHLY)
        preference = self._preference(groups, rule)
        outcome = yield from accept_inside_limits(groups, self.standing, preference, start)
        if not outcome.feasible:
            accepted = outcome.accepted_kwh * self._share(groups, outcome.accepted_kwh)
            return (yield from self._explain(groups, accepted, cleared_excess, None))
        cut = yield from self._explain(groups, outcome.accepted_kwh, cleared_excess, outcome)
        if rule == "optimal":
            return cut
        # Multipliers of an even cut are shares, not money: they name limits and price nothing.
        return replace(
            cut,
            shadow_eur_per_kwh=np.zeros(len(groups.of_trade)),
            voltage_eur_per_kwh=np.zeros(len(self.base_kw)),
            congestion_eur_per_kwh=np.zeros(len(self.base_kw)),
        )

    def _nothing(self, groups: Groups) -> Cut:
        """Refuse all that the grid feels: the counterfactual has no power flow."""
        trades, buses = len(groups.of_trade), len(self.base_kw)
        unfelt = (groups.seller_bus < 0) & (groups.buyer_bus < 0)
        return Cut(
            share=np.where(unfelt, 1.0, 0.0)[groups.of_trade],
            reason=np.full(trades, int(Reason.NO_POWER_FLOW)),
            element=np.full(trades, -1),
            shadow_eur_per_kwh=np.zeros(trades),
            voltage_eur_per_kwh=np.zeros(buses),
            congestion_eur_per_kwh=np.zeros(buses),
        )

    def _preference(self, groups: Groups, rule: str) -> Preference:
        """Return what a rule wants inside the limits."""
        value, cleared = groups.value_eur_per_kwh, groups.cleared_kwh
        if rule == "max_min":
            return Preference(
                choose=lambda step: self.programme.accept_evenly(
                    cleared, step.least_kwh, step.most_kwh, step.effect, step.room
                ),
                worth=lambda accepted: float(np.sort(accepted / cleared) @ fading(len(cleared))),
                unit_eur=UNIT_OF_SHARES,
            )
        total = float(value @ cleared)
        return Preference(
            choose=lambda step: self.programme.accept(
                value, step.least_kwh, step.most_kwh, step.effect, step.room
            ),
            worth=lambda accepted: float(value @ accepted) / total,
            unit_eur=total,
        )

    def _in_order(self, groups: Groups, order: Integers) -> Floats:
        """Return what is accepted (G,) if groups are served in `order`."""
        buses, count = len(self.base_kw), len(order)
        added = np.zeros((count, buses))
        row, power = np.arange(count), groups.cleared_kwh[order] / self.interval_h
        for bus, sign in ((groups.buyer_bus[order], 1.0), (groups.seller_bus[order], -1.0)):
            felt = bus >= 0
            added[row[felt], bus[felt]] += sign * power[felt]
        share = longest_prefix(
            self.power_flow,
            self.base_kw,
            added,
            self.kvar,
            self.allowed + 0.5 * limits.TOLERANCE,
        )
        accepted = np.zeros(count)
        accepted[order] = share * groups.cleared_kwh[order]
        return accepted

    def _share(
        self, groups: Groups, accepted_kwh: Floats, *, beyond: float = 0.0, rounds: int = ROUNDS
    ) -> float:
        """Return the largest share of `accepted_kwh` (G,) that stays inside the limits.

        `beyond` is an excess that is let pass on top of what the counterfactual shows.
        """
        drawn = drawn_kw(groups, accepted_kwh, len(self.base_kw), self.interval_h)
        share = largest_share(
            self.power_flow,
            self.base_kw[None],
            drawn[None],
            self.kvar[None],
            self.allowed[None] + 0.5 * limits.TOLERANCE + beyond,
            rounds=rounds,
        )
        return float(share[0])

    def _explain(
        self,
        groups: Groups,
        accepted_kwh: Floats,
        cleared_excess: Floats,
        outcome: Outcome | None,
    ) -> Deciding[Cut]:
        """Spread a cut over the trades and name the limit that asked for it.

        With the multipliers of an `outcome` a cut group names the row that costs it most. Without,
        it names the limit with the least room at what is accepted. What the grid does not feel is
        never cut.
        """
        feeder, count = self.power_flow.feeder, len(accepted_kwh)
        unfelt = (groups.seller_bus < 0) & (groups.buyer_bus < 0)
        accepted = np.where(unfelt, groups.cleared_kwh, accepted_kwh)
        if outcome is None:
            bus_kw = self.powers_at(groups, accepted)
            found = yield from solved(bus_kw[None], self.kvar[None])
            room = found.excess[0] - self.allowed
        else:
            room = outcome.excess - self.allowed
        tightest = limits.reason_of(feeder, int(np.argmax(room)))
        if not np.all(np.isfinite(cleared_excess)) and room.max() < -AT_LIMIT:
            tightest = (Reason.NO_POWER_FLOW, -1)  # it ends before any limit is reached
        reason = np.full(count, int(tightest[0]))
        element = np.full(count, tightest[1])
        shadow = np.zeros(count)
        prices = np.zeros((2, feeder.bus_count))
        if outcome is not None and len(outcome.rows):
            weighted = outcome.row_eur[:, None] * outcome.slopes
            costs = group_effect(groups, weighted, self.interval_h)
            shadow = costs.sum(axis=0)
            priced, dearest = costs.max(axis=0) > 0.0, outcome.rows[np.argmax(costs, axis=0)]
            for row in np.unique(dearest[priced]):
                named, held = limits.reason_of(feeder, int(row)), priced & (dearest == row)
                reason[held], element[held] = int(named[0]), named[1]
            on_voltage = outcome.rows < 2 * feeder.bus_count
            for part, rows in enumerate((on_voltage, ~on_voltage)):
                prices[part] = weighted[rows].sum(axis=0) / self.interval_h
        share = np.divide(
            accepted, groups.cleared_kwh, out=np.zeros(count), where=groups.cleared_kwh > 0.0
        )
        of = groups.of_trade
        return Cut(
            share=np.minimum(share, 1.0)[of],
            reason=reason[of],
            element=element[of],
            shadow_eur_per_kwh=shadow[of],
            voltage_eur_per_kwh=prices[0],
            congestion_eur_per_kwh=prices[1],
        )


def fading(count: int) -> Floats:
    """Return weights (count,) that sum to one and halve from the smallest share on."""
    weights = 0.5 ** np.arange(count, dtype=np.float64)
    return np.asarray(weights / weights.sum())
