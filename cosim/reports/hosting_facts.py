"""What settings of a study mean for its report: criteria in words, limits of what is drawn."""

import math
from collections.abc import Iterator, Mapping

from cosim.reports.hosting_data import CriterionRow
from cosim.reports.wording import number
from cosim.studies.hosting.criteria import Criteria

ALWAYS = "always, at every bus"


def criteria_rows(criteria: Criteria, *, is_series: bool) -> tuple[CriterionRow, ...]:
    """Return all limits that hold, in words."""
    return tuple(_rows(criteria, is_series))


def _rows(criteria: Criteria, is_series: bool) -> Iterator[CriterionRow]:
    share = criteria.share_of_time
    both = share < 1.0
    usual = (
        f"{number(100.0 * share, 0 if share * 100 == round(share * 100) else 1)} % of the quarter "
        "hours of each week, at every bus"
        if both and is_series
        else "in the snapshot, at every bus; stands for its share of the time"
        if both
        else ALWAYS
    )
    pu, percent = "p.u.", "%"
    yield from _band("Voltage", criteria.voltage_min_pu, criteria.voltage_max_pu, usual)
    if both and is_series:
        wide = (criteria.voltage_lowest_pu, criteria.voltage_highest_pu)
        yield from _band("Voltage, wider band", *wide, ALWAYS)
    against = "against the same moment without new plants"
    for quantity, value, unit, counted in (
        ("Voltage rise", criteria.rise_max_pu, pu, f"{ALWAYS}, {against}"),
        (
            "Voltage rise above 1 kV",
            criteria.primary_rise_max_pu,
            pu,
            f"always, at buses above 1 kV, {against}",
        ),
        ("Voltage drop", criteria.drop_max_pu, pu, f"{ALWAYS}, {against}"),
        ("Line loading", criteria.line_max_percent, percent, "always, at every line"),
        (
            "Transformer loading",
            criteria.transformer_max_percent,
            percent,
            "always, at every transformer",
        ),
        ("Reverse flow", criteria.reverse_flow_max_kw, "kW", "always, into the network above"),
    ):
        if math.isfinite(value):
            yield CriterionRow(quantity, f"{value:g}", unit, counted)
    yield from _split_rows(criteria)


def _band(quantity: str, low: float, high: float, counted: str) -> Iterator[CriterionRow]:
    if low > 0.0 and math.isfinite(high):
        yield CriterionRow(quantity, f"{low:.3g}\u2013{high:.4g}", "p.u.", counted)
    elif math.isfinite(high):
        yield CriterionRow(quantity, f"at most {high:.4g}", "p.u.", counted)
    elif low > 0.0:
        yield CriterionRow(quantity, f"at least {low:.3g}", "p.u.", counted)


def _split_rows(criteria: Criteria) -> Iterator[CriterionRow]:
    split = criteria.split
    if split is None:
        return
    for part, rise, drop in (
        ("Medium voltage", split.medium_rise_pu, split.medium_drop_pu),
        ("Transformer station", split.station_rise_pu, split.station_drop_pu),
        ("Low voltage", split.low_rise_pu, split.low_drop_pu),
    ):
        yield CriterionRow(
            f"{part}: rise, drop", f"{rise:g}, {drop:g}", "p.u.", "always, against its own head"
        )


def limits_of(criteria: Criteria, *, is_series: bool) -> Mapping[str, float]:
    """Return what the extremes of `levels` are held to, by column; those without limit left out.

    An extreme of a series is held to the band that always holds, that of a snapshot to the usual.
    """
    low, high = criteria.voltage_min_pu, criteria.voltage_max_pu
    if is_series:
        low, high = criteria.voltage_lowest_pu, criteria.voltage_highest_pu
    limits = {
        "voltage_max_pu": high,
        "voltage_min_pu": low or math.inf,
        "rise_max_pu": criteria.rise_max_pu,
        "drop_max_pu": criteria.drop_max_pu,
        "line_max_percent": criteria.line_max_percent,
        "transformer_max_percent": criteria.transformer_max_percent,
        "export_max_kw": criteria.reverse_flow_max_kw,
    }
    return {name: value for name, value in limits.items() if math.isfinite(value)}
