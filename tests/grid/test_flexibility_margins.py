"""Margins and offers: what the grid can take of flexibility, against bisection and by hand."""

import dataclasses

import numpy as np
import pytest

from cosim.grid import limits
from cosim.grid.flexibility_margins import Margins, Offers, feasible_supply, margins
from cosim.grid.flexibility_region import operating_regions
from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats
from cosim.results import Reason
from tests.region_cases import Case, low_voltage_day, medium_voltage
from tests.three_bus import three_bus_feeder


def margins_of(case: Case) -> Margins:
    return margins(case.power_flow, case.providers, case.fixed_kw, case.fixed_kvar)


def three_buses() -> tuple[PowerFlow, Floats, Floats]:
    power_flow = PowerFlow(three_bus_feeder())
    nothing = np.zeros((1, 3))
    return power_flow, nothing, nothing


def bisected(power_flow: PowerFlow, bus: int, sign: float) -> float:
    """Return the largest power that one bus can draw (sign > 0) or feed in, kW."""
    low, high = 0.0, 2000.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        kw = np.zeros((1, 3))
        kw[0, bus] = sign * middle
        excess = limits.excess(power_flow.feeder, power_flow.solve(kw, 0.0 * kw))
        low, high = (middle, high) if limits.within(excess)[0] else (low, middle)
    return low


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("bus", [1, 2])
def test_one_block_is_what_bisection_finds(bus: int, sign: float) -> None:
    power_flow, kw, kvar = three_buses()
    offers = Offers(np.array([bus]), np.array([[sign * 2000.0]]), np.array([0.1]))
    found = feasible_supply(power_flow, offers, kw, kvar)
    known = bisected(power_flow, bus, sign)
    assert sign * found.feasible_kw[0, 0] == pytest.approx(known, rel=2e-3)
    assert sign * found.feasible_kw[0, 0] <= known + 1e-6
    assert found.reason[0] != Reason.NONE
    # Losses come on top of what is drawn and go off what is fed in.
    assert found.slack_change_kw[0] > found.feasible_kw[0, 0]


def test_the_cheapest_of_equal_blocks_goes_first() -> None:
    power_flow, kw, kvar = three_buses()
    whole = bisected(power_flow, 2, -1.0)
    block = -0.4 * whole * np.ones((1, 4))
    price = np.array([0.3, 0.1, 0.4, 0.2])
    found = feasible_supply(power_flow, Offers(np.full(4, 2), block, price), kw, kvar)
    taken = found.feasible_kw[0] / block[0]
    assert taken[[1, 3]] == pytest.approx([1.0, 1.0], abs=1e-6)
    assert taken[0] == pytest.approx(0.5, abs=0.01)
    assert taken[2] == pytest.approx(0.0, abs=1e-6)
    order, offered, feasible = found.curve(0)
    assert order.tolist() == sorted(price.tolist())
    assert offered == pytest.approx(0.4 * whole * np.arange(1, 5))
    assert feasible[-1] == pytest.approx(whole, rel=5e-3)
    assert np.all(feasible <= offered + 1e-9)


def test_what_the_grid_bears_costs_two_power_flows() -> None:
    power_flow, kw, kvar = three_buses()
    found = feasible_supply(
        power_flow, Offers(np.array([1, 2]), np.array([[1.0, 2.0]]), np.zeros(2)), kw, kvar
    )
    assert found.feasible_kw.tolist() == [[1.0, 2.0]]
    assert (found.reason[0], found.element[0], found.power_flows) == (Reason.NONE, -1, 2)


def test_margins_of_a_day_keep_the_limits_and_add_up() -> None:
    case = low_voltage_day(intervals=4)
    found, feeder = margins_of(case), case.power_flow.feeder
    for share, sign in ((found.provider_up_kw, -1.0), (found.provider_down_kw, 1.0)):
        kw = case.fixed_kw.copy()
        kw[:, case.providers.bus] += sign * share
        excess = limits.excess(feeder, case.power_flow.solve(kw, case.fixed_kvar))
        assert limits.within(excess).all()
    assert found.provider_up_kw.sum(axis=1) == pytest.approx(found.up_kw)
    assert found.provider_down_kw.sum(axis=1) == pytest.approx(found.down_kw)
    assert np.all(found.up_kw <= found.offered_up_kw + 1e-6)
    assert np.all(found.down_kw <= found.offered_down_kw + 1e-6)
    assert np.any(found.up_kw < 0.99 * found.offered_up_kw)
    cut = found.up_kw < 0.999 * found.offered_up_kw
    assert np.all((found.up_reason != Reason.NONE) == cut)


def test_free_reactive_power_never_makes_margins_smaller() -> None:
    case = low_voltage_day(intervals=1)
    found = margins_of(case)
    base = case.providers.base_kvar
    fixed = dataclasses.replace(case.providers, least_kvar=base, most_kvar=base)
    ends = [
        operating_regions(case.power_flow, each, case.fixed_kw, case.fixed_kvar, directions=4)[0]
        for each in (fixed, case.providers)
    ]
    assert ends[1].up_kw >= 0.995 * ends[0].up_kw
    assert ends[1].down_kw >= 0.995 * ends[0].down_kw
    # A cut of the region without reactive power is the margin, seen at the connection point.
    assert ends[0].up_kw == pytest.approx(found.up_kw[0], rel=0.05)


def test_no_power_flow_leaves_no_margin() -> None:
    case = medium_voltage()
    found = margins_of(dataclasses.replace(case, fixed_kw=20.0 * case.fixed_kw))
    assert (found.up_kw[0], found.down_kw[0]) == (0.0, 0.0)
    assert found.up_reason[0] == Reason.NO_POWER_FLOW


def test_both_directions_at_once_are_refused() -> None:
    power_flow, kw, kvar = three_buses()
    offers = Offers(np.array([1, 2]), np.array([[1.0, -1.0]]), np.zeros(1))
    with pytest.raises(ValueError, match=r"ask for each alone; 1 prices for 2 blocks"):
        feasible_supply(power_flow, offers, kw, kvar)


def test_apparent_power_bounds_margins() -> None:
    case = low_voltage_day(intervals=1, size=0.1)
    case = dataclasses.replace(
        case, providers=dataclasses.replace(case.providers, most_kva=np.full((1, 15), 3.0))
    )
    assert margins_of(case).provider_up_kw.max() <= 3.0 + 1e-9
