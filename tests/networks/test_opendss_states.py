"""States of OpenDSS circuits, and the base case beside OpenDSS' own voltages."""

from pathlib import Path

import pytest

from networks.base_case import solved_copy
from networks.catalog import build_net, load_feeder
from networks.errors import NetworkError

pytest.importorskip("opendssdirect")

CIRCUIT = """Clear
New Circuit.town basekv=20 pu=1.03 phases=3 bus1=src MVAsc3=1e6 MVAsc1=1e6
New Transformer.t phases=3 windings=2 buses=[src lv] kvs=[20 0.4] kvas=[400 400] xhl=4
New Line.a bus1=lv bus2=b length=.2 units=km r1=0.2 x1=0.08 c1=0 normamps=270
New Line.b bus1=b bus2=c length=0.1 units=km r1=0.4 x1=0.1 c1=0 normamps=200
New Load.one bus1=b kv=0.4 kw=60 pf=0.95 vminpu=.7 vmaxpu=1.3
New Load.two bus1=c kv=0.4 kw=40 kvar=10 status=fixed vminpu=.7 vmaxpu=1.3
{more}
Set VoltageBases=[20 0.4]
CalcVoltageBases
Solve
"""


def write(folder: Path, more: str) -> str:
    file = folder / "town.dss"
    file.write_text(CIRCUIT.format(more=more))
    return str(file)


def apart(notes: tuple[str, ...]) -> float:
    """Return the mean difference to OpenDSS that is told."""
    (told,) = (note for note in notes if "OpenDSS' own solution lie" in note)
    return float(told.split(" lie ")[1].split()[0])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("set loadmult=0.5", "load 0: multiplied by 0.5"),
        ("edit transformer.t %noloadloss=0.5 %imag=1", "trafo 0: no-load losses and currents"),
        ("open line.b 2", "line 1: opened in the circuit"),
        ("open load.one 1", "load 0: opened in the circuit"),
        ("", "voltages with all loads and generators and OpenDSS' own solution lie"),
    ],
)
def test_states_of_a_circuit_are_those_of_its_net(more: str, told: str, tmp_path: Path) -> None:
    feeder = load_feeder(write(tmp_path, more))
    assert any(told in note for note in feeder.notes), feeder.notes
    assert apart(feeder.notes) <= (0.0003 if "imag" in more else 0.0001)


def test_core_losses_are_those_of_opendss(tmp_path: Path) -> None:
    net = build_net(write(tmp_path, "edit transformer.t %noloadloss=0.5 %imag=1"))
    assert net.trafo.pfe_kw[0] == pytest.approx(2.0)
    assert net.trafo.i0_percent[0] == pytest.approx(1.25**0.5)


def test_a_source_that_gives_way_is_doubted(tmp_path: Path) -> None:
    feeder = load_feeder(write(tmp_path, "edit vsource.source MVAsc3=5 MVAsc1=4"))
    assert apart(feeder.notes) > 0.005
    assert any("more than unbalance usually explains. Weak sources" in n for n in feeder.notes)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            "New Transformer.x phases=3 windings=3 buses=[src m n] kvs=[20 0.4 0.4] "
            "kvas=[400 200 200]",
            "transformer 'x' has 3 windings across 3 buses; unsupported topology, not read",
        ),
        ("New Reactor.r bus1=c kv=.4 kvar=30", "reactor 'r' is a shunt (single bus), not read"),
        ("New Vsource.v bus1=c basekv=.4 pu=1.0", "vsource: 2 in the circuit; one is read"),
        ("New Isource.i bus1=c amps=20", "isource: 1 in the circuit, not read"),
    ],
)
def test_what_would_be_missing_is_refused(more: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(NetworkError) as caught:
        load_feeder(write(tmp_path, more))
    assert told in str(caught.value)
    assert "replace it or disable it" in str(caught.value)


def test_impedances_are_raised_only_where_nothing_is_solvable_else(tmp_path: Path) -> None:
    more = "New Transformer.r phases=3 windings=2 buses=[c d] kvs=[0.4 0.4] kvas=[200 200] xhl=.1"
    net = build_net(write(tmp_path, f"{more} %rs=[0.005 0.005]\nNew Load.d bus1=d kv=0.4 kw=9"))
    assert net.trafo.vk_percent.min() == pytest.approx(0.1, rel=0.01)
    assert solved_copy(net) is not None
