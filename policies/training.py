"""Training of the game: followers first, then the leader, in rounds, resumable at any moment.

A training is a list of units: a search for constant actions of the followers, an iteration of
theirs, an update of the leader, or a judgement at the end of a round. After each, everything needed
to go on is written as one file, and all that a unit draws follows from the seed and its place in
the list: killed and taken up again, it ends with the policies it would have ended with.

Followers learn under leaders drawn from everything they may announce; half of them see the current
leader's prices, jittered, in the first round those of the scenario's own leader. The leader learns
with followers frozen.
"""

import datetime
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cosim.envs.worlds import ScenarioWorlds
from cosim.expectation import PASSES
from cosim.game import Game
from cosim.means import sum_of
from cosim.records import World
from cosim.scenario import Scenario
from cosim.scenario_moves import scenario_at
from cosim.scoring.metrics import open_positions_eur
from cosim.scoring.rewards import leader_reward, prosumer_rewards
from cosim.session import Session
from cosim.simulation import Policies, lead, lead_again
from cosim.studies.held_out import HELD_OUT_SEEDS, training_days
from cosim.studies.incentives import EXPLOITABILITY
from networks.feeder import Feeder
from policies import checkpoints
from policies.follower_selection import Selection
from policies.follower_training import FollowerTrainer, FollowerTraining
from policies.forecast_exploitability import forecast_exploitability, sampled_deviators
from policies.leader import LeaderTrainer, LeaderTraining, quiet_logger
from policies.registry import leader_of

CHECKPOINT = "checkpoint.pt"

JUDGED_SPANS, JUDGED_DAYS = 4, 3
"""Spans of days of training weeks, with seeds of their own, on which policies are judged."""

DEVIATING_DAYS, DEVIATORS = 2, 6
"""First days of such spans on which, and prosumers by whom, it is measured what one follower could
gain alone."""

