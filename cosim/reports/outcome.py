"""The numbers of an arm that the summary and its sentences are made of."""

import math
from dataclasses import dataclass

import numpy as np

from cosim.reports.arm import Arm, highest_of, is_local, lowest_of
from cosim.reports.labels import AGGREGATOR, account_group


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What an arm came to over the whole run."""

    intervals: int
    unsolved: int  # intervals without a power flow; extremes and losses are of the others
    broken: int  # intervals in which any limit is broken
    broken_by_reason: dict[str, int]
    preexisting: int  # intervals whose counterfactual breaks a limit by itself
    broken_preexisting: int  # of the broken ones
    voltage_min_pu: float
    voltage_max_pu: float
    line_max_percent: float
    trafo_max_percent: float
    cleared_kwh: float  # local trades and legs with the aggregator
    accepted_kwh: float
    local_kwh: float  # accepted, prosumer to prosumer
    solar_available_kwh: float
    solar_curtailed_kwh: float
    aggregator_eur: float  # received minus paid
    bills_eur: float  # paid by prosumers
    retail_only_eur: float
    loss_kwh: float
    imbalance_kwh: float  # sum of sizes
    imbalance_eur: float  # received by the aggregator
    import_max_kw: float  # of the feeder from the grid above
    export_max_kw: float

    @property
    def cut_kwh(self) -> float:
        """Energy that was cleared but not accepted."""
        return self.cleared_kwh - self.accepted_kwh

    @property
    def saving_eur(self) -> float:
        """What prosumers pay less than with the retailer alone."""
        return self.retail_only_eur - self.bills_eur


def outcome_of(arm: Arm) -> Outcome:
    """Add up an arm."""
    trades, bills, wholesale = arm.tables.trades, arm.tables.bills, arm.tables.wholesale
    broken, slack_kw = arm.any_broken, arm.slack_kw
    imbalance_kwh = wholesale["imbalance_kwh"].to_numpy(dtype=float)
    price = wholesale["imbalance_eur_per_kwh"].to_numpy(dtype=float)
    accepted_kwh = trades["accepted_kwh"].to_numpy(dtype=float)
    curtailed_kwh = arm.prosumer_kwh("curtailed_kw")
    return Outcome(
        intervals=len(broken),
        unsolved=arm.unsolved,
        broken=int(broken.sum()),
        broken_by_reason={reason: int(hit.sum()) for reason, hit in arm.broken.items()},
        preexisting=int(arm.preexisting.sum()),
        broken_preexisting=int((broken & arm.preexisting).sum()),
        voltage_min_pu=_lowest(lowest_of(arm.voltage_pu)),
        voltage_max_pu=_highest(highest_of(arm.voltage_pu)),
        line_max_percent=_highest(arm.line_percent),
        trafo_max_percent=_highest(arm.trafo_percent),
        cleared_kwh=float(trades["cleared_kwh"].sum()),
        accepted_kwh=float(accepted_kwh.sum()),
        local_kwh=float(accepted_kwh[is_local(trades)].sum()),
        solar_available_kwh=arm.prosumer_kwh("pv_kw") + curtailed_kwh,
        solar_curtailed_kwh=curtailed_kwh,
        aggregator_eur=_net_eur(arm, AGGREGATOR),
        bills_eur=float(bills["bill_eur"].sum()),
        retail_only_eur=float(bills["retail_only_bill_eur"].sum()),
        loss_kwh=float(np.nansum(arm.loss_kw)) * arm.interval_h,
        imbalance_kwh=float(np.nansum(np.abs(imbalance_kwh))),
        imbalance_eur=float(np.nansum(imbalance_kwh * price)),
        import_max_kw=_highest(np.maximum(slack_kw, 0.0)),
        export_max_kw=_highest(np.maximum(-slack_kw, 0.0)),
    )


def _highest(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(np.fmax.reduce(values)) if len(values) else math.nan


def _lowest(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return -_highest(-values)


def _net_eur(arm: Arm, group: str) -> float:
    ledger = arm.tables.ledger
    eur = ledger["eur"].to_numpy(dtype=float)
    total = 0.0
    for column, sign in (("payee", 1.0), ("payer", -1.0)):
        names = ledger[column]
        members = [name for name in names.unique() if account_group(str(name)) == group]
        total += sign * float(eur[names.isin(members).to_numpy()].sum())
    return total
