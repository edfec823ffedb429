"""Devices of a net: which are taken out, how large they are, and who then owns them."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks.catalog import build_net, load_feeder
from networks.entry import EXISTING
from networks.errors import NetworkError
from networks.feeder import Feeder
from networks.homes import PEAK_PER_HOME_KW, DeviceMix
from networks.net_devices import HEAT_PUMP, SOLAR, STORAGE, VEHICLE, told
from networks.placement import PASSIVE, Placement, place
from networks.placement_from_net import place_from_net
from networks.simbench_grids import equipped_grid
from networks.simbench_profiles import YearProfiles, year_profiles
from networks.take_devices import take_devices

MIX = DeviceMix(battery_kw_per_kwh=0.5, heat_pump_kw=4.0, building_kwh_per_kelvin=5.0)


@cache
def the_year() -> YearProfiles:
    return year_profiles()


def placed_on(feeder: Feeder, seed: int = 0, mix: DeviceMix = MIX) -> Placement:
    return place_from_net(feeder, the_year(), mix, generator=np.random.default_rng(seed))


def village() -> pp.pandapowerNet:
    """Return four buses in a row: supply, two homes' worth, one more, and a trade."""
    net = pp.create_empty_network()
    buses = [pp.create_bus(net, 0.4) for _ in range(4)]
    pp.create_ext_grid(net, buses[0])
    for start, end in pairwise(buses):
        pp.create_line_from_parameters(net, start, end, 0.05, 0.2, 0.08, 0.0, 0.3)
    for bus in buses[1:]:
        pp.create_load(net, bus, p_mw=0.008, q_mvar=0.002)
    net.bus["zone"] = ["", "", "", "commercial"]
    return net


def test_a_remark_on_existing_generation_goes_once_prosumers_own_it() -> None:
    name = "voltage_control_rural_2"
    assert any(EXISTING in note for note in load_feeder(name).notes)
    assert not any(EXISTING in note for note in load_feeder(name, owned_devices=True).notes)


def test_every_kind_is_found_with_its_size_and_leaves_the_net() -> None:
    net = village()
    pp.create_sgen(net, 1, p_mw=0.006, scaling=0.5, type="PV")
    pp.create_sgen(net, 1, p_mw=0.0, sn_mva=0.005, type="pv_roof")
    pp.create_sgen(net, 2, p_mw=0.007, type="wye")
    pp.create_sgen(net, 2, p_mw=0.040, type="wye", name="Wind 1")
    pp.create_sgen(net, 2, p_mw=0.050, type="CHP diesel")
    pp.create_sgen(net, 2, p_mw=0.060, type="PV", in_service=False)
    pp.create_sgen(net, 0, p_mw=0.070, type="PV")
    pp.create_storage(net, 1, p_mw=0.001, max_e_mwh=0.010, min_e_mwh=0.002, sn_mva=0.004)
    pp.create_storage(net, 2, p_mw=0.0, max_e_mwh=0.006)
    pp.create_storage(net, 3, p_mw=-0.003, max_e_mwh=np.nan, min_p_mw=-0.005, max_p_mw=0.004)
    pp.create_load(net, 2, p_mw=0.011, type="EV")
    pp.create_load(net, 3, p_mw=0.004, name="Heat pump of the shop", scaling=0.5)
    devices, notes = take_devices(net)
    assert devices.kind.tolist() == [SOLAR] * 3 + [STORAGE] * 3 + [VEHICLE, HEAT_PUMP]
    assert devices.bus.tolist() == [1, 1, 2, 1, 2, 3, 2, 3]
    np.testing.assert_allclose(devices.power_kw, [3.0, 5.0, 7.0, 1.0, np.nan, 5.0, 11.0, 2.0])
    np.testing.assert_allclose(devices.capacity_kwh, [0, 0, 0, 8.0, 6.0, np.nan, 0, 0])
    assert net.sgen.p_mw.tolist() == [0.040, 0.050, 0.060, 0.070]
    assert net.storage.empty
    assert net.load.p_mw.tolist() == [0.008] * 3
    assert notes == [
        "storage 2: gives no capacity; it follows from community.battery_kw_per_kwh",
        "storage 1: gives no power; it follows from community.battery_kw_per_kwh",
        "sgen 2: without a type; taken for solar plants",
        "sgen 3, 4, 6: 160.0 kW stay existing generation, which nobody owns",
    ]
    assert told(devices) == (
        "3 solar plants (15.0 kW), 3 storages (6.0 kW, 14.0 kWh), 1 electric vehicle (11.0 kW), "
        "1 heat pump (2.0 kW)"
    )


