"""The three-bus net of the worked example: small enough for pencil and paper."""

import pandapower as pp

from networks.compile import Description, Limits, compile_net
from networks.feeder import Feeder


def three_bus_net() -> pp.pandapowerNet:
    """Return buses 0-1-2 at 0.4 kV, slack 1.0 p.u. at bus 0, two equal lines of 0.25 km.

    Bus 1 draws 12 kW and bus 2 draws 4 kW: what is drawn when every order is refused.
    """
    net = pp.create_empty_network(sn_mva=1.0)
    for _ in range(3):
        pp.create_bus(net, vn_kv=0.4)
    pp.create_ext_grid(net, 0, vm_pu=1.0)
    for start in (0, 1):
        pp.create_line_from_parameters(
            net,
            start,
            start + 1,
            length_km=0.25,
            r_ohm_per_km=0.32,
            x_ohm_per_km=0.08,
            c_nf_per_km=0.0,
            max_i_ka=0.27,
        )
    pp.create_load(net, 1, p_mw=0.012)
    pp.create_load(net, 2, p_mw=0.004)
    return net


def three_bus_feeder() -> Feeder:
    """Return the net compiled, limits 0.9 to 1.05 p.u. and 100 %."""
    description = Description(
        name="three_bus",
        title="Three buses in a row",
        source="worked example",
        ratings_assumed=False,
        ratings_source="made up",
    )
    return compile_net(three_bus_net(), description, Limits(0.9, 1.05, 100.0))
