from dataclasses import fields, replace

import numpy as np
import pytest

from networks.catalog import load_feeder
from networks.errors import NetworkError
from networks.feeder import Feeder
from networks.homes import PEAK_PER_HOME_KW, DeviceMix
from networks.placement import (
    PASSIVE,
    PROSUMERS_USUAL,
    Placement,
    Site,
    groups_per_bus,
    listing,
    place,
)
from networks.shifts import shifted_rows
from networks.simbench_profiles import QUARTER_HOURS, YearProfiles, year_profiles

MIX = DeviceMix(
    pv_share=0.4,
    pv_kwp=7.0,
    battery_share_of_pv=0.5,
    battery_kwh_per_kwp=1.0,
    battery_kw_per_kwh=0.5,
    vehicle_share=0.2,
    vehicle_kw=11.0,
    heat_pump_share=0.15,
    heat_pump_kw=5.0,
    building_kwh_per_kelvin=5.0,
)


@pytest.fixture(scope="module")
def year() -> YearProfiles:
    return year_profiles()


@pytest.fixture(scope="module")
def low_voltage() -> Feeder:
    return load_feeder("cigre_lv")


@pytest.fixture(scope="module")
def placed(low_voltage: Feeder, year: YearProfiles) -> Placement:
    return draw(low_voltage, year, MIX)


def draw(feeder: Feeder, year: YearProfiles, mix: DeviceMix, seed: int = 0) -> Placement:
    return place(feeder, year, mix, generator=np.random.default_rng(seed))


def raised(share: str) -> DeviceMix:
    values = {field.name: getattr(MIX, field.name) for field in fields(DeviceMix)}
    return DeviceMix(**(values | {share: 0.7}))


def yearly_peaks(placed: Placement, year: YearProfiles, bus: int) -> float:
    homes = placed.homes
    rows = np.arange(QUARTER_HOURS)
    total = np.zeros(QUARTER_HOURS)
    for home in np.flatnonzero(homes.bus == bus):
        where = shifted_rows(year, homes.shift[[home]], rows)[0]
        total += homes.nominal_kw[home] * year.household_pu[homes.household[home], where]
    return float(total.max())


def test_homes_reach_the_published_peak_of_their_bus(
    placed: Placement, low_voltage: Feeder, year: YearProfiles
) -> None:
    for bus in np.unique(placed.homes.bus):
        published = low_voltage.nominal_load_kw[bus]
        assert yearly_peaks(placed, year, bus) == pytest.approx(published, rel=0.12)


def test_homes_per_bus_are_as_many_as_published(low_voltage: Feeder, year: YearProfiles) -> None:
    counts = np.mean(
        [
            np.bincount(draw(low_voltage, year, MIX, seed).homes.bus, minlength=44)
            for seed in range(6)
        ],
        axis=0,
    )
    names = [name.removeprefix("Bus ") for name in low_voltage.bus_name]
    # Number found in one published draw, and two standard deviations of a draw.
    expected = {
        "R1": (250, 28),
        "R11": (14, 7),
        "R15": (54, 12),
        "R16": (66, 14),
        "R17": (37, 11),
        "R18": (42, 12),
    }
    for name, (number, spread) in expected.items():
        assert counts[names.index(name)] == pytest.approx(number, abs=spread), name
    assert counts.sum() == pytest.approx(463, rel=0.08)
    lived_in = {names[bus] for bus in np.flatnonzero(counts)}
    assert lived_in == set(expected)


def test_trades_take_the_published_peak_of_the_other_zones(
    placed: Placement, low_voltage: Feeder
) -> None:
    zone = np.array(low_voltage.bus_zone)
    others = (zone != "residential") & (low_voltage.nominal_load_kw > 0)
    assert set(placed.blocks.bus) == set(np.flatnonzero(others))
    assert placed.blocks.peak_kw.sum() == pytest.approx(low_voltage.nominal_load_kw[others].sum())
    assert placed.blocks.peak_kvar == pytest.approx(
        low_voltage.nominal_load_kvar[placed.blocks.bus]
    )


def test_every_owner_is_a_prosumer_and_nobody_else(placed: Placement) -> None:
    takes_part = placed.prosumer != PASSIVE
    assert (takes_part == placed.homes.owns_device).all()
    assert placed.prosumer_count == takes_part.sum()
    assert 220 <= placed.prosumer_count <= 320
    assert (placed.prosumer_bus == placed.homes.bus[takes_part]).all()


