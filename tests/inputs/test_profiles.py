import datetime

import numpy as np
import pytest

from cosim.errors import ProfileError
from cosim.inputs.profiles import LOOKAHEAD, Shapes, heat_demand, powers_of, run_calendar, shapes_of
from cosim.scenario import Run
from networks.catalog import load_feeder
from networks.homes import DeviceMix
from networks.placement import PASSIVE, Placement, Site, place
from networks.shifts import shifted_rows
from networks.simbench_profiles import BLOCKS, QUARTER_HOURS, YearProfiles, year_profiles

NO_GENERATION = (np.zeros((1, 44)), np.zeros((1, 44)))


@pytest.fixture(scope="module")
def year() -> YearProfiles:
    return year_profiles()


@pytest.fixture(scope="module")
def placed(year: YearProfiles) -> Placement:
    mix = DeviceMix(pv_share=0.5, pv_kwp=7.0, heat_pump_share=0.3, heat_pump_kw=5.0)
    return place(load_feeder("cigre_lv"), year, mix, generator=np.random.default_rng(3))


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("date", "intervals", "hour_of_eighth"),
    [("2016-06-13", 96, 2.0), ("2016-03-27", 92, 3.0), ("2016-10-30", 100, 2.0)],
)
def test_days_are_local(
    year: YearProfiles, date: str, intervals: int, hour_of_eighth: float
) -> None:
    calendar, rows = run_calendar(Run(start=day(date), days=2), year)
    assert np.diff(calendar.day_start)[0] == intervals
    assert calendar.day_start[-1] == intervals + 96
    assert len(rows) == len(calendar.start_utc) == calendar.day_start[-1] + LOOKAHEAD
    assert calendar.local_hour[0] == 0.0
    assert calendar.local_hour[8] == hour_of_eighth
    assert calendar.local_hour[calendar.day_start[:-1]] == pytest.approx(0.0)
    assert (np.diff(calendar.start_utc) == np.timedelta64(15, "m")).all()
    assert (year.start_utc[rows] == calendar.start_utc).all()


def test_behind_the_last_day_the_year_begins_anew(year: YearProfiles) -> None:
    calendar, rows = run_calendar(Run(start=day("2016-12-31"), days=1), year)
    assert (rows[96:] == np.arange(LOOKAHEAD)).all()
    assert calendar.start_utc[96] == np.datetime64("2016-12-31T23:00")
    assert (calendar.local_hour[:96] == calendar.local_hour[96:]).all()


def test_the_whole_year_can_be_played(year: YearProfiles) -> None:
    calendar, _ = run_calendar(Run(start=day("2016-01-01"), days=366), year)
    assert calendar.day_start[-1] == QUARTER_HOURS


@pytest.mark.parametrize(
    ("start", "days"), [("2015-12-31", 1), ("2017-01-01", 1), ("2016-12-31", 2), ("9999-12-31", 5)]
)
def test_dates_without_profiles_are_refused(year: YearProfiles, start: str, days: int) -> None:
    with pytest.raises(ProfileError, match=f"{start}.*2016-01-01 to 2016-12-31"):
        run_calendar(Run(start=day(start), days=days), year)


@pytest.fixture(scope="module")
def year_shapes(year: YearProfiles) -> Shapes:
    return shapes_of(year, np.arange(QUARTER_HOURS), pv_kwh_per_kwp=950.0)


def test_solar_profiles_yield_what_is_wanted(year_shapes: Shapes) -> None:
    assert year_shapes.solar.sum(axis=1) / 4.0 == pytest.approx(950.0, rel=1e-6)


@pytest.fixture(scope="module")
def shapes(year: YearProfiles) -> Shapes:
    _, rows = run_calendar(Run(start=day("2016-01-18"), days=1), year)
    return shapes_of(year, rows, pv_kwh_per_kwp=950.0)


