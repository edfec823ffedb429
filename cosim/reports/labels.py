"""Names and units for people: metrics, reasons, elements, accounts."""

from typing import NamedTuple

from cosim.results import Reason
from networks.feeder import LINE, Feeder

REASONS: dict[str, str] = {
    Reason.OVERVOLTAGE.name.lower(): "overvoltage",
    Reason.UNDERVOLTAGE.name.lower(): "undervoltage",
    Reason.LINE_OVERLOAD.name.lower(): "line overload",
    Reason.TRANSFORMER_OVERLOAD.name.lower(): "transformer overload",
    Reason.NO_POWER_FLOW.name.lower(): "no power flow",
}
"""Reason as in the tables -> words, in the order they are shown."""

AGGREGATOR = "aggregator"
PROSUMERS = "prosumers"


class MetricLabel(NamedTuple):
    """How a metric is shown."""

    label: str
    unit: str
    decimals: int


METRICS: dict[str, MetricLabel] = {
    "intervals": MetricLabel("Intervals", "", 0),
    "insecure_intervals": MetricLabel("Intervals that break a limit", "", 0),
    "violation_intervals": MetricLabel("Intervals that break a limit", "", 0),
    "preexisting_intervals": MetricLabel("Intervals with a pre-existing violation", "", 0),
    "voltage_min_pu": MetricLabel("Lowest voltage", "p.u.", 4),
    "voltage_max_pu": MetricLabel("Highest voltage", "p.u.", 4),
    "line_loading_max_percent": MetricLabel("Highest line loading", "%", 1),
    "trafo_loading_max_percent": MetricLabel("Highest transformer loading", "%", 1),
    "transformer_loading_max_percent": MetricLabel("Highest transformer loading", "%", 1),
    "local_kwh": MetricLabel("Energy traded locally", "kWh", 1),
    "traded_kwh": MetricLabel("Energy traded", "kWh", 1),
    "cleared_kwh": MetricLabel("Energy cleared by the auction", "kWh", 1),
    "accepted_kwh": MetricLabel("Energy accepted by the grid", "kWh", 1),
    "refused_kwh": MetricLabel("Energy refused by the grid", "kWh", 1),
    "curtailed_kwh": MetricLabel("Solar energy curtailed", "kWh", 1),
    "loss_kwh": MetricLabel("Network losses", "kWh", 1),
    "imbalance_kwh": MetricLabel("Imbalance of the aggregator", "kWh", 1),
    "balancing_up_offered_kwh": MetricLabel("Upward capacity offered, times time", "kWh", 1),
    "balancing_up_feasible_kwh": MetricLabel("Upward capacity the grid bears", "kWh", 1),
    "balancing_up_deliverability": MetricLabel("Upward capacity: borne over offered", "", 4),
    "balancing_down_offered_kwh": MetricLabel("Downward capacity offered, times time", "kWh", 1),
    "balancing_down_feasible_kwh": MetricLabel("Downward capacity the grid bears", "kWh", 1),
    "balancing_down_deliverability": MetricLabel("Downward capacity: borne over offered", "", 4),
    "peak_import_kw": MetricLabel("Highest import of the feeder", "kW", 1),
    "peak_export_kw": MetricLabel("Highest export of the feeder", "kW", 1),
    "self_consumption": MetricLabel("Self-consumption of the community", "", 3),
    "self_sufficiency": MetricLabel("Self-sufficiency of the community", "", 3),
    "acceptance_ratio": MetricLabel("Accepted over cleared energy", "", 4),
    "local_share": MetricLabel("Local share of traded energy", "", 3),
    "bills_eur": MetricLabel("Bills of all prosumers", "EUR", 2),
    "retail_only_eur": MetricLabel("Bills with the retailer only", "EUR", 2),
    "saving_without_trade_eur": MetricLabel(
        "Saving by the aggregator's prices alone, no local trade", "EUR", 2
    ),
    "fees_saved_eur": MetricLabel("Fees and levies less than without local trade", "EUR", 2),
    "saving_eur": MetricLabel("Saving against the retailer only", "EUR", 2),
    "aggregator_eur": MetricLabel("Result of the aggregator", "EUR", 2),
    "gini_saving": MetricLabel("Gini coefficient of savings", "", 3),
    "jain_saving": MetricLabel("Jain index of savings", "", 3),
    "congestion_h": MetricLabel("Hours with an overload", "h", 2),
    "voltage_deviation_pu": MetricLabel("Mean distance of voltages from 1 p.u.", "p.u.", 5),
}
"""Metric -> label, unit, decimals. Metrics that are not here get theirs from the name's suffix."""

SUFFIX_UNITS: dict[str, tuple[str, int]] = {
    "_eur_per_kwh": ("EUR/kWh", 4),
    "_pu_h": ("p.u. h", 5),
    "_percent": ("%", 2),
    "_celsius": ("°C", 2),
    "_seconds": ("s", 2),
    "_kwh": ("kWh", 1),
    "_mwh": ("MWh", 3),
    "_kvar": ("kvar", 1),
    "_eur": ("EUR", 2),
    "_kw": ("kW", 1),
    "_pu": ("p.u.", 4),
    "_h": ("h", 2),
}


def metric_label(name: str) -> MetricLabel:
    """Return how the metric `name` is shown."""
    if name in METRICS:
        return METRICS[name]
    for suffix, (unit, decimals) in SUFFIX_UNITS.items():
        if name.endswith(suffix):
            return MetricLabel(_words(name.removesuffix(suffix)), unit, decimals)
    counts = name.endswith(("_count", "intervals")) or name.startswith(("count_", "trades"))
    return MetricLabel(_words(name), "", 0 if counts else 4)


def reason_words(reason: str) -> str:
    """Return a reason of the tables in words."""
    return REASONS.get(reason, reason.replace("_", " "))


def element_words(feeder: Feeder, element: str) -> str:
    """Return "trafo 0" with its name, e.g. "trafo 0 (Trafo R0-R1)"."""
    name = element_names(feeder).get(element, "")
    if not name or name.casefold() == element:
        return element
    return f"{element} ({'named ' if name.isdigit() else ''}{name})"


def element_names(feeder: Feeder) -> dict[str, str]:
    """Return the name of every element as the tables call them, e.g. {"bus 3": "Bus R2"}."""
    names = {
        f"bus {index}": name for index, name in zip(feeder.bus_index, feeder.bus_name, strict=True)
    }
    for position in range(feeder.branch_count):
        names[branch_text(feeder, position)] = feeder.branch_name[position]
    return names


def branch_text(feeder: Feeder, position: int) -> str:
    """Return a branch as the tables call it: "line 3" or "trafo 0"."""
    kind = "line" if feeder.branch_kind[position] == LINE else "trafo"
    return f"{kind} {feeder.branch_index[position]}"


def party_words(party: str) -> str:
    """Return a seller or buyer in words."""
    return party if party == AGGREGATOR else f"prosumer {party}"


def account_group(account: str) -> str:
    """Return the group an account of the ledger belongs to: all prosumers are one."""
    text = account.strip().lower().replace("_", " ")
    single = text.removeprefix("prosumer").strip()
    return PROSUMERS if single.isdigit() or single == "s" else text


def _words(name: str) -> str:
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
