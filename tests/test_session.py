"""Days as a session plays them: what is expected before them, how they end, what is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import PolicyError
from cosim.expectation import closer, mistake_eur
from cosim.interval import plan, trade
from cosim.prosumers.devices import initial_state
from cosim.records import Fleet, Signal, World
from cosim.session import Session
from cosim.simulation import Policies
from policies.baselines import TimeOfUse, WaterValue
from policies.training import play_figures
from tests.envs.short_worlds import short_worlds, single

LEADER, BIDS = TimeOfUse((0, 12, 15), 0.02), WaterValue(0.005)


def plain(session: Session) -> np.ndarray:
    """Play the run of `session`; return the money of all intervals (T, B, N, kinds)."""
    paid = []
    while not session.run_over:
        session.announce(LEADER(session.leader_view()), BIDS)
        while not session.day_over:
            paid.append(session.trade(BIDS(session.follower_view())).settlement.prosumer_eur)
    return np.stack(paid)


def test_without_passes_the_stages_are_played_as_they_are() -> None:
    """A day played by hand, stage by stage, is the session's, bit for bit."""
    game, world = short_worlds(2)(3)
    session = Session(game, world)
    signal = LEADER(session.leader_view())
    session.announce(signal, BIDS)
    state = replace(initial_state(game.fleet), interval=36)
    day = plan(game, world.forecast, signal, (36, 24))
    assert session.bid is not None
    for row in range(24):
        action = BIDS(session.follower_view())
        record = session.trade(action)
        sold = session.bid.validated_kwh[row]
        by_hand = trade(game, state, world.actual, day, action=action, sold_kwh=sold)
        state = by_hand.state
        for found, expected in (
            (record.clearing.net_kwh, by_hand.clearing.net_kwh),
            (record.settlement.prosumer_eur, by_hand.settlement.prosumer_eur),
            (record.state.battery_kwh, by_hand.state.battery_kwh),
        ):
            np.testing.assert_array_equal(found, expected)


def test_a_run_can_be_played_again_from_any_day() -> None:
    game, world = short_worlds(2)(4)
    session = Session(game, world, passes=2)
    first = plain(session)
    session.reset()
    np.testing.assert_array_equal(plain(session), first)
    session.reset()
    session.announce(LEADER(session.leader_view()), BIDS)
    while not session.day_over:
        session.trade(BIDS(session.follower_view()))
    after = session.state
    session.reset(day_number=1, state=after)
    np.testing.assert_array_equal(plain(session), first[24:])


def test_a_pass_moves_the_prices_planned_with_towards_those_that_came_out() -> None:
    game, _ = short_worlds(1)(0)
    announced = Signal(np.array([[0.28], [0.28]]), np.array([[0.05], [0.05]]))
    price = np.array([[0.11], [np.nan]])  # nobody trades in the second interval
    moved = closer(announced, price, announced, game, 0.5)
    fee = game.local_fee_eur_per_kwh
    np.testing.assert_allclose(moved.buy_eur_per_kwh[:, 0], [(0.28 + 0.11 + fee) / 2.0, 0.28])
    np.testing.assert_allclose(moved.sell_eur_per_kwh[:, 0], [(0.05 + 0.11) / 2.0, 0.05])


@given(seed=st.integers(0, 1000), step=st.floats(0.0, 1.0))
def test_prices_planned_with_stay_within_the_announced_ones(seed: int, step: float) -> None:
    game, _ = short_worlds(1)(0)
    draws = np.random.default_rng(seed)
    low, span = game.feed_in_eur_per_kwh, game.retail_eur_per_kwh - game.feed_in_eur_per_kwh
    sell, buy = low + span * np.sort(draws.random((2, 8, 3)), axis=0)
    announced = planned = Signal(buy, sell)
    for _ in range(3):
        price = draws.uniform(-0.1, 0.5, (8, 3))
        price[draws.random((8, 3)) < 0.3] = np.nan
        planned = closer(planned, price, announced, game, step)
        assert (planned.buy_eur_per_kwh <= buy + 1e-12).all()
        assert (planned.sell_eur_per_kwh >= sell - 1e-12).all()
        assert (planned.buy_eur_per_kwh >= planned.sell_eur_per_kwh - 1e-12).all()


