"""A net with everything that is modelled and easy to get wrong."""

import pandapower as pp

from networks.compile import Description

DESCRIPTION = Description(
    name="odd",
    title="A bit of everything",
    source="made up",
    ratings_assumed=False,
    ratings_source="made up",
)


def odd_net() -> pp.pandapowerNet:
    """Return taps, phase shift, shunt, ward, storage, parallel lines, open ends, dark buses."""
    net = pp.create_empty_network(sn_mva=7.0)
    for kv in (20.0, 20.0, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4):
        pp.create_bus(net, vn_kv=kv, index=3 * len(net.bus) + 1, name=f"Node {len(net.bus)}")
    buses = list(net.bus.index)
    pp.create_ext_grid(net, buses[1], vm_pu=1.02, va_degree=10.0)
    pp.create_switch(net, buses[0], buses[1], et="b")
    pp.create_transformer_from_parameters(
        net,
        buses[0],
        buses[2],
        sn_mva=0.4,
        vn_hv_kv=20.0,
        vn_lv_kv=0.41,
        vk_percent=4.0,
        vkr_percent=1.3,
        pfe_kw=0.9,
        i0_percent=0.3,
        shift_degree=150.0,
        tap_side="hv",
        tap_neutral=0,
        tap_min=-2,
        tap_max=2,
        tap_step_percent=2.5,
        tap_pos=-1,
        tap_changer_type="Ratio",
        parallel=2,
        df=0.9,
    )
    for start, end, parallel in ((2, 3, 2), (3, 4, 1), (4, 2, 1), (4, 5, 1), (5, 6, 1), (5, 7, 1)):
        pp.create_line_from_parameters(
            net,
            buses[start],
            buses[end],
            length_km=0.2,
            r_ohm_per_km=0.3,
            x_ohm_per_km=0.08,
            c_nf_per_km=300_000.0,  # far too much: an open end must carry a visible current
            max_i_ka=0.27,
            parallel=parallel,
            df=0.8,
        )
    pp.create_switch(net, buses[5], 4, et="l", closed=True)
    pp.create_switch(net, buses[6], 4, et="l", closed=False)  # cuts bus 6 off, line stays charged
    net.line.loc[5, "in_service"] = False
    net.bus.loc[buses[7], "in_service"] = False
    pp.create_load(net, buses[3], p_mw=0.06, q_mvar=0.02, scaling=0.5)
    pp.create_load(net, buses[3], p_mw=0.02, q_mvar=0.01)
    pp.create_load(net, buses[5], p_mw=0.04, q_mvar=0.01)
    pp.create_load(net, buses[5], p_mw=9.0, in_service=False)
    pp.create_load(net, buses[1], p_mw=0.5, q_mvar=0.1)
    pp.create_sgen(net, buses[4], p_mw=0.03, q_mvar=-0.01)
    pp.create_shunt(net, buses[4], q_mvar=-0.02, p_mw=0.001)
    pp.create_storage(net, buses[3], p_mw=0.015, q_mvar=0.002, max_e_mwh=1.0)
    pp.create_ward(net, buses[5], ps_mw=0.004, qs_mvar=0.001, pz_mw=0.003, qz_mvar=0.002)
    return net
