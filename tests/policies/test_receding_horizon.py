"""Planning on forecasts: as good as foresight where forecasts are true, never better."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.records import Signal
from policies.optimum import community_optimum
from policies.receding_horizon import (
    Horizon,
    knowing_the_present,
    known_prices,
    receding_horizon,
)
from policies.regret import idle_schedule
from policies.yardstick_case import Span, carry_out, case_of
from tests.policies.cases import WEAR, played, start_of

SPAN = Span(0, 32, 1, WEAR)


def test_with_true_forecasts_it_is_the_optimum() -> None:
    game, world, day = played(4, environments=2)
    signal, state = start_of(game, day, 0)
    first = Signal(signal.buy_eur_per_kwh[:32], signal.sell_eur_per_kwh[:32])
    knowing = replace(world, forecast=world.actual)
    best = community_optimum(game, world, first, state, SPAN, with_grid=False)
    for every in (2, 7):
        done = receding_horizon(game, knowing, first, state, SPAN, Horizon(96, every))
        assert done.cost_eur == pytest.approx(best.cost_eur, abs=1e-6)


def test_it_lies_between_foresight_and_no_steering() -> None:
    game, world, day = played(4, environments=2)
    signal, state = start_of(game, day, 0)
    span = replace(SPAN, end=96)
    best = community_optimum(game, world, signal, state, span, with_grid=False)
    done = receding_horizon(game, world, signal, state, span, Horizon(96, 8))
    case = case_of(game, world.actual, signal, state, span)
    idle = carry_out(case, idle_schedule(case))
    assert best.bound_eur < done.cost_eur - 1e-6
    assert done.cost_eur < idle.cost_eur
    fleet = case.fleet
    assert np.all(done.end.battery_kwh >= 0.0)
    assert np.all(done.end.battery_kwh <= fleet.battery_kwh)


def test_prices_of_tomorrow_are_those_of_today() -> None:
    buy = np.arange(8.0)[:, None]
    signal = Signal(buy_eur_per_kwh=buy, sell_eur_per_kwh=buy)
    days = np.array([0, 4, 8])
    known = known_prices(days, signal, Span(0, 8), Span(2, 8))
    assert known.buy_eur_per_kwh[:, 0].tolist() == [2.0, 3.0, 0.0, 1.0, 2.0, 3.0]
    known = known_prices(days, signal, Span(0, 8), Span(5, 8))
    assert known.buy_eur_per_kwh[:, 0].tolist() == [5.0, 6.0, 7.0]


def test_only_the_present_is_seen() -> None:
    _, world, _ = played(4, environments=2)
    belief = knowing_the_present(world.forecast, world.actual, 3, 9)
    assert np.array_equal(belief.load_kw[3], world.actual.load_kw[3])
    assert np.array_equal(belief.load_kw[4:], world.forecast.load_kw[4:9])
    assert not np.array_equal(belief.load_kw[4:], world.actual.load_kw[4:9])


def test_a_horizon_must_reach_somewhere() -> None:
    game, world, day = played(4, environments=2)
    signal, state = start_of(game, day, 0)
    with pytest.raises(ValueError, match="lookahead 0"):
        receding_horizon(game, world, signal, state, Span(0, 96), Horizon(0, 1))
