"""Line charging of branches with a tap, in MATPOWER cases: solved as the manual writes it."""

from pathlib import Path

import numpy as np
import pytest

from cosim.grid.power_flow import PowerFlow
from networks.catalog import load_feeder

CHARGED = """function mpc = charged
mpc.version = '2';
mpc.baseMVA = 10;
mpc.bus = [
  1 3 0 0 0 0 1 1 0 {kv} 1 1.1 0.9;
  2 1 3 1 0 0.2 1 1 0 20 1 1.1 0.9;
  3 4 0 0 0 0 1 1 0 20 1 1.1 0.9;
];
mpc.gen = [ 1 0 0 10 -10 1.03 100 1 10 0; 2 1 1 10 -10 1 100 0 10 0; ];
mpc.branch = [
  1 2 0.03 0.04 {b} 8 0 0 {tap} {shift} 1 -360 360;
  2 3 0.03 0.04 0.5 8 0 0 1.05 0 1 -360 360;
  1 2 0.03 0.04 0.5 8 0 0 1.05 0 0 -360 360;
];
"""


def two_bus_voltage(b: float, tap: float, shift: float) -> float:
    """Return |V| of bus 2 by the branch model of the MATPOWER manual, section 3.2."""
    y, ratio = 1.0 / (0.03 + 0.04j), tap * np.exp(1j * np.deg2rad(shift))
    near, across = y + 0.5j * b + 0.02j, -y / ratio
    power, voltage = -(0.3 + 0.1j), 1.0 + 0.0j
    for _ in range(200):
        voltage = (np.conj(power / voltage) - across * 1.03) / near
    return float(abs(voltage))


@pytest.mark.parametrize(
    ("kv", "tap", "shift"), [(20, 1.02, 0.0), (20, 1.0, 5.0), (20, 0.0, 0.0), (110, 0.0, 0.0)]
)
@pytest.mark.parametrize("b", [0.05])
def test_line_charging_keeps_its_sign(
    kv: int, tap: float, shift: float, b: float, tmp_path: Path
) -> None:
    file = tmp_path / "charged.m"
    file.write_text(CHARGED.format(kv=kv, b=b, tap=tap, shift=shift))
    feeder = load_feeder(str(file))
    state = PowerFlow(feeder).solve(feeder.nominal_load_kw[None], feeder.nominal_load_kvar[None])
    assert state.voltage_pu[0, 1] == pytest.approx(two_bus_voltage(b, tap or 1.0, shift), abs=1e-8)
    notes = "\n".join(feeder.notes)
    plain_line = tap == 0.0 and kv == 20
    assert ("branches 1 to 2: transformers with line charging" in notes) != plain_line
    assert "generators" not in notes  # the one that is out of service feeds nothing in
