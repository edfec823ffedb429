"""A list of trades, as a record; or every problem in it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.records import AGGREGATOR, Booleans, Floats, Integers
from cosim.submissions.base_case import GRID, BaseCase, buses_of, end_text, intervals_of, uncovered
from cosim.submissions.sheet import Problems, Sheet, check_columns, duplicates, numbers, powers
from networks.feeder import Feeder

SMALLEST_KW: Final = 1e-6
"""Less power than this is no trade."""

YES, NO = ("yes", "true", "1"), ("no", "false", "0", "")
TRADE_COLUMNS = ("trade", "seller_bus", "buyer_bus", "power_kw")
TRADE_OPTIONS = (
    *("interval", "seller", "buyer", "bid_eur_per_kwh", "ask_eur_per_kwh"),
    *("firm", "time"),
)


@dataclass(frozen=True, slots=True, eq=False)
class TradeList:
    """M trades in the order they were handed over."""

    name: NDArray[np.object_]  # (M,) identifier
    owners: tuple[NDArray[np.object_], NDArray[np.object_]] | None  # (M,) each, where named
    interval: Integers  # (M,)
    seller: Integers  # (M,) bus position, or AGGREGATOR for the grid
    buyer: Integers  # (M,)
    power_kw: Floats  # (M,) > 0
    bid_eur_per_kwh: Floats  # (M,) 1 where no prices are given
    ask_eur_per_kwh: Floats  # (M,) 0 where no prices are given
    firm: Booleans  # (M,)
    placed: Integers  # (M,) turn, later is greater
    priced: bool
    notes: tuple[str, ...]


def read_trades(
    sheet: Sheet, feeder: Feeder, base: BaseCase | None, rule: str, problems: Problems
) -> TradeList | None:
    """Return the trades, None if any of them cannot be judged. `base` is None if unusable."""
    if not check_columns(sheet, TRADE_COLUMNS, TRADE_OPTIONS, problems):
        return None
    before = problems.count
    seller = buses_of(sheet, "seller_bus", feeder, problems, grid=True)
    buyer = buses_of(sheet, "buyer_bus", feeder, problems, grid=True)
    owners = _owners(sheet, feeder, (seller, buyer), problems)
    power = powers(sheet, "power_kw", problems, least=SMALLEST_KW)
    interval = intervals_of(sheet, problems, base)
    name = _names(sheet, interval, problems)
    firm = _firm(sheet, buyer, problems)
    bid, ask = _prices(sheet, problems)
    placed = _placed(sheet, rule, problems)
    if problems.count > before or base is None:
        return None
    return TradeList(
        name=name,
        owners=owners,
        interval=interval.astype(np.int64),
        seller=seller,
        buyer=buyer,
        power_kw=power,
        bid_eur_per_kwh=bid,
        ask_eur_per_kwh=ask,
        firm=firm,
        placed=placed,
        priced="bid_eur_per_kwh" in sheet.columns,
        notes=tuple(_trade_notes(sheet, base, (interval, buyer, power, firm), bid < ask)),
    )


def _owners(
    sheet: Sheet, feeder: Feeder, ends: tuple[Integers, Integers], problems: Problems
) -> tuple[NDArray[np.object_], NDArray[np.object_]] | None:
    """Return who sells and who buys, where that is told, and check that they are two.

    Two owners may live at one bus; without their names nobody can tell them from one.
    """
    seller, buyer = ends
    one_bus = (seller == buyer) & (seller >= AGGREGATOR)
    given = [name for name in ("seller", "buyer") if name in sheet.columns]
    if len(given) == 1:
        problems.whole(sheet.name, f"has column {given[0]!r} alone; allowed are both or none")
    if len(given) < 2:
        problems.rows(
            sheet,
            one_bus,
            lambda at: (
                f"both ends are {end_text(feeder, int(seller[at]))}; two owners at one bus "
                "need the columns 'seller' and 'buyer' to be told apart"
            ),
        )
        return None
    names = sheet.text("seller"), sheet.text("buyer")
    same = (names[0] == names[1]) & (names[0] != "")
    nameless = (names[0] == "") | (names[1] == "") | (seller == AGGREGATOR)
    problems.rows(sheet, same, lambda at: f"seller and buyer are both {names[0][at]!r}")
    problems.rows(
        sheet,
        one_bus & nameless & ~same,
        lambda at: f"both ends are {end_text(feeder, int(seller[at]))}, and they are not named",
    )
    return names


def _hint(bus: int) -> str:
    """Return how two owners at one bus are told apart."""
    if bus == AGGREGATOR:
        return ""
    return "; two owners at one bus need the columns 'seller' and 'buyer' to be told apart"


def _names(sheet: Sheet, interval: Floats, problems: Problems) -> NDArray[np.object_]:
    """Return the identifiers of trades; each may stand once in an interval."""
    name = sheet.text("trade")
    problems.rows(sheet, name == "", lambda _: "trade is empty; allowed is any identifier")
    again, first = duplicates(sheet, [interval, pd.Series(name).mask(name == "").to_numpy()])
    problems.rows(
        sheet,
        again,
        lambda at: (
            f"trade {name[at]!r} of interval {interval[at]:g} stands in row {first[at]} already"
        ),
    )
    return name


def _firm(sheet: Sheet, buyer: Integers, problems: Problems) -> Booleans:
    """Return whether the buyer draws the energy even if the trade is refused."""
    if "firm" not in sheet.columns:
        return np.zeros(len(sheet), np.bool_)
    texts = np.char.lower(sheet.text("firm").astype(str))
    firm = np.isin(texts, YES)
    problems.rows(
        sheet,
        ~firm & ~np.isin(texts, NO),
        lambda at: f"firm is {str(texts[at])!r}; allowed are yes and no",
    )
    problems.rows(
        sheet,
        firm & (buyer == AGGREGATOR),
        lambda _: f"firm is yes, but the buyer is {GRID!r}; only what a bus draws can be firm",
    )
    return np.asarray(firm)


def _prices(sheet: Sheet, problems: Problems) -> tuple[Floats, Floats]:
    """Return bids and asks; without any, a kWh of every trade counts one."""
    given = [name for name in ("bid_eur_per_kwh", "ask_eur_per_kwh") if name in sheet.columns]
    if not given:
        return np.ones(len(sheet)), np.zeros(len(sheet))
    if len(given) == 1:
        problems.whole(
            sheet.name,
            f"has {given[0]} alone; allowed are both bid_eur_per_kwh and ask_eur_per_kwh, or none",
        )
        numbers(sheet, given[0], problems)
        return np.ones(len(sheet)), np.zeros(len(sheet))
    bid, ask = (numbers(sheet, name, problems) for name in given)
    return bid, ask


def _placed(sheet: Sheet, rule: str, problems: Problems) -> Integers:
    """Return the turn in which each trade came."""
    if "time" not in sheet.columns:
        if rule == "lifo":
            problems.whole(sheet.name, "column 'time' is missing; the rule lifo needs it")
        return np.zeros(len(sheet), np.int64)
    cells = sheet.columns["time"]
    plain = pd.to_numeric(cells, errors="coerce")
    if plain.notna().any():
        moments, allowed = plain, "a number, as in other rows"
    else:
        moments = pd.to_datetime(cells, errors="coerce", utc=True, format="ISO8601")
        allowed = "a time like 2016-06-13T12:00, or a number"
    wrong = moments.isna().to_numpy(dtype=np.bool_)
    texts = sheet.text("time")
    problems.rows(sheet, wrong, lambda at: f"time is {texts[at]!r}; allowed is {allowed}")
    codes, _ = pd.factorize(moments, sort=True)
    return np.asarray(codes, np.int64)


def _trade_notes(
    sheet: Sheet,
    base: BaseCase,
    legs: tuple[Floats, Integers, Floats, Booleans],
    without_gain: Booleans,
) -> list[str]:
    """Return what is allowed but worth knowing."""
    interval, buyer, power, firm = legs
    notes = []
    if without_gain.any():
        first = sheet.row[np.flatnonzero(without_gain)[0]]
        notes.append(
            f"{sheet.name}: {int(without_gain.sum())} trades bid below their ask (the first in row "
            f"{first}); they count as without gain"
        )
    at = np.searchsorted(base.interval, interval)
    fixed = np.zeros_like(base.kw)
    np.add.at(fixed, (at[firm], buyer[firm]), power[firm])
    short = (fixed > np.maximum(base.kw, 0.0) + 1e-9) & (fixed > 0.0)
    if short.any():
        notes.append(
            f"{sheet.name}: at {int(short.sum())} buses and intervals firm trades draw more than "
            "the base case, which should hold all that is drawn even if every trade is refused"
        )
    return notes + uncovered(base, np.unique(interval).astype(np.int64), "trades")
