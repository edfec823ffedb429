"""Whole days: what owners were promised, what money must do, what the grid must not show."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.game import Game
from cosim.grid.validation import RULES, validate
from cosim.interval import surroundings
from cosim.market.auction import MECHANISMS
from cosim.records import AGGREGATOR, Exogenous, Fleet, FollowerAction, World
from cosim.results import DayRecord, IntervalRecord
from cosim.simulation import Policies, play_days
from cosim.views import FollowerView
from networks.reference import resolve
from policies.baselines import TimeOfUse, WaterValue
from tests.three_bus import three_bus_net
from tests.worlds import small_game, small_world

POLICIES = Policies(leader=TimeOfUse((0, 6, 10, 16, 21), 0.02), followers=WaterValue(0.005))
TIGHT = 6.0
"""Device scale at which the three-bus feeder breaks its limits without validation."""


def play(game: Game, world: World) -> DayRecord:
    """Play the one day of a small world."""
    (day,) = play_days(game, world, POLICIES)
    return day


def check_owners(world: World, record: IntervalRecord) -> None:
    """Assert what every prosumer was promised."""
    fleet, state = world.fleet, record.state
    assert np.all(state.battery_kwh >= 0.0)
    assert np.all(state.battery_kwh <= fleet.battery_kwh)
    assert np.all(np.abs(record.dispatch.battery_kw) <= fleet.battery_kw + 1e-9)
    assert np.all(record.dispatch.vehicle_kw <= fleet.vehicle_kw + 1e-9)
    assert np.all(record.dispatch.vehicle_kw >= -1e-9)
    assert np.all(record.dispatch.heat_pump_kw >= -1e-9)
    assert np.all(record.dispatch.heat_pump_kw <= fleet.heat_pump_kw + 1e-9)
    leaving = world.actual.vehicle_departure[record.interval] == state.interval
    assert np.all(state.vehicle_missing_kwh[leaving] <= 1e-6)
    heated = fleet.heat_pump_kw > 0.0
    assert np.all((state.indoor_celsius >= fleet.comfort_min_celsius - 1e-9)[heated])
    assert np.all((state.indoor_celsius <= fleet.comfort_max_celsius + 1e-9)[heated])


def check_meters(world: World, record: IntervalRecord) -> None:
    """Assert that set-points, meters and trades are the same energy."""
    now, dispatch, verdicts = record.interval, record.dispatch, record.validation
    at_meter = (
        world.actual.load_kw[now]
        - dispatch.pv_kw
        + dispatch.battery_kw
        + dispatch.vehicle_kw
        + dispatch.heat_pump_kw
    )
    np.testing.assert_allclose(at_meter, verdicts.net_kwh / 0.25, atol=1e-8)
    np.testing.assert_allclose(
        dispatch.pv_kw + dispatch.curtailed_kw, world.actual.pv_kw[now], atol=1e-9
    )
    trades, shape = record.clearing.trades, verdicts.net_kwh.shape
    traded = np.zeros(shape)
    for m in range(len(trades.seller)):
        b = trades.environment[m]
        if trades.seller[m] != AGGREGATOR:
            traded[b, trades.seller[m]] -= verdicts.accepted_kwh[m]
        if trades.buyer[m] != AGGREGATOR:
            traded[b, trades.buyer[m]] += verdicts.accepted_kwh[m]
    np.testing.assert_allclose(traded + record.settlement.retailer_kwh, verdicts.net_kwh, atol=1e-9)
    assert np.all(verdicts.accepted_kwh <= trades.cleared_kwh + 1e-12)
    assert np.all(verdicts.accepted_kwh >= 0.0)


def check_money(record: IntervalRecord) -> None:
    """Assert that nothing appears or vanishes, and prosumers' accounts are their payments."""
    money = record.settlement
    np.testing.assert_allclose(money.accounts_eur.sum(axis=1), 0.0, atol=1e-9)
    prosumers = money.prosumer_eur.shape[1]
    np.testing.assert_allclose(money.accounts_eur[:, :prosumers], money.prosumer_eur.sum(axis=2))


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1.0, TIGHT]),
    rule=st.sampled_from(RULES),
    mechanism=st.sampled_from(sorted(MECHANISMS)),
)
def test_a_day_keeps_every_promise(seed: int, scale: float, rule: str, mechanism: str) -> None:
    world, feeder = small_world(seed=seed, scale=scale, environments=2)
    game = replace(small_game(world, feeder, rule=rule), mechanism=MECHANISMS[mechanism])
    day = play(game, world)
    for record in day.intervals:
        check_owners(world, record)
        check_meters(world, record)
        check_money(record)
        if rule != "none":
            assert np.all(record.validation.secure | record.validation.preexisting)


