"""Judge a list of trades or an aggregator's bid on a feeder.

::

    from cosim.validate import validate_bid, validate_trades

    answer = validate_trades("cigre_lv", "base.csv", "trades.csv", rule="optimal")

Tables may be paths of CSV files or data frames with the same columns; docs/validate.md names them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cosim.errors import SubmissionError
from cosim.grid.limits import allowed_excess, within
from cosim.grid.power_flow import PowerFlow
from cosim.grid.validation import RULES
from cosim.submissions import tables
from cosim.submissions.base_case import BaseCase, read_base
from cosim.submissions.bid import read_bid
from cosim.submissions.judge_bid import judge_bid
from cosim.submissions.judge_trades import judge_trades
from cosim.submissions.sheet import Problems, Source, read_sheet
from cosim.submissions.states import States, check_base, solve_states
from cosim.submissions.trade_list import read_trades
from networks.catalog import is_feeder, load_feeder
from networks.feeder import Feeder


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the grid says to trades or a bid; docs/validate.md names the columns."""

    kind: str  # "trades" or "bid"
    feeder: Feeder
    rule: str  # how trades were cut; "optimal" for a bid
    verdicts: pd.DataFrame  # one row a trade, or one a product of the bid
    buses: pd.DataFrame  # one row a bus and interval
    branches: pd.DataFrame  # one row a branch and interval
    summary: pd.DataFrame  # one row an interval
    states: Mapping[str, States]  # by the name that stands in the columns, "base" first
    notes: tuple[str, ...]  # what is allowed but worth knowing
    reference: str | None = None  # by which name or path the feeder was loaded
    limits: str | None = None  # preset it was judged by, None for the feeder's own limits

    @property
    def accepted(self) -> bool:
        """Whether all was accepted and no limit is broken that the base case keeps."""
        whole = bool((self.verdicts["verdict"] == "accepted").all())
        return whole and not self.worse

    @property
    def worse(self) -> bool:
        """Whether what was accepted breaks a limit further than the base case: rule none only."""
        allowed = allowed_excess(self.states["base"].excess)
        final = [state for name, state in self.states.items() if name not in ("base", "asked")]
        return not all(bool(within(state.excess, allowed).all()) for state in final)


def validate_trades(
    feeder: str | Feeder,
    base: Source,
    trades: Source,
    *,
    rule: str = "optimal",
    energy_eur_per_kwh: float = 0.0,
    limits: str | None = None,
) -> Answer:
    """Return the verdict on every trade, with reason, binding element and prices.

    Args:
        feeder: a name or path that `networks.catalog.load_feeder` knows, or a feeder.
        base: what is drawn at each bus if every trade is refused.
        trades: who sells how much to whom.
        rule: how trades are cut, one of `cosim.grid.validation.RULES`.
        energy_eur_per_kwh: price of energy at the slack, which prices losses.
        limits: one of `networks.limits.PRESETS`; None for the feeder's own limits.

    Raises:
        SubmissionError: any problem of the tables, all of them at once, with row numbers.
        NetworkError: unknown feeder or limits.
    """
    problems = Problems()
    grid = _feeder(feeder, limits, problems)
    if rule not in RULES:
        problems.whole("rule", f"is {rule!r}; known are {', '.join(RULES)}")
    if not np.isfinite(energy_eur_per_kwh):
        problems.whole("energy price", f"is {energy_eur_per_kwh}; allowed is a finite number")
    power_flow = PowerFlow(grid)
    case = _base(base, power_flow, problems)
    sheet = read_sheet(trades, "trades", problems)
    listed = None if sheet is None else read_trades(sheet, grid, case, rule, problems)
    if listed is not None and not listed.priced and energy_eur_per_kwh:
        problems.whole("energy price", "is given, but the trades have no bids and asks in EUR/kWh")
    problems.raise_any()
    if case is None or listed is None:
        raise SubmissionError("the tables cannot be judged")  # a reader gave up without a word
    case = case.only(np.unique(listed.interval))
    base_states = solve_states(power_flow, case.kw, case.kvar)
    judged = judge_trades(
        power_flow,
        case,
        listed,
        base_states,
        rule=rule,
        energy_eur_per_kwh=energy_eur_per_kwh,
    )
    states = tables.trade_states(judged)
    made = (
        tables.trade_verdicts(judged, grid),
        tables.trade_buses(judged, grid),
        tables.branch_table(case.interval, grid, states),
        tables.trade_summary(judged, grid),
    )
    if not listed.priced:
        made = tuple(tables.in_kwh(table) for table in made)  # type: ignore[assignment] # still four
    return Answer(
        "trades",
        grid,
        rule,
        *made,
        states=states,
        notes=listed.notes,
        reference=_name(feeder),
        limits=limits,
    )


def validate_bid(
    feeder: str | Feeder, base: Source, bid: Source, *, limits: str | None = None
) -> Answer:
    """Return the answers to a bid's schedule, full up and full down, interval by interval.

    Args:
        feeder: a name or path that `networks.catalog.load_feeder` knows, or a feeder.
        base: what is drawn at each bus without the bid.
        bid: what every participant's schedule changes, what it offers, and its range.
        limits: one of `networks.limits.PRESETS`; None for the feeder's own limits.

    Raises:
        SubmissionError: any problem of the tables, all of them at once, with row numbers.
        NetworkError: unknown feeder or limits.
    """
    problems = Problems()
    grid = _feeder(feeder, limits, problems)
    power_flow = PowerFlow(grid)
    case = _base(base, power_flow, problems)
    sheet = read_sheet(bid, "bid", problems)
    offered = None if sheet is None else read_bid(sheet, grid, case, problems)
    problems.raise_any()
    if case is None or offered is None:
        raise SubmissionError("the tables cannot be judged")  # a reader gave up without a word
    case = case.only(offered.interval)
    base_states = solve_states(power_flow, case.kw, case.kvar)
    judged = judge_bid(power_flow, case, offered, base_states)
    states = tables.bid_states(judged)
    return Answer(
        "bid",
        grid,
        "optimal",
        tables.bid_verdicts(judged, grid),
        tables.bid_buses(judged, grid),
        tables.branch_table(case.interval, grid, states),
        tables.bid_summary(judged, grid),
        states=states,
        notes=offered.notes,
        reference=_name(feeder),
        limits=limits,
    )


def _feeder(feeder: str | Feeder, preset: str | None, problems: Problems) -> Feeder:
    if isinstance(feeder, str):
        return load_feeder(feeder, limits=preset)
    if preset is not None:
        problems.whole("limits", "go with the name of a feeder; a feeder that is given has its own")
    return feeder


def _name(feeder: str | Feeder) -> str | None:
    """Return the name by which the net of a feeder can be had, None if there is none."""
    if isinstance(feeder, str):
        return feeder
    return feeder.name if is_feeder(feeder.name) else None


def _base(source: Source, power_flow: PowerFlow, problems: Problems) -> BaseCase | None:
    """Return the base case, None if it cannot be used."""
    sheet = read_sheet(source, "base", problems)
    before = problems.count
    case = None if sheet is None else read_base(sheet, power_flow.feeder, problems)
    if sheet is not None and case is not None and problems.count == before:
        check_base(power_flow, case, sheet.name, problems)
    return case
