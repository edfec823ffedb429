"""What a net was understood to hold, as pairs of a heading and a sentence for people."""

import numpy as np
import pandapower as pp
import pandas as pd

from networks.feeder import LINE, TRANSFORMER, Feeder, Floats
from networks.malformed import in_service, listed, numeric

NOT_ELEMENTS = ("bus_geodata", "line_geodata", "measurement", "group", "poly_cost", "pwl_cost")
"""Tables of a net that hold no elements of the grid."""


def understood(net: pp.pandapowerNet, feeder: Feeder) -> tuple[tuple[str, str], ...]:
    """Return what was understood of the net that `feeder` was compiled from."""
    return (
        ("elements", _elements(net)),
        ("voltage levels", _levels(feeder)),
        ("buses", _buses(net, feeder)),
        ("bus names", _bus_names(feeder)),
        ("loads", _loads(net, feeder)),
        ("fixed power", _fixed(feeder)),
        ("generation", _power(feeder.nominal_generation_kw, feeder.nominal_generation_kvar)),
        *(("transformer", text) for text in _transformers(net)),
        ("open switches", _open_switches(net)),
        ("ratings", _ratings(feeder)),
        ("limits", _limits(feeder)),
    )


def _elements(net: pp.pandapowerNet) -> str:
    counts = []
    for name, table in net.items():
        skipped = name.startswith(("res_", "_")) or name in NOT_ELEMENTS
        if skipped or not isinstance(table, pd.DataFrame) or table.empty:
            continue
        off = len(table) - len(in_service(table))
        counts.append(f"{len(table)} {name}" + (f" ({off} out of service)" if off else ""))
    return ", ".join(counts)


def _levels(feeder: Feeder) -> str:
    levels, counts = np.unique(feeder.bus_nominal_kv, return_counts=True)
    told = [f"{kv:g} kV ({n})" for kv, n in zip(levels[::-1], counts[::-1], strict=True)]
    return ", ".join(told)


def _buses(net: pp.pandapowerNet, feeder: Feeder) -> str:
    dark = net.bus.index.difference(pd.Index(feeder.bus_index))
    told = f"{feeder.bus_count} supplied"
    return f"{told}, {len(dark)} not: {listed(dark)}" if len(dark) else f"{told}, none cut off"


def _bus_names(feeder: Feeder, most: int = 12) -> str:
    """Return names of buses by their numbers, where they have other names than these."""
    named = [
        f"{number} is {name}"
        for number, name in zip(feeder.bus_index, feeder.bus_name, strict=True)
        if name.casefold() != f"bus {number}"
    ]
    if not named:
        return "their numbers"
    more = f", and {len(named) - most} more (all with --json)" if len(named) > most else ""
    return ", ".join(named[:most]) + more


def _loads(net: pp.pandapowerNet, feeder: Feeder) -> str:
    """Return the sum of loads, and how much of it feeds in."""
    told = _power(feeder.nominal_load_kw, feeder.nominal_load_kvar)
    used = net.load.loc[in_service(net.load)]
    power = numeric(used, "p_mw") * numeric(used, "scaling") * 1e3
    below = power[power < 0.0]
    if below.empty:
        return told
    return f"{told}; load {listed(below.index)} of negative power feeds in {-below.sum():,.1f} kW"


def _fixed(feeder: Feeder) -> str:
    """Return what storages, motors and wards draw throughout."""
    drawn = -feeder.fixed_injection_pu.sum() * feeder.base_mva * 1e3
    if not feeder.fixed_injection_pu.any():
        return "none"
    return f"{drawn.real:,.1f} kW, {drawn.imag:,.1f} kvar drawn by storages, motors and wards"


def _power(kw: Floats, kvar: Floats) -> str:
    places = int(((kw != 0.0) | (kvar != 0.0)).sum())
    if not places:
        return "none"
    return (
        f"{kw.sum():,.1f} kW, {kvar.sum():,.1f} kvar at {places} bus{'' if places == 1 else 'es'}"
    )


def _transformers(net: pp.pandapowerNet, most: int = 12) -> list[str]:
    used = net.trafo.loc[in_service(net.trafo)]
    told = [
        f"trafo {row.Index}: {row.sn_mva * 1e3:,.0f} kVA, {row.vn_hv_kv:.4g}/{row.vn_lv_kv:.4g} kV"
        f"{_tap(row)}, shift {row.shift_degree:g} degree"
        for row in used.head(most).itertuples()
    ]
    return [*told, *([f"and {len(used) - most} more"] if len(used) > most else [])]


def _tap(row: object) -> str:
    position = pd.to_numeric(getattr(row, "tap_pos", np.nan), errors="coerce")
    step = pd.to_numeric(getattr(row, "tap_step_percent", np.nan), errors="coerce")
    if pd.isna(position) or pd.isna(step) or step == 0.0:
        return ", no tap"
    return f", tap {position:g} of {step:g} % on side {getattr(row, 'tap_side', '?')}"


def _open_switches(net: pp.pandapowerNet) -> str:
    rows = net.switch.index[[not bool(closed) for closed in net.switch.closed]]
    return f"{len(rows)}: switch {listed(rows)}" if len(rows) else "none"


def _ratings(feeder: Feeder) -> str:
    told = []
    for kind, words, assumed in (
        (LINE, "lines", feeder.ratings_assumed),
        (TRANSFORMER, "transformers", feeder.transformer_ratings_assumed),
    ):
        if (feeder.branch_kind == kind).any():
            told.append(f"{words} {'assumed' if assumed else 'given'}")
    return f"{', '.join(told) or 'none'}. {feeder.ratings_source}"


def _limits(feeder: Feeder) -> str:
    loading = feeder.loading_max_percent
    told = f"{feeder.voltage_min_pu.min():g} to {feeder.voltage_max_pu.max():g} p.u."
    return f"{told}, {loading.max():g} % of the rating" if len(loading) else told