def test_sizes_follow_the_mix(placed: Placement) -> None:
    homes = placed.homes
    has_pv = homes.pv_kwp > 0
    assert 0.6 * 7.0 <= homes.pv_kwp[has_pv].min() < homes.pv_kwp[has_pv].max() <= 1.4 * 7.0
    assert homes.pv_kwp[has_pv].mean() == pytest.approx(7.0, rel=0.1)
    has_battery = homes.battery_kwh > 0
    assert not (has_battery & ~has_pv).any()
    assert homes.battery_kwh[has_battery] == pytest.approx(homes.pv_kwp[has_battery])
    assert homes.battery_kw == pytest.approx(0.5 * homes.battery_kwh)
    assert has_battery.sum() / has_pv.sum() == pytest.approx(0.5, abs=0.1)
    assert (homes.building_kwh_per_kelvin > 0).sum() == (homes.heat_pump_kw > 0).sum()


def test_the_same_generator_gives_the_same_placement(
    placed: Placement, low_voltage: Feeder, year: YearProfiles
) -> None:
    again = draw(low_voltage, year, MIX)
    assert (again.homes.pv_kwp == placed.homes.pv_kwp).all()
    assert (again.homes.shift == placed.homes.shift).all()
    other = draw(low_voltage, year, MIX, seed=1)
    assert len(other.homes) != len(placed.homes) or (other.homes.shift != placed.homes.shift).any()


@pytest.mark.parametrize(
    ("share", "field"),
    [
        ("pv_share", "pv_kwp"),
        ("battery_share_of_pv", "battery_kwh"),
        ("vehicle_share", "vehicle_kw"),
        ("heat_pump_share", "heat_pump_kw"),
    ],
)
def test_a_higher_share_only_adds_owners(
    placed: Placement, low_voltage: Feeder, year: YearProfiles, share: str, field: str
) -> None:
    more = draw(low_voltage, year, raised(share))
    few, many = getattr(placed.homes, field), getattr(more.homes, field)
    assert (many[few > 0] == few[few > 0]).all()
    assert (many > 0).sum() > (few > 0).sum()
    devices = {"pv_kwp", "vehicle_kw", "heat_pump_kw", "shift", "nominal_kw", "solar"} - {field}
    for other in devices:
        assert (getattr(more.homes, other) == getattr(placed.homes, other)).all(), other


def test_shares_of_none_and_all(low_voltage: Feeder, year: YearProfiles) -> None:
    nobody = draw(low_voltage, year, DeviceMix())
    assert nobody.prosumer_count == 0
    assert (nobody.prosumer == PASSIVE).all()
    everybody = draw(low_voltage, year, replace(MIX, pv_share=1.0, prosumers_max=1000))
    assert everybody.prosumer_count == len(everybody.homes)


@pytest.mark.parametrize("name", ["cigre_mv", "ieee33"])
def test_medium_voltage_homes_act_in_groups(name: str, year: YearProfiles) -> None:
    feeder = load_feeder(name)
    placed = draw(feeder, year, MIX)
    assert placed.prosumer_count == PROSUMERS_USUAL
    loaded = np.flatnonzero(feeder.nominal_load_kw > 0)
    assert set(placed.prosumer_bus) == set(loaded)
    assert (placed.prosumer_homes >= 1).all()
    homes = placed.homes
    assert placed.prosumer_homes.sum() == homes.owns_device.sum()
    number = np.bincount(homes.bus, minlength=feeder.bus_count)[loaded]
    assert number == pytest.approx(feeder.nominal_load_kw[loaded] / PEAK_PER_HOME_KW, abs=0.51)
    # What prosumers do not take of the published peak stays with the blocks.
    owners = np.bincount(homes.bus[homes.owns_device], minlength=feeder.bus_count)
    left = np.zeros(feeder.bus_count)
    left[placed.blocks.bus] = placed.blocks.peak_kw / feeder.nominal_load_kw[placed.blocks.bus]
    assert left[loaded] == pytest.approx(1.0 - owners[loaded] / number)
    # The devices of all homes are there, whoever acts for them.
    assert not placed.counted[placed.prosumer == PASSIVE].any()


def test_more_owners_than_prosumers_join_at_their_bus(
    low_voltage: Feeder, year: YearProfiles, placed: Placement
) -> None:
    few = draw(low_voltage, year, replace(MIX, prosumers_max=40))
    assert few.prosumer_count == 40
    assert few.prosumer_homes.sum() == placed.prosumer_homes.sum()
    for prosumer in range(40):
        assert len(np.unique(few.homes.bus[few.prosumer == prosumer])) == 1
    sizes = few.prosumer_homes[few.prosumer_bus == few.prosumer_bus[0]]
    assert sizes.max() - sizes.min() <= 1


