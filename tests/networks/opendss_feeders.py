"""The IEEE node feeders side by side with OpenDSS: the circuit files stay where they are."""

import importlib
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp

from networks.base_case import RUNPP_OPTIONS
from networks.ieee_equivalents import TAP_STEP_PERCENT
from networks.ieee_feeders import ENTRIES, read_tables

FILES = {
    "ieee13": "13Bus/IEEE13Nodeckt.dss",
    "ieee34": "34Bus/ieee34Mod1.dss",
    "ieee37": "37Bus/ieee37.dss",
    "ieee123": "123Bus/IEEE123Master.dss",
}
SAME_NODE = {"rg60": "650r"}
REGULATORS = {
    "ieee13": ("reg1", "reg2", "reg3"),
    "ieee34": ("reg1a", "reg1b", "reg1c", "reg2a", "reg2b", "reg2c"),
    "ieee37": ("reg1a", "reg1c"),
    "ieee123": ("reg1a", "reg2a", "reg3a", "reg3c", "reg4a", "reg4b", "reg4c"),
}
"""In the order of the published taps; the first of ieee123 turns three phases at once."""

IDEAL = ("xhl=0.001", "%rs=[0.0001 0.0001]")


@dataclass(frozen=True)
class Solution:
    """What OpenDSS finds."""

    voltage_pu: dict[str, float]  # by node, mean of the phases present
    load_kw: float
    loss_kw: float
    taps: dict[str, list[float]]  # by the regulated node, steps of 5/8 percent


@dataclass(frozen=True)
class Comparison:
    """Balanced equivalent against OpenDSS, node by node."""

    difference_pu: dict[str, float]  # ours minus OpenDSS
    load_kw: tuple[float, float]  # ours, OpenDSS
    loss_kw: tuple[float, float]

    @property
    def mean_pu(self) -> float:
        return float(np.mean(np.abs(list(self.difference_pu.values()))))

    @property
    def max_pu(self) -> float:
        return float(np.max(np.abs(list(self.difference_pu.values()))))


def compare(name: str, folder: Path, *, published: bool, take_taps: bool = True) -> Comparison:
    """Solve a feeder with both, its published loads in full.

    With `published`, OpenDSS takes the published taps and an ideal source and regulators, as the
    published solution has them. Without, the file is solved as it stands, its regulators
    controlling, and the taps it finds (and, of the 37 node feeder, the impedances it puts into
    substation and regulator) are those of the balanced net; with `take_taps` false the balanced
    net stays as the catalogue has it, apart from its loads, which are the published ones in full.
    """
    theirs = solve_with_opendss(name, folder, published=published)
    net = ENTRIES[name].build()
    if not published and take_taps:
        take_over(net, name, theirs.taps)
    pp.runpp(net, **RUNPP_OPTIONS)
    names = net.bus.name.to_dict()
    difference = {
        node: float(net.res_bus.vm_pu.at[bus] - theirs.voltage_pu[node])
        for bus, node in names.items()
        if node in theirs.voltage_pu
    }
    missing = set(names.values()) - set(difference) - {"Source"}
    assert not missing, f"{name}: nodes that OpenDSS does not know: {missing}"
    loss = (net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()) * 1e3
    return Comparison(
        difference,
        (float(net.load.p_mw.sum() * 1e3), theirs.load_kw),
        (float(loss), theirs.loss_kw),
    )