def test_powers_are_the_sum_of_homes_one_by_one(
    year: YearProfiles, placed: Placement, shapes: Shapes
) -> None:
    homes = placed.homes
    _, rows = run_calendar(Run(start=day("2016-01-18"), days=1), year)
    powers = powers_of(placed, shapes, shift=homes.shift, generation=NO_GENERATION)
    load = np.zeros_like(powers.load_kw)
    heat = np.zeros_like(powers.load_kw)
    demand = heat_demand(year.heat_pump_pu)
    solar = np.zeros_like(powers.load_kw)
    passive = np.zeros_like(powers.passive_kvar)
    where = shifted_rows(year, homes.shift, rows)
    for home, who in enumerate(placed.prosumer):
        kind, at = homes.household[home], where[home]
        if who == PASSIVE:
            reactive = year.household_reactive_pu[kind, at] * homes.nominal_kvar[home]
            passive[:, homes.bus[home]] += reactive
            continue
        load[:, who] += homes.nominal_kw[home] * year.household_pu[kind, at]
        heat[:, who] += homes.heat_pump_kw[home] * demand[0, at]
        solar[:, who] += homes.pv_kwp[home] * shapes.solar[homes.solar[home]]
    for block in range(len(placed.blocks.bus)):
        shape = year.block_pu[placed.blocks.shape[block], rows]
        passive[:, placed.blocks.bus[block]] += placed.blocks.peak_kvar[block] * shape
    assert powers.load_kw == pytest.approx(load, rel=1e-9)
    assert powers.heat_pump_kw == pytest.approx(heat, rel=1e-9)
    assert powers.pv_kw == pytest.approx(solar, rel=1e-9)
    assert powers.passive_kvar == pytest.approx(passive, rel=1e-6, abs=1e-6)


def test_heat_demand_is_smooth_and_has_the_energy_of_the_device(year: YearProfiles) -> None:
    device, demand = year.heat_pump_pu[0].astype(np.float64), heat_demand(year.heat_pump_pu)[0]
    assert demand.sum(dtype=np.float64) == pytest.approx(device.sum(), rel=1e-6)
    winter = slice(0, 28 * 96)
    jumps = [np.abs(np.diff(each[winter])).max() for each in (device, demand)]
    assert jumps[1] < 0.1 * jumps[0]
    assert (demand >= 0.0).all()


def test_heat_demand_is_a_centred_average_over_six_hours_of_a_circular_year() -> None:
    pulse = np.zeros((1, 200), np.float32)
    pulse[0, 3] = 24.0
    expected = np.zeros(200)
    expected[np.arange(-8, 15)] = 1.0
    expected[[-9, 15]] = 0.5
    assert heat_demand(pulse)[0] == pytest.approx(expected)


def test_a_trade_peaks_once_a_year_at_its_published_load(
    year: YearProfiles, year_shapes: Shapes
) -> None:
    alone = place(
        load_feeder("cigre_lv"),
        year,
        DeviceMix(),
        generator=np.random.default_rng(0),
        sites=[Site(bus=12)],
    )
    powers = powers_of(alone, year_shapes, shift=alone.homes.shift, generation=NO_GENERATION)
    blocks = alone.blocks
    assert powers.passive_kw[:, blocks.bus].max(axis=0) == pytest.approx(blocks.peak_kw, rel=1e-6)
    ratio = powers.passive_kvar[:, blocks.bus] / powers.passive_kw[:, blocks.bus]
    assert ratio == pytest.approx(
        np.broadcast_to(blocks.peak_kvar / blocks.peak_kw, ratio.shape), rel=1e-9
    )
    assert {BLOCKS[shape] for shape in blocks.shape} == {"G0-A", "G0-M"}


def test_shifts_lower_the_peak_of_many_homes(placed: Placement, year_shapes: Shapes) -> None:
    homes = placed.homes

    def peak_per_home(shift: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
        powers = powers_of(placed, year_shapes, shift=shift, generation=NO_GENERATION)
        residential = np.unique(homes.bus)
        total = powers.load_kw.sum(axis=1) + powers.passive_kw[:, residential].sum(axis=1)
        return float(total.max()) / len(homes)

    assert 0.5 < peak_per_home(homes.shift) < 0.75
    assert peak_per_home(np.full_like(homes.shift, 17)) > 1.0
