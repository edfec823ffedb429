"""What the auction leaves out to be quick changes nothing that is asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.market.auction import MECHANISMS
from cosim.market.auction_kernel import _falling
from tests.strategies import order_books


@pytest.mark.parametrize("name", sorted(MECHANISMS))
@settings(max_examples=60, deadline=None)
@given(book=order_books())
def test_without_a_list_of_trades_price_and_quantities_are_the_same(name: str, book) -> None:  # type: ignore[no-untyped-def]
    listed = MECHANISMS[name](*book)
    short = MECHANISMS[name](*book, listed=False)
    np.testing.assert_array_equal(short.price_eur_per_kwh, listed.price_eur_per_kwh)
    np.testing.assert_array_equal(short.net_kwh, listed.net_kwh)
    assert len(short.trades.seller) == 0
    np.testing.assert_array_equal(short.trades.start, np.zeros_like(listed.trades.start))


@given(
    price=st.lists(st.sampled_from([-0.1, 0.0, 0.1, 0.2, 0.3, 0.4]), max_size=12),
    retail=st.sampled_from([0.2, 0.3]),
)
def test_dear_offers_come_first_and_equals_keep_their_turn(
    price: list[float], retail: float
) -> None:
    """Also where somebody bids more than the retail price."""
    values = np.array(price, np.float64)
    np.testing.assert_array_equal(_falling(values, retail), np.argsort(-values, kind="stable"))