def test_expecting_the_market_lowers_what_the_community_pays() -> None:
    """Over sixteen communities; a single one may go the other way."""
    paid = []
    for seed in (12, 13, 14, 15):
        game, world = short_worlds(4, prosumers=6)(seed)
        game = replace(game, charges=False, rule="none")
        paid.append(
            [play_figures(game, world, Policies(LEADER, BIDS, passes=n))[1] for n in (0, 4)]
        )
    plain, expecting = np.sum(paid, axis=0)
    assert expecting < 0.99 * plain


def test_more_passes_are_never_more_mistaken() -> None:
    """Each environment keeps the best of its passes, and more passes begin as fewer do."""
    game, world = short_worlds(4, prosumers=6)(12)
    game = replace(game, charges=False, rule="none")
    mistakes = []
    for passes in (0, 1, 3, 6):
        session = Session(game, world, passes=passes, ending=True)
        session.announce(LEADER(session.leader_view()), WaterValue(game.wear_eur_per_kwh))
        assert session.day is not None
        assert session.day.expected is not None
        length, row = session.day.length, session.day.plan
        planned = Signal(row.buy_eur_per_kwh[:length], row.sell_eur_per_kwh[:length])
        mistakes.append(mistake_eur(game, planned, session.day.signal, session.day.expected))
    assert np.all(np.diff(mistakes, axis=0) <= 1e-12)
    assert np.all(mistakes[-1] < 0.5 * mistakes[0])


def test_standing_still_is_not_taken_for_knowing_the_prices() -> None:
    """Surplus at noon and need in the evening, and an empty battery: somebody has to use it."""
    game, world = short_worlds(1, prosumers=6)(12)
    none = np.zeros(game.fleet.bus.shape)
    fleet = replace(
        game.fleet,
        battery_kwh=none + np.array([0.0, 0.0, 0.0, 0.0, 0.0, 40.0]),
        battery_kw=none + np.array([0.0, 0.0, 0.0, 0.0, 0.0, 20.0]),
        battery_start_kwh=none,
        battery_charge_efficiency=none + 0.95,
        battery_discharge_efficiency=none + 0.95,
        vehicle_kw=none,
        heat_pump_kw=none,
    )
    shape = world.actual.load_kw.shape
    early = (np.arange(shape[0]) < 48)[:, None, None]
    sunny = np.array([True, True, True, False, False, False])
    alone = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])  # the battery's owner has nothing else
    actual = replace(
        world.actual,
        load_kw=np.broadcast_to(alone, shape).copy(),
        pv_kw=np.where(early & sunny, 5.0, 0.0),
        vehicle_arrival_kwh=np.zeros(shape),
        vehicle_departure=np.full(shape, -1, np.int64),
        heat_pump_reference_kw=np.zeros(shape),
    )
    world = replace(world, fleet=fleet, actual=actual, forecast=actual)
    game = replace(game, fleet=fleet, rule="none", charges=False)
    paid = []
    for passes in (0, 12):
        session = Session(game, world, passes=passes, bidding=False, ending=True)
        signal = Signal(np.full((24, 1), 0.28), np.full((24, 1), 0.05))
        moved = 0.0
        session.announce(signal, WaterValue(game.wear_eur_per_kwh))
        while not session.day_over:
            record = session.trade(WaterValue(game.wear_eur_per_kwh)(session.follower_view()))
            moved += 0.25 * float(np.abs(record.dispatch.battery_kw).sum())
        paid.append(moved)
    assert paid[0] < 0.1
    assert paid[1] > 10.0


