"""Read OpenDSS circuits as balanced nets, with the generators that pandapower's converter skips."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pandapower as pp

from networks.errors import NetworkError
from networks.opendss_comparison import compare_with_opendss
from networks.opendss_details import phantom_switches, read_load_models, regulator_notes
from networks.opendss_session import directory_kept, quiet, results_removed
from networks.opendss_states import find_unread, read_states
from networks.plain_json import UNREADABLE
from networks.repairs import repair_circuit

BALANCED = (
    "balanced equivalent: one-phase laterals count as three-phase lines, loads are spread evenly, "
    "unbalance is not modelled"
)


def read_circuit(path: Path) -> tuple[pp.pandapowerNet, list[str], bool]:
    """Return the net of a circuit, sentences on what was assumed, whether ratings were.

    The circuit is compiled and solved by OpenDSS, which runs the commands in the file: open only
    files that you trust. Working directory and the loaded circuit are as before afterwards, apart
    from the circuit, which is cleared.

    Raises:
        NetworkError: OpenDSSDirect.py is not installed, or OpenDSS cannot compile the file.
    """
    if importlib.util.find_spec("opendssdirect") is None:
        raise NetworkError(
            f"{path}: OpenDSS circuits are read by the package opendssdirect.py, which is not "
            "installed; `pip install opendssdirect.py` provides it"
        )
    import opendssdirect as dss  # optional, and slow to load
    from pandapower.converter.opendss import from_opendss

    dss.Basic.AllowForms(False)
    dss.Basic.AllowEditor(False)
    dss.Basic.AllowDOScmd(False)
    with directory_kept(), quiet():
        try:
            with results_removed(path.resolve().parent, dss):
                net = from_opendss(str(path.resolve()))
                added = [*_add_generators(net, dss), *_add_storages(net, dss)]
                _add_places(net, dss)
                added += [*read_load_models(net, dss), *read_states(net, dss)]
                converted = net.pop("opendss_import")
                unread = find_unread(converted["warnings"], dss)
                told = regulator_notes(converted["warnings"], dss)
        except dss.DSSException as error:
            raise NetworkError(f"{path}: OpenDSS cannot compile it: {_one_line(error)}") from error
        except UNREADABLE as error:
            raise NetworkError(
                f"{path}: pandapower cannot convert it ({type(error).__name__}: {error})"
            ) from error
        finally:
            dss.Command("ClearAll")
    _require_bases(net, path)
    if unread:
        raise NetworkError([f"{path}: {problem}" for problem in unread])
    repairs, assumed = repair_circuit(net)
    added += [*repairs, *phantom_switches(net)]
    compared = compare_with_opendss(net, converted["vm_pu_opendss"])
    return net, [BALANCED, *compared, *told, *added], assumed


def _require_bases(net: pp.pandapowerNet, path: Path) -> None:
    """Refuse a circuit whose buses have no voltage."""
    bare = net.bus[~(net.bus.vn_kv > 0.0)]
    if len(bare):
        names = ", ".join(str(name) for name in bare.name.head(8))
        more = f" and {len(bare) - 8} more" if len(bare) > 8 else ""
        raise NetworkError(
            f"{path}: bus {names}{more}: without a nominal voltage; add the lines `Set "
            "VoltageBases=[...]`, the voltages in kV, and `CalcVoltageBases` before `Solve`"
        )


def _add_generators(net: pp.pandapowerNet, dss: Any) -> list[str]:
    """Add generators and solar systems, which the converter does not read."""
    buses = {str(name).lower(): int(row) for row, name in net.bus.name.items()}
    count = 0
    for kind, source in ((dss.Generators, None), (dss.PVsystems, "PV")):
        more = kind.First()
        while more:
            bus = buses.get(dss.CktElement.BusNames()[0].split(".", 1)[0].lower())
            if bus is not None:
                name, power = kind.Name(), float(kind.kW())
                pp.create_sgen(
                    net,
                    bus,
                    p_mw=power / 1e3,
                    q_mvar=float(kind.kvar()) / 1e3,
                    name=name,
                    type=source,
                )
                count += 1
            more = kind.Next()
    return [f"{count} generators and solar systems: read with their present power"] if count else []


def _add_storages(net: pp.pandapowerNet, dss: Any) -> list[str]:
    """Add storages at rest, with their rated power and the capacity above their reserve."""
    buses = {str(name).lower(): int(row) for row, name in net.bus.name.items()}
    count = 0
    more = dss.Storages.First()
    while more:
        bus = buses.get(dss.CktElement.BusNames()[0].split(".", 1)[0].lower())
        power, capacity, reserve = (
            float(dss.Properties.Value(name)) for name in ("kWrated", "kWhrated", "%reserve")
        )
        if bus is not None:
            pp.create_storage(
                net,
                bus,
                p_mw=0.0,
                sn_mva=power / 1e3,
                max_e_mwh=capacity / 1e3,
                min_e_mwh=capacity * reserve / 1e5,
                name=dss.Storages.Name(),
            )
            count += 1
        more = dss.Storages.Next()
    return [f"{count} storages: read with their ratings, at rest"] if count else []


def _add_places(net: pp.pandapowerNet, dss: Any) -> None:
    """Add coordinates where the circuit gives them."""
    for row, name in net.bus.name.items():
        dss.Circuit.SetActiveBus(str(name))
        if dss.Bus.Coorddefined():
            place = {"coordinates": [dss.Bus.X(), dss.Bus.Y()], "type": "Point"}
            net.bus.at[row, "geo"] = json.dumps(place)


def _one_line(error: Exception) -> str:
    """Return OpenDSS' message without line breaks and without its number."""
    text = str(error.args[-1]) if error.args else str(error)
    return " ".join(text.split())