def own(tmp_path: Path, net: pp.pandapowerNet) -> Feeder:
    file = tmp_path / "village.json"
    pp.to_json(net, str(file))
    return load_feeder(str(file), owned_devices=True)


def test_the_load_of_a_bus_is_that_of_its_prosumers_also_of_a_trade(tmp_path: Path) -> None:
    net = village()
    for bus, count in ((2, 1), (3, 2)):
        for _ in range(count):
            pp.create_sgen(net, bus, p_mw=0.006, type="PV")
    placed = placed_on(own(tmp_path, net))
    assert placed.prosumer_bus.tolist() == [2, 3, 3]
    homes = placed.homes
    lived_in = homes.nominal_kw > 0.0
    assert (placed.prosumer[lived_in & (homes.bus == 2)] == 0).all()
    assert (placed.prosumer[lived_in & (homes.bus == 1)] == PASSIVE).all()
    blocks = placed.blocks
    assert blocks.prosumer.tolist() == [1, 2]
    np.testing.assert_allclose(blocks.peak_kw, 4.0)
    np.testing.assert_allclose(blocks.peak_kvar, 1.0)
    assert placed.prosumer_homes[0] == (lived_in & (homes.bus == 2)).sum()
    assert placed.passive_homes[3] == 0.0


def test_homes_are_those_that_the_shares_are_drawn_for(tmp_path: Path) -> None:
    net = village()
    pp.create_sgen(net, 2, p_mw=0.006, type="PV")
    feeder = own(tmp_path, net)
    drawn = place(feeder, the_year(), MIX, generator=np.random.default_rng(5)).homes
    placed = placed_on(feeder, seed=5).homes
    for name in ("bus", "household", "nominal_kw", "shift"):
        np.testing.assert_array_equal(getattr(drawn, name), getattr(placed, name)[: len(drawn)])


