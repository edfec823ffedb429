"""IEEE 13, 34, 37 and 123 node test feeders as balanced positive-sequence equivalents.

The published tables stand in `ieee_tables/`. What becomes of them in a balanced net is written
down, and compared with a phase-accurate solution, in docs/ieee-feeders.md.
"""

import tomllib
from collections import defaultdict
from functools import partial
from importlib.resources import files
from typing import Any

import numpy as np
import pandapower as pp

from networks.compile import Description
from networks.entry import Entry
from networks.ieee_equivalents import (
    KM_PER_FOOT,
    KM_PER_MILE,
    TAP_STEP_PERCENT,
    equivalent_ampacity,
    equivalent_impedance,
    equivalent_susceptance,
)

SOURCE_BUS = 0
HELD_PERCENT = 0.05
"""Reactance of the substation transformer.

The published solutions hold the voltage at the head of the feeder, as a tap changer would; only
the rating of the transformer remains.
"""

FREQUENCY_HZ = 60.0
REGULATOR_TERMINALS = 1000
"""The regulated side of the regulator at node 650 is bus 1650, named 650r."""


def ieee13() -> pp.pandapowerNet:
    """Return the 13 node test feeder, 4.16 kV."""
    return _build("ieee13")


def ieee34() -> pp.pandapowerNet:
    """Return the 34 node test feeder, 24.9 kV."""
    return _build("ieee34")


def ieee37() -> pp.pandapowerNet:
    """Return the 37 node test feeder, 4.8 kV, three wires."""
    return _build("ieee37")


def ieee123() -> pp.pandapowerNet:
    """Return the 123 node test feeder, 4.16 kV, its switches in their normal positions."""
    return _build("ieee123")