def take_over(net: pp.pandapowerNet, name: str, taps: dict[str, list[float]]) -> None:
    """Turn the regulators of a balanced net to taps that OpenDSS found."""
    for row in net.trafo.index[net.trafo.tap_changer_type == "Ratio"]:
        found = taps[net.bus.name.at[net.trafo.lv_bus.at[row]]]
        steps = np.mean(found) * TAP_STEP_PERCENT / net.trafo.tap_step_percent.at[row]
        net.trafo.loc[row, "tap_pos"] = round(float(steps))
    if name == "ieee37":
        source = read_tables(name)["source"]
        resistance, reactance = source["transformer_r_percent"], source["transformer_x_percent"]
        substation = net.trafo.name == "Substation"
        net.trafo.loc[substation, "vkr_percent"] = resistance
        net.trafo.loc[substation, "vk_percent"] = np.hypot(resistance, reactance)
        # Two units of 2 MVA in open delta, 0.4 % and 1 %: in two of three conductors.
        ohm = 2 / 3 * np.array([0.004, 0.01]) * 4.8**2 / 2.0
        regulator = ~substation & (net.trafo.tap_changer_type == "Ratio")
        base_ohm = 4.8**2 / net.trafo.sn_mva[regulator]
        net.trafo.loc[regulator, "vkr_percent"] = 100 * ohm[0] / base_ohm
        net.trafo.loc[regulator, "vk_percent"] = 100 * np.hypot(*ohm) / base_ohm


def solve_with_opendss(name: str, folder: Path, *, published: bool) -> Solution:
    dss = importlib.import_module("opendssdirect")

    with _working_directory_kept():
        dss.Text.Command("clear")
        dss.Text.Command(f'compile "{folder / FILES[name]}"')
        dss.Text.Command("set maxcontroliter=100")
        if published:
            for command in _published_settings(name):
                dss.Text.Command(command)
        dss.Solution.Solve()
    assert dss.Solution.Converged()
    loss_kw = dss.Circuit.Losses()[0] / 1e3
    return Solution(
        voltage_pu={
            SAME_NODE.get(node, node): _mean_voltage(dss, node, line_to_line=name == "ieee37")
            for node in dss.Circuit.AllBusNames()
        },
        load_kw=-dss.Circuit.TotalPower()[0] - loss_kw,
        loss_kw=loss_kw,
        taps=_taps(dss),
    )


def _published_settings(name: str) -> Iterator[str]:
    steps = [tap for row in read_tables(name)["tables"]["regulators"] for tap in row[3]]
    if name == "ieee123":
        steps = steps[2:]
    for regulator, step in zip(REGULATORS[name], steps, strict=True):
        yield f"transformer.{regulator}.taps=[1 {1 + step * TAP_STEP_PERCENT / 100}]"
        yield from (f"transformer.{regulator}.{ideal}" for ideal in IDEAL)
    if name == "ieee37":
        yield from (f"transformer.subxf.{ideal}" for ideal in IDEAL)
    yield "set controlmode=off"


def _mean_voltage(dss: Any, node: str, *, line_to_line: bool) -> float:
    """Return the mean over the phases present; of three-wire feeders, of the line voltages."""
    dss.Circuit.SetActiveBus(node)
    parts = np.reshape(dss.Bus.Voltages(), (-1, 2))
    volts = parts[:, 0] + 1j * parts[:, 1]
    if line_to_line:
        volts = (volts - np.roll(volts, 1)) / np.sqrt(3)
    return float(np.abs(volts).mean() / 1e3 / dss.Bus.kVBase())


def _taps(dss: Any) -> dict[str, list[float]]:
    found = defaultdict(list)
    more = dss.Transformers.First()
    while more:
        dss.Transformers.Wdg(2)
        node = dss.CktElement.BusNames()[1].split(".")[0]
        step = (dss.Transformers.Tap() - 1) * 100 / TAP_STEP_PERCENT
        found[SAME_NODE.get(node, node)].append(step)
        more = dss.Transformers.Next()
    return dict(found)


@contextmanager
def _working_directory_kept() -> Iterator[None]:
    """OpenDSS changes to the folder of the file it compiles."""
    before = Path.cwd()
    try:
        yield
    finally:
        os.chdir(before)


def lateral_nodes(name: str) -> set[str]:
    """Return the nodes at the end of a line of one or two phases."""
    lines = read_tables(name)["tables"]["lines"]
    return {end for _, end, phases, *_ in lines if len(phases) < 3}
