"""The sentences of the summary."""

import math

import numpy as np

from cosim.reports.arm import Arm
from cosim.reports.homes import homes_of
from cosim.reports.labels import element_words, reason_words
from cosim.reports.mechanism import paid_price
from cosim.reports.outcome import Outcome
from cosim.reports.refusals import repeated
from cosim.reports.report_data import ReportData
from cosim.reports.wording import (
    CENT,
    counted,
    energy,
    listed,
    money,
    number,
    percent,
    ratio,
    saving_words,
    scientific,
    sentence_case,
    signed,
)

CUT_MINIMUM_KWH = 0.005
AGAIN = 3.0
"""Intervals per refused prosumer from which on refusals are said to come again and again."""


def key_sentence(data: ReportData, judged: Arm, outcome: Outcome, other: Outcome | None) -> str:
    """Say how many intervals break a limit in each arm, and what security cost."""
    rule = data.setting("grid", "rule")
    name = f"with the {rule.replace('_', ' ')} rule" if rule else judged.label
    if rule == "none":
        return (
            f"Nothing was refused (rule none): {_broken_words(outcome)} of "
            f"{counted(outcome.intervals, 'interval')} {_breaks(outcome)} a limit"
            f"{_kinds(outcome)}."
        )
    if outcome.cleared_kwh == 0.0:
        cost = "no energy was traded"
    elif outcome.cut_kwh < CUT_MINIMUM_KWH:
        cost = f"nothing of the {energy(outcome.cleared_kwh)} offered was refused"
    else:
        cost = cost_words(judged, outcome, other)
    if other is None:
        start = f"{name} {_broken_words(outcome)} of {counted(outcome.intervals, 'interval')} "
        return sentence_case(f"{start}{_breaks(outcome)} a limit{_kinds(outcome)}; {cost}.")
    start = (
        f"Without validation {_broken_words(other)} of {counted(other.intervals, 'interval')} "
        f"{_breaks(other)} a limit{_kinds(other)}"
    )
    if other.broken == 0 and outcome.broken == 0:
        return f"{start}, and {name} none does either; {cost}."
    does = "does" if outcome.broken in (0, 1) else "do"
    left = f"{_broken_words(outcome)} {does}{_kinds(outcome)}"
    return f"{start}; {name} {left}; {cost}."


def cost_words(judged: Arm, outcome: Outcome, other: Outcome | None) -> str:
    """Say what security cost: what was refused, and the solar energy that was lost by it."""
    share = percent(ratio(outcome.cut_kwh, outcome.cleared_kwh))
    prosumers, times = repeated(judged)
    again = f", again and again those of the same {counted(prosumers, 'prosumer')}"
    refused = (
        f"{energy(outcome.cut_kwh)} of {energy(outcome.cleared_kwh)} offered were refused "
        f"({share}{again if times >= AGAIN else ''})"
    )
    lost = outcome.solar_curtailed_kwh - (other.solar_curtailed_kwh if other is not None else 0.0)
    if lost < CUT_MINIMUM_KWH:
        return f"{refused}, no solar energy was lost"
    return f"{refused}, {energy(lost)} of solar energy was lost"


def preexisting_sentence(judged: Arm, outcome: Outcome) -> tuple[str, ...]:
    """Say how many violations are there even if every trade is refused."""
    if outcome.preexisting == 0:
        if outcome.broken:
            return ("None of the violations is there if every trade is refused.",)
        return ("No violation is pre-existing, that is, there even if every trade is refused.",)
    even = (
        f"In {counted(outcome.preexisting, 'interval')} the feeder breaks a limit even if every "
        "trade is refused (pre-existing)"
    )
    if outcome.broken == 0:
        return (f"{even}; the trades that were accepted cure all of them.",)
    return (
        f"{even}; {number(outcome.broken_preexisting)} of the {number(outcome.broken)} violations "
        f"{judged.label} are of this kind, which validation may not make worse but cannot cure.",
    )


def binding_sentence(data: ReportData, judged: Arm) -> tuple[str, ...]:
    """Name the element that most of the cut energy is due to."""
    trades = judged.tables.trades
    cut = (trades["cleared_kwh"] - trades["accepted_kwh"]).where(trades["element"] != "", 0.0)
    total = float(cut.sum())
    if total < CUT_MINIMUM_KWH:
        return ()
    by_element = cut.groupby([trades["element"], trades["reason"]], observed=True).sum()
    element, reason = by_element.index[int(by_element.argmax())]
    share = float(by_element.max()) / total
    return (
        f"{percent(share)} of the energy refused is due to {reason_words(str(reason))} at "
        f"{element_words(data.feeder, str(element))}.",
    )


