"""Locational prices of the network, and what a trade pays for its use.

A further kWh drawn at bus i costs ``lambda_0 (1 + dPloss/dp_i) + sum_r mu_r de_r/dp_i``: energy at
the slack, losses, and for every binding limit r its multiplier times the slope of its excess,
which is voltage for voltage limits and congestion for thermal ones (the same decomposition as in
MESMO and in the literature on distribution locational marginal prices). The usage charge of a
trade is the price at its buyer less the price at its seller: energy cancels. The end of a leg that
lies with the aggregator is the slack.
"""

import numpy as np

from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import loss_rows
from cosim.records import AGGREGATOR, Floats, Integers, Trades
from cosim.results import Charges, NetworkPrices, Validation


def network_prices(
    power_flow: PowerFlow, validation: Validation, energy_eur_per_kwh: Floats
) -> NetworkPrices:
    """Return the price of a further kWh drawn at every bus, in its parts.

    Args:
        power_flow: the feeder.
        validation: verdicts and the state they leave.
        energy_eur_per_kwh: (B,) what energy costs at the slack.

    Where no power flow was found there is no price: all parts are zero.
    """
    state = validation.state
    rows = np.zeros_like(validation.bus_kw)
    solved = np.flatnonzero(state.converged)
    rows[solved] = loss_rows(
        power_flow,
        state.node_voltage_pu[solved],
        validation.bus_kw[solved],
        validation.bus_kvar[solved],
    )
    return NetworkPrices(
        energy_eur_per_kwh=energy_eur_per_kwh,
        loss_eur_per_kwh=energy_eur_per_kwh[:, None] * rows,
        voltage_eur_per_kwh=validation.voltage_eur_per_kwh,
        congestion_eur_per_kwh=validation.congestion_eur_per_kwh,
    )


def usage_charges(
    trades: Trades, accepted_kwh: Floats, prices: NetworkPrices, bus: Integers
) -> Charges:
    """Return what both ends of every trade pay for the network.

    A charge is split in proportion to each end's surplus, and never more than the surplus: nobody
    pays above the bid or gets below the ask. A negative charge, a reward, is split alike. The
    aggregator's ends have no surplus.

    Args:
        trades: (M,) matches.
        accepted_kwh: (M,) what the grid accepted of them.
        prices: locational prices, (B, K).
        bus: (B, N) position of each prosumer's bus.
    """
    at_bus = prices.network_eur_per_kwh
    at_prosumer = np.take_along_axis(at_bus, bus, axis=1)
    # Index -1, the aggregator, reads the last column: nothing, as at the slack.
    known = np.hstack([at_prosumer, np.zeros((len(at_bus), 1))])
    environment = trades.environment
    rate = known[environment, trades.buyer] - known[environment, trades.seller]
    seller_gain = np.where(
        trades.seller == AGGREGATOR, 0.0, trades.price_eur_per_kwh - trades.ask_eur_per_kwh
    )
    buyer_gain = np.where(
        trades.buyer == AGGREGATOR,
        0.0,
        trades.bid_eur_per_kwh - trades.fee_eur_per_kwh - trades.price_eur_per_kwh,
    )
    gain = np.maximum(seller_gain, 0.0) + np.maximum(buyer_gain, 0.0)
    charge = np.minimum(rate, gain) * accepted_kwh
    # Without any gain there is no charge; a reward then goes to the prosumers' ends alike.
    ends = np.where(trades.local, 2.0, 1.0)
    alike = np.where(trades.seller == AGGREGATOR, 0.0, 1.0 / ends)
    share = np.divide(np.maximum(seller_gain, 0.0), gain, out=alike, where=gain > 0.0)
    return Charges(prices=prices, seller_eur=charge * share, buyer_eur=charge * (1.0 - share))


def no_charges(trades: Trades, prices: NetworkPrices) -> Charges:
    """Return charges of zero: the network is paid by fees alone."""
    nothing = np.zeros(len(trades.seller))
    return Charges(prices=prices, seller_eur=nothing, buyer_eur=nothing.copy())
