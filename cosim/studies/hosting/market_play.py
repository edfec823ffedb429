"""Play cases of a day, and add up what was offered, given up and drawn at every bus."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from cosim.game import Game, make_game
from cosim.market.auction import MECHANISMS
from cosim.records import Floats, Integers, World
from cosim.results import IntervalRecord, Reason
from cosim.scenario import Scenario
from cosim.session import Session
from cosim.simulation import Policies, lead, lead_again
from cosim.studies.hosting.market_days import MarketDay
from cosim.studies.hosting.market_limits import HeldLimits
from cosim.studies.hosting.market_world import Slots, drawn_at_once, gathered, world_of

COLD_KELVIN = 1e-6
"""How far below its comfort band a room still counts as warm."""


@dataclass(frozen=True, slots=True)
class Way:
    """How owners of new plants act."""

    name: str
    title: str  # for people
    policies: Callable[[Scenario], Policies] | None
    """Builds both sides, None where nobody acts; a function of a module, so that it can be sent to
    other processes."""
    batteries: bool = False  # new solar homes have them by the share of the settings
    local_trade: bool = False
    validation: bool = False  # the grid has a say


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What `n` cases leave of `T` intervals, one day after the other."""

    bus_kw: Floats  # (n, T, K) drawn at every bus
    bus_kvar: Floats  # (n, T, K)
    offered_kwh: Floats  # (n,) solar energy there was, or energy wanted by vehicles and heat pumps
    curtailed_kwh: Floats  # (n,) of it, given up or not served
    refused_kwh: Floats  # (n, reasons) refused by the grid, by `cosim.results.Reason`
    local_kwh: Floats  # (n,) traded between neighbours

    @property
    def curtailed_share(self) -> Floats:
        """Share of what was offered that was given up, (n,); 0 where nothing was offered."""
        return np.divide(
            self.curtailed_kwh,
            self.offered_kwh,
            out=np.zeros_like(self.offered_kwh),
            where=self.offered_kwh > 0.0,
        )


def one_after_another(days: list[Played]) -> Played:
    """Return days of the same cases as one record."""
    return Played(
        bus_kw=np.concatenate([day.bus_kw for day in days], axis=1),
        bus_kvar=np.concatenate([day.bus_kvar for day in days], axis=1),
        offered_kwh=np.sum([day.offered_kwh for day in days], axis=0),
        curtailed_kwh=np.sum([day.curtailed_kwh for day in days], axis=0),
        refused_kwh=np.sum([day.refused_kwh for day in days], axis=0),
        local_kwh=np.sum([day.local_kwh for day in days], axis=0),
    )


def play_nobody(technology: str, day: MarketDay, slots: Slots) -> Played:
    """Return `day` of the cases in `slots` where nobody steers anything."""
    rows, cases = slice(0, day.intervals), len(slots.kw)
    bus_kw = drawn_at_once(day, slots)
    if technology == "ev":
        asked = gathered(day.asked_kwh, slots.owner) * slots.kw
        offered = asked_and_gone(asked, gathered(day.departure, slots.owner), day.intervals)
    else:
        added = np.abs(bus_kw - day.total_kw[rows, None, :]).sum(axis=(0, 2))
        offered = added * day.calendar.interval_h
    nothing = np.zeros(cases)
    return Played(
        bus_kw=np.ascontiguousarray(np.swapaxes(bus_kw, 0, 1)),
        bus_kvar=np.repeat(day.total_kvar[None, rows], cases, axis=0),
        offered_kwh=offered,
        curtailed_kwh=nothing,
        refused_kwh=np.zeros((cases, len(Reason))),
        local_kwh=nothing,
    )