TRIED_EVERY = 8
"""Iterations of the followers between two trials (`Selection`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How both sides are trained."""

    rounds_max: int = 2
    """Rounds of followers and leader; fewer where nothing changes any more."""
    searches: int = 1
    """Searches for constant actions of the followers, before PPO."""
    follower_iterations: int = 32
    """Of the first round; later ones have a quarter of them."""
    leader_updates: int = 8
    """Of the first round; later ones have half of them."""
    passes: int = PASSES
    """How often followers plan anew before a day that is judged or compared."""
    leader_passes: int = 6
    """How often followers plan anew before a day the leader learns from."""
    leader_prosumers_max: int = 64
    """Prosumers of the community the leader learns with: like homes act as one. It sees sums."""
    settled: float = 0.005
    """Rounds end when neither side's result changed by more than this share, and what one follower
    could gain alone fell by no more than this share of what its devices save."""
    followers: FollowerTraining = field(default_factory=FollowerTraining)
    leader: LeaderTraining = field(default_factory=LeaderTraining)

    def units(self) -> list[tuple[str, int]]:
        """Return what is done, in order: (kind, round)."""
        out: list[tuple[str, int]] = [("search", 0)] * self.searches
        for turn in range(self.rounds_max):
            parts = 4 if turn else 1
            out += [("followers", turn)] * max(self.follower_iterations // parts, 1)
            out += [("leader", turn)] * max(self.leader_updates // (2 if turn else 1), 1)
            out.append(("judge", turn))
        return out


Told = Callable[[str, int, int, str], None]
"""Is told the kind of unit, how many of all are done, how many there are, and a line of figures."""


class Training:
    """A training in a folder, as far as it has come."""

    def __init__(
        self, scenario: Scenario, feeder: Feeder, settings: TrainingSettings, *, seed: int
    ) -> None:
        """Begin; nothing is read or written yet."""
        self.scenario, self.settings, self.seed = scenario, settings, seed
        iterations = sum(kind == "followers" for kind, _ in settings.units())
        self.followers = FollowerTrainer(
            scenario,
            feeder,
            training_days(settings.followers.days),
            replace(settings.followers, iterations=iterations),
            seed=seed,
        )
        self.leader = LeaderTrainer(settings.leader, seed=seed)
        self.position = 0
        self.history: list[dict[str, float | int | str]] = []
        self.seconds = 0.0  # spent on units that are done
        self.selection = Selection(self.followers, passes=settings.passes)
        self._worlds: ScenarioWorlds | None = None
        self._judged: list[tuple[Game, World]] = []
        self._deviated: list[tuple[Game, World]] = []

    @property
    def units(self) -> list[tuple[str, int]]:
        """Return all units, those left out because nothing changed any more included."""
        return self.settings.units()

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.position >= len(self.units)

    @property
    def policies(self) -> Policies:
        """Return both sides as they are now."""
        return Policies(
            leader=self.leader.leader,
            followers=self.followers.followers,
            passes=self.settings.passes,
            requote_every_h=self.settings.leader.requote_every_h,
        )

    def save(self, folder: Path) -> None:
        """Write all that is needed to go on."""
        checkpoints.write(
            folder / CHECKPOINT,
            "checkpoint",
            {
                "position": self.position,
                "history": self.history,
                "seconds": self.seconds,
                "followers": self.followers.state(),
                "leader": self.leader.state(),
                "selection": self.selection.state(),
            },
        )

    def restore(self, folder: Path) -> None:
        """Take up what `save` wrote."""
        content = checkpoints.read(folder / CHECKPOINT, "checkpoint")
        self.position = int(content["position"])
        self.history = list(content["history"])
        self.seconds = float(content.get("seconds", 0.0))
        self.followers.restore(content["followers"])
        self.leader.restore(content["leader"])
        self.selection.restore(content["selection"])

    def run(self, folder: Path, told: Told, *, log: bool = True) -> None:
        """Do all units that are left, writing a checkpoint after each.

        Raises:
            PolicyError: something is not a number any more.
        """
        logger = quiet_logger(str(folder / "tensorboard") if log else None)
        units = self.units
        while not self.finished:
            began = time.perf_counter()
            kind, turn = units[self.position]
            figures = self._unit(kind, turn, logger)
            self.history.append({"unit": self.position, "kind": kind, "round": turn, **figures})
            for name, value in figures.items():
                logger.record(f"{kind}/{name}", value)
            logger.dump(self.position)
            self.position += 1
            if kind == "judge" and self._settled():
                self.position = len(units)
            self.seconds += time.perf_counter() - began
            self.save(folder)
            line = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            told(kind, self.position, len(units), line)
        logger.close()

    def _unit(self, kind: str, turn: int, logger: Any) -> dict[str, float]:
        if kind == "search":
            figures = self.selection.search()
            if self.units[self.position + 1][0] != "search":
                self.selection.settle()
            return figures
        if kind == "followers":
            return self._learn_followers(turn)
        if kind == "leader":
            updates = sum(unit == "leader" for unit, _ in self.units)
            profit = self.leader.step(
                self._leader_worlds(),
                self.followers.followers,
                passes=self.settings.leader_passes,
                done=self.leader.updates / updates,
                logger=logger,
            )
            return {"profit_eur_per_day": profit}
        profit, cost = self._judge(self.policies)
        figures = {"leader_eur_per_day": profit, "community_eur_per_day": cost}
        share = self._exploitability(self.policies)
        # Where nobody's devices save anything there is no share.
        return figures if np.isnan(share) else {**figures, EXPLOITABILITY: 100.0 * share}

    def _learn_followers(self, turn: int) -> dict[str, float]:
        """Learn once; try now and then, and go into the leader's turn with those that are kept."""
        self.followers.leader = self.leader.leader if turn else leader_of(self.scenario)
        progress = self.followers.step()
        last = self.units[self.position + 1][0] != "followers"
        tried = last or (self._number_in_round() + 1) % TRIED_EVERY == 0
        figures = self.selection.attempt() if tried else {}
        if last:
            self.selection.settle()
        return {
            "gain_eur_per_prosumer_day": progress.gain_eur_per_prosumer_day,
            "samples": float(progress.samples),
            **figures,
            **asdict(progress.losses),
        }

    def _number_in_round(self) -> int:
        """Return how many iterations of the followers of this round are behind."""
        before = self.units[: self.position]
        turn = self.units[self.position][1]
        return sum(unit == ("followers", turn) for unit in before)

    def _leader_worlds(self) -> ScenarioWorlds:
        """Return worlds of a community of fewer, larger prosumers on the training days."""
        if self._worlds is None:
            most = self.settings.leader_prosumers_max
            community = self.scenario.community
            if not self.scenario.prosumers and community.source == "shares":
                community = community.model_copy(update={"prosumers_max": most})
            run = self.scenario.run.model_copy(update={"days": 1})
            wholesale = self.scenario.wholesale.model_copy(update={"balancing_share": 0.0})
            scenario = self.scenario.model_copy(
                update={"community": community, "run": run, "wholesale": wholesale}
            )
            self._worlds = ScenarioWorlds(
                scenario,
                environments=self.settings.leader.environments,
                first_days=training_days(),
            )
        return self._worlds

    def _judge(self, policies: Policies) -> tuple[float, float]:
        """Return the leader's profit and the community's cost of a judged day, EUR."""
        if not self._judged:
            self._judged = self._judged_worlds(JUDGED_DAYS, JUDGED_SPANS)
        figures = [play_figures(game, world, policies) for game, world in self._judged]
        profit, cost = np.mean(figures, axis=0) / JUDGED_DAYS
        return float(profit), float(cost)

    def _exploitability(self, policies: Policies) -> float:
        """Return what one follower could gain alone, as a share of what its devices save it."""
        if not self._deviated:
            self._deviated = self._judged_worlds(1, DEVIATING_DAYS)
        found = [
            forecast_exploitability(game, world, policies, sampled_deviators(game, DEVIATORS))
            for game, world in self._deviated
        ]
        saving = sum(float(each.saving_eur.sum()) for each in found)
        gain = sum(float(each.gain_eur.sum()) for each in found)
        return gain / saving if saving > 0.0 else float("nan")

    def _judged_worlds(self, length: int, count: int) -> list[tuple[Game, World]]:
        """Return `count` spans of `length` days of training weeks, with seeds of their own."""
        out = []
        for number, day in _judged_starts(count):
            seed = HELD_OUT_SEEDS - 1 - number
            moved = scenario_at(self.scenario, day, length, seed=seed)
            out.append(ScenarioWorlds(moved)(seed))
        return out

    def _settled(self) -> bool:
        """Whether the last round changed neither side's result by much, nor followers' incentives.

        The gap of the leader to its best prices is known for small games only; its profit stands
        for it.
        """
        judged = [each for each in self.history if each["kind"] == "judge"]
        if len(judged) < 2:
            return False
        before, now = judged[-2:]
        # A training begun by an earlier version did not measure it.
        known = EXPLOITABILITY in before and EXPLOITABILITY in now
        fell = float(before[EXPLOITABILITY]) - float(now[EXPLOITABILITY]) if known else 0.0
        return fell <= 100.0 * self.settings.settled and all(
            abs(float(now[name]) - float(before[name]))
            <= self.settings.settled * max(abs(float(before[name])), 1e-9)
            for name in ("leader_eur_per_day", "community_eur_per_day")
        )


def _judged_starts(count: int) -> list[tuple[int, datetime.date]]:
    """Return `count` of the first days that may be judged, evenly spread, with their numbers."""
    days = training_days(JUDGED_DAYS)
    spread = np.linspace(0, len(days) - 1, count + 2).astype(int)[1:-1]
    return [(int(number), days[number]) for number in spread]


def drawn_spans(settings: TrainingSettings) -> list[tuple[datetime.date, int]]:
    """Return every span, (first day, days), that a training may play."""
    length = settings.followers.days
    return [
        *((day, length) for day in training_days(length)),
        *((day, 1) for day in training_days()),
        *((day, JUDGED_DAYS) for _, day in _judged_starts(JUDGED_SPANS)),
        *((day, 1) for _, day in _judged_starts(DEVIATING_DAYS)),
    ]


def play_figures(game: Game, world: World, policies: Policies) -> tuple[float, float]:
    """Return the leader's profit and the community's cost of a world, EUR, environments' mean."""
    session = Session(game, world, passes=policies.passes, ending=True)
    profit, gain = [], []
    while not session.run_over:
        lead(session, policies)
        while not session.day_over:
            record = session.trade(policies.followers(session.follower_view()))
            lead_again(session, policies)
            profit.append(leader_reward(record))
            gain.append(
                prosumer_rewards(
                    record, wear_eur_per_kwh=game.wear_eur_per_kwh, interval_h=game.interval_h
                ).sum(axis=1)
            )
    left = open_positions_eur(
        game.fleet,
        session.state,
        retail=game.retail_eur_per_kwh,
        feed_in=game.feed_in_eur_per_kwh,
    ).sum(axis=1)
    return float(sum_of(np.stack(profit)).mean()), float((-sum_of(np.stack(gain)) - left).mean())