DEVICES = st.lists(
    st.tuples(
        st.sampled_from(["PV", "storage", "EV", "HP"]),
        st.integers(1, 3),
        st.floats(0.5, 50.0),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Feeder:
    return own(tmp_path_factory.mktemp("net"), village())


@settings(max_examples=8, deadline=None)
@given(devices=DEVICES, most=st.none() | st.integers(3, 8))
def test_whatever_the_net_has_is_owned_once(
    devices: list[tuple[str, int, float]], most: int | None, bare: Feeder
) -> None:
    net = village()
    for kind, bus, kw in devices:
        if kind == "PV":
            pp.create_sgen(net, bus, p_mw=kw / 1e3, type="PV")
        elif kind == "storage":
            pp.create_storage(net, bus, p_mw=0.0, sn_mva=kw / 1e3, max_e_mwh=3.0 * kw / 1e3)
        else:
            pp.create_load(net, bus, p_mw=kw / 1e3, type=kind)
    taken, _ = take_devices(net)
    assert net.sgen.empty
    assert net.storage.empty
    assert net.load.p_mw.tolist() == village().load.p_mw.tolist()
    feeder = replace(bare, devices=taken)
    mix = DeviceMix(
        battery_kw_per_kwh=0.5, heat_pump_kw=4.0, building_kwh_per_kelvin=5.0, prosumers_max=most
    )
    placed = placed_on(feeder, mix=mix)
    homes = placed.homes
    for kind, sizes in (
        ("PV", homes.pv_kwp),
        ("storage", homes.battery_kw),
        ("storage", homes.battery_kwh / 3.0),
        ("EV", homes.vehicle_kw),
        ("HP", homes.heat_pump_kw),
    ):
        for bus in (1, 2, 3):
            published = sum(kw for what, at, kw in devices if (what, at) == (kind, bus))
            assert sizes[homes.bus == bus].sum() == pytest.approx(published)
    owner = placed.prosumer
    assert (owner[homes.owns_device | (homes.battery_kwh > 0)] != PASSIVE).all()
    assert set(owner[owner != PASSIVE]) == set(range(placed.prosumer_count))
    assert (placed.prosumer_bus[owner[owner != PASSIVE]] == homes.bus[owner != PASSIVE]).all()
    assert placed.prosumer_count <= (300 if most is None else most)
    assert placed.blocks.peak_kw.sum() == pytest.approx(8.0)


def test_solar_wind_and_batteries_of_the_benchmark() -> None:
    feeder, usual = load_feeder("cigre_mv_all", owned_devices=True), load_feeder("cigre_mv_all")
    placed = placed_on(feeder)
    assert placed.homes.pv_kwp.sum() == pytest.approx(210.0)
    assert placed.homes.pv_kwp.sum() + feeder.nominal_generation_kw.sum() == pytest.approx(
        usual.nominal_generation_kw.sum()
    )
    assert placed.homes.battery_kw.sum() == pytest.approx(800.0)
    assert placed.homes.battery_kwh.sum() == pytest.approx(1600.0)
    drawn = usual.fixed_injection_pu - feeder.fixed_injection_pu
    assert drawn.real.sum() * usual.base_mva == pytest.approx(-0.8)
    blocks = placed.blocks
    assert blocks.peak_kw.sum() == pytest.approx(usual.nominal_load_kw.sum())
    mine = blocks.prosumer != PASSIVE
    at = np.isin(np.arange(feeder.bus_count), placed.prosumer_bus)
    assert blocks.peak_kw[mine].sum() == pytest.approx(usual.nominal_load_kw[at].sum())
    homes = blocks.peak_kw[mine] / PEAK_PER_HOME_KW
    assert placed.prosumer_homes.sum() == pytest.approx(homes.sum(), abs=0.5 * mine.sum())


def test_the_same_seed_gives_the_same_placement() -> None:
    feeder = load_feeder("voltage_control_rural_1", owned_devices=True)
    first, again, other = placed_on(feeder, 1), placed_on(feeder, 1), placed_on(feeder, 2)
    for name in Placement.__slots__:
        one, two = getattr(first, name), getattr(again, name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, two)
    assert (first.homes.shift == again.homes.shift).all()
    assert (first.homes.solar == again.homes.solar).all()
    assert len(first.homes) != len(other.homes) or (first.homes.shift != other.homes.shift).any()


def test_a_net_without_devices_is_refused_in_words() -> None:
    with pytest.raises(NetworkError, match="ieee33 has no solar plant, storage, electric vehicle"):
        placed_on(load_feeder("ieee33", owned_devices=True))
    with pytest.raises(NetworkError, match="cigre_mv has no solar plant"):
        placed_on(load_feeder("cigre_mv"))


def test_too_few_prosumers_for_the_buses_are_refused() -> None:
    feeder = load_feeder("cigre_mv_pv_wind", owned_devices=True)
    few = DeviceMix(
        battery_kw_per_kwh=0.5, heat_pump_kw=4.0, building_kwh_per_kelvin=5.0, prosumers_max=3
    )
    with pytest.raises(NetworkError, match="prosumers_max = 3 is too low"):
        placed_on(feeder, mix=few)


def test_a_broken_net_is_refused_as_ever(tmp_path: Path) -> None:
    net = village()
    pp.create_sgen(net, 1, p_mw=0.006, type="PV")
    net.load.loc[0, "bus"] = 77
    with pytest.raises(NetworkError, match="77 does not exist"):
        own(tmp_path, net)


def test_devices_without_supply_are_left_out(tmp_path: Path) -> None:
    net = village()
    pp.create_sgen(net, 1, p_mw=0.006, type="PV")
    pp.create_sgen(net, 3, p_mw=0.006, type="PV")
    net.line.loc[2, "in_service"] = False
    feeder = own(tmp_path, net)
    assert feeder.devices is not None
    assert feeder.devices.bus.tolist() == [1]
    assert "1 device at a bus without supply is left out" in feeder.notes


def test_a_storage_of_simbench_is_a_plant_and_its_battery() -> None:
    code = "1-LV-rural1--1-sw"
    net = equipped_grid(code)
    assert net.sgen.p_mw.sum() == pytest.approx(0.4682 + 0.1558)
    assert (net.storage.p_mw == 0.0).all()
    placed = placed_on(load_feeder(f"simbench:{code}", owned_devices=True))
    assert placed.homes.pv_kwp.sum() == pytest.approx(624.0, abs=0.1)
    assert placed.homes.battery_kwh.sum() == pytest.approx(311.5)
    assert placed.homes.heat_pump_kw.sum() == pytest.approx(2.0)
    battery = placed.prosumer[placed.homes.battery_kwh > 0]
    assert np.isin(battery, placed.prosumer[placed.homes.pv_kwp > 0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [1, 2])
@pytest.mark.parametrize("grid", ["LV-rural3-", "LV-semiurb4-", "LV-urban6-", "MV-semiurb-"])
def test_all_of_simbenchs_scenarios_is_found_again(grid: str, scenario: int) -> None:
    code = f"1-{grid}-{scenario}-sw"
    feeder = load_feeder(f"simbench:{code}", owned_devices=True)
    placed, net = placed_on(feeder), equipped_grid(code)
    homes = placed.homes
    profile = net.load.profile.astype(str)

    def of_loads(start: str) -> float:
        return 1e3 * float(net.load.p_mw[profile.str.match(start)].sum())

    assert homes.vehicle_kw.sum() == pytest.approx(of_loads("HLS"))
    assert homes.heat_pump_kw.sum() == pytest.approx(of_loads("Soil|Air"))
    assert feeder.nominal_load_kw.sum() == pytest.approx(of_loads("(?!HLS|Soil|Air)"))
    assert homes.battery_kwh.sum() == pytest.approx(1e3 * net.storage.max_e_mwh.sum())
    generated = homes.pv_kwp.sum() + feeder.nominal_generation_kw.sum()
    assert generated == pytest.approx(1e3 * net.sgen.p_mw.sum())
    assert 1e3 * net.sgen.p_mw[net.sgen.type.str.match("Wind|Hydro|Biomass")].sum() == (
        pytest.approx(feeder.nominal_generation_kw.sum())
    )


@pytest.mark.slow
def test_heat_pumps_of_schutterwald_are_owned() -> None:
    feeder = load_feeder("lv_schutterwald", owned_devices=True)
    placed = placed_on(feeder)
    assert placed.homes.heat_pump_kw.sum() == pytest.approx(1251.0)
    assert feeder.nominal_load_kw.sum() == pytest.approx(
        load_feeder("lv_schutterwald").nominal_load_kw.sum()
    )
    assert len(build_net("lv_schutterwald", owned_devices=True).load) == 1506


CIRCUIT = """Clear
New Circuit.small basekv=10 pu=1.0 bus1=a
New Line.ab bus1=a bus2=b length=1 units=km r1=0.3 x1=0.3 normamps=200
New Load.home bus1=b kv=10 kw=100 kvar=10
New PVSystem.roof bus1=b kv=10 kva=40 pmpp=40 irradiance=1
New Generator.wind1 bus1=b kv=10 kw=50 kvar=0
New Storage.box bus1=b kv=10 kwrated=20 kwhrated=60 %reserve=20
Set voltagebases=[10]
Calcvoltagebases
Solve
"""


def test_solar_systems_and_storages_of_opendss_are_owned(tmp_path: Path) -> None:
    pytest.importorskip("opendssdirect")
    file = tmp_path / "circuit.dss"
    file.write_text(CIRCUIT)
    feeder = load_feeder(str(file), owned_devices=True)
    assert feeder.devices is not None
    assert feeder.devices.kind.tolist() == [SOLAR, STORAGE]
    np.testing.assert_allclose(feeder.devices.power_kw, [40.0, 20.0])
    np.testing.assert_allclose(feeder.devices.capacity_kwh, [0.0, 48.0])
    assert feeder.nominal_generation_kw.sum() == pytest.approx(50.0)
    assert not load_feeder(str(file)).fixed_injection_pu.any()  # a storage at rest
