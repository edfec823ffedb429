"""The IEEE node feeders: published totals, equivalents in closed form, OpenDSS beside them."""

from pathlib import Path

import numpy as np
import pandapower as pp
import pytest

from networks.base_case import RUNPP_OPTIONS
from networks.catalog import load_feeder
from networks.ieee_equivalents import (
    KM_PER_FOOT,
    equivalent_ampacity,
    equivalent_impedance,
    equivalent_susceptance,
)
from networks.ieee_feeders import ENTRIES, bus_number, ieee13, ieee34, ieee37, ieee123, read_tables
from tests.networks.against_runpp import assert_same_as_runpp
from tests.networks.opendss_feeders import FILES, compare, lateral_nodes

BUILDERS = {"ieee13": ieee13, "ieee34": ieee34, "ieee37": ieee37, "ieee123": ieee123}


def phase_sums(name: str) -> np.ndarray:
    """Return kW and kvar of the three phases in turn, spot and distributed, (6,)."""
    tables = read_tables(name)["tables"]
    rows = [row[2:] for row in tables["spot_loads"]]
    rows += [row[3:] for row in tables["distributed_loads"]]
    return np.asarray(np.sum(rows, axis=0))


@pytest.mark.parametrize(
    ("name", "by_phase"),
    [
        ("ieee13", (1175, 616, 1039, 665, 1252, 821)),
        ("ieee34", (606, 357, 584, 344, 579, 343)),
        ("ieee37", (727, 357, 639, 314, 1091, 530)),
        ("ieee123", (1420, 775, 915, 515, 1155, 630)),
    ],
)
def test_loads_add_up_to_the_published_totals(name: str, by_phase: tuple[int, ...]) -> None:
    assert phase_sums(name) == pytest.approx(by_phase)
    load = BUILDERS[name]().load
    assert load.p_mw.sum() * 1e3 == pytest.approx(sum(by_phase[0::2]))
    assert load.q_mvar.sum() * 1e3 == pytest.approx(sum(by_phase[1::2]))


@pytest.mark.parametrize(
    ("name", "nodes", "feet", "capacitor_kvar"),
    [
        ("ieee13", 13, 8200, 700),
        ("ieee34", 34, 308114, 750),
        ("ieee37", 37, 18010, 0),
        ("ieee123", 125, 38975, 750),
    ],
)
def test_nodes_lengths_and_capacitors_are_all_there(
    name: str, nodes: int, feet: int, capacitor_kvar: int
) -> None:
    net = BUILDERS[name]()
    published = [node for node in net.bus.name if node.isdigit()]
    assert len(published) == nodes
    assert all(bus_number(node) in net.bus.index for node in published)
    assert net.line.length_km.sum() / KM_PER_FOOT == pytest.approx(feet)
    assert -net.shunt.q_mvar.sum() * 1e3 == pytest.approx(capacitor_kvar)


def test_the_123_node_feeder_numbers_its_nodes_without_a_gap() -> None:
    numbers = sorted(int(node) for node in ieee123().bus.name if node.isdigit())
    assert numbers[:114] == list(range(1, 115))


def balanced_impedance(matrix: np.ndarray) -> complex:
    phases = len(matrix)
    triangle = matrix[np.triu_indices(phases)]
    parts = (triangle.real.tolist(), triangle.imag.tolist())
    resistance, reactance = (equivalent_impedance(part, phases) for part in parts)
    return complex(resistance, reactance)


def test_three_phases_give_the_positive_sequence() -> None:
    a = np.exp(2j * np.pi / 3)
    own, mutual = 0.4 + 1.1j, 0.15 + 0.45j
    matrix = np.full((3, 3), mutual) + np.diag(np.full(3, own - mutual))
    turned = np.array([1, a**2, a])
    positive = (np.conj(turned) @ matrix @ turned) / 3
    assert balanced_impedance(matrix) == pytest.approx(positive)


