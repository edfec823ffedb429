"""Whether broken limits and refusals gather where the aggregator's price drops."""

import numpy as np

from cosim.records import Booleans, Floats
from cosim.reports.arm import Arm
from cosim.reports.wording import percent

WINDOW_H = 0.5
SHARE_MINIMUM = 0.3
TIMES_CHANCE = 2.0
PRICE_STEP_EUR_PER_KWH = 1e-9
CUT_MINIMUM_KWH = 0.005


def after_drop(arm: Arm) -> Booleans:
    """Return the intervals of the first half hour after a fall of the aggregator's price, (T,)."""
    buy = arm.of_intervals("buy_eur_per_kwh")
    falls = np.flatnonzero(np.diff(buy) < -PRICE_STEP_EUR_PER_KWH) + 1
    result = np.zeros(len(buy), dtype=bool)
    for offset in range(max(1, round(WINDOW_H / arm.interval_h))):
        result[falls[falls + offset < len(buy)] + offset] = True
    return result


def herding_sentence(judged: Arm, free: Arm | None) -> tuple[str, ...]:
    """Say so if broken limits or refusals gather in the half hour after a price drop."""
    window = after_drop(judged)
    found = []
    trades = judged.tables.trades
    cut = np.bincount(
        trades["interval"].to_numpy(dtype=np.int64),
        (trades["cleared_kwh"] - trades["accepted_kwh"]).to_numpy(dtype=float),
        minlength=len(window),
    ).astype(np.float64)
    if cut.sum() > CUT_MINIMUM_KWH and (share := _gathered(cut, window)):
        found.append(f"{percent(share)} of the energy refused")
    arm = free if free is not None else judged
    if share := _gathered(arm.any_broken.astype(float), window):
        found.append(f"{percent(share)} of the broken intervals {arm.label}")
    if not found:
        return ()
    verb = "falls" if len(found) == 1 else "fall"
    return (
        f"{' and '.join(found)} {verb} in the first half hour after the aggregator's price drops "
        f"({percent(float(window.mean()))} of the time): storage and vehicles that are indifferent "
        "within a price block all start when it begins.",
    )


def _gathered(amount: Floats, window: Booleans) -> float:
    """Return the share within the window where it is large and more than chance, else 0."""
    total = float(amount.sum())
    share = float(amount[window].sum()) / total if total > 0.0 else 0.0
    enough = share > SHARE_MINIMUM and share > TIMES_CHANCE * float(window.mean())
    return share if enough else 0.0
