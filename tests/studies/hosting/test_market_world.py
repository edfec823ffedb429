"""Worlds of market levers: what all cases share, and what differs."""

import datetime
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cosim.errors import HostingError
from cosim.scenario import Scenario
from cosim.studies.hosting.market_days import (
    MarketDay,
    charged_at_once,
    home_owners,
    market_day,
    set_stage,
    site_owners,
)
from cosim.studies.hosting.market_play import asked_and_gone
from cosim.studies.hosting.market_stage import market_dates, stage_problems, stretches
from cosim.studies.hosting.market_world import (
    NOBODY,
    Slots,
    by_bus,
    draw_owners,
    owned_kw,
    slots_of,
    world_of,
)
from cosim.studies.hosting.operating_points import operating_points, typical_days
from cosim.studies.hosting.records import Deployments
from cosim.studies.hosting.settings import HostingSettings, hosting_settings
from cosim.studies.hosting.study_parts import Prepared, deployments_of, prepare

DAY = datetime.date(2016, 5, 24)
LEVELS = st.floats(0.0, 150.0)


def settings(technology: str = "pv", **market: object) -> HostingSettings:
    return hosting_settings(
        {
            "feeder": "three_bus",
            "technology": technology,
            "window": {"days": [str(DAY)]},
            "market": market,
        }
    )


@cache
def prepared(technology: str = "pv") -> Prepared:
    return prepare(settings(technology))


@cache
def day(technology: str = "pv", start: datetime.date = DAY, days: int = 1) -> MarketDay:
    ready = prepared(technology)
    stage = set_stage(
        ready.settings, Scenario(), ready.feeder, ready.profiles, home_owners(ready.placed)
    )
    return market_day(stage, start, days)


@cache
def orders() -> Deployments:
    return deployments_of(prepared(), range(3), 200.0)


def slots(level_kw: list[float], which: list[int], battery_share: float = 0.5) -> Slots:
    draws = draw_owners(0, orders(), len(prepared().placed.homes))
    return slots_of(
        orders(), draws, np.array(level_kw), np.array(which), battery_share=battery_share
    )


@examples(max_examples=15)
@given(low=LEVELS, more=LEVELS, which=st.integers(0, 2), share=st.floats(0.0, 1.0))
def test_a_higher_level_takes_nothing_away(
    low: float, more: float, which: int, share: float
) -> None:
    both = slots([low, low + more], [which, which], share)
    homes = len(prepared().placed.homes)
    kw, battery_kwh = np.zeros((2, homes)), np.zeros((2, homes))
    for row in range(2):
        here = both.owner[row] != NOBODY
        kw[row, both.owner[row, here]] = both.kw[row, here]
        battery_kwh[row, both.owner[row, here]] = (both.kw * both.battery)[row, here]
    np.testing.assert_allclose(kw.sum(axis=1), [low, low + more], rtol=1e-12, atol=1e-9)
    assert (kw[1] >= kw[0] - 1e-12).all()
    assert (battery_kwh[1] >= battery_kwh[0] - 1e-12).all()


@examples(max_examples=10)
@given(levels=st.lists(LEVELS, min_size=1, max_size=4), technology=st.sampled_from(["pv", "ev"]))
def test_loads_at_buses_do_not_hang_on_who_has_a_plant(
    levels: list[float], technology: str
) -> None:
    here = slots(levels, [0] * len(levels))
    lived = day(technology)
    world = world_of(lived, here, Scenario().community, technology)
    for own, passive, total in (
        (world.actual.load_kw, world.actual.passive_kw, lived.total_kw),
        (world.actual.load_kvar, world.actual.passive_kvar, lived.total_kvar),
    ):
        both = by_bus(own, lived, here) + passive
        np.testing.assert_allclose(both, np.broadcast_to(total[:, None, :], both.shape), atol=1e-12)


def test_slots_are_ranked_without_gaps_by_deployment_and_home() -> None:
    here = slots([30.0, 150.0, 150.0], [0, 1, 1])
    np.testing.assert_array_equal(
        np.sort(here.tie_rank, axis=1), np.tile(np.arange(here.kw.shape[1]), (3, 1))
    )
    np.testing.assert_array_equal(here.tie_rank[1], here.tie_rank[2])


def test_draws_of_a_deployment_do_not_hang_on_the_others_or_its_length() -> None:
    homes = len(prepared().placed.homes)
    whole = draw_owners(0, orders(), homes)
    short = draw_owners(0, deployments_of(prepared(), range(2, 3), 100.0), homes)
    np.testing.assert_array_equal(short.battery[0], whole.battery[2])
    np.testing.assert_array_equal(short.tie[0], whole.tie[2])
    assert not np.array_equal(whole.battery[0], whole.battery[1])


