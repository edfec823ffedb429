"""Ratings for nets that come without: assumed, and always said to be."""

import numpy as np
import pandapower as pp
import pandas as pd

from networks.feeder import Floats
from networks.malformed import in_service, listed, numeric

DUMMY_KA = 1e3
DUMMY_MVA = 1e4
"""Ratings above these stand for "none": no distribution feeder has such."""

RESERVE = 1.5
"""An assumed rating is at least so many times what the base case carries."""

UNLIKE_LINES, UNLIKE_RESISTANCES = 3, 4.0
"""So many lines, with resistances per km so far apart, do not have one rating by chance."""

CONDUCTORS = (
    *((1.8769, 0.105), (1.2012, 0.140), (0.8342, 0.170), (0.5939, 0.210), (0.4132, 0.290)),
    *((0.3060, 0.350), (0.2376, 0.410), (0.1940, 0.470), (0.1571, 0.535), (0.1188, 0.645)),
    *((0.0949, 0.740), (0.0590, 0.960)),
)
"""Ohm per km and rated current in kA of aluminium-steel conductors of 16 to 490 mm2, as in
pandapower's library of standard types."""

SIZES_MVA = (
    *(0.05, 0.1, 0.16, 0.25, 0.4, 0.63, 1.0, 1.6, 2.5, 4.0, 6.3, 10.0, 16.0, 25.0, 40.0, 63.0),
    *(100.0, 160.0, 250.0, 400.0, 630.0, 1000.0),
)
"""Usual rated powers of transformers."""


def rated_by_resistance(ohm_per_km: Floats) -> Floats:
    """Return the rated current in kA of the conductor with the next higher resistance, (n,)."""
    resistance, current = np.array(CONDUCTORS).T
    weaker = (resistance[None, :] >= ohm_per_km[:, None] * (1.0 - 1e-3)).sum(axis=1)
    return np.asarray(current[np.clip(weaker - 1, 0, len(current) - 1)])


def assume_by_resistance(net: pp.pandapowerNet, rows: "pd.Index[int]") -> list[str]:
    """Rate lines by their resistance, in place; return sentences for people."""
    if not len(rows):
        return []
    ohm = numeric(net.line.loc[rows], "r_ohm_per_km").to_numpy(np.float64)
    rated = rated_by_resistance(ohm)
    net.line.loc[rows, "max_i_ka"] = rated
    return [
        f"line {listed(rows)}: rated by resistance like aluminium-steel conductors of pandapower's "
        f"library, {_span(rated)}; assumed"
    ]


def _span(rated: Floats) -> str:
    """Return rated currents in kA as a range in A, or as the one that all have."""
    low, high = 1e3 * rated.min(), 1e3 * rated.max()
    return f"{low:g} A" if low == high else f"{low:g} to {high:g} A"


def unrated(net: pp.pandapowerNet) -> tuple["pd.Index[int]", "pd.Index[int]"]:
    """Return lines and transformers whose rating stands for "none"."""
    line = net.line.index[(numeric(net.line, "max_i_ka") >= DUMMY_KA).to_numpy(bool)]
    trafo = net.trafo.index[(numeric(net.trafo, "sn_mva") >= DUMMY_MVA).to_numpy(bool)]
    return line, trafo


def placeholder_rating(net: pp.pandapowerNet) -> list[str]:
    """Return a hint where lines of very different conductors share one rating."""
    used = net.line.loc[in_service(net.line)]
    rated, ohm = numeric(used, "max_i_ka"), numeric(used, "r_ohm_per_km")
    if rated.dropna().empty:
        return []
    shared = float(rated.mode().iloc[0])
    alike = ohm[(rated == shared) & (ohm > 0.0)]
    if len(alike) < UNLIKE_LINES or alike.max() < UNLIKE_RESISTANCES * alike.min():
        return []
    return [
        f"{len(alike)} lines of {alike.min():.3g} to {alike.max():.3g} ohm per km share one rating "
        f"of {1e3 * shared:g} A, as no conductors do: check max_i_ka, it may stand for none"
    ]


def assume_by_flow(
    net: pp.pandapowerNet, solved: pp.pandapowerNet | None
) -> tuple[list[str], bool, bool]:
    """Rate what is not rated by what it carries in the base case, in place.

    Args:
        net: what is changed.
        solved: a copy with a solved base case; None where it has no power flow.

    Returns:
        Sentences for people, and whether ratings of lines and of transformers were assumed.
    """
    lines, trafos = unrated(net)
    notes = []
    if len(lines):
        carried = np.zeros(len(lines))
        if solved is not None:
            carried = np.nan_to_num(solved.res_line.i_ka.loc[lines].to_numpy(np.float64))
        steps = np.array([current for _, current in CONDUCTORS])
        rated = _next_step(RESERVE * carried, steps)
        net.line.loc[lines, "max_i_ka"] = rated
        notes.append(
            f"line {listed(lines)}: not rated; the next larger of usual conductors that carries "
            f"{RESERVE:g} times the base case's current is assumed, {_span(rated)}"
        )
    if len(trafos):
        notes.append(_rate_trafos(net, trafos, solved))
    return notes, bool(len(lines)), bool(len(trafos))


def _rate_trafos(
    net: pp.pandapowerNet, rows: "pd.Index[int]", solved: pp.pandapowerNet | None
) -> str:
    """Give transformers a usual size that carries the base case; impedances stay as they are."""
    used = net.load.loc[in_service(net.load)]
    carried = np.full(len(rows), float(numeric(used, "p_mw").sum()))
    if solved is not None:
        flow = solved.res_trafo.loc[rows]
        carried = np.nan_to_num(np.hypot(flow.p_hv_mw, flow.q_hv_mvar).to_numpy(np.float64))
    rated = _next_step(RESERVE * carried, np.array(SIZES_MVA))
    share = rated / net.trafo.loc[rows, "sn_mva"].to_numpy(np.float64)
    for column in ("vk_percent", "vkr_percent"):
        net.trafo.loc[rows, column] = net.trafo.loc[rows, column].to_numpy(np.float64) * share
    net.trafo.loc[rows, "i0_percent"] = net.trafo.loc[rows, "i0_percent"].to_numpy(float) / share
    net.trafo.loc[rows, "sn_mva"] = rated
    return (
        f"trafo {listed(rows)}: not rated; the next usual size that carries {RESERVE:g} times the "
        f"base case's power is assumed, {rated.min():g} to {rated.max():g} MVA"
    )


def _next_step(needed: Floats, steps: Floats) -> Floats:
    """Return the smallest step that is not below what is needed, beyond the last its multiple."""
    place = np.searchsorted(steps, needed)
    multiple = np.ceil(needed / steps[-1]) * steps[-1]
    return np.where(place < len(steps), steps[np.minimum(place, len(steps) - 1)], multiple)
