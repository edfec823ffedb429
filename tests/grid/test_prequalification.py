"""The day-ahead bid with its offers: what the grid leaves of each, and that it is the most."""

from dataclasses import fields, replace
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.grid import limits, prequalification
from cosim.grid.curtailment import largest_share
from cosim.grid.power_flow import PowerFlow
from cosim.grid.prequalification import Schedule, prequalify
from cosim.grid.products import judging
from cosim.grid.validation import Surroundings
from cosim.records import Floats
from cosim.results import BalancingOffer, Reason, Verdict, WholesaleBid
from cosim.validate import validate_bid
from networks.feeder import Feeder
from tests.submissions.submitted import worked_base
from tests.three_bus import three_bus_feeder

FEEDER = three_bus_feeder()
HOURS = 0.25
seeds = st.integers(0, 10_000)


@cache
def limited(*, low: float = 0.97, high: float = 1.03, loading: float = 100.0) -> Feeder:
    return replace(
        FEEDER,
        voltage_min_pu=np.full(3, low),
        voltage_max_pu=np.full(3, high),
        loading_max_percent=np.full(2, loading),
    )


def random_bid(
    seed: int, *, intervals: int = 2, environments: int = 2, people: int = 4
) -> Schedule:
    """Return a bid of random participants; about half of the intervals strain the feeder."""
    generator = np.random.default_rng(seed)
    shape = (intervals, environments, people)
    size = HOURS * generator.uniform(1.0, 60.0, (intervals, environments, 1))
    least = -size * generator.random(shape)
    most = size * generator.random(shape)
    firm = np.clip(0.1 * size * generator.random(shape), least, most)
    net = least + (most - least) * generator.random(shape)
    share = generator.random()
    around = tuple(
        Surroundings(
            bus=generator.integers(1, 3, (environments, people)),
            kw=generator.uniform(0.0, 15.0, (environments, 3)),
            kvar=generator.uniform(0.0, 5.0, (environments, 3)),
            interval_h=HOURS,
        )
        for _ in range(intervals)
    )
    return Schedule(net, firm, least, most, share * (net - least), share * (most - net), around)


def parts(bid: WholesaleBid) -> tuple[BalancingOffer, BalancingOffer]:
    return bid.up, bid.down


