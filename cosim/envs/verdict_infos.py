"""What environments tell of verdicts."""

from typing import Final

import numpy as np

from cosim.records import AGGREGATOR, Floats
from cosim.results import IntervalRecord, Reason, Verdict

CUTTING: Final = tuple(reason for reason in Reason if reason is not Reason.NONE)


def trade_infos(record: IntervalRecord) -> dict[str, Floats]:
    """Return what the grid said of all trades of an interval, (B,) each."""
    trades, verdicts = record.clearing.trades, record.validation
    count, where = len(trades.start) - 1, trades.environment

    def total(values: Floats) -> Floats:
        # Without weights bincount counts in integers, and without entries it knows no type.
        return np.bincount(where, weights=values, minlength=count).astype(np.float64)

    refused = trades.cleared_kwh - verdicts.accepted_kwh
    return {
        **{
            f"trades_{verdict.name.lower()}": total((verdicts.verdict == verdict).astype(float))
            for verdict in Verdict
        },
        "cleared_kwh": total(trades.cleared_kwh),
        "accepted_kwh": total(verdicts.accepted_kwh),
        "refused_kwh": total(refused),
        **{
            f"refused_{reason.name.lower()}_kwh": total(
                np.where(verdicts.reason == reason, refused, 0.0)
            )
            for reason in CUTTING
        },
    }


def worst_verdicts(record: IntervalRecord) -> tuple[Floats, Floats, Floats]:
    """Return the worst verdict on each prosumer's trades, its reason and element, (B, N)."""
    trades, verdicts = record.clearing.trades, record.validation
    shape = record.clearing.net_kwh.shape
    worst, reason = np.zeros(shape), np.zeros(shape)
    element = np.full(shape, -1.0)
    # From mild to severe, so that the last word is the worst; few trades are ever cut.
    cut = np.flatnonzero(verdicts.verdict != Verdict.ACCEPTED)
    for m in cut[np.argsort(verdicts.verdict[cut], kind="stable")]:
        for end in (trades.seller[m], trades.buyer[m]):
            if end != AGGREGATOR:
                at = trades.environment[m], end
                worst[at], reason[at] = verdicts.verdict[m], verdicts.reason[m]
                element[at] = verdicts.element[m]
    return worst, reason, element
