"""Up and down offers of a played day: a share of what orders leave, beside the schedule."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.results import DayRecord, Verdict
from cosim.simulation import Policies, play_days
from policies.baselines import TimeOfUse, WaterValue
from tests.worlds import small_game, small_world

POLICIES = Policies(leader=TimeOfUse((0, 6, 10, 16, 21), 0.02), followers=WaterValue(0.005))
TIGHT = 6.0


def play(share: float, *, rule: str = "optimal") -> DayRecord:
    world, feeder = small_world(seed=5, scale=TIGHT, environments=2)
    game = replace(small_game(world, feeder, rule=rule), balancing_share=share)
    (day,) = play_days(game, world, POLICIES)
    return day


@pytest.fixture(scope="module")
def half() -> DayRecord:
    return play(0.5)


def test_offers_grow_with_the_share_and_leave_the_schedule_alone(half: DayRecord) -> None:
    whole, nothing = play(1.0), play(0.0)
    for direction in ("up", "down"):
        offers = [getattr(day.bid, direction).offered_kwh for day in (nothing, half, whole)]
        np.testing.assert_array_equal(offers[0], 0.0)
        assert offers[1].sum() > 0.0
        np.testing.assert_allclose(offers[2], 2.0 * offers[1])
    for day in (nothing, whole):
        np.testing.assert_array_equal(day.bid.validated_kwh, half.bid.validated_kwh)
        for one, other in zip(day.intervals, half.intervals, strict=True):
            np.testing.assert_array_equal(
                one.settlement.accounts_eur, other.settlement.accounts_eur
            )


def test_the_grid_cuts_offers_where_it_must(half: DayRecord) -> None:
    for offer in (half.bid.up, half.bid.down):
        cut = offer.verdict != Verdict.ACCEPTED
        assert np.any(cut)
        assert np.any(~cut)
        assert np.all(offer.feasible_kwh[cut] < offer.offered_kwh[cut])
    free = play(0.5, rule="none").bid
    for offer in (free.up, free.down):
        np.testing.assert_array_equal(offer.feasible_kwh, offer.offered_kwh)


def test_what_the_grid_refused_is_not_sold_and_what_is_not_delivered_is_imbalance(
    half: DayRecord,
) -> None:
    bid = half.bid
    refused = bid.verdict != Verdict.ACCEPTED
    assert np.any(refused)
    for at, record in enumerate(half.intervals):
        money = record.settlement
        np.testing.assert_allclose(
            money.imbalance_kwh, money.delivered_kwh - bid.validated_kwh[at], atol=1e-9
        )
