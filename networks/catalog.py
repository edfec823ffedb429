"""Named feeders. A new one is one entry of `_ENTRIES`; SimBench's come by their codes."""

import difflib
import random
from dataclasses import dataclass, replace

import numpy as np
import pandapower as pp
import pandapower.networks as pn

from networks.compile import Description, Limits, compile_net, solve_net
from networks.entry import Entry
from networks.errors import NetworkError
from networks.feeder import Feeder
from networks.ieee_feeders import ENTRIES as IEEE_ENTRIES
from networks.simbench_grids import (
    PREFIX,
    SIMBENCH_PATTERN,
    build_grid,
    is_code,
    limits_of,
    title_of,
    zones_of,
)
from networks.worked_example import three_bus_net

KERBER_SEED = 0


@dataclass(frozen=True, slots=True)
class FeederSummary:
    """A feeder in numbers; the base case is every load at its nominal value."""

    name: str
    title: str
    source: str
    buses: int
    lines: int
    transformers: int
    nominal_kv: tuple[float, ...]  # highest first
    peak_load_kw: float
    limits: Limits
    load_scaling: float  # published loads are multiplied by it
    load_scaling_reason: str
    ratings_assumed: bool
    ratings_source: str
    voltage_min_pu: float  # of the base case
    voltage_max_pu: float
    worst_line_percent: float  # NaN where there is no line
    worst_transformer_percent: float  # NaN where there is no transformer

    @property
    def base_case_secure(self) -> bool:
        """Whether the base case is inside its limits."""
        loadings = np.array([self.worst_line_percent, self.worst_transformer_percent])
        return bool(
            self.voltage_min_pu >= self.limits.voltage_min_pu
            and self.voltage_max_pu <= self.limits.voltage_max_pu
            and not (loadings > self.limits.loading_max_percent).any()
        )


def feeder_names() -> tuple[str, ...]:
    """Return the names of the catalogue; SimBench's grids are loaded by `simbench:CODE`."""
    return tuple(_ENTRIES)


def is_feeder(name: str) -> bool:
    """Tell whether `load_feeder` knows `name`."""
    return name in _ENTRIES or _simbench_code(name) is not None


def load_feeder(
    name: str,
    *,
    voltage_min_pu: float | None = None,
    voltage_max_pu: float | None = None,
    loading_max_percent: float | None = None,
) -> Feeder:
    """Return a feeder of the catalogue or of SimBench; limits left out are those of its preset.

    Raises:
        NetworkError: unknown name, or limits that are crossed.
    """
    entry = _find(name)
    given = {
        "voltage_min_pu": voltage_min_pu,
        "voltage_max_pu": voltage_max_pu,
        "loading_max_percent": loading_max_percent,
    }
    net = _build(entry)
    limits = replace(
        entry.limits if isinstance(entry.limits, Limits) else entry.limits(net),
        **{key: value for key, value in given.items() if value is not None},
    )
    zones = None if entry.zones is None else entry.zones(net)
    return compile_net(net, entry.description, limits, zones=zones)


def build_net(name: str) -> pp.pandapowerNet:
    """Return a feeder as a pandapower net: loads scaled and ratings patched as the entry says.

    Raises:
        NetworkError: unknown name.
    """
    return _build(_find(name))


def _build(entry: Entry) -> pp.pandapowerNet:
    net = entry.build()
    net.load["scaling"] *= entry.load_scaling
    if entry.assume_ratings is not None:
        entry.assume_ratings(net)
    return net


def describe_feeders() -> list[FeederSummary]:
    """Return a summary of every feeder of the catalogue, its base case solved with pandapower."""
    return [_summarise(name, entry) for name, entry in _ENTRIES.items()]


def _summarise(name: str, entry: Entry) -> FeederSummary:
    net = _build(entry)
    solve_net(net, name)
    told = entry.description
    load = net.load[net.load.in_service]
    return FeederSummary(
        name=name,
        title=told.title,
        source=told.source,
        buses=int(net.res_bus.vm_pu.notna().sum()),
        lines=int(net.line.in_service.sum()),
        transformers=int(net.trafo.in_service.sum()),
        nominal_kv=tuple(sorted({float(value) for value in net.bus.vn_kv}, reverse=True)),
        peak_load_kw=float((load.p_mw * load.scaling).sum() * 1e3),
        limits=entry.limits if isinstance(entry.limits, Limits) else entry.limits(net),
        load_scaling=entry.load_scaling,
        load_scaling_reason=entry.load_scaling_reason,
        ratings_assumed=told.ratings_assumed,
        ratings_source=told.ratings_source,
        voltage_min_pu=float(net.res_bus.vm_pu.min()),
        voltage_max_pu=float(net.res_bus.vm_pu.max()),
        worst_line_percent=float(net.res_line.loading_percent.max()),
        worst_transformer_percent=float(net.res_trafo.loading_percent.max()),
    )


def _find(name: str) -> Entry:
    if name in _ENTRIES:
        return _ENTRIES[name]
    code = _simbench_code(name)
    if code is not None:
        return _simbench_entry(name, code)
    close = difflib.get_close_matches(name, _ENTRIES, n=1, cutoff=0.4)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    allowed = f"{', '.join(_ENTRIES)}, and SimBench's low-voltage grids as {SIMBENCH_PATTERN}"
    raise NetworkError(f"unknown feeder {name!r}{hint} Allowed are {allowed}.")


def _simbench_code(name: str) -> str | None:
    """Return the valid code in `name`, None if there is none."""
    code = name.removeprefix(PREFIX)
    return code if code != name and is_code(code) else None


