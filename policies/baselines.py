"""Ways to act that are not learned: price-setting leaders and a strong bidder."""

from dataclasses import dataclass

import numpy as np

from cosim.market.tariff import within_tariff
from cosim.means import mean_of
from cosim.records import FollowerAction, Signal
from cosim.views import FollowerView, LeaderView


@dataclass(frozen=True, slots=True)
class TimeOfUse:
    """One price pair per block of hours, from the mean forecast wholesale price of the block.

    Charges wholesale + fees and levies + margin, pays wholesale - margin, both kept within what
    the retailer offers.
    """

    block_starts_h: tuple[int, ...]
    margin_eur_per_kwh: float

    def __call__(self, view: LeaderView) -> Signal:
        """Return the day's price pairs (T, B)."""
        edges = np.sort(np.array(self.block_starts_h or (0,)))
        # Hours before the first edge belong to the last block, which goes on past midnight.
        block = (np.searchsorted(edges, view.local_hour, side="right") - 1) % len(edges)
        mean = np.empty_like(view.day_ahead_eur_per_kwh)
        for k in range(len(edges)):
            inside = block == k
            if inside.any():
                mean[inside] = mean_of(view.day_ahead_eur_per_kwh[inside])
        return within_tariff(
            mean + view.passed_on_eur_per_kwh + self.margin_eur_per_kwh,
            mean - self.margin_eur_per_kwh,
            retail=view.retail_eur_per_kwh,
            feed_in=view.feed_in_eur_per_kwh,
        )


@dataclass(frozen=True, slots=True)
class Retail:
    """The retailer's own prices, all day: what prosumers have without any aggregator."""

    def __call__(self, view: LeaderView) -> Signal:
        """Return the day's price pairs (T, B)."""
        shape = view.day_ahead_eur_per_kwh.shape
        return Signal(
            buy_eur_per_kwh=np.full(shape, view.retail_eur_per_kwh),
            sell_eur_per_kwh=np.full(shape, view.feed_in_eur_per_kwh),
        )


@dataclass(frozen=True, slots=True)
class WaterValue:
    """Bids storage at the marginal value its own plan gives it."""

    half_spread_eur_per_kwh: float

    def __call__(self, view: FollowerView) -> FollowerAction:
        """Return no offset and the set half-spread."""
        shape = view.state.battery_kwh.shape
        return FollowerAction(
            value_offset_eur_per_kwh=np.zeros((*shape, 3)),
            half_spread_eur_per_kwh=np.full(shape, self.half_spread_eur_per_kwh),
        )
