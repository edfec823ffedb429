"""Who pays whom in an interval. Every payment has a payer and a payee, so accounts sum to zero.

The payments, in the order they are booked:

* local trade: buyer pays the seller the price, the network operator the local network fee and the
  state the local levies;
* leg with the aggregator: a seller gets the sell quote; a buyer pays the buy quote, of which
  network fee and levies are passed on;
* firm load whose trade was refused: the retailer serves it at the retail price, same fees inside;
* day-ahead: the market pays the aggregator for what the validated bid sells;
* imbalance: what the aggregator's customers delivered beyond that, at the imbalance price;
* losses: bought by the network operator at the day-ahead price;
* usage charges of trades, where there are any: both ends pay the network operator their part.
"""

from dataclasses import dataclass

import numpy as np

from cosim.market.wholesale import imbalance_price
from cosim.records import AGGREGATOR, Floats, Integers, Trades
from cosim.results import Account, Charges, Payment, Settlement, Validation


@dataclass(frozen=True, slots=True)
class PriceParts:
    """Parts of the retail price and of the fees on a local trade, EUR/kWh."""

    energy_eur_per_kwh: float
    network_fee_eur_per_kwh: float
    levies_eur_per_kwh: float
    local_network_fee_eur_per_kwh: float
    local_levies_eur_per_kwh: float


@dataclass(frozen=True, slots=True, eq=False)
class WholesaleTerms:
    """What the wholesale side of an interval is settled at, each (B,)."""

    sold_kwh: Floats  # validated day-ahead schedule, sold > 0
    day_ahead_eur_per_kwh: Floats
    imbalance_eur_per_kwh: Floats
    two_price: bool


def settle(
    trades: Trades,
    validation: Validation,
    charges: Charges,
    parts: PriceParts,
    wholesale: WholesaleTerms,
    *,
    interval_h: float,
) -> Settlement:
    """Return the money of an interval."""
    shape = validation.net_kwh.shape
    accepted = validation.accepted_kwh
    value = accepted * trades.price_eur_per_kwh
    local = trades.local
    selling, buying = trades.seller != AGGREGATOR, trades.buyer != AGGREGATOR
    refused = np.where(trades.firm, trades.cleared_kwh - accepted, 0.0)

    book = _Book(trades, shape)
    retailer_kwh = book.by_buyer(refused, trades.firm)
    bought_local = book.by_buyer(accepted, local)
    bought_outside = book.by_buyer(accepted, buying & ~local) + retailer_kwh
    prosumer = np.zeros((*shape, len(Payment)))
    prosumer[:, :, Payment.LOCAL_ENERGY] = book.by_seller(value, local) - book.by_buyer(
        value, local
    )
    outside = book.by_seller(value, selling & ~local) - book.by_buyer(value, buying & ~local)
    prosumer[:, :, Payment.AGGREGATOR_ENERGY] = outside
    prosumer[:, :, Payment.RETAIL_ENERGY] = -retailer_kwh * parts.energy_eur_per_kwh
    prosumer[:, :, Payment.NETWORK_FEE] = -(
        bought_local * parts.local_network_fee_eur_per_kwh
        + bought_outside * parts.network_fee_eur_per_kwh
    )
    prosumer[:, :, Payment.LEVIES] = -(
        bought_local * parts.local_levies_eur_per_kwh + bought_outside * parts.levies_eur_per_kwh
    )
    prosumer[:, :, Payment.NETWORK_CHARGE] = -(
        book.by_seller(charges.seller_eur, selling) + book.by_buyer(charges.buyer_eur, buying)
    )

    delivered = (retailer_kwh - validation.net_kwh).sum(axis=1)
    imbalance = delivered - wholesale.sold_kwh
    price = imbalance_price(
        imbalance,
        wholesale.day_ahead_eur_per_kwh,
        wholesale.imbalance_eur_per_kwh,
        two_price=wholesale.two_price,
    )
    sold_eur = wholesale.sold_kwh * wholesale.day_ahead_eur_per_kwh
    imbalance_eur = imbalance * price
    loss_kwh = np.where(validation.state.converged, validation.state.loss_kw, 0.0) * interval_h
    loss_eur = loss_kwh * wholesale.day_ahead_eur_per_kwh

    accounts = np.zeros((shape[0], shape[1] + len(Account)))
    accounts[:, : shape[1]] = prosumer.sum(axis=2)
    others = accounts[:, shape[1] :]
    others[:, Account.AGGREGATOR] = -outside.sum(axis=1) + sold_eur + imbalance_eur
    others[:, Account.RETAILER] = -prosumer[:, :, Payment.RETAIL_ENERGY].sum(axis=1)
    others[:, Account.NETWORK_OPERATOR] = (
        -prosumer[:, :, Payment.NETWORK_FEE].sum(axis=1)
        - prosumer[:, :, Payment.NETWORK_CHARGE].sum(axis=1)
        - loss_eur
    )
    others[:, Account.STATE] = -prosumer[:, :, Payment.LEVIES].sum(axis=1)
    others[:, Account.WHOLESALE_MARKET] = loss_eur - sold_eur
    others[:, Account.BALANCE_OPERATOR] = -imbalance_eur
    return Settlement(
        prosumer_eur=prosumer,
        accounts_eur=accounts,
        retailer_kwh=retailer_kwh,
        delivered_kwh=delivered,
        imbalance_kwh=imbalance,
        imbalance_price_eur_per_kwh=price,
        loss_kwh=loss_kwh,
    )


class _Book:
    """Sums over trades by the prosumer at one end."""

    def __init__(self, trades: Trades, shape: tuple[int, ...]) -> None:
        """Prepare the row of every trade's environment."""
        self.shape = shape
        row = trades.environment * shape[1]
        self.seller: Integers = row + trades.seller
        self.buyer: Integers = row + trades.buyer

    def by_seller(self, amount: Floats, chosen: np.ndarray) -> Floats:
        """Sum `amount` (M,) of the `chosen` trades by seller, (B, N)."""
        return self._sum(self.seller, amount, chosen)

    def by_buyer(self, amount: Floats, chosen: np.ndarray) -> Floats:
        """Sum `amount` (M,) of the `chosen` trades by buyer, (B, N)."""
        return self._sum(self.buyer, amount, chosen)

    def _sum(self, index: Integers, amount: Floats, chosen: np.ndarray) -> Floats:
        cells = self.shape[0] * self.shape[1]
        total = np.bincount(index[chosen], weights=amount[chosen], minlength=cells)
        return np.asarray(total.reshape(self.shape))
