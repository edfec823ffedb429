"""Feeders that are OpenDSS circuits."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest

from networks.catalog import build_net, load_feeder
from networks.errors import NetworkError
from networks.starting_point import no_load_voltages

CIRCUIT = """Clear
New Circuit.small basekv=10 pu=1.02 bus1=a
New Line.one bus1=a bus2=b length=1 units=km r1=0.3 x1=0.1 c1=0
New Line.two bus1=b bus2=c length=0.5 units=km r1=0.3 x1=0.1 c1=0 normamps=250
New Load.home bus1=c kv=10 kw=300 kvar=100
New Generator.sun bus1=c kv=10 kw=50 kvar=0
Set VoltageBases=[10]
CalcVoltageBases
Solve
"""


def problems_of(path: Path) -> str:
    with pytest.raises(NetworkError) as caught:
        load_feeder(str(path))
    return "\n".join(caught.value.problems)


def test_a_circuit_is_read_with_its_generators(tmp_path: Path) -> None:
    pytest.importorskip("opendssdirect")
    file = tmp_path / "circuit.dss"
    file.write_text(CIRCUIT)
    before = Path.cwd()
    feeder = load_feeder(str(file))
    assert Path.cwd() == before
    assert feeder.nominal_load_kw.sum() == pytest.approx(300.0)
    assert feeder.nominal_generation_kw.sum() == pytest.approx(50.0)
    assert feeder.ratings_assumed
    net = build_net(str(file))
    assert net.line.max_i_ka.tolist() == [0.35, 0.25]  # the second one is given
    file.write_text(CIRCUIT.replace("New Load", "Redirect missing.dss\nNew Load"))
    assert "missing.dss" in problems_of(file)
    file.write_text(CIRCUIT.replace("bus1=a bus2=b", "bus1=a bus2=b linecode=unknown"))
    assert "unknown" in problems_of(file)
    file.write_text("! nothing\n")
    assert "OpenDSS cannot compile it" in problems_of(file)
    assert Path.cwd() == before


def test_load_models_of_a_circuit_are_kept_and_shapes_told(tmp_path: Path) -> None:
    """Loads draw at the base case what OpenDSS finds, balanced and without regulators."""
    dss = pytest.importorskip("opendssdirect")
    loads = "".join(
        f"New Load.m{model} bus1=c kv=10 kw=400 kvar=100 model={model} vminpu=0.5 daily=flat\n"
        for model in (1, 2, 3, 5, 8)
    ).replace("model=8", "model=8 zipv=[0.5 0.3 0.2 0.1 0.2 0.7 0.5]")
    text = CIRCUIT.replace(
        "New Load.home", f"New Loadshape.flat npts=1 mult=[1]\n{loads}New Load.h"
    )
    file = tmp_path / "circuit.dss"
    file.write_text(text.replace("length=1 ", "length=9 ").replace("New Generator", "!"))
    feeder = load_feeder(str(file))
    dss.Command(f'Redirect "{file}"')
    drawn = 0.0
    for name in dss.Loads.AllNames():
        dss.Circuit.SetActiveElement(f"Load.{name}")
        drawn += dss.CktElement.TotalPowers()[0]
    dss.Command("ClearAll")
    assert drawn < 2250.0
    assert feeder.nominal_load_kw.sum() == pytest.approx(drawn, rel=2e-3)
    told = "\n".join(feeder.notes)
    assert "load model 5 of OpenDSS" in told
    assert "load shapes of the circuit are left out" in told


def test_a_circuit_leaves_no_traces_and_prints_nothing(tmp_path: Path) -> None:
    """In a process of its own: OpenDSS prints the last of its words when that ends."""
    pytest.importorskip("opendssdirect")
    file = tmp_path / "circuit.dss"
    file.write_text(f"{CIRCUIT}help\nShow Voltages\nExport Currents\n")
    (tmp_path / "small_mine.txt").write_text("mine")
    code = f"from networks.catalog import load_feeder; load_feeder({str(file)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert sorted(each.name for each in tmp_path.iterdir()) == ["circuit.dss", "small_mine.txt"]


def test_a_circuit_without_voltage_bases_is_told_what_to_add(tmp_path: Path) -> None:
    pytest.importorskip("opendssdirect")
    file = tmp_path / "circuit.dss"
    file.write_text(CIRCUIT.replace("CalcVoltageBases", "").replace("Set VoltageBases=[10]", ""))
    assert "Set VoltageBases=" in problems_of(file)


def test_regulators_and_switches_to_nowhere_are_told_in_words(tmp_path: Path) -> None:
    pytest.importorskip("opendssdirect")
    file = tmp_path / "circuit.dss"
    more = (
        "New Transformer.r phases=3 windings=2 buses=(c d) kvs=(10 10) kvas=(500 500) xhl=1\n"
        "New RegControl.c transformer=r winding=2 vreg=120 ptratio=48.11 band=2\n"
        "New Load.far bus1=d kv=10 kw=50\n"
        "New Line.sw bus1=d bus2=d_open switch=yes r1=1e-3 x1=0 c1=0 length=0.001\n"
    )
    file.write_text(CIRCUIT.replace("Set VoltageBases", f"{more}Set VoltageBases"))
    told = "\n".join(load_feeder(str(file)).notes)
    assert "regulators stay at the ratio that OpenDSS finds" in told
    assert "solved tap" not in told
    assert "nothing else is at its end (d_open)" in told


def test_without_opendss_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "circuit.dss"
    file.write_text(CIRCUIT)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert "pip install opendssdirect.py" in problems_of(file)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "buses", "mean_pu"),
    [
        ("13Bus/IEEE13Nodeckt.dss", 16, 0.005),
        ("34Bus/ieee34Mod1.dss", 37, 0.0035),
        ("37Bus/ieee37.dss", 39, 0.005),
        ("123Bus/IEEE123Master.dss", 132, 0.0045),
        ("LVTestCase/Master.dss", 907, 0.002),
    ],
)
def test_published_circuits_lie_near_what_opendss_finds(
    file: str, buses: int, mean_pu: float, real_data: Path
) -> None:
    dss = pytest.importorskip("opendssdirect")
    path = real_data / "ieee-dss" / file
    if not path.is_file():
        pytest.skip(f"no {path}")
    feeder = load_feeder(str(path))
    assert feeder.bus_count == buses
    net = build_net(str(path))
    pp.runpp(net, max_iteration=50, init_vm_pu=no_load_voltages(net), numba=False)
    dss.Command(f'Redirect "{path}"')
    dss.Solution.Solve()
    drawn = 0.0
    for name in dss.Loads.AllNames():
        dss.Circuit.SetActiveElement(f"Load.{name}")
        drawn += dss.CktElement.TotalPowers()[0]
    # OpenDSS lets loads beyond 1.05 p.u. draw like an impedance, as in the low-voltage case.
    assert feeder.nominal_load_kw.sum() == pytest.approx(drawn, rel=0.06 if buses > 900 else 0.011)
    found = []
    for name in dss.Circuit.AllBusNames():
        dss.Circuit.SetActiveBus(name)
        volts = [v for v in dss.Bus.puVmagAngle()[::2] if v > 0]
        found.append(sum(volts) / len(volts))
    dss.Command("ClearAll")
    assert np.abs(net.res_bus.vm_pu.to_numpy() - found).mean() < mean_pu
