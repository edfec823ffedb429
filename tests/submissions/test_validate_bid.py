import io
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

from cosim.validate import Answer, validate_bid
from tests.submissions.submitted import town_base, worked_base, worked_bid
from tests.three_bus import three_bus_feeder, three_bus_net


def judged(bid: pd.DataFrame) -> Answer:
    return validate_bid(three_bus_feeder(), worked_base(), bid)


def product(answer: Answer, name: str) -> Any:
    """Return the row of a product of a bid of one interval."""
    rows = answer.verdicts[answer.verdicts["product"] == name]
    assert len(rows) == 1
    return rows.iloc[0]


def highest_voltage(answer: Answer, state: str) -> float:
    """Solve a state of the answer again with pandapower."""
    net = three_bus_net()
    net.load.drop(net.load.index, inplace=True)
    for bus, kw in answer.buses[["bus", f"p_{state}_kw"]].to_numpy():
        pp.create_load(net, int(bus), p_mw=kw / 1e3)
    pp.runpp(net, tolerance_mva=1e-12)
    return float(net.res_bus.vm_pu.max())


def test_a_bid_inside_the_limits_passes_whole() -> None:
    answer = judged(worked_bid(20.0))
    assert answer.accepted
    assert answer.verdicts["product"].tolist() == ["schedule", "up", "down"]
    assert answer.verdicts.asked_kw.tolist() == [-20.0, 20.0, 15.0]
    assert answer.verdicts.feasible_kw.tolist() == [-20.0, 20.0, 15.0]


def test_a_fixed_schedule_beyond_the_limit_is_cut_to_it() -> None:
    answer = judged(worked_bid(80.0))
    schedule = product(answer, "schedule")
    assert (schedule.verdict, schedule.reason, schedule.element) == (
        "curtailed",
        "overvoltage",
        "bus 2",
    )
    assert highest_voltage(answer, "schedule") == pytest.approx(1.05, abs=1e-6)
    assert highest_voltage(answer, "schedule") <= 1.05
    assert schedule.shadow_kwh_per_kwh == pytest.approx(1.0, abs=1e-6)
    assert np.isnan(schedule.shadow_eur_per_kwh)


def test_what_stands_at_the_limit_leaves_nothing_to_offer_upward() -> None:
    answer = judged(worked_bid(80.0))
    up, down = product(answer, "up"), product(answer, "down")
    assert (up.verdict, up.feasible_kw, up.element) == ("rejected", 0.0, "bus 2")
    assert (down.verdict, down.feasible_kw) == ("accepted", 15.0)


def test_up_takes_first_what_costs_the_limit_least() -> None:
    """Just below the limit: bus 1 moves the voltage of bus 2 half as much as bus 2 itself."""
    answer = judged(worked_bid(60.0))
    up = product(answer, "up")
    assert up.verdict == "curtailed"
    feasible = answer.buses.set_index("bus").up_feasible_kw
    assert feasible[1] == pytest.approx(-up.feasible_kw)
    assert feasible[2] == pytest.approx(0.0, abs=1e-6)
    assert highest_voltage(answer, "up") == pytest.approx(1.05, abs=1e-6)


def test_a_schedule_is_moved_before_it_is_cut() -> None:
    answer = judged(worked_bid(80.0, spare_kw=40.0).assign(least_kw=[-40.0, -80.0], most_kw=0.0))
    schedule = product(answer, "schedule")
    assert schedule.verdict == "accepted"
    assert schedule.feasible_kw == pytest.approx(-80.0, abs=1e-6)
    feasible = answer.buses.set_index("bus").schedule_feasible_kw
    assert schedule.moved_kw == pytest.approx(-feasible[1], abs=1e-6)
    assert schedule.moved_kw > 10.0
    assert highest_voltage(answer, "schedule") <= 1.05


