"""Named feeders. A new one is an entry of a family; SimBench's come by their codes."""

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandapower as pp

from networks import entries_cigre, entries_german, entries_ieee, ieee_feeders
from networks.base_case import solve_net
from networks.compile import Description, compile_net
from networks.entry import Entry, build_entry, build_owned, equipped, limits_of_entry, told_of
from networks.errors import NetworkError
from networks.feeder import Feeder
from networks.feeder_summary import FeederSummary, Progress, remembered
from networks.file_kinds import ALLOWED, is_file_reference, is_path
from networks.limits import Limits, preset
from networks.names import folded
from networks.net_devices import NetDevices
from networks.normalise import complete
from networks.references import open_file
from networks.simbench_codes import (
    CODE_COUNT,
    EXAMPLE,
    PREFIX,
    closest_code,
    has_several_levels,
    is_code,
    refusal,
    title_of,
)
from networks.simbench_grids import build_grid, equipped_grid, limits_of, zones_of
from networks.worked_example import three_bus_net

LIMITS_OF_LOWEST = (
    "the limits of the lowest voltage level hold at all buses; SimBench's own are 0.9 to 1.1 p.u. "
    "at low and high voltage, 0.965 to 1.055 p.u. at medium voltage"
)


def feeder_names() -> tuple[str, ...]:
    """Return the names of the catalogue; SimBench's grids are loaded by `simbench:CODE`."""
    return tuple(_ENTRIES)


def is_feeder(name: str) -> bool:
    """Tell whether `load_feeder` knows `name`."""
    known = _as_written(name) is not None or _simbench_code(name) is not None
    return known or is_file_reference(name)


def load_feeder(
    name: str,
    *,
    limits: str | None = None,
    voltage_min_pu: float | None = None,
    voltage_max_pu: float | None = None,
    loading_max_percent: float | None = None,
    owned_devices: bool = False,
) -> Feeder:
    """Return a feeder of the catalogue, of SimBench, or in a file (see docs/own-feeders.md).

    `limits` names one of `networks.limits.PRESETS`; left out, the feeder's own hold. Those given
    one by one come before either.

    With `owned_devices`, solar plants, storages, vehicles and heat pumps of the net are taken out
    of it and stand in `Feeder.devices`, for prosumers to own; also those of a feeder that usually
    comes without.

    Raises:
        NetworkError: unknown name, a file that cannot be read, or limits that are crossed.
    """
    entry = _find(name)
    given = {
        "voltage_min_pu": voltage_min_pu,
        "voltage_max_pu": voltage_max_pu,
        "loading_max_percent": loading_max_percent,
    }
    net, devices, told = build_owned(entry) if owned_devices else (build_entry(entry), None, ())
    held = replace(
        limits_of_entry(entry, net) if limits is None else preset(limits),
        **{key: value for key, value in given.items() if value is not None},
    )
    zones = None if entry.zones is None else entry.zones(net)
    description = (equipped(entry) if owned_devices else entry).description
    feeder = compile_net(net, description, held, zones=zones)
    supplied = None if devices is None else devices.at(feeder.bus_index)
    if devices is not None and supplied is not None and len(supplied) < len(devices):
        dark = len(devices) - len(supplied)
        told = (*told, _left_dark(dark))
    return replace(
        feeder,
        transformer_ratings_assumed=entry.transformer_ratings_assumed,
        notes=(*told_of(entry, with_devices=owned_devices), *told, *feeder.notes),
        devices=supplied,
    )


def _left_dark(count: int) -> str:
    if count == 1:
        return "1 device at a bus without supply is left out"
    return f"{count} devices at buses without supply are left out"


def build_net(name: str, *, owned_devices: bool = False) -> pp.pandapowerNet:
    """Return a feeder as a pandapower net: loads scaled and ratings patched as the entry says.

    `owned_devices` as for `load_feeder`: the net is then without them.

    Raises:
        NetworkError: unknown name.
    """
    return build_owned(_find(name))[0] if owned_devices else build_entry(_find(name))


def net_of(net_or_name: pp.pandapowerNet | str, feeder: Feeder) -> pp.pandapowerNet:
    """Return the net that `feeder` was compiled from: the one given, or that of its name."""
    if not isinstance(net_or_name, str):
        return net_or_name
    return build_net(net_or_name, owned_devices=feeder.devices is not None)


