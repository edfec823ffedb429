"""What a day left behind, added up interval by interval so that no record need be kept."""

from dataclasses import dataclass, field

import numpy as np

from cosim.game import Game
from cosim.records import Floats, State
from cosim.results import IntervalRecord
from cosim.scoring.metrics import open_positions_eur
from cosim.scoring.rewards import leader_reward, prosumer_rewards

FIGURES = (
    "leader_eur",
    "violation_intervals",
    "preexisting_intervals",
    "solar_available_kwh",
    "curtailed_kwh",
    "accepted_kwh",
    "local_kwh",
)
"""Sums over a day, one number an environment; `DayTally` adds money and peaks."""


@dataclass(frozen=True, slots=True, eq=False)
class DayFigures:
    """One day of every environment."""

    prosumer_cost_eur: Floats  # (B, N) paid, plus wear, less what open positions gained
    wear_eur: Floats  # (B,)
    open_change_eur: Floats  # (B,) gain in worth of what stores hold and owe
    sums: dict[str, Floats]  # (B,) each, by FIGURES
    peak_import_kw: Floats  # (B,) at the feeder's connection to the grid above
    peak_export_kw: Floats  # (B,)


@dataclass(eq=False)
class DayTally:
    """Adds up the intervals of one day."""

    game: Game
    start: State
    _sums: dict[str, Floats] = field(init=False)
    _received: Floats = field(init=False)
    _wear: Floats = field(init=False)
    _peak: Floats = field(init=False)
    _end: State = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing."""
        shape = self.game.fleet.bus.shape
        self._sums = {name: np.zeros(shape[0]) for name in FIGURES}
        self._received, self._wear = np.zeros(shape), np.zeros(shape[0])
        self._peak = np.zeros((2, shape[0]))
        self._end = self.start

    def add(self, record: IntervalRecord) -> None:
        """Take an interval into account."""
        game, verdicts, trades = self.game, record.validation, record.clearing.trades
        hours, environments = game.interval_h, len(verdicts.secure)
        self._received += prosumer_rewards(
            record, wear_eur_per_kwh=game.wear_eur_per_kwh, interval_h=hours
        )
        worn_kwh = np.abs(record.dispatch.battery_kw).sum(axis=1) * hours
        self._wear += game.wear_eur_per_kwh * worn_kwh
        # Without a power flow there is nothing to measure; it counts as a broken limit.
        slack = np.where(verdicts.state.converged, verdicts.state.slack_kw, 0.0)
        self._peak = np.maximum(self._peak, np.stack([slack, -slack]))
        given, curtailed = verdicts.accepted_kwh, record.dispatch.curtailed_kw.sum(axis=1)
        broken = ~verdicts.secure
        now = {
            "leader_eur": leader_reward(record),
            "violation_intervals": (broken & ~verdicts.preexisting).astype(float),
            "preexisting_intervals": (broken & verdicts.preexisting).astype(float),
            "solar_available_kwh": (record.dispatch.pv_kw.sum(axis=1) + curtailed) * hours,
            "curtailed_kwh": curtailed * hours,
            "accepted_kwh": np.bincount(trades.environment, given, environments),
            "local_kwh": np.bincount(trades.environment, given * trades.local, environments),
        }
        for name, values in now.items():
            self._sums[name] += values
        self._end = record.state

    def figures(self) -> DayFigures:
        """Return what the day left."""
        change = self._worth(self._end) - self._worth(self.start)
        return DayFigures(
            prosumer_cost_eur=-self._received - change,
            wear_eur=self._wear,
            open_change_eur=change.sum(axis=1),
            sums=self._sums,
            peak_import_kw=self._peak[0],
            peak_export_kw=self._peak[1],
        )

    def _worth(self, state: State) -> Floats:
        game = self.game
        return open_positions_eur(
            game.fleet, state, retail=game.retail_eur_per_kwh, feed_in=game.feed_in_eur_per_kwh
        )
