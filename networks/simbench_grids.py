"""SimBench's grids by code, as pandapower nets; the only place that imports simbench.

SimBench's loader reads the tables of all grids (some seconds, 700 MB), so that its result is
kept as pandapower's JSON in the user's cache. Data: SimBench, https://simbench.de, ODbL 1.0.
"""

import importlib.metadata
import importlib.util
import tempfile
from pathlib import Path

import pandapower as pp
import pandas as pd

from networks.errors import NetworkError
from networks.limits import Limits
from networks.simbench_codes import PREFIX
from networks.simbench_profiles import cache_folder

PLAYED = r"H0|L\d|G\d|lv_|mv_|BL|BW|WB"
"""How the profiles begin of what a scenario does not add: homes, farms, trades, industry, areas."""
CACHE_LAYOUT = 1
LOW_VOLTAGE_KV = 1.0
LEFT_OUT = ("profiles", "loadcases", "measurement", "substation")
"""Tables of a SimBench net that a feeder does not need."""


def build_grid(code: str) -> pp.pandapowerNet:
    """Return the grid of a valid `code`, as published but for what is played.

    Loads of homes, farms and trades are kept at their nominal power. Generators, storages, and
    loads of vehicles and heat pumps are taken out: they are what a scenario adds. Transformer
    taps, which SimBench leaves without a kind of changer and pandapower then ignores, count.

    Raises:
        NetworkError: simbench is not installed.
    """
    net = published_grid(code)
    # Each profile begins with whose load it is: H0-A is a home's, L1-B a farm's, G3-A a trade's,
    # lv_rural1 that of a whole low-voltage grid.
    played = net.load["profile"].astype(str).str.match(PLAYED).to_numpy(bool)
    net.load = net.load[played]
    net.sgen = net.sgen.iloc[:0]
    net.storage = net.storage.iloc[:0]
    return net


def published_grid(code: str) -> pp.pandapowerNet:
    """Return the grid of a valid `code` with all that is published, taps as in `build_grid`.

    Raises:
        NetworkError: simbench is not installed.
    """
    net = _cached(code)
    net.trafo["tap_changer_type"] = "Ratio"
    return net


def equipped_grid(code: str) -> pp.pandapowerNet:
    """Return the grid of a valid `code` with all that is published, plants and batteries apart.

    A storage of SimBench is a plant and its battery in one row: its profile is never negative and
    reaches the peak of the plant's (PV3 and Storage_PV3_H0-A: both 0.61), and no plant stands at
    the same low-voltage bus. Its power is that of the plant.

    Raises:
        NetworkError: simbench is not installed.
    """
    net = published_grid(code)
    for source in ("PV", "Wind"):
        units = net.storage[net.storage["type"].astype(str).str.startswith(source)]
        if len(units):
            pp.create_sgens(
                net,
                buses=units.bus.to_numpy(),
                p_mw=-units.p_mw.to_numpy(),
                sn_mva=units.sn_mva.to_numpy(),
                name=units.name.to_numpy(),
                type=source,
            )
    net.storage["p_mw"] = 0.0
    return net


def zones_of(net: pp.pandapowerNet) -> dict[int, str]:
    """Return "commercial" for buses where trades draw most, else "residential".

    People live on farms: these count as homes and get as many as their published peak stands for.
    Vehicles that charge at work are part of a trade.
    Without low voltage, where whole areas hang on a bus, no zone is told.
    """
    if not (net.bus.vn_kv < LOW_VOLTAGE_KV).any():
        return {}
    trade = net.load["profile"].astype(str).str.match(r"G\d|APLS").to_numpy(bool)
    loads = net.load.assign(trade_mw=net.load.p_mw * trade)
    sums = loads.groupby("bus")[["p_mw", "trade_mw"]].sum()
    commercial = (sums["trade_mw"] > 0.5 * sums["p_mw"]).to_numpy(bool)
    return {
        int(bus): "commercial" if trading else "residential"
        for bus, trading in zip(sums.index, commercial, strict=True)
    }


def limits_of(net: pp.pandapowerNet) -> Limits:
    """Return the limits that most of the lowest-voltage buses and all branches share.

    Two buses of semiurb5 carry an upper limit of 1.01 p.u. that no other bus has; the voltage
    there is held to the limit of all others.
    """
    low = net.bus[net.bus.vn_kv == net.bus.vn_kv.min()]
    loadings = pd.concat([net.line.max_loading_percent, net.trafo.max_loading_percent])
    return Limits(
        voltage_min_pu=float(low.min_vm_pu.mode().iloc[0]),
        voltage_max_pu=float(low.max_vm_pu.mode().iloc[0]),
        loading_max_percent=float(loadings.min()),
    )


def cache_file(code: str) -> Path:
    """Return where the grid of `code` is cached, by the versions that can change it."""
    simbench, pandapower = map(importlib.metadata.version, ("simbench", "pandapower"))
    name = f"simbench-{simbench}-{code}-pandapower-{pandapower}-layout{CACHE_LAYOUT}.json"
    return cache_folder() / name


def _cached(code: str) -> pp.pandapowerNet:
    """Return the grid from the cache where it is whole, else from simbench.

    Either way it has gone through JSON once, so that both have the same hash.
    """
    if importlib.util.find_spec("simbench") is None:
        raise NetworkError(
            f"{PREFIX}{code}: the grid comes from the package simbench, which is not installed; "
            "`pip install simbench` provides it"
        )
    file = cache_file(code)
    net = _read(file)
    if net is None:
        text = _load(code)
        _write(file, text)
        net = pp.from_json_string(text)
    return net


def _load(code: str) -> str:
    """Return the grid as simbench gives it, unneeded tables apart, as JSON."""
    import simbench  # reads much on import, and is rarely needed

    net = simbench.get_simbench_net(code)
    for name in LEFT_OUT:
        net.pop(name, None)
    for name, table in net.items():
        if isinstance(table, pd.DataFrame):
            # simbench adds columns in the order of a set, which differs from call to call.
            net[name] = table[sorted(table.columns)]
    return str(pp.to_json(net))


def _read(file: Path) -> pp.pandapowerNet | None:
    """Return the net in a file, None where there is none or it is damaged."""
    try:
        text = file.read_text(encoding="utf-8")
        net = pp.from_json_string(text)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    whole = isinstance(net, pp.pandapowerNet) and len(net.bus) > 0 and len(net.trafo) > 0
    return net if whole else None


def _write(file: Path, text: str) -> None:
    """Write the cache in one move; a folder that cannot be written only costs time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=file.parent, suffix=".part", delete=False
        ) as part:
            temporary = Path(part.name)
            try:
                part.write(text)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        temporary.replace(file)
    except OSError:
        return
