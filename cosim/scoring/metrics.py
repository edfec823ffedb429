"""Metrics of a run, from the records of its intervals alone. Environment 0 is measured.

Names end in their unit. `community` means the prosumers of the market; the feeder also carries
passive load. Formulas follow common practice: self-consumption and self-sufficiency at the
community's own boundary, peaks at the feeder's connection to the grid above.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.records import AGGREGATOR, Booleans, Fleet, Floats, State, World
from cosim.results import Account, BalancingOffer, DayRecord, IntervalRecord, Payment, Verdict
from cosim.scoring.fairness import gini, jain
from networks.feeder import LINE, TRANSFORMER, Feeder

TOLERANCE = 1e-9
"""Excess of a limit, p.u. or share of rating, that is the power flow's own accuracy."""

Metrics = dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a way to play leaves with every prosumer of environment 0."""

    received_eur: Floats  # (N,) by the ledger, paid < 0
    open_eur: Floats  # (N,) worth of what stores hold and owe at the end
    fees_eur: float  # network fees and levies that all prosumers together paid

    @property
    def total_eur(self) -> Floats:
        """Ledger and open positions together, (N,)."""
        return self.received_eur + self.open_eur


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """The same days played without parts of the market, by the same bidders, on a free grid."""

    retail_only: Outcome  # no aggregator: retail and feed-in price
    untraded: Outcome  # the aggregator's prices, no local trade


def run_metrics(
    feeder: Feeder,
    world: World,
    days: Sequence[DayRecord],
    outcome: Outcome,
    references: References,
) -> Metrics:
    """Return the metrics of one way to play the days.

    Args:
        feeder: what was judged.
        world: what it was played on.
        days: what happened.
        outcome: what it left with the prosumers.
        references: what the same days leave without parts of the market.
    """
    records = [record for day in days for record in day.intervals]
    return {
        "intervals": float(len(records)),
        **_security(feeder, records),
        **_energy(world, records),
        **_wholesale(days, records),
        **_balancing(days),
        **_money(records, outcome, references),
        **_comfort(world, records),
    }


def outcome_of(
    fleet: Fleet, days: Sequence[DayRecord], *, retail: float, feed_in: float
) -> Outcome:
    """Return what the run leaves with every prosumer, at the retailer's all-in prices."""
    kinds = sum(r.settlement.prosumer_eur[0] for d in days for r in d.intervals)
    by_kind = np.asarray(kinds)
    end = days[-1].intervals[-1].state
    return Outcome(
        received_eur=by_kind.sum(axis=1),
        open_eur=open_positions_eur(fleet, end, retail=retail, feed_in=feed_in)[0],
        fees_eur=-float(by_kind[:, [Payment.NETWORK_FEE, Payment.LEVIES]].sum()),
    )


def open_positions_eur(fleet: Fleet, state: State, *, retail: float, feed_in: float) -> Floats:
    """Return what the stores hold and owe at the end of a run, (B, N), EUR, at retail prices.

    Different ways to play leave different amounts behind. What a battery could deliver is worth
    the feed-in price; what vehicles still miss and what rooms lack to their target temperature
    costs the retail price; warmth above the target is worth the feed-in price. The same for every
    way to play, and never better than what anybody could get.
    """
    stored = state.battery_kwh * fleet.battery_discharge_efficiency
    missing = state.vehicle_missing_kwh / fleet.vehicle_efficiency
    heat = np.where(
        fleet.heat_pump_kw > 0.0,
        (state.indoor_celsius - fleet.comfort_target_celsius)
        * fleet.building_kwh_per_kelvin
        / fleet.heat_pump_cop,
        0.0,
    )
    return np.asarray(
        stored * feed_in
        - missing * retail
        + np.maximum(heat, 0.0) * feed_in
        - np.maximum(-heat, 0.0) * retail
    )


def broken_limits(feeder: Feeder, records: Sequence[IntervalRecord]) -> dict[str, Booleans]:
    """Return, for each kind of limit, the intervals (T,) that break it."""
    voltage = np.stack([r.validation.state.voltage_pu[0] for r in records])
    loading = np.stack([r.validation.state.loading_percent[0] for r in records])
    solved = np.array([r.validation.state.converged[0] for r in records])
    over = loading > feeder.loading_max_percent + 100.0 * TOLERANCE
    kinds = {
        "overvoltage": np.any(voltage > feeder.voltage_max_pu + TOLERANCE, axis=1),
        "undervoltage": np.any(voltage < feeder.voltage_min_pu - TOLERANCE, axis=1),
        "line_overload": np.any(over[:, feeder.branch_kind == LINE], axis=1),
        "transformer_overload": np.any(over[:, feeder.branch_kind == TRANSFORMER], axis=1),
    }
    return {name: broken & solved for name, broken in kinds.items()} | {"no_power_flow": ~solved}