def asked_and_gone(asked_kwh: Floats, departure: Integers, intervals: int) -> Floats:
    """Return what vehicles ask for that leave within the intervals played, (B,).

    What is `asked_kwh` (R, B, N) by others is due after the last of them.
    """
    gone = departure[:intervals] <= intervals
    return np.asarray(np.where(gone, asked_kwh[:intervals], 0.0).sum(axis=(0, 2)))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Where and when cases are played."""

    scenario: Scenario  # tariff, sizes and rules of the market
    technology: str
    day: MarketDay
    limits: HeldLimits


def play_way(scene: Scene, slots: Slots, way: Way, policies: Policies) -> Played:
    """Return the days of `scene` for the cases in `slots`, played one `way`."""
    world = world_of(scene.day, slots, scene.scenario.community, scene.technology)
    game = _game(scene, world, slots, way)
    session = Session(game, world, passes=policies.passes, bidding=False)
    tally = _Tally(world, game.interval_h)
    moves = way.validation and scene.limits.moves
    while not session.run_over:
        lead(session, policies)
        while not session.day_over:
            if moves:
                now = scene.limits.at(session.state.interval)
                session.game = replace(game, power_flow=now)
            tally.add(session.trade(policies.followers(session.follower_view())))
            lead_again(session, policies)
    return tally.played(scene.technology)


def _game(scene: Scene, world: World, slots: Slots, way: Way) -> Game:
    game = make_game(scene.scenario, scene.limits.at(0), world)
    return replace(
        game,
        mechanism=game.mechanism if way.local_trade else MECHANISMS["none"],
        rule=game.rule if way.validation else "none",
        envelopes=game.envelopes if way.validation else "none",
        charges=game.charges and way.local_trade,
        tie_rank=slots.tie_rank,
    )


@dataclass(eq=False)
class _Tally:
    """Adds up the intervals of all days of a world."""

    world: World
    interval_h: float
    _kw: list[Floats] = field(default_factory=list)
    _kvar: list[Floats] = field(default_factory=list)

    def __post_init__(self) -> None:
        cases = len(self.world.fleet.bus)
        self._solar, self._given_up = np.zeros(cases), np.zeros(cases)
        self._late, self._local = np.zeros(cases), np.zeros(cases)
        self._cold = np.zeros(self.world.fleet.bus.shape)
        self._refused = np.zeros((cases, len(Reason)))

    def add(self, record: IntervalRecord) -> None:
        """Take an interval into account."""
        fleet, hours, done = self.world.fleet, self.interval_h, record.dispatch
        verdicts, trades = record.validation, record.clearing.trades
        cases = len(fleet.bus)
        self._kw.append(verdicts.bus_kw)
        self._kvar.append(verdicts.bus_kvar)
        self._solar += (done.pv_kw + done.curtailed_kw).sum(axis=1) * hours
        self._given_up += done.curtailed_kw.sum(axis=1) * hours
        leaving = self.world.actual.vehicle_departure[record.interval] == record.interval + 1
        missing = record.state.vehicle_missing_kwh / fleet.vehicle_efficiency
        self._late += np.where(leaving, missing, 0.0).sum(axis=1)
        lacking = fleet.comfort_min_celsius - record.state.indoor_celsius
        kwh = lacking * fleet.building_kwh_per_kelvin / fleet.heat_pump_cop
        cold = (lacking > COLD_KELVIN) & (fleet.heat_pump_kw > 0.0)
        self._cold = np.maximum(self._cold, np.where(cold, kwh, 0.0))
        refused = trades.cleared_kwh - verdicts.accepted_kwh
        cell = trades.environment * len(Reason) + verdicts.reason
        self._refused += np.bincount(cell, weights=refused, minlength=cases * len(Reason)).reshape(
            cases, len(Reason)
        )
        self._local += np.bincount(
            trades.environment, weights=verdicts.accepted_kwh * trades.local, minlength=cases
        )

    def played(self, technology: str) -> Played:
        """Return what was added up."""
        if technology == "pv":
            offered, curtailed = self._solar, self._given_up
        elif technology == "ev":
            actual = self.world.actual
            asked = actual.vehicle_arrival_kwh / self.world.fleet.vehicle_efficiency
            offered = asked_and_gone(asked, actual.vehicle_departure, len(self._kw))
            curtailed = self._late
        else:
            rows = slice(0, len(self._kw))
            reference = self.world.actual.heat_pump_reference_kw[rows]
            offered = reference.sum(axis=(0, 2)) * self.interval_h
            curtailed = self._cold.sum(axis=1)
        return Played(
            bus_kw=np.stack(self._kw, axis=1),
            bus_kvar=np.stack(self._kvar, axis=1),
            offered_kwh=offered,
            curtailed_kwh=curtailed,
            refused_kwh=self._refused,
            local_kwh=self._local,
        )
