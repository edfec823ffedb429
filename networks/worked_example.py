"""The three-bus net of docs/verdicts.md: small enough for pencil and paper."""

import pandapower as pp


def three_bus_net() -> pp.pandapowerNet:
    """Return buses 0-1-2 at 0.4 kV, slack 1.0 p.u. at bus 0, two equal lines of 0.25 km.

    Bus 1 draws 12 kW and bus 2 draws 4 kW: what is drawn when every order is refused.
    """
    net = pp.create_empty_network(sn_mva=1.0)
    for number in range(3):
        pp.create_bus(net, vn_kv=0.4, name=f"Bus {number}")
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
            name=f"Line {start}-{start + 1}",
        )
    pp.create_load(net, 1, p_mw=0.012)
    pp.create_load(net, 2, p_mw=0.004)
    return net