def _security(feeder: Feeder, records: Sequence[IntervalRecord]) -> Metrics:
    broken = broken_limits(feeder, records)
    # A power flow that was not found has no voltages: it is counted, not measured.
    states = [r.validation.state for r in records if r.validation.state.converged[0]]
    nothing = np.full((1, max(feeder.bus_count, feeder.branch_count)), np.nan)
    voltage = np.stack([s.voltage_pu[0] for s in states]) if states else nothing
    loading = np.stack([s.loading_percent[0] for s in states]) if states else nothing
    kind = feeder.branch_kind
    lines, transformers = (
        loading[:, kind == which] if states else nothing for which in (LINE, TRANSFORMER)
    )
    preexisting = [bool(r.validation.preexisting[0] & ~r.validation.secure[0]) for r in records]
    return {
        "violation_intervals": float(np.any(list(broken.values()), axis=0).sum()),
        **{f"{name}_intervals": float(which.sum()) for name, which in broken.items()},
        "preexisting_intervals": float(sum(preexisting)),
        "voltage_min_pu": float(voltage.min()),
        "voltage_max_pu": float(voltage.max()),
        "line_loading_max_percent": _largest(lines),
        "transformer_loading_max_percent": _largest(transformers),
        "voltage_deviation_pu": float(np.abs(voltage - 1.0).mean()),
    }


def _largest(values: Floats) -> float:
    return float(values.max()) if values.size else float("nan")


def _energy(world: World, records: Sequence[IntervalRecord]) -> Metrics:
    hours = world.calendar.interval_h
    cleared = local = accepted = 0.0
    for record in records:
        trades, given = record.clearing.trades, record.validation.accepted_kwh
        here = trades.environment == 0
        cleared += float(trades.cleared_kwh[here].sum())
        accepted += float(given[here].sum())
        local += float(given[here & trades.local].sum())
    kept = _kept_share(records)
    verdicts = np.concatenate([_of_first(r, r.validation.verdict) for r in records])
    curtailed = sum(float(r.dispatch.curtailed_kw[0].sum()) for r in records) * hours
    net = np.stack([r.dispatch.net_kw[0] for r in records])
    used_pv = np.stack([r.dispatch.pv_kw[0] for r in records])
    generated = float(used_pv.sum()) * hours
    exported = float(np.maximum(-net.sum(axis=1), 0.0).sum()) * hours
    imported = float(np.maximum(net.sum(axis=1), 0.0).sum()) * hours
    slack = np.array([r.validation.state.slack_kw[0] for r in records])
    drawn = generated - exported + imported  # what the community used, storage losses included
    retail = sum(float(r.settlement.retailer_kwh[0].sum()) for r in records)
    return {
        "trades": float(len(verdicts)),
        "trades_accepted": float((verdicts == Verdict.ACCEPTED).sum()),
        "trades_curtailed": float((verdicts == Verdict.CURTAILED).sum()),
        "trades_rejected": float((verdicts == Verdict.REJECTED).sum()),
        "cleared_kwh": cleared,
        "accepted_kwh": accepted,
        "refused_kwh": cleared - accepted,
        "local_kwh": local,
        "local_share": local / accepted if accepted > 0.0 else float("nan"),
        "acceptance_ratio": accepted / cleared if cleared > 0.0 else float("nan"),
        "gini_acceptance": gini(kept),
        "jain_acceptance": jain(kept),
        "retailer_kwh": retail,
        "solar_available_kwh": generated + curtailed,
        "curtailed_kwh": curtailed,
        "loss_kwh": sum(float(r.settlement.loss_kwh[0]) for r in records),
        "self_consumption": (generated - exported) / generated if generated > 0.0 else float("nan"),
        "self_sufficiency": (generated - exported) / drawn if drawn > 0.0 else float("nan"),
        "peak_import_kw": float(max(slack.max(), 0.0)),
        "peak_export_kw": float(max(-slack.min(), 0.0)),
    }


def _kept_share(records: Sequence[IntervalRecord]) -> Floats:
    """Return accepted over cleared energy of every prosumer that traded, over the whole run."""
    prosumers = records[0].clearing.net_kwh.shape[1]
    sums = np.zeros((2, prosumers))
    for record in records:
        trades = record.clearing.trades
        mine = slice(int(trades.start[0]), int(trades.start[1]))
        for end in (trades.seller[mine], trades.buyer[mine]):
            known = end != AGGREGATOR
            for row, energy in enumerate((trades.cleared_kwh, record.validation.accepted_kwh)):
                sums[row] += np.bincount(
                    end[known], weights=energy[mine][known], minlength=prosumers
                )
    cleared, accepted = sums
    return np.asarray(accepted[cleared > 0.0] / cleared[cleared > 0.0])