def test_an_environment_keeps_its_passes_whoever_is_beside_it() -> None:
    worlds = short_worlds(3, prosumers=6)
    tables = []
    for draw in (worlds, *(single(worlds, b) for b in range(3))):
        session = Session(*draw(12), passes=5, bidding=False)
        session.announce(LEADER(session.leader_view()), BIDS)
        assert session.day is not None
        assert session.day.expected is not None
        tables.append((session.day.plan.battery_eur, session.day.expected.price_eur_per_kwh))
    for together, alone in zip(tables[0], zip(*tables[1:], strict=True), strict=True):
        np.testing.assert_array_equal(together, np.concatenate(alone, axis=1))


def one(fleet: Fleet, **owned: float) -> Fleet:
    """Return the fleet with nothing but the devices given, the same for everybody."""
    none = np.zeros(fleet.bus.shape)
    sizes = ("pv_kwp", "battery_kwh", "battery_kw", "battery_start_kwh", "vehicle_kw")
    given: dict[str, Any] = {n: none + owned.get(n, 0.0) for n in (*sizes, "heat_pump_kw")}
    return replace(
        fleet,
        **given,
        battery_charge_efficiency=none + 0.95,
        battery_discharge_efficiency=none + 0.95,
    )


def known_world(**owned: float) -> tuple[Session, World]:
    """Return an ending session without a local market whose days are known, all alike."""
    game, world = short_worlds(1, prosumers=2)(5)
    fleet = one(game.fleet, **owned)
    shape = world.actual.load_kw.shape
    actual = replace(
        world.actual,
        load_kw=np.full(shape, 2.0),
        pv_kw=np.zeros(shape),
        vehicle_arrival_kwh=np.zeros(shape),
        vehicle_departure=np.full(shape, -1, np.int64),
        heat_pump_reference_kw=np.full(shape, 0.5 * owned.get("heat_pump_kw", 0.0)),
    )
    world = replace(world, fleet=fleet, actual=actual, forecast=actual)
    game = replace(game, fleet=fleet, rule="none", charges=False)
    return Session(game, world, ending=True), world


def finish(session: Session, buy: np.ndarray, sell: np.ndarray) -> None:
    """Play all days at the prices (T,) of a day."""
    while not session.run_over:
        environments = session.game.fleet.bus.shape[0]
        signal = Signal(np.tile(buy[:, None], environments), np.tile(sell[:, None], environments))
        session.announce(signal, BIDS)
        while not session.day_over:
            session.trade(BIDS(session.follower_view()))


FLAT = np.full(24, 0.25), np.full(24, 0.05)


def test_a_battery_is_empty_where_the_run_ends() -> None:
    """What it then holds earns the feed-in price, less than what it can still save."""
    session, _ = known_world(battery_kwh=6.0, battery_kw=3.0, battery_start_kwh=6.0)
    finish(session, *FLAT)
    np.testing.assert_allclose(session.state.battery_kwh, 0.0, atol=1e-9)


def test_a_battery_is_kept_where_life_goes_on_and_prices_rise_at_the_days_start() -> None:
    ending, world = known_world(battery_kwh=6.0, battery_kw=3.0, battery_start_kwh=6.0)
    buy = np.where(np.arange(24) < 12, 0.29, 0.13)
    going_on = Session(ending.game, world)
    for session in (ending, going_on):
        finish(session, buy, FLAT[1])
    assert (going_on.state.battery_kwh > ending.state.battery_kwh + 1.0).all()


@pytest.mark.parametrize("quote", [0.20, 0.299])
def test_a_vehicle_that_stays_beyond_the_end_is_charged_before_it(quote: float) -> None:
    """What it misses at the end costs the retail price, which no quote exceeds."""
    session, world = known_world(vehicle_kw=4.0)
    world.actual.vehicle_arrival_kwh[70] = 3.0
    world.actual.vehicle_departure[70:140] = 140
    finish(session, np.full(24, quote), FLAT[1])
    np.testing.assert_allclose(session.state.vehicle_missing_kwh, 0.0, atol=1e-9)