def read_tables(name: str) -> dict[str, Any]:
    """Return the published tables of a feeder, or "configurations" of all lines."""
    text = (files("networks") / "ieee_tables" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def bus_number(node: str) -> int:
    """Return the pandapower bus of a published node."""
    return REGULATOR_TERMINALS + int(node[:-1]) if node.endswith("r") else int(node)


def _build(name: str) -> pp.pandapowerNet:
    feeder = read_tables(name)
    tables = feeder["tables"]
    net = pp.create_empty_network(name=name, sn_mva=1.0, f_hz=FREQUENCY_HZ)
    _add_buses(net, tables, feeder["nominal_kv"])
    _add_source(net, feeder["source"], feeder["nominal_kv"])
    _add_regulators(net, tables["regulators"], feeder["nominal_kv"])
    _add_transformers(net, tables["transformers"])
    _add_lines(net, tables["lines"])
    _add_loads(net, tables)
    for node, *kvar in tables["capacitors"]:
        pp.create_shunt(net, bus_number(node), q_mvar=-sum(kvar) / 1e3)
    for start, end, closed in tables["switches"]:
        pp.create_switch(
            net, bus_number(start), bus_number(end), et="b", closed=closed, name=f"{start}-{end}"
        )
    return net


def _add_buses(net: pp.pandapowerNet, tables: dict[str, Any], nominal_kv: float) -> None:
    """Create the nodes under their published numbers; behind a transformer at its low voltage."""
    low = {end: kv for _, end, _, _, kv, *_ in tables["transformers"]}
    behind = {end: low[start] for start, end, *_ in tables["lines"] if start in low}
    kv_of = low | behind
    for node, x, y in tables["places"]:
        kv = kv_of.get(node, nominal_kv)
        pp.create_bus(net, vn_kv=kv, name=node, index=bus_number(node), geodata=(x, y))


def _add_source(net: pp.pandapowerNet, source: dict[str, Any], nominal_kv: float) -> None:
    head = bus_number(source["head"])
    high_kv = source["transformer_high_kv"]
    geo = net.bus.geo.at[head]
    pp.create_bus(net, vn_kv=high_kv, name="Source", index=SOURCE_BUS)
    net.bus.loc[SOURCE_BUS, "geo"] = geo
    pp.create_ext_grid(net, SOURCE_BUS, vm_pu=source["voltage_pu"])
    _add_transformer(
        net,
        (SOURCE_BUS, head),
        name="Substation",
        kva=source["transformer_kva"],
        kv=(high_kv, nominal_kv),
        percent=(0.0, HELD_PERCENT),
        shift_degree=source["transformer_shift_degree"],
    )


def _add_regulators(net: pp.pandapowerNet, table: list[Any], nominal_kv: float) -> None:
    """Create fixed taps at the mean of the phases: steps are divided by the number of phases."""
    for start, end, phases, taps, rated_a, reactance in table:
        count = len(taps)
        amperes = equivalent_ampacity(rated_a, len(phases))
        _add_transformer(
            net,
            (bus_number(start), bus_number(end)),
            name=f"Regulator {start}",
            kva=np.sqrt(3.0) * nominal_kv * amperes,
            kv=(nominal_kv, nominal_kv),
            percent=(0.0, reactance),
            tap_side="lv",
            tap_neutral=0,
            tap_min=-16 * count,
            tap_max=16 * count,
            tap_step_percent=TAP_STEP_PERCENT / count,
            tap_pos=sum(taps),
            tap_changer_type="Ratio",
        )


def _add_transformers(net: pp.pandapowerNet, table: list[Any]) -> None:
    for start, end, kva, high_kv, low_kv, resistance, reactance in table:
        _add_transformer(
            net,
            (bus_number(start), bus_number(end)),
            name=f"Transformer {start}-{end}",
            kva=kva,
            kv=(high_kv, low_kv),
            percent=(resistance, reactance),
        )


def _add_transformer(
    net: pp.pandapowerNet,
    ends: tuple[int, int],
    *,
    kva: float,
    kv: tuple[float, float],
    percent: tuple[float, float],
    **other: Any,
) -> None:
    pp.create_transformer_from_parameters(
        net,
        *ends,
        sn_mva=kva / 1e3,
        vn_hv_kv=kv[0],
        vn_lv_kv=kv[1],
        vkr_percent=percent[0],
        vk_percent=float(np.hypot(*percent)),
        pfe_kw=0.0,
        i0_percent=0.0,
        **other,
    )


def _add_lines(net: pp.pandapowerNet, table: list[Any]) -> None:
    configurations = read_tables("configurations")
    per_farad = 2.0 * np.pi * FREQUENCY_HZ
    for start, end, phases, configuration, feet in table:
        of, count = configurations[configuration], len(phases)
        microsiemens = equivalent_susceptance(of["b"], count) / KM_PER_MILE
        pp.create_line_from_parameters(
            net,
            bus_number(start),
            bus_number(end),
            length_km=feet * KM_PER_FOOT,
            r_ohm_per_km=equivalent_impedance(of["r"], count) / KM_PER_MILE,
            x_ohm_per_km=equivalent_impedance(of["x"], count) / KM_PER_MILE,
            c_nf_per_km=microsiemens * 1e3 / per_farad,
            max_i_ka=equivalent_ampacity(of["ampacity_a"], count) / 1e3,
            name=f"{start}-{end}",
        )


def _add_loads(net: pp.pandapowerNet, tables: dict[str, Any]) -> None:
    """Create one constant-power load a node: phases summed, distributed loads half at each end."""
    total: dict[str, complex] = defaultdict(complex)
    for node, _, *powers in tables["spot_loads"]:
        total[node] += _sum_phases(powers)
    for start, end, _, *powers in tables["distributed_loads"]:
        total[start] += _sum_phases(powers) / 2
        total[end] += _sum_phases(powers) / 2
    for node, kva in total.items():
        pp.create_load(net, bus_number(node), p_mw=kva.real / 1e3, q_mvar=kva.imag / 1e3, name=node)


def _sum_phases(powers: list[float]) -> complex:
    return complex(sum(powers[0::2]), sum(powers[1::2]))


EQUIVALENT = (
    "one- and two-phase laterals count as three-phase lines, loads as constant power summed over "
    "the phases; unbalance is not modelled",
    "regulators stay at the mean of the published taps, which suit the full load: voltages are "
    "higher with less",
    "the head of the feeder is held at its published voltage, so the substation transformer has "
    f"next to no reactance ({HELD_PERCENT:g} %)",
)
"""What is assumed of all these feeders beside ratings."""


def _entry(nodes: int, *, load_percent: int = 100, reason: str = "") -> Entry:
    name = f"ieee{nodes}"
    scaled = "" if load_percent == 100 else f", loads at {load_percent} %"
    return Entry(
        description=Description(
            name=name,
            title=f"IEEE {nodes} node test feeder, balanced equivalent, taps fixed{scaled}",
            source=(
                "IEEE PES Distribution System Analysis Subcommittee test feeders (Kersting, Radial "
                "distribution test feeders, IEEE PES Winter Meeting, 2001); one- and two-phase "
                "laterals as three-phase equivalents, loads constant power summed over the "
                "phases, regulators fixed at the mean of the published taps"
            ),
            ratings_assumed=True,
            ratings_source=(
                "Assumed: usual ampacities of the published conductors, a third of them for each "
                "phase present; regulators by the rated current of their current transformers. "
                "Other transformer ratings are published."
            ),
        ),
        build=partial(_build, name),
        load_scaling=load_percent / 100,
        load_scaling_reason=reason,
        notes=EQUIVALENT,
    )


ENTRIES: dict[str, Entry] = {
    "ieee13": _entry(13),
    "ieee34": _entry(
        34,
        load_percent=90,
        reason=(
            "with the published loads as constant power the base case itself breaks a limit: "
            "transformer 832-888 at 111.3 % (lowest voltage 0.904 p.u.)"
        ),
    ),
    "ieee37": _entry(
        37,
        load_percent=85,
        reason=(
            "with the published loads the base case itself breaks a limit: the substation "
            "transformer at 112.2 %"
        ),
    ),
    "ieee123": _entry(123),
}
