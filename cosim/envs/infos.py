"""What environments tell beside observation and reward: charges, headroom, verdicts, flexibility.

Every number is a function of an interval's record and of the day's bid. All doors use the keys
below. No number is NaN: where nothing is traded or offered, sums are 0 and shares 1.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from cosim.envs.flexibility_infos import energy_infos, share_infos, sustained_infos
from cosim.envs.verdict_infos import CUTTING, trade_infos, worst_verdicts
from cosim.game import Game
from cosim.means import sum_of
from cosim.prosumers.orders import most_energies
from cosim.records import Exogenous, Floats, Integers
from cosim.results import (
    Account,
    BalancingOffer,
    IntervalRecord,
    Payment,
    Validation,
    Verdict,
    WholesaleBid,
)
from cosim.scoring.flexibility import WINDOWS
from cosim.scoring.rewards import network_penalties

Infos = dict[str, Floats]

SUM, LEAST, MEAN, MOST = "sum", "least", "mean", "most"

GRID_INFOS: Final[dict[str, tuple[str, str]]] = {
    "aggregator_eur": (SUM, "profit of the aggregator: its quotes, day-ahead and imbalance"),
    "prosumers_eur": (SUM, "money all prosumers together received (paid < 0)"),
    "network_charges_eur": (SUM, "paid by trades for losses and binding limits; < 0 is a reward"),
    "trades_accepted": (SUM, "number of trades the grid let pass"),
    "trades_curtailed": (SUM, "number of trades it let pass in part"),
    "trades_rejected": (SUM, "number of trades it refused"),
    "cleared_kwh": (SUM, "energy of all trades as the auction cleared them"),
    "accepted_kwh": (SUM, "energy of all trades after the verdicts"),
    "refused_kwh": (SUM, "the difference"),
    **{
        f"refused_{reason.name.lower()}_kwh": (
            SUM,
            f"part of it refused for the reason {reason.name.lower()}",
        )
        for reason in CUTTING
    },
    "retailer_kwh": (SUM, "firm energy the retailer served after a refusal"),
    "curtailed_solar_kwh": (SUM, "solar energy given up"),
    "loss_kwh": (SUM, "losses of the feeder"),
    "delivered_kwh": (SUM, "metered by the aggregator's customers, fed in > 0"),
    "imbalance_kwh": (SUM, "distance between what was delivered and what was sold day-ahead"),
    "insecure_intervals": (SUM, "intervals in which a limit is broken"),
    "preexisting_intervals": (SUM, "intervals in which firm load alone breaks a limit"),
    "headroom_up_pu": (LEAST, "distance of the highest voltage to its upper limit"),
    "headroom_down_pu": (LEAST, "distance of the lowest voltage to its lower limit"),
    "headroom_loading_percent": (LEAST, "distance of the most loaded branch to its limit"),
    "fleet_up_kw": (MEAN, "by how much prosumers could still feed in more or draw less"),
    "fleet_down_kw": (MEAN, "by how much they could still draw more"),
    **{
        f"{direction}_{name}_kwh": (
            MEAN,
            f"energy by which all devices together could {way} for {hours:g} h from the end of an "
            "interval on, at constant power, against devices left to themselves",
        )
        for direction, way in (("up", "draw less"), ("down", "draw more"))
        for name, hours in WINDOWS.items()
    },
    "import_peak_kw": (MOST, "power from the grid above"),
    "export_peak_kw": (MOST, "power into it"),
    "import_kwh": (SUM, "energy from the grid above"),
    "export_kwh": (SUM, "energy into it"),
    "solar_kwh": (SUM, "solar energy that was used or fed in"),
    "solar_kept_kwh": (SUM, "part of it that the community used or stored at the same time"),
    "used_kwh": (SUM, "energy the community drew, storage losses included"),
    "voltage_deviation_pu": (MEAN, "distance of voltages to 1 p.u., mean over buses"),
    "congestion_h": (SUM, "hours in which a branch is loaded above its limit"),
    "price_of_security_eur": (SUM, "surplus of what the verdicts took from trades"),
    "jain_accepted": (MEAN, "fairness of verdicts: Jain's index of accepted over cleared energy"),
}
"""Numbers of an environment: how intervals add up, and the meaning."""

SHARE_INFOS: Final[dict[str, str]] = {
    "load_factor": "mean over largest power from the grid above, what is fed in counted as 0",
    "self_consumption": "share of the solar energy that the community kept; 1 without sun",
    "self_sufficiency": "share of what it used that was its own sun; 1 where nothing was used",
}
"""Numbers of an environment that follow from those above, over the same intervals."""

BID_INFOS: Final[dict[str, str]] = {
    "bid_offered_kwh": "day-ahead schedule the aggregator offered, sold > 0",
    "bid_validated_kwh": "what the grid let through: the schedule that was sold",
    "bid_refused_kwh": "distance between both, summed over intervals",
    "bid_intervals_cut": "intervals in which the grid cut or refused the schedule",
    **{
        f"{direction}_{name}": text
        for direction, way in (("up", "feeding in more or drawing less"), ("down", "drawing more"))
        for name, text in (
            ("offered_kwh", f"capacity offered for {way}, as energy if called all the time"),
            ("feasible_kwh", "what of it the grid lets through"),
            ("deliverability", "feasible over offered; 1 where nothing is offered"),
            ("intervals_cut", "intervals in which the grid cut the offer"),
        )
    },
}
"""Numbers of an environment's wholesale bid, over the intervals they are told for."""

