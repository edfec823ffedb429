"""Many ways to play the same held-out days, side by side.

The unit is the seed, strata are the spans of days. Everybody plays the same worlds. What a
community pays is compared at the same announced prices: where a player's leader announces other
prices than the baseline's, the baseline is played, and the optimum computed, at those prices too.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from cosim.errors import PolicyError
from cosim.game import Game
from cosim.market.auction import MECHANISMS
from cosim.prosumers.devices import initial_state
from cosim.records import Floats, FollowerAction, Signal, World
from cosim.scoring.fairness import jain
from cosim.scoring.metrics import open_positions_eur
from cosim.session import Session
from cosim.simulation import Followers, Leader, Policies, lead, lead_again
from cosim.studies.day_figures import DayFigures, DayTally
from cosim.studies.incentives import Happened, Incentives, Probe
from cosim.views import FollowerView, LeaderView

Progress = Callable[[str, int, int], None]
"""Is told a label, how much of it is done, and of how much."""

WORSE_OFF_EUR = 0.01
"""What a prosumer has to lose to count as worse off."""


@dataclass(frozen=True, slots=True, eq=False)
class Player:
    """A way for both sides to act."""

    name: str
    kind: str  # "reference", "rule", "bidding" or "trained"
    policies: Policies
    told: str = ""  # what it is, in words
    change: Callable[[Game], Game] | None = None  # of the rules, for this player alone


@dataclass(frozen=True, slots=True, eq=False)
class Yardstick:
    """A cost that is computed, not played."""

    name: str
    told: str
    costs_eur: Callable[[Game, World, Signal], Floats]
    """Cost of each environment, (B,), from the world's begin to its end at the announced prices
    (T, B): paid outside, plus wear, less open positions at the end."""
    foresight: bool = False  # the optimum that value capture is measured by


@dataclass(frozen=True, slots=True, eq=False)
class LineUp:
    """Who is compared, and with what."""

    players: tuple[Player, ...]
    baseline: Player  # no trade, no flexibility: value is what is saved against it
    yardsticks: tuple[Yardstick, ...] = ()
    probe: Probe | None = None  # of what followers could gain by acting otherwise

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all that are compared."""
        players = tuple(each.name for each in self.players)
        return (*players, *(each.name for each in self.yardsticks))

    @property
    def optimum(self) -> Yardstick | None:
        """The yardstick that value capture is measured by, None if there is none."""
        return next((each for each in self.yardsticks if each.foresight), None)


@dataclass(frozen=True, slots=True, eq=False)
class Stratum:
    """A span of days; its environments are the seeds."""

    name: str  # first day
    build: Callable[[], tuple[Game, World]]


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """What one player made of one stratum."""

    player: str
    stratum: str
    dates: tuple[str, ...]  # of its days
    figures: dict[str, Floats]  # (D, B) each: one value a day and seed
    cost_eur: Floats  # (B,)
    baseline_cost_eur: Floats  # (B,) at the same announced prices
    optimum_cost_eur: Floats  # (B,) NaN without an optimum
    jain_saving: Floats  # (B,) of what prosumers save against the retailer alone, bidding alike
    worse_off: Floats  # (B,) share of prosumers who pay more than with the retailer alone, likewise
    decision_s: float  # of followers, an interval and prosumer
    incentives: Incentives | None = None  # where they were measured


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """What a yardstick says of one stratum, at the prices of the baseline."""

    yardstick: str
    stratum: str
    days: int
    cost_eur: Floats  # (B,)
    baseline_cost_eur: Floats  # (B,)
    optimum_cost_eur: Floats  # (B,)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All that came out."""

    spans: tuple[Span, ...]
    computed: tuple[Computed, ...]
    world: World  # the last that was played, for where its data come from


def compare(
    line_up: LineUp, strata: Sequence[Stratum], *, progress: Progress | None = None
) -> Comparison:
    """Play everybody on every stratum; each world is built once.

    Raises:
        PolicyError: a player does something that is not allowed, or there is nothing to play.
    """
    if not strata or not line_up.players:
        raise PolicyError("nothing to compare: at least one player and one span of days is needed")
    told = progress or (lambda _label, _done, _total: None)
    spans: list[Span] = []
    computed: list[Computed] = []
    for name in line_up.names:
        told(name, 0, len(strata))
    for number, stratum in enumerate(strata, start=1):
        game, world = stratum.build()
        table = _Table(game, world, line_up)
        for player in line_up.players:
            spans.append(table.span(player, stratum.name))
            told(player.name, number, len(strata))
        for yardstick in line_up.yardsticks:
            computed.append(table.computed(yardstick, stratum.name))
            told(yardstick.name, number, len(strata))
    return Comparison(tuple(spans), tuple(computed), world)


