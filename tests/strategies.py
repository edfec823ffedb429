"""Hypothesis strategies for market worlds."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cosim.records import STEP_COUNT, Orders, Quotes

PRICES = st.integers(0, 60).map(lambda cents: cents / 100.0)
"""Prices on a coarse grid, so that equal prices happen."""


@st.composite
def order_books(draw, *, environments=None, prosumers=None):  # type: ignore[no-untyped-def]
    """Return (Orders, Quotes, tie_rank) of a few prosumers in a few environments."""
    b = draw(st.integers(1, 3)) if environments is None else environments
    n = draw(st.integers(1, 7)) if prosumers is None else prosumers
    shape = (b, n, STEP_COUNT)
    step_kwh = draw(hnp.arrays(np.float64, shape, elements=st.integers(0, 12).map(float)))
    scale = draw(st.sampled_from([1.0, 0.25, 0.013]))
    minimum = draw(hnp.arrays(np.float64, (b, n), elements=st.integers(-15, 6).map(float)))
    minimum = np.maximum(minimum, -step_kwh.sum(axis=2))  # what is offered can be given up
    price = draw(hnp.arrays(np.float64, shape, elements=PRICES))
    retail = 0.30
    passed_on = draw(st.sampled_from([0.0, 0.10, 0.18]))
    local_fee = draw(st.sampled_from([0.0, 0.04, 0.09]))
    sell = draw(hnp.arrays(np.float64, b, elements=st.integers(0, 12).map(lambda c: c / 100.0)))
    spread = draw(hnp.arrays(np.float64, b, elements=st.integers(0, 18).map(lambda c: c / 100.0)))
    seed = draw(st.integers(0, 2**16))
    generator = np.random.default_rng(seed)
    tie_rank = np.stack([generator.permutation(n) for _ in range(b)]).astype(np.int64)
    orders = Orders(
        minimum_kwh=minimum * scale,
        step_eur_per_kwh=np.minimum(price, retail),
        step_kwh=step_kwh * scale,
    )
    quotes = Quotes(
        buy_eur_per_kwh=np.minimum(sell + spread, retail),
        sell_eur_per_kwh=sell,
        retail_eur_per_kwh=retail,
        passed_on_eur_per_kwh=passed_on,
        local_fee_eur_per_kwh=local_fee,
    )
    return orders, quotes, tie_rank