PROSUMER_INFOS: Final[dict[str, str]] = {
    "received_eur": "money of the interval (paid < 0)",
    "wear_eur": "wear of the battery",
    "network_charge_eur": "part of the money that is paid for losses and binding limits; < 0 is "
    "a reward",
    "network_penalty_eur": "own marginal share in what binding limits cost, >= 0",
    "network_price_eur_per_kwh": "price of losses and binding limits at the own bus",
    "headroom_up_pu": "distance of the own bus to its upper voltage limit",
    "headroom_down_pu": "distance to its lower voltage limit",
    "cleared_kwh": "net energy the auction gave, bought > 0",
    "accepted_kwh": "net energy at the meter after the verdicts",
    "refused_kwh": "the difference",
    "verdict": "worst verdict on an own trade: 0 accepted, 1 curtailed, 2 rejected",
    "reason": "its reason, number of `cosim.results.Reason`; 0 for none",
    "element": "bus or branch that binds, position in the feeder; -1 for none",
    "up_kw": "by how much the own devices could still feed in more or draw less",
    "down_kw": "by how much they could still draw more",
    "curtailed_kw": "solar power given up",
    "open_positions_eur": "worth of what stores hold and owe, in the reward once the episode "
    "ends; 0 before",
    "flexible": "1 if the prosumer has something to decide, else 0",
}
"""Numbers of a prosumer, in every interval."""


def grid_infos(game: Game, record: IntervalRecord, forecast: Exogenous) -> Infos:
    """Return the numbers of `GRID_INFOS` of an interval, each (B,).

    `forecast` says what devices face behind the interval.
    """
    money, verdicts, hours = record.settlement, record.validation, game.interval_h
    prosumers = money.prosumer_eur.shape[1]
    up, down = flexibility_kw(game, record)
    voltage = voltage_headroom(game, verdicts)
    loading = game.power_flow.feeder.loading_max_percent - verdicts.state.loading_percent
    return {
        "aggregator_eur": money.accounts_eur[:, prosumers + Account.AGGREGATOR],
        "prosumers_eur": money.accounts_eur[:, :prosumers].sum(axis=1),
        "network_charges_eur": 0.0 - money.prosumer_eur[:, :, Payment.NETWORK_CHARGE].sum(axis=1),
        **trade_infos(record),
        "retailer_kwh": money.retailer_kwh.sum(axis=1),
        "curtailed_solar_kwh": record.dispatch.curtailed_kw.sum(axis=1) * hours,
        "loss_kwh": money.loss_kwh.copy(),
        "delivered_kwh": money.delivered_kwh.copy(),
        "imbalance_kwh": np.abs(money.imbalance_kwh),
        "insecure_intervals": 1.0 - verdicts.secure,
        "preexisting_intervals": (verdicts.preexisting & ~verdicts.secure).astype(np.float64),
        "headroom_up_pu": voltage[0].min(axis=1),
        "headroom_down_pu": voltage[1].min(axis=1),
        "headroom_loading_percent": _where_solved(loading, verdicts).min(axis=1, initial=np.inf),
        "fleet_up_kw": up.sum(axis=1),
        "fleet_down_kw": down.sum(axis=1),
        **sustained_infos(game, record, forecast),
        **energy_infos(game, record),
    }


def intervals_infos(game: Game, records: Sequence[IntervalRecord], forecast: Exogenous) -> Infos:
    """Return the numbers of `GRID_INFOS` and `SHARE_INFOS` over some intervals, each (B,)."""
    told = [grid_infos(game, record, forecast) for record in records]
    found = {}
    for name, (rule, _) in GRID_INFOS.items():
        # Environments down the rows: a sum over a row is the same however many rows there are.
        values = np.stack([infos[name] for infos in told], axis=1)
        extreme = {LEAST: values.min, MOST: values.max}.get(rule)
        found[name] = values.sum(axis=1) if extreme is None else extreme(axis=1)
        if rule == MEAN:
            found[name] = found[name] / len(told)
    return found | share_infos(found, len(told) * game.interval_h)


