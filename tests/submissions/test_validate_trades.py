import copy
import time

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

from cosim.grid.validation import RULES
from cosim.validate import Answer, validate_trades
from networks.catalog import build_net
from tests.submissions.submitted import (
    town_base,
    town_trades,
    worked_base,
    worked_trades,
)
from tests.three_bus import three_bus_feeder


def worked(rule: str = "optimal") -> Answer:
    return validate_trades(three_bus_feeder(), worked_base(), worked_trades(), rule=rule)


def test_the_worked_example_comes_out_as_its_page_says() -> None:
    """docs/verdicts.md, number by number."""
    answer = worked()
    verdicts = answer.verdicts
    np.testing.assert_allclose(verdicts.accepted_kw, [12.0, 4.0, 8.0, 10.0, 41.9324], atol=1e-4)
    assert verdicts.verdict.tolist() == [*["accepted"] * 4, "curtailed"]
    assert verdicts.reason.tolist() == ["", "", "", "", "overvoltage"]
    assert verdicts.element.tolist() == ["", "", "", "", "bus 2"]
    assert verdicts.buyer_bus.tolist() == ["1", "2", "2", "1", "grid"]
    np.testing.assert_allclose(
        answer.buses.vm_accepted_pu, [1.0, 1.019584, 1.05], rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(answer.buses.vm_asked_pu, [1.0, 1.021419, 1.053655], atol=1e-6)
    np.testing.assert_allclose(answer.buses.vm_base_pu, [1.0, 0.991929, 0.989908], atol=1e-6)
    np.testing.assert_allclose(
        answer.branches.loading_accepted_percent, [21.015, 32.550], atol=1e-3
    )
    np.testing.assert_allclose(answer.buses.voltage_eur_per_kwh, [0.0, -0.041507, -0.08], atol=1e-6)
    # Charges of the page are those of a quarter of an hour; A to C pays nothing.
    np.testing.assert_allclose(
        verdicts.usage_charge_eur_per_h * 0.25,
        [0.115478, 0.0, 0.0, 0.096232, 0.838648],
        atol=2e-6,
    )
    interval = answer.summary.iloc[0]
    assert interval.value_asked_eur_per_h * 0.25 == pytest.approx(3.095)
    assert interval.value_kept_eur_per_h * 0.25 == pytest.approx(3.013648, abs=2e-6)
    assert (interval.secure_base, interval.secure_asked, interval.secure_accepted) == (1, 0, 1)
    assert interval.broken_asked == "bus 2 1.0537 p.u."
    share = np.array([1.0, 1.0, 1.0, 1.0, 41.932339 / 46.0])
    assert interval.jain_accepted == pytest.approx(share.sum() ** 2 / (5 * share @ share))
    assert not answer.accepted


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_keeps_the_limits_and_none_tells_that_it_does_not(rule: str) -> None:
    answer = worked(rule)
    kept = float(answer.summary.value_kept_eur_per_h.iloc[0])
    assert not answer.accepted
    if rule == "none":
        assert answer.worse
        assert (answer.verdicts.verdict == "accepted").all()
        return
    assert not answer.worse
    assert answer.summary.secure_accepted.all()
    assert kept <= float(worked().summary.value_kept_eur_per_h.iloc[0]) + 1e-4


def test_a_town_solves_again_with_pandapower_and_the_named_limit_binds() -> None:
    trades = town_trades(6, 20, 60.0)
    answer = validate_trades("cigre_lv", town_base(np.linspace(0.1, 0.8, 6)), trades)
    cut = answer.verdicts[answer.verdicts.verdict == "curtailed"]
    assert len(cut) >= 3
    assert not answer.summary.secure_asked.all()
    assert answer.summary.secure_accepted.all()
    net = build_net("cigre_lv")
    net.load.drop(net.load.index, inplace=True)
    for interval in range(6):
        again = copy.deepcopy(net)
        buses = answer.buses[answer.buses.interval == interval]
        for bus, kw, kvar in buses[["bus", "p_accepted_kw", "q_kvar"]].to_numpy():
            pp.create_load(again, int(bus), p_mw=kw / 1e3, q_mvar=kvar / 1e3)
        pp.runpp(again, tolerance_mva=1e-10)
        voltage = again.res_bus.vm_pu.loc[buses.bus].to_numpy()
        np.testing.assert_allclose(voltage, buses.vm_accepted_pu, atol=1e-8)
        assert voltage.max() <= 1.1 + 1e-8
        assert voltage.min() >= 0.9 - 1e-8
        assert max(again.res_line.loading_percent.max(), again.res_trafo.loading_percent.max()) <= (
            100.0 + 1e-5
        )
        for element in cut[cut.interval == interval].element:
            kind, number = element.split()
            if kind == "bus":
                found = again.res_bus.vm_pu.loc[int(number)]
                assert min(abs(found - 1.1), abs(found - 0.9)) < 1e-6
            else:
                table = again.res_line if kind == "line" else again.res_trafo
                assert table.loading_percent.loc[int(number)] == pytest.approx(100.0, abs=1e-3)


def test_powers_add_up_at_every_bus() -> None:
    """Accepted state = base - sold + bought, the firm part being in the base already."""
    answer = worked()
    sold = float(answer.verdicts.accepted_kw.sum())
    drawn = answer.buses.set_index("bus").p_accepted_kw
    assert drawn[1] == pytest.approx(12.0 + 10.0)
    assert drawn[2] == pytest.approx(4.0 + 8.0 - sold)


def test_the_order_of_rows_does_not_matter() -> None:
    trades = town_trades(3, 15, 60.0, seed=4)
    base = town_base(np.full(3, 0.3))
    first = validate_trades("cigre_lv", base, trades).verdicts
    mixed = trades.sample(frac=1.0, random_state=1)
    second = validate_trades("cigre_lv", base.sample(frac=1.0, random_state=2), mixed).verdicts
    assert second.trade.tolist() == mixed.trade.astype(str).tolist()
    keys = ["interval", "trade"]
    pd.testing.assert_frame_equal(
        first.sort_values(keys, ignore_index=True), second.sort_values(keys, ignore_index=True)
    )


def test_without_prices_every_kwh_counts_alike_and_no_column_speaks_of_money() -> None:
    trades = worked_trades().drop(columns=["bid_eur_per_kwh", "ask_eur_per_kwh"])
    answer = validate_trades(three_bus_feeder(), worked_base(), trades)
    for table in (answer.verdicts, answer.buses, answer.summary):
        assert not [name for name in table.columns if "eur" in name]
    shadow = answer.verdicts.shadow_kwh_per_kwh[answer.verdicts.verdict == "curtailed"]
    np.testing.assert_allclose(shadow, 1.0, atol=1e-9)
    asked, kept = (answer.summary[f"value_{w}_kwh_per_h"].iloc[0] for w in ("asked", "kept"))
    assert asked == pytest.approx(80.0)
    assert kept == pytest.approx(float(answer.verdicts.accepted_kw.sum()))


def test_a_price_of_energy_prices_losses() -> None:
    answer = validate_trades(
        three_bus_feeder(), worked_base(), worked_trades(), energy_eur_per_kwh=0.08
    )
    assert np.all(answer.buses.loss_eur_per_kwh.iloc[1:] != 0.0)
    assert np.all(worked().buses.loss_eur_per_kwh == 0.0)
    rate = answer.verdicts.usage_charge_eur_per_h / answer.verdicts.accepted_kw
    ends = {
        end: sum(
            answer.verdicts[f"{end}_{part}_eur_per_kwh"]
            for part in ("loss", "voltage", "congestion")
        )
        for end in ("seller", "buyer")
    }
    np.testing.assert_allclose(rate, ends["buyer"] - ends["seller"], atol=1e-12)


def test_a_base_case_that_breaks_a_limit_is_told_and_not_made_worse() -> None:
    """cigre_lv at 1.3 times its nominal load: undervoltage and overload without any trade."""
    answer = validate_trades("cigre_lv", town_base(np.array([1.3])), town_trades(1, 20, 30.0))
    interval = answer.summary.iloc[0]
    assert not interval.secure_base
    assert "p.u." in interval.broken_base or "%" in interval.broken_base
    assert not answer.worse
    line = answer.branches
    over = np.maximum(line.loading_base_percent, line.loading_max_percent)
    assert (line.loading_accepted_percent <= over + 1e-5).all()


def test_a_trade_without_a_power_flow_is_refused_with_that_reason() -> None:
    trades = pd.DataFrame(
        {"trade": ["x"], "seller_bus": ["grid"], "buyer_bus": [2], "power_kw": [5000.0]}
    )
    answer = validate_trades(three_bus_feeder(), worked_base(), trades)
    assert answer.summary.broken_asked.iloc[0] == "no power flow"
    assert answer.verdicts.verdict.iloc[0] == "curtailed"  # a part of it is possible
    assert answer.summary.secure_accepted.all()
    assert answer.buses.vm_asked_pu.isna().all()


def test_trades_below_their_ask_and_intervals_without_trades_are_noted() -> None:
    trades = worked_trades().assign(interval=1, ask_eur_per_kwh=[0.5, 0.0, 0.0, 0.0, 0.0])
    base = pd.concat([worked_base().assign(interval=t) for t in range(3)])
    answer = validate_trades(three_bus_feeder(), base, trades)
    assert any("1 trades bid below their ask (the first in row 2)" in n for n in answer.notes)
    assert any("2 of 3 intervals of the base case have no trades" in note for note in answer.notes)
    assert answer.summary.interval.tolist() == [1]


def test_firm_trades_beyond_the_base_case_are_noted() -> None:
    base = worked_base().assign(p_kw=[3.0, 4.0])
    notes = validate_trades(three_bus_feeder(), base, worked_trades()).notes
    assert any("firm trades draw more than the base case" in note for note in notes)


def test_secure_trades_are_judged_many_at_a_time() -> None:
    """A hundred thousand trades in four thousand intervals: far from a solve a trade."""
    trades = town_trades(4000, 25, 0.2)
    base = town_base(np.full(4000, 0.3))
    started = time.process_time()
    answer = validate_trades("cigre_lv", base, trades)
    assert answer.accepted
    assert len(answer.verdicts) == 100_000
    # One pandapower solve a trade would take a thousand seconds; leave room for slow machines.
    assert time.process_time() - started < 60.0


def test_too_many_trades_to_order_are_refused_with_a_reason() -> None:
    from cosim.errors import SubmissionError

    trades = town_trades(1, 5000, 1.0)
    with pytest.raises(SubmissionError, match="the rule merit puts 4000 in order at the most"):
        validate_trades("cigre_lv", town_base(np.array([0.2])), trades, rule="merit")
