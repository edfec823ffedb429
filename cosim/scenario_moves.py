"""A scenario on other days than its own."""

import datetime

from cosim.scenario import Prices, Scenario


def scenario_at(
    scenario: Scenario, start: datetime.date, days: int, *, seed: int | None = None
) -> Scenario:
    """Return `scenario` moved to other days, those of its price files along with it."""
    away = start - scenario.run.start
    wholesale = scenario.wholesale
    moved = {
        "day_ahead": _moved(wholesale.day_ahead, away),
        "imbalance": _moved(wholesale.imbalance, away),
    }
    changed = {"start": start, "days": days} | ({} if seed is None else {"seed": seed})
    run = scenario.run.model_copy(update=changed)
    return scenario.model_copy(update={"run": run, "wholesale": wholesale.model_copy(update=moved)})


def _moved(prices: Prices, away: datetime.timedelta) -> Prices:
    if prices.first_day is None:
        return prices
    return prices.model_copy(update={"first_day": prices.first_day + away})
