"""What is added to rewards: sums that do not depend on what is done."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from cosim.envs.follower_encoding import flexible
from cosim.market.auction import MECHANISMS
from cosim.prosumers.devices import initial_state
from cosim.records import FollowerAction, Signal, State
from cosim.results import IntervalRecord
from cosim.scenario import Scenario
from cosim.scoring.metrics import open_positions_eur
from cosim.scoring.rewards import prosumer_rewards
from cosim.session import Session
from cosim.views import FollowerView, LeaderView
from policies.baselines import TimeOfUse, WaterValue
from policies.follower_training import FollowerTrainer, FollowerTraining
from policies.ppo import Batch
from policies.shaping import potential, unshifted_bill
from tests.envs.short_worlds import short_worlds

ENVIRONMENTS = 2
LEADER = TimeOfUse((0, 12), 0.02)


class Recording(FollowerTrainer):
    """Trains under one leader and keeps what was played."""

    def _prices(self, view: LeaderView, _: np.random.Generator) -> Signal:
        return LEADER(view)

    def _start(self, game: object, draws: np.random.Generator) -> State:
        state: State = super()._start(game, draws)  # type: ignore[arg-type]
        self.start = state
        return state


@cache
def collected() -> tuple[Recording, Batch]:
    """Return two short days of a training and what it learned from."""
    game, world = short_worlds(ENVIRONMENTS)(1)
    trainer = Recording(
        Scenario(), game.power_flow.feeder, [], FollowerTraining(passes=0, days=2), seed=3
    )
    return trainer, trainer._collect(game, world, np.random.default_rng(4))


def replayed() -> tuple[Session, list[FollowerView], list[IntervalRecord]]:
    """Return the same days played by hand with the same actions."""
    trainer, batch = collected()
    game, world = short_worlds(ENVIRONMENTS)(1)
    session = Session(game, world, ending=True)
    session.reset(state=trainer.start)
    views, records = [], []
    for action in batch.action:
        if session.day_over:
            session.announce(LEADER(session.leader_view()), trainer.followers)
        views.append(session.follower_view())
        raw = np.zeros((*game.fleet.bus.shape, 4))
        raw[flexible(game.fleet)] = np.clip(action, -1.0, 1.0)
        offsets = 0.1 * (game.retail_eur_per_kwh - game.feed_in_eur_per_kwh) * raw[:, :, :3]
        spread = trainer.followers.half_spread_eur_per_kwh * (1.0 + raw[:, :, 3])
        records.append(session.trade(FollowerAction(offsets, spread)))
    assert session.run_over
    return session, views, records


def test_shaped_rewards_of_a_run_sum_to_the_bill_less_one_that_nobody_can_change() -> None:
    session, views, records = replayed()
    game, world, fleet = session.game, session.world, session.game.fleet
    paid = sum(
        prosumer_rewards(record, wear_eur_per_kwh=game.wear_eur_per_kwh, interval_h=0.25)
        for record in records
    )
    unshifted = sum(
        unshifted_bill(view, record.clearing.price_eur_per_kwh)
        for view, record in zip(views, records, strict=True)
    )
    arrived = sum(
        potential(fleet, view.day, view.state, world.actual)
        - potential(fleet, view.day, view.state, None)
        for view in views
    )
    begun = potential(fleet, views[0].day, views[0].state, None)
    ended = potential(fleet, views[-1].day, session.state, None)
    whole = (paid + unshifted + ended - begun - arrived)[flexible(fleet)]
    _, batch = collected()
    np.testing.assert_allclose(batch.reward.sum(axis=0), whole, atol=2e-4)  # single precision
    assert np.abs(arrived).max() > 0.1


def test_the_potential_at_the_end_is_what_open_positions_are_worth() -> None:
    """Up to what a room at the floor of its band would owe, which nobody can change."""
    session, views, _ = replayed()
    game, fleet = session.game, session.game.fleet
    ended = potential(fleet, views[-1].day, session.state, None)
    left = open_positions_eur(
        fleet, session.state, retail=game.retail_eur_per_kwh, feed_in=game.feed_in_eur_per_kwh
    )
    heated = fleet.heat_pump_kw > 0.0
    floor = (
        (fleet.comfort_target_celsius - fleet.comfort_min_celsius)
        * fleet.building_kwh_per_kelvin
        / fleet.heat_pump_cop
        * game.retail_eur_per_kwh
    )
    assert heated.any()
    assert (~heated).any()
    assert (session.state.battery_kwh > 0.0).any()
    np.testing.assert_allclose(ended, left + np.where(heated, floor, 0.0), atol=1e-10)


@pytest.mark.parametrize("level", [0.0, 0.37, 1.0])
def test_a_battery_and_a_vehicle_at_the_end_are_worth_exactly_their_open_positions(
    level: float,
) -> None:
    session, views, _ = replayed()
    game = session.game
    fleet = replace(game.fleet, heat_pump_kw=np.zeros_like(game.fleet.heat_pump_kw))
    state = replace(
        session.state,
        battery_kwh=level * fleet.battery_kwh,
        vehicle_missing_kwh=np.where(fleet.vehicle_kw > 0.0, 3.0 * level, 0.0),
    )
    np.testing.assert_allclose(
        potential(fleet, views[-1].day, state, None),
        open_positions_eur(
            fleet, state, retail=game.retail_eur_per_kwh, feed_in=game.feed_in_eur_per_kwh
        ),
        atol=1e-12,
    )


def test_energy_stored_is_worth_more_the_more_there_is_and_what_is_missing_costs() -> None:
    _, views, _ = replayed()
    view = views[0]
    fleet = view.fleet

    def worth(level: float, missing: float) -> np.ndarray:
        state = replace(
            view.state,
            battery_kwh=level * fleet.battery_kwh,
            vehicle_missing_kwh=np.where(fleet.vehicle_kw > 0.0, missing, 0.0),
        )
        return np.asarray(potential(fleet, view.day, state, None))

    owned = fleet.battery_kwh > 0.0
    assert (worth(1.0, 0.0) > worth(0.5, 0.0))[owned].all()
    assert (worth(0.5, 0.0) == worth(1.0, 0.0))[~owned].all()
    assert (worth(0.5, 2.0) < worth(0.5, 1.0))[fleet.vehicle_kw > 0.0].all()


def test_the_unshifted_bill_does_not_depend_on_the_action() -> None:
    """At a given price: stores may hold and do what they like."""
    _, views, _ = replayed()
    for view in (views[0], views[17], views[-1]):
        price = np.array([0.11, np.nan])
        other = replace(initial_state(view.fleet), interval=view.state.interval)
        np.testing.assert_array_equal(
            unshifted_bill(view, price), unshifted_bill(replace(view, state=other), price)
        )


def test_the_unshifted_bill_is_net_load_at_what_it_costs_or_earns() -> None:
    _, views, _ = replayed()
    view = views[5]
    now = view.state.interval
    net = 0.25 * (
        view.now.load_kw[now] + view.now.heat_pump_reference_kw[now] - view.now.pv_kw[now]
    )
    buy = view.day.signal.buy_eur_per_kwh[view.row]
    sell = view.day.signal.sell_eur_per_kwh[view.row]
    bill = unshifted_bill(view, np.array([0.12, np.nan]))
    for n in range(net.shape[1]):
        local = min(0.12 + view.local_fee_eur_per_kwh, buy[0]), max(0.12, sell[0])
        for b, (charged, paid) in enumerate((local, (buy[1], sell[1]))):
            expected = net[b, n] * (charged if net[b, n] > 0.0 else paid)
            assert bill[b, n] == pytest.approx(expected)


def test_bidding_as_planned_in_a_known_day_costs_what_the_plan_says() -> None:
    """Without a local market and with perfect forecasts only the steps of the table are lost."""
    game, world = short_worlds(2)(2)
    nobody = np.zeros(game.fleet.bus.shape)
    fleet = replace(game.fleet, vehicle_kw=nobody, heat_pump_kw=nobody)
    actual = replace(
        world.actual,
        vehicle_arrival_kwh=np.zeros_like(world.actual.vehicle_arrival_kwh),
        heat_pump_reference_kw=np.zeros_like(world.actual.heat_pump_reference_kw),
    )
    calendar = replace(world.calendar, day_start=world.calendar.day_start[:2])
    world = replace(world, fleet=fleet, actual=actual, forecast=actual, calendar=calendar)
    game = replace(game, fleet=fleet, mechanism=MECHANISMS["none"], rule="none", charges=False)
    game = replace(game, wear_eur_per_kwh=0.0)
    session, bids = Session(game, world, ending=True), WaterValue(0.0)
    session.announce(LEADER(session.leader_view()), bids)
    day = session.follower_view().day
    gain, plain = -potential(fleet, day, session.state, None), np.zeros(fleet.bus.shape)
    while not session.day_over:
        plain += unshifted_bill(session.follower_view(), np.full(2, np.nan))
        record = session.trade(bids(session.follower_view()))
        gain += prosumer_rewards(record, wear_eur_per_kwh=0.0, interval_h=0.25)
    gain += potential(fleet, day, session.state, None)
    owned = fleet.battery_kwh > 0.0
    from_empty = day.plan.battery_eur[0, :, :, 0]
    size = np.abs(from_empty[owned])
    assert owned.sum() >= 3
    assert (np.abs(-gain - from_empty)[owned] < 0.01 + 0.02 * size).all()
    # The bill without a battery is another: what the plan foresees is not nothing.
    assert (np.abs(plain - from_empty)[owned] > 0.04 + 0.04 * size).any()
