"""Section 1: what happened, in sentences, large numbers and one table."""

from collections.abc import Callable
from typing import NamedTuple

from cosim.reports.arm import Arm
from cosim.reports.blocks import (
    RATINGS_ASSUMED,
    Block,
    Column,
    Row,
    Section,
    Table,
    Text,
    Tile,
    Tiles,
)
from cosim.reports.labels import REASONS, element_words, reason_words
from cosim.reports.outcome import Outcome, outcome_of
from cosim.reports.prices import price_badges
from cosim.reports.report_data import ReportData
from cosim.reports.wording import (
    MISSING,
    UNIT_SPACE,
    counted,
    energy,
    listed,
    money,
    number,
    percent,
    ratio,
    scientific,
    sentence_case,
    signed,
)

CUT_MINIMUM_KWH = 0.005


class Line(NamedTuple):
    """A row of the side-by-side table."""

    label: str
    unit: str
    decimals: int
    value: Callable[[Outcome], float]
    loading: bool = False  # rests on thermal ratings


def _reason_line(reason: str, words: str) -> Line:
    return Line(
        f"\u2003{words}",
        "",
        0,
        lambda outcome: outcome.broken_by_reason[reason],
        loading=reason.endswith("overload"),
    )


GROUPS: dict[str, tuple[Line, ...]] = {
    "Grid": (
        Line("Intervals that break a limit", "", 0, lambda o: o.broken),
        *(_reason_line(reason, words) for reason, words in REASONS.items()),
        Line("Intervals with a pre-existing violation", "", 0, lambda o: o.preexisting),
        Line("Lowest voltage", "p.u.", 4, lambda o: o.voltage_min_pu),
        Line("Highest voltage", "p.u.", 4, lambda o: o.voltage_max_pu),
        Line("Highest line loading", "%", 1, lambda o: o.line_max_percent, loading=True),
        Line("Highest transformer loading", "%", 1, lambda o: o.trafo_max_percent, loading=True),
        Line("Highest import from the grid above", "kW", 1, lambda o: o.import_max_kw),
        Line("Highest export to the grid above", "kW", 1, lambda o: o.export_max_kw),
        Line("Network losses", "kWh", 1, lambda o: o.loss_kwh),
    ),
    "Energy": (
        Line("Cleared by the auction", "kWh", 1, lambda o: o.cleared_kwh),
        Line("Cut by the grid", "kWh", 1, lambda o: o.cut_kwh),
        Line("Traded locally", "kWh", 1, lambda o: o.local_kwh),
        Line("Solar energy available", "kWh", 1, lambda o: o.solar_available_kwh),
        Line("Solar energy curtailed", "kWh", 1, lambda o: o.solar_curtailed_kwh),
        Line("Imbalance of the aggregator (sum of sizes)", "kWh", 1, lambda o: o.imbalance_kwh),
    ),
    "Money": (
        Line("Bills of all prosumers", "EUR", 2, lambda o: o.bills_eur),
        Line("Bills with the retailer only", "EUR", 2, lambda o: o.retail_only_eur),
        Line("Saving against the retailer only", "EUR", 2, lambda o: o.saving_eur),
        Line("Result of the aggregator", "EUR", 2, lambda o: o.aggregator_eur),
        Line("\u2003of it settled as imbalance", "EUR", 2, lambda o: o.imbalance_eur),
    ),
}


def summary_section(data: ReportData, judged: Arm, free: Arm | None) -> Section:
    """Build section 1."""
    outcome = outcome_of(judged)
    other = outcome_of(free) if free is not None else None
    sentences = (
        key_sentence(data, judged, outcome, other),
        *preexisting_sentence(judged, outcome),
        *binding_sentence(data, judged),
        *solar_sentence(outcome),
        money_sentence(outcome, other),
        *check_sentence(data),
    )
    blocks: tuple[Block, ...] = (
        Text(sentences[:1], style="lead"),
        _tiles(data, judged, outcome, other),
        Text((" ".join(sentences[1:]),)),
        _side_by_side(data, judged, outcome, other),
    )
    return Section("summary", "Summary", blocks)


def key_sentence(data: ReportData, judged: Arm, outcome: Outcome, other: Outcome | None) -> str:
    """Say how many intervals break a limit in each arm, and what security cost."""
    rule = data.setting("grid", "rule")
    name = f"with the {rule.replace('_', ' ')} rule" if rule else judged.label
    if rule == "none":
        return (
            f"Nothing was cut (rule none, report only): {_broken_words(outcome)} of "
            f"{counted(outcome.intervals, 'interval')} {_breaks(outcome)} a limit"
            f"{_kinds(outcome)}."
        )
    if outcome.cleared_kwh == 0.0:
        cost = "no energy was traded"
    elif outcome.cut_kwh < CUT_MINIMUM_KWH:
        cost = f"nothing of the {energy(outcome.cleared_kwh)} traded had to be cut"
    else:
        share = percent(ratio(outcome.cut_kwh, outcome.cleared_kwh))
        cost = (
            f"it cost {energy(outcome.cut_kwh)} of {energy(outcome.cleared_kwh)} traded ({share})"
        )
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
        f"{percent(share)} of the energy cut is due to {reason_words(str(reason))} at "
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


