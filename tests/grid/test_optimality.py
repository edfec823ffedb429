"""The optimal rule against a full nonlinear solve, and its prices against what they must be."""

import numpy as np
import pytest
from scipy.optimize import NonlinearConstraint, minimize

from cosim.grid import limits
from cosim.grid.power_flow import PowerFlow
from cosim.grid.validation import Surroundings, at_buses, net_of, validate
from cosim.market.auction import MECHANISMS
from cosim.records import STEP_COUNT, Clearing, Orders, Quotes
from cosim.results import Validation
from networks.catalog import load_feeder
from networks.feeder import Feeder
from tests.three_bus import three_bus_feeder


def stressed(
    feeder: Feeder, seed: int, prosumers: int, scale: float
) -> tuple[Surroundings, Orders, Clearing]:
    """Return a random clearing of a community far too large for the feeder."""
    generator = np.random.default_rng(seed)
    sites = np.flatnonzero(feeder.nominal_load_kw > 0.0)
    bus = generator.choice(sites, (1, prosumers))
    size = scale * feeder.nominal_load_kw.sum() / prosumers
    steps = size * generator.uniform(0.1, 0.6, (1, prosumers, STEP_COUNT))
    feeding = generator.random() < 0.5
    minimum = -steps.sum(axis=2) if feeding else 0.02 * steps.sum(axis=2)
    orders = Orders(minimum, generator.uniform(0.0, 0.3, steps.shape), steps)
    quotes = Quotes(np.array([0.22]), np.array([0.05]), 0.3, 0.1, 0.03)
    rank = generator.permutation(prosumers)[None]
    around = Surroundings(
        bus, 0.2 * feeder.nominal_load_kw[None], 0.1 * feeder.nominal_load_kw[None], 0.25
    )
    return around, orders, MECHANISMS["uniform"](orders, quotes, rank)


def nonlinear_best(
    power_flow: PowerFlow, around: Surroundings, clearing: Clearing, start: np.ndarray
) -> float:
    """Return the best surplus that SLSQP finds inside the AC limits, from a given start."""
    trades, feeder = clearing.trades, power_flow.feeder
    worth = np.maximum(trades.surplus_eur_per_kwh, 1e-4)
    scale = float(worth @ trades.cleared_kwh)

    def room(share: np.ndarray) -> np.ndarray:
        net = net_of(trades, share * trades.cleared_kwh, clearing.net_kwh.shape)
        state = power_flow.solve(at_buses(around, net), around.kvar)
        return np.asarray(-limits.excess(feeder, state)[0])

    answer = minimize(  # type: ignore[call-overload] # the stubs do not know this jac
        lambda share: -float(worth @ (share * trades.cleared_kwh)) / scale,
        start,
        jac=lambda share: -worth * trades.cleared_kwh / scale,
        bounds=[(0.0, 1.0)] * len(worth),
        constraints=[NonlinearConstraint(room, 0.0, np.inf)],
        method="SLSQP",
        options={"maxiter": 200, "ftol": 1e-10},
    )
    if room(answer.x).min() < -1e-6:
        return 0.0  # it left the limits: no answer
    return float(worth @ (answer.x * trades.cleared_kwh))


@pytest.mark.parametrize("seed", range(6))
def test_optimal_gives_up_no_more_than_a_nonlinear_solve(seed: int) -> None:
    """Within 0.5 % of the best of several starts, one of them its own answer."""
    power_flow = PowerFlow(three_bus_feeder())
    around, orders, clearing = stressed(power_flow.feeder, seed, 6, 12.0)
    verdicts = validate(power_flow, around, orders, clearing, rule="optimal")
    trades = clearing.trades
    own = verdicts.accepted_kwh / trades.cleared_kwh
    assert own.min() < 1.0  # the case is one that has to be cut
    worth = np.maximum(trades.surplus_eur_per_kwh, 1e-4)
    kept = float(worth @ verdicts.accepted_kwh)
    starts = (own, np.zeros(len(own)), np.full(len(own), 0.3))
    best = max(nonlinear_best(power_flow, around, clearing, start) for start in starts)
    assert kept >= 0.995 * best


def partly_accepted(verdicts: Validation, clearing: Clearing) -> np.ndarray:
    """Return the trades that are neither kept nor refused whole."""
    share = verdicts.accepted_kwh / clearing.trades.cleared_kwh
    return np.flatnonzero((share > 1e-4) & (share < 1.0 - 1e-4))


@pytest.mark.parametrize("name", ["cigre_lv", "cigre_mv", "ieee33"])
def test_what_the_limits_take_from_a_partly_accepted_trade_is_all_it_gains(name: str) -> None:
    """For every interior trade the locational price difference equals its surplus."""
    feeder = load_feeder(name)
    power_flow = PowerFlow(feeder)
    interior = 0
    for seed in range(8):
        around, orders, clearing = stressed(feeder, seed, 30, 5.0)
        verdicts = validate(power_flow, around, orders, clearing, rule="optimal")
        if verdicts.preexisting[0]:
            continue
        surplus = np.maximum(clearing.trades.surplus_eur_per_kwh, 1e-4)
        for trade in partly_accepted(verdicts, clearing):
            assert verdicts.shadow_eur_per_kwh[trade] == pytest.approx(surplus[trade], rel=1e-3)
            interior += 1
        refused = verdicts.verdict == 2
        assert np.all(verdicts.shadow_eur_per_kwh[refused] >= surplus[refused] * (1.0 - 1e-3))
    assert interior > 3
