"""Best siting: how much fits if plants may stand where the feeder bears most. An upper bound.

A sequential linear programme: exact sensitivities of the AC power flow at the present siting give
a programme inside a trust region, whose answer is scaled back until an AC power flow of every
operating point accepts it. Only sitings that pass are kept. The optimum is a local one; the true
upper bound may lie higher.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.grid.linear_programme import shared_programme
from cosim.grid.sensitivities import slopes_of_many
from cosim.grid.sensitivity_targets import Quantity, targets_of
from cosim.records import Booleans, Floats, Integers
from cosim.studies.hosting.heads import bounds_of
from cosim.studies.hosting.judge import Asked, Grid, fit_and_forget, judge_installed
from cosim.studies.hosting.nodal import nodal_deployments
from cosim.studies.hosting.series_search import first_points
from cosim.studies.hosting.study_parts import Prepared

ROUNDS_MOST: Final = 80
SETTLED: Final = 1e-4
"""Share of the total that a round must win, and smallest trust region."""

POINTS_MOST: Final = 6
"""Operating points of a series that enter the programme; all of them check its answer."""

BACK: Final = np.concatenate([[1.0], 1.0 - np.geomspace(1e-5, 0.5, 24), [0.0]])
"""Scales that are tried for a siting that goes too far."""

ROWS_MOST: Final = 3000
"""Limits in a programme; with more, those closest to their bound."""


@dataclass(frozen=True, slots=True, eq=False)
class Siting:
    """Where most fits."""

    bus: Integers  # (C,) candidate buses, position in Feeder.bus_index
    kw: Floats  # (C,)
    rounds: int

    @property
    def total_kw(self) -> float:
        """Installed over the feeder."""
        return float(self.kw.sum())


def best_siting(prepared: Prepared) -> Siting:
    """Return the siting with the largest sum that passes at every operating point.

    With `settings.optimal_cap` no bus has more than that multiple of its published load.
    """
    feeder = prepared.feeder
    bus = nodal_deployments(prepared).bus
    cap = np.full(len(bus), np.inf)
    if prepared.settings.optimal_cap > 0.0:
        cap = prepared.settings.optimal_cap * feeder.nominal_load_kw[bus]
        bus, cap = bus[cap > 0.0], cap[cap > 0.0]
    search = _Search(prepared, bus, cap)
    return search.run()


class _Search:
    """The present siting and what is tried next."""

    def __init__(self, prepared: Prepared, bus: Integers, cap: Floats) -> None:
        self.prepared, self.bus, self.cap = prepared, bus, cap
        self.grid = prepared.grid
        points = self.grid.points
        chosen = np.arange(len(points.week))
        if points.is_series:
            drawn = points.load_kw.sum(axis=1)
            course = points.course.mean(axis=1)
            chosen = np.flatnonzero(first_points(self.grid, prepared.scale_kw))
            order = chosen[np.argsort(-np.abs(drawn + 2.0 * prepared.scale_kw * course)[chosen])]
            chosen = np.sort(order[:POINTS_MOST])
        self.few: Grid = self.grid.some(chosen)

    def passes(self, kw: Floats, *, everywhere: bool) -> Booleans:
        """Return whether sitings (n, C) pass, (n,)."""
        installed = np.zeros((len(kw), self.prepared.feeder.bus_count))
        installed[:, self.bus] = kw
        grid = self.grid if everywhere else self.few
        return judge_installed(grid, self.prepared.criteria, installed).passes

    def run(self) -> Siting:
        """Return the best siting found."""
        kw = np.zeros(len(self.bus))
        if not len(kw) or not self.passes(kw[None], everywhere=True)[0]:
            return Siting(self.bus, kw, 0)
        trust = self.prepared.scale_kw
        smallest = SETTLED * trust
        rounds = 0
        while rounds < ROUNDS_MOST and trust > smallest:
            rounds += 1
            tried = self._back_inside(self._programme(kw, trust))
            won = tried.sum() - kw.sum()
            if won > 0.0:
                kw = tried
            # A step that keeps most of what it promised may go further, others less far.
            trust = trust * 1.5 if won > 0.2 * trust else 0.5 * trust
        if self.grid is not self.few:
            kw = self._back_inside(kw, everywhere=True)
        return Siting(self.bus, kw, rounds)

    def _back_inside(self, kw: Floats, *, everywhere: bool = False) -> Floats:
        """Return the siting scaled back as little as it takes to pass."""
        low, high = 0.0, 1.0
        if everywhere:  # one after the other: all points of a series are many
            if self.passes(kw[None], everywhere=True)[0]:
                return kw
            while high - low > SETTLED:
                middle = 0.5 * (low + high)
                if self.passes(middle * kw[None], everywhere=True)[0]:
                    low = middle
                else:
                    high = middle
            return low * kw
        ok = self.passes(BACK[:, None] * kw, everywhere=False)
        return np.asarray(BACK[int(np.argmax(ok))] * kw)

    def _programme(self, kw: Floats, trust: float) -> Floats:
        """Return the best siting by the sensitivities at `kw`, no bus farther than `trust`."""
        prepared, points = self.prepared, self.few.points
        feeder = prepared.feeder
        installed = np.zeros((1, feeder.bus_count))
        installed[0, self.bus] = kw
        asked = self._asked(installed)
        state = fit_and_forget(self.few.power_flow, asked).state
        excess, rows = self._rows(state.voltage_pu, state.loading_percent, state.slack_kw)
        closest = np.argsort(-excess, kind="stable")[:ROWS_MOST]
        excess, rows = excess[closest], rows[closest]
        targets = targets_of(rows[:, 0], rows[:, 1], rows[:, 2])
        slopes = slopes_of_many(
            self.few.power_flow,
            state.node_voltage_pu,
            asked.base_kw + asked.plant_kw,
            asked.base_kvar + asked.plant_kvar,
            targets,
        )
        moved = slopes.per_kw + points.kvar_per_kw * slopes.per_kvar
        effect = (moved * points.course[rows[:, 0]])[:, self.bus] * rows[:, 3:4]
        effect /= np.where(rows[:, 1] == Quantity.LOADING, 100.0, 1.0)[:, None]
        bounds = np.maximum(kw - trust, 0.0), np.minimum(kw + trust, self.cap)
        best, _ = shared_programme().maximise(
            np.ones(len(kw)), bounds, effect, effect @ kw - excess, elastic=len(excess)
        )
        return np.clip(best, *bounds)

    def _asked(self, installed: Floats) -> Asked:
        """Return what plants do at the points of the programme, one row a point."""
        return self.few.asked(installed, 0, len(self.few.points.week))

    def _rows(
        self, voltage_pu: Floats, loading_percent: Floats, slack_kw: Floats
    ) -> tuple[Floats, Integers]:
        """Return the excess (R,) of every limit, and (R, 4): point, quantity, element, sign."""
        bounds = bounds_of(self.prepared.feeder, self.prepared.criteria, is_series=False)
        without = self.few.without_pu(0, len(voltage_pu))
        # Heads move less than what hangs on them: held still, a step falls short, never too far.
        change = voltage_pu - np.where(bounds.head >= 0, voltage_pu[:, bounds.head], without)
        parts = []
        for excess, quantity, sign in (
            (voltage_pu - bounds.voltage_highest_pu, Quantity.VOLTAGE, 1),
            (bounds.voltage_lowest_pu - voltage_pu, Quantity.VOLTAGE, -1),
            (change - bounds.rise_pu, Quantity.VOLTAGE, 1),
            (-change - bounds.drop_pu, Quantity.VOLTAGE, -1),
            ((loading_percent - bounds.loading_percent) / 100.0, Quantity.LOADING, 1),
            ((-slack_kw - bounds.reverse_flow_kw)[:, None], Quantity.SLACK_KW, -1),
        ):
            point, element = np.nonzero(np.isfinite(excess))
            meta = np.column_stack(
                [point, np.full(len(point), quantity), element, np.full(len(point), sign)]
            )
            parts.append((excess[point, element], meta))
        return (
            np.concatenate([part[0] for part in parts]),
            np.concatenate([part[1] for part in parts]).astype(np.int64),
        )