def test_charges_never_take_more_than_a_trade_gains() -> None:
    """Nobody pays above the bid or gets below the ask, charges and fees included."""
    world, feeder = small_world(seed=3, scale=TIGHT)
    charged = 0.0
    for record in play(small_game(world, feeder), world).intervals:
        trades, accepted = record.clearing.trades, record.validation.accepted_kwh
        gets = trades.price_eur_per_kwh * accepted - record.charges.seller_eur
        pays = (trades.price_eur_per_kwh + trades.fee_eur_per_kwh) * accepted
        pays = pays + record.charges.buyer_eur
        selling, buying = trades.seller != AGGREGATOR, trades.buyer != AGGREGATOR
        assert np.all((gets >= trades.ask_eur_per_kwh * accepted - 1e-12)[selling])
        assert np.all((pays <= trades.bid_eur_per_kwh * accepted + 1e-12)[buying])
        assert np.all(record.charges.seller_eur[~selling] == 0.0)
        assert np.all(record.charges.buyer_eur[~buying] == 0.0)
        charged += float(record.charges.trade_eur.sum())
    assert charged > 0.0


def test_followers_see_the_network_price_of_their_own_bus() -> None:
    """After an interval that was cut, those behind the limit know what it costs."""
    world, feeder = small_world(seed=3, scale=TIGHT)
    seen: list[FollowerView] = []

    def watching(view: FollowerView) -> FollowerAction:
        seen.append(view)
        return WaterValue(0.005)(view)

    game = small_game(world, feeder)
    (day,) = play_days(game, world, Policies(leader=POLICIES.leader, followers=watching))
    played = seen[-len(day.intervals) :]  # before them the day was played through on forecasts
    for view, record in zip(played[1:], day.intervals[:-1], strict=True):
        at_bus = record.charges.prices.network_eur_per_kwh[0, world.fleet.bus[0]]
        np.testing.assert_array_equal(view.network_eur_per_kwh[0], at_bus)
    assert max(float(np.abs(view.network_eur_per_kwh).max()) for view in played) > 0.01


def test_validation_has_something_to_do_in_the_tight_world() -> None:
    """Keeps the test above honest: without validation the tight days do break limits."""
    world, feeder = small_world(seed=3, scale=TIGHT)
    day = play(small_game(world, feeder, rule="none"), world)
    assert any(not record.validation.secure[0] for record in day.intervals)


def test_accepted_outcomes_solved_by_pandapower_break_nothing() -> None:
    world, feeder = small_world(seed=3, scale=TIGHT)
    day = play(small_game(world, feeder), world)
    states = [record.validation for record in day.intervals]
    check = resolve(
        three_bus_net(),
        feeder,
        bus_kw=np.stack([v.bus_kw[0] for v in states]),
        bus_kvar=np.stack([v.bus_kvar[0] for v in states]),
        voltage_pu=np.stack([v.state.voltage_pu[0] for v in states]),
        loading_percent=np.stack([v.state.loading_percent[0] for v in states]),
    )
    assert check.unsolved == 0
    assert check.voltage_pu < 1e-8
    assert check.loading_percentage_points < 1e-5
    for verdicts in states:
        if not verdicts.preexisting[0]:
            assert verdicts.state.voltage_pu.max() <= 1.05 + 1e-8
            assert verdicts.state.loading_percent.max() <= 100.0 + 1e-5


def test_every_cut_trade_names_a_limit_that_binds() -> None:
    world, feeder = small_world(seed=3, scale=TIGHT)
    day = play(small_game(world, feeder), world)
    cuts = 0
    for record in day.intervals:
        verdicts = record.validation
        for m in np.flatnonzero(verdicts.verdict):
            reason, element = int(verdicts.reason[m]), int(verdicts.element[m])
            assert reason > 0
            cuts += 1
            if reason == 1:
                room = feeder.voltage_max_pu[element] - verdicts.state.voltage_pu[0, element]
            elif reason == 2:
                room = verdicts.state.voltage_pu[0, element] - feeder.voltage_min_pu[element]
            else:
                room = (
                    feeder.loading_max_percent[element] - verdicts.state.loading_percent[0, element]
                ) / 100.0
            assert room < 1e-5
    assert cuts > 0


def test_a_batch_equals_its_environments_alone() -> None:
    """Environment 1 of three plays the same day alone, to the last bit of its market."""
    world, feeder = small_world(seed=4, scale=TIGHT, environments=3)
    game = small_game(world, feeder)
    together = play(game, world)
    alone_world = replace(
        world,
        fleet=pick_fleet(world.fleet, 1),
        actual=pick_days(world.actual, 1),
        forecast=pick_days(world.forecast, 1),
    )
    alone_game = replace(game, fleet=alone_world.fleet, tie_rank=game.tie_rank[1:2])
    alone = play(alone_game, alone_world)
    np.testing.assert_array_equal(together.bid.validated_kwh[:, 1], alone.bid.validated_kwh[:, 0])
    for one, other in zip(together.intervals, alone.intervals, strict=True):
        np.testing.assert_array_equal(one.clearing.net_kwh[1], other.clearing.net_kwh[0])
        np.testing.assert_array_equal(
            one.validation.state.voltage_pu[1], other.validation.state.voltage_pu[0]
        )
        np.testing.assert_allclose(  # sums of another length may round differently
            one.settlement.accounts_eur[1], other.settlement.accounts_eur[0], atol=1e-12
        )