def devices_of(name: str) -> NetDevices:
    """Return the devices of a feeder's net that prosumers can own, supplied or not.

    Raises:
        NetworkError: unknown name.
    """
    return build_owned(_find(name))[1]


def describe_feeders(
    names: Sequence[str] = (), progress: Progress | None = None
) -> list[FeederSummary]:
    """Return a summary of the named feeders, of all in the catalogue where none is named.

    Base cases are solved with pandapower once and kept in the user's cache, which is made anew
    with every other version of this package or of pandapower. `progress` hears of each that is
    solved.

    Raises:
        NetworkError: unknown names, all of them at once.
    """
    entries: list[tuple[str, Entry]] = []
    problems: list[str] = []
    for name in names or feeder_names():
        if is_path(name):
            problems.append(f"{name}: is a file; `cosim feeders inspect {name}` tells of it")
            continue
        try:
            entries.append((name, _find(name)))
        except NetworkError as error:
            problems += error.problems
    if problems:
        raise NetworkError(problems)
    return remembered(entries, _summarise, progress)


def _summarise(name: str, entry: Entry) -> FeederSummary:
    net = build_entry(entry)
    complete(net)
    sgen = net.sgen[net.sgen.in_service]
    net.sgen = net.sgen.iloc[:0]
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
        limits=limits_of_entry(entry, net),
        load_scaling=entry.load_scaling,
        load_scaling_reason=entry.load_scaling_reason,
        generation_kw=float((sgen.p_mw * sgen.scaling).sum() * 1e3),
        coordinates="geo" in net.bus and bool(net.bus.geo.notna().all()),
        remark=entry.remark,
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
    if is_path(name):
        return open_file(name)
    meant = _as_written(name)
    if meant is not None:
        return _ENTRIES[meant]
    if Path(name).is_dir():
        raise NetworkError(f"{name}: is a folder; a feeder is a name or a file: {ALLOWED}")
    refused = refusal(name)
    if refused is not None:
        raise NetworkError(refused)
    close = closest_code(name) or difflib.get_close_matches(name.lower(), _ENTRIES, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    allowed = (
        f"the {len(_ENTRIES)} names that `cosim feeders` lists, {CODE_COUNT} grids of SimBench by "
        f"code such as {EXAMPLE}, and files: {ALLOWED}"
    )
    raise NetworkError(f"unknown feeder {name!r}{hint} Allowed are {allowed}.")


def _as_written(name: str) -> str | None:
    """Return the feeder of the catalogue that is meant, e.g. "cigre_lv" for "CIGRE-LV"."""
    return next((known for known in _ENTRIES if folded(known) == folded(name)), None)


def _simbench_code(name: str) -> str | None:
    """Return the valid code in `name`, None if there is none."""
    code = name.removeprefix(PREFIX)
    return code if code != name and is_code(code) else None


def _simbench_entry(name: str, code: str) -> Entry:
    source = (
        f"Contains information from SimBench ({code}; Meinecke et al., Energies 13(12), 2020), "
        "which is made available under the Open Database License (ODbL)."
    )
    return Entry(
        description=Description(
            name=name,
            title=title_of(code),
            source=(
                f"{source} Its generators, storages, and loads of vehicles and heat pumps are left "
                "out: those of the scenario take their place"
            ),
            ratings_assumed=False,
            ratings_source="Line and transformer ratings as published by SimBench.",
        ),
        build=lambda: build_grid(code),
        limits=limits_of,
        zones=zones_of,
        notes=(LIMITS_OF_LOWEST,) if has_several_levels(code) else (),
        with_devices=lambda: equipped_grid(code),
        left_out=(
            "generators, storages, and loads of vehicles and heat pumps of the published grid are "
            "left out: those of the scenario take their place"
        ),
        source_with_devices=(
            f"{source} Its solar plants, storages, vehicles and heat pumps belong to prosumers"
        ),
    )


_ENTRIES: dict[str, Entry] = {
    entry.description.name: entry
    for entry in (
        *entries_cigre.ENTRIES,
        *entries_ieee.ENTRIES,
        *ieee_feeders.ENTRIES.values(),
        *entries_german.ENTRIES,
        Entry(
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
    )
}
