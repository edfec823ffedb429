import datetime
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.inputs.profiles import local_midnight
from cosim.inputs.vehicles import FEASIBLE_SHARE, Asked, Stays, draw_stays, fill_stays
from cosim.records import Floats, Integers
from networks.homes import plain_homes
from networks.placement import PASSIVE, Blocks, Placement

FIRST_DAY = datetime.date(2016, 6, 13)  # a Monday


def community(vehicle_kw: list[float], prosumer: list[int]) -> Placement:
    """Homes at one bus with vehicles only."""
    count = len(vehicle_kw)
    nowhere, nothing = np.zeros(count, np.int64), np.zeros(count)
    homes = plain_homes(nowhere, nowhere, kw=nothing, kvar=nothing, shift=nowhere)
    homes = replace(homes, vehicle_kw=np.array(vehicle_kw))
    owner = np.array(prosumer)
    number = int(owner.max()) + 1
    none = np.zeros(0, np.int64)
    return Placement(
        homes=homes,
        prosumer=owner,
        counted=np.full(count, True),
        prosumer_bus=np.zeros(number, np.int64),
        prosumer_homes=np.bincount(owner[owner != PASSIVE], minlength=number).astype(float),
        blocks=Blocks(none, none, np.zeros(0), np.zeros(0), none),
        passive_homes=np.zeros(1),
    )


def stays_of(
    placed: Placement,
    *,
    days: int = 7,
    seed: int = 0,
    mean_kwh: float = 8.0,
    start: datetime.date = FIRST_DAY,
) -> Stays:
    asked = Asked(np.full(len(placed.homes), mean_kwh), 0.9)
    return draw_stays(placed, asked, start=start, days=days, generator=np.random.default_rng(seed))


def many(count: int = 400, kw: float = 11.0) -> Placement:
    return community([kw] * count, list(range(count)))


@given(
    seed=st.integers(0, 2**32),
    kw=st.floats(1.0, 22.0),
    mean_kwh=st.floats(0.1, 200.0),
    start=st.dates(datetime.date(2016, 1, 1), datetime.date(2016, 12, 29)),
    days=st.integers(1, 3),
)
@settings(max_examples=40, deadline=None)
def test_stays_are_feasible_and_never_overlap(
    seed: int, kw: float, mean_kwh: float, start: datetime.date, days: int
) -> None:
    placed = many(8, kw)
    stays = stays_of(placed, days=days, seed=seed, mean_kwh=mean_kwh, start=start)
    home = stays.energy_kwh > 0
    length = stays.departure - stays.arrival
    assert (length[home] > 0).all()
    assert (length[~home] == 0).all()
    assert (stays.energy_kwh <= FEASIBLE_SHARE * kw * 0.9 * length / 4.0 + 1e-9).all()
    for vehicle in range(8):
        mine = home[:, vehicle]
        assert (stays.arrival[mine, vehicle][1:] >= stays.departure[mine, vehicle][:-1]).all()

    midnight = local_midnight(start, days) - local_midnight(start, 0)
    intervals = int(midnight / np.timedelta64(15, "m")) + 96
    arrival_kwh, departure = fill_stays(stays, intervals)
    check_arrays(arrival_kwh, departure, power_kwh=kw * 0.9 / 4.0)


def check_arrays(arrival_kwh: Floats, departure: Integers, power_kwh: float) -> None:
    """Every request is at the begin of a stay, can be met in it, and stays have one end."""
    intervals, count = arrival_kwh.shape
    for vehicle in range(count):
        end = -1
        for interval in range(intervals):
            now = departure[interval, vehicle]
            asked = arrival_kwh[interval, vehicle]
            assert asked >= 0.0
            if asked > 0.0:
                assert interval >= end
                assert now > interval
                assert asked <= FEASIBLE_SHARE * power_kwh * (now - interval) + 1e-9
                end = now
            assert now == (end if interval < end else -1)


