"""The CIGRE benchmark feeders of pandapower, and parts of them."""

import numpy as np
import pandapower as pp
import pandapower.networks as pn
from pandapower.toolbox import select_subnet

from networks.compile import Description
from networks.entry import Entry

LV_SOURCE = "CIGRE Task Force C6.04.02, Technical Brochure 575 (2014), as in pandapower"
LV_RATINGS = (
    "Assumed: the benchmark gives no line ratings; those of common aluminium cables and overhead "
    "lines of the same resistance per km are used. Transformer ratings are the benchmark's own."
)
MV_RATINGS = "Line and transformer ratings of the benchmark, as in pandapower."
ZONE_OF_LETTER = {"R": "residential", "I": "industrial", "C": "commercial"}

_KA_OF_OHM_PER_KM = {
    0.162: 0.357,  # UG1, about 4 x 240 mm2 aluminium cable
    0.265: 0.270,  # UG2, about 150 mm2
    0.822: 0.142,  # UG3, about 50 mm2
    0.492: 0.245,  # OH1, about 70 mm2 aluminium overhead
    1.321: 0.135,  # OH2, about 25 mm2
    2.017: 0.105,  # OH3, about 16 mm2
}


def zones_of_lv(net: pp.pandapowerNet) -> dict[int, str]:
    """Return the zone of each bus by the first letter behind "Bus " in its name."""
    return {
        int(bus): ZONE_OF_LETTER.get(str(name).removeprefix("Bus ")[:1], "")
        for bus, name in net.bus.name.items()
    }


def rate_lv(net: pp.pandapowerNet) -> None:
    """Give each line the rating of the conductor that its resistance belongs to."""
    for resistance, current in _KA_OF_OHM_PER_KM.items():
        same = np.isclose(net.line.r_ohm_per_km, resistance, rtol=0.0, atol=1e-3)
        net.line.loc[same, "max_i_ka"] = current


def build_part(zone: str) -> pp.pandapowerNet:
    """Return one of the three sub-networks with its own transformer, under the same numbers."""
    net = pn.create_cigre_network_lv()
    supply = int(net.ext_grid.bus.iloc[0])
    wanted = [bus for bus, of in zones_of_lv(net).items() if of == zone or bus == supply]
    return select_subnet(net, wanted)


def _part(zone: str) -> Entry:
    return Entry(
        description=Description(
            name=f"cigre_lv_{zone}",
            title=f"CIGRE European low-voltage benchmark, {zone} sub-network alone",
            source=LV_SOURCE,
            ratings_assumed=True,
            ratings_source=LV_RATINGS,
        ),
        build=lambda: build_part(zone),
        assume_ratings=rate_lv,
        zones=zones_of_lv,
    )


def _mv_with(generation: str, title: str, remark: str = "") -> Entry:
    return Entry(
        description=Description(
            name=f"cigre_mv_{generation}",
            title=f"CIGRE European medium-voltage benchmark with {title}, loads at 75 %",
            source=LV_SOURCE,
            ratings_assumed=False,
            ratings_source=MV_RATINGS,
        ),
        build=lambda: pn.create_cigre_network_mv(with_der=generation),
        load_scaling=0.75,
        load_scaling_reason=MV_SCALING,
        remark=f"its generators are existing generation, see [feeder] existing_generation{remark}",
    )


MV_SCALING = (
    "with the published loads the base case itself breaks a limit: a transformer at 101.4 % "
    "(lowest voltage 0.923 p.u.)"
)

ENTRIES = (
    Entry(
        description=Description(
            name="cigre_lv",
            title="CIGRE European low-voltage benchmark (residential, industrial, commercial)",
            source=LV_SOURCE,
            ratings_assumed=True,
            ratings_source=LV_RATINGS,
        ),
        build=pn.create_cigre_network_lv,
        assume_ratings=rate_lv,
        zones=zones_of_lv,
    ),
    *(_part(zone) for zone in ZONE_OF_LETTER.values()),
    Entry(
        description=Description(
            name="cigre_mv",
            title="CIGRE European medium-voltage benchmark, loads at 75 %",
            source=LV_SOURCE,
            ratings_assumed=False,
            ratings_source=MV_RATINGS,
        ),
        build=lambda: pn.create_cigre_network_mv(with_der=False),
        load_scaling=0.75,
        load_scaling_reason=MV_SCALING,
    ),
    _mv_with("pv_wind", "solar panels and a wind turbine"),
    _mv_with(
        "all",
        "solar, wind, batteries, fuel cells and CHP",
        "; its two batteries draw 800 kW throughout, as in the net",
    ),
)