def _simbench_entry(name: str, code: str) -> Entry:
    return Entry(
        description=Description(
            name=name,
            title=title_of(code),
            source=(
                f"Contains information from SimBench ({code}; Meinecke et al., Energies 13(12), "
                "2020), which is made available under the Open Database License (ODbL). Its "
                "generators, storages, and loads of vehicles and heat pumps are left out: those "
                "of the scenario take their place"
            ),
            ratings_assumed=False,
            ratings_source="Line and transformer ratings as published by SimBench.",
        ),
        build=lambda: build_grid(code),
        limits=limits_of,
        zones=zones_of,
    )


def _zones_of_cigre_lv(net: pp.pandapowerNet) -> dict[int, str]:
    """Return the zone of each bus by the first letter behind "Bus " in its name."""
    zone_of = {"R": "residential", "I": "industrial", "C": "commercial"}
    return {
        int(bus): zone_of.get(str(name).removeprefix("Bus ")[:1], "")
        for bus, name in net.bus.name.items()
    }


def _build_kerber_dorfnetz() -> pp.pandapowerNet:
    """Return the village, the same each time.

    pandapower draws the cables of house connections with the module-level generator, whose
    state is put back.
    """
    state = random.getstate()
    random.seed(KERBER_SEED)
    try:
        return pn.create_kerber_dorfnetz()
    finally:
        random.setstate(state)


def _rate_cigre_lv(net: pp.pandapowerNet) -> None:
    """Give each line the rating of the conductor that its resistance belongs to."""
    for resistance, current in _CIGRE_LV_KA_OF_OHM_PER_KM.items():
        same = np.isclose(net.line.r_ohm_per_km, resistance, rtol=0.0, atol=1e-3)
        net.line.loc[same, "max_i_ka"] = current


def _rate_ieee33(net: pp.pandapowerNet) -> None:
    """Rate the first five sections at 400 A, all others at 255 A."""
    net.line["max_i_ka"] = 0.255
    net.line.loc[net.line.index[:5], "max_i_ka"] = 0.400


_CIGRE_LV_KA_OF_OHM_PER_KM = {
    0.162: 0.357,  # UG1, about 4 x 240 mm2 aluminium cable
    0.265: 0.270,  # UG2, about 150 mm2
    0.822: 0.142,  # UG3, about 50 mm2
    0.492: 0.245,  # OH1, about 70 mm2 aluminium overhead
    1.321: 0.135,  # OH2, about 25 mm2
    2.017: 0.105,  # OH3, about 16 mm2
}

_ENTRIES: dict[str, Entry] = {
    "cigre_lv": Entry(
        description=Description(
            name="cigre_lv",
            title="CIGRE European low-voltage benchmark (residential, industrial, commercial)",
            source="CIGRE Task Force C6.04.02, Technical Brochure 575 (2014), as in pandapower",
            ratings_assumed=True,
            ratings_source=(
                "Assumed: the benchmark gives no line ratings; those of common aluminium cables "
                "and overhead lines of the same resistance per km are used. Transformer ratings "
                "are the benchmark's own."
            ),
        ),
        build=pn.create_cigre_network_lv,
        assume_ratings=_rate_cigre_lv,
        zones=_zones_of_cigre_lv,
    ),
    "cigre_mv": Entry(
        description=Description(
            name="cigre_mv",
            title="CIGRE European medium-voltage benchmark, loads at 75 %",
            source="CIGRE Task Force C6.04.02, Technical Brochure 575 (2014), as in pandapower",
            ratings_assumed=False,
            ratings_source="Line and transformer ratings of the benchmark, as in pandapower.",
        ),
        build=lambda: pn.create_cigre_network_mv(with_der=False),
        load_scaling=0.75,
        load_scaling_reason=(
            "with the published loads the base case itself breaks a limit: a transformer at "
            "101.4 % (lowest voltage 0.923 p.u.)"
        ),
    ),
    "ieee33": Entry(
        description=Description(
            name="ieee33",
            title="IEEE 33-bus distribution feeder (Baran and Wu)",
            source="Baran and Wu, IEEE Trans. Power Delivery 4(2), 1989, as in pandapower",
            ratings_assumed=True,
            ratings_source=(
                "Assumed: the published feeder gives no line ratings; 400 A are used for the "
                "first five sections and 255 A elsewhere."
            ),
        ),
        build=pn.case33bw,
        assume_ratings=_rate_ieee33,
    ),
    **IEEE_ENTRIES,
    "kerber_dorfnetz": Entry(
        description=Description(
            name="kerber_dorfnetz",
            title="Kerber village grid, low voltage, 57 house connections",
            source=(
                "Kerber, Aufnahmefähigkeit von Niederspannungsverteilnetzen für die Einspeisung "
                "aus Photovoltaikkleinanlagen, dissertation, TU München, 2011, as in pandapower"
            ),
            ratings_assumed=False,
            ratings_source="Line and transformer ratings of the standard types in pandapower.",
        ),
        build=_build_kerber_dorfnetz,
    ),
    "three_bus": Entry(
        description=Description(
            name="three_bus",
            title="Worked example of the documentation, three buses in a row",
            source="docs/verdicts.md",
            ratings_assumed=False,
            ratings_source="Part of the example.",
        ),
        build=three_bus_net,
        limits=Limits(voltage_min_pu=0.9, voltage_max_pu=1.05, loading_max_percent=100.0),
    ),
}