@dataclass(frozen=True, slots=True, eq=False)
class _Played:
    """Days played by one player."""

    signal: Signal  # (T, B) all that was announced
    local_eur_per_kwh: Floats  # (T, B) NaN where nobody traded locally
    days: tuple[DayFigures, ...]
    seconds: float  # spent in followers' calls

    @property
    def prosumer_cost_eur(self) -> Floats:
        """Cost of every prosumer over all days, (B, N)."""
        return np.asarray(sum(day.prosumer_cost_eur for day in self.days))

    @property
    def day_cost_eur(self) -> Floats:
        """Cost of the community, (D, B)."""
        return np.stack([day.prosumer_cost_eur.sum(axis=1) for day in self.days])


class _Table:
    """One stratum: its world, and what references say at each set of prices."""

    def __init__(self, game: Game, world: World, line_up: LineUp) -> None:
        """Play the references that everybody is compared with."""
        self.game, self.world, self.line_up = game, world, line_up
        self._optima: dict[bytes, Floats] = {}
        self._baselines: dict[bytes, _Played] = {}
        baseline = line_up.baseline
        self._retail_only = self._play_alone(baseline)
        self._own = self._play(baseline)
        self._baselines[_key(self._own.signal)] = self._own

    def span(self, player: Player, stratum: str) -> Span:
        """Play `player` and set it beside the references."""
        played = self._own if player is self.line_up.baseline else self._play(player)
        baseline = self._baseline_at(played.signal)
        retail = self._retail_only
        alone = retail if player is self.line_up.baseline else self._play_alone(player)
        saving = alone.prosumer_cost_eur - played.prosumer_cost_eur
        figures = _figures_of(played)
        figures["baseline_cost_eur"] = baseline.day_cost_eur
        figures["surplus_eur"] = retail.day_cost_eur - played.day_cost_eur
        decisions = len(played.signal.buy_eur_per_kwh) * saving.size
        return Span(
            player=player.name,
            stratum=stratum,
            dates=_dates(self.world),
            figures=figures,
            cost_eur=played.prosumer_cost_eur.sum(axis=1),
            baseline_cost_eur=baseline.prosumer_cost_eur.sum(axis=1),
            optimum_cost_eur=self._optimum_at(played.signal),
            jain_saving=np.array([jain(np.round(each, 9)) for each in saving]),
            worse_off=(saving < -WORSE_OFF_EUR).mean(axis=1),
            decision_s=played.seconds / decisions,
            incentives=self._incentives(player, played),
        )

    def _incentives(self, player: Player, played: _Played) -> Incentives | None:
        """Measure what followers could gain; nobody decides anything in the baseline."""
        probe = self.line_up.probe
        if probe is None or player.name == self.line_up.baseline.name:
            return None
        happened = Happened(played.signal, played.local_eur_per_kwh, played.prosumer_cost_eur)
        return probe.measure(self._game_of(player), self.world, player.policies, happened)

    def computed(self, yardstick: Yardstick, stratum: str) -> Computed:
        """Compute a yardstick at the prices of the baseline."""
        signal, optimum = self._own.signal, self._optimum_at(self._own.signal)
        return Computed(
            yardstick=yardstick.name,
            stratum=stratum,
            days=len(self._own.days),
            cost_eur=optimum if yardstick.foresight else self._costs(yardstick, signal),
            baseline_cost_eur=self._own.prosumer_cost_eur.sum(axis=1),
            optimum_cost_eur=optimum,
        )

    def _play_alone(self, player: Player) -> _Played:
        """Play the same bidders with the retailer alone: no local trade, and a free grid."""
        free = replace(
            self._game_of(player),
            rule="none",
            envelopes="none",
            charges=False,
            mechanism=MECHANISMS["none"],
        )
        policies = replace(_with_leader(player, _RetailOnly()).policies, passes=0)
        return _play(free, self.world, policies)

    def _play(self, player: Player) -> _Played:
        return _play(self._game_of(player), self.world, player.policies)

    def _game_of(self, player: Player) -> Game:
        return self.game if player.change is None else player.change(self.game)

    def _baseline_at(self, signal: Signal) -> _Played:
        key = _key(signal)
        if key not in self._baselines:
            leader = _Announced(signal, self.world)
            self._baselines[key] = self._play(_with_leader(self.line_up.baseline, leader))
        return self._baselines[key]

    def _optimum_at(self, signal: Signal) -> Floats:
        optimum, key = self.line_up.optimum, _key(signal)
        if optimum is None:
            return np.full(self.game.fleet.bus.shape[0], np.nan)
        if key not in self._optima:
            self._optima[key] = self._costs(optimum, signal)
        return self._optima[key]

    def _costs(self, yardstick: Yardstick, signal: Signal) -> Floats:
        """Return a yardstick's costs, what stores held at the start deducted as for players."""
        game = self.game
        start = open_positions_eur(
            game.fleet,
            initial_state(game.fleet),
            retail=game.retail_eur_per_kwh,
            feed_in=game.feed_in_eur_per_kwh,
        )
        costs = yardstick.costs_eur(game, self.world, signal)
        return np.asarray(costs + start.sum(axis=1))