def money_sentence(outcome: Outcome, other: Outcome | None) -> str:
    """Say what prosumers pay, against the retailer alone and against the other arm."""
    less = "less" if outcome.saving_eur >= 0 else "more"
    saved = money(abs(outcome.saving_eur))
    share = ratio(abs(outcome.saving_eur), abs(outcome.retail_only_eur))
    relative = f" ({percent(share)})" if share == share else ""
    verb = "pay" if outcome.bills_eur >= 0 else "receive"
    text = (
        f"Prosumers {verb} {money(abs(outcome.bills_eur))} in all, {saved} {less}{relative} than "
        f"with the retailer alone; the aggregator ends with {money(outcome.aggregator_eur)}"
    )
    if other is None:
        return f"{text}."
    bills = signed(outcome.bills_eur - other.bills_eur, 2)
    result = signed(outcome.aggregator_eur - other.aggregator_eur, 2)
    return f"{text}. Validation changed bills by {bills} EUR and its result by {result} EUR."


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


def _tiles(data: ReportData, judged: Arm, outcome: Outcome, other: Outcome | None) -> Tiles:
    compared = f"{number(other.broken)} without validation" if other is not None else ""
    tiles = [
        Tile(
            "Intervals that break a limit",
            number(outcome.broken),
            f"of {number(outcome.intervals)}",
            "; ".join(text for text in (judged.label, compared) if text),
            "alert" if outcome.broken else "good",
        ),
        Tile(
            "Energy cut by the grid",
            *_split(energy(outcome.cut_kwh)),
            f"{percent(ratio(outcome.cut_kwh, outcome.cleared_kwh))} of what was cleared"
            if outcome.cleared_kwh
            else "nothing was cleared",
        ),
        Tile(
            "Traded locally",
            *_split(energy(outcome.local_kwh)),
            f"{percent(ratio(outcome.local_kwh, outcome.accepted_kwh))} of accepted energy"
            if outcome.accepted_kwh
            else "no trade",
        ),
        Tile(
            "Saving of prosumers", *_split(money(outcome.saving_eur)), "against the retailer only"
        ),
        Tile(
            "Result of the aggregator",
            *_split(money(outcome.aggregator_eur)),
            f"of it {signed(outcome.imbalance_eur, 2)} EUR imbalance",
        ),
    ]
    voltage = data.manifest.get("pandapower_voltage_pu")
    if voltage is not None:
        states = data.manifest.get("pandapower_states", MISSING)
        tiles.append(
            Tile(
                "Largest difference to pandapower",
                scientific(float(voltage)),
                "p.u.",
                f"{states} recorded states solved again",
            )
        )
    return Tiles(tuple(tiles))


def _split(text: str) -> tuple[str, str]:
    value, unit = text.rsplit(UNIT_SPACE, 1)
    return value, unit


def _side_by_side(data: ReportData, judged: Arm, outcome: Outcome, other: Outcome | None) -> Table:
    columns = [
        Column("", numeric=False),
        Column("Unit", numeric=False),
        Column(sentence_case(judged.label)),
    ]
    if other is not None:
        columns += [Column("Without validation"), Column("Difference")]
    rows = []
    for group, lines in GROUPS.items():
        badges = price_badges(data) if group == "Money" else ()
        rows.append(Row((group,), kind="group", badges=badges))
        rows += [_row(data, line, outcome, other) for line in lines]
    counts = f"{number(outcome.intervals)} intervals of {judged.interval_h * 60:g} min"
    return Table(
        name="side-by-side",
        title="Side by side" if other is not None else "In numbers",
        columns=tuple(columns),
        rows=tuple(rows),
        caption=f"Counts are of {counts}; an interval may break several limits. Energy that is "
        "refused may be offered again later and then counts again.",
    )


def _row(data: ReportData, line: Line, outcome: Outcome, other: Outcome | None) -> Row:
    value = line.value(outcome)
    cells = [line.label, line.unit, number(value, line.decimals)]
    if other is not None:
        compared = line.value(other)
        cells += [number(compared, line.decimals), signed(value - compared, line.decimals)]
    badges = (RATINGS_ASSUMED,) if line.loading and data.feeder.ratings_assumed else ()
    return Row(tuple(cells), badges=badges)
