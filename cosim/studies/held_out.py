"""Which days are for learning and which are kept for judging what was learned.

Whole weeks are kept, so that no window of planning reaches from one kind into the other: of every
four weeks from the first Monday of the profile year the last is held out. Prices, vehicles and
forecast errors of held-out days come from seeds that training never uses. What both kinds share are
the few household profiles, moved by up to three weeks from home to home.
"""

import datetime
from collections.abc import Sequence

FIRST_MONDAY = datetime.date(2016, 1, 4)
WEEKS = 51
"""Whole weeks of the profile year with a day behind them to look ahead into."""

EVERY = 4

HELD_OUT_SEEDS = 1 << 20
"""Seeds of held-out days begin here; training draws below."""


def held_out_weeks() -> tuple[datetime.date, ...]:
    """Return the Mondays of the weeks kept for judging; 13 June 2016 is one of them."""
    return tuple(
        FIRST_MONDAY + datetime.timedelta(weeks=week)
        for week in range(WEEKS)
        if week % EVERY == EVERY - 1
    )


def training_days(length: int = 1) -> tuple[datetime.date, ...]:
    """Return the first days of spans of `length` days to learn from.

    Neither a day of a span nor the day behind it, into which plans look, is in a held-out week.
    """
    kept = {
        monday + datetime.timedelta(days=day) for monday in held_out_weeks() for day in range(7)
    }
    days = [FIRST_MONDAY + datetime.timedelta(days=day) for day in range(7 * WEEKS)]
    reach = [datetime.timedelta(days=day) for day in range(length + 1)]
    return tuple(
        day
        for day in days[: len(days) - length + 1]
        if not any(day + ahead in kept for ahead in reach)
    )


def parted(
    days: Sequence[datetime.date],
) -> tuple[tuple[datetime.date, ...], tuple[datetime.date, ...]]:
    """Return which of `days` are among those to learn from, and which are held out.

    A day may be neither: a held-out week begins the day after it, or it is at the turn of the year.
    """
    learned_from = set(training_days())
    held_out = {
        monday + datetime.timedelta(days=day) for monday in held_out_weeks() for day in range(7)
    }
    return (
        tuple(day for day in days if day in learned_from),
        tuple(day for day in days if day in held_out),
    )