@pytest.mark.parametrize("phases", [1, 2, 3])
def test_an_equivalent_keeps_drop_and_losses(phases: int) -> None:
    """A small load shared by the phases present, 120 degrees apart, from a stiff source."""
    random = np.random.default_rng(phases)
    own, mutual = random.uniform(0.2, 1.0, 2) @ [1, 1j], random.uniform(0.05, 0.2, 2) @ [1, 1j]
    matrix = np.full((phases, phases), mutual) + np.diag(np.full(phases, own - mutual))
    volts = 2400.0 * np.exp(-2j * np.pi / 3 * np.arange(phases))
    total = 900.0 + 400.0j
    current = np.conj(total / phases / volts)
    drop = abs(volts) - abs(volts - matrix @ current)
    loss = (np.conj(current) @ matrix @ current).real
    z = balanced_impedance(matrix)
    balanced = np.conj(total / 3 / 2400.0)
    assert 2400.0 - abs(2400.0 - z * balanced) == pytest.approx(drop.mean(), rel=1e-3)
    assert 3 * abs(balanced) ** 2 * z.real == pytest.approx(loss)


def test_one_phase_has_a_third_of_shunt_and_rating() -> None:
    assert equivalent_susceptance([4.5], 1) == pytest.approx(1.5)
    assert equivalent_ampacity(230.0, 1) == pytest.approx(230.0 / 3)
    assert equivalent_susceptance([6.0, -1.0, 6.0], 2) == pytest.approx(2 / 3 * 6.5)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_head_holds_the_published_voltage(name: str) -> None:
    source = read_tables(name)["source"]
    net = BUILDERS[name]()
    pp.runpp(net, **RUNPP_OPTIONS)
    assert net.res_bus.vm_pu.at[bus_number(source["head"])] == pytest.approx(
        source["voltage_pu"], abs=5e-4
    )


@pytest.mark.parametrize("name", BUILDERS)
def test_a_regulator_turns_by_the_mean_of_its_taps(name: str) -> None:
    net = BUILDERS[name]()
    net.load["scaling"] = 0.0
    net.shunt["in_service"] = False
    net.line["c_nf_per_km"] = 0.0
    pp.runpp(net, **RUNPP_OPTIONS)
    voltage = net.res_bus.vm_pu
    for start, end, _, taps, *_ in read_tables(name)["tables"]["regulators"]:
        ratio = voltage.at[bus_number(end)] / voltage.at[bus_number(start)]
        assert ratio == pytest.approx(1 + 0.00625 * np.mean(taps), abs=1e-6)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_kernel_equals_pandapower(name: str) -> None:
    """From no load to a tenth more than is published."""
    feeder = load_feeder(name)
    share = np.linspace(0.0, 1.1, 12)[:, None]
    assert_same_as_runpp(
        name, feeder, share * feeder.nominal_load_kw, share * feeder.nominal_load_kvar
    )


@pytest.mark.parametrize(
    ("name", "published", "mean_pu", "max_pu"),
    [
        ("ieee13", True, 0.0060, 0.027),  # three laterals: see docs/ieee-feeders.md
        ("ieee34", True, 0.0035, 0.017),
        ("ieee37", True, 0.0003, 0.001),
        ("ieee123", True, 0.0032, 0.020),
        ("ieee13", False, 0.0055, 0.030),
        ("ieee34", False, 0.0022, 0.013),
        ("ieee37", False, 0.0008, 0.001),
        ("ieee123", False, 0.0036, 0.020),
    ],
)
def test_voltages_stay_close_to_opendss(
    name: str, published: bool, mean_pu: float, max_pu: float, real_data: Path
) -> None:
    pytest.importorskip("opendssdirect", reason="OpenDSSDirect.py is not installed")
    folder = real_data / "ieee-dss"
    if not (folder / FILES[name]).is_file():
        pytest.skip(f"no {FILES[name]} in {folder.name}")
    before = Path.cwd()
    found = compare(name, folder, published=published)
    assert Path.cwd() == before
    assert found.mean_pu < mean_pu
    assert found.max_pu < max_pu
    trunk = [abs(d) for n, d in found.difference_pu.items() if n not in lateral_nodes(name)]
    assert np.mean(trunk) < 0.005
    assert found.load_kw[0] == pytest.approx(found.load_kw[1], rel=0.012)
    assert found.loss_kw[0] == pytest.approx(found.loss_kw[1], rel=0.13)


def test_every_entry_says_that_it_is_a_balanced_equivalent() -> None:
    assert set(ENTRIES) == set(BUILDERS)
    for entry in ENTRIES.values():
        assert "balanced equivalent" in entry.description.title
        assert "taps fixed" in entry.description.title
        assert entry.description.ratings_assumed