def test_a_vehicle_waits_for_the_night_where_life_goes_on() -> None:
    ending, world = known_world(vehicle_kw=4.0)
    world.actual.vehicle_arrival_kwh[70] = 3.0
    world.actual.vehicle_departure[70:140] = 140
    going_on = Session(ending.game, world)
    buy = np.where(np.arange(24) < 8, 0.13, 0.28)  # cheap again behind the end
    for session in (ending, going_on):
        finish(session, buy, FLAT[1])
    assert (ending.state.vehicle_missing_kwh < 1e-9).all()
    assert (going_on.state.vehicle_missing_kwh > 2.0).all()


def test_a_room_ends_near_its_target() -> None:
    """Below it a kWh is charged at retail; an interval of full power is 0.6 kelvin."""
    ending, world = known_world(heat_pump_kw=4.0)
    going_on = Session(ending.game, world)
    for session in (ending, going_on):
        finish(session, *FLAT)
    fleet = ending.game.fleet
    assert (np.abs(ending.state.indoor_celsius - fleet.comfort_target_celsius) < 0.6).all()
    assert (going_on.state.indoor_celsius < fleet.comfort_min_celsius + 0.3).all()


def test_prices_outside_the_tariff_are_refused_in_words() -> None:
    game, world = short_worlds(2)(0)
    low, high = game.feed_in_eur_per_kwh, game.retail_eur_per_kwh
    good = Signal(np.full((24, 2), high), np.full((24, 2), low))
    for side, value in (("buy", high + 0.01), ("sell", low - 0.01), ("buy", low - 0.01)):
        prices = getattr(good, f"{side}_eur_per_kwh").copy()
        prices[7, 1] = value
        session = Session(game, world)
        with pytest.raises(
            PolicyError, match=r"1 price pairs .* interval 7 of environment 1"
        ) as it:
            session.announce(replace(good, **{f"{side}_eur_per_kwh": prices}), BIDS)
        assert f"{value:g}" in str(it.value)
        assert f"{low:g} <= pays <= charges <= {high:g}" in str(it.value)
        assert session.day_over
    for bad in (np.nan, np.inf):
        with pytest.raises(PolicyError, match="48 price pairs"):
            Session(game, world).announce(
                Signal(np.full((24, 2), bad), good.sell_eur_per_kwh), BIDS
            )
    wide = np.full((96, 2), high)
    with pytest.raises(PolicyError, match=r"\(96, 2\).*needs \(24, 2\)"):
        Session(game, world).announce(Signal(wide, wide), BIDS)


def test_calls_out_of_turn_are_refused_in_words() -> None:
    game, world = short_worlds(1)(0)
    session = Session(game, world)
    session.announce(LEADER(session.leader_view()), BIDS)
    view = session.follower_view()
    session.reset()
    calls: list[Callable[[], object]] = [
        session.follower_view,
        lambda: session.trade(BIDS(view)),
    ]
    for call in calls:
        with pytest.raises(PolicyError, match="no day has begun, announce its prices first"):
            call()
    with pytest.raises(PolicyError, match="no day with a bid has been played"):
        session.played()
    signal = LEADER(session.leader_view())
    session.announce(signal, BIDS)
    with pytest.raises(PolicyError, match="the day has begun already"):
        session.announce(signal, BIDS)
    plain_rest(session)
    calls = [session.leader_view, lambda: session.announce(signal, BIDS)]
    for call in calls:
        with pytest.raises(PolicyError, match="all days are behind"):
            call()


def plain_rest(session: Session) -> None:
    while not session.run_over:
        if session.day_over:
            session.announce(LEADER(session.leader_view()), BIDS)
        session.trade(BIDS(session.follower_view()))