def pick_fleet(fleet: Fleet, b: int) -> Fleet:
    """Return one environment of a fleet."""
    return Fleet(**{name: getattr(fleet, name)[b : b + 1] for name in Fleet.__slots__})


def pick_days(days: Exogenous, b: int) -> Exogenous:
    """Return one environment of the exogenous data."""
    return Exogenous(**{name: getattr(days, name)[:, b : b + 1] for name in Exogenous.__slots__})


def test_unlimited_grid_accepts_everything() -> None:
    world, feeder = small_world(seed=5, scale=TIGHT)
    wide = replace(
        feeder,
        voltage_min_pu=np.full(feeder.bus_count, 0.1),
        voltage_max_pu=np.full(feeder.bus_count, 3.0),
        loading_max_percent=np.full(feeder.branch_count, 1e6),
    )
    free = play(small_game(world, wide), world)
    unchecked = play(small_game(world, wide, rule="none"), world)
    for one, other in zip(free.intervals, unchecked.intervals, strict=True):
        np.testing.assert_array_equal(one.validation.accepted_kwh, one.clearing.trades.cleared_kwh)
        np.testing.assert_array_equal(one.state.battery_kwh, other.state.battery_kwh)


def test_security_never_pays_in_the_same_interval() -> None:
    """From the same state and orders a secure outcome keeps no more surplus than the clearing."""
    world, feeder = small_world(seed=3, scale=TIGHT)
    day = play(small_game(world, feeder), world)
    for record in day.intervals:
        trades = record.clearing.trades
        kept = float((trades.surplus_eur_per_kwh * record.validation.accepted_kwh).sum())
        cleared = float((trades.surplus_eur_per_kwh * trades.cleared_kwh).sum())
        assert kept <= cleared + 1e-9


@pytest.mark.parametrize("rule", ["pro_rata", "merit", "lifo", "max_min"])
def test_optimal_keeps_at_least_the_value_of_every_other_rule(rule: str) -> None:
    """Interval by interval from the same state: play `optimal`, judge its clearings again."""
    world, feeder = small_world(seed=3, scale=TIGHT)
    game = small_game(world, feeder)
    compared = 0
    for record in play(game, world).intervals:
        if np.all(record.validation.verdict == 0):
            continue
        around = surroundings(game, world.actual, record.interval)
        other = validate(game.power_flow, around, record.orders, record.clearing, rule=rule)
        surplus = record.clearing.trades.surplus_eur_per_kwh
        assert surplus @ record.validation.accepted_kwh >= surplus @ other.accepted_kwh - 1e-6
        compared += 1
    assert compared > 0


def test_nobody_is_worse_off_than_on_the_retail_tariff_for_the_same_meter() -> None:
    """Every kWh bought costs at most retail, every kWh sold earns at least the feed-in price."""
    world, feeder = small_world(seed=6, scale=TIGHT)
    for record in play(small_game(world, feeder), world).intervals:
        trades = record.clearing.trades
        buying = trades.buyer != AGGREGATOR
        selling = trades.seller != AGGREGATOR
        paid = trades.price_eur_per_kwh + trades.fee_eur_per_kwh
        assert np.all(paid[buying] <= 0.30 + 1e-12)
        assert np.all(trades.price_eur_per_kwh[selling] >= 0.03 - 1e-12)


@pytest.mark.parametrize("two_price", [False, True])
def test_imbalance_is_delivery_less_schedule(two_price: bool) -> None:
    world, feeder = small_world(seed=7, scale=TIGHT)
    game = replace(small_game(world, feeder), two_price=two_price)
    day = play(game, world)
    for row, record in enumerate(day.intervals):
        money, now = record.settlement, record.interval
        np.testing.assert_allclose(
            money.imbalance_kwh, money.delivered_kwh - day.bid.validated_kwh[row]
        )
        price = money.imbalance_price_eur_per_kwh[0]
        ahead = world.actual.day_ahead_eur_per_kwh[now, 0]
        spot = world.actual.imbalance_eur_per_kwh[now, 0]
        if not two_price:
            assert price == spot
        elif money.imbalance_kwh[0] > 0.0:
            assert price == min(ahead, spot)
        elif money.imbalance_kwh[0] < 0.0:
            assert price == max(ahead, spot)