def _of_first(record: IntervalRecord, values: np.ndarray) -> np.ndarray:
    """Return the entries of environment 0 of a value per trade."""
    start = record.clearing.trades.start
    return values[start[0] : start[1]]


def _wholesale(days: Sequence[DayRecord], records: Sequence[IntervalRecord]) -> Metrics:
    offered = np.concatenate([day.bid.offered_kwh[:, 0] for day in days])
    validated = np.concatenate([day.bid.validated_kwh[:, 0] for day in days])
    verdict = np.concatenate([day.bid.verdict[:, 0] for day in days])
    imbalance = np.array([r.settlement.imbalance_kwh[0] for r in records])
    return {
        "bid_intervals_curtailed": float((verdict == Verdict.CURTAILED).sum()),
        "bid_intervals_rejected": float((verdict == Verdict.REJECTED).sum()),
        "bid_refused_kwh": float(np.abs(offered - validated).sum()),
        "day_ahead_sold_kwh": float(validated.sum()),
        "delivered_kwh": float(sum(r.settlement.delivered_kwh[0] for r in records)),
        "imbalance_kwh": float(np.abs(imbalance).sum()),
    }


def _balancing(days: Sequence[DayRecord]) -> Metrics:
    """Return what was offered upward and downward, and what of it the grid bears."""
    found: Metrics = {}
    for direction in ("up", "down"):
        offers: list[BalancingOffer] = [getattr(day.bid, direction) for day in days]
        offered = sum(float(offer.offered_kwh[:, 0].sum()) for offer in offers)
        feasible = sum(float(offer.feasible_kwh[:, 0].sum()) for offer in offers)
        verdict = np.concatenate([offer.verdict[:, 0] for offer in offers])
        found |= {
            f"balancing_{direction}_offered_kwh": offered,
            f"balancing_{direction}_feasible_kwh": feasible,
            f"balancing_{direction}_deliverability": feasible / offered
            if offered > 0.0
            else float("nan"),
            f"balancing_{direction}_intervals_cut": float((verdict != Verdict.ACCEPTED).sum()),
        }
    return found


def _money(records: Sequence[IntervalRecord], outcome: Outcome, references: References) -> Metrics:
    retail_only, untraded = references.retail_only, references.untraded
    accounts = np.stack([r.settlement.accounts_eur[0] for r in records]).sum(axis=0)
    others = accounts[len(outcome.received_eur) :]
    saving = outcome.total_eur - retail_only.total_eur
    imbalance = sum(
        float(r.settlement.imbalance_kwh[0] * r.settlement.imbalance_price_eur_per_kwh[0])
        for r in records
    )
    return {
        "bills_eur": float(-outcome.received_eur.sum()),
        "open_positions_eur": float(outcome.open_eur.sum()),
        "retail_only_eur": float(-retail_only.received_eur.sum()),
        "retail_only_open_positions_eur": float(retail_only.open_eur.sum()),
        "saving_eur": float(saving.sum()),
        "saving_without_trade_eur": float((untraded.total_eur - retail_only.total_eur).sum()),
        "fees_saved_eur": untraded.fees_eur - outcome.fees_eur,
        "prosumers_worse_off": float((saving < -0.01).sum()),
        "gini_saving": gini(np.maximum(saving, 0.0)),
        "jain_saving": jain(saving),
        "aggregator_eur": float(others[Account.AGGREGATOR]),
        "imbalance_eur": imbalance,
        "network_charges_eur": -sum(
            float(r.settlement.prosumer_eur[0, :, Payment.NETWORK_CHARGE].sum()) for r in records
        ),
        "network_operator_eur": float(others[Account.NETWORK_OPERATOR]),
        "levies_eur": float(others[Account.STATE]),
        "retailer_eur": float(others[Account.RETAILER]),
        "ledger_sum_eur": float(accounts.sum()),
    }


def _comfort(world: World, records: Sequence[IntervalRecord]) -> Metrics:
    """Return whether the promises to the owners were kept: zero where they were."""
    fleet = world.fleet
    heated = fleet.heat_pump_kw[0] > 0.0
    indoor = np.stack([r.state.indoor_celsius[0] for r in records])
    outside = np.maximum(
        fleet.comfort_min_celsius[0] - indoor, indoor - fleet.comfort_max_celsius[0]
    )
    return {
        "comfort_excess_kelvin": float(np.maximum(outside[:, heated], 0.0).max(initial=0.0)),
        "departure_missing_kwh": sum(_missing_at_departure(world, r.state) for r in records),
        "stored_change_kwh": float(
            records[-1].state.battery_kwh[0].sum() - fleet.battery_start_kwh[0].sum()
        ),
    }


def _missing_at_departure(world: World, state: State) -> float:
    """Return the energy that vehicles which leave at the end of an interval still miss."""
    departure = world.actual.vehicle_departure[state.interval - 1, 0]
    return float(state.vehicle_missing_kwh[0][departure == state.interval].sum())
