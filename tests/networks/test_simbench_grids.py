from pathlib import Path

import numpy as np
import pandapower as pp
import pytest

from networks import simbench_grids
from networks.catalog import build_net, is_feeder, load_feeder
from networks.compile import hash_net
from networks.errors import NetworkError
from networks.homes import DeviceMix
from networks.placement import place
from networks.simbench_codes import CODES, is_code, refusal, title_of
from networks.simbench_grids import cache_file
from networks.simbench_profiles import year_profiles
from tests.networks.against_runpp import assert_same_as_runpp, random_loads

RURAL = "simbench:1-LV-rural1--0-sw"
FUTURE = "simbench:1-LV-rural3--2-sw"


SWITCHES = ("sw", "no_sw")


def test_codes_are_those_of_simbench_and_a_feeder_each() -> None:
    for code in ("1-LV-rural1--0-sw", "1-MV-comm--2-no_sw", "1-HV-urban--1-sw"):
        assert is_code(code)
    for wrong in ("1-LV-rural4--0-sw", "1-LV-rural1--3-sw", "1-MV-rural1--0-sw", "", "1-LV-rural1"):
        assert not is_code(wrong)
        assert not is_feeder(f"simbench:{wrong}")
    assert all(is_feeder(f"simbench:{code}") for code in CODES)
    assert not is_feeder("1-LV-rural1--0-sw")
    assert len({title_of(code) for code in CODES}) == len(CODES) == len(set(CODES))


@pytest.mark.slow
def test_every_code_of_simbench_is_taken_or_refused_with_a_reason() -> None:
    import simbench

    all_codes = set(simbench.collect_all_simbench_codes())
    assert len(all_codes) == 246
    assert set(CODES) == {code for code in all_codes if refusal(f"simbench:{code}") is None}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("simbench:1-HV-mixed--0-sw", "three buses with different voltages"),
        ("simbench:1-HVMV-mixed-all-1-sw", "three buses with different voltages"),
        ("simbench:1-EHVHV-mixed-1-0-sw", "PV buses"),
        ("simbench:1-complete_data-mixed-all-0-sw", "PV buses"),
        ("simbench:1-MV-rual--0-sw", "did you mean 'simbench:1-MV-rural--0-sw'?"),
        ("1-LV-rural1--0-sw", "did you mean 'simbench:1-LV-rural1--0-sw'?"),
    ],
)
def test_other_codes_are_answered_with_the_reason_or_the_closest(name: str, told: str) -> None:
    with pytest.raises(NetworkError) as caught:
        load_feeder(name)
    assert told in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("1-MV-comm--2-no_sw", "medium-voltage grid comm, scenario 2, without switches"),
        (
            "1-MVLV-urban-all-0-sw",
            "medium-voltage grid urban with all of its low-voltage grids, scenario 0",
        ),
        (
            "1-HVMV-urban-2.203-1-sw",
            "high-voltage grid urban with one of its medium-voltage grids (2.203), scenario 1",
        ),
    ],
)
def test_titles_tell_levels_scenario_and_switches(code: str, title: str) -> None:
    assert title_of(code) == f"SimBench {title}"


def test_the_grid_is_the_published_one() -> None:
    feeder = load_feeder(RURAL)
    assert feeder.name == RURAL
    assert feeder.title == "SimBench low-voltage grid rural1, scenario 0"
    assert feeder.bus_count == 15
    assert feeder.branch_count == 14
    assert abs(feeder.slack_voltage_pu) == pytest.approx(1.025)
    assert set(feeder.voltage_min_pu) == {0.9}
    assert set(feeder.voltage_max_pu) == {1.1}
    assert set(feeder.loading_max_percent) == {100.0}
    assert not feeder.ratings_assumed
    assert set(build_net(RURAL).line.max_i_ka) == {0.27}
    assert feeder.nominal_load_kw.sum() == pytest.approx(80.0)
    assert np.isfinite(feeder.bus_x).all()
    assert "Open Database License" in feeder.source


def test_what_a_scenario_adds_is_left_out() -> None:
    net = build_net(FUTURE)
    assert len(net.sgen) == len(net.storage) == 0
    assert net.load.profile.str.match(r"H0|G\d|L\d").all()
    assert net.load.p_mw.sum() == pytest.approx(0.3303)
    assert not load_feeder(FUTURE).fixed_injection_pu.any()
    assert "left out" in load_feeder(FUTURE).source


def test_the_tap_counts() -> None:
    """SimBench leaves the kind of tap changer open, and pandapower then ignores its position."""
    net = build_net(FUTURE)
    assert net.trafo.tap_pos.tolist() == [-1.0]
    pp.runpp(net)
    with_tap = net.res_bus.vm_pu.min()
    net.trafo["tap_changer_type"] = None
    pp.runpp(net)
    assert with_tap - net.res_bus.vm_pu.min() > 0.02