def _play(game: Game, world: World, policies: Policies) -> _Played:
    """Play all days of `world`; nothing but figures is kept."""
    followers = _Timed(policies.followers)
    acting = replace(policies, followers=followers)
    session = Session(game, world, passes=policies.passes, ending=True)
    signals, days, local = [], [], []
    while not session.run_over:
        tally = DayTally(session.game, session.state)
        lead(session, acting)
        while session.day is not None:
            signal = session.day.signal
            record = session.trade(followers(session.follower_view()))
            tally.add(record)
            local.append(record.clearing.price_eur_per_kwh)
            lead_again(session, acting)
        signals.append(signal)
        days.append(tally.figures())
    buy = np.concatenate([signal.buy_eur_per_kwh for signal in signals])
    sell = np.concatenate([signal.sell_eur_per_kwh for signal in signals])
    return _Played(Signal(buy, sell), np.stack(local), tuple(days), followers.seconds)


def _figures_of(played: _Played) -> dict[str, Floats]:
    """Return the figures of all days, (D, B) each."""
    days = played.days
    figures = {"cost_eur": played.day_cost_eur}
    for name in ("wear_eur", "open_change_eur", "peak_import_kw", "peak_export_kw"):
        figures[name] = np.stack([getattr(day, name) for day in days])
    for name in days[0].sums:
        figures[name] = np.stack([day.sums[name] for day in days])
    return figures


def _dates(world: World) -> tuple[str, ...]:
    """Return the local dates of the days of `world`."""
    calendar = world.calendar
    noons = calendar.start_utc[calendar.day_start[:-1]] + np.timedelta64(12, "h")
    return tuple(str(noon.astype("datetime64[D]")) for noon in noons)


def _key(signal: Signal) -> bytes:
    """Return what tells announced prices apart."""
    return signal.buy_eur_per_kwh.tobytes() + signal.sell_eur_per_kwh.tobytes()


def _with_leader(player: Player, leader: Leader) -> Player:
    policies = replace(player.policies, leader=leader, requote_every_h=24.0)
    return replace(player, policies=policies)


class _Timed:
    """Followers whose calls are timed."""

    def __init__(self, followers: Followers) -> None:
        self._followers, self.seconds = followers, 0.0

    def __call__(self, view: FollowerView) -> FollowerAction:
        began = time.perf_counter()
        action = self._followers(view)
        self.seconds += time.perf_counter() - began
        return action


class _RetailOnly:
    """The retailer's own prices."""

    def __call__(self, view: LeaderView) -> Signal:
        shape = view.day_ahead_eur_per_kwh.shape
        return Signal(
            buy_eur_per_kwh=np.full(shape, view.retail_eur_per_kwh),
            sell_eur_per_kwh=np.full(shape, view.feed_in_eur_per_kwh),
        )


class _Announced:
    """Announces what was announced before, day by day."""

    def __init__(self, signal: Signal, world: World) -> None:
        self._days = self._split(signal, world)

    def __call__(self, view: LeaderView) -> Signal:
        return next(self._days)

    @staticmethod
    def _split(signal: Signal, world: World) -> Iterator[Signal]:
        starts = world.calendar.day_start - world.calendar.day_start[0]
        for first, end in pairwise(starts):
            yield Signal(signal.buy_eur_per_kwh[first:end], signal.sell_eur_per_kwh[first:end])