def bid_infos(bid: WholesaleBid, rows: slice = slice(None)) -> Infos:
    """Return the numbers of `BID_INFOS` over the intervals `rows` of the day, each (B,)."""
    offered, validated = bid.offered_kwh[rows], bid.validated_kwh[rows]
    found = {
        "bid_offered_kwh": sum_of(offered),
        "bid_validated_kwh": sum_of(validated),
        "bid_refused_kwh": refused_kwh(bid, rows),
        "bid_intervals_cut": _cut(bid.verdict[rows]),
    }
    offers: dict[str, BalancingOffer] = {"up": bid.up, "down": bid.down}
    for direction, offer in offers.items():
        wanted = sum_of(offer.offered_kwh[rows])
        feasible = sum_of(offer.feasible_kwh[rows])
        found |= {
            f"{direction}_offered_kwh": wanted,
            f"{direction}_feasible_kwh": feasible,
            f"{direction}_deliverability": np.divide(
                feasible, wanted, out=np.ones_like(wanted), where=wanted > 0.0
            ),
            f"{direction}_intervals_cut": _cut(offer.verdict[rows]),
        }
    return found


def refused_kwh(bid: WholesaleBid, rows: slice = slice(None)) -> Floats:
    """Return what the grid refused of the schedule, (B,), kWh >= 0."""
    return sum_of(np.abs(bid.offered_kwh[rows] - bid.validated_kwh[rows]))


def prosumer_infos(game: Game, record: IntervalRecord) -> Infos:
    """Return the numbers of `PROSUMER_INFOS` that an interval gives, each (B, N).

    Open positions are those of the end of an episode, which the caller adds.
    """
    bus, money, verdicts = game.fleet.bus, record.settlement.prosumer_eur, record.validation
    up, down = flexibility_kw(game, record)
    headroom = voltage_headroom(game, verdicts)
    cleared = record.clearing.net_kwh
    worst, reason, element = worst_verdicts(record)
    return {
        "received_eur": money.sum(axis=2),
        "wear_eur": np.abs(record.dispatch.battery_kw) * game.interval_h * game.wear_eur_per_kwh,
        "network_charge_eur": 0.0 - money[:, :, Payment.NETWORK_CHARGE],
        "network_penalty_eur": network_penalties(record, bus),
        "network_price_eur_per_kwh": np.take_along_axis(
            record.charges.prices.network_eur_per_kwh, bus, axis=1
        ),
        "headroom_up_pu": np.take_along_axis(headroom[0], bus, axis=1),
        "headroom_down_pu": np.take_along_axis(headroom[1], bus, axis=1),
        "cleared_kwh": cleared.copy(),
        "accepted_kwh": verdicts.net_kwh.copy(),
        "refused_kwh": cleared - verdicts.net_kwh,
        "verdict": worst,
        "reason": reason,
        "element": element,
        "up_kw": up,
        "down_kw": down,
        "curtailed_kw": record.dispatch.curtailed_kw.copy(),
    }


def flexibility_kw(game: Game, record: IntervalRecord) -> tuple[Floats, Floats]:
    """Return by how much prosumers could still go (up, down) from what they do, (B, N), kW >= 0.

    Up is more fed in or less drawn, down is more drawn, by their order curves. The grid has no
    say in it.
    """
    net, most = record.validation.net_kwh, most_energies(record.orders)[1]
    up = np.maximum(net - record.orders.minimum_kwh, 0.0) / game.interval_h
    return up, np.maximum(most - net, 0.0) / game.interval_h


def voltage_headroom(game: Game, verdicts: Validation) -> tuple[Floats, Floats]:
    """Return the distances of buses to their (upper, lower) limits, (B, K), p.u.; < 0 beyond."""
    feeder, voltage = game.power_flow.feeder, verdicts.state.voltage_pu
    return (
        _where_solved(feeder.voltage_max_pu - voltage, verdicts),
        _where_solved(voltage - feeder.voltage_min_pu, verdicts),
    )


def _where_solved(values: Floats, verdicts: Validation) -> Floats:
    """Return `values` (B, ...), 0 where no power flow was found."""
    return np.where(verdicts.state.converged[:, None], values, 0.0)


def _cut(verdict: Integers) -> Floats:
    return np.asarray((verdict != Verdict.ACCEPTED).sum(axis=0), np.float64)
