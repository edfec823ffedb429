"""Find the branches of a net that have next to no impedance."""

import numpy as np
import pandapower as pp

from networks.malformed import in_service, numeric


def least_impedances(net: pp.pandapowerNet, most: int = 3) -> list[str]:
    """Return the branches in service of least impedance, per unit of their voltage, as text."""
    found: list[tuple[float, str]] = []
    line = net.line.loc[in_service(net.line)]
    ohm = np.hypot(numeric(line, "r_ohm_per_km"), numeric(line, "x_ohm_per_km"))
    ohm = ohm * numeric(line, "length_km") / numeric(line, "parallel").fillna(1.0)
    switch = net.switch[(net.switch.et == "b") & net.switch.closed.astype(bool)]
    switch = switch[numeric(switch, "z_ohm") > 0.0]
    for kind, values, buses in (
        ("line", ohm, line.from_bus),
        ("switch", numeric(switch, "z_ohm"), switch.bus),
    ):
        for row, value in values.items():
            kv = float(net.bus.vn_kv.at[buses.at[row]])
            found.append((float(value) / kv**2, f"{kind} {row} with {value:.2g} ohm"))
    trafo = net.trafo.loc[in_service(net.trafo)]
    share = trafo.vk_percent / 100.0 / trafo.sn_mva / trafo.parallel
    for row, value in share.items():
        percent = trafo.vk_percent.at[row]
        found.append(
            (float(value), f"trafo {row} with {percent:.2g} % at {trafo.sn_mva.at[row]:g} MVA")
        )
    return [text for _, text in sorted(found)[:most]]
