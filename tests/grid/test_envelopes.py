"""Operating envelopes: published-style reference numbers, corners and sampling, and the market."""

from dataclasses import replace

import numpy as np
import pandapower.networks as pn
import pytest

from cosim.grid.envelopes import OBJECTIVES, Wanted, envelopes, largest_excess
from cosim.grid.limits import TOLERANCE
from cosim.grid.power_flow import PowerFlow
from cosim.grid.validation import Surroundings
from cosim.records import Envelopes
from cosim.scoring.fairness import jain
from cosim.simulation import Policies, play_days
from networks.catalog import load_feeder
from networks.compile import Description, compile_net
from networks.feeder import Feeder
from networks.limits import Limits
from policies.baselines import TimeOfUse, WaterValue
from tests.worlds import small_game, small_world

POLICIES = Policies(leader=TimeOfUse((0, 6, 10, 16, 21), 0.02), followers=WaterValue(0.005))


def given_to_loads(feeder: Feeder, objective: str) -> tuple[Envelopes, Surroundings, PowerFlow]:
    """One prosumer a load bus, loads at 30 %, each may use up to four times its peak."""
    power_flow = PowerFlow(feeder)
    bus = np.flatnonzero(feeder.nominal_load_kw > 0.0)[None]
    around = Surroundings(
        bus=bus,
        kw=0.3 * feeder.nominal_load_kw[None],
        kvar=0.3 * feeder.nominal_load_kvar[None],
        interval_h=1.0,
    )
    most = 4.0 * feeder.nominal_load_kw[bus]
    wanted = Wanted(np.zeros_like(most), most, np.zeros_like(most))
    return envelopes(power_flow, around, wanted, objective=objective), around, power_flow


def shipped_cigre_lv() -> Feeder:
    """The CIGRE low-voltage net with the ratings pandapower ships, limit 1.05 p.u."""
    text = Description("cigre_lv_shipped", "as shipped", "pandapower", True, "dummy ratings")
    return compile_net(pn.create_cigre_network_lv(), text, Limits(0.9, 1.05, 100.0))


@pytest.mark.parametrize(
    ("objective", "expected_mw"), [("max_sum", 9.47), ("proportional", 5.00), ("equal", 3.81)]
)
def test_ieee33_gives_the_reference_sums(objective: str, expected_mw: float) -> None:
    """Measured elsewhere with another implementation: 9.47, 5.00 and 3.81 MW."""
    feeder = load_feeder("ieee33", voltage_max_pu=1.05)
    given, _, _ = given_to_loads(feeder, objective)
    assert given.most_fed_in_kwh.sum() / 1e3 == pytest.approx(expected_mw, abs=0.006)


def test_max_sum_on_ieee33_is_unfair() -> None:
    """Twelve of 32 buses get nothing; Jain 0.59 against 1 for proportional limits, in shares."""
    feeder = load_feeder("ieee33", voltage_max_pu=1.05)
    given, around, _ = given_to_loads(feeder, "max_sum")
    share = given.most_fed_in_kwh[0] / (4.0 * feeder.nominal_load_kw[around.bus[0]])
    assert (share < 1e-6).sum() == 12
    assert jain(share) == pytest.approx(0.59, abs=0.02)  # the optimum is flat


@pytest.mark.parametrize(
    ("objective", "expected_mw"), [("max_sum", 1.17), ("proportional", 0.84), ("equal", 0.33)]
)
def test_cigre_lv_as_shipped_gives_the_reference_sums(objective: str, expected_mw: float) -> None:
    given, _, _ = given_to_loads(shipped_cigre_lv(), objective)
    assert given.most_fed_in_kwh.sum() / 1e3 == pytest.approx(expected_mw, abs=0.006)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_nothing_inside_the_envelopes_breaks_a_limit(objective: str) -> None:
    feeder = load_feeder("ieee33", voltage_max_pu=1.05)
    given, around, power_flow = given_to_loads(feeder, objective)
    worst = largest_excess(
        power_flow, around, given, samples=400, generator=np.random.default_rng(3)
    )
    assert worst <= TOLERANCE
    assert worst > -1e-5  # the corner itself is at a limit: the envelopes are not too small


def test_max_min_lifts_the_smallest_share_and_then_the_others() -> None:
    feeder = load_feeder("ieee33", voltage_max_pu=1.05)
    shares = {}
    for objective in ("proportional", "max_min", "max_sum"):
        given, around, _ = given_to_loads(feeder, objective)
        shares[objective] = given.most_fed_in_kwh[0] / (4.0 * feeder.nominal_load_kw[around.bus[0]])
    room = 1e-4  # what the programmes leave free below a limit
    assert shares["max_min"].min() >= shares["proportional"].min() - room
    assert shares["max_min"].sum() >= shares["proportional"].sum() - room
    assert shares["max_sum"].sum() >= shares["max_min"].sum() - room


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_market_inside_envelopes_leaves_validation_nothing_to_do(objective: str) -> None:
    """Days that break limits without validation: with envelopes every clearing is accepted."""
    world, feeder = small_world(seed=3, scale=6.0)
    game = replace(small_game(world, feeder), envelopes=objective)
    (day,) = play_days(game, world, POLICIES)
    bounded = 0
    for record in day.intervals:
        given, net = record.envelopes, record.clearing.net_kwh
        assert given is not None
        assert np.all(net >= -given.most_fed_in_kwh - 1e-9)
        assert np.all(net <= given.most_drawn_kwh + 1e-9)
        bounded += int(np.any(given.most_fed_in_kwh < -record.orders.minimum_kwh - 1e-9))
        if record.validation.preexisting[0]:
            continue
        np.testing.assert_array_equal(
            record.validation.accepted_kwh, record.clearing.trades.cleared_kwh
        )
    assert bounded > 0


def test_wide_limits_give_everybody_everything() -> None:
    feeder = replace(
        load_feeder("ieee33"),
        voltage_max_pu=np.full(33, 2.0),
        loading_max_percent=np.full(load_feeder("ieee33").branch_count, 1e6),
    )
    for objective in OBJECTIVES:
        given, around, _ = given_to_loads(feeder, objective)
        np.testing.assert_allclose(
            given.most_fed_in_kwh[0], 4.0 * feeder.nominal_load_kw[around.bus[0]]
        )


@pytest.mark.parametrize("objective", ["max_sum", "max_min", "equal", "proportional"])
def test_no_corner_of_the_box_breaks_a_limit_where_feeding_in_meets_drawing(objective: str) -> None:
    """A line that carries one feeder's sun carries more current while another draws deeply."""
    feeder = load_feeder("cigre_mv")
    power_flow = PowerFlow(feeder)
    place = {int(bus): at for at, bus in enumerate(feeder.bus_index)}
    bus = np.array([[place[11], place[10]]])
    around = Surroundings(
        bus, 0.3 * feeder.nominal_load_kw[None], 0.3 * feeder.nominal_load_kvar[None], 1.0
    )
    wanted = Wanted(np.zeros((1, 2)), np.full((1, 2), 9000.0), np.full((1, 2), 9000.0))
    given = envelopes(power_flow, around, wanted, objective=objective)
    worst = largest_excess(
        power_flow, around, given, samples=400, generator=np.random.default_rng(1)
    )
    assert worst <= 1e-9
    assert given.most_fed_in_kwh.sum() > 1000.0