def test_ranges_that_do_not_do_are_used_up_and_the_rest_is_cut() -> None:
    fixed = product(judged(worked_bid(120.0)), "schedule")
    partly = judged(worked_bid(120.0, spare_kw=5.0))
    schedule = product(partly, "schedule")
    assert schedule.verdict == "curtailed"
    assert schedule.moved_kw == pytest.approx(5.0, abs=1e-6)
    assert schedule.feasible_kw < fixed.feasible_kw - 1.0  # feeds in more
    assert highest_voltage(partly, "schedule") == pytest.approx(1.05, abs=1e-6)


def test_nobody_is_cut_on_the_other_side_to_keep_a_sum() -> None:
    """Bus 1 draws 20 kW and has no range: its draw is not given up for bus 2's sake."""
    bid = worked_bid(120.0).assign(
        schedule_kw=[20.0, -120.0], least_kw=[20.0, -120.0], most_kw=[20.0, -120.0]
    )
    feasible = judged(bid).buses.set_index("bus").schedule_feasible_kw
    assert feasible[1] == pytest.approx(20.0)
    assert -120.0 < feasible[2] < -60.0


def test_a_price_turns_the_shadow_into_money() -> None:
    answer = judged(worked_bid(80.0).assign(price_eur_per_kwh=0.07))
    np.testing.assert_allclose(
        answer.verdicts.shadow_eur_per_kwh, 0.07 * answer.verdicts.shadow_kwh_per_kwh
    )


def test_a_schedule_without_a_power_flow_is_cut_to_what_has_one() -> None:
    bid = worked_bid(0.0).assign(
        schedule_kw=[0.0, 5000.0], least_kw=[0.0, 0.0], most_kw=[0.0, 5000.0]
    )
    answer = judged(bid)
    schedule = product(answer, "schedule")
    assert schedule.verdict == "curtailed"
    assert 50.0 < schedule.feasible_kw < 1000.0
    assert not answer.worse


def test_every_interval_and_product_of_a_town_keeps_the_limits() -> None:
    random = np.random.default_rng(3)
    base = town_base(np.linspace(0.1, 0.9, 6))
    buses = base.bus.unique()
    count = 6 * len(buses)
    schedule = random.uniform(-110.0, 15.0, count)
    bid = pd.DataFrame(
        {
            "interval": np.repeat(np.arange(6), len(buses)),
            "bus": np.tile(buses, 6),
            "schedule_kw": schedule,
            "up_kw": random.uniform(0.0, 20.0, count),
            "down_kw": random.uniform(0.0, 20.0, count),
            "least_kw": schedule - 10.0,
            "most_kw": schedule + 10.0,
        }
    )
    answer = validate_bid("cigre_lv", base, bid)
    assert not answer.summary.secure_asked.all()
    for state in ("schedule", "up", "down"):
        assert answer.summary[f"secure_{state}"].all()
    up = answer.verdicts[answer.verdicts["product"] != "schedule"]
    assert (up.feasible_kw <= up.asked_kw + 1e-9).all()
    assert (up.feasible_kw >= 0.0).all()
    assert set(answer.verdicts.verdict) >= {"accepted", "curtailed"}
    cut = answer.verdicts[answer.verdicts.verdict != "accepted"]
    assert (cut.element != "").all()


@pytest.mark.parametrize(("drawn_kw", "fed_kw"), [(110, 110), (108, 110), (100, 110), (110, 100)])
def test_a_sum_of_both_signs_is_never_turned_around(drawn_kw: float, fed_kw: float) -> None:
    """One participant draws, another feeds in more than its line bears; neither can be moved."""
    base = pd.read_csv(io.StringIO(PAGE_BASE))
    bid = pd.DataFrame(
        {
            "interval": 0,
            "bus": [36, 43],
            "schedule_kw": [drawn_kw, -fed_kw],
            "up_kw": 0.0,
            "down_kw": 0.0,
        }
    )
    answer = validate_bid("cigre_lv", base, bid)
    left = float(answer.verdicts.query("product == 'schedule'").feasible_kw.iloc[0])
    asked = drawn_kw - fed_kw
    assert min(asked, 0) - 1e-6 <= left <= max(asked, 0) + 1e-6


PAGE_BASE = "interval,bus,p_kw,q_kvar\n0,2,60,20\n0,12,10,3\n0,36,9,2\n0,43,4,1\n"