def test_levels_fill_homes_in_order() -> None:
    size, home = orders().size_kw[1], orders().home[1]
    level = float(size[:2].sum() + 0.5 * size[2])
    owned = owned_kw(orders(), level, 1, len(prepared().placed.homes))
    wanted = np.bincount(home[:3], weights=[size[0], size[1], 0.5 * size[2]], minlength=len(owned))
    np.testing.assert_allclose(owned, wanted)


@pytest.mark.parametrize("technology", ["pv", "heat_pump"])
def test_days_are_those_of_the_operating_points(technology: str) -> None:
    ready, lived = prepared(technology), day(technology)
    points = operating_points(ready.settings, ready.feeder, ready.placed, ready.profiles)
    np.testing.assert_array_equal(lived.total_kw[:96], points.load_kw)
    np.testing.assert_array_equal(lived.total_kvar[:96], points.load_kvar)
    np.testing.assert_array_equal(lived.course[:96], points.course[:, lived.owner_bus])


def test_a_day_is_the_same_alone_and_as_the_first_of_two() -> None:
    one, two = day("ev"), day("ev", DAY, 2)
    evening = slice(0, 96)
    np.testing.assert_array_equal(one.asked_kwh[evening], two.asked_kwh[evening])
    np.testing.assert_array_equal(one.departure[evening], two.departure[evening])
    np.testing.assert_array_equal(one.total_kw[evening], two.total_kw[evening])
    assert one.asked_kwh[evening].any()


def test_vehicles_that_nobody_steers_get_what_they_ask_for() -> None:
    lived = day("ev", DAY, 2)
    arriving = lived.asked_kwh > 0.0
    assert (lived.departure[arriving] > np.nonzero(arriving)[0]).all()
    assert (lived.course >= 0.0).all()
    assert (lived.course <= 1.0).all()
    # Nobody comes home before noon, or leaves after it.
    noon = 96 + 48
    np.testing.assert_allclose(
        0.25 * lived.course[:noon].sum(axis=0), lived.asked_kwh[:96].sum(axis=0)
    )
    assert lived.asked_kwh[:96].any()


@examples(max_examples=25)
@given(
    asked=st.lists(st.floats(0.01, 6.0), min_size=1, max_size=3),
    gap=st.integers(24, 30),
)
def test_charging_at_once_gives_what_is_asked_for(asked: list[float], gap: int) -> None:
    rows = np.zeros((gap * len(asked), 1))
    rows[::gap, 0] = asked
    power = charged_at_once(rows, 0.25)
    assert (power <= 1.0).all()
    for number, energy in enumerate(asked):
        stay = power[number * gap : (number + 1) * gap, 0]
        assert 0.25 * stay.sum() == pytest.approx(energy)
        assert (np.diff(stay) <= 1e-12).all()


def test_only_what_leaves_within_the_days_is_due() -> None:
    asked = np.zeros((6, 1, 2))
    asked[1], asked[3] = 2.0, 5.0
    departure = np.full((6, 1, 2), -1)
    departure[1:3, 0, 0], departure[3:6, 0, 0] = 3, 5
    departure[1:3, 0, 1], departure[3:6, 0, 1] = 3, 4
    assert asked_and_gone(asked, departure, 4).tolist() == [2.0 + 2.0 + 5.0]


def test_sites_draw_nothing_by_themselves() -> None:
    ready = prepared()
    owners = site_owners(ready.placed, np.array([1, 2, 2]))
    stage = set_stage(ready.settings, Scenario(), ready.feeder, ready.profiles, owners)
    lived = market_day(stage, DAY)
    assert not lived.load_kw.any()
    np.testing.assert_array_equal(lived.total_kw, day().total_kw)
    assert lived.course.shape == (192, 3)


def test_which_days_are_played() -> None:
    profiles = prepared().profiles
    named = hosting_settings(
        {
            "feeder": "three_bus",
            "technology": "ev",
            "window": {"days": ["2016-12-31", "2016-02-28"]},
        }
    )
    dates = [datetime.date(2016, *each) for each in ((2, 28), (2, 29), (12, 31))]
    assert list(market_dates(named, profiles)) == dates
    assert stretches(dates) == [(dates[0], 2), (dates[2], 1)]
    assert market_dates(settings(), profiles) == (DAY,)
    typical = hosting_settings({"feeder": "three_bus", "window": {"kind": "typical"}})
    assert market_dates(typical, profiles) == typical_days(profiles)
    assert not stage_problems(typical)
    year = [datetime.date(2016, 1, 1) + datetime.timedelta(days=n) for n in range(17)]
    assert [count for _, count in stretches(year)] == [7, 7, 3]


@pytest.mark.parametrize(
    ("market", "told"),
    [
        ({"battery_share": 1.5}, "battery_share"),
        ({"cases_at_once": 0}, "cases_at_once"),
    ],
)
def test_settings_that_cannot_be_meant(market: dict[str, object], told: str) -> None:
    with pytest.raises(HostingError, match=told):
        settings("pv", **market)