def test_trades_are_apart_from_homes_and_farms() -> None:
    net, feeder = build_net(FUTURE), load_feeder(FUTURE)
    trades = set(net.load.bus[net.load.profile.str.startswith("G")])
    zones = dict(zip(feeder.bus_index.tolist(), feeder.bus_zone, strict=True))
    assert len(trades) == 5
    assert {bus for bus, zone in zones.items() if zone == "commercial"} == trades
    assert {zones[bus] for bus in set(net.load.bus) - trades} == {"residential"}


@pytest.mark.parametrize(
    ("name", "homes", "buses"),
    [(RURAL, (40, 80), 13), ("kerber_dorfnetz", (170, 260), 57)],
)
def test_homes_fit_the_published_peak(name: str, homes: tuple[int, int], buses: int) -> None:
    feeder = load_feeder(name)
    placed = place(
        feeder,
        year_profiles(),
        DeviceMix(pv_share=0.4, pv_kwp=7.0),
        generator=np.random.default_rng(0),
    )
    assert homes[0] < len(placed.homes) < homes[1]
    assert len(np.unique(placed.homes.bus)) == buses
    per_home_kw = feeder.nominal_load_kw.sum() / len(placed.homes)
    assert 1.0 < per_home_kw < 2.5  # fewer homes at a bus coincide more: above 0.75 kW of many


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """An empty cache, a tiny grid in place of SimBench's, and the codes that were loaded."""
    calls: list[str] = []
    text = pp.to_json(build_net("kerber_dorfnetz"))

    def load(code: str) -> str:
        calls.append(code)
        return str(text)

    monkeypatch.setenv("COSIM_CACHE", str(tmp_path))
    monkeypatch.setattr(simbench_grids, "_load", load)
    return calls


CODE = RURAL.removeprefix("simbench:")


def test_a_grid_is_loaded_once_and_the_same_from_the_cache(loads: list[str]) -> None:
    first, second = (hash_net(simbench_grids._cached(CODE)) for _ in range(2))
    assert first == second
    assert loads == [CODE]
    assert [file.name for file in cache_file(CODE).parent.iterdir()] == [cache_file(CODE).name]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"_module": "x"}', '{"a": 1}'])
def test_a_damaged_cache_is_rebuilt(loads: list[str], damage: str) -> None:
    cache_file(CODE).write_text(damage, encoding="utf-8")
    assert len(simbench_grids._cached(CODE).bus) == 116
    assert loads == [CODE]
    simbench_grids._cached(CODE)
    assert loads == [CODE]


def test_a_truncated_cache_is_rebuilt(loads: list[str]) -> None:
    simbench_grids._cached(CODE)
    whole = cache_file(CODE).read_bytes()
    cache_file(CODE).write_bytes(whole[: len(whole) // 2])
    simbench_grids._cached(CODE)
    assert loads == [CODE, CODE]
    assert cache_file(CODE).read_bytes() == whole


def test_without_a_place_for_the_cache_there_is_a_grid_all_the_same(
    loads: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COSIM_CACHE", str(tmp_path / "file" / "below"))
    assert len(simbench_grids._cached(CODE).bus) == 116
    assert loads == [CODE]


def test_another_version_has_a_cache_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"simbench": "1.2.3", "pandapower": "4.5.6"}
    monkeypatch.setattr("importlib.metadata.version", versions.__getitem__)
    assert "simbench-1.2.3" in cache_file(CODE).name
    assert "pandapower-4.5.6" in cache_file(CODE).name


def test_without_simbench_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(NetworkError, match="`pip install simbench`"):
        load_feeder(RURAL)


@pytest.mark.slow
@pytest.mark.parametrize("grid", ["rural2", "semiurb4", "semiurb5", "urban6"])
@pytest.mark.parametrize("switches", SWITCHES)
def test_every_grid_can_be_loaded(grid: str, switches: str) -> None:
    feeder = load_feeder(f"simbench:1-LV-{grid}--1-{switches}")
    assert feeder.bus_count > 40
    assert set(feeder.voltage_max_pu) == {1.1}


@pytest.mark.slow
def test_simbench_gives_the_same_net_each_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cached = load_feeder(RURAL).net_sha256
    monkeypatch.setenv("COSIM_CACHE", str(tmp_path))
    assert load_feeder(RURAL).net_sha256 == cached


SOLVED = [
    *(code for code in CODES if code.startswith("1-LV-")),
    *(code for code in CODES if code.startswith("1-MV-") and not code.endswith("no_sw")),
    "1-MVLV-rural-1.108-2-sw",
    "1-MVLV-comm-5.401-1-no_sw",
    "1-MVLV-semiurb-all-0-sw",
    "1-MVLV-urban-all-2-no_sw",
    "1-HV-urban--1-sw",
    "1-HVMV-urban-2.203-0-sw",
]
"""All of low voltage, half of medium voltage, some of every combination: the largest has 10 450."""


@pytest.mark.slow
@pytest.mark.parametrize("code", SOLVED)
def test_the_kernel_solves_every_grid_as_runpp_does(code: str) -> None:
    name = f"simbench:{code}"
    feeder = load_feeder(name)
    assert_same_as_runpp(name, feeder, *random_loads(feeder, 2))