def solar_sentence(outcome: Outcome) -> tuple[str, ...]:
    """Say how much solar energy is lost; what is refused may also be stored or wait."""
    if outcome.cut_kwh < CUT_MINIMUM_KWH:
        return ()
    if outcome.solar_curtailed_kwh < CUT_MINIMUM_KWH:
        return (
            "No solar energy is curtailed; what was refused is stored, waits, or comes from "
            "the retailer.",
        )
    share = percent(ratio(outcome.solar_curtailed_kwh, outcome.solar_available_kwh))
    lost = f"{energy(outcome.solar_curtailed_kwh)} of solar energy ({share}) is curtailed"
    return (f"{lost}; what else was refused is stored, waits, or comes from the retailer.",)


def money_sentence(data: ReportData, judged: Arm, outcome: Outcome, other: Outcome | None) -> str:
    """Say what prosumers pay, against the retailer alone and against the other arm."""
    verb = "pay" if outcome.bills_eur > -CENT else "receive"
    homes, people = homes_of(data), "Prosumers"
    if homes is not None:
        count, total = len(judged.tables.bills), float(homes.sum())
        each = signed(ratio(outcome.saving_eur, total), 2)
        people = f"{counted(count, 'prosumer')} standing for {number(total)} homes"
        people = f"The {people} (saving {each} EUR a home)"
    words = saving_words(outcome.saving_eur, outcome.retail_only_eur)
    compared = "as" if words == "as much" else "than"
    text = (
        f"{people} {verb} {money(abs(outcome.bills_eur))} in all, open positions included, "
        f"{words} {compared} with the retailer alone (a reference that ignores the limits of "
        "the grid)"
        f"{'; ' + split if (split := saving_split(data)) else ''}; the aggregator ends with "
        f"{money(outcome.aggregator_eur)}"
    )
    if other is None:
        return f"{text}."
    bills = signed(outcome.bills_eur - other.bills_eur, 2)
    result = signed(outcome.aggregator_eur - other.aggregator_eur, 2)
    return f"{text}. Validation changed bills by {bills} EUR and its result by {result} EUR."


def saving_split(data: ReportData) -> str:
    """Return what of the saving the aggregator's prices alone give, "" where it is unknown."""
    alone = metric(data, "with_validation", "saving_without_trade_eur")
    saving = metric(data, "with_validation", "saving_eur")
    fees = metric(data, "with_validation", "fees_saved_eur")
    if not math.isfinite(alone) or not math.isfinite(saving):
        return ""
    text = (
        f"of it {money(alone)} from the aggregator's prices alone and {money(saving - alone)} "
        "from local trading"
    )
    if not math.isfinite(fees):
        return text
    verb = "fall" if fees >= 0.0 else "rise"
    return f"{text} (fees and levies paid {verb} by {money(abs(fees))})"


def metric(data: ReportData, arm: str, name: str) -> float:
    """Return a metric of an arm, NaN where there is none."""
    value = data.metrics.get(arm, {}).get(name)
    return float(value) if isinstance(value, (int, float)) else math.nan


def paid_sentence(data: ReportData, judged: Arm) -> tuple[str, ...]:
    """Say what local trades paid on average where each pays its own price."""
    paid = paid_price(data, judged)
    if paid is None:
        return ()
    kwh = np.where(np.isfinite(paid), judged.of_intervals("local_kwh"), 0.0)
    mean = ratio(float(np.nansum(paid * kwh)), float(np.nansum(kwh)))
    return (f"By volume they paid {number(mean, 3)} EUR/kWh on average.",)


def check_sentence(data: ReportData) -> tuple[str, ...]:
    """Say how far the power flow lies from pandapower, where it was compared."""
    states = data.manifest.get("pandapower_states")
    voltage = data.manifest.get("pandapower_voltage_pu")
    loading = data.manifest.get("pandapower_loading_percent")
    if not states or voltage is None:
        return ()
    text = (
        f"Of the recorded states {number(int(states))} were solved again with pandapower; the "
        f"largest differences are {scientific(float(voltage))} p.u."
    )
    if loading is None:
        return (text.replace("differences are", "difference is"),)
    return (f"{text} and {scientific(float(loading))} percentage points of loading.",)


def _broken_words(outcome: Outcome) -> str:
    return "none" if outcome.broken == 0 else number(outcome.broken)


def _breaks(outcome: Outcome) -> str:
    return "breaks" if outcome.broken in (0, 1) else "break"


def _kinds(outcome: Outcome) -> str:
    parts = [
        f"{number(count)} {reason_words(reason)}"
        for reason, count in outcome.broken_by_reason.items()
        if count
    ]
    return f" ({listed(parts)})" if parts else ""