def excesses(feeder: Feeder, bid: WholesaleBid, bus_kw: Floats) -> tuple[Floats, Floats]:
    """Return what bus powers (T, B, K) exceed, and what the counterfactual does, (T * B, E)."""
    power_flow, kvar = PowerFlow(feeder), bid.bus_kvar.reshape(-1, 3)
    return (
        limits.excess(feeder, power_flow.solve(bus_kw.reshape(-1, 3), kvar)),
        limits.excess(feeder, power_flow.solve(bid.firm_bus_kw.reshape(-1, 3), kvar)),
    )


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_what_is_left_keeps_every_limit_that_the_counterfactual_keeps(seed: int) -> None:
    feeder, schedule = limited(), random_bid(seed)
    bid = prequalify(PowerFlow(feeder), schedule, rule="optimal")
    for bus_kw in (bid.validated_bus_kw, bid.up.bus_kw, bid.down.bus_kw):
        excess, firm = excesses(feeder, bid, bus_kw)
        assert np.all(excess <= limits.allowed_excess(firm) + limits.TOLERANCE)
    for offer, asked in zip(parts(bid), (schedule.up_kwh, schedule.down_kwh), strict=True):
        np.testing.assert_allclose(offer.offered_kwh, asked.sum(axis=2))
        assert np.all(offer.feasible_kwh >= 0.0)
        assert np.all(offer.feasible_kwh <= offer.offered_kwh + 1e-9)
    standing = bid.validated_bus_kw.sum(axis=2)
    drawn = [offer.bus_kw.sum(axis=2) - standing for offer in parts(bid)]
    np.testing.assert_allclose(-HOURS * drawn[0], bid.up.feasible_kwh, atol=1e-9)
    np.testing.assert_allclose(HOURS * drawn[1], bid.down.feasible_kwh, atol=1e-9)


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_every_cut_has_a_reason_and_nothing_else_has_one(seed: int) -> None:
    bid = prequalify(PowerFlow(limited()), random_bid(seed), rule="optimal")
    for part in (bid, *parts(bid)):
        whole = part.verdict == Verdict.ACCEPTED
        np.testing.assert_array_equal(whole, part.reason == Reason.NONE)
        np.testing.assert_array_equal(whole, part.element == -1)
        assert np.all(part.shadow[whole] == 0.0)
        assert np.all(part.shadow >= 0.0)
    kept = bid.verdict == Verdict.ACCEPTED
    np.testing.assert_allclose(bid.validated_kwh[kept], bid.offered_kwh[kept], atol=1e-6)
    for offer in parts(bid):
        kept = offer.verdict == Verdict.ACCEPTED
        np.testing.assert_allclose(offer.feasible_kwh[kept], offer.offered_kwh[kept], atol=2e-6)
        assert np.all(offer.feasible_kwh[offer.verdict == Verdict.REJECTED] == 0.0)


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_no_limits_no_cuts(seed: int) -> None:
    schedule = random_bid(seed)
    free = PowerFlow(limited(low=0.01, high=9.0, loading=1e6))
    bid = prequalify(free, schedule, rule="optimal")
    assert np.all(bid.verdict == Verdict.ACCEPTED)
    np.testing.assert_array_equal(bid.validated_kwh, bid.offered_kwh)
    for offer in parts(bid):
        np.testing.assert_allclose(offer.feasible_kwh, offer.offered_kwh)
    assert not np.any(bid.price)


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_environments_and_intervals_are_judged_each_by_itself(seed: int) -> None:
    power_flow, schedule = PowerFlow(limited()), random_bid(seed, intervals=2, environments=3)
    together = prequalify(power_flow, schedule, rule="optimal")
    for t in range(2):
        for b in range(3):
            cell = (slice(t, t + 1), slice(b, b + 1))
            part = {
                field.name: getattr(schedule, field.name)[cell]
                for field in fields(Schedule)
                if field.name != "around"
            }
            around = schedule.around[t]
            here = replace(
                around, bus=around.bus[cell[1]], kw=around.kw[cell[1]], kvar=around.kvar[cell[1]]
            )
            alone = prequalify(power_flow, Schedule(**part, around=(here,)), rule="optimal")
            assert alone.validated_kwh[0, 0] == together.validated_kwh[t, b]
            for one, all_of in zip(parts(alone), parts(together), strict=True):
                assert one.feasible_kwh[0, 0] == all_of.feasible_kwh[t, b]
                assert one.reason[0, 0] == all_of.reason[t, b]
            np.testing.assert_array_equal(alone.price[0, 0], together.price[t, b])


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_offers_keep_at_least_everybodys_largest_same_share(seed: int) -> None:
    feeder, schedule = limited(), random_bid(seed)
    power_flow = PowerFlow(feeder)
    standing = replace(schedule, net_kwh=schedule.firm_kwh)  # an empty schedule moves nobody
    bid = prequalify(power_flow, standing, rule="optimal")
    for sign, offer, asked in (
        (-1.0, bid.up, schedule.up_kwh),
        (1.0, bid.down, schedule.down_kwh),
    ):
        room = (
            standing.net_kwh - schedule.least_kwh
            if sign < 0
            else schedule.most_kwh - standing.net_kwh
        )
        able = np.minimum(asked, np.maximum(room, 0.0))
        added = schedule.at_buses(sign * able) - schedule.at_buses(0.0 * able)
        firm = bid.firm_bus_kw.reshape(-1, 3)
        kvar = bid.bus_kvar.reshape(-1, 3)
        at_firm = limits.excess(feeder, power_flow.solve(firm, kvar))
        share = largest_share(
            power_flow, firm, added.reshape(-1, 3), kvar, limits.allowed_excess(at_firm)
        )
        least = share.reshape(2, 2) * able.sum(axis=2)
        assert np.all(offer.feasible_kwh >= least - 1e-4 * able.sum(axis=2) - 1e-3)


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_tighter_limits_leave_no_more_of_an_offer(seed: int) -> None:
    schedule = random_bid(seed, intervals=1)
    empty = replace(schedule, net_kwh=schedule.firm_kwh, firm_kwh=schedule.firm_kwh)
    left = []
    for margin in (0.05, 0.03, 0.02, 0.01):
        feeder = limited(low=1.0 - margin, high=1.0 + margin)
        kept = prequalify(PowerFlow(feeder), empty, rule="optimal")
        left.append(np.stack([kept.up.feasible_kwh, kept.down.feasible_kwh]))
        excess, _ = excesses(feeder, kept, kept.firm_bus_kw)
        if not np.all(limits.within(excess)):
            return  # from here on the counterfactual may break what others must keep
    assert all(np.all(later <= earlier + 1e-3) for earlier, later in pairwise(left))


def worked(sold_kw: float, up_kw: tuple[float, float], spare_kw: float = 0.0) -> WholesaleBid:
    """Sell at bus 2 over firm loads of 12 and 4 kW, with upward offers at both buses.

    The participant at bus 1 sells nothing, but can feed in its offer and `spare_kw`.
    """
    net = HOURS * np.array([12.0, 0.0, 4.0 - sold_kw])
    up = HOURS * np.array([0.0, *up_kw])
    least = np.array([net[0], -HOURS * max(spare_kw, up_kw[0]), net[2] - up[2]])
    firm = HOURS * np.array([12.0, 0.0, 4.0])
    schedule = Schedule(
        net_kwh=net[None, None],
        firm_kwh=firm[None, None],
        least_kwh=least[None, None],
        most_kwh=firm[None, None],
        up_kwh=up[None, None],
        down_kwh=np.maximum(firm - net, 0.0)[None, None],
        around=(Surroundings(np.array([[1, 1, 2]]), np.zeros((1, 3)), np.zeros((1, 3)), HOURS),),
    )
    return prequalify(PowerFlow(FEEDER), schedule, rule="optimal")


