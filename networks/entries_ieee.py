"""IEEE test feeders that pandapower holds."""

import pandapower as pp
import pandapower.networks as pn

from networks.compile import Description
from networks.entry import Entry
from networks.normalise import balance


def rate_ieee33(net: pp.pandapowerNet) -> None:
    """Rate the first five sections at 400 A, all others at 255 A."""
    net.line["max_i_ka"] = 0.255
    net.line.loc[net.line.index[:5], "max_i_ka"] = 0.400


def build_european_lv() -> pp.pandapowerNet:
    """Return the peak minute, each one-phase load spread evenly over the phases."""
    net = pn.ieee_european_lv_asymmetric("on_peak_566")
    balance(net)
    return net


ENTRIES = (
    Entry(
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
        assume_ratings=rate_ieee33,
        remark="buses are numbered from 0: bus 17 is node 18 of the publication",
    ),
    Entry(
        description=Description(
            name="ieee_european_lv",
            title="IEEE European low-voltage feeder, balanced equivalent, peak minute",
            source=(
                "IEEE PES Distribution Systems Analysis Subcommittee, European Low Voltage Test "
                "Feeder, 2015, as in pandapower"
            ),
            ratings_assumed=True,
            ratings_source=(
                "Assumed: the published feeder gives no line ratings; 421 A are used for every "
                "line, as in pandapower. The transformer's rating is the feeder's own."
            ),
        ),
        build=build_european_lv,
        remark=(
            "its 55 one-phase loads are spread over the phases: single phases reach other voltages "
            "(up to 0.064 p.u. apart)"
        ),
        notes=(
            "its 55 one-phase loads: the sum over the phases is taken, spread evenly; unbalance is "
            "not modelled",
        ),
    ),
)