def test_too_few_prosumers_for_the_buses_are_refused(
    low_voltage: Feeder, year: YearProfiles
) -> None:
    with pytest.raises(NetworkError, match=r"prosumers_max = 3 .* 6 buses.* 6 or more"):
        draw(low_voltage, year, replace(MIX, prosumers_max=3))


def test_groups_per_bus_use_the_whole_number_and_exceed_no_bus() -> None:
    groups = groups_per_bus(np.array([10_000, 100, 1, 2]), 50)
    assert groups.sum() == 50
    assert groups[2] == 1
    assert groups[3] <= 2
    assert groups[1] >= 4


def test_sites_come_on_top_of_the_published_load(
    low_voltage: Feeder, year: YearProfiles, placed: Placement
) -> None:
    sites = [Site(bus=12, homes=2.5, pv_kwp=10.0, battery_kwh=5.0, vehicle_kw=11.0), Site(bus=16)]
    by_hand = place(low_voltage, year, MIX, generator=np.random.default_rng(0), sites=sites)
    assert by_hand.prosumer_count == 2
    assert (low_voltage.bus_index[by_hand.prosumer_bus] == [12, 16]).all()
    neighbours = by_hand.prosumer == PASSIVE
    assert neighbours.sum() == len(placed.homes)
    assert (by_hand.homes.shift[neighbours] == placed.homes.shift).all()
    assert not by_hand.homes.owns_device[neighbours].any()
    mine = by_hand.prosumer == 0
    assert mine.sum() == 3
    assert by_hand.homes.pv_kwp[mine].sum() == pytest.approx(10.0)
    assert by_hand.homes.battery_kwh[mine].sum() == pytest.approx(5.0)
    assert by_hand.homes.vehicle_kw[mine].sum() == pytest.approx(11.0)
    assert (by_hand.prosumer_homes == [2.5, 1.0]).all()


def test_a_site_on_medium_voltage_leaves_the_published_load_whole(year: YearProfiles) -> None:
    feeder = load_feeder("ieee33")
    by_hand = place(
        feeder, year, MIX, generator=np.random.default_rng(0), sites=[Site(bus=5, pv_kwp=50.0)]
    )
    assert by_hand.blocks.peak_kw.sum() == pytest.approx(feeder.nominal_load_kw.sum())
    assert len(by_hand.homes) == 1


def test_all_sites_without_supply_are_named(low_voltage: Feeder, year: YearProfiles) -> None:
    node = low_voltage.node_of_bus.copy()
    node[10] = -1
    dark = replace(low_voltage, node_of_bus=node)
    sites = [Site(bus=999), Site(bus=12), Site(bus=-1), Site(bus=10), Site(bus=20)]
    with pytest.raises(NetworkError) as caught:
        place(dark, year, MIX, generator=np.random.default_rng(0), sites=sites)
    first, second, third, fourth = caught.value.problems
    assert "prosumers[1].bus: there is no bus 999" in first
    assert "2-9, 11-19, 21-22, 24-43" in first
    assert "prosumers[3].bus: there is no bus -1" in second
    assert "prosumers[4].bus: bus 10 has no supply" in third
    assert "prosumers[5].bus: bus 20 is the supply itself" in fourth


@pytest.mark.parametrize(
    ("numbers", "text"), [([3, 1, 2], "1-3"), ([7, 1, 2], "1-2, 7"), ([5], "5"), ([], "")]
)
def test_numbers_are_listed_as_ranges(numbers: list[int], text: str) -> None:
    assert listing(np.array(numbers, dtype=np.int64)) == text


def test_a_feeder_with_more_buses_than_usual_prosumers_has_one_at_each_of_them(
    year: YearProfiles,
) -> None:
    """Schutterwald has 1 506 loads; a number that is asked for is not exceeded without a word."""
    village = load_feeder("lv_schutterwald")
    placed = draw(village, year, MIX)
    assert placed.prosumer_count > PROSUMERS_USUAL
    assert placed.prosumer_count == len(np.unique(placed.prosumer_bus))
    with pytest.raises(NetworkError, match=r"prosumers_max = 300 is too low"):
        draw(village, year, replace(MIX, prosumers_max=300))