def test_times_and_energies_are_as_stated() -> None:
    stays = stays_of(many(3000))
    home = stays.energy_kwh > 0
    # Evenings: the Sunday before, Monday to Friday, the weekend, and the Monday behind the run.
    assert home[1:6].mean() == pytest.approx(0.85, abs=0.01)
    assert home[6:8].mean() == pytest.approx(0.70, abs=0.02)
    midnight = 96 * np.arange(-1, 8)[:, None]
    arrival_h = np.where(home, (stays.arrival - midnight) / 4.0, np.nan)
    departure_h = np.where(home, (stays.departure - midnight) / 4.0 - 24.0, np.nan)
    # Floored to quarter hours: an eighth of an hour early on average.
    assert np.nanmean(arrival_h[1:6]) == pytest.approx(18.0 - 0.125, abs=0.05)
    assert np.nanstd(arrival_h[1:6]) == pytest.approx(1.5, abs=0.05)
    assert np.nanmean(arrival_h[6:8]) == pytest.approx(17.0 - 0.125, abs=0.15)
    assert np.nanmean(departure_h[1:5]) == pytest.approx(7.5 - 0.125, abs=0.05)
    assert np.nanmean(departure_h[5:7]) == pytest.approx(9.5 - 0.125, abs=0.1)
    assert stays.energy_kwh[home].mean() == pytest.approx(8.0 * 0.9, rel=0.02)


def test_hours_are_local_across_the_change_of_clocks() -> None:
    for date, first_interval_of_noon in (("2016-03-27", 44), ("2016-10-30", 52)):
        stays = stays_of(many(2000), days=1, start=datetime.date.fromisoformat(date))
        home = stays.energy_kwh[0] > 0
        departures = stays.departure[0][home]
        noon = np.quantile(departures, 0.999)
        assert first_interval_of_noon - 4 <= noon <= first_interval_of_noon
        mean_h = (departures.mean() - first_interval_of_noon) / 4.0 + 12.0
        assert mean_h == pytest.approx(9.5 - 0.125, abs=0.15)


def test_stays_under_way_ask_for_their_share_at_interval_zero() -> None:
    stays = Stays(np.array([[-30]]), np.array([[10]]), np.array([[8.0]]))
    arrival_kwh, departure = fill_stays(stays, 20)
    assert arrival_kwh[0, 0] == pytest.approx(2.0)
    assert arrival_kwh[1:].sum() == 0.0
    assert (departure[:10, 0] == 10).all()
    assert (departure[10:, 0] == -1).all()


def test_stays_may_end_behind_the_arrays() -> None:
    stays = Stays(np.array([[15]]), np.array([[55]]), np.array([[8.0]]))
    arrival_kwh, departure = fill_stays(stays, 20)
    assert arrival_kwh[15, 0] == 8.0
    assert (departure[15:, 0] == 55).all()
    beyond = fill_stays(Stays(np.array([[25]]), np.array([[55]]), np.array([[8.0]])), 20)
    assert (beyond[1] == -1).all()
    assert beyond[0].sum() == 0.0


def test_a_longer_run_begins_the_same() -> None:
    short, long = stays_of(many(5), days=2), stays_of(many(5), days=6)
    assert (short.arrival == long.arrival[:4]).all()
    assert (short.energy_kwh == long.energy_kwh[:4]).all()


def test_a_vehicle_does_not_change_with_its_neighbours() -> None:
    alone = stays_of(community([0.0, 11.0, 0.0], [PASSIVE, 0, PASSIVE]))
    among = stays_of(community([11.0, 11.0, 11.0], [0, 1, 2]))
    assert (alone.arrival[:, 0] == among.arrival[:, 1]).all()
    assert (alone.energy_kwh[:, 0] == among.energy_kwh[:, 1]).all()


def test_vehicles_of_several_homes_act_as_one() -> None:
    one_by_one = stays_of(community([11.0] * 3, [0, 1, 2]))
    jointly = stays_of(community([11.0] * 3, [0, 0, 0]))
    assert jointly.energy_kwh[:, 0] == pytest.approx(one_by_one.energy_kwh.sum(axis=1))
    home = one_by_one.energy_kwh > 0
    for evening in np.flatnonzero(home.any(axis=1)):
        arrivals = one_by_one.arrival[evening][home[evening]]
        assert arrivals.min() <= jointly.arrival[evening, 0] <= arrivals.max()


def test_prosumers_without_a_vehicle_are_never_plugged_in() -> None:
    arrival_kwh, departure = fill_stays(stays_of(community([0.0, 11.0], [0, 1])), 700)
    assert arrival_kwh[:, 0].sum() == 0.0
    assert (departure[:, 0] == -1).all()
    assert arrival_kwh[:, 1].sum() > 0.0