def test_offers_of_a_run_get_about_the_answer_that_a_bid_of_ones_own_gets() -> None:
    """A run stops where a further round gains less than a thousandth of the 50 kW offered."""
    bid = worked(60.0, (20.0, 30.0))
    own = pd.DataFrame(
        {
            "interval": 0,
            "bus": [1, 2],
            "schedule_kw": [0.0, -60.0],
            "up_kw": [20.0, 30.0],
            "down_kw": [0.0, 60.0],
        }
    )
    answer = validate_bid(FEEDER, worked_base(), own).verdicts.set_index("product")
    assert answer.verdict["up"] == "curtailed"
    assert bid.up.verdict[0, 0] == Verdict.CURTAILED
    assert bid.up.feasible_kwh[0, 0] / HOURS == pytest.approx(answer.feasible_kw["up"], abs=0.1)
    assert (bid.up.reason[0, 0], bid.up.element[0, 0]) == (Reason.OVERVOLTAGE, 2)
    assert bid.down.feasible_kwh[0, 0] / HOURS == pytest.approx(answer.feasible_kw["down"])


def test_a_cut_schedule_costs_a_kwh_a_kwh_where_it_hurts() -> None:
    """One more kWh fed in at bus 2 would displace one of the bid; at bus 1 about half as much."""
    bid = worked(120.0, (0.0, 0.0))
    assert bid.verdict[0, 0] == Verdict.CURTAILED
    assert bid.shadow[0, 0] == pytest.approx(1.0, abs=1e-5)
    assert bid.price[0, 0, 2] == pytest.approx(-1.0, abs=1e-5)
    assert bid.price[0, 0, 1] == pytest.approx(-0.46786 / 0.90174, abs=1e-2)
    assert bid.price[0, 0, 0] == pytest.approx(0.0, abs=1e-9)


def test_what_was_moved_cannot_be_offered_again() -> None:
    """Bus 1 took over what bus 2 could not feed in; of its 40 kW only the rest can go up."""
    bid = worked(80.0, (40.0, 0.0))
    assert bid.verdict[0, 0] == Verdict.ACCEPTED
    assert bid.shadow[0, 0] == 0.0
    assert not np.any(bid.price)
    moved_kw = (bid.offered_bus_kw - bid.validated_bus_kw)[0, 0]
    assert moved_kw[1] == pytest.approx(-moved_kw[2])
    assert moved_kw[1] > 1.0
    assert bid.up.verdict[0, 0] != Verdict.ACCEPTED
    assert (bid.up.reason[0, 0], bid.up.element[0, 0]) == (Reason.OVERVOLTAGE, 2)
    assert bid.up.feasible_kwh[0, 0] <= HOURS * (40.0 - moved_kw[1]) + 1e-9


def test_without_a_power_flow_of_firm_load_nothing_is_left() -> None:
    schedule = random_bid(1)
    heavy = tuple(replace(around, kw=around.kw + 1e5) for around in schedule.around)
    bid = prequalify(PowerFlow(limited()), replace(schedule, around=heavy), rule="optimal")
    for part in (bid, *parts(bid)):
        assert np.all(part.verdict == Verdict.REJECTED)
        assert np.all(part.reason == Reason.NO_POWER_FLOW)
    np.testing.assert_array_equal(bid.validated_bus_kw, bid.firm_bus_kw)
    np.testing.assert_array_equal(bid.up.bus_kw, bid.firm_bus_kw)


def test_rule_none_lets_every_offer_pass() -> None:
    schedule = random_bid(7)
    bid = prequalify(PowerFlow(limited(high=1.0001)), schedule, rule="none")
    np.testing.assert_array_equal(bid.validated_kwh, bid.offered_kwh)
    for part in (bid, *parts(bid)):
        assert np.all(part.verdict == Verdict.ACCEPTED)
    np.testing.assert_array_equal(bid.down.feasible_kwh, bid.down.offered_kwh)


@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_offers_are_near_the_exact_most(seed: int) -> None:
    schedule, power_flow = random_bid(seed), PowerFlow(limited())
    bid = prequalify(power_flow, schedule, rule="optimal")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prequalification, "splitting", judging)
        exact = prequalify(power_flow, schedule, rule="optimal")
    for one, other in zip(parts(bid), parts(exact), strict=True):
        assert np.all(one.feasible_kwh >= other.feasible_kwh - 5e-3 * other.offered_kwh - 1e-3)
        np.testing.assert_array_equal(
            one.verdict == Verdict.ACCEPTED, other.verdict == Verdict.ACCEPTED
        )
