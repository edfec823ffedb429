"""Section 1: what happened, in sentences, large numbers and one table."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cosim.reports.arm import Arm, unsolved_note
from cosim.reports.bid import price_badges
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
from cosim.reports.herding import herding_sentence
from cosim.reports.labels import REASONS
from cosim.reports.mechanism import mechanism_sentence
from cosim.reports.outcome import Outcome, outcome_of
from cosim.reports.ratings import has, lines_assumed, transformers_assumed
from cosim.reports.report_data import ReportData
from cosim.reports.summary_sentences import (
    binding_sentence,
    check_sentence,
    key_sentence,
    metric,
    money_sentence,
    paid_sentence,
    preexisting_sentence,
    solar_sentence,
)
from cosim.reports.wording import (
    MISSING,
    UNIT_SPACE,
    energy,
    money,
    number,
    percent,
    ratio,
    scientific,
    sentence_case,
    signed,
)
from networks.feeder import LINE, TRANSFORMER


class Line(NamedTuple):
    """A row of the side-by-side table."""

    label: str
    unit: str
    decimals: int
    value: Callable[[Outcome], float]
    branch: int | None = None  # rests on the ratings of this kind of branch


OVERLOADS = {"line_overload": LINE, "transformer_overload": TRANSFORMER}


def _reason_line(reason: str, words: str) -> Line:
    return Line(
        f"\u2003{words}",
        "",
        0,
        lambda outcome: outcome.broken_by_reason[reason],
        branch=OVERLOADS.get(reason),
    )


SAVING = "Saving against the retailer only"
GROUPS: dict[str, tuple[Line, ...]] = {
    "Grid": (
        Line("Intervals that break a limit", "", 0, lambda o: o.broken),
        *(_reason_line(reason, words) for reason, words in REASONS.items()),
        Line("Intervals with a pre-existing violation", "", 0, lambda o: o.preexisting),
        Line("Lowest voltage", "p.u.", 4, lambda o: o.voltage_min_pu),
        Line("Highest voltage", "p.u.", 4, lambda o: o.voltage_max_pu),
        Line("Highest line loading", "%", 1, lambda o: o.line_max_percent, branch=LINE),
        Line(
            "Highest transformer loading",
            "%",
            1,
            lambda o: o.trafo_max_percent,
            branch=TRANSFORMER,
        ),
        Line("Highest import from the grid above", "kW", 1, lambda o: o.import_max_kw),
        Line("Highest export to the grid above", "kW", 1, lambda o: o.export_max_kw),
        Line("Network losses", "kWh", 1, lambda o: o.loss_kwh),
    ),
    "Energy": (
        Line("Cleared by the auction", "kWh", 1, lambda o: o.cleared_kwh),
        Line("Refused by the grid", "kWh", 1, lambda o: o.cut_kwh),
        Line("Traded locally", "kWh", 1, lambda o: o.local_kwh),
        Line("Solar energy available", "kWh", 1, lambda o: o.solar_available_kwh),
        Line("Solar energy curtailed", "kWh", 1, lambda o: o.solar_curtailed_kwh),
        Line("Imbalance of the aggregator (sum of sizes)", "kWh", 1, lambda o: o.imbalance_kwh),
    ),
    "Money": (
        Line("Bills and open positions of all prosumers", "EUR", 2, lambda o: o.bills_eur),
        Line("Bills and open positions, retailer only", "EUR", 2, lambda o: o.retail_only_eur),
        Line(SAVING, "EUR", 2, lambda o: o.saving_eur),
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
        *herding_sentence(judged, free),
        *binding_sentence(data, judged),
        *solar_sentence(outcome),
        *mechanism_sentence(data),
        *paid_sentence(data, judged),
        money_sentence(data, judged, outcome, other),
        *check_sentence(data),
    )
    blocks: tuple[Block, ...] = (
        Text(sentences[:1], style="lead"),
        _tiles(data, judged, outcome, other),
        Text((" ".join(sentences[1:]),)),
        _side_by_side(data, judged, free),
    )
    return Section("summary", "Summary", blocks)


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
            "Offers refused by the grid",
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
            "Saving of prosumers",
            *_split(money(outcome.saving_eur)),
            "against the retailer only, which ignores the grid",
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


def _side_by_side(data: ReportData, judged: Arm, free: Arm | None) -> Table:
    outcome = outcome_of(judged)
    other = outcome_of(free) if free is not None else None
    arms = [arm for arm in (judged, free) if arm is not None]
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
        for line in lines:
            if line.branch is None or has(data.feeder, line.branch):
                rows.append(_row(data, line, outcome, other))
            if line.label == SAVING:
                rows += _split_rows(data, other is not None)
    counts = f"{number(outcome.intervals)} intervals of {judged.interval_h * 60:g} min"
    return Table(
        name="side-by-side",
        title="Side by side" if other is not None else "In numbers",
        columns=tuple(columns),
        rows=tuple(rows),
        caption=f"Counts are of {counts}; an interval may break several limits. Energy that is "
        "refused may be offered again later and then counts again. The reference with the retailer "
        f"only ignores the limits of the grid.{unsolved_note(arms)}",
    )


def _row(data: ReportData, line: Line, outcome: Outcome, other: Outcome | None) -> Row:
    value = line.value(outcome)
    cells = [line.label, line.unit, number(value, line.decimals)]
    if other is not None:
        compared = line.value(other)
        cells += [number(compared, line.decimals), signed(value - compared, line.decimals)]
    assumed = {LINE: lines_assumed(data.feeder), TRANSFORMER: transformers_assumed(data.feeder)}
    badges = (RATINGS_ASSUMED,) if line.branch is not None and assumed[line.branch] else ()
    return Row(tuple(cells), badges=badges)


def _split_rows(data: ReportData, compared: bool) -> list[Row]:
    """Return where the saving comes from, as far as the metrics tell."""
    arms = ("with_validation", "without_validation") if compared else ("with_validation",)
    saving, alone, fees = (
        [metric(data, arm, name) for arm in arms]
        for name in ("saving_eur", "saving_without_trade_eur", "fees_saved_eur")
    )
    lines = (
        ("\u2003of it by the aggregator's prices alone", alone),
        ("\u2003of it by local trading", [s - a for s, a in zip(saving, alone, strict=True)]),
        ("\u2003fees and levies less by local trading", fees),
    )
    rows = []
    for label, values in lines:
        if np.isfinite(values).any():
            cells = [label, "EUR", *(number(value, 2) for value in values)]
            rows.append(Row((*cells, signed(values[0] - values[1], 2)) if compared else (*cells,)))
    return rows
