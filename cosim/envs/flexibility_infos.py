"""Numbers of an interval that say what a fleet could do, and how the feeder is used."""

import numpy as np

from cosim.game import Game
from cosim.prospect import fleet_flexibility_kw
from cosim.records import AGGREGATOR, Exogenous, Floats
from cosim.results import IntervalRecord
from cosim.scoring.fairness import jain
from cosim.scoring.flexibility import WINDOWS, left_alone

LOADED = 1e-7
"""Percentage points above a limit that still count as none."""


def sustained_infos(game: Game, record: IntervalRecord, forecast: Exogenous) -> dict[str, Floats]:
    """Return the energies that could be drawn less or more from the end of an interval on."""
    reach = round(max(WINDOWS.values()) / game.interval_h)
    baseline = left_alone(game.fleet, record.state, forecast, reach, interval_h=game.interval_h)
    up, down = fleet_flexibility_kw(game, baseline, forecast)
    return {
        f"{direction}_{name}_kwh": kw * hours
        for direction, rows in (("up", up), ("down", down))
        for (name, hours), kw in zip(WINDOWS.items(), rows, strict=True)
    }


def energy_infos(game: Game, record: IntervalRecord) -> dict[str, Floats]:
    """Return how the feeder was used, each (B,); 0 where no power flow was found."""
    hours, state = game.interval_h, record.validation.state
    slack = np.where(state.converged, state.slack_kw, 0.0)
    drawn, fed_in = np.maximum(slack, 0.0), np.maximum(-slack, 0.0)
    net, solar = record.dispatch.net_kw.sum(axis=1), record.dispatch.pv_kw.sum(axis=1)
    exported = np.minimum(np.maximum(-net, 0.0), solar)
    loading = np.where(state.converged[:, None], state.loading_percent, 0.0)
    over = loading > game.power_flow.feeder.loading_max_percent + LOADED
    voltage = np.where(state.converged[:, None], state.voltage_pu, 1.0)
    trades = record.clearing.trades
    refused = trades.cleared_kwh - record.validation.accepted_kwh
    lost = np.bincount(
        trades.environment,
        weights=np.maximum(trades.surplus_eur_per_kwh, 0.0) * refused,
        minlength=len(slack),
    )
    return {
        "import_peak_kw": drawn,
        "export_peak_kw": fed_in,
        "import_kwh": drawn * hours,
        "export_kwh": fed_in * hours,
        "solar_kwh": solar * hours,
        "solar_kept_kwh": (solar - exported) * hours,
        "used_kwh": (np.maximum(net, 0.0) + solar - exported) * hours,
        "voltage_deviation_pu": np.abs(voltage - 1.0).mean(axis=1),
        "congestion_h": over.any(axis=1) * hours,
        "price_of_security_eur": lost.astype(np.float64),
        "jain_accepted": np.array([jain(kept) for kept in _kept_shares(record)]),
    }


def share_infos(sums: dict[str, Floats], hours: float) -> dict[str, Floats]:
    """Return the shares that follow from sums over `hours`, each (B,)."""
    peak, solar, used = sums["import_peak_kw"], sums["solar_kwh"], sums["used_kwh"]
    kept, ones = sums["solar_kept_kwh"], np.ones_like(peak)
    mean_kw = sums["import_kwh"] / hours
    return {
        "load_factor": np.divide(mean_kw, peak, out=ones.copy(), where=peak > 0.0),
        "self_consumption": np.divide(kept, solar, out=ones.copy(), where=solar > 0.0),
        "self_sufficiency": np.divide(kept, used, out=ones.copy(), where=used > 0.0),
    }


def _kept_shares(record: IntervalRecord) -> list[Floats]:
    """Return accepted over cleared energy of the prosumers that traded, one array each (B,)."""
    trades, (environments, prosumers) = record.clearing.trades, record.clearing.net_kwh.shape
    sums = np.zeros((2, environments * prosumers))
    for end in (trades.seller, trades.buyer):
        known = end != AGGREGATOR
        place = trades.environment[known] * prosumers + end[known]
        for row, energy in enumerate((trades.cleared_kwh, record.validation.accepted_kwh)):
            sums[row] += np.bincount(place, energy[known], environments * prosumers)
    cleared, accepted = sums.reshape(2, environments, prosumers)
    return [
        kept[whole > 0.0] / whole[whole > 0.0] if np.any(whole > 0.0) else np.ones(1)
        for whole, kept in zip(cleared, accepted, strict=True)
    ]
